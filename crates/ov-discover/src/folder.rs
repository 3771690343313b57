//! The folders of a survey, with what lies in them and below.

use std::collections::HashMap;
use std::sync::Arc;

use crate::category::place;
use crate::file::FoundFile;

/// Files and bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sum {
    pub files: u64,
    pub bytes: u64,
}

impl Sum {
    pub(crate) fn add(&mut self, other: Self) {
        self.files = self.files.saturating_add(other.files);
        self.bytes = self.bytes.saturating_add(other.bytes);
    }
}

/// Of each category, in the order of `CATEGORIES`.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Sums(pub [Sum; 9]);

impl Sums {
    pub(crate) fn all(&self) -> Sum {
        self.0.iter().fold(Sum::default(), |mut sum, one| {
            sum.add(*one);
            sum
        })
    }

    fn add(&mut self, other: &Self) {
        for (sum, more) in self.0.iter_mut().zip(&other.0) {
            sum.add(*more);
        }
    }
}

/// A folder.
pub(crate) struct Node {
    /// Its absolute path without the leading slash.
    pub path: Vec<u8>,
    pub parent: Option<usize>,
    pub children: Vec<usize>,
    /// Files in it.
    pub own: Sums,
    /// Files in it and below.
    pub all: Sums,
}

/// The folders that hold files, and those above them; the top folder is the first.
pub(crate) struct Folders {
    pub nodes: Vec<Node>,
    known: HashMap<Vec<u8>, usize>,
}

/// What lies in a folder and below it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FolderSum {
    /// Its absolute path.
    pub path: Vec<u8>,
    /// Files.
    pub files: u64,
    /// Bytes.
    pub bytes: u64,
}

impl Folders {
    /// Of the files that are chosen.
    pub(crate) fn of<'f>(files: impl Iterator<Item = &'f FoundFile>) -> Self {
        let mut folders = Self {
            nodes: Vec::new(),
            known: HashMap::new(),
        };
        folders.node(b"");
        let mut last: (Arc<[u8]>, usize) = (Arc::default(), 0);
        for file in files {
            if last.0 != file.folder {
                last = (Arc::clone(&file.folder), folders.node(&file.folder));
            }
            let own = folders.nodes.get_mut(last.1).map(|node| &mut node.own);
            let sum = own.and_then(|own| own.0.get_mut(place(file.category())));
            if let Some(sum) = sum {
                sum.add(Sum {
                    files: 1,
                    bytes: file.size,
                });
            }
        }
        folders.sum_up();
        folders
    }

    /// The folder of this path, if it holds anything.
    pub(crate) fn find(&self, path: &[u8]) -> Option<usize> {
        self.known.get(path).copied()
    }

    pub(crate) fn get(&self, at: usize) -> Option<&Node> {
        self.nodes.get(at)
    }

    /// The folder of this path; it and those above it are made where they are not known.
    fn node(&mut self, path: &[u8]) -> usize {
        let path = shortened(path);
        if let Some(at) = self.known.get(path) {
            return *at;
        }
        let mut parent = None;
        let cuts = path.iter().enumerate().filter(|(_, byte)| **byte == b'/');
        let ends: Vec<usize> = cuts.map(|(at, _)| at).chain([path.len()]).collect();
        let above = [0].into_iter().filter(|_| !path.is_empty());
        for end in above.chain(ends) {
            let part = path.get(..end).unwrap_or(path);
            parent = Some(match self.known.get(part) {
                Some(at) => *at,
                None => self.insert(part, parent),
            });
        }
        parent.unwrap_or_default()
    }

    fn insert(&mut self, path: &[u8], parent: Option<usize>) -> usize {
        let at = self.nodes.len();
        self.nodes.push(Node {
            path: path.to_vec(),
            parent,
            children: Vec::new(),
            own: Sums::default(),
            all: Sums::default(),
        });
        self.known.insert(path.to_vec(), at);
        if let Some(above) = parent.and_then(|parent| self.nodes.get_mut(parent)) {
            above.children.push(at);
        }
        at
    }

    /// Folders stand behind those above them.
    fn sum_up(&mut self) {
        for at in (0..self.nodes.len()).rev() {
            let Some(node) = self.nodes.get_mut(at) else {
                continue;
            };
            let own = node.own;
            node.all.add(&own);
            let (all, parent) = (node.all, node.parent);
            if let Some(above) = parent.and_then(|parent| self.nodes.get_mut(parent)) {
                above.all.add(&all);
            }
        }
    }
}

/// Folders deeper than this count with the one above them: the paths of a hostile nest would take
/// more memory than there is.
const DEPTH_MAX: usize = 64;

fn shortened(path: &[u8]) -> &[u8] {
    let cuts = path.iter().enumerate().filter(|(_, byte)| **byte == b'/');
    let cut = cuts.map(|(at, _)| at).nth(DEPTH_MAX - 1);
    cut.and_then(|cut| path.get(..cut)).unwrap_or(path)
}

/// A path as people know it, from one without its leading slash.
pub(crate) fn absolute(path: &[u8]) -> Vec<u8> {
    [b"/", path].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(folder: &str, size: u64) -> FoundFile {
        FoundFile {
            folder: Arc::from(folder.as_bytes()),
            name: Box::from(&b"x"[..]),
            size,
            modified: 0,
            seen: None,
        }
    }

    #[test]
    fn folders_hold_what_lies_in_them_and_below() {
        let files = [file("a", 1), file("a/b/c", 2), file("d", 4)];
        let folders = Folders::of(files.iter());
        let all = |path: &[u8]| folders.get(folders.find(path).unwrap()).unwrap().all.all();
        assert_eq!(all(b""), Sum { files: 3, bytes: 7 });
        assert_eq!(all(b"a"), Sum { files: 2, bytes: 3 });
        assert_eq!(all(b"a/b"), Sum { files: 1, bytes: 2 });
        let above = folders.get(folders.find(b"a/b/c").unwrap()).unwrap().parent;
        assert_eq!(above, folders.find(b"a/b"));
    }

    #[test]
    fn a_deep_nest_is_counted_without_all_its_paths() {
        let deep = vec!["n"; 5000].join("/");
        let files = [file(&deep, 3)];
        let folders = Folders::of(files.iter());
        assert_eq!(folders.nodes.len(), DEPTH_MAX + 1);
        assert_eq!(folders.get(0).unwrap().all.all().bytes, 3);
    }
}
