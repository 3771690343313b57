//! The seam through which time comes in.

use std::time::{SystemTime, UNIX_EPOCH};

use ov_format::entry::Time;

/// Tells the time.
pub trait Clock: Send + Sync {
    /// Now, UTC.
    fn now(&self) -> Time;
}

/// The operating system's clock. Built with the feature `test-clock` it tells what
/// [`TestClock`] makes of it: only tests are built so.
pub struct SystemClock;

#[cfg(not(feature = "test-clock"))]
impl Clock for SystemClock {
    fn now(&self) -> Time {
        time_of(SystemTime::now())
    }
}

#[cfg(feature = "test-clock")]
impl Clock for SystemClock {
    fn now(&self) -> Time {
        static TOLD: std::sync::OnceLock<TestClock> = std::sync::OnceLock::new();
        let clock = TOLD.get_or_init(|| match TestClock::from_environment() {
            Ok(clock) => clock,
            // A test that says what nobody understands must not run by the true time.
            Err(why) => panic!("{why}"),
        });
        clock.tell(time_of(SystemTime::now()))
    }
}

/// A clock for tests of waiting: the true one, moved and quickened as the environment says. Every
/// program that is started with the same environment tells the same time.
#[cfg(feature = "test-clock")]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TestClock {
    /// Seconds by which it is ahead of the true clock.
    pub offset: i64,
    /// Seconds that pass on it in one true second, from `since` on.
    pub rate: i64,
    /// True time, seconds since 1970, at which it is ahead by just the offset.
    pub since: i64,
}

/// A variable of the test clock that is no number.
#[cfg(feature = "test-clock")]
#[derive(Debug, thiserror::Error)]
#[error("{variable} must be a whole number, not {told:?}")]
pub struct NotANumber {
    /// Which variable.
    pub variable: &'static str,
    /// What it says.
    pub told: String,
}

#[cfg(feature = "test-clock")]
impl TestClock {
    /// The variables it is told by: offset, rate, since.
    pub const VARIABLES: [&'static str; 3] = [
        "ONCOVAULT_TEST_CLOCK_OFFSET",
        "ONCOVAULT_TEST_CLOCK_RATE",
        "ONCOVAULT_TEST_CLOCK_SINCE",
    ];

    /// The clock that the environment asks for; the true one where it asks for none.
    pub fn from_environment() -> Result<Self, NotANumber> {
        let [offset, rate, since] = Self::VARIABLES;
        Ok(Self {
            offset: number(offset, 0)?,
            rate: number(rate, 1)?,
            since: number(since, 0)?,
        })
    }

    /// What it tells at a true time.
    pub fn tell(&self, truth: Time) -> Time {
        const SECOND: i128 = 1_000_000_000;
        let nanos = |seconds: i64| i128::from(seconds) * SECOND;
        let passed = nanos(truth.seconds) + i128::from(truth.nanos) - nanos(self.since);
        let told =
            passed.saturating_mul(i128::from(self.rate)) + nanos(self.since) + nanos(self.offset);
        Time {
            seconds: i64::try_from(told.div_euclid(SECOND)).unwrap_or(i64::MAX),
            nanos: u32::try_from(told.rem_euclid(SECOND)).unwrap_or(0),
        }
    }
}

#[cfg(feature = "test-clock")]
fn number(variable: &'static str, default: i64) -> Result<i64, NotANumber> {
    let Some(told) = std::env::var_os(variable) else {
        return Ok(default);
    };
    let told = told.to_string_lossy();
    told.parse().map_err(|_| NotANumber {
        variable,
        told: told.into_owned(),
    })
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

#[cfg(all(test, feature = "test-clock"))]
mod tests {
    use super::*;

    #[test]
    fn a_test_clock_is_moved_and_quickened_from_a_common_start() {
        let at = |seconds| Time {
            seconds,
            nanos: 500_000_000,
        };
        let clock = TestClock {
            offset: 100,
            rate: 60,
            since: 1000,
        };
        let whole = |seconds| Time { seconds, nanos: 0 };
        assert_eq!(clock.tell(whole(1000)), whole(1100));
        assert_eq!(clock.tell(at(1002)), whole(1250));
    }
}
