//! Locks on objects: until when nobody may delete them, not even we.

use std::time::{Duration, SystemTime};

use crate::error::OptionsError;

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
        let end = longest.from(SystemTime::UNIX_EPOCH);
        assert_eq!(end, SystemTime::UNIX_EPOCH + DAY * 400);
    }
}
