//! A length of clock time as people write it: `90s`, `15min`, `4h`, `1h30min`, `2d`, `1w`.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

/// What is written, with its seconds; the largest unit first.
const UNITS: [(&str, u64); 5] = [
    ("w", 604_800),
    ("d", 86_400),
    ("h", 3_600),
    ("min", 60),
    ("s", 1),
];

/// Ten years: longer than anything waits.
const SECONDS_MAX: u64 = 3_660 * 86_400;

/// A length of clock time, from one second to ten years. A day has 24 hours.
///
/// A bare `m` is refused: elsewhere it means months ([`crate::Span`]).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Period {
    seconds: u32,
}

/// Why a text is no period.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum PeriodError {
    /// No number followed by a unit.
    #[error("'{0}' is no length of time: write for example 90s, 15min, 4h, 2d or 1w")]
    Shape(String),
    /// `m`.
    #[error("the m in '{0}' may be minutes or months: write min for minutes")]
    Minutes(String),
    /// Another unit.
    #[error("'{unit}' in '{text}' is no unit: use s, min, h, d or w")]
    Unit {
        /// The whole text.
        text: String,
        /// What stands in place of a unit.
        unit: String,
    },
    /// Nothing, or beyond ten years.
    #[error("'{0}' is not between one second and ten years")]
    Range(String),
}

impl Period {
    /// So many minutes.
    pub const fn from_minutes(minutes: u16) -> Self {
        Self::of(minutes as u32 * 60)
    }

    /// So many hours.
    pub const fn from_hours(hours: u16) -> Self {
        Self::of(hours as u32 * 3_600)
    }

    /// So many days, at most 3660.
    pub const fn from_days(days: u16) -> Self {
        let days = if days > 3_660 { 3_660 } else { days };
        Self::of(days as u32 * 86_400)
    }

    /// At least a second.
    const fn of(seconds: u32) -> Self {
        Self {
            seconds: if seconds == 0 { 1 } else { seconds },
        }
    }

    /// Its length in seconds: from 1 to ten years.
    pub const fn seconds(self) -> i64 {
        self.seconds as i64
    }

    /// As the standard library has it.
    pub const fn to_std(self) -> std::time::Duration {
        std::time::Duration::from_secs(self.seconds as u64)
    }
}

impl FromStr for Period {
    type Err = PeriodError;

    fn from_str(text: &str) -> Result<Self, PeriodError> {
        let mut rest = text.trim();
        let range = || PeriodError::Range(text.into());
        if rest.is_empty() {
            return Err(PeriodError::Shape(text.into()));
        }
        let mut seconds = 0_u64;
        while !rest.is_empty() {
            let digits = rest.find(|c: char| !c.is_ascii_digit());
            let Some(digits @ 1..) = digits else {
                return Err(PeriodError::Shape(text.into()));
            };
            let (number, behind) = rest.split_at(digits);
            let end = behind.find(|c: char| c.is_ascii_digit());
            let (unit, behind) = behind.split_at(end.unwrap_or(behind.len()));
            let number: u64 = number.parse().map_err(|_| range())?;
            let more = number.checked_mul(unit_seconds(unit.trim(), text)?);
            seconds = more
                .and_then(|more| seconds.checked_add(more))
                .ok_or_else(range)?;
            rest = behind;
        }
        match u32::try_from(seconds) {
            Ok(short @ 1..) if seconds <= SECONDS_MAX => Ok(Self { seconds: short }),
            _ => Err(range()),
        }
    }
}

fn unit_seconds(unit: &str, text: &str) -> Result<u64, PeriodError> {
    if unit == "m" {
        return Err(PeriodError::Minutes(text.into()));
    }
    let known = UNITS.iter().find(|(name, _)| *name == unit);
    known
        .map(|(_, seconds)| *seconds)
        .ok_or_else(|| PeriodError::Unit {
            text: text.into(),
            unit: unit.into(),
        })
}

/// As it is written: `1h30min`.
impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = u64::from(self.seconds);
        for (name, unit) in UNITS {
            // Two weeks are said as 2w, ten days not as 1w3d.
            if name == "w" && rest % unit != 0 {
                continue;
            }
            if rest >= unit {
                write!(f, "{}{name}", rest / unit)?;
                rest %= unit;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn periods_are_read_as_people_write_them() {
        let cases = [
            ("90s", 90),
            ("15min", 900),
            ("4h", 14_400),
            ("1h30min", 5_400),
            ("1h 30min", 5_400),
            ("2d", 172_800),
            ("1w", 604_800),
        ];
        for (text, seconds) in cases {
            assert_eq!(text.parse::<Period>().unwrap().seconds(), seconds, "{text}");
        }
    }

    #[test]
    fn what_is_no_period_is_refused_with_the_cause() {
        let cases = [
            ("", "no length"),
            ("4", "no length"),
            ("h", "no length"),
            ("-4h", "no length"),
            ("15m", "may be minutes or months"),
            ("4y", "no unit"),
            ("0s", "between"),
            ("11000d", "between"),
            ("99999999999999999999d", "between"),
        ];
        for (text, said) in cases {
            let error = text.parse::<Period>().unwrap_err().to_string();
            assert!(error.contains(said), "{text}: {error}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_as_the_same(seconds in 1_u32..=316_224_000) {
            let period = Period { seconds };
            prop_assert_eq!(period.to_string().parse::<Period>().unwrap(), period);
        }

        #[test]
        fn any_text_is_read_or_refused_without_panic(text in "[0-9smindhwé -]{0,14}") {
            let _ = text.parse::<Period>();
        }
    }
}
