//! A frame as readers see it.

use ov_coding::PlainFrame;
use ov_format::content::{ChunkRef, FrameRef};
use ov_format::id::ChunkTag;
use ov_seal::frame::FrameKind;

use crate::read_error::ReadError;

/// A decoded frame, and what its chunks are called.
pub struct Frame {
    pub(crate) at: FrameRef,
    pub(crate) kind: FrameKind,
    pub(crate) plain: PlainFrame,
    /// The beginning of each chunk's id, computed from its bytes: who made the frame is trusted
    /// for nothing.
    pub(crate) tags: Vec<ChunkTag>,
}

impl Frame {
    /// Which frame.
    pub fn at(&self) -> FrameRef {
        self.at
    }

    /// What it holds.
    pub fn kind(&self) -> FrameKind {
        self.kind
    }

    /// The bytes of a chunk of content that has the right id.
    pub fn chunk(&self, chunk: &ChunkRef) -> Result<&[u8], ReadError> {
        match self.kind {
            FrameKind::Content => self.any_chunk(chunk),
            _ => Err(self.no_chunk(chunk)),
        }
    }

    /// The bytes of a page that has the right id. What stands among content is no page, whatever
    /// it looks like.
    pub(crate) fn page_bytes(&self, chunk: &ChunkRef) -> Result<&[u8], ReadError> {
        match self.kind {
            FrameKind::Tree | FrameKind::Extents => self.any_chunk(chunk),
            _ => Err(self.no_chunk(chunk)),
        }
    }

    fn any_chunk(&self, chunk: &ChunkRef) -> Result<&[u8], ReadError> {
        let tag = self.tags.get(usize::from(chunk.index));
        match self.plain.chunk(chunk.index) {
            Some(bytes) if tag == Some(&chunk.tag) => Ok(bytes),
            _ => Err(self.no_chunk(chunk)),
        }
    }

    fn no_chunk(&self, chunk: &ChunkRef) -> ReadError {
        ReadError::Chunk {
            at: self.at,
            index: chunk.index,
        }
    }

    /// Tag and length of each chunk, if these are chunks of content.
    pub(crate) fn rows(&self) -> impl Iterator<Item = (ChunkTag, u32)> + '_ {
        let is_content = self.kind == FrameKind::Content;
        let rows = self.tags.iter().zip(self.plain.chunks());
        rows.filter(move |_| is_content)
            .map(|(tag, bytes)| (*tag, u32::try_from(bytes.len()).unwrap_or(u32::MAX)))
    }

    /// Bytes of memory that it takes, about.
    pub(crate) fn memory(&self) -> usize {
        self.plain.plain().len() + 64 * usize::from(self.plain.chunk_count())
    }
}
