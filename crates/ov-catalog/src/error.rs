//! Why a copy of the catalogs cannot be used.

use std::path::PathBuf;

/// Why a copy of the catalogs cannot be used. Nothing is lost: the catalogs can be searched
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
    /// It cannot be claimed.
    #[error("the local catalog cannot be locked: {0}")]
    Lock(std::io::Error),
    /// The database says no.
    #[error("the local catalog cannot be used: {0}")]
    Database(#[from] rusqlite::Error),
    /// The URL of a server cannot be understood. It is not shown: a password might be in it.
    #[error("the URL of the catalog's server cannot be understood: {0}")]
    Url(postgres::Error),
    /// The URL of a server has a password, which would stand in files and lists of processes.
    #[error("the URL of the catalog's server has a password: move it into a password file")]
    PasswordInUrl,
    /// The password file cannot be read.
    #[error("the password file {path} cannot be read: {source}")]
    Passfile {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Others may read the password file.
    #[error("others may read the password file {path}: take that from them with chmod 600")]
    OpenPassfile {
        /// The file.
        path: PathBuf,
    },
    /// The file with authorities' certificates cannot be used.
    #[error("the certificates in {path} cannot be used: {why}")]
    Authorities {
        /// The file.
        path: PathBuf,
        /// Why.
        why: String,
    },
    /// TLS cannot be set up.
    #[error("TLS to the catalog's server cannot be set up: {0}")]
    Tls(rustls::Error),
    /// The server says no, or does not answer.
    #[error("the catalog's server cannot be used: {}", cause(.0))]
    Server(#[from] postgres::Error),
}

/// What the server says, or why it could not be asked.
fn cause(error: &postgres::Error) -> String {
    if let Some(said) = error.as_db_error() {
        return said.message().to_owned();
    }
    match std::error::Error::source(error) {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}
