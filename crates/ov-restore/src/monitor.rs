//! What a person may want to see while it happens. The engine itself never prints.

use ov_format::entry::EntryKey;

use crate::report::Failure;

/// How far an operation has come.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Files done.
    pub files: u64,
    /// Files there are; 0 while nobody knows.
    pub files_total: u64,
    /// Bytes done.
    pub bytes: u64,
    /// Bytes there are; 0 while nobody knows.
    pub bytes_total: u64,
    /// What is being worked on: for the person's own terminal alone.
    pub current: Option<EntryKey>,
}

/// Something to tell at once.
#[derive(Clone, Debug)]
pub enum Notice {
    /// An entry could not be had or put back.
    Failed(Failure),
    /// The target folder seems to have too little space, but holds part of the snapshot already.
    SpaceIsLow {
        /// Bytes that the snapshot needs.
        needed: u64,
        /// Bytes that are free.
        free: u64,
    },
    /// Nothing is deleted, for a part of the tree cannot be read.
    NothingDeleted,
    /// An entry is deleted from the target folder, for the snapshot does not hold it.
    Deleted(EntryKey),
}

/// Sees progress and notices. Called from several threads.
pub trait Monitor: Send + Sync {
    /// How far it has come.
    fn progress(&self, _progress: Progress) {}

    /// Something to tell.
    fn notice(&self, _notice: Notice) {}
}

/// Looks away.
pub struct Void;

impl Monitor for Void {}
