//! Taking things out of the trees of many snapshots. A page is read once, whatever number of
//! snapshots have it.

use std::collections::HashMap;
use std::sync::Arc;

use ov_format::content::ChunkRef;
use ov_format::entry::{Entry, EntryKey};
use ov_format::id::ChunkTag;
use ov_format::page::{Page, PagePointer};

use crate::read_error::{PageFault, ReadError};
use crate::reader::{FrameReader, refused};
use crate::tree::Tree;

/// Pages that are read at once.
const AHEAD_MAX: usize = 64;

/// What stands below a page, as far as its pointer tells.
#[derive(Clone, Copy, Debug)]
pub struct Below<'b> {
    /// Names the page, whatever snapshot has it.
    pub tag: &'b ChunkTag,
    /// The key of the first entry below it; `None` for a root.
    pub first: Option<&'b EntryKey>,
    /// The first key behind it; `None` where nothing says.
    pub end: Option<&'b EntryKey>,
}

/// What is wanted of trees.
pub trait Picker {
    /// What is taken of an entry.
    type Taken;

    /// Whether anything below a page may be wanted: always the same answer for the same page.
    fn may_be_below(&self, below: &Below<'_>) -> bool;

    /// What is taken of an entry; `None` if it is not wanted.
    fn pick(&mut self, entry: Entry) -> Option<Self::Taken>;
}

/// A gathering over many trees; remembers what it took below each page.
pub struct Harvest<'h, P: Picker> {
    reader: &'h FrameReader<'h>,
    picker: P,
    taken: HashMap<ChunkTag, Taken<P::Taken>>,
    failed: Vec<ReadError>,
}

/// What was taken below a page, in tree order.
pub type Taken<T> = Arc<[Arc<T>]>;

impl<'h, P: Picker> Harvest<'h, P> {
    /// Nothing taken yet.
    pub fn new(reader: &'h FrameReader<'h>, picker: P) -> Self {
        Self {
            reader,
            picker,
            taken: HashMap::new(),
            failed: Vec::new(),
        }
    }

    /// Takes what is wanted of one more tree. Parts that cannot be read are in the second value.
    pub fn of(&mut self, tree: &Tree<'_>) -> (Taken<P::Taken>, Vec<ReadError>) {
        let taken = match tree.root() {
            Some((root, level)) => {
                let below = Below {
                    tag: &root.tag,
                    first: None,
                    end: None,
                };
                self.page(&root, level, &below)
            }
            None => Arc::from([]),
        };
        (taken, std::mem::take(&mut self.failed))
    }

    /// What it picked with.
    pub fn into_picker(self) -> P {
        self.picker
    }

    /// As deep as a tree has levels, 32 at most: each page must be one level below its parent.
    fn page(&mut self, chunk: &ChunkRef, level: u8, below: &Below<'_>) -> Taken<P::Taken> {
        if let Some(known) = self.taken.get(&chunk.tag) {
            return Arc::clone(known);
        }
        if !self.picker.may_be_below(below) {
            return Arc::from([]);
        }
        let failures = self.failed.len();
        let found: Vec<Arc<P::Taken>> = match self.read(chunk, level) {
            Ok(Page::Leaf(entries)) => {
                let picked = entries
                    .into_iter()
                    .filter_map(|entry| self.picker.pick(entry));
                picked.map(Arc::new).collect()
            }
            Ok(Page::Index { children, .. }) => self.children(&children, level, below.end),
            Err(error) => {
                self.failed.push(error);
                Vec::new()
            }
        };
        let found: Taken<P::Taken> = found.into();
        // What could not be read is to be said of each snapshot that it touches.
        if self.failed.len() == failures {
            self.taken.insert(chunk.tag, Arc::clone(&found));
        }
        found
    }

    fn children(
        &mut self,
        children: &[PagePointer],
        level: u8,
        end: Option<&EntryKey>,
    ) -> Vec<Arc<P::Taken>> {
        let ends = children.iter().skip(1).map(|next| Some(&next.first));
        let pairs: Vec<_> = children.iter().zip(ends.chain([end])).collect();
        let new = pairs.iter().filter(|(child, end)| {
            !self.taken.contains_key(&child.chunk.tag)
                && self.picker.may_be_below(&below(child, *end))
        });
        let ahead: Vec<_> = new
            .map(|(child, _)| child.chunk.at)
            .take(AHEAD_MAX)
            .collect();
        self.reader.read_ahead(ahead);
        let mut found = Vec::new();
        for (child, end) in pairs {
            let below = below(child, end);
            let taken = self.page(&child.chunk, level.saturating_sub(1), &below);
            found.extend(taken.iter().cloned());
        }
        found
    }

    fn read(&self, chunk: &ChunkRef, level: u8) -> Result<Page, ReadError> {
        let page = self.reader.page(chunk)?;
        let own = match &page {
            Page::Leaf(_) => 0,
            Page::Index { level, .. } => *level,
        };
        match own == level {
            true => Ok(page),
            false => Err(refused(chunk, PageFault::Level)),
        }
    }
}

fn below<'b>(child: &'b PagePointer, end: Option<&'b EntryKey>) -> Below<'b> {
    Below {
        tag: &child.chunk.tag,
        first: Some(&child.first),
        end,
    }
}
