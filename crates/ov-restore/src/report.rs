//! What came of a restore.

use std::fmt;

use ov_format::entry::EntryKey;
use ov_source::{Notices, ShownPath, SinkError};
use thiserror::Error;

use crate::read_error::{ReadError, TreeError};

/// How many things of a kind are kept word for word; the others are counted.
const KEPT_MAX: usize = 1000;

/// Why an entry was not restored.
#[derive(Debug, Error)]
pub enum EntryError {
    /// Its content cannot be had.
    #[error(transparent)]
    Read(Box<ReadError>),
    /// It could not be put back.
    #[error(transparent)]
    Sink(#[from] SinkError),
    /// A part of the tree cannot be read: entries unknown by name are lost.
    #[error(transparent)]
    Tree(Box<TreeError>),
    /// Its extents do not add up to its size.
    #[error("its content has {found} bytes, its entry says {size}")]
    Size {
        /// Bytes that the entry says.
        size: u64,
        /// Bytes that its extents have.
        found: u64,
    },
    /// A chunk has another length than its extent says.
    #[error("a chunk has another length than its extent says")]
    ChunkLength,
    /// The first of its names was not restored.
    #[error("the first of its hard links was not restored")]
    Link,
    /// What was written reads back as something else.
    #[error("what was written reads back differently, from byte {offset} on")]
    Verify {
        /// Where.
        offset: u64,
    },
    /// What was written cannot be read back.
    #[error("what was written cannot be read back: {0}")]
    ReadBack(std::io::Error),
}

impl From<ReadError> for EntryError {
    fn from(error: ReadError) -> Self {
        Self::Read(Box::new(error))
    }
}

impl From<TreeError> for EntryError {
    fn from(error: TreeError) -> Self {
        Self::Tree(Box::new(error))
    }
}

/// An entry that was not restored.
#[derive(Clone, Debug)]
pub struct Failure {
    /// Its path in the snapshot; of a lost part of the tree, where that begins.
    pub path: ShownPath,
    /// Why.
    pub error: std::sync::Arc<EntryError>,
}

impl Failure {
    pub(crate) fn new(key: &EntryKey, error: impl Into<EntryError>) -> Self {
        Self {
            path: ShownPath::absolute(key),
            error: std::sync::Arc::new(error.into()),
        }
    }

    pub(crate) fn of_tree(error: TreeError) -> Self {
        let path = match &error.first {
            Some(key) => ShownPath::absolute(key),
            None => ShownPath::new(*b"/"),
        };
        Self {
            path,
            error: std::sync::Arc::new(error.into()),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path, self.error)
    }
}

/// Things of one kind: the first ones, and how many there were.
#[derive(Clone, Debug)]
pub struct Shown<T> {
    /// The first ones.
    pub kept: Vec<T>,
    /// How many in all.
    pub count: u64,
}

impl<T> Default for Shown<T> {
    fn default() -> Self {
        Self {
            kept: Vec::new(),
            count: 0,
        }
    }
}

impl<T> Shown<T> {
    pub(crate) fn add(&mut self, item: T) {
        self.count += 1;
        if self.kept.len() < KEPT_MAX {
            self.kept.push(item);
        }
    }

    /// Whether there was none.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }
}

/// Whether a restore came to its end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Ending {
    /// It did, whatever failed on the way.
    #[default]
    Reached,
    /// It stopped early, since the vault's target does not answer or the space ran out. The same
    /// restore again goes on from there.
    Stopped,
}

/// What came of a restore.
#[derive(Debug, Default)]
pub struct Report {
    /// Whether it came to its end.
    pub ending: Ending,
    /// Entries that are there now, whether made or kept.
    pub entries: u64,
    /// Files among them whose content was written.
    pub files_written: u64,
    /// Entries that were there already and were kept.
    pub kept: u64,
    /// Bytes of content written, without holes.
    pub bytes_written: u64,
    /// Bytes of content that were there already.
    pub bytes_found: u64,
    /// Hard links made beside the first name.
    pub links: u64,
    /// Things deleted that the snapshot does not hold.
    pub deleted: u64,
    /// Files read back and found right.
    pub verified: u64,
    /// What was not restored.
    pub failures: Shown<Failure>,
    /// Entries that had changed while they were backed up: a mixture of moments.
    pub changed: Shown<ShownPath>,
    /// Entries that the backup could not read, with its reason. Files are restored as far as they
    /// could be read, other things not at all.
    pub unreadable: Shown<(ShownPath, String)>,
    /// Small things that are not as they were.
    pub notices: Notices,
}

impl Report {
    /// Whether everything that the snapshot holds is there.
    pub fn is_whole(&self) -> bool {
        self.failures.is_empty() && self.ending == Ending::Reached
    }
}
