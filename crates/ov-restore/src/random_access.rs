//! Any part of any file at any time, with few requests and bounded memory: what a mount needs.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use ov_format::content::{ChunkRef, Content, Extent, ExtentPage, FrameRef};
use ov_format::entry::Entry;
use ov_format::extents::ExtentList;
use ov_format::id::SegmentId;
use ov_format::page::Page;
use ov_format::snapshot::Snapshot;

use crate::cache::Cache;
use crate::frame::Frame;
use crate::positions::Positions;
use crate::read_error::ReadError;
use crate::reader::{FrameReader, lock};
use crate::turns::Turns;
use crate::window::in_parallel;

/// Pages of extents and heads of segments that [`RandomAccess::prepare`] reads at most.
const PREPARED_MAX: usize = 64;

/// Requests in flight while a file is prepared: enough to hide the latency of a remote target.
const FETCHES: usize = 8;

/// Decoded pages take several times the memory of their bytes: a guess of what an allocation
/// costs beside what it holds.
const ALLOCATION: usize = 24;

/// Reads trees by position and files by offset. Pages are kept decoded, within a bound; the
/// reader behind it keeps frames, within its own. Several threads may ask at once: a frame that
/// several need is fetched once.
pub struct RandomAccess<'r> {
    reader: &'r FrameReader<'r>,
    pages: Mutex<Cache<ChunkRef, Decoded>>,
    turns: Turns<FrameRef>,
}

#[derive(Clone)]
enum Decoded {
    Tree(Arc<Page>),
    Extents(Arc<ExtentList>),
}

impl<'r> RandomAccess<'r> {
    /// Keeps decoded pages of about `page_bytes` bytes of memory.
    pub fn new(reader: &'r FrameReader<'r>, page_bytes: usize) -> Self {
        Self {
            reader,
            pages: Mutex::new(Cache::new(page_bytes)),
            turns: Turns::default(),
        }
    }

    /// The tree of a snapshot.
    pub fn tree<'a>(&'a self, snapshot: &Snapshot) -> Positions<'a> {
        Positions::new(self, snapshot)
    }

    /// The reader behind it.
    pub(crate) fn reader(&self) -> &'r FrameReader<'r> {
        self.reader
    }

    /// Reads what says where the bytes of a file lie, as far as it is not known: its pages of
    /// extents and the heads of its segments, 64 of each at most. After that a read that touches
    /// one frame takes one request at most. What fails here fails again, and is told, when it is
    /// needed.
    pub fn prepare(&self, entry: &Entry) {
        let mut segments = BTreeMap::new();
        match &entry.content {
            Content::Empty | Content::Inline(_) => {}
            Content::Extents(extents) => note_segments(extents, &mut segments),
            Content::Paged { level, pages } => self.prepare_pages(*level, pages, &mut segments),
        }
        let frames: Vec<FrameRef> = segments.into_values().take(PREPARED_MAX).collect();
        in_parallel(frames.len(), FETCHES, &|index| {
            if let Some(at) = frames.get(index) {
                let _ = self.reader.open_head(*at);
            }
        });
    }

    fn prepare_pages(
        &self,
        level: u8,
        pages: &[ExtentPage],
        segments: &mut BTreeMap<SegmentId, FrameRef>,
    ) {
        let mut wanted: Vec<ExtentPage> = pages.iter().take(PREPARED_MAX).copied().collect();
        for _ in 0..level {
            let read: Vec<Mutex<Option<Arc<ExtentList>>>> =
                wanted.iter().map(|_| Mutex::default()).collect();
            in_parallel(wanted.len(), FETCHES, &|index| {
                if let (Some(page), Some(slot)) = (wanted.get(index), read.get(index)) {
                    *lock(slot) = self.extent_page(&page.chunk).ok();
                }
            });
            let mut below = Vec::new();
            for list in read.iter().filter_map(|slot| lock(slot).take()) {
                match &*list {
                    ExtentList::Extents(extents) => note_segments(extents, segments),
                    ExtentList::Pages { pages, .. } => below.extend_from_slice(pages),
                }
            }
            below.truncate(PREPARED_MAX);
            wanted = below;
        }
    }

    /// A page of a tree.
    pub(crate) fn page(&self, chunk: &ChunkRef) -> Result<Arc<Page>, ReadError> {
        if let Some(page) = self.kept_page(chunk) {
            return Ok(page);
        }
        let _turn = self.turns.take(chunk.at);
        if let Some(page) = self.kept_page(chunk) {
            return Ok(page);
        }
        let page = Arc::new(self.reader.page(chunk)?);
        let kept = Decoded::Tree(Arc::clone(&page));
        lock(&self.pages).insert(*chunk, kept, page_memory(&page));
        Ok(page)
    }

    /// A page of extents.
    pub(crate) fn extent_page(&self, chunk: &ChunkRef) -> Result<Arc<ExtentList>, ReadError> {
        if let Some(list) = self.kept_list(chunk) {
            return Ok(list);
        }
        let _turn = self.turns.take(chunk.at);
        if let Some(list) = self.kept_list(chunk) {
            return Ok(list);
        }
        let list = Arc::new(self.reader.extent_page(chunk)?);
        let kept = Decoded::Extents(Arc::clone(&list));
        lock(&self.pages).insert(*chunk, kept, list_memory(&list));
        Ok(list)
    }

    /// A frame of content.
    pub(crate) fn frame(&self, at: FrameRef) -> Result<Arc<Frame>, ReadError> {
        let _turn = self.turns.take(at);
        self.reader.frame(at)
    }

    fn kept_page(&self, chunk: &ChunkRef) -> Option<Arc<Page>> {
        match lock(&self.pages).get(chunk)? {
            Decoded::Tree(page) => Some(page),
            Decoded::Extents(_) => None,
        }
    }

    fn kept_list(&self, chunk: &ChunkRef) -> Option<Arc<ExtentList>> {
        match lock(&self.pages).get(chunk)? {
            Decoded::Extents(list) => Some(list),
            Decoded::Tree(_) => None,
        }
    }
}

/// One frame of each segment is enough to find its head.
fn note_segments(extents: &[Extent], segments: &mut BTreeMap<SegmentId, FrameRef>) {
    for extent in extents {
        if let Extent::Data { chunk, .. } = extent {
            segments.entry(chunk.at.segment).or_insert(chunk.at);
        }
    }
}

fn page_memory(page: &Page) -> usize {
    match page {
        Page::Leaf(entries) => entries.iter().map(entry_memory).sum(),
        Page::Index { children, .. } => {
            let keys = children
                .iter()
                .map(|child| child.first.parent.len() + child.first.name.len() + 2 * ALLOCATION);
            size_of_val(&children[..]) + keys.sum::<usize>()
        }
    }
}

fn entry_memory(entry: &Entry) -> usize {
    let meta = &entry.meta;
    let xattrs = meta.xattrs.iter().map(|(name, value)| {
        name.len() + value.len() + 2 * ALLOCATION + size_of::<(Vec<u8>, Vec<u8>)>()
    });
    let content = match &entry.content {
        Content::Empty => 0,
        Content::Inline(bytes) => bytes.len() + ALLOCATION,
        Content::Extents(extents) => size_of_val(&extents[..]) + ALLOCATION,
        Content::Paged { pages, .. } => size_of_val(&pages[..]) + ALLOCATION,
    };
    let names = [&entry.key.parent, &entry.key.name, &meta.user, &meta.group];
    let names = names.iter().map(|name| name.len() + ALLOCATION);
    size_of::<Entry>() + names.sum::<usize>() + xattrs.sum::<usize>() + content
}

fn list_memory(list: &ExtentList) -> usize {
    match list {
        ExtentList::Extents(extents) => size_of_val(&extents[..]) + ALLOCATION,
        ExtentList::Pages { pages, .. } => size_of_val(&pages[..]) + ALLOCATION,
    }
}
