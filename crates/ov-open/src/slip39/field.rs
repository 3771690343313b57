//! GF(256): bytes as polynomials over GF(2) modulo x^8 + x^4 + x^3 + x + 1 (SLIP-0039, FIPS 197).
//!
//! There are no tables and no branches: neither time nor memory accesses depend on the values.

/// The modulus without its highest term.
const MODULUS: u8 = 0x1b;

/// The product.
pub(super) fn multiply(a: u8, b: u8) -> u8 {
    let (mut term, mut product) = (a, 0);
    for bit in 0..8 {
        product ^= term & mask(b >> bit);
        term = (term << 1) ^ (MODULUS & mask(term >> 7));
    }
    product
}

/// The inverse, a^254; 0 for 0.
pub(super) fn inverse(a: u8) -> u8 {
    // 254 is binary 1111 1110: square seven times, and multiply in every square.
    let (mut square, mut product) = (a, 1);
    for _ in 0..7 {
        square = multiply(square, square);
        product = multiply(product, square);
    }
    product
}

/// All ones where the lowest bit is set, else zero.
fn mask(bit: u8) -> u8 {
    std::hint::black_box(bit & 1).wrapping_neg()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// FIPS 197, section 4.2.
    #[test]
    fn products_are_those_of_the_aes_standard() {
        assert_eq!(multiply(0x57, 0x83), 0xc1);
        assert_eq!(multiply(0x57, 0x13), 0xfe);
        assert_eq!(inverse(0x53), 0xca);
    }

    #[test]
    fn it_is_a_field() {
        for a in 0..=255 {
            assert_eq!(multiply(a, 1), a);
            assert_eq!(multiply(a, 0), 0);
            assert_eq!(multiply(a, inverse(a)), u8::from(a != 0));
            for b in 0..=255 {
                assert_eq!(multiply(a, b), multiply(b, a));
                let sum = multiply(a, b ^ 0x35);
                assert_eq!(sum, multiply(a, b) ^ multiply(a, 0x35));
            }
        }
    }
}
