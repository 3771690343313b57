//! Times as they are shown.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use ov_format::entry::Time;

/// RFC 3339 in UTC, for programs.
pub fn rfc3339(time: Time) -> String {
    match timestamp(time) {
        Some(moment) => moment.to_string(),
        None => format!("@{}", time.seconds),
    }
}

/// In the zone of this machine, for people.
pub fn local(time: Time) -> String {
    match timestamp(time) {
        Some(moment) => {
            let zoned = moment.to_zoned(TimeZone::system());
            zoned.strftime("%Y-%m-%d %H:%M:%S").to_string()
        }
        None => format!("@{}", time.seconds),
    }
}

/// Reads a moment: RFC 3339, or local date and time, or a date.
pub fn parse(text: &str) -> Option<Time> {
    let moment = text.parse::<Timestamp>().ok().or_else(|| {
        let civil = text.parse::<jiff::civil::DateTime>().ok().or_else(|| {
            let date = text.parse::<jiff::civil::Date>().ok()?;
            Some(date.at(0, 0, 0, 0))
        })?;
        Some(civil.to_zoned(TimeZone::system()).ok()?.timestamp())
    })?;
    let nanos = moment.subsec_nanosecond();
    let (seconds, nanos) = match u32::try_from(nanos) {
        Ok(nanos) => (moment.as_second(), nanos),
        // Before 1970 the part of a second is negative.
        Err(_) => (
            moment.as_second() - 1,
            (nanos + 1_000_000_000).unsigned_abs(),
        ),
    };
    Some(Time { seconds, nanos })
}

fn timestamp(time: Time) -> Option<Timestamp> {
    Timestamp::new(time.seconds, i32::try_from(time.nanos).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_is_read_as_the_same_moment() {
        for time in [
            Time {
                seconds: 0,
                nanos: 0,
            },
            Time {
                seconds: 1_763_000_000,
                nanos: 123_456_789,
            },
            Time {
                seconds: -2,
                nanos: 500_000_000,
            },
        ] {
            assert_eq!(parse(&rfc3339(time)), Some(time));
        }
        assert_eq!(
            rfc3339(Time {
                seconds: 0,
                nanos: 0
            }),
            "1970-01-01T00:00:00Z"
        );
        assert_eq!(parse("yesterday"), None);
    }
}
