//! What holds for all datasets and copies.

use std::fmt;
use std::str::FromStr;

use jiff::tz::TimeZone;
use ov_policy::placement::Rule;
use ov_policy::{Period, Schedule};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::{Retention, Worded};

/// What holds for all datasets and copies.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct Policy {
    /// How many copies are wanted: copies with the original, media, elsewhere, offline or
    /// indestructible, errors.
    pub copies: Worded<Rule>,
    /// Whose calendar schedules follow, like Europe/Berlin; without it, this machine's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time_zone: Option<Worded<Zone>>,
    /// How often the timer asks what is due.
    pub tick: Worded<Period>,
    /// Up to how long after a moment of the calendar this host may begin, so that not all hosts
    /// begin at once.
    pub spread: Worded<Period>,
    /// How often a task that failed is tried again at once.
    pub retries: u8,
    /// How long it waits before it does so.
    pub retry_wait: Worded<Period>,
    /// When new snapshots, of other agents too, are looked at, where the key may; besides, after
    /// every run that stored something.
    pub accept: Worded<Schedule>,
    /// When old snapshots are let go, where rules say so and the key may.
    pub forget: Worded<Schedule>,
    /// When space is freed, where the key may.
    pub prune: Worded<Schedule>,
    /// When the vault is checked, and every copy that this machine brings up to date, where the key
    /// may.
    pub check: Worded<Schedule>,
    /// Within which time every stored byte is read again; a check after a pause reads so much more.
    pub check_cycle: Worded<Period>,
    /// What is kept of datasets that do not say so themselves.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retention: Option<Retention>,
}

impl Default for Policy {
    fn default() -> Self {
        let every = |period| Worded::from(Schedule::Every(period));
        Self {
            copies: Rule::default().into(),
            time_zone: None,
            tick: Period::from_minutes(15).into(),
            spread: Period::from_minutes(10).into(),
            retries: 2,
            retry_wait: Period::from_minutes(1).into(),
            accept: every(Period::from_hours(1)),
            forget: every(Period::from_days(1)),
            prune: every(Period::from_days(7)),
            check: every(Period::from_days(1)),
            check_cycle: Period::from_days(30).into(),
            retention: None,
        }
    }
}

impl Policy {
    /// Whose calendar schedules follow.
    pub fn zone(&self) -> TimeZone {
        match &self.time_zone {
            Some(zone) => zone.zone.clone(),
            None => TimeZone::system(),
        }
    }
}

/// A time zone of the IANA database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Zone {
    zone: TimeZone,
}

/// A time zone that nobody knows.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{0:?} is no time zone that this machine knows: write it like Europe/Berlin")]
pub struct ZoneError(String);

impl FromStr for Zone {
    type Err = ZoneError;

    fn from_str(text: &str) -> Result<Self, ZoneError> {
        let zone = TimeZone::get(text).map_err(|_| ZoneError(text.into()))?;
        Ok(Self { zone })
    }
}

/// A part of a whole, written as `0.05` or `5%`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Share {
    /// From 0 to 1.
    pub part: f64,
}

/// Why a text is no share.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{0:?} is no share: write one from 0 to 1, or from 0% to 100%")]
pub struct ShareError(String);

impl FromStr for Share {
    type Err = ShareError;

    fn from_str(text: &str) -> Result<Self, ShareError> {
        let (number, whole) = match text.strip_suffix('%') {
            Some(percent) => (percent, 100.0),
            None => (text, 1.0),
        };
        match number.parse::<f64>() {
            Ok(number) if (0.0..=whole).contains(&number) => Ok(Self {
                part: number / whole,
            }),
            _ => Err(ShareError(text.into())),
        }
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.part.fmt(f)
    }
}
