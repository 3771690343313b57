//! The entries of a tree by their position: the first has 0. A position says what an inode number
//! or an offset in a folder says elsewhere, and nobody has to remember it.

use std::sync::Arc;

use ov_format::content::ChunkRef;
use ov_format::entry::{Entry, EntryKey};
use ov_format::page::{Page, PagePointer};
use ov_format::refs::PagePlace;
use ov_format::snapshot::Snapshot;

use crate::extents::Sameness;
use crate::random_access::RandomAccess;
use crate::read_error::{PageFault, ReadError, TreeError};
use crate::reader::refused;

/// The tree of one snapshot, entered by position or by key. Every page on the way must hold what
/// its pointer says, its number of entries among it, so positions cannot shift.
#[derive(Clone, Copy)]
pub struct Positions<'a> {
    access: &'a RandomAccess<'a>,
    root: Option<(ChunkRef, u8)>,
}

/// Entries that stand together in a page.
#[derive(Clone)]
pub struct Leaf {
    page: Arc<Page>,
    first: u64,
}

/// An entry and where it stands.
#[derive(Clone)]
pub struct Located {
    leaf: Leaf,
    index: usize,
}

/// A part of a tree that cannot be read, and where the tree goes on.
#[derive(Clone, Debug)]
pub struct Gap {
    /// The position behind it; `None` if nobody knows how many entries are lost.
    pub behind: Option<u64>,
    /// What cannot be read, and why.
    pub error: Box<TreeError>,
}

impl Leaf {
    /// Its entries.
    pub fn entries(&self) -> &[Entry] {
        match &*self.page {
            Page::Leaf(entries) => entries,
            Page::Index { .. } => &[],
        }
    }

    /// The position of its first entry.
    pub fn first(&self) -> u64 {
        self.first
    }

    /// The position behind its last entry.
    pub fn end(&self) -> u64 {
        self.first.saturating_add(as_u64(self.entries().len()))
    }

    /// Its entries from a position on, each with its own.
    pub fn from(&self, position: u64) -> impl Iterator<Item = (u64, &Entry)> {
        let skipped = usize::try_from(position.saturating_sub(self.first)).unwrap_or(usize::MAX);
        (self.first..).zip(self.entries()).skip(skipped)
    }
}

impl Located {
    /// The entry.
    pub fn entry(&self) -> Option<&Entry> {
        self.leaf.entries().get(self.index)
    }

    /// Its position.
    pub fn position(&self) -> u64 {
        self.leaf.first.saturating_add(as_u64(self.index))
    }
}

impl<'a> Positions<'a> {
    pub(crate) fn new(access: &'a RandomAccess<'a>, snapshot: &Snapshot) -> Self {
        let root = snapshot.root.map(|root| (root, snapshot.root_level));
        Self { access, root }
    }

    /// The leaf that holds a position; `None` behind the last entry.
    pub fn leaf(&self, position: u64) -> Result<Option<Leaf>, Gap> {
        self.descend(&Goal::Position(position))
    }

    /// The entry at a position; `None` behind the last one.
    pub fn entry(&self, position: u64) -> Result<Option<Located>, Gap> {
        let Some(leaf) = self.leaf(position)? else {
            return Ok(None);
        };
        let index = usize::try_from(position.saturating_sub(leaf.first)).unwrap_or(usize::MAX);
        Ok((index < leaf.entries().len()).then_some(Located { leaf, index }))
    }

    /// The entry with a key.
    pub fn find(&self, key: &EntryKey) -> Result<Option<Located>, Gap> {
        let Some(leaf) = self.descend(&Goal::Key(key))? else {
            return Ok(None);
        };
        let found = leaf.entries().binary_search_by(|entry| entry.key.cmp(key));
        Ok(found.ok().map(|index| Located { leaf, index }))
    }

    /// The position of the first entry in a folder, or where it would stand.
    pub fn first_in(&self, folder: &[u8]) -> Result<u64, Gap> {
        let key = EntryKey::new(folder, *b"");
        let Some(leaf) = self.descend(&Goal::Key(&key))? else {
            return Ok(0);
        };
        let before = leaf.entries().partition_point(|entry| entry.key < key);
        Ok(leaf.first.saturating_add(as_u64(before)))
    }

    /// What an entry must have in common with others of its link group to be one file with them.
    pub fn sameness(&self, entry: &Entry) -> Sameness {
        Sameness::of(self.access.reader(), entry)
    }

    /// Goes down to the leaf that holds what is looked for, or would hold it.
    fn descend(&self, goal: &Goal<'_>) -> Result<Option<Leaf>, Gap> {
        let Some((chunk, level)) = self.root else {
            return Ok(None);
        };
        let mut at = 0;
        let mut until: Option<EntryKey> = None;
        let mut page = self.load(&Announced::root(&chunk, level), at, None)?;
        loop {
            let Page::Index { level, children } = &*page else {
                let leaf = Leaf { page, first: at };
                return Ok(goal.may_be_in(&leaf).then_some(leaf));
            };
            let Some((index, before)) = goal.choose(children, at) else {
                return Ok(None);
            };
            let Some(child) = children.get(index) else {
                return Ok(None);
            };
            at = at.saturating_add(before);
            if let Some(next) = children.get(index + 1) {
                until = Some(next.first.clone());
            }
            let announced = Announced::child(child, *level);
            page = self.load(&announced, at, until.as_ref())?;
        }
    }

    fn load(
        &self,
        announced: &Announced<'_>,
        at: u64,
        until: Option<&EntryKey>,
    ) -> Result<Arc<Page>, Gap> {
        let loaded = self.access.page(announced.chunk).and_then(|page| {
            match announced.fault(&page, until) {
                Some(fault) => Err(refused(announced.chunk, fault)),
                None => Ok(page),
            }
        });
        loaded.map_err(|error| announced.gap(at, error))
    }
}

/// What is looked for.
enum Goal<'g> {
    Position(u64),
    Key(&'g EntryKey),
}

impl Goal<'_> {
    /// The child that holds it, and how many entries are before that child.
    fn choose(&self, children: &[PagePointer], at: u64) -> Option<(usize, u64)> {
        let mut before = 0u64;
        let last_begun = match self {
            Self::Position(_) => 0,
            Self::Key(key) => children
                .partition_point(|child| child.first <= **key)
                .saturating_sub(1),
        };
        for (index, child) in children.iter().enumerate() {
            let found = match self {
                Self::Position(position) => {
                    position.checked_sub(at)?.checked_sub(before)? < child.entries
                }
                Self::Key(_) => index == last_begun,
            };
            if found {
                return Some((index, before));
            }
            before = before.saturating_add(child.entries);
        }
        None
    }

    fn may_be_in(&self, leaf: &Leaf) -> bool {
        match self {
            Self::Position(position) => (leaf.first..leaf.end()).contains(position),
            Self::Key(_) => true,
        }
    }
}

/// What the pointer to a page says of it.
struct Announced<'p> {
    chunk: &'p ChunkRef,
    level: u8,
    first: Option<&'p EntryKey>,
    entries: Option<u64>,
}

impl<'p> Announced<'p> {
    fn root(chunk: &'p ChunkRef, level: u8) -> Self {
        Self {
            chunk,
            level,
            first: None,
            entries: None,
        }
    }

    fn child(child: &'p PagePointer, level: u8) -> Self {
        Self {
            chunk: &child.chunk,
            level: level.saturating_sub(1),
            first: Some(&child.first),
            entries: Some(child.entries),
        }
    }

    fn fault(&self, page: &Page, until: Option<&EntryKey>) -> Option<PageFault> {
        let (level, ends, entries) = match page {
            Page::Leaf(entries) => {
                let ends = entries.first().zip(entries.last());
                let ends = ends.map(|(first, last)| (&first.key, &last.key));
                (0, ends, Some(as_u64(entries.len())))
            }
            Page::Index { level, children } => {
                let ends = children.first().zip(children.last());
                let ends = ends.map(|(first, last)| (&first.first, &last.first));
                let sum = children
                    .iter()
                    .try_fold(0u64, |sum, child| sum.checked_add(child.entries));
                (*level, ends, sum)
            }
        };
        let Some((first, last)) = ends else {
            return Some(PageFault::Empty);
        };
        if level != self.level {
            return Some(PageFault::Level);
        }
        if self.first.is_some_and(|said| said != first) {
            return Some(PageFault::First);
        }
        if until.is_some_and(|until| last >= until) {
            return Some(PageFault::Order);
        }
        let counted = entries.is_some() && self.entries.is_none_or(|said| Some(said) == entries);
        (!counted).then_some(PageFault::Count)
    }

    fn gap(&self, at: u64, error: ReadError) -> Gap {
        Gap {
            behind: self.entries.and_then(|entries| at.checked_add(entries)),
            error: Box::new(TreeError {
                place: PagePlace::from(self.chunk),
                first: self.first.cloned(),
                entries: self.entries,
                source: Box::new(error),
            }),
        }
    }
}

fn as_u64(length: usize) -> u64 {
    length.try_into().unwrap_or(u64::MAX)
}
