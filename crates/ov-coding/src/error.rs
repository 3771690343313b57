//! What can be wrong with a frame or with a number read from the format.

/// Why bytes are not a frame, or chunks cannot become one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CodingError {
    /// The coder is not known to this version.
    #[error("the frame uses coder {0}, which this version does not know: use a newer version")]
    UnknownCoder(u8),
    /// The cutting profile is not known to this version.
    #[error("cutting profile {0} is not known to this version: use a newer version")]
    UnknownProfile(u8),
    /// A frame holds at least one chunk.
    #[error("the frame holds no chunks")]
    NoChunks,
    /// The bytes end inside the chunk table.
    #[error("the frame's table states {chunks} chunks, but the frame has only {bytes} bytes")]
    TableCut {
        /// Chunks that the table states.
        chunks: u16,
        /// Bytes there are.
        bytes: usize,
    },
    /// The bytes end before the number of chunks.
    #[error("the frame has {0} bytes, too few for its number of chunks")]
    TooShort(usize),
    /// More plain bytes than a frame may hold.
    #[error("the frame's chunks add up to {0} bytes, more than a frame may hold")]
    PlainTooLarge(u64),
    /// More chunks than a frame may hold.
    #[error("{0} chunks are more than a frame may hold")]
    TooManyChunks(usize),
    /// The payload does not have the length that the table states.
    #[error("the frame's table states {stated} bytes, its payload gives {found}")]
    LengthMismatch {
        /// Sum of the lengths in the table.
        stated: usize,
        /// What the payload says or gives.
        found: u64,
    },
    /// The payload is not exactly one zstd frame that states its content size.
    #[error("the frame's payload is not exactly one zstd frame with its size")]
    NotOneZstdFrame,
    /// zstd refused the payload.
    #[error("the frame's zstd payload is damaged: {0}")]
    DamagedZstd(&'static str),
    /// What zstd gave is not a split image.
    #[error("the frame's image is damaged: its rows or samples cannot be")]
    DamagedImage,
    /// What zstd gave is not a split of sequencing reads.
    #[error("the frame's sequencing reads are damaged: their parts do not fit together")]
    DamagedReads,
    /// No memory for a zstd context.
    #[error("no memory for a zstd context")]
    NoMemory,
    /// The chunk does not fit into the frame being gathered.
    #[error("a chunk of {length} bytes does not fit into the gathered frame")]
    DoesNotFit {
        /// Length of the chunk.
        length: usize,
    },
}
