//! What is backed up, before and after it changes.

use super::change::Change;
use super::place::{failed, make_folder};
use crate::finding::Chore;
use std::path::{Path, PathBuf};

/// A corpus on disk whose state can be moved on and back.
pub enum Source {
    /// A tree that never changes.
    Still(PathBuf),
    /// A tree of which one file in a hundred changes.
    Tree {
        /// The tree.
        root: PathBuf,
        /// Its change.
        change: Change,
    },
    /// Files of which there are versions, shown one after the other under the same names.
    Versions {
        /// Where the version of the moment is.
        live: PathBuf,
        /// All versions.
        versions: Vec<PathBuf>,
    },
}

impl Source {
    /// A corpus in the state in which it was made.
    pub fn open(root: &Path) -> Result<Self, Chore> {
        if !root.join("v1").is_dir() {
            let change = Change::prepare(root)?;
            let root = root.to_path_buf();
            return Ok(Self::Tree { root, change });
        }
        let versions = (1..)
            .map(|number| root.join(format!("v{number}")))
            .take_while(|folder| folder.is_dir())
            .collect();
        let mut name = root.file_name().unwrap_or_default().to_owned();
        name.push(".live");
        let live = root.with_file_name(name);
        Ok(Self::Versions { live, versions })
    }

    /// What engines are told to back up.
    pub fn path(&self) -> &Path {
        match self {
            Self::Still(root) | Self::Tree { root, .. } => root,
            Self::Versions { live, .. } => live,
        }
    }

    /// Before the first backup.
    pub fn begin(&self) -> Result<(), Chore> {
        match self {
            Self::Still(_) | Self::Tree { .. } => Ok(()),
            Self::Versions { live, versions } => show(live, versions.first()),
        }
    }

    /// How many changed states there are.
    pub fn changes(&self) -> usize {
        match self {
            Self::Still(_) => 0,
            Self::Tree { .. } => 1,
            Self::Versions { versions, .. } => versions.len().saturating_sub(1),
        }
    }

    /// Move on to a changed state, counted from 0.
    pub fn advance(&self, state: usize) -> Result<(), Chore> {
        match self {
            Self::Still(_) => Ok(()),
            Self::Tree { change, .. } => change.make(),
            Self::Versions { live, versions } => show(live, versions.get(state + 1)),
        }
    }

    /// Back to the state in which it was made, wherever it stands.
    pub fn end(&self) -> Result<(), Chore> {
        match self {
            Self::Still(_) => Ok(()),
            Self::Tree { change, .. } => change.undo(),
            Self::Versions { live, .. } => clear(live),
        }
    }
}

/// Link the files of one version to where the version of the moment is.
fn show(live: &Path, version: Option<&PathBuf>) -> Result<(), Chore> {
    clear(live)?;
    make_folder(live)?;
    let Some(version) = version else {
        return Ok(());
    };
    for name in super::corpus::tree::files(version)? {
        let (from, to) = (version.join(&name), live.join(&name));
        std::fs::hard_link(&from, &to).map_err(|cause| failed(&from, cause))?;
    }
    Ok(())
}

fn clear(live: &Path) -> Result<(), Chore> {
    match live.exists() {
        true => std::fs::remove_dir_all(live).map_err(|cause| failed(live, cause)),
        false => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::corpus::tree::Tree;

    #[test]
    fn versions_are_shown_one_after_the_other_under_one_name() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("dump");
        let mut tree = Tree::below(&root);
        for version in ["v1", "v2", "v3"] {
            tree.put(&format!("{version}/dump.sql"), version.as_bytes())
                .unwrap();
        }
        let source = Source::open(&root).unwrap();
        let shown = || std::fs::read_to_string(source.path().join("dump.sql")).unwrap();
        source.begin().unwrap();
        assert_eq!((source.changes(), shown()), (2, "v1".to_owned()));
        source.advance(1).unwrap();
        assert_eq!(shown(), "v3");
        source.end().unwrap();
        assert!(!source.path().exists());
        assert_eq!(
            std::fs::read_to_string(root.join("v3/dump.sql")).unwrap(),
            "v3"
        );
    }
}
