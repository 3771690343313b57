//! The shape of pages and lists: a number, then a segment table, in which each segment id is
//! written once, then what names segments by their numbers there.

use std::collections::HashMap;

use crate::cbor::{Reader, Writer};
use crate::content::{ChunkRef, FrameRef};
use crate::error::FormatError;
use crate::id::{ChunkTag, SegmentId};

/// Encodes a page: a level or kind, the segments that `body` names, what `body` writes.
pub(crate) fn encode_page(
    number: u8,
    body: impl FnOnce(&mut Writer, &mut SegmentTable),
) -> Vec<u8> {
    let (mut segments, mut rest) = (SegmentTable::default(), Writer::new());
    body(&mut rest, &mut segments);
    let mut w = Writer::new();
    w.array(3).uint(number);
    segments.write(&mut w);
    w.encoded(&rest.finish());
    w.finish()
}

/// Decodes a page: `body` is told its level or kind.
pub(crate) fn decode_page<T>(
    bytes: &[u8],
    body: impl FnOnce(&mut Reader<'_>, &SegmentNumbers, u8) -> Result<T, FormatError>,
) -> Result<T, FormatError> {
    let mut r = Reader::new(bytes);
    let more = r.fields(3)?;
    let number = r.uint()?;
    let segments = SegmentNumbers::read(&mut r)?;
    let page = body(&mut r, &segments, number)?;
    r.skip_fields(more)?;
    r.end()?;
    Ok(page)
}

/// Collects the segments that a page or list names, in order of first use.
#[derive(Default)]
pub struct SegmentTable {
    ids: Vec<SegmentId>,
    numbers: HashMap<SegmentId, u64>,
}

impl SegmentTable {
    /// The number of a segment; it is added if it is new.
    pub fn number(&mut self, id: SegmentId) -> u64 {
        let next = self.ids.len().try_into().unwrap_or(u64::MAX);
        *self.numbers.entry(id).or_insert_with(|| {
            self.ids.push(id);
            next
        })
    }

    /// Writes the table.
    pub fn write(&self, w: &mut Writer) {
        w.list(&self.ids);
    }

    /// Bytes that the table takes, roughly from above.
    pub fn size(&self) -> usize {
        self.ids.len() * 34 + 9
    }

    /// Writes a frame as (segment number, frame).
    pub fn write_frame(&mut self, w: &mut Writer, at: FrameRef) {
        w.uint(self.number(at.segment)).uint(at.frame);
    }

    /// Writes a chunk as (segment number, frame, index, tag).
    pub fn write_chunk(&mut self, w: &mut Writer, chunk: &ChunkRef) {
        self.write_frame(w, chunk.at);
        w.uint(chunk.index).value(&chunk.tag);
    }
}

/// A segment table as read.
pub struct SegmentNumbers(Vec<SegmentId>);

impl SegmentNumbers {
    /// Reads the table.
    pub fn read(r: &mut Reader<'_>) -> Result<Self, FormatError> {
        Ok(Self(r.list()?))
    }

    /// Reads a segment number.
    pub fn read_segment(&self, r: &mut Reader<'_>) -> Result<SegmentId, FormatError> {
        let number: usize = r.uint()?;
        self.0
            .get(number)
            .copied()
            .ok_or(FormatError::Rule("a segment number is in the table"))
    }

    /// Reads (segment number, frame).
    pub fn read_frame(&self, r: &mut Reader<'_>) -> Result<FrameRef, FormatError> {
        Ok(FrameRef {
            segment: self.read_segment(r)?,
            frame: r.uint()?,
        })
    }

    /// Reads (segment number, frame, index, tag).
    pub fn read_chunk(&self, r: &mut Reader<'_>) -> Result<ChunkRef, FormatError> {
        let at = self.read_frame(r)?;
        Ok(ChunkRef {
            at,
            index: r.uint()?,
            tag: r.value::<ChunkTag>()?,
        })
    }
}
