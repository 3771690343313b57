//! Why a snapshot is kept, in words a person can read.

use std::fmt;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use crate::activity::Alarm;
use crate::span::Span;

/// A period of the calendar of which a rule keeps one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Every {
    /// One of each hour.
    Hour,
    /// One of each day.
    Day,
    /// One of each ISO week, Monday first.
    Week,
    /// One of each month.
    Month,
    /// One of each quarter of a year.
    Quarter,
    /// One of each year.
    Year,
}

impl Every {
    /// The name of the period of this kind that holds `at`, by the calendar of `zone`: equal names
    /// mean the same period.
    pub fn period(self, at: Timestamp, zone: &TimeZone) -> String {
        let local = at.to_zoned(zone.clone());
        let date = local.date();
        match self {
            // The offset tells the two hours apart that bear one name when clocks are set back.
            Self::Hour => format!("{date} {:02}h{}", local.hour(), hour_offset(zone, &local)),
            Self::Day => date.to_string(),
            Self::Week => week(date),
            Self::Month => format!("{:04}-{:02}", date.year(), date.month()),
            Self::Quarter => format!("{:04}-Q{}", date.year(), (date.month() - 1) / 3 + 1),
            Self::Year => format!("{:04}", date.year()),
        }
    }
}

fn hour_offset(zone: &TimeZone, local: &jiff::Zoned) -> String {
    match *zone == TimeZone::UTC {
        true => String::new(),
        false => format!(" {}", local.offset()),
    }
}

fn week(date: Date) -> String {
    let week = date.iso_week_date();
    format!("{:04}-W{:02}", week.year(), week.week())
}

impl fmt::Display for Every {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Hour => "hour",
            Self::Day => "day",
            Self::Week => "week",
            Self::Month => "month",
            Self::Quarter => "quarter",
            Self::Year => "year",
        })
    }
}

/// Why a snapshot is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// Among the last so many.
    Last(u32),
    /// The newest of a period.
    NewestOf(Every, String),
    /// The oldest there is, while a rule of this kind still has room.
    OldestFor(Every),
    /// Younger than the span of a rule.
    Within(Span),
    /// The newest of a period within a span.
    NewestOfWithin(Every, String, Span),
    /// It bears the tags of a rule.
    Tagged(String),
    /// It is held.
    Held(String),
    /// Younger than the floor.
    Floor(Span),
    /// The newest accepted one of its dataset.
    NewestAccepted,
    /// One of the fewest that must remain.
    MinimumKept(u32),
    /// No keeper has found it complete yet, so no rule speaks of it.
    NotAccepted,
    /// The group behaves unusually: forgetting waits for a person.
    Paused(Alarm),
    /// A plan over named snapshots did not name it.
    NotNamed,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Last(count) => write!(f, "among the last {count}"),
            Self::NewestOf(every, period) => write!(f, "newest of {every} {period}"),
            Self::OldestFor(every) => write!(f, "the oldest, for the {every} rule"),
            Self::Within(span) => write!(f, "within {span}"),
            Self::NewestOfWithin(every, period, span) => {
                write!(f, "newest of {every} {period}, within {span}")
            }
            Self::Tagged(tags) => write!(f, "tagged {tags}"),
            Self::Held(hold) => write!(f, "held: {hold}"),
            Self::Floor(span) => write!(f, "younger than the floor of {span}"),
            Self::NewestAccepted => f.write_str("the newest accepted one of its dataset"),
            Self::MinimumKept(count) => write!(f, "one of the {count} that must remain"),
            Self::NotAccepted => f.write_str("not accepted yet"),
            Self::Paused(alarm) => write!(f, "forgetting is paused: {alarm}"),
            Self::NotNamed => f.write_str("not named"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn periods_bear_the_names_of_the_calendar() {
        let at: Timestamp = "2025-12-31T23:30:00Z".parse().unwrap();
        let name = |every: Every| every.period(at, &TimeZone::UTC);
        assert_eq!(name(Every::Hour), "2025-12-31 23h");
        assert_eq!(name(Every::Day), "2025-12-31");
        assert_eq!(name(Every::Week), "2026-W01");
        assert_eq!(name(Every::Month), "2025-12");
        assert_eq!(name(Every::Quarter), "2025-Q4");
        assert_eq!(name(Every::Year), "2025");
    }

    #[test]
    fn a_zone_moves_the_borders_of_the_day() {
        let at: Timestamp = "2025-12-31T23:30:00Z".parse().unwrap();
        let zone = TimeZone::fixed(jiff::tz::offset(1));
        assert_eq!(Every::Day.period(at, &zone), "2026-01-01");
        assert_eq!(Every::Year.period(at, &zone), "2026");
    }

    #[test]
    fn reasons_read_as_sentences() {
        let reasons = [
            (Reason::Held("trial X".into()), "held: trial X"),
            (
                Reason::NewestOf(Every::Day, "2026-03-01".into()),
                "newest of day 2026-03-01",
            ),
            (
                Reason::Floor(Span::from_days(30)),
                "younger than the floor of 30 days",
            ),
        ];
        for (reason, said) in reasons {
            assert_eq!(reason.to_string(), said);
        }
    }
}
