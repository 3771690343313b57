//! One known chunk as a row of fixed length: tag 16 ‖ segment 32 ‖ frame u16 ‖ index u16,
//! little-endian. The segment is written out, not numbered: a table from numbers to segments would
//! cost a second read for each hit, and a map in memory for each merge.

use ov_format::content::FrameRef;
use ov_format::id::{ChunkTag, SegmentId};
use ov_format::list::GroupChunk;

/// Length of a row in bytes.
pub const ROW_BYTES: usize = TAG_BYTES + SEGMENT_BYTES + 4;

/// Length of a tag, by which rows are sorted, in bytes.
pub const TAG_BYTES: usize = ChunkTag::BYTES;

/// Length of a segment's id in bytes.
pub const SEGMENT_BYTES: usize = 32;

/// A row.
pub type Row = [u8; ROW_BYTES];

/// Writes a chunk as a row.
pub fn encode(chunk: &GroupChunk) -> Row {
    let mut row = [0; ROW_BYTES];
    row[..16].copy_from_slice(&chunk.tag.0);
    row[16..48].copy_from_slice(&chunk.at.segment.0);
    row[48..50].copy_from_slice(&chunk.at.frame.to_le_bytes());
    row[50..].copy_from_slice(&chunk.index.to_le_bytes());
    row
}

/// Reads a row.
pub fn decode(row: &Row) -> GroupChunk {
    let (mut tag, mut segment) = ([0; TAG_BYTES], [0; SEGMENT_BYTES]);
    tag.copy_from_slice(&row[..16]);
    segment.copy_from_slice(&row[16..48]);
    GroupChunk {
        tag: ChunkTag(tag),
        at: FrameRef {
            segment: SegmentId(segment),
            frame: u16::from_le_bytes([row[48], row[49]]),
        },
        index: u16::from_le_bytes([row[50], row[51]]),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_chunk_comes_back_from_its_row(tag: [u8; 16], segment: [u8; 32], frame: u16, index: u16) {
            let at = FrameRef { segment: SegmentId(segment), frame };
            let chunk = GroupChunk { tag: ChunkTag(tag), at, index };
            prop_assert_eq!(decode(&encode(&chunk)), chunk);
        }
    }
}
