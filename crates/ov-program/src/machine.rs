//! The machine on which it runs.

use std::thread::sleep;
use std::time::Duration;

use jiff::Timestamp;
use ov_vault::Clock;

use crate::config::Hook;
use crate::hook::{self, HookError};
use crate::runner::Machine;

/// This machine, with the clock that the rest of the program goes by.
pub struct ThisMachine<'c> {
    /// The clock.
    pub clock: &'c dyn Clock,
}

impl Machine for ThisMachine<'_> {
    fn now(&self) -> Timestamp {
        let now = self.clock.now();
        let nanos = i32::try_from(now.nanos).unwrap_or(0);
        Timestamp::new(now.seconds, nanos).unwrap_or(Timestamp::UNIX_EPOCH)
    }

    fn wait(&mut self, time: Duration) {
        sleep(time);
    }

    fn hook(&mut self, hook: &Hook, told: &[(&str, String)]) -> Result<(), HookError> {
        hook::run(hook, told)
    }
}
