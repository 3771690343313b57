//! How the engine tells what it does. It never prints.

use ov_format::entry::EntryKey;

/// How far a run has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Entries dealt with.
    pub entries: u64,
    /// Files dealt with.
    pub files: u64,
    /// Bytes of files dealt with, unchanged ones too.
    pub bytes: u64,
    /// Bytes read from the source.
    pub read: u64,
    /// Bytes stored.
    pub stored: u64,
}

/// Listens to a run.
pub trait Monitor: Sync {
    /// The run goes on with an entry.
    fn progress(&self, _progress: &Progress, _at: &EntryKey) {}

    /// Something could not be read, or not cleanly.
    fn trouble(&self, _at: &EntryKey, _reason: &str) {}

    /// Something else a person should know.
    fn notice(&self, _text: &str) {}

    /// Whether the run should stop at the next good moment.
    fn stop(&self) -> bool {
        false
    }
}

/// Listens to nothing.
pub struct Void;

impl Monitor for Void {}
