//! Why a worker gave no account.

use ov_clinical::Opaque;
use thiserror::Error;

/// Why a worker gave no account of a file.
#[derive(Debug, Error)]
pub enum ExtractError {
    /// The program could not be started as a worker.
    #[error("the worker that reads what files say could not be started: {0}")]
    NotStarted(#[source] std::io::Error),
    /// The worker is gone.
    #[error("the worker that reads what files say ended")]
    Gone,
    /// The worker neither took bytes nor answered for too long.
    #[error("the worker that reads what files say does not answer")]
    Stalled,
    /// The worker answers, but the backup would wait too long for it.
    #[error("the worker that reads what files say is slower than the backup")]
    TooSlow,
    /// What the worker sent is no answer.
    #[error("the worker that reads what files say gave no sound answer")]
    Garbled,
}

impl ExtractError {
    /// What it means for the file at hand.
    #[must_use]
    pub fn opaque(&self) -> Opaque {
        match self {
            Self::NotStarted(_) | Self::Gone => Opaque::Crashed,
            Self::Stalled => Opaque::Stalled,
            Self::TooSlow => Opaque::TooSlow,
            Self::Garbled => Opaque::Garbled,
        }
    }
}
