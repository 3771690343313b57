//! The content of a file: extents, in order, that add up to its size.

use crate::id::{ChunkTag, SegmentId};

/// Largest content kept inside its entry, in bytes.
pub const INLINE_BYTES_MAX: usize = 512;

/// Longest list of extents kept inside an entry; a longer one is cut into pages of its own.
pub const INLINE_EXTENTS_MAX: usize = 64;

/// Where a chunk lies: permanent, whatever pack holds the segment today.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FrameRef {
    /// The segment.
    pub segment: SegmentId,
    /// Number of the frame in it, from 0.
    pub frame: u16,
}

/// One chunk in its frame. Sixteen bytes of its id are enough: whoever reads the chunk
/// computes its id from its bytes, and compares.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ChunkRef {
    /// The chunk.
    pub tag: ChunkTag,
    /// The frame that holds it.
    pub at: FrameRef,
    /// Its number in the frame's chunk table, from 0.
    pub index: u16,
}

/// A run of bytes of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Extent {
    /// Bytes of one chunk.
    Data {
        /// Which chunk, and where.
        chunk: ChunkRef,
        /// Its length in bytes.
        length: u32,
    },
    /// A hole: zeros that take no space in the source.
    Hole {
        /// Its length in bytes.
        length: u64,
    },
}

impl Extent {
    /// Length in bytes.
    pub fn length(&self) -> u64 {
        match self {
            Self::Data { length, .. } => u64::from(*length),
            Self::Hole { length } => *length,
        }
    }
}

/// Where the bytes of an entry are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// There are none, or the entry is no regular file.
    Empty,
    /// The bytes themselves, at most [`INLINE_BYTES_MAX`].
    Inline(Vec<u8>),
    /// At most [`INLINE_EXTENTS_MAX`] extents.
    Extents(Vec<Extent>),
    /// A longer list, cut into extent pages of which at most [`INLINE_EXTENTS_MAX`] remain here.
    Paged {
        /// 1: the pages hold extents; n: the pages hold pointers to pages of level n - 1.
        level: u8,
        /// The pages in order.
        pages: Vec<ExtentPage>,
    },
}

/// A pointer to a page of extents, or to a page of such pointers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExtentPage {
    /// The chunk that holds the page.
    pub chunk: ChunkRef,
    /// Bytes of the file below it.
    pub length: u64,
}
