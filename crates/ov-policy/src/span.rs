//! A length of time as people write it: `30d`, `2y5m7d3h`.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use thiserror::Error;

/// A length of calendar time. Units: `y`, `m` (months), `w`, `d`, `h`.
///
/// Months and years follow the calendar: one month before 31 March is the last day of February.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span {
    years: u16,
    months: u16,
    days: u32,
    hours: u32,
}

/// Why a text is not a span.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum SpanError {
    /// The text is empty.
    #[error("a length of time is missing: write for example 30d or 2y5m7d3h")]
    Empty,
    /// A unit stands without a number before it.
    #[error("'{unit}' in '{text}' has no number before it")]
    NumberMissing {
        /// The whole text.
        text: String,
        /// The unit found.
        unit: char,
    },
    /// A number stands without a unit after it.
    #[error("the number at the end of '{text}' has no unit: y, m, w, d or h")]
    UnitMissing {
        /// The whole text.
        text: String,
    },
    /// A letter that is no unit.
    #[error("'{unit}' in '{text}' is no unit: use y, m (months), w, d or h")]
    UnitUnknown {
        /// The whole text.
        text: String,
        /// The letter found.
        unit: char,
    },
    /// The same unit twice.
    #[error("'{unit}' stands twice in '{text}'")]
    UnitTwice {
        /// The whole text.
        text: String,
        /// The unit.
        unit: char,
    },
    /// A number beyond what a calendar can hold.
    #[error("a number in '{text}' is too large")]
    TooLarge {
        /// The whole text.
        text: String,
    },
}

impl Span {
    /// No time at all.
    pub const ZERO: Self = Self {
        years: 0,
        months: 0,
        days: 0,
        hours: 0,
    };

    /// One that is shorter than neither.
    #[must_use]
    pub fn or_longer(self, other: Self) -> Self {
        Self {
            years: self.years.max(other.years),
            months: self.months.max(other.months),
            days: self.days.max(other.days),
            hours: self.hours.max(other.hours),
        }
    }

    /// So many hours.
    pub const fn from_hours(hours: u32) -> Self {
        Self {
            hours,
            ..Self::ZERO
        }
    }

    /// So many days.
    pub const fn from_days(days: u32) -> Self {
        Self { days, ..Self::ZERO }
    }

    /// Whether it is no time at all.
    pub fn is_zero(self) -> bool {
        self == Self::ZERO
    }

    /// The moment that lies this long before `at`, by the calendar of `zone`. Where the calendar
    /// ends, its first moment: so whoever keeps what is younger keeps more, never less.
    pub fn before(self, at: Timestamp, zone: &TimeZone) -> Timestamp {
        self.jiff()
            .and_then(|span| at.to_zoned(zone.clone()).checked_sub(span).ok())
            .map_or(Timestamp::MIN, |zoned| zoned.timestamp())
    }

    /// Its shortest possible length in seconds (a month of 28 days, a year of 365).
    pub fn seconds_min(self) -> i64 {
        let days = i64::from(self.years) * 365 + i64::from(self.months) * 28 + i64::from(self.days);
        days * 86_400 + i64::from(self.hours) * 3_600
    }

    fn jiff(self) -> Option<jiff::Span> {
        jiff::Span::new()
            .try_years(self.years)
            .and_then(|span| span.try_months(self.months))
            .and_then(|span| span.try_days(self.days))
            .and_then(|span| span.try_hours(self.hours))
            .ok()
    }

    fn add(&mut self, number: u32, unit: char, text: &str) -> Result<(), SpanError> {
        let large = || SpanError::TooLarge { text: text.into() };
        let short = || u16::try_from(number).map_err(|_| large());
        match unit {
            'y' => self.years = short()?,
            'm' => self.months = short()?,
            'w' => {
                let days = number.checked_mul(7).ok_or_else(large)?;
                self.days = self.days.checked_add(days).ok_or_else(large)?;
            }
            'd' => self.days = self.days.checked_add(number).ok_or_else(large)?,
            'h' => self.hours = number,
            _ => {
                return Err(SpanError::UnitUnknown {
                    text: text.into(),
                    unit,
                });
            }
        }
        Ok(())
    }
}

impl FromStr for Span {
    type Err = SpanError;

    fn from_str(text: &str) -> Result<Self, SpanError> {
        if text.is_empty() {
            return Err(SpanError::Empty);
        }
        let mut span = Self::ZERO;
        let mut seen = String::new();
        let mut digits = String::new();
        for letter in text.chars() {
            if letter.is_ascii_digit() {
                digits.push(letter);
                continue;
            }
            if digits.is_empty() {
                return Err(SpanError::NumberMissing {
                    text: text.into(),
                    unit: letter,
                });
            }
            if seen.contains(letter) {
                return Err(SpanError::UnitTwice {
                    text: text.into(),
                    unit: letter,
                });
            }
            let number = digits
                .parse()
                .map_err(|_| SpanError::TooLarge { text: text.into() })?;
            span.add(number, letter, text)?;
            seen.push(letter);
            digits.clear();
        }
        if !digits.is_empty() {
            return Err(SpanError::UnitMissing { text: text.into() });
        }
        match span.jiff() {
            Some(_) => Ok(span),
            None => Err(SpanError::TooLarge { text: text.into() }),
        }
    }
}

/// As people say it: `30 days`, `2 years 5 months`.
impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts = [
            (u32::from(self.years), "year"),
            (u32::from(self.months), "month"),
            (self.days, "day"),
            (self.hours, "hour"),
        ];
        let said: Vec<String> = parts
            .iter()
            .filter(|(number, _)| *number > 0)
            .map(|(number, unit)| format!("{number} {unit}{}", if *number == 1 { "" } else { "s" }))
            .collect();
        match said.is_empty() {
            true => f.write_str("no time"),
            false => f.write_str(&said.join(" ")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn spans_are_read_as_restic_reads_them() {
        let span: Span = "2y5m7d3h".parse().unwrap();
        assert_eq!(span.to_string(), "2 years 5 months 7 days 3 hours");
        assert_eq!("30d".parse::<Span>().unwrap(), Span::from_days(30));
        assert_eq!("2w".parse::<Span>().unwrap(), Span::from_days(14));
        assert_eq!("0h".parse::<Span>().unwrap().to_string(), "no time");
    }

    #[test]
    fn what_is_no_span_is_refused_with_the_cause() {
        let cases = [
            ("", "missing"),
            ("d", "no number"),
            ("30", "no unit"),
            ("3x", "no unit"),
            ("3d4d", "twice"),
            ("99999999999d", "too large"),
            ("70000y", "too large"),
            ("30000y", "too large"),
            ("4294967295w", "too large"),
            ("-3d", "no number"),
            ("3 d", "no unit"),
        ];
        for (text, said) in cases {
            let error = text.parse::<Span>().unwrap_err().to_string();
            assert!(error.contains(said), "{text}: {error}");
        }
    }

    #[test]
    fn a_month_before_the_31st_is_the_end_of_the_shorter_month() {
        let month: Span = "1m".parse().unwrap();
        let start = month.before(at("2026-03-31T12:00:00Z"), &TimeZone::UTC);
        assert_eq!(start, at("2026-02-28T12:00:00Z"));
    }

    #[test]
    fn beyond_the_calendar_the_first_moment_is_meant() {
        let span: Span = "19000y".parse().unwrap();
        assert_eq!(
            span.before(at("2026-01-01T00:00:00Z"), &TimeZone::UTC),
            Timestamp::MIN
        );
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused_without_panic(text in "[0-9ymwdhx é]{0,12}") {
            let _ = text.parse::<Span>();
        }
    }
}
