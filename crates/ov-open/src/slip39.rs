//! SLIP-0039: a secret split into shares of words, of which so many restore it and fewer do not.
//!
//! Own code, after the standard of SatoshiLabs, checked with its vectors. Shares are made in one
//! group; sets of several groups are read, too. A secret stays valid whatever was typed: what
//! takes secret values does so in a time that does not depend on them, but for the list of words.
//!
//! What `k - 1` shares tell: the standard puts 32 bits of a keyed digest of the secret beside it,
//! so that wrong shares are noticed. Somebody with one share too few could rule out guesses with
//! it; of 2^256 secrets 2^224 remain, all alike. With two too few nothing can be ruled out.

mod checksum;
mod cipher;
mod field;
#[cfg(test)]
mod hostile;
mod polynomial;
mod set;
mod share;
mod split;
#[cfg(test)]
mod vectors;
mod words;

pub use set::{GroupState, SetError, combine};
pub use share::{Share, ShareError};
pub use split::{Split, SplitError, split};
pub(crate) use words::is_word;
