//! Why somebody was not told.

use std::path::PathBuf;

use thiserror::Error;

/// Why a message did not arrive. Never holds more of an address than its host.
#[derive(Debug, Error)]
pub enum NotifyError {
    /// A file with a secret or with certificates.
    #[error("cannot read {}: {source}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A file that should hold certificates holds none.
    #[error("{} holds no certificate in PEM", .0.display())]
    Certificates(PathBuf),
    /// A secret would be readable on the way.
    #[error("{host} is not on this machine and the connection is not protected: no secret is sent")]
    Open {
        /// The server.
        host: String,
    },
    /// The server could not be reached, or hung up.
    #[error("{host} cannot be reached: {cause}")]
    Unreached {
        /// The server.
        host: String,
        /// Why.
        cause: String,
    },
    /// The server refused.
    #[error("{host} answered {code}")]
    Refused {
        /// The server.
        host: String,
        /// Its code.
        code: u16,
    },
    /// The server has no time now.
    #[error("{host} answered {code}: not now")]
    Deferred {
        /// The server.
        host: String,
        /// Its code.
        code: u16,
    },
    /// The system's log.
    #[error("the system's log at {} takes nothing: {source}", path.display())]
    Syslog {
        /// Its socket.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The mail could not be written.
    #[error("the mail cannot be written: {0}")]
    Mail(#[from] lettre::error::Error),
}

impl NotifyError {
    /// Whether it may go better at once.
    pub(crate) fn is_passing(&self) -> bool {
        matches!(self, Self::Unreached { .. } | Self::Deferred { .. })
    }
}
