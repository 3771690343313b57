//! What a check found, and how a chore fails.

use std::fmt;
use std::path::{Path, PathBuf};
use thiserror::Error;

/// One fault at one place.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    place: String,
    fault: String,
}

impl Finding {
    /// A fault at a place without line numbers, such as a crate.
    pub fn at(place: impl Into<String>, fault: impl Into<String>) -> Self {
        Self {
            place: place.into(),
            fault: fault.into(),
        }
    }

    /// A fault on a line of a file, counted from one.
    pub fn on_line(file: &str, line_index: usize, fault: impl Into<String>) -> Self {
        Self::at(format!("{file}:{}", line_index + 1), fault)
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.fault)
    }
}

/// Why a chore could not be done.
#[derive(Debug, Error)]
pub enum Chore {
    /// The words after `cargo xtask` were not understood.
    #[error("usage")]
    Usage,
    /// A named check does not exist.
    #[error("there is no check named `{0}`; `cargo xtask tidy --list` names them")]
    UnknownCheck(String),
    /// Checks ran and found faults.
    #[error("tidy found faults in: {0}")]
    Untidy(String),
    /// Steps of the test run failed.
    #[error("failed: {0}")]
    Failed(String),
    /// A program could not be started.
    #[error("could not run `{program}`: {cause}")]
    NotStarted {
        /// The program.
        program: String,
        /// What the system said.
        cause: std::io::Error,
    },
    /// A program ended with a failure.
    #[error("`{command}` ended with {status}")]
    Ended {
        /// The command line.
        command: String,
        /// Its exit status.
        status: std::process::ExitStatus,
    },
    /// A file could not be read or written.
    #[error("{path}: {cause}")]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        cause: std::io::Error,
    },
    /// `cargo metadata` printed something else than expected.
    #[error("cannot understand what `cargo metadata` printed: {0}")]
    Metadata(#[from] serde_json::Error),
}

/// Read a text file, naming it when that fails.
pub fn read(path: &Path) -> Result<String, Chore> {
    std::fs::read_to_string(path).map_err(|cause| Chore::File {
        path: path.to_path_buf(),
        cause,
    })
}

/// Write a file, naming it when that fails.
pub fn write(path: &Path, content: &[u8]) -> Result<(), Chore> {
    std::fs::write(path, content).map_err(|cause| Chore::File {
        path: path.to_path_buf(),
        cause,
    })
}
