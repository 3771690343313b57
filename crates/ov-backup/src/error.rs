//! Why a backup failed as a whole. What could not be read is in the report instead.

use ov_source::SourceError;
use ov_store::StoreError;
use ov_vault::{Finding, VaultError};
use thiserror::Error;

/// Why a backup failed.
#[derive(Debug, Error)]
pub enum BackupError {
    /// The vault failed.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// The target failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The source failed as a whole.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The key has no agent's secret for the compartment.
    #[error("this key cannot back up into the compartment {0:?}: it holds {1}")]
    Compartment(String, String),
    /// A coder could not be set up.
    #[error("cannot set up the coder: {0}")]
    Coding(#[from] ov_coding::CodingError),
    /// The local state could not be used.
    #[error("local state {path}: {source}")]
    State {
        /// The file.
        path: std::path::PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// What was read of the local state cannot be what was written there.
    #[error("the local state holds what this program did not write: {0}; delete it and run again")]
    StateFormat(#[from] ov_format::FormatError),
    /// A worker thread died.
    #[error("a worker thread died: this is a mistake in the program, please report it")]
    Worker,
    /// The source cannot go on.
    #[error("{0}")]
    Stopped(String),
    /// The run was asked to stop.
    #[error("interrupted")]
    Interrupted,
    /// What keepers say could not be read.
    #[error(
        "everything is stored, but nobody knows whether a part of it is just being deleted: {}",
        .0.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
    )]
    KeepersUnread(Vec<Finding>),
    /// Keepers condemned what the run used, again and again.
    #[error(
        "the run was repeated {0} times because data that it used was being deleted each time; \
         try again when pruning has ended"
    )]
    Repeated(u32),
    /// A stream cannot be read twice, and its first reading used what was being deleted.
    #[error("the run must be repeated, and its stream can be read only once: run it again")]
    StreamRepeat,
}
