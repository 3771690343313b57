//! What can go wrong at a sink.

use std::fmt;
use std::io;

use crate::shown::ShownPath;

/// Why an item could not be put back. Each error is about one item; the others can go on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SinkError {
    /// The entry's name could lead out of the target folder; nothing honest has written it.
    #[error("the name \"{path}\" is not clean and is refused")]
    UncleanName {
        /// The path as stored.
        path: ShownPath,
    },
    /// The entry is of another kind than the call puts back.
    #[error("{path} is not of the kind that was to be put back")]
    WrongKind {
        /// The path.
        path: ShownPath,
    },
    /// Something of another kind stands there and must not be replaced.
    #[error("something else stands at {path}, and it is not to be overwritten")]
    InTheWay {
        /// The path.
        path: ShownPath,
    },
    /// A folder that is not empty stands where something else should go.
    #[error("a folder that is not empty stands at {path}; move it away, or restore elsewhere")]
    FolderInTheWay {
        /// The path.
        path: ShownPath,
    },
    /// Another restore is writing the same file.
    #[error("{path} is being restored by another program at this moment")]
    InUse {
        /// The path.
        path: ShownPath,
    },
    /// A file was finished before all its bytes were there. What there is stays for a resumed
    /// restore, under its unfinished name.
    #[error("{path} is incomplete: {covered} of {size} bytes were restored")]
    Incomplete {
        /// The path.
        path: ShownPath,
        /// Bytes written, kept or known to be holes.
        covered: u64,
        /// Bytes that there should be.
        size: u64,
    },
    /// Deleting would have gone on into another file system.
    #[error("{path} is on another file system and is not deleted")]
    OtherFileSystem {
        /// The path.
        path: ShownPath,
    },
    /// The system refused something.
    #[error("cannot {action} {path}: {source}")]
    Refused {
        /// What was to be done.
        action: Action,
        /// To what.
        path: ShownPath,
        /// The system's reason.
        source: io::Error,
    },
}

impl SinkError {
    /// Whether there is no space left (or no quota), so that going on makes no sense.
    pub fn is_out_of_space(&self) -> bool {
        match self {
            Self::Refused { source, .. } => matches!(
                source.kind(),
                io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded
            ),
            _ => false,
        }
    }
}

/// What a sink was doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Action {
    /// Creating it.
    Create,
    /// Opening it.
    Open,
    /// Writing its content.
    Write,
    /// Reading what is there already.
    Read,
    /// Giving it its final name.
    Rename,
    /// Making a hard link.
    Link,
    /// Deleting it.
    Delete,
    /// Listing it.
    List,
    /// Setting its owner.
    SetOwner,
    /// Setting its mode.
    SetMode,
    /// Setting its times.
    SetTimes,
    /// Asking for the free space.
    Measure,
    /// Bringing what was written to the disk.
    Sync,
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Create => "create",
            Self::Open => "open",
            Self::Write => "write",
            Self::Read => "read",
            Self::Rename => "finish",
            Self::Link => "link",
            Self::Delete => "delete",
            Self::List => "list",
            Self::SetOwner => "set the owner of",
            Self::SetMode => "set the mode of",
            Self::SetTimes => "set the times of",
            Self::Measure => "measure the free space of",
            Self::Sync => "sync",
        })
    }
}
