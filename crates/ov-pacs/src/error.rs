//! Why nothing more can be given to a PACS.

use std::path::PathBuf;

/// Why nothing more can be given to a PACS.
#[derive(Debug, thiserror::Error)]
pub enum PacsError {
    /// It cannot be reached.
    #[error("the PACS does not answer: {0}")]
    NoAnswer(String),
    /// Its certificate is not one that is trusted, or of another name.
    #[error("the certificate of the PACS is not trusted: {0}")]
    Untrusted(String),
    /// It will not speak with us.
    #[error("the PACS will not speak with us: {0}")]
    Rejected(String),
    /// It does not know us.
    #[error("the PACS refuses our account (status {0} of HTTP)")]
    Account(u16),
    /// There is no STOW-RS.
    #[error("there is no STOW-RS at this address (status {0} of HTTP)")]
    NoService(u16),
    /// What passes could be read by others.
    #[error("what is sent over plain HTTP can be read by whoever sees it pass")]
    Open,
    /// Certificates cannot be read.
    #[error("the certificates in {path} cannot be read: {why}")]
    Certificates {
        /// The file.
        path: PathBuf,
        /// Why.
        why: String,
    },
    /// The system gives no randomness.
    #[error("the system gives no random numbers")]
    NoChance,
}
