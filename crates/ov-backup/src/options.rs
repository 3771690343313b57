//! What a backup is asked to do, and what it did.

use std::path::Path;
use std::sync::Arc;

use ov_coding::Effort;
use ov_format::entry::Time;
use ov_format::name::RecordName;
use ov_seal::entropy::Entropy;
use ov_vault::Clock;

use crate::extract::Extractor;
use crate::memory::Memory;
use crate::monitor::Monitor;
use crate::ordered::Threads;

/// Whether files that look unchanged are read again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reuse {
    /// They are taken from the last run.
    #[default]
    Unchanged,
    /// Everything is read (`--force`).
    Nothing,
}

/// What must be equal for a file to count as unchanged, beside path, size, mode and mtime.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Compare {
    /// Whether the inode number counts.
    pub inode: Counts,
    /// Whether the time of the last change of metadata counts.
    pub ctime: Counts,
}

/// Whether something counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Counts {
    /// It does.
    #[default]
    Yes,
    /// It does not.
    No,
}

/// How much of the unchanged data is read again, against silent poisoning of the local state.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Reread {
    /// The time since the last run, divided by 90 days.
    #[default]
    Spread,
    /// This share, from 0 to 1.
    Share(f64),
}

/// Whether the run stores anything.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// It does.
    #[default]
    Store,
    /// It only looks and counts (`--dry-run`).
    DryRun,
}

/// What to do when nothing changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Unchanged {
    /// A snapshot all the same: it says that all was well at that time.
    #[default]
    Commit,
    /// No snapshot (`--skip-if-unchanged`).
    Skip,
}

/// What a backup is asked to do.
#[derive(Clone, Debug, Default)]
pub struct BackupOptions {
    /// The dataset's name.
    pub dataset: String,
    /// The host's name.
    pub host: String,
    /// The user's name.
    pub user: String,
    /// The paths that were asked for, as shown later.
    pub paths: Vec<Vec<u8>>,
    /// Tags.
    pub tags: Vec<String>,
    /// The snapshot's time, where it is not the start of the run.
    pub time: Option<Time>,
    /// Whether unchanged files are read again.
    pub reuse: Reuse,
    /// What must be equal for a file to count as unchanged.
    pub compare: Compare,
    /// How much unchanged data is read again.
    pub reread: Reread,
    /// Whether the run stores anything.
    pub mode: Mode,
    /// What to do when nothing changed.
    pub unchanged: Unchanged,
    /// How hard to compress.
    pub effort: Effort,
    /// How much memory the run may take.
    pub memory: Memory,
    /// Who issues the identifiers of patients whose files name no issuer; empty if nobody knows.
    pub issuer: String,
}

/// What comes in from outside.
pub struct Seams<'a> {
    /// Randomness.
    pub entropy: Arc<dyn Entropy>,
    /// Time.
    pub clock: &'a dyn Clock,
    /// Who listens.
    pub monitor: &'a dyn Monitor,
    /// The folder for local state; without one nothing is remembered between runs.
    pub state: Option<&'a Path>,
    /// Threads.
    pub threads: Threads,
    /// Who is shown the files that are read, and says what to keep beside them.
    pub extractor: Option<&'a dyn Extractor>,
}

/// What a backup did.
#[derive(Clone, Debug, Default)]
pub struct BackupReport {
    /// The snapshot; `None` after a dry run, or if it was skipped as unchanged.
    pub snapshot: Option<RecordName>,
    /// Files that the last run did not have.
    pub files_new: u64,
    /// Files that changed since.
    pub files_changed: u64,
    /// Files that look the same.
    pub files_unmodified: u64,
    /// Of these, how many were read again all the same.
    pub files_reread: u64,
    /// Files and folders that could not be read (wholly).
    pub unreadable: u64,
    /// Files that changed while they were read.
    pub changed_while_read: u64,
    /// Names that vanished between listing and reading.
    pub vanished: u64,
    /// Folders, links and special files.
    pub others: u64,
    /// Sum of the sizes of all files, in bytes.
    pub bytes: u64,
    /// Bytes read from the source.
    pub bytes_read: u64,
    /// Plain bytes of chunks that were not there.
    pub bytes_added: u64,
    /// Plain bytes of chunks that were there and were stored again, because little else of their
    /// frames is used.
    pub bytes_renewed: u64,
    /// Bytes stored on the target, records and padding included.
    pub bytes_stored: u64,
    /// Objects stored.
    pub objects: u64,
    /// Runs until it was sure that nothing it used was being deleted: almost always one.
    pub passes: u32,
}
