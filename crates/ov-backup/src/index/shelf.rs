//! A shelf: known chunks in sorted local files, found without holding them in memory.
//!
//! Three files: the rows, the filter that spares reading them, and the segments that occur.

use std::collections::BTreeSet;

use ov_format::id::{ChunkTag, SegmentId};
use ov_format::list::GroupChunk;
use ov_format::name::RecordName;

use crate::index::block_cache::BlockCache;
use crate::index::contents::ShelfEntry;
use crate::index::filter::{Filter, FilterWriter, Has};
use crate::index::row::{ROW_BYTES, Row, SEGMENT_BYTES, TAG_BYTES, decode};
use crate::index::sorted_file::{NotAsWritten, Records, SortedFile, SortedWriter, remove};
use crate::local_file::LocalFiles;

/// What the names of a shelf's files begin with.
pub const PREFIX: &str = "shelf-";

struct Names {
    rows: String,
    filter: String,
    segments: String,
}

impl Names {
    fn new(folder: &str, name: &str) -> Self {
        let file = |what: &str| format!("{folder}/{PREFIX}{name}-{what}");
        Self {
            rows: file("rows"),
            filter: file("filter"),
            segments: file("segments"),
        }
    }
}

/// Writes a shelf.
pub struct ShelfWriter {
    name: String,
    rows: SortedWriter<ROW_BYTES>,
    filter: FilterWriter,
    segments: SortedWriter<SEGMENT_BYTES>,
}

impl ShelfWriter {
    /// Starts a shelf in a folder; `None` if it cannot be written.
    pub fn start(files: &LocalFiles, folder: &str) -> Option<Self> {
        let name = files.new_name();
        let names = Names::new(folder, &name);
        Some(Self {
            rows: SortedWriter::start(files, &names.rows)?,
            filter: FilterWriter::start(files, &names.filter)?,
            segments: SortedWriter::start(files, &names.segments)?,
            name,
        })
    }

    /// Adds a row; its tag is greater than those before.
    pub fn row(&mut self, row: &Row) {
        self.rows.push(row);
        self.filter.push(&row[..TAG_BYTES]);
    }

    /// Adds a segment; its id is greater than those before.
    pub fn segment(&mut self, segment: &[u8; SEGMENT_BYTES]) {
        self.segments.push(segment);
    }

    /// Ends the shelf. Whether all could be written shows when it is opened.
    pub fn finish(self, commits: BTreeSet<RecordName>) -> ShelfEntry {
        self.filter.finish();
        ShelfEntry {
            name: self.name,
            rows: self.rows.finish(),
            segments: self.segments.finish(),
            commits,
        }
    }
}

/// A complete shelf. Its files stay open, so that another run may remove them meanwhile.
pub struct Shelf {
    entry: ShelfEntry,
    rows: SortedFile<ROW_BYTES>,
    filter: Filter,
    segments: SortedFile<SEGMENT_BYTES>,
}

impl Shelf {
    /// Opens a shelf; `None` if it is not there or, as far as its lengths show, not complete.
    pub fn open(
        files: &LocalFiles,
        folder: &str,
        entry: &ShelfEntry,
        cache: &mut BlockCache,
    ) -> Option<Self> {
        let names = Names::new(folder, &entry.name);
        let rows = SortedFile::open(files, &names.rows, entry.rows, cache)?;
        Some(Self {
            entry: entry.clone(),
            filter: Filter::open(files, &names.filter, rows.blocks(), cache)?,
            segments: SortedFile::open(files, &names.segments, entry.segments, cache)?,
            rows,
        })
    }

    /// Removes the files of a shelf. Whoever has it open goes on reading it.
    pub fn remove(files: &LocalFiles, folder: &str, name: &str) {
        let names = Names::new(folder, name);
        remove(files, &names.rows);
        files.remove(&names.filter);
        remove(files, &names.segments);
    }

    /// What the contents say of it.
    pub fn entry(&self) -> &ShelfEntry {
        &self.entry
    }

    /// How many chunks it has.
    pub fn len(&self) -> u64 {
        self.rows.records()
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Where a chunk is.
    pub fn find(
        &self,
        tag: &ChunkTag,
        cache: &mut BlockCache,
    ) -> Result<Option<GroupChunk>, NotAsWritten> {
        for block in self.rows.candidates(&tag.0) {
            if self.filter.has(block, &tag.0, cache)? == Has::No {
                continue;
            }
            if let Some(row) = self.rows.find_in(block, &tag.0, cache)? {
                return Ok(Some(decode(&row)));
            }
        }
        Ok(None)
    }

    /// Whether a chunk of the segment was ever put here.
    pub fn has_segment(
        &self,
        segment: &SegmentId,
        cache: &mut BlockCache,
    ) -> Result<bool, NotAsWritten> {
        for block in self.segments.candidates(&segment.0) {
            if self.segments.find_in(block, &segment.0, cache)?.is_some() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// All rows in their order.
    pub fn rows(&self) -> Records<'_, ROW_BYTES> {
        self.rows.iter()
    }

    /// All segments in their order.
    pub fn segments(&self) -> Records<'_, SEGMENT_BYTES> {
        self.segments.iter()
    }

    /// Fences that it keeps in memory, each of 8 bytes.
    pub fn fences(&self) -> usize {
        self.rows.blocks() + self.segments.blocks()
    }
}
