//! Why the local copy of the catalogs cannot be used.

use std::path::PathBuf;

/// Why the local copy of the catalogs cannot be used. Nothing is lost: the catalogs can be searched
/// without it.
#[derive(Debug, thiserror::Error)]
pub enum CatalogError {
    /// Its folder or file cannot be made.
    #[error("the local catalog {path} cannot be opened: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The database says no.
    #[error("the local catalog cannot be used: {0}")]
    Database(#[from] rusqlite::Error),
}
