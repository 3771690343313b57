//! The files of the project: what git tracks, and what it would if it were added now.

use crate::command::{command, text};
use crate::finding::{Chore, read};
use std::path::{Path, PathBuf};

/// The project's files, by path from its root.
pub struct Tracked {
    root: PathBuf,
    /// Paths from the root, with `/`, sorted.
    pub paths: Vec<String>,
}

impl Tracked {
    /// Ask git. Files that were deleted and not yet committed are left out.
    pub fn read(root: &Path) -> Result<Self, Chore> {
        let listing = [
            "ls-files",
            "-z",
            "--cached",
            "--others",
            "--exclude-standard",
        ];
        let printed = text(&mut command("git", &listing, root))?;
        let mut paths: Vec<String> = printed
            .split('\0')
            .filter(|path| !path.is_empty() && root.join(path).is_file())
            .map(str::to_owned)
            .collect();
        paths.sort();
        paths.dedup();
        Ok(Self {
            root: root.to_path_buf(),
            paths,
        })
    }

    /// The paths that end so, such as ".rs".
    pub fn ending<'a>(&'a self, end: &'a str) -> impl Iterator<Item = &'a str> {
        self.paths
            .iter()
            .map(String::as_str)
            .filter(move |path| path.ends_with(end))
    }

    /// A file's text; `None` for files that are not UTF-8.
    pub fn text(&self, path: &str) -> Result<Option<String>, Chore> {
        match read(&self.root.join(path)) {
            Ok(text) => Ok(Some(text)),
            Err(Chore::File { cause, .. }) if cause.kind() == std::io::ErrorKind::InvalidData => {
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// True where the path is a file or a folder of the project.
    pub fn holds(&self, path: &str) -> bool {
        let folder = format!("{}/", path.trim_end_matches('/'));
        self.paths
            .iter()
            .any(|own| own == path || own.starts_with(&folder))
    }
}
