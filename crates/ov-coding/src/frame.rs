//! The plain form of a frame: chunks one behind the other, and the table that says which.
//!
//! Coded layout, all numbers little endian; this is what gets encrypted:
//!
//! ```text
//! u16       number of chunks, 1 to 65,535
//! per chunk 32 bytes id, u32 length
//! rest      the chunks one behind the other, coded by the frame's coder
//! ```
//!
//! The coder's number and the kind of the frame are not in here: they stand before it, under the
//! same encryption.

use std::fmt;

use ov_format::id::{ChunkId, HASH_BYTES};

use crate::error::CodingError;

/// Most plain bytes in a frame.
pub const FRAME_PLAIN_MAX: usize = 8 << 20;

/// Most chunks in a frame.
pub const FRAME_CHUNKS_MAX: usize = u16::MAX as usize;

const COUNT_BYTES: usize = 2;
const ROW_BYTES: usize = HASH_BYTES + 4;

/// One or more chunks, ready to be coded or just decoded. Never empty, never above the limits.
#[derive(Clone, PartialEq, Eq)]
pub struct PlainFrame {
    rows: Vec<Row>,
    plain: Vec<u8>,
}

/// A chunk's id, and where it ends in the plain bytes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) id: ChunkId,
    pub(crate) end: u32,
}

impl PlainFrame {
    /// A frame of one chunk, without a copy of its bytes.
    pub fn alone(id: ChunkId, plain: Vec<u8>) -> Result<Self, CodingError> {
        let end = checked_end(plain.len())?;
        Ok(Self {
            rows: vec![Row { id, end }],
            plain,
        })
    }

    /// A frame of these chunks, in this order.
    pub fn of(chunks: &[(ChunkId, &[u8])]) -> Result<Self, CodingError> {
        if chunks.is_empty() {
            return Err(CodingError::NoChunks);
        }
        if chunks.len() > FRAME_CHUNKS_MAX {
            return Err(CodingError::TooManyChunks(chunks.len()));
        }
        let total = chunks.iter().map(|(_, bytes)| bytes.len()).sum();
        checked_end(total)?;
        let mut frame = Self {
            rows: Vec::with_capacity(chunks.len()),
            plain: Vec::with_capacity(total),
        };
        for (id, bytes) in chunks {
            frame.plain.extend_from_slice(bytes);
            let end = checked_end(frame.plain.len())?;
            frame.rows.push(Row { id: *id, end });
        }
        Ok(frame)
    }

    /// From what a builder or a table has already checked.
    pub(crate) const fn from_checked(rows: Vec<Row>, plain: Vec<u8>) -> Self {
        Self { rows, plain }
    }

    /// How many chunks it holds: at least one.
    pub fn chunk_count(&self) -> u16 {
        u16::try_from(self.rows.len()).unwrap_or(u16::MAX)
    }

    /// Chunk number `index`, from 0. The id is what the frame claims: whoever has the id key
    /// compares.
    pub fn chunk(&self, index: u16) -> Option<(ChunkId, &[u8])> {
        let index = usize::from(index);
        let row = self.rows.get(index)?;
        let start = match index.checked_sub(1) {
            Some(before) => self.rows.get(before)?.end,
            None => 0,
        };
        let range = usize::try_from(start).ok()?..usize::try_from(row.end).ok()?;
        Some((row.id, self.plain.get(range)?))
    }

    /// All chunks, in order.
    pub fn chunks(&self) -> impl Iterator<Item = (ChunkId, &[u8])> {
        (0..self.chunk_count()).map_while(|index| self.chunk(index))
    }

    /// The chunks' bytes, one behind the other.
    pub fn plain(&self) -> &[u8] {
        &self.plain
    }

    /// Gives the buffer back, to be used again.
    pub fn into_plain(self) -> Vec<u8> {
        self.plain
    }

    pub(crate) fn table_bytes(&self) -> usize {
        COUNT_BYTES + self.rows.len() * ROW_BYTES
    }

    pub(crate) fn write_table(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.chunk_count().to_le_bytes());
        let mut start = 0;
        for row in &self.rows {
            out.extend_from_slice(row.id.bytes());
            out.extend_from_slice(&(row.end - start).to_le_bytes());
            start = row.end;
        }
    }
}

/// Lengths only: the bytes are a patient's.
impl fmt::Debug for PlainFrame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "PlainFrame({} chunks, {} bytes)",
            self.rows.len(),
            self.plain.len()
        )
    }
}

/// Reads the table: its rows, the sum of their lengths, and the payload behind it. Allocates only
/// in proportion to `bytes`, and after the lengths are known to be within the limits.
pub(crate) fn read_table(bytes: &[u8]) -> Result<(Vec<Row>, usize, &[u8]), CodingError> {
    let (count, rest) = bytes
        .split_first_chunk::<COUNT_BYTES>()
        .ok_or(CodingError::TooShort(bytes.len()))?;
    let chunks = u16::from_le_bytes(*count);
    if chunks == 0 {
        return Err(CodingError::NoChunks);
    }
    let (table, payload) = rest
        .split_at_checked(usize::from(chunks) * ROW_BYTES)
        .ok_or(CodingError::TableCut {
            chunks,
            bytes: bytes.len(),
        })?;

    let (stated, _) = table.as_chunks::<ROW_BYTES>();
    let total = stated.iter().map(|row| u64::from(split_row(row).1)).sum();
    let plain = usize::try_from(total)
        .ok()
        .filter(|&plain| plain <= FRAME_PLAIN_MAX)
        .ok_or(CodingError::PlainTooLarge(total))?;

    let mut end = 0;
    let rows = stated.iter().map(split_row).map(|(id, length)| {
        end += length;
        Row { id, end }
    });
    Ok((rows.collect(), plain, payload))
}

fn split_row(row: &[u8; ROW_BYTES]) -> (ChunkId, u32) {
    let mut id = [0; HASH_BYTES];
    let mut length = [0; 4];
    id.copy_from_slice(&row[..HASH_BYTES]);
    length.copy_from_slice(&row[HASH_BYTES..]);
    (ChunkId(id), u32::from_le_bytes(length))
}

fn checked_end(plain: usize) -> Result<u32, CodingError> {
    let too_large = CodingError::PlainTooLarge(u64::try_from(plain).unwrap_or(u64::MAX));
    if plain > FRAME_PLAIN_MAX {
        return Err(too_large);
    }
    u32::try_from(plain).map_err(|_| too_large)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_of_no_chunks_cannot_be_made() {
        assert_eq!(PlainFrame::of(&[]), Err(CodingError::NoChunks));
    }

    #[test]
    fn a_frame_takes_the_largest_plain_length_and_not_a_byte_more() {
        let id = ChunkId([1; 32]);
        assert!(PlainFrame::alone(id, vec![0; FRAME_PLAIN_MAX]).is_ok());
        let error = CodingError::PlainTooLarge(FRAME_PLAIN_MAX as u64 + 1);
        assert_eq!(
            PlainFrame::alone(id, vec![0; FRAME_PLAIN_MAX + 1]),
            Err(error)
        );
        let half = vec![0; FRAME_PLAIN_MAX / 2 + 1];
        let two = PlainFrame::of(&[(id, &half[..]), (id, &half[..half.len() - 1])]);
        assert_eq!(two, Err(error));
    }

    #[test]
    fn a_frame_takes_65_535_chunks_and_not_one_more() {
        let id = ChunkId([1; 32]);
        let mut chunks = vec![(id, &b"x"[..]); FRAME_CHUNKS_MAX];
        let frame = PlainFrame::of(&chunks).unwrap();
        assert_eq!(frame.chunk_count(), u16::MAX);
        assert_eq!(frame.chunk(u16::MAX - 1), Some((id, &b"x"[..])));
        assert_eq!(frame.chunk(u16::MAX), None);
        chunks.push((id, b"y"));
        let error = CodingError::TooManyChunks(FRAME_CHUNKS_MAX + 1);
        assert_eq!(PlainFrame::of(&chunks), Err(error));
    }

    #[test]
    fn debug_output_shows_no_content() {
        let frame = PlainFrame::alone(ChunkId([1; 32]), b"DOE^JANE".to_vec()).unwrap();
        assert_eq!(format!("{frame:?}"), "PlainFrame(1 chunks, 8 bytes)");
    }
}
