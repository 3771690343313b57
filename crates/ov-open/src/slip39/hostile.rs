//! Shares that say anything, with right checksums: a fuzz target.

use super::checksum::checksum;
use super::{Share, combine, words};

const WORDS: usize = 17;

/// A share of 20 words with any head and value.
fn share(input: &[u8]) -> Result<Share, super::ShareError> {
    let pairs = input.chunks_exact(2).take(WORDS);
    let mut numbers: Vec<u16> = pairs
        .map(|pair| u16::from_le_bytes([pair[0], pair[1]]) % 1024)
        .collect();
    numbers.resize(WORDS, 0);
    // No stretching of a passphrase, which would only take time; and no padding.
    numbers[1] &= !0xf;
    numbers[4] &= 0xff;
    let label: &[u8] = match numbers[1] & 0x10 {
        0 => b"shamir",
        _ => b"shamir_extendable",
    };
    numbers.extend(checksum(label, &numbers));
    let words: Vec<&str> = numbers.into_iter().map(words::word).collect();
    Share::parse(&words.join(" "))
}

#[test]
fn no_set_of_shares_breaks_what_combines_them() {
    bolero::check!().for_each(|input: &[u8]| {
        let mut shares = Vec::new();
        for input in input.chunks(2 * WORDS).take(4) {
            let Ok(share) = share(input) else { continue };
            assert_eq!(Share::parse(&share.words().join(" ")).as_ref(), Ok(&share));
            shares.push(share);
        }
        match combine(&shares, b"") {
            Ok(secret) => assert_eq!(secret.len(), 16),
            Err(error) => assert!(!error.to_string().is_empty()),
        }
    });
}
