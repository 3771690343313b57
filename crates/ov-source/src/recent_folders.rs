//! Folders that were open a moment ago and stay open: files come folder by folder, and to open a
//! folder from its path costs more than to open a small file in it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use rustix::fd::OwnedFd;

use crate::sink::lock;

/// The most lately used folders, by path.
pub(crate) struct RecentFolders {
    open: Mutex<Open>,
    open_max: usize,
}

#[derive(Default)]
struct Open {
    folders: HashMap<Vec<u8>, Held>,
    tick: u64,
}

struct Held {
    folder: Arc<OwnedFd>,
    used: u64,
}

impl RecentFolders {
    /// None yet, and never more than so many, but at least two.
    pub fn up_to(open_max: usize) -> Self {
        Self {
            open: Mutex::default(),
            open_max: open_max.max(2),
        }
    }

    /// The folder of this path, if it is open.
    pub fn recall(&self, path: &[u8]) -> Option<Arc<OwnedFd>> {
        let mut open = lock(&self.open);
        open.tick += 1;
        let tick = open.tick;
        let held = open.folders.get_mut(path)?;
        held.used = tick;
        Some(Arc::clone(&held.folder))
    }

    /// Keeps a folder open, and gives it.
    pub fn keep(&self, path: &[u8], folder: Arc<OwnedFd>) -> Arc<OwnedFd> {
        let mut open = lock(&self.open);
        open.tick += 1;
        let held = Held {
            folder: Arc::clone(&folder),
            used: open.tick,
        };
        open.folders.insert(path.to_vec(), held);
        if open.folders.len() > self.open_max {
            open.close_half();
        }
        folder
    }

    /// Forgets folders at or below a path.
    pub fn forget_below(&self, path: &[u8]) {
        lock(&self.open).folders.retain(|kept, _| {
            !kept
                .strip_prefix(path)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with(b"/"))
        });
    }
}

impl Open {
    /// Closes those that were not used for the longest time.
    fn close_half(&mut self) {
        let mut used: Vec<u64> = self.folders.values().map(|held| held.used).collect();
        let half = used.len() / 2;
        let (_, middle, _) = used.select_nth_unstable(half);
        let middle = *middle;
        self.folders.retain(|_, held| held.used > middle);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::fs::{CWD, Mode, OFlags, openat};

    #[test]
    fn those_that_were_used_last_stay_open_and_no_more_than_may_be() {
        let dir = tempfile::tempdir().unwrap();
        let open = || {
            let flags = OFlags::PATH | OFlags::CLOEXEC;
            Arc::new(openat(CWD, dir.path(), flags, Mode::empty()).unwrap())
        };
        let recent = RecentFolders::up_to(4);
        for path in [b"a", b"b", b"c", b"d"] {
            recent.keep(path, open());
        }
        assert!(recent.recall(b"a").is_some());
        recent.keep(b"e", open());
        assert!(lock(&recent.open).folders.len() <= 4);
        assert!(recent.recall(b"a").is_some() && recent.recall(b"e").is_some());
        assert!(recent.recall(b"b").is_none());
        recent.forget_below(b"a");
        assert!(recent.recall(b"a").is_none());
    }
}
