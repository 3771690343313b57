//! Folders that were open a moment ago and stay open: files come folder by folder, and to open a
//! folder from its path costs more than to open a small file in it.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use rustix::fd::OwnedFd;

use crate::sink::lock;

/// The most lately used folders, by path.
pub(crate) struct RecentFolders {
    /// The latest at the front.
    open: Mutex<VecDeque<(Vec<u8>, Arc<OwnedFd>)>>,
    open_max: usize,
}

impl RecentFolders {
    /// None yet, and never more than so many.
    pub fn up_to(open_max: usize) -> Self {
        Self {
            open: Mutex::default(),
            open_max,
        }
    }

    /// The folder of this path, if it is open.
    pub fn recall(&self, path: &[u8]) -> Option<Arc<OwnedFd>> {
        let mut open = lock(&self.open);
        let at = open.iter().position(|(kept, _)| kept == path)?;
        if at > 0 {
            let found = open.remove(at)?;
            open.push_front(found);
        }
        open.front().map(|(_, folder)| Arc::clone(folder))
    }

    /// Keeps a folder open, and gives it.
    pub fn keep(&self, path: &[u8], folder: Arc<OwnedFd>) -> Arc<OwnedFd> {
        let mut open = lock(&self.open);
        open.push_front((path.to_vec(), Arc::clone(&folder)));
        open.truncate(self.open_max);
        folder
    }

    /// Forgets folders at or below a path.
    pub fn forget_below(&self, path: &[u8]) {
        lock(&self.open).retain(|(kept, _)| {
            !kept
                .strip_prefix(path)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with(b"/"))
        });
    }
}
