//! Known chunks that no shelf has yet, in memory: about 48 bytes each.

use std::collections::HashMap;

use ov_format::content::FrameRef;
use ov_format::id::{ChunkTag, SegmentId};
use ov_format::list::GroupChunk;

use crate::index::row::{self, Row};

/// Chunks by tag. A segment is written once.
#[derive(Default)]
pub struct Delta {
    segments: Vec<SegmentId>,
    numbers: HashMap<SegmentId, u32>,
    chunks: HashMap<ChunkTag, (u32, u16, u16)>,
}

impl Delta {
    /// Adds a chunk; it takes the place of another with its tag.
    pub fn add(&mut self, chunk: &GroupChunk) {
        let next = u32::try_from(self.segments.len()).unwrap_or(u32::MAX);
        let number = *self.numbers.entry(chunk.at.segment).or_insert_with(|| {
            self.segments.push(chunk.at.segment);
            next
        });
        let place = (number, chunk.at.frame, chunk.index);
        self.chunks.insert(chunk.tag, place);
    }

    /// Where a chunk is.
    pub fn find(&self, tag: &ChunkTag) -> Option<GroupChunk> {
        self.chunk(tag, self.chunks.get(tag)?)
    }

    fn chunk(&self, tag: &ChunkTag, place: &(u32, u16, u16)) -> Option<GroupChunk> {
        let (number, frame, index) = *place;
        let segment = *self.segments.get(usize::try_from(number).ok()?)?;
        Some(GroupChunk {
            tag: *tag,
            at: FrameRef { segment, frame },
            index,
        })
    }

    /// Whether any chunk of the segment was added.
    pub fn has_segment(&self, segment: &SegmentId) -> bool {
        self.numbers.contains_key(segment)
    }

    /// How many chunks there are.
    pub fn len(&self) -> usize {
        self.chunks.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.chunks.is_empty()
    }

    /// All chunks as rows, sorted.
    pub fn rows(&self) -> Vec<Row> {
        let chunks = self.chunks.iter();
        let chunks = chunks.filter_map(|(tag, place)| self.chunk(tag, place));
        let mut rows: Vec<Row> = chunks.map(|chunk| row::encode(&chunk)).collect();
        rows.sort_unstable();
        rows
    }

    /// All segments, sorted.
    pub fn segments(&self) -> Vec<[u8; 32]> {
        let mut segments: Vec<_> = self.segments.iter().map(|segment| segment.0).collect();
        segments.sort_unstable();
        segments
    }
}
