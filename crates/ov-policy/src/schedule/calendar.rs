//! Moments that return by the calendar: `daily at 02:00`, `weekly on sat, sun at 20:30`.

use std::collections::BTreeSet;
use std::fmt;

use jiff::Timestamp;
use jiff::civil::{Date, Time, Weekday};
use jiff::tz::TimeZone;

/// A month has at most 31 days, so within so many there is a day of every kind.
const DAYS_LOOKED_AT: u8 = 63;

/// Times of day on certain days.
///
/// Where clocks are put forward and a time does not exist, the moment as much later is meant; where
/// they are put back and a time comes twice, the first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Calendar {
    pub(super) days: Days,
    pub(super) times: BTreeSet<Time>,
}

/// Which days.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Days {
    All,
    /// By their place in the week, Monday being 0.
    Week(BTreeSet<i8>),
    /// Of the month, 1 to 28.
    Month(i8),
    MonthEnd,
}

impl Calendar {
    /// The latest of its moments that is not after `at`.
    pub fn latest(&self, at: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
        let mut day = today(at, zone).tomorrow().ok()?;
        for _ in 0..DAYS_LOOKED_AT {
            let past = self.on(day, zone).filter(|moment| *moment <= at).max();
            if past.is_some() {
                return past;
            }
            day = day.yesterday().ok()?;
        }
        None
    }

    /// The first of its moments that is after `at`.
    pub fn next(&self, at: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
        let mut day = today(at, zone).yesterday().ok()?;
        for _ in 0..DAYS_LOOKED_AT {
            let later = self.on(day, zone).filter(|moment| *moment > at).min();
            if later.is_some() {
                return later;
            }
            day = day.tomorrow().ok()?;
        }
        None
    }

    fn on<'c>(&'c self, day: Date, zone: &'c TimeZone) -> impl Iterator<Item = Timestamp> + 'c {
        let times = self.days.include(day).then_some(&self.times);
        let moment = move |time: &Time| {
            let zoned = day.to_datetime(*time).to_zoned(zone.clone());
            Some(zoned.ok()?.timestamp())
        };
        times.into_iter().flatten().filter_map(moment)
    }
}

impl Days {
    fn include(&self, day: Date) -> bool {
        match self {
            Self::All => true,
            Self::Week(days) => days.contains(&day.weekday().to_monday_zero_offset()),
            Self::Month(number) => day.day() == *number,
            Self::MonthEnd => day.day() == day.days_in_month(),
        }
    }
}

fn today(at: Timestamp, zone: &TimeZone) -> Date {
    at.to_zoned(zone.clone()).date()
}

/// As it is written.
impl fmt::Display for Calendar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.days {
            Days::All => f.write_str("daily")?,
            Days::Week(days) => {
                let names = days.iter().filter_map(|day| {
                    let day = Weekday::from_monday_zero_offset(*day).ok()?;
                    Some(name(day).get(..3)?.to_owned())
                });
                write!(f, "weekly on {}", names.collect::<Vec<_>>().join(", "))?;
            }
            Days::Month(day) => write!(f, "monthly on {day}")?,
            Days::MonthEnd => f.write_str("monthly on last")?,
        }
        let times = self
            .times
            .iter()
            .map(|time| time.strftime("%H:%M").to_string());
        write!(f, " at {}", times.collect::<Vec<_>>().join(", "))
    }
}

/// The name of a day of the week, in small letters.
pub(super) fn name(day: Weekday) -> &'static str {
    match day {
        Weekday::Monday => "monday",
        Weekday::Tuesday => "tuesday",
        Weekday::Wednesday => "wednesday",
        Weekday::Thursday => "thursday",
        Weekday::Friday => "friday",
        Weekday::Saturday => "saturday",
        Weekday::Sunday => "sunday",
    }
}
