//! Making shares, in one group.

use std::fmt;
use std::str::FromStr;

use ov_seal::entropy::Entropy;

use super::cipher;
use super::polynomial::points;
use super::share::{Header, Kind, Share};

const SHARES_MAX: u8 = 16;

/// How many shares are made, and how many of them restore the secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Split {
    needed: u8,
    made: u8,
}

/// A splitting that is not possible.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "a splitting is written like 3-of-5: at least 2 shares are needed, at most {SHARES_MAX} are made"
)]
pub struct SplitError;

impl Split {
    /// `needed` of `made` shares: 2 ≤ needed ≤ made ≤ 16. One of several would be the secret
    /// itself, copied.
    pub fn new(needed: u8, made: u8) -> Result<Self, SplitError> {
        match 2 <= needed && needed <= made && made <= SHARES_MAX {
            true => Ok(Self { needed, made }),
            false => Err(SplitError),
        }
    }

    /// How many restore the secret.
    pub fn needed(self) -> u8 {
        self.needed
    }

    /// How many there are.
    pub fn made(self) -> u8 {
        self.made
    }
}

impl FromStr for Split {
    type Err = SplitError;

    fn from_str(text: &str) -> Result<Self, SplitError> {
        let (needed, made) = text.split_once("-of-").ok_or(SplitError)?;
        let number = |digits: &str| digits.parse().map_err(|_| SplitError);
        Self::new(number(needed)?, number(made)?)
    }
}

impl fmt::Display for Split {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-of-{}", self.needed, self.made)
    }
}

/// Splits a secret of 16 to 64 bytes, an even number, without a passphrase. Every splitting has
/// an identifier of its own, so that shares of two are told apart.
pub fn split(secret: &[u8], split: Split, entropy: &dyn Entropy) -> Vec<Share> {
    let header = Header {
        identifier: identifier(entropy),
        kind: Kind::Extendable,
        exponent: 0,
        groups_needed: 1,
        groups: 1,
    };
    let salt = header.salt();
    let sealed = cipher::encrypt(secret, header.settings(&salt, b""));
    let points = points(&sealed, split.needed, split.made, entropy);
    points
        .into_iter()
        .map(|point| Share {
            header,
            group: 0,
            member: point.x,
            needed: split.needed,
            value: point.y,
        })
        .collect()
}

fn identifier(entropy: &dyn Entropy) -> u16 {
    let mut bytes = [0; 2];
    entropy.fill(&mut bytes);
    u16::from_be_bytes(bytes) & 0x7fff
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splittings_are_read_as_they_are_shown_and_bad_ones_refused() {
        let split: Split = "3-of-5".parse().unwrap();
        assert_eq!((split.needed(), split.made()), (3, 5));
        assert_eq!(split.to_string(), "3-of-5");
        for bad in [
            "", "3", "1-of-5", "6-of-5", "2-of-17", "3/5", "0-of-0", "-1-of-2", "3-of-5-",
        ] {
            assert_eq!(bad.parse::<Split>(), Err(SplitError), "{bad}");
        }
    }
}
