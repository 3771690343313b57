//! The name of a dataset or a copy.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

const BYTES_MAX: usize = 64;

/// A name that may stand in file names, units, metrics and messages as it is: 1 to 64 letters,
/// digits, `.`, `_` and `-`, the first a letter or digit.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name(String);

/// Why a text is no name.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error(
    "{0:?} is no name: use 1 to 64 letters, digits, dots, underscores and dashes, the first a \
     letter or digit"
)]
pub struct NameError(String);

impl Name {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Name {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        let sound = text.starts_with(|c: char| c.is_ascii_alphanumeric())
            && text.len() <= BYTES_MAX
            && text.chars().all(plain);
        match sound {
            true => Ok(Self(text.into())),
            false => Err(NameError(text.into())),
        }
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_safe_in_every_place() {
        for good in ["tps-plans", "a", "2026.genomes_1"] {
            assert_eq!(good.parse::<Name>().unwrap().as_str(), good);
        }
        for bad in ["", "-x", "../x", "a b", "a/b", "ä", "a\n", &"x".repeat(65)] {
            assert!(bad.parse::<Name>().is_err(), "{bad:?}");
        }
    }
}
