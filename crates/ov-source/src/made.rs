//! Folders that a sink made: nothing stands in the way in those.

use std::collections::HashMap;
use std::sync::Mutex;

use ov_format::entry::EntryKey;
use rustix::fd::{AsFd, OwnedFd};

use crate::place::Place;
use crate::sink::lock;

/// What new things in a folder get as their access list, and new folders as theirs for others.
const DEFAULT_LIST: &[u8] = b"system.posix_acl_default";

/// What things inherit from the folder in which they are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Heritage {
    /// An owner at most, the same for all.
    Nothing,
    /// Nobody looked, or there are attributes.
    Unknown,
}

impl Heritage {
    /// Of what is made in this folder: access lists are all that is passed on and not the
    /// system's own business.
    fn of(folder: &OwnedFd) -> Self {
        match Place::Open(folder.as_fd()).attributes() {
            Ok(found) if !found.iter().any(|(name, _)| name == DEFAULT_LIST) => Self::Nothing,
            _ => Self::Unknown,
        }
    }
}

/// Paths of folders that a sink made, or said that it will. About their size in memory.
pub(crate) struct MadeFolders {
    folders: Mutex<HashMap<Vec<u8>, Heritage>>,
    /// What the target folder itself gives.
    base: Heritage,
}

impl MadeFolders {
    /// None yet, below this target.
    pub fn below(base: &OwnedFd) -> Self {
        Self {
            folders: Mutex::default(),
            base: Heritage::of(base),
        }
    }

    /// A folder is made, and inherits what its own folder gives: none gets its attributes before
    /// all is in it.
    pub fn add(&self, key: &EntryKey) {
        let mut folders = lock(&self.folders);
        let heritage = match key.parent.is_empty() {
            true => self.base,
            false => *folders.get(&key.parent).unwrap_or(&Heritage::Unknown),
        };
        folders.insert(key.path(), heritage);
    }

    /// Whether the folder of this path was made.
    pub fn contains(&self, folder: &[u8]) -> bool {
        lock(&self.folders).contains_key(folder)
    }

    /// What a folder gives, if it was made.
    pub fn heritage_in(&self, folder: &[u8]) -> Heritage {
        *lock(&self.folders)
            .get(folder)
            .unwrap_or(&Heritage::Unknown)
    }
}
