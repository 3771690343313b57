//! The tree of a snapshot: walked lazily, entered anywhere with a few reads.

use std::collections::VecDeque;

use ov_format::content::{ChunkRef, Content, FrameRef};
use ov_format::entry::{Entry, EntryKey};
use ov_format::page::Page;
use ov_format::refs::PagePlace;
use ov_format::snapshot::Snapshot;

use crate::read_error::{PageFault, ReadError, TreeError};
use crate::reader::{FrameReader, refused};

/// Pages, and lists of extents, that are looked at to be read ahead at most. Dozens of pages lie in
/// one frame; how many bytes are read is bounded by the reader.
const AHEAD_MAX: usize = 1024;

/// The tree of one snapshot.
#[derive(Clone, Copy)]
pub struct Tree<'r> {
    reader: &'r FrameReader<'r>,
    root: Option<(ChunkRef, u8)>,
    troubled: u64,
}

impl<'r> Tree<'r> {
    /// The tree that a snapshot names.
    pub fn of(reader: &'r FrameReader<'r>, snapshot: &Snapshot) -> Self {
        let root = snapshot.root.map(|root| (root, snapshot.root_level));
        Self {
            reader,
            root,
            troubled: snapshot.counts.troubled,
        }
    }

    /// What a snapshot says of its files: at the path of a file, an entry whose content is the
    /// file's account. Empty if it says nothing of any.
    pub fn catalog_of(reader: &'r FrameReader<'r>, snapshot: &Snapshot) -> Self {
        let root = snapshot.catalog.map(|root| (root, snapshot.catalog_level));
        Self {
            reader,
            root,
            troubled: 0,
        }
    }

    /// Whether the backup could not read all that it looked at.
    pub fn is_troubled(&self) -> bool {
        self.troubled > 0
    }

    pub(crate) fn root(&self) -> Option<(ChunkRef, u8)> {
        self.root
    }

    /// What it is read with.
    pub fn reader(&self) -> &'r FrameReader<'r> {
        self.reader
    }

    /// All entries, in tree order.
    pub fn entries(&self) -> Entries<'r> {
        if let Some((root, _)) = &self.root {
            self.reader.read_tree(root, AHEAD_MAX);
        }
        Entries {
            cursor: self.cursor(None).reading_ahead(AHEAD_MAX),
            range: Range::All,
        }
    }

    /// All entries below a folder, without its own; all of them for the empty path.
    pub fn below(&self, folder: &[u8]) -> Entries<'r> {
        if folder.is_empty() {
            return self.entries();
        }
        Entries {
            cursor: self
                .cursor(Some(EntryKey::new(folder, *b"")))
                .reading_ahead(1),
            range: Range::Below(folder.to_vec()),
        }
    }

    /// The entries of a folder, without what is below its subfolders.
    pub fn list(&self, folder: &[u8]) -> Entries<'r> {
        Entries {
            cursor: self
                .cursor(Some(EntryKey::new(folder, *b"")))
                .reading_ahead(1),
            range: Range::In(folder.to_vec()),
        }
    }

    /// One entry.
    pub fn find(&self, key: &EntryKey) -> Result<Option<Entry>, TreeError> {
        let mut cursor = self.cursor(Some(key.clone()));
        loop {
            match cursor.peek() {
                Some(Next::Page(page)) => {
                    if page.first.is_some_and(|first| first > key) {
                        return Ok(None);
                    }
                    cursor.expand()?;
                }
                Some(Next::Entry(entry)) if entry.key == *key => return Ok(cursor.take()),
                Some(Next::Entry(_)) | None => return Ok(None),
            }
        }
    }

    pub(crate) fn cursor(&self, from: Option<EntryKey>) -> Cursor<'r> {
        let root = self.root.map(|(chunk, level)| Pending {
            first: None,
            chunk,
            level,
            entries: None,
        });
        Cursor {
            reader: self.reader,
            pending: root.into_iter().collect(),
            leaf: VecDeque::new(),
            from,
            ahead: 0,
        }
    }
}

/// Entries in tree order. A part that cannot be read is an `Err`; the walk goes on behind it.
pub struct Entries<'r> {
    cursor: Cursor<'r>,
    range: Range,
}

enum Range {
    All,
    In(Vec<u8>),
    Below(Vec<u8>),
}

impl Range {
    /// Whether a key is in it, given that it is not before it.
    fn holds(&self, key: &EntryKey) -> bool {
        match self {
            Self::All => true,
            Self::In(folder) => key.parent == *folder,
            Self::Below(folder) => is_at_or_below(&key.parent, folder),
        }
    }
}

impl Iterator for Entries<'_> {
    type Item = Result<Entry, TreeError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            match self.cursor.peek()? {
                // The first page may begin before the range.
                Next::Page(page) => {
                    let before = self.cursor.from.as_ref();
                    let behind = page
                        .first
                        .filter(|first| before.is_none_or(|b| *first >= b));
                    if behind.is_some_and(|first| !self.range.holds(first)) {
                        return None;
                    }
                    if let Err(error) = self.cursor.expand() {
                        return Some(Err(error));
                    }
                }
                Next::Entry(entry) if self.range.holds(&entry.key) => {
                    return self.cursor.take().map(Ok);
                }
                Next::Entry(_) => return None,
            }
        }
    }
}

/// Whether a path is a folder's, or below it. All paths are below the empty one.
pub(crate) fn is_at_or_below(path: &[u8], folder: &[u8]) -> bool {
    match path.strip_prefix(folder) {
        Some(rest) => folder.is_empty() || rest.is_empty() || rest.starts_with(b"/"),
        None => false,
    }
}

/// What stands next in a tree.
pub(crate) enum Next<'c> {
    /// A page that was not read yet.
    Page(PageAhead<'c>),
    /// An entry.
    Entry(&'c Entry),
}

/// A page that was not read yet.
pub(crate) struct PageAhead<'c> {
    pub first: Option<&'c EntryKey>,
    pub chunk: ChunkRef,
    pub level: u8,
}

/// A place in a tree, from which pages can be entered or passed over. Checks what no page can
/// check alone: levels, announced keys, and that pages do not overlap.
pub(crate) struct Cursor<'r> {
    reader: &'r FrameReader<'r>,
    /// Pages to come, the next one last.
    pending: Vec<Pending>,
    leaf: VecDeque<Entry>,
    /// What is before this key is passed over.
    from: Option<EntryKey>,
    /// Pages that are read at once, the next one among them; grows as the walk goes on.
    ahead: usize,
}

struct Pending {
    first: Option<EntryKey>,
    chunk: ChunkRef,
    level: u8,
    entries: Option<u64>,
}

impl<'r> Cursor<'r> {
    /// The same for a walk that will want what follows: reads this many pages at once at first,
    /// and more as it goes on.
    fn reading_ahead(self, ahead: usize) -> Self {
        Self { ahead, ..self }
    }

    pub fn peek(&self) -> Option<Next<'_>> {
        if let Some(entry) = self.leaf.front() {
            return Some(Next::Entry(entry));
        }
        let Pending {
            first,
            chunk,
            level,
            ..
        } = self.pending.last()?;
        Some(Next::Page(PageAhead {
            first: first.as_ref(),
            chunk: *chunk,
            level: *level,
        }))
    }

    /// Takes the entry that stands next.
    pub fn take(&mut self) -> Option<Entry> {
        self.leaf.pop_front()
    }

    /// Passes over the page that stands next.
    pub fn skip(&mut self) {
        self.pending.pop();
    }

    /// Reads the pages that stand next and that `wants` takes into the reader's memory.
    pub fn read_ahead(&self, pages: usize, wants: impl Fn(&ChunkRef) -> bool) {
        let next = self.pending.iter().rev().map(|pending| pending.chunk);
        let frames = next.filter(wants).map(|chunk| chunk.at);
        self.reader.read_ahead(frames.take(pages));
    }

    /// Reads the page that stands next. If it cannot be read, it is passed over.
    pub fn expand(&mut self) -> Result<(), TreeError> {
        if self.ahead > 0 {
            self.read_ahead(self.ahead, |_| true);
            self.ahead = AHEAD_MAX.min(2 * self.ahead);
        }
        let Some(page) = self.pending.pop() else {
            return Ok(());
        };
        self.enter(&page).map_err(|source| TreeError {
            place: PagePlace::from(&page.chunk),
            first: page.first.clone(),
            entries: page.entries,
            source: Box::new(source),
        })
    }

    fn enter(&mut self, pending: &Pending) -> Result<(), ReadError> {
        let page = self.reader.page(&pending.chunk)?;
        let refused = |why| refused(&pending.chunk, why);
        let (level, keys) = match &page {
            Page::Leaf(entries) => (0, ends(entries, |entry| &entry.key)),
            Page::Index { level, children } => (*level, ends(children, |child| &child.first)),
        };
        if level != pending.level {
            return Err(refused(PageFault::Level));
        }
        let (first, last) = keys.ok_or_else(|| refused(PageFault::Empty))?;
        if pending.first.as_ref().is_some_and(|said| said != first) {
            return Err(refused(PageFault::First));
        }
        let behind = self.pending.last().and_then(|next| next.first.as_ref());
        if behind.is_some_and(|behind| last >= behind) {
            return Err(refused(PageFault::Order));
        }
        self.push(page);
        Ok(())
    }

    fn push(&mut self, page: Page) {
        match page {
            Page::Leaf(entries) => {
                if self.ahead > 0 {
                    let lists = entries.iter().filter_map(first_list);
                    self.reader.read_ahead(lists.take(AHEAD_MAX));
                }
                self.leaf = entries.into();
                if let Some(from) = &self.from {
                    let before = self.leaf.partition_point(|entry| entry.key < *from);
                    self.leaf.drain(..before);
                }
            }
            Page::Index { level, children } => {
                let before = self.from.as_ref().map_or(0, |from| {
                    let at = children.partition_point(|child| child.first <= *from);
                    at.saturating_sub(1)
                });
                let wanted = children.into_iter().skip(before);
                let wanted: Vec<Pending> = wanted
                    .map(|child| Pending {
                        first: Some(child.first),
                        chunk: child.chunk,
                        level: level.saturating_sub(1),
                        entries: Some(child.entries),
                    })
                    .collect();
                self.pending.extend(wanted.into_iter().rev());
            }
        }
    }
}

/// Where the extents of an entry begin, if they have pages of their own.
fn first_list(entry: &Entry) -> Option<FrameRef> {
    match &entry.content {
        Content::Paged { pages, .. } => pages.first().map(|page| page.chunk.at),
        _ => None,
    }
}

fn ends<T>(items: &[T], key: impl Fn(&T) -> &EntryKey) -> Option<(&EntryKey, &EntryKey)> {
    Some((key(items.first()?), key(items.last()?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_begins_alike_is_not_below() {
        assert!(is_at_or_below(b"a/b", b"a"));
        assert!(is_at_or_below(b"a", b"a"));
        assert!(is_at_or_below(b"a", b""));
        assert!(!is_at_or_below(b"a-b", b"a"));
        assert!(!is_at_or_below(b"a", b"a/b"));
    }
}
