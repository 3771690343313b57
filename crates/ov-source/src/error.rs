//! What can go wrong at a source.

use std::io;
use std::process::ExitStatus;

use crate::shown::ShownPath;

/// Why a source could not give what was asked of it. Each error is about one thing; a walk that
/// yields one goes on with the next item.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SourceError {
    /// A path named by the user does not exist.
    #[error("{path} does not exist")]
    Missing {
        /// The path.
        path: ShownPath,
    },
    /// A name was listed, and was gone or replaced when it was to be read.
    #[error("{path} vanished while it was being backed up")]
    Vanished {
        /// The path.
        path: ShownPath,
    },
    /// It is there and cannot be read.
    #[error("cannot read {path}: {source}")]
    Unreadable {
        /// The path.
        path: ShownPath,
        /// The system's reason.
        source: io::Error,
    },
    /// It was a regular file when it was listed, and is something else now.
    #[error("{path} is no longer a regular file")]
    NotAFile {
        /// The path.
        path: ShownPath,
    },
    /// A name that no entry can have.
    #[error("\"{path}\" cannot be the name of an entry")]
    BadName {
        /// The name as given.
        path: ShownPath,
    },
    /// A relative path was given and the working directory cannot be found.
    #[error("cannot find the working directory: {source}")]
    NoWorkingDirectory {
        /// The system's reason.
        source: io::Error,
    },
    /// A stream has been read already; its bytes cannot be had again.
    #[error("the stream {path} can be read only once")]
    AlreadyRead {
        /// The stream's name.
        path: ShownPath,
    },
    /// A command was empty.
    #[error("no command was given for {path}")]
    NoCommand {
        /// The stream's name.
        path: ShownPath,
    },
    /// A command could not be started.
    #[error("cannot start {program}: {source}")]
    NotStarted {
        /// The program.
        program: ShownPath,
        /// The system's reason.
        source: io::Error,
    },
    /// A command's output ended and the command says that it failed.
    #[error("{program} failed ({status}); what it wrote is not to be trusted")]
    CommandFailed {
        /// The program.
        program: ShownPath,
        /// How it ended.
        status: ExitStatus,
    },
}

impl SourceError {
    /// Whether the thing simply went away in the meantime, as temporary files do.
    pub fn is_vanished(&self) -> bool {
        matches!(self, Self::Vanished { .. })
    }

    /// The error of a thing that was listed before: gone, or unreadable.
    pub(crate) fn of_listed(path: ShownPath, errno: rustix::io::Errno) -> Self {
        use rustix::io::Errno;
        match errno {
            // Not `STALE`: a server that was restarted under a mount says it of everything.
            Errno::NOENT | Errno::NOTDIR | Errno::LOOP => Self::Vanished { path },
            other => Self::Unreadable {
                path,
                source: other.into(),
            },
        }
    }
}
