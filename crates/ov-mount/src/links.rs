//! Hard links: which names of a snapshot are one file.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use ov_format::entry::{Entry, Kind};
use ov_restore::{Positions, Sameness};

/// Groups that are known of one snapshot. Files of further ones stand for themselves, each with
/// its own inode: their content is right, only that they are one file does not show.
const GROUPS_MAX: usize = 1 << 18;

/// Snapshots whose groups are kept: two can be compared with each other.
const SNAPSHOTS_MAX: usize = 2;

/// A file with several names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Linked {
    /// The position of its first name.
    pub first: u64,
    /// How many names it has in the snapshot.
    pub names: u32,
}

/// The files of one snapshot that have several names.
pub(crate) struct Links {
    groups: HashMap<(u64, Sameness), Linked>,
}

impl Links {
    /// Goes through the whole tree. Names in parts that cannot be read are not counted.
    fn count(tree: &Positions<'_>) -> Self {
        let mut groups: HashMap<(u64, Sameness), Linked> = HashMap::new();
        let mut at = 0;
        loop {
            let leaf = match tree.leaf(at) {
                Ok(Some(leaf)) => leaf,
                Ok(None) => break,
                Err(gap) => match gap.behind.filter(|behind| *behind > at) {
                    Some(behind) => {
                        at = behind;
                        continue;
                    }
                    None => break,
                },
            };
            for (position, entry) in leaf.from(at) {
                let Some(file) = file(tree, entry) else {
                    continue;
                };
                if let Some(linked) = groups.get_mut(&file) {
                    linked.names = linked.names.saturating_add(1);
                } else if groups.len() < GROUPS_MAX {
                    let first = position;
                    groups.insert(file, Linked { first, names: 1 });
                }
            }
            at = leaf.end();
        }
        groups.retain(|_, linked| linked.names > 1);
        groups.shrink_to_fit();
        Self { groups }
    }

    /// What is known of the file that an entry is a name of.
    pub fn of(&self, tree: &Positions<'_>, entry: &Entry) -> Option<Linked> {
        self.groups.get(&file(tree, entry)?).copied()
    }
}

/// Which file an entry is a name of. The group alone proves nothing.
fn file(tree: &Positions<'_>, entry: &Entry) -> Option<(u64, Sameness)> {
    let is_folder = entry.meta.kind == Kind::Directory;
    let group = entry.meta.link_group.filter(|_| !is_folder)?;
    Some((group, tree.sameness(entry)))
}

/// The links of the snapshots that were looked at last.
#[derive(Default)]
pub(crate) struct LinksOfSnapshots {
    known: Mutex<Vec<(usize, Arc<Links>)>>,
}

impl LinksOfSnapshots {
    /// The links of a snapshot. The first question goes through its whole tree; whoever asks
    /// meanwhile waits for that.
    pub fn get(&self, snapshot: usize, tree: &Positions<'_>) -> Arc<Links> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let found = known.iter().position(|(of, _)| *of == snapshot);
        let links = match found {
            Some(at) => known.remove(at).1,
            None => Arc::new(Links::count(tree)),
        };
        if known.len() >= SNAPSHOTS_MAX {
            known.remove(0);
        }
        known.push((snapshot, Arc::clone(&links)));
        links
    }
}
