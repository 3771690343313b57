//! The roots of a file tree, merged.

use std::collections::BTreeMap;
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path};

use crate::error::SourceError;
use crate::shown::ShownPath;

/// A component on the way to a root, or a root.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct RootNode {
    /// Whether the user named this very path.
    pub is_root: bool,
    /// Components below, on the way to further roots.
    pub children: BTreeMap<Vec<u8>, RootNode>,
}

impl RootNode {
    /// Adds a root given by its components.
    pub fn add(&mut self, components: &[Vec<u8>]) {
        let mut node = self;
        for name in components {
            node = node.children.entry(name.clone()).or_default();
        }
        node.is_root = true;
    }

    /// Whether it only leads to roots further down, or leads to some too.
    pub fn leads_on(&self) -> bool {
        !self.children.is_empty()
    }
}

/// The components of a path as the user gave it: absolute, and cleaned by its letters alone
/// (`a/../b` is `b`, whatever `a` is).
pub(crate) fn components(path: &Path) -> Result<Vec<Vec<u8>>, SourceError> {
    let absolute = if path.is_absolute() {
        path.to_path_buf()
    } else {
        std::env::current_dir()
            .map_err(|source| SourceError::NoWorkingDirectory { source })?
            .join(path)
    };
    let mut clean: Vec<Vec<u8>> = Vec::new();
    for component in absolute.components() {
        match component {
            Component::Normal(name) if name.as_bytes().contains(&0) => {
                return Err(SourceError::BadName {
                    path: ShownPath::new(path.as_os_str().as_bytes()),
                });
            }
            Component::Normal(name) => clean.push(name.as_bytes().to_vec()),
            Component::ParentDir => drop(clean.pop()),
            Component::CurDir | Component::RootDir | Component::Prefix(_) => {}
        }
    }
    Ok(clean)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_cleaned_by_their_letters() {
        let parts = |path: &str| components(Path::new(path)).unwrap().join(&b'/');
        assert_eq!(parts("/a//b/./c/../d/"), b"a/b/d");
        assert_eq!(parts("/../.."), b"");
        assert!(parts("x").ends_with(b"/x"));
    }
}
