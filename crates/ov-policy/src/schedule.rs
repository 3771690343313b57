//! When what returns is to run: `every 4h`, `daily at 02:00`; and, given what happened so far, when
//! next and why.
//!
//! - [`Period`]: a length of clock time.
//! - [`Schedule`]: an interval or a calendar.
//! - [`next`]: the decision. It plans so that an RPO *holds*: an interval as long as the RPO misses
//!   it by construction, for a snapshot is as old as its start and counts from its end.

mod calendar;
mod period;
mod plan;

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use jiff::civil::Time;
use thiserror::Error;

pub use self::calendar::Calendar;
use self::calendar::Days;
pub use self::period::{Period, PeriodError};
pub use self::plan::{Next, Past, Run, Terms, Why, can_hold, next};

/// When something returns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Schedule {
    /// After each of these, at moments of the host's own.
    Every(Period),
    /// By the calendar.
    Calendar(Calendar),
}

/// Why a text is no schedule.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ScheduleError {
    /// Nothing that is known.
    #[error(
        "'{0}' is no schedule: write for example 'every 4h', 'daily at 02:00', 'weekdays at 20:00', \
         'weekly on sat, sun at 03:00' or 'monthly on 1 at 04:00'"
    )]
    Shape(String),
    /// After `every`.
    #[error(transparent)]
    Period(#[from] PeriodError),
    /// A time of day that is none.
    #[error("'{0}' is no time of day: write it as 02:00")]
    Time(String),
    /// A day of the week that is none.
    #[error("'{0}' is no day of the week: write mon, tue, wed, thu, fri, sat or sun")]
    Weekday(String),
    /// A day of the month that not every month has.
    #[error("'{0}' is no day that every month has: write 1 to 28, or last")]
    MonthDay(String),
}

impl Schedule {
    /// The latest moment that is not after `at`, for this host.
    fn latest(&self, at: Timestamp, terms: &Terms<'_>) -> Option<Timestamp> {
        match self {
            Self::Every(period) => Some(beat(*period, terms.seed, at)),
            Self::Calendar(calendar) => {
                let shift = plan::seconds_of(terms.seed, terms.spread_seconds);
                let moment = calendar.latest(plan::later(at, -shift), terms.zone)?;
                Some(plan::later(moment, shift))
            }
        }
    }

    /// The first moment that is after `at`, for this host.
    fn next(&self, at: Timestamp, terms: &Terms<'_>) -> Option<Timestamp> {
        match self {
            Self::Every(period) => {
                let beat = beat(*period, terms.seed, at);
                Some(plan::later(beat, period.seconds()))
            }
            Self::Calendar(calendar) => {
                let shift = plan::seconds_of(terms.seed, terms.spread_seconds);
                let moment = calendar.next(plan::later(at, -shift), terms.zone)?;
                Some(plan::later(moment, shift))
            }
        }
    }

    /// The longest time between two of its moments in the 63 days after `at`, seconds. Shows
    /// whether an RPO can hold by the schedule alone.
    pub fn longest_gap(&self, at: Timestamp, zone: &jiff::tz::TimeZone) -> i64 {
        let calendar = match self {
            Self::Every(period) => return period.seconds(),
            Self::Calendar(calendar) => calendar,
        };
        let end = plan::later(at, 63 * 86_400);
        let (mut longest, mut moment) = (0, calendar.next(at, zone));
        while let Some(this) = moment.filter(|this| *this < end) {
            moment = calendar.next(this, zone);
            let gap = moment.map_or(0, |next| next.duration_since(this).as_secs());
            longest = longest.max(gap);
        }
        longest
    }
}

/// The last beat not after `at`: every host beats at its own moments.
fn beat(period: Period, seed: u64, at: Timestamp) -> Timestamp {
    let period = period.seconds();
    let phase = plan::seconds_of(seed, period - 1);
    let since = (at.as_second() - phase).rem_euclid(period);
    Timestamp::from_second(at.as_second() - since).unwrap_or(at)
}

impl FromStr for Schedule {
    type Err = ScheduleError;

    fn from_str(text: &str) -> Result<Self, ScheduleError> {
        let small = text.trim().to_ascii_lowercase();
        if let Some(period) = small.strip_prefix("every ") {
            return Ok(Self::Every(period.trim().parse()?));
        }
        let shape = || ScheduleError::Shape(text.into());
        let (days, times) = match small.as_str() {
            "hourly" => return Ok(Self::Every(Period::from_hours(1))),
            words => words.split_once(" at ").ok_or_else(shape)?,
        };
        let days = match days.trim().split_once(" on ") {
            None if days.trim() == "daily" => Days::All,
            None if days.trim() == "weekdays" => Days::Week((0..5).collect()),
            Some(("weekly", days)) => Days::Week(listed(days, weekday)?),
            Some(("monthly", day)) => month_day(day.trim())?,
            _ => return Err(shape()),
        };
        let times = listed(times, time_of_day)?;
        Ok(Self::Calendar(Calendar { days, times }))
    }
}

fn listed<T: Ord>(
    text: &str,
    read: impl Fn(&str) -> Result<T, ScheduleError>,
) -> Result<BTreeSet<T>, ScheduleError> {
    text.split(',').map(|item| read(item.trim())).collect()
}

fn time_of_day(text: &str) -> Result<Time, ScheduleError> {
    let wrong = || ScheduleError::Time(text.into());
    let (hour, minute) = text.split_once(':').ok_or_else(wrong)?;
    let number = |text: &str| -> Option<i8> {
        let plain = (1..=2).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
        plain.then(|| text.parse().ok())?
    };
    let (hour, minute) = number(hour).zip(number(minute)).ok_or_else(wrong)?;
    Time::new(hour, minute, 0, 0).map_err(|_| wrong())
}

fn weekday(text: &str) -> Result<i8, ScheduleError> {
    let wrong = || ScheduleError::Weekday(text.into());
    let known = (0..7).find(|day| {
        let day = jiff::civil::Weekday::from_monday_zero_offset(*day);
        day.is_ok_and(|day| {
            let name = calendar::name(day);
            text == name || name.get(..3) == Some(text)
        })
    });
    known.ok_or_else(wrong)
}

fn month_day(text: &str) -> Result<Days, ScheduleError> {
    if text == "last" {
        return Ok(Days::MonthEnd);
    }
    let day = text.parse().ok().filter(|day| (1..=28).contains(day));
    day.map(Days::Month)
        .ok_or_else(|| ScheduleError::MonthDay(text.into()))
}

/// As it is written.
impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Every(period) => write!(f, "every {period}"),
            Self::Calendar(calendar) => calendar.fmt(f),
        }
    }
}

#[cfg(test)]
#[path = "schedule_tests.rs"]
mod tests;
