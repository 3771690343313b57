//! The passphrase of the standard: four Feistel rounds with PBKDF2 over the whole secret. Without
//! a passphrase it is a fixed shuffle that anybody can undo.

use sha2::Sha256;
use zeroize::Zeroizing;

const ROUNDS: u8 = 4;
/// PBKDF2 rounds of one Feistel round, before they are doubled `exponent` times.
const ITERATIONS: u32 = 2_500;

/// What a share says about the cipher.
#[derive(Clone, Copy)]
pub(super) struct Settings<'a> {
    /// What goes before each half into the salt.
    pub(super) salt: &'a [u8],
    /// How often the iterations double; at most 15.
    pub(super) exponent: u8,
    pub(super) passphrase: &'a [u8],
}

/// The secret, of even length, as it is split.
pub(super) fn encrypt(secret: &[u8], settings: Settings<'_>) -> Zeroizing<Vec<u8>> {
    feistel(secret, 0..ROUNDS, settings)
}

/// Undoes [`encrypt`].
pub(super) fn decrypt(sealed: &[u8], settings: Settings<'_>) -> Zeroizing<Vec<u8>> {
    feistel(sealed, (0..ROUNDS).rev(), settings)
}

fn feistel(
    input: &[u8],
    rounds: impl Iterator<Item = u8>,
    settings: Settings<'_>,
) -> Zeroizing<Vec<u8>> {
    let (left, right) = input.split_at(input.len() / 2);
    let mut left = Zeroizing::new(left.to_vec());
    let mut right = Zeroizing::new(right.to_vec());
    for round in rounds {
        let mask = mask(round, &right, settings);
        left.iter_mut().zip(&*mask).for_each(|(l, m)| *l ^= m);
        std::mem::swap(&mut left, &mut right);
    }
    Zeroizing::new([&right[..], &left[..]].concat())
}

fn mask(round: u8, half: &[u8], settings: Settings<'_>) -> Zeroizing<Vec<u8>> {
    let password = Zeroizing::new([&[round][..], settings.passphrase].concat());
    let salt = Zeroizing::new([settings.salt, half].concat());
    let mut out = Zeroizing::new(vec![0; half.len()]);
    let iterations = ITERATIONS << settings.exponent.min(15);
    pbkdf2::pbkdf2_hmac::<Sha256>(&password, &salt, iterations, &mut out);
    out
}
