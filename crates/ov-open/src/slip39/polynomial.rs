//! Shamir's scheme: a secret as the value of random polynomials at one place, shares as others.

use hmac::{Hmac, KeyInit, Mac};
use ov_seal::entropy::Entropy;
use sha2::Sha256;
use zeroize::Zeroizing;

use super::field::{inverse, multiply};

/// Where the secret lies.
const SECRET: u8 = 255;
/// Where the digest of the secret lies, and the random bytes that key it.
const DIGEST: u8 = 254;
const DIGEST_BYTES: usize = 4;

/// The value of the polynomials at one place, a byte for each.
pub(super) struct Point {
    pub(super) x: u8,
    pub(super) y: Zeroizing<Vec<u8>>,
}

/// The digest does not fit: the points are not of one polynomial.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct WrongDigest;

/// Points at 0, 1 … of which `needed` give the secret back. Both counts are at least 1, at most
/// 16; `needed` is not more than `made`.
pub(super) fn points(secret: &[u8], needed: u8, made: u8, entropy: &dyn Entropy) -> Vec<Point> {
    if needed == 1 {
        return (0..made).map(|x| point(x, secret)).collect();
    }
    let free = needed - 2;
    let mut base: Vec<Point> = (0..free)
        .map(|x| Point {
            x,
            y: random(secret.len(), entropy),
        })
        .collect();
    base.push(Point {
        x: DIGEST,
        y: digest_with_key(secret, entropy),
    });
    base.push(point(SECRET, secret));
    let others: Vec<Point> = (free..made)
        .map(|x| Point {
            x,
            y: value_at(&base, x),
        })
        .collect();
    base.truncate(usize::from(free));
    base.extend(others);
    base
}

/// The secret behind at least `needed` points at different places, of equal lengths.
pub(super) fn secret(points: &[Point], needed: u8) -> Result<Zeroizing<Vec<u8>>, WrongDigest> {
    let secret = value_at(points, SECRET);
    if needed == 1 {
        return Ok(secret);
    }
    let stored = value_at(points, DIGEST);
    let (digest, key) = stored.split_at_checked(DIGEST_BYTES).ok_or(WrongDigest)?;
    keyed(key, &secret)
        .verify_truncated_left(digest)
        .map_err(|_| WrongDigest)?;
    Ok(secret)
}

/// The value at `x` of the polynomials of least degree through `points` (Lagrange). Places are
/// public; values are not.
pub(super) fn value_at(points: &[Point], x: u8) -> Zeroizing<Vec<u8>> {
    let length = points.first().map_or(0, |point| point.y.len());
    let mut sum = Zeroizing::new(vec![0; length]);
    for (at, point) in points.iter().enumerate() {
        let others = points.iter().enumerate().filter(|(other, _)| *other != at);
        let basis = others.fold(1, |basis, (_, other)| {
            let part = multiply(x ^ other.x, inverse(point.x ^ other.x));
            multiply(basis, part)
        });
        for (sum, value) in sum.iter_mut().zip(&*point.y) {
            *sum ^= multiply(basis, *value);
        }
    }
    sum
}

fn point(x: u8, value: &[u8]) -> Point {
    Point {
        x,
        y: Zeroizing::new(value.to_vec()),
    }
}

fn random(length: usize, entropy: &dyn Entropy) -> Zeroizing<Vec<u8>> {
    let mut bytes = Zeroizing::new(vec![0; length]);
    entropy.fill(&mut bytes);
    bytes
}

fn digest_with_key(secret: &[u8], entropy: &dyn Entropy) -> Zeroizing<Vec<u8>> {
    let mut value = random(secret.len(), entropy);
    let (digest, key) = value.split_at_mut(DIGEST_BYTES.min(secret.len()));
    let full = Zeroizing::new(<[u8; 32]>::from(keyed(key, secret).finalize().into_bytes()));
    digest.copy_from_slice(&full[..digest.len()]);
    value
}

fn keyed(key: &[u8], message: &[u8]) -> Hmac<Sha256> {
    let mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
    mac.chain_update(message)
}

#[cfg(test)]
mod tests {
    use ov_seal::entropy::SeededEntropy;
    use proptest::collection::vec;
    use proptest::prelude::*;
    use proptest::sample::{Index, subsequence};

    use super::*;

    fn some(points: &[Point], which: &[usize]) -> Vec<Point> {
        which
            .iter()
            .map(|&at| point(points[at].x, &points[at].y))
            .collect()
    }

    /// How many are needed, how many made, and which are at hand.
    fn enough() -> impl Strategy<Value = (u8, u8, Vec<usize>)> {
        (1..=16_u8).prop_flat_map(|made| {
            (1..=made).prop_flat_map(move |needed| {
                let all: Vec<usize> = (0..usize::from(made)).collect();
                let which = subsequence(all, usize::from(needed)..=usize::from(made));
                which.prop_map(move |which| (needed, made, which))
            })
        })
    }

    proptest! {
        #[test]
        fn any_points_that_are_enough_give_the_secret_back(
            (needed, made, which) in enough(), bytes in vec(any::<u8>(), 16..40), seed: u64,
        ) {
            let made = points(&bytes, needed, made, &SeededEntropy::new(seed));
            let found = secret(&some(&made, &which), needed);
            prop_assert_eq!(found.as_deref(), Ok(&bytes));
        }

        /// Whatever the secret is thought to be, a polynomial of the right degree goes through it
        /// and through the points at hand: they exclude none. (The digest is looked at apart.)
        #[test]
        fn fewer_points_than_needed_fit_every_secret(
            needed in 2..=16_u8, thought in vec(any::<u8>(), 32), seed: u64, last: Index,
        ) {
            let made = points(&[7; 32], needed, 16, &SeededEntropy::new(seed));
            let skipped = last.index(16);
            let fewer: Vec<usize> = (0..16).filter(|&at| at != skipped)
                .take(usize::from(needed) - 1).collect();
            let mut through = some(&made, &fewer);
            through.push(point(SECRET, &thought));
            for (at, known) in fewer.iter().enumerate() {
                prop_assert_eq!(&*value_at(&through, through[at].x), &*made[*known].y);
            }
            prop_assert_eq!(&*value_at(&through, SECRET), &thought);
        }

        #[test]
        fn a_changed_point_is_noticed(needed in 2..=8_u8, at in 0..8_usize, byte in 0..32_usize,
            flip in 1..=255_u8, seed: u64)
        {
            let mut made = points(&[9; 32], needed, 8, &SeededEntropy::new(seed));
            made[at].y[byte] ^= flip;
            let from = at.min(8 - usize::from(needed));
            let used = &made[from..from + usize::from(needed)];
            prop_assert_eq!(secret(used, needed).err(), Some(WrongDigest));
        }
    }

    /// The largest share of a byte's values over many splits, against what chance gives: what is
    /// seen without enough points looks the same for any secret.
    #[test]
    fn each_byte_of_too_few_points_is_spread_evenly_whatever_the_secret() {
        for bytes in [[0; 32], [0xff; 32], [b'a'; 32]] {
            for at in [0, 1, 4] {
                let mut seen = [0_u32; 256];
                for seed in 0..2_000 {
                    let made = points(&bytes, 3, 5, &SeededEntropy::new(seed));
                    made[at]
                        .y
                        .iter()
                        .for_each(|&byte| seen[usize::from(byte)] += 1);
                }
                // 64 000 bytes: 250 of each value are expected. For 255 degrees of freedom a sum
                // beyond 370 comes once in a million.
                let sum: f64 = seen
                    .iter()
                    .map(|&n| (f64::from(n) - 250.0).powi(2) / 250.0)
                    .sum();
                assert!(sum < 370.0, "share {at}: {sum}");
            }
        }
    }
}
