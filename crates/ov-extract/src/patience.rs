//! How long a backup waits for a worker.

use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::error::ExtractError;

/// A worker that takes fewer bytes a second than this is slower than any backup should be.
const SLOWEST: u64 = 16 << 20;

/// What a file may make the backup wait in all.
pub(crate) struct Patience {
    stall: Duration,
    waited: Duration,
    fed: u64,
}

impl Patience {
    /// For one file: a worker that does nothing at all for `stall` is given up.
    pub(crate) fn new(stall: Duration) -> Self {
        Self {
            stall,
            waited: Duration::ZERO,
            fed: 0,
        }
    }

    /// What was waited so far.
    pub(crate) fn waited(&self) -> Duration {
        self.waited
    }

    /// So many bytes more are on their way: they may take their time.
    pub(crate) fn grow(&mut self, bytes: usize) {
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        self.fed = self.fed.saturating_add(bytes);
    }

    /// Waits until this pipe can be read.
    pub(crate) fn wait_for_bytes(&mut self, from: impl AsFd) -> Result<(), ExtractError> {
        self.wait(&mut [PollFd::new(&from, PollFlags::IN)])
    }

    /// Waits until one pipe can be written or the other one read.
    pub(crate) fn wait_for_either(
        &mut self,
        to: impl AsFd,
        from: impl AsFd,
    ) -> Result<(), ExtractError> {
        self.wait(&mut [
            PollFd::new(&to, PollFlags::OUT),
            PollFd::new(&from, PollFlags::IN),
        ])
    }

    fn wait(&mut self, pipes: &mut [PollFd<'_>]) -> Result<(), ExtractError> {
        let begun = Instant::now();
        let left = Timespec::try_from(self.stall).map_err(|_| ExtractError::Stalled)?;
        let ready = poll(pipes, Some(&left));
        self.waited += begun.elapsed();
        match ready {
            Ok(0) => Err(ExtractError::Stalled),
            Err(error) if error != rustix::io::Errno::INTR => Err(ExtractError::Gone),
            _ if self.waited > self.stall + Duration::from_secs(self.fed / SLOWEST) => {
                Err(ExtractError::TooSlow)
            }
            _ => Ok(()),
        }
    }
}
