//! A size as people write it: `500M`.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

const UNITS: [(&str, u32); 4] = [("T", 40), ("G", 30), ("M", 20), ("K", 10)];

/// A size in bytes, as the options of `backup` take it: a whole number with K, M, G or T of 1024,
/// 1024², 1024³ or 1024⁴ bytes, or nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Size {
    /// Bytes.
    pub bytes: u64,
}

/// Why a text is no size.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{0:?} is no size: write a whole number with K, M, G or T, like 500M")]
pub struct SizeError(String);

impl FromStr for Size {
    type Err = SizeError;

    fn from_str(text: &str) -> Result<Self, SizeError> {
        let wrong = || SizeError(text.into());
        let digits = text.find(|c: char| !c.is_ascii_digit());
        let (number, unit) = text.split_at(digits.unwrap_or(text.len()));
        let shift = match unit {
            "" => 0,
            unit => {
                let known = UNITS
                    .iter()
                    .find(|(name, _)| unit.eq_ignore_ascii_case(name));
                known.ok_or_else(wrong)?.1
            }
        };
        let number: u64 = number.parse().map_err(|_| wrong())?;
        let bytes = number.checked_mul(1 << shift).ok_or_else(wrong)?;
        Ok(Self { bytes })
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let exact =
            |(_, shift): &&(&str, u32)| self.bytes > 0 && self.bytes.is_multiple_of(1 << shift);
        match UNITS.iter().find(exact) {
            Some((name, shift)) => write!(f, "{}{name}", self.bytes >> shift),
            None => write!(f, "{}", self.bytes),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn sizes_are_read_with_their_units_and_anything_else_is_refused() {
        for (text, bytes) in [("0", 0), ("512", 512), ("2k", 2_048), ("500M", 500 << 20)] {
            assert_eq!(text.parse::<Size>().unwrap().bytes, bytes);
        }
        for bad in ["", "M", "-1", "1.5G", "1X", "99999999999T"] {
            assert!(bad.parse::<Size>().is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_as_the_same(bytes: u64) {
            let size = Size { bytes };
            prop_assert_eq!(size.to_string().parse::<Size>().unwrap(), size);
        }
    }
}
