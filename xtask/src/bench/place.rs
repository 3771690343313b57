//! Folders of a run, and errors that name their file.

use crate::finding::Chore;
use std::io;
use std::path::Path;

/// The error of a file or folder.
pub fn failed(path: &Path, cause: io::Error) -> Chore {
    let path = path.to_path_buf();
    Chore::File { path, cause }
}

/// A folder that exists, with those above it.
pub fn make_folder(folder: &Path) -> Result<(), Chore> {
    std::fs::create_dir_all(folder).map_err(|cause| failed(folder, cause))
}
