//! The plain form of a frame: chunks one behind the other, and the table that says which.
//!
//! Coded layout, all numbers little endian; this is what gets encrypted:
//!
//! ```text
//! u16       number of chunks, 1 to 65,535
//! per chunk u32 length
//! rest      the chunks one behind the other, coded by the frame's coder
//! ```
//!
//! The coder's number and the kind of the frame are not in here: they stand before it, under the
//! same encryption. Nor are the ids: who reads computes them from the bytes, and compares them with
//! the tag that led here.

use std::fmt;

use crate::error::CodingError;

/// Most plain bytes in a frame.
pub const FRAME_PLAIN_MAX: usize = 8 << 20;

/// Most chunks in a frame.
pub const FRAME_CHUNKS_MAX: usize = u16::MAX as usize;

const COUNT_BYTES: usize = 2;
const ROW_BYTES: usize = 4;

/// One or more chunks, ready to be coded or just decoded. Never empty, never above the limits.
#[derive(Clone)]
pub struct PlainFrame {
    /// Where each chunk ends in the plain bytes.
    ends: Vec<u32>,
    buffer: Vec<u8>,
    /// Where the plain bytes begin in the buffer; they go on to its end.
    start: usize,
}

impl PartialEq for PlainFrame {
    fn eq(&self, other: &Self) -> bool {
        self.ends == other.ends && self.plain() == other.plain()
    }
}

impl Eq for PlainFrame {}

impl PlainFrame {
    /// A frame of one chunk, without a copy of its bytes.
    pub fn alone(plain: Vec<u8>) -> Result<Self, CodingError> {
        let ends = vec![checked_end(plain.len())?];
        Ok(Self::from_checked(ends, plain))
    }

    /// A frame of these chunks, in this order.
    pub fn of(chunks: &[&[u8]]) -> Result<Self, CodingError> {
        if chunks.is_empty() {
            return Err(CodingError::NoChunks);
        }
        if chunks.len() > FRAME_CHUNKS_MAX {
            return Err(CodingError::TooManyChunks(chunks.len()));
        }
        let total = chunks.iter().map(|bytes| bytes.len()).sum();
        checked_end(total)?;
        let mut ends = Vec::with_capacity(chunks.len());
        let mut plain = Vec::with_capacity(total);
        for bytes in chunks {
            plain.extend_from_slice(bytes);
            ends.push(checked_end(plain.len())?);
        }
        Ok(Self::from_checked(ends, plain))
    }

    /// From what a builder or a table has already checked.
    pub(crate) const fn from_checked(ends: Vec<u32>, plain: Vec<u8>) -> Self {
        Self::in_buffer(ends, plain, 0)
    }

    /// The same, with plain bytes that begin at `start`.
    pub(crate) const fn in_buffer(ends: Vec<u32>, buffer: Vec<u8>, start: usize) -> Self {
        Self {
            ends,
            buffer,
            start,
        }
    }

    /// How many chunks it holds: at least one.
    pub fn chunk_count(&self) -> u16 {
        u16::try_from(self.ends.len()).unwrap_or(u16::MAX)
    }

    /// Chunk number `index`, from 0.
    pub fn chunk(&self, index: u16) -> Option<&[u8]> {
        let index = usize::from(index);
        let end = *self.ends.get(index)?;
        let start = match index.checked_sub(1) {
            Some(before) => *self.ends.get(before)?,
            None => 0,
        };
        let range = usize::try_from(start).ok()?..usize::try_from(end).ok()?;
        self.plain().get(range)
    }

    /// All chunks, in order.
    pub fn chunks(&self) -> impl Iterator<Item = &[u8]> {
        (0..self.chunk_count()).map_while(|index| self.chunk(index))
    }

    /// The chunks' bytes, one behind the other.
    pub fn plain(&self) -> &[u8] {
        self.buffer.get(self.start..).unwrap_or_default()
    }

    /// Gives the buffer back, to be used again.
    pub fn into_buffer(self) -> Vec<u8> {
        self.buffer
    }

    pub(crate) fn write_table(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.chunk_count().to_le_bytes());
        let mut start = 0;
        for end in &self.ends {
            out.extend_from_slice(&(end - start).to_le_bytes());
            start = *end;
        }
    }
}

/// Lengths only: the bytes are a patient's.
impl fmt::Debug for PlainFrame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "PlainFrame({} chunks, {} bytes)",
            self.ends.len(),
            self.plain().len()
        )
    }
}

/// Reads the table: where its chunks end, the sum of their lengths, and the payload behind it.
/// Allocates only in proportion to `bytes`, and after the lengths are known to be within the limits.
pub(crate) fn read_table(bytes: &[u8]) -> Result<(Vec<u32>, usize, &[u8]), CodingError> {
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
    let lengths = || stated.iter().map(|row| u32::from_le_bytes(*row));
    let total = lengths().map(u64::from).sum();
    let plain = usize::try_from(total)
        .ok()
        .filter(|&plain| plain <= FRAME_PLAIN_MAX)
        .ok_or(CodingError::PlainTooLarge(total))?;

    let ends = lengths().scan(0, |end, length| {
        *end += length;
        Some(*end)
    });
    Ok((ends.collect(), plain, payload))
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
        assert!(PlainFrame::alone(vec![0; FRAME_PLAIN_MAX]).is_ok());
        let error = CodingError::PlainTooLarge(FRAME_PLAIN_MAX as u64 + 1);
        assert_eq!(PlainFrame::alone(vec![0; FRAME_PLAIN_MAX + 1]), Err(error));
        let half = vec![0; FRAME_PLAIN_MAX / 2 + 1];
        let two = PlainFrame::of(&[&half[..], &half[..half.len() - 1]]);
        assert_eq!(two, Err(error));
    }

    #[test]
    fn a_frame_takes_65_535_chunks_and_not_one_more() {
        let mut chunks = vec![&b"x"[..]; FRAME_CHUNKS_MAX];
        let frame = PlainFrame::of(&chunks).unwrap();
        assert_eq!(frame.chunk_count(), u16::MAX);
        assert_eq!(frame.chunk(u16::MAX - 1), Some(&b"x"[..]));
        assert_eq!(frame.chunk(u16::MAX), None);
        chunks.push(b"y");
        let error = CodingError::TooManyChunks(FRAME_CHUNKS_MAX + 1);
        assert_eq!(PlainFrame::of(&chunks), Err(error));
    }

    #[test]
    fn debug_output_shows_no_content() {
        let frame = PlainFrame::alone(b"DOE^JANE".to_vec()).unwrap();
        assert_eq!(format!("{frame:?}"), "PlainFrame(1 chunks, 8 bytes)");
    }
}
