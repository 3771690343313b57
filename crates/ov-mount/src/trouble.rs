//! What could not be read.

use std::collections::HashSet;
use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Mutex, PoisonError};

use ov_restore::{EntryError, TreeError};
use ov_source::ShownPath;
use thiserror::Error;

use crate::monitor::Monitor;

/// Troubles that are remembered; then they may be told again.
const TOLD_MAX: usize = 10_000;

/// Something that could not be read, though it is in a snapshot.
#[derive(Debug)]
pub struct Trouble {
    /// Its path below the mount.
    pub path: ShownPath,
    /// Why.
    pub cause: Cause,
}

/// Why something could not be read.
#[derive(Debug, Error)]
pub enum Cause {
    /// Its content cannot be had.
    #[error(transparent)]
    Content(#[from] EntryError),
    /// The part of the tree cannot be read in which it stands, or would stand.
    #[error(transparent)]
    Tree(#[from] TreeError),
    /// The backup could not read it.
    #[error("the backup could not read it: {0}")]
    Unread(String),
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path, self.cause)
    }
}

/// Tells each trouble once: a program that reads a damaged file to its end asks a thousand times.
pub(crate) struct Troubles<'m> {
    monitor: &'m dyn Monitor,
    told: Mutex<HashSet<u64>>,
}

impl<'m> Troubles<'m> {
    pub fn new(monitor: &'m dyn Monitor) -> Self {
        Self {
            monitor,
            told: Mutex::default(),
        }
    }

    pub fn tell(&self, path: Vec<u8>, cause: impl Into<Cause>) {
        let path = ShownPath::new(path);
        let cause = cause.into();
        let trouble = Trouble { path, cause };
        if self.is_new(&trouble) {
            self.monitor.trouble(&trouble);
        }
    }

    fn is_new(&self, trouble: &Trouble) -> bool {
        let mut hasher = DefaultHasher::new();
        trouble.path.as_bytes().hash(&mut hasher);
        trouble.cause.to_string().hash(&mut hasher);
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if told.len() >= TOLD_MAX {
            told.clear();
        }
        told.insert(hasher.finish())
    }
}
