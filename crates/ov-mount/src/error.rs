//! Why nothing was mounted.

use std::io;

use thiserror::Error;

/// Why nothing was mounted, or the mount ended.
#[derive(Debug, Error)]
pub enum MountError {
    /// The folder cannot be used.
    #[error("the folder cannot be used: {0}")]
    Folder(io::Error),
    /// It holds something, which a mount would hide.
    #[error("the folder is not empty; a mount would hide what is in it")]
    NotEmpty,
    /// There is no FUSE here.
    #[error("this system has no FUSE: there is no /dev/fuse")]
    NoFuse,
    /// The system refused to mount.
    #[error("the system refused to mount: {0}")]
    Refused(io::Error),
    /// What the kernel asks cannot be read any more.
    #[error("the connection to the kernel broke: {0}")]
    Broken(io::Error),
}
