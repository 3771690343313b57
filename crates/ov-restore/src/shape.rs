//! Which part of a snapshot is wanted, and under which keys it is put back.

use ov_format::entry::{Entry, EntryKey, Kind};

use crate::filter::Filter;
use crate::read_error::TreeError;
use crate::tree::{Entries, Tree, is_at_or_below};

/// A part of a snapshot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// All of it.
    Whole,
    /// What is below a folder, without the folder itself.
    Below(Vec<u8>),
    /// One entry that is no folder.
    One(Box<Entry>),
    /// These entries of the snapshot, in tree order, none of them a folder. They are put back under
    /// their full paths; the folders above them are made as they are needed.
    These(Vec<Entry>),
}

impl Part {
    /// The part at a path; `None` if nothing is there. A folder that was not backed up itself,
    /// but has something below it, counts.
    pub fn at(tree: &Tree<'_>, path: &[u8]) -> Result<Option<Self>, TreeError> {
        let Some(key) = EntryKey::from_path(path) else {
            return Ok(path.is_empty().then_some(Self::Whole));
        };
        match tree.find(&key)? {
            Some(entry) if entry.meta.kind == Kind::Directory => Ok(Some(Self::Below(key.path()))),
            Some(entry) => Ok(Some(Self::One(Box::new(entry)))),
            None => match tree.below(&key.path()).next() {
                Some(first) => first.map(|_| Some(Self::Below(key.path()))),
                None => Ok(None),
            },
        }
    }

    /// The key under which an entry is put back; `None` if it is not of this part.
    pub fn target_key(&self, key: &EntryKey) -> Option<EntryKey> {
        match self {
            Self::Whole | Self::These(_) => Some(key.clone()),
            Self::One(entry) => (entry.key == *key).then(|| EntryKey::new(*b"", &key.name[..])),
            Self::Below(folder) => {
                let rest = key.parent.strip_prefix(&folder[..])?;
                let parent = rest.strip_prefix(b"/").unwrap_or(rest);
                is_at_or_below(&key.parent, folder).then(|| EntryKey::new(parent, &key.name[..]))
            }
        }
    }
}

/// A part of a snapshot, less what a filter leaves out.
#[derive(Clone, Copy)]
pub struct Wanted<'w> {
    /// The tree.
    pub tree: Tree<'w>,
    /// The paths that were asked for at the backup: what is above them was not backed up whole.
    pub roots: &'w [Vec<u8>],
    /// Which part.
    pub part: &'w Part,
    /// What of it.
    pub filter: &'w Filter,
}

impl<'w> Wanted<'w> {
    /// Its entries in tree order.
    pub fn entries(&self) -> impl Iterator<Item = Result<Entry, TreeError>> + use<'w> {
        let filter = self.filter;
        let taken = move |entry: &Result<Entry, TreeError>| match entry {
            Ok(entry) => filter.takes(&entry.key),
            Err(_) => true,
        };
        self.all().filter(taken)
    }

    /// Its entries with those that the filter leaves out.
    pub(crate) fn all(&self) -> impl Iterator<Item = Result<Entry, TreeError>> + use<'w> {
        let (walk, these): (Option<Entries<'w>>, &'w [Entry]) = match self.part {
            Part::Whole => (Some(self.tree.entries()), &[]),
            Part::Below(folder) => (Some(self.tree.below(folder)), &[]),
            Part::One(entry) => (None, std::slice::from_ref(entry)),
            Part::These(entries) => (None, entries),
        };
        walk.into_iter()
            .flatten()
            .chain(these.iter().cloned().map(Ok))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(path: &str) -> EntryKey {
        EntryKey::from_path(path.as_bytes()).unwrap()
    }

    #[test]
    fn what_is_below_a_folder_goes_right_into_the_target() {
        let part = Part::Below(b"data/x".to_vec());
        assert_eq!(part.target_key(&key("data/x/a")), Some(key("a")));
        assert_eq!(part.target_key(&key("data/x/a/b")), Some(key("a/b")));
        assert_eq!(part.target_key(&key("data/x")), None);
        assert_eq!(part.target_key(&key("data/x-ray/a")), None);
        assert_eq!(Part::Whole.target_key(&key("data/x")), Some(key("data/x")));
    }
}
