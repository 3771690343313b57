//! Entries to pages, pages to the levels above them, long lists of extents to pages of their own.

use ov_format::content::{ChunkRef, Content, Extent, ExtentPage, INLINE_EXTENTS_MAX};
use ov_format::entry::{Entry, EntryKey, Kind};
use ov_format::extents::ExtentList;
use ov_format::list::PageRefs;
use ov_format::page::{
    KEYS_MAX, PAGE_BYTES_MAX, PAGE_BYTES_MIN, PAGE_CUT_ONE_IN, Page, PagePointer,
};
use ov_format::refs::{PagePlace, Refs};
use ov_format::snapshot::Counts;
use ov_seal::compartment::{IdKey, chunk_id};

use crate::error::BackupError;
use crate::local_page::Kept;

/// Where pages go: found again if they are there already, else stored.
pub trait PageSink {
    /// Stores a page, or finds it.
    fn page(&mut self, encoded: Vec<u8>) -> Result<StoredPage, BackupError>;
}

/// A page that has its place.
pub struct StoredPage {
    /// Where.
    pub chunk: ChunkRef,
    /// Whether it was stored just now; then its needs must be published.
    pub novelty: Novelty,
}

/// A leaf page that has just ended, at a cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Leaf {
    /// Where it lies.
    pub chunk: ChunkRef,
    /// Its length, in bytes.
    pub length: usize,
}

/// Whether something is new.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Novelty {
    /// Stored just now.
    New,
    /// It was there.
    Known,
}

/// Builds a tree from entries that come in tree order.
pub struct PageWriter {
    cut: IdKey,
    leaf: Vec<Entry>,
    leaf_bytes: usize,
    /// Of the paths of the folders, counted for each entry.
    leaf_paths: usize,
    levels: Vec<Level>,
    refs: Vec<PageRefs>,
    counts: Counts,
}

#[derive(Default)]
struct Level {
    children: Vec<PagePointer>,
    bytes: usize,
    pages: u64,
}

/// The root of a finished tree.
pub struct Tree {
    /// The root page; `None` without entries.
    pub root: Option<ChunkRef>,
    /// Its level.
    pub level: u8,
    /// What it holds.
    pub counts: Counts,
    /// What the new pages need.
    pub refs: Vec<PageRefs>,
}

impl PageWriter {
    /// An empty tree. Cuts depend on a key, so that nobody can place them.
    pub fn new(cut: IdKey) -> Self {
        Self {
            cut,
            leaf: Vec::new(),
            leaf_bytes: 0,
            leaf_paths: 0,
            levels: Vec::new(),
            refs: Vec::new(),
            counts: Counts::default(),
        }
    }

    /// Says that something could not be read that has no entry of its own: the names in a folder,
    /// say, after the folder's entry was made.
    pub fn count_trouble(&mut self) {
        self.counts.troubled += 1;
    }

    /// Whether no entry waits for its page to end: the next one begins a page.
    pub fn is_between_pages(&self) -> bool {
        self.leaf.is_empty()
    }

    /// Adds a leaf page that is in the vault already, between two pages.
    ///
    /// It must be the page that its entries would make here, one by one. So it is if an earlier tree
    /// had it, cut under the same key, and a cut ended it: a cut depends on the entries since the one
    /// before and on nothing else. What publishes its needs is the commit that stored it, which must
    /// count; and whoever passes it on notes as used what the page and all its files lie in.
    pub fn pass_on(
        &mut self,
        kept: &Kept,
        first: EntryKey,
        sink: &mut dyn PageSink,
    ) -> Result<(), BackupError> {
        self.counts.entries += kept.entries;
        self.counts.files += kept.files;
        self.counts.bytes = self.counts.bytes.saturating_add(kept.file_bytes);
        let pointer = PagePointer {
            first,
            chunk: kept.chunk,
            entries: kept.entries,
            bytes: kept.bytes,
        };
        self.add_child(0, pointer, sink)
    }

    /// Adds the next entry. If its page ends with it, says where that lies.
    pub fn push(
        &mut self,
        entry: Entry,
        sink: &mut dyn PageSink,
    ) -> Result<Option<Leaf>, BackupError> {
        self.counts.entries += 1;
        if entry.meta.kind == Kind::File {
            self.counts.files += 1;
            self.counts.bytes = self.counts.bytes.saturating_add(entry.meta.size);
        }
        if entry.state != ov_format::entry::ReadState::Clean {
            self.counts.troubled += 1;
        }
        self.leaf_bytes += weight(&entry);
        self.leaf_paths = self.leaf_paths.saturating_add(entry.key.parent.len());
        let full = self.leaf_paths >= KEYS_MAX / 4;
        let cut = full || self.cuts(&entry.key, self.leaf_bytes);
        self.leaf.push(entry);
        if cut { self.close_leaf(sink) } else { Ok(None) }
    }

    /// Whether a page ends after this key. It depends on the key alone, beside the limits, so a
    /// changed time or size moves no cut.
    fn cuts(&self, key: &EntryKey, bytes: usize) -> bool {
        if bytes >= PAGE_BYTES_MAX {
            return true;
        }
        let hash = chunk_id(
            &self.cut,
            &[b"oncovault page cut\0", &key.order_bytes()[..]].concat(),
        );
        let number = hash
            .0
            .iter()
            .take(8)
            .fold(0u64, |n, byte| n << 8 | u64::from(*byte));
        bytes >= PAGE_BYTES_MIN && number.is_multiple_of(PAGE_CUT_ONE_IN)
    }

    fn close_leaf(&mut self, sink: &mut dyn PageSink) -> Result<Option<Leaf>, BackupError> {
        let entries = std::mem::take(&mut self.leaf);
        self.leaf_bytes = 0;
        self.leaf_paths = 0;
        let Some(first) = entries.first().map(|entry| entry.key.clone()) else {
            return Ok(None);
        };
        let count = as_u64(entries.len());
        let bytes = entries
            .iter()
            .fold(0u64, |sum, entry| sum.saturating_add(entry.meta.size));
        let leaf = self.store(&Page::Leaf(entries), sink)?;
        let pointer = PagePointer {
            first,
            chunk: leaf.chunk,
            entries: count,
            bytes,
        };
        self.add_child(0, pointer, sink)?;
        Ok(Some(leaf))
    }

    fn store(&mut self, page: &Page, sink: &mut dyn PageSink) -> Result<Leaf, BackupError> {
        let encoded = page.encode();
        let length = encoded.len();
        let stored = sink.page(encoded)?;
        if stored.novelty == Novelty::New {
            let refs = Refs::of_page(page);
            self.refs.push(PageRefs {
                page: PagePlace::from(&stored.chunk),
                refs,
            });
        }
        Ok(Leaf {
            chunk: stored.chunk,
            length,
        })
    }

    fn add_child(
        &mut self,
        level: usize,
        child: PagePointer,
        sink: &mut dyn PageSink,
    ) -> Result<(), BackupError> {
        if self.levels.len() == level {
            self.levels.push(Level::default());
        }
        let bytes = self.levels[level].bytes + pointer_weight(&child);
        // Three children at least, so that every level is at most a third of the one below.
        let cut = self.levels[level].children.len() > 1 && self.cuts(&child.first, bytes);
        let level_state = &mut self.levels[level];
        level_state.bytes = bytes;
        level_state.children.push(child);
        if cut {
            self.close_level(level, sink)
        } else {
            Ok(())
        }
    }

    fn close_level(&mut self, level: usize, sink: &mut dyn PageSink) -> Result<(), BackupError> {
        let state = &mut self.levels[level];
        let children = std::mem::take(&mut state.children);
        state.bytes = 0;
        state.pages += 1;
        let Some(first) = children.first().map(|child| child.first.clone()) else {
            return Ok(());
        };
        let entries = children.iter().map(|child| child.entries).sum();
        let bytes = children
            .iter()
            .fold(0u64, |sum, child| sum.saturating_add(child.bytes));
        let page = Page::Index {
            level: level_number(level),
            children,
        };
        let chunk = self.store(&page, sink)?.chunk;
        self.add_child(
            level + 1,
            PagePointer {
                first,
                chunk,
                entries,
                bytes,
            },
            sink,
        )
    }

    /// Ends the tree.
    pub fn finish(mut self, sink: &mut dyn PageSink) -> Result<Tree, BackupError> {
        self.close_leaf(sink)?;
        let mut level = 0;
        let root = loop {
            let Some(state) = self.levels.get(level) else {
                break None;
            };
            // A level that was never cut and has one child is no level: the child is the root.
            if state.pages == 0 && state.children.len() <= 1 {
                break state.children.first().map(|child| child.chunk);
            }
            if !state.children.is_empty() {
                self.close_level(level, sink)?;
            }
            level += 1;
        };
        let level = u8::try_from(level).unwrap_or(u8::MAX);
        Ok(Tree {
            root,
            level,
            counts: self.counts,
            refs: self.refs,
        })
    }

    /// The content of a file with these extents: in its entry, or in pages of their own.
    pub fn content(
        &mut self,
        extents: Vec<Extent>,
        sink: &mut dyn PageSink,
    ) -> Result<Content, BackupError> {
        if extents.is_empty() {
            return Ok(Content::Empty);
        }
        if extents.len() <= INLINE_EXTENTS_MAX {
            return Ok(Content::Extents(extents));
        }
        let mut pages = Vec::new();
        for part in extents.chunks(ExtentList::ITEMS_MAX) {
            let length = part
                .iter()
                .fold(0u64, |sum, e| sum.saturating_add(e.length()));
            pages.push(self.extent_page(ExtentList::Extents(part.to_vec()), length, sink)?);
        }
        let mut level = 1;
        while pages.len() > INLINE_EXTENTS_MAX {
            let mut upper = Vec::new();
            for part in pages.chunks(ExtentList::ITEMS_MAX) {
                let length = part
                    .iter()
                    .fold(0u64, |sum, p| sum.saturating_add(p.length));
                let list = ExtentList::Pages {
                    level,
                    pages: part.to_vec(),
                };
                upper.push(self.extent_page(list, length, sink)?);
            }
            pages = upper;
            level += 1;
        }
        Ok(Content::Paged { level, pages })
    }

    fn extent_page(
        &mut self,
        list: ExtentList,
        length: u64,
        sink: &mut dyn PageSink,
    ) -> Result<ExtentPage, BackupError> {
        let stored = sink.page(list.encode())?;
        if stored.novelty == Novelty::New {
            let refs = Refs::of_extents(&list);
            self.refs.push(PageRefs {
                page: PagePlace::from(&stored.chunk),
                refs,
            });
        }
        Ok(ExtentPage {
            chunk: stored.chunk,
            length,
        })
    }

    /// What the new pages need that were stored since the last time.
    pub fn take_refs(&mut self) -> Vec<PageRefs> {
        std::mem::take(&mut self.refs)
    }
}

fn level_number(level: usize) -> u8 {
    u8::try_from(level + 1).unwrap_or(u8::MAX)
}

fn as_u64(length: usize) -> u64 {
    length.try_into().unwrap_or(u64::MAX)
}

/// Roughly the encoded size of an entry, in bytes. Times and sizes count as constants, so that
/// their changes do not move cuts.
fn weight(entry: &Entry) -> usize {
    let xattrs: usize = entry
        .meta
        .xattrs
        .iter()
        .map(|(n, v)| n.len() + v.len() + 6)
        .sum();
    let content = match &entry.content {
        Content::Empty => 1,
        Content::Inline(bytes) => bytes.len() + 3,
        Content::Extents(extents) => extents.len() * 28,
        Content::Paged { pages, .. } => pages.len() * 32,
    };
    entry.key.name.len() + entry.meta.user.len() + entry.meta.group.len() + xattrs + content + 40
}

fn pointer_weight(pointer: &PagePointer) -> usize {
    pointer.first.parent.len() + pointer.first.name.len() + 80
}
