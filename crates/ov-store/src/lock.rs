//! Locks on objects: until when nobody may delete them, not even we.

use std::fmt;
use std::str::FromStr;
use std::time::{Duration, SystemTime};

use jiff::Timestamp;
use ov_format::name::ObjectName;

use crate::error::{OptionsError, StoreError};
use crate::store::{Retention, Store};

/// Nobody can lock an object through this program for longer at a time. What is still wanted then
/// is locked again; what was locked by mistake, or for harm, is free some day.
pub const LOCK_DAYS_MAX: u16 = 400;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// For how many days, from 1 to [`LOCK_DAYS_MAX`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct LockDays(u16);

impl LockDays {
    /// Takes a number of days.
    ///
    /// # Errors
    /// [`OptionsError::LockDays`] beyond the bounds.
    pub fn new(days: u16) -> Result<Self, OptionsError> {
        match (1..=LOCK_DAYS_MAX).contains(&days) {
            true => Ok(Self(days)),
            false => Err(OptionsError::LockDays { days }),
        }
    }

    /// The number of days.
    pub fn days(self) -> u16 {
        self.0
    }

    /// The end of a lock that begins now.
    pub fn from(self, now: SystemTime) -> SystemTime {
        now + DAY * u32::from(self.0)
    }
}

/// A text that is no length of a lock.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no length of a lock: write days, like 90d, from 1d to {LOCK_DAYS_MAX}d")]
pub struct NotLockDays(String);

impl FromStr for LockDays {
    type Err = NotLockDays;

    fn from_str(text: &str) -> Result<Self, NotLockDays> {
        let days = text.strip_suffix('d').and_then(|days| days.parse().ok());
        let lock = days.and_then(|days| Self::new(days).ok());
        lock.ok_or_else(|| NotLockDays(text.to_owned()))
    }
}

impl fmt::Display for LockDays {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}d", self.0)
    }
}

/// Locks an object for so many days from now, unless what is left of its lock is two thirds of
/// them or more. So an object is locked anew a few times within the life of a lock, and a keeper
/// that comes every sixth of it may stay away for a while.
///
/// # Errors
/// As [`Store::lock_until`]; [`OptionsError::MayNotLock`] where the target refuses.
pub fn renew(store: &dyn Store, name: &ObjectName, days: LockDays) -> Result<Renewal, StoreError> {
    let now = SystemTime::now();
    let enough = now + DAY * u32::from(days.0) * 2 / 3;
    let left = match store.retention(name) {
        Ok(Retention::LockedUntil(date)) => date.parse::<Timestamp>().ok().map(SystemTime::from),
        // Where we may not look we may lock all the same.
        Ok(_) | Err(StoreError::Denied { .. }) => None,
        Err(error) => return Err(error),
    };
    if left.is_some_and(|end| end >= enough) {
        return Ok(Renewal::Lasting);
    }
    match store.lock_until(name, days.from(now)) {
        Ok(Lock::Until(_)) if left.is_some_and(|end| end > now) => Ok(Renewal::Renewed),
        Ok(Lock::Until(_)) => Ok(Renewal::First),
        Ok(Lock::Unsupported) => Err(OptionsError::NoLock {
            target: store.describe(),
        }
        .into()),
        Err(StoreError::Denied { source, .. }) => Err(OptionsError::MayNotLock {
            target: store.describe(),
            source,
        }
        .into()),
        Err(error) => Err(error),
    }
}

/// What [`renew`] did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Renewal {
    /// The object had no lock, or one that was over.
    First,
    /// It had less than two thirds of a lock left.
    Renewed,
    /// The lock lasts long enough.
    Lasting,
}

/// Whether an object is locked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lock {
    /// The target keeps no locks.
    Unsupported,
    /// Until then at least.
    Until(SystemTime),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_lock_is_for_ever() {
        assert!(LockDays::new(0).is_err() && LockDays::new(LOCK_DAYS_MAX + 1).is_err());
        let longest = LockDays::new(LOCK_DAYS_MAX).unwrap();
        assert_eq!("400d".parse(), Ok(longest));
        assert_eq!(longest.to_string(), "400d");
        for text in ["", "d", "0d", "401d", "90", "-1d", "9h"] {
            let said = text.parse::<LockDays>().unwrap_err().to_string();
            assert!(said.contains("from 1d to 400d"), "{said}");
        }
        let end = longest.from(SystemTime::UNIX_EPOCH);
        assert_eq!(end, SystemTime::UNIX_EPOCH + DAY * 400);
    }
}
