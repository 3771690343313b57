//! Moments as people write them: whole (RFC 3339) or in part.

use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp};
use ov_format::entry::Time;

/// A moment, or the end of the month, day, minute or second that was named. UTC unless an offset
/// is named.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment {
    /// What is at or behind this is after the moment.
    end: Timestamp,
}

impl Moment {
    /// Reads `2026-11`, `2026-11-22`, `2026-11-22T10:30`, `2026-11-22T10:30:00` (a space for the
    /// T is as good), or a whole RFC 3339 moment.
    pub fn parse(text: &str) -> Option<Self> {
        if !text.is_ascii() || text.get(4..5) != Some("-") {
            return None;
        }
        if let Ok(moment) = text.parse::<Timestamp>() {
            let end = moment.checked_add(Span::new().nanoseconds(1)).ok()?;
            return Some(Self { end });
        }
        let (start, span) = Self::parse_part(text)?;
        let end = start.checked_add(span).ok()?;
        let end = end.to_zoned(TimeZone::UTC).ok()?.timestamp();
        Some(Self { end })
    }

    fn parse_part(text: &str) -> Option<(DateTime, Span)> {
        let date = |text: &str| text.parse::<Date>().ok();
        let midnight = |date: Date| date.at(0, 0, 0, 0);
        let zeroth = |text: &str| text.parse::<DateTime>().ok();
        match text.len() {
            7 => Some((
                midnight(date(&format!("{text}-01"))?),
                Span::new().months(1),
            )),
            10 => Some((midnight(date(text)?), Span::new().days(1))),
            16 => Some((zeroth(&format!("{text}:00"))?, Span::new().minutes(1))),
            19 => Some((zeroth(text)?, Span::new().seconds(1))),
            _ => None,
        }
    }

    /// Whether a time is not after it.
    pub fn holds(&self, time: Time) -> bool {
        let nanos = i32::try_from(time.nanos).unwrap_or(999_999_999);
        Timestamp::new(time.seconds, nanos).is_ok_and(|time| time < self.end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn time(text: &str) -> Time {
        let moment: Timestamp = text.parse().unwrap();
        Time {
            seconds: moment.as_second(),
            nanos: moment.subsec_nanosecond().unsigned_abs(),
        }
    }

    #[test]
    fn a_part_of_a_date_reaches_to_the_end_of_what_it_names() {
        for (text, last, next) in [
            ("2026-02", "2026-02-28T23:59:59.9Z", "2026-03-01T00:00:00Z"),
            ("2026-12", "2026-12-31T23:59:59Z", "2027-01-01T00:00:00Z"),
            ("2026-11-22", "2026-11-22T23:59:59Z", "2026-11-23T00:00:00Z"),
            (
                "2026-11-22T10:30",
                "2026-11-22T10:30:59Z",
                "2026-11-22T10:31:00Z",
            ),
            (
                "2026-11-22 10:30:05",
                "2026-11-22T10:30:05.9Z",
                "2026-11-22T10:30:06Z",
            ),
            (
                "2026-11-22T10:30:05Z",
                "2026-11-22T10:30:05Z",
                "2026-11-22T10:30:05.1Z",
            ),
            (
                "2026-11-22T10:30:05+02:00",
                "2026-11-22T08:30:05Z",
                "2026-11-22T08:30:06Z",
            ),
        ] {
            let moment = Moment::parse(text).unwrap();
            assert!(moment.holds(time(last)), "{text}");
            assert!(!moment.holds(time(next)), "{text}");
        }
    }

    #[test]
    fn what_is_no_date_is_none() {
        for text in [
            "",
            "2026",
            "abcd-ef",
            "2026-13",
            "2026-11-31",
            "2026-11-22Tx",
            "20é6-11",
        ] {
            assert_eq!(Moment::parse(text), None, "{text}");
        }
    }
}
