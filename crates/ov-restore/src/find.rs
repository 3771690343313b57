//! Looking for names in many snapshots. A page that holds nothing is read once, whatever number
//! of snapshots have it.

use std::collections::HashSet;

use ov_format::content::ChunkRef;
use ov_format::entry::Entry;
use ov_format::id::ChunkTag;
use ov_format::page::Page;

use crate::filter::{FilterError, glob};
use crate::read_error::{PageFault, ReadError};
use crate::reader::{FrameReader, refused};
use crate::snapshots::SnapshotInfo;

/// An entry that fits.
pub struct Hit<'s> {
    /// The snapshot that holds it.
    pub snapshot: &'s SnapshotInfo,
    /// The entry.
    pub entry: Entry,
}

/// Shows every entry whose path fits the pattern, snapshot by snapshot in tree order. Parts of
/// trees that cannot be read are given back.
pub fn find<'s>(
    reader: &FrameReader<'_>,
    snapshots: impl IntoIterator<Item = &'s SnapshotInfo>,
    pattern: &str,
    visit: &mut dyn FnMut(Hit<'s>),
) -> Result<Vec<(&'s SnapshotInfo, ReadError)>, FilterError> {
    let matcher = glob(pattern)?.compile_matcher();
    let mut search = Search {
        reader,
        fits: &|entry| {
            let path = entry.key.path();
            matcher.is_match_candidate(&globset::Candidate::from_bytes(&path))
        },
        barren: HashSet::new(),
        failed: Vec::new(),
    };
    let mut failed = Vec::new();
    for snapshot in snapshots {
        if let Some(root) = &snapshot.snapshot.root {
            let level = snapshot.snapshot.root_level;
            search.page(root, level, &mut |entry| visit(Hit { snapshot, entry }));
        }
        failed.extend(search.failed.drain(..).map(|error| (snapshot, error)));
    }
    Ok(failed)
}

struct Search<'f> {
    reader: &'f FrameReader<'f>,
    fits: &'f dyn Fn(&Entry) -> bool,
    /// Pages below which nothing fits.
    barren: HashSet<ChunkTag>,
    failed: Vec<ReadError>,
}

/// Whether anything below a page fits, or may.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Found {
    Nothing,
    Something,
}

impl Search<'_> {
    /// As deep as a tree has levels, 32 at most: each page must be one level below its parent.
    fn page(&mut self, chunk: &ChunkRef, level: u8, visit: &mut dyn FnMut(Entry)) -> Found {
        if self.barren.contains(&chunk.tag) {
            return Found::Nothing;
        }
        let mut found = Found::Nothing;
        match self.read(chunk, level) {
            Ok(Page::Leaf(entries)) => {
                for entry in entries.into_iter().filter(|entry| (self.fits)(entry)) {
                    found = Found::Something;
                    visit(entry);
                }
            }
            Ok(Page::Index { children, .. }) => {
                for child in children {
                    if self.page(&child.chunk, level.saturating_sub(1), visit) == Found::Something {
                        found = Found::Something;
                    }
                }
            }
            Err(error) => {
                self.failed.push(error);
                return Found::Something;
            }
        }
        if found == Found::Nothing {
            self.barren.insert(chunk.tag);
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
