//! The seam through which time comes in.

use std::time::{SystemTime, UNIX_EPOCH};

use ov_format::entry::Time;

/// Tells the time.
pub trait Clock: Send + Sync {
    /// Now, UTC.
    fn now(&self) -> Time;
}

/// The operating system's clock.
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Time {
        time_of(SystemTime::now())
    }
}

/// A moment of the operating system as the format keeps it.
pub fn time_of(moment: SystemTime) -> Time {
    let clamp = |seconds: u64| i64::try_from(seconds).unwrap_or(i64::MAX);
    match moment.duration_since(UNIX_EPOCH) {
        Ok(after) => Time {
            seconds: clamp(after.as_secs()),
            nanos: after.subsec_nanos(),
        },
        Err(before) => Time {
            seconds: -clamp(before.duration().as_secs()),
            nanos: 0,
        },
    }
}
