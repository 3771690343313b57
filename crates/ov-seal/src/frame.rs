//! What a sealed frame holds, and how it looks once opened.

use ov_format::id::FrameHash;

use crate::segment::MARK_BYTES;

/// What the plain bytes of a frame are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FrameKind {
    /// Chunks of files.
    Content,
    /// Pages of the tree.
    Tree,
    /// Pages of a table or another list.
    List,
    /// One section of a record.
    Section,
    /// Pages of extents.
    Extents,
}

impl FrameKind {
    /// The byte that stands for it.
    pub const fn byte(self) -> u8 {
        match self {
            Self::Content => 0,
            Self::Tree => 1,
            Self::List => 2,
            Self::Section => 3,
            Self::Extents => 4,
        }
    }

    /// Reads [`FrameKind::byte`]; `None` for a kind that only a newer program knows.
    pub const fn from_byte(byte: u8) -> Option<Self> {
        Some(match byte {
            0 => Self::Content,
            1 => Self::Tree,
            2 => Self::List,
            3 => Self::Section,
            4 => Self::Extents,
            _ => return None,
        })
    }
}

/// A frame as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealedFrame {
    /// The stored bytes.
    pub bytes: Vec<u8>,
    /// Their BLAKE3 hash, for the frame list that the commit signs.
    pub hash: FrameHash,
}

impl SealedFrame {
    /// Names stored bytes.
    pub fn new(bytes: Vec<u8>) -> Self {
        let hash = FrameHash(*blake3::hash(&bytes).as_bytes());
        Self { bytes, hash }
    }
}

/// A frame whose bytes are proved to be what its signer sealed at this place.
#[derive(Clone, PartialEq, Eq)]
pub struct OpenedFrame {
    /// What the bytes are.
    pub kind: FrameKind,
    /// How they are coded.
    pub coder: u8,
    /// The mark, and the coded bytes behind it.
    pub(crate) buffer: Vec<u8>,
}

impl OpenedFrame {
    /// The coded bytes.
    pub fn plain(&self) -> &[u8] {
        self.buffer.get(MARK_BYTES..).unwrap_or_default()
    }

    /// The buffer in which the coded bytes lie, and where they begin.
    pub fn into_buffer(self) -> (Vec<u8>, usize) {
        (self.buffer, MARK_BYTES)
    }
}

/// Shows the length only: content never reaches a log through `{:?}`.
impl std::fmt::Debug for OpenedFrame {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (kind, coder, length) = (self.kind, self.coder, self.plain().len());
        write!(f, "OpenedFrame({kind:?}, coder {coder}, {length} bytes)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_one_byte_and_other_bytes_have_no_kind() {
        let known = (0..=u8::MAX).filter_map(FrameKind::from_byte);
        let bytes: Vec<u8> = known.map(FrameKind::byte).collect();
        assert_eq!(bytes, [0, 1, 2, 3, 4]);
    }
}
