//! What can stop a survey. Single files never do.

use ov_source::{ShownPath, SourceError};

/// Why there is no survey, or no proposal.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DiscoverError {
    /// It was asked to stop.
    #[error("it was stopped before everything was looked at")]
    Stopped,
    /// The folders cannot be named in a configuration.
    #[error("{path} is not UTF-8 and cannot stand in a configuration; rename the folder")]
    NotText {
        /// The folder.
        path: ShownPath,
    },
    /// A file system said no.
    #[error(transparent)]
    Source(#[from] SourceError),
}
