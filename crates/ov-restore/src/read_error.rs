//! Why something in the vault could not be read.

use std::sync::Arc;

use ov_coding::CodingError;
use ov_format::FormatError;
use ov_format::content::FrameRef;
use ov_format::entry::EntryKey;
use ov_format::id::{CompartmentId, ObjectHash};
use ov_format::name::ObjectName;
use ov_format::refs::PagePlace;
use ov_seal::segment::SegmentError;
use ov_store::StoreError;
use thiserror::Error;

/// Why a frame, or something in it, cannot be had. If a frame lies at several places, this is
/// what was wrong at the last that was tried.
#[derive(Clone, Debug, Error)]
pub enum ReadError {
    /// No record says where the frame lies.
    #[error("frame {} of segment {} is in no pack here", at.frame, at.segment)]
    NoPlace {
        /// The frame.
        at: FrameRef,
    },
    /// The key opens nothing of the compartment in that epoch.
    #[error("this key does not open compartment {compartment} of epoch {epoch}")]
    Closed {
        /// The compartment.
        compartment: CompartmentId,
        /// The epoch.
        epoch: u32,
    },
    /// What lies in the pack is not the frame.
    #[error("{}: frame {} of segment {}: {why}", ObjectName::Pack(*pack), at.frame, at.segment)]
    Damaged {
        /// The pack.
        pack: ObjectHash,
        /// The frame.
        at: FrameRef,
        /// What is wrong.
        why: Damage,
    },
    /// A chunk is not what its id says, or is not there.
    #[error("chunk {index} in frame {} of segment {} is not what its id says", at.frame, at.segment)]
    Chunk {
        /// The frame.
        at: FrameRef,
        /// Its number in the frame.
        index: u16,
    },
    /// A page is none, or not one that can stand there.
    #[error(
        "the page at {}/{} of segment {} is refused: {why}",
        place.at.frame, place.index, place.at.segment
    )]
    Page {
        /// The page.
        place: PagePlace,
        /// Why.
        why: PageFault,
    },
    /// The target failed.
    #[error(transparent)]
    Store(Arc<StoreError>),
}

impl ReadError {
    /// Whether the target does not answer at all: nothing is known to be wrong with what it holds,
    /// and going on makes no sense.
    pub fn is_unreachable(&self) -> bool {
        matches!(self, Self::Store(error) if error.is_retryable())
    }
}

impl From<StoreError> for ReadError {
    fn from(error: StoreError) -> Self {
        Self::Store(Arc::new(error))
    }
}

/// What is wrong with a frame at one place.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Damage {
    /// The pack is not there.
    #[error("the pack is missing")]
    Missing,
    /// The pack ends before the frame does.
    #[error("the pack is cut short")]
    Short,
    /// No frame is that long.
    #[error("no frame is that long")]
    Length,
    /// The bytes do not have the hash that the commit signed.
    #[error("its stored bytes are not those that were signed")]
    Hash,
    /// Its segment, or the frame itself, does not open.
    #[error("it does not open: {0}")]
    Sealed(SegmentError),
    /// The segment's head is that of another segment.
    #[error("the head before it belongs to another segment")]
    OtherSegment,
    /// It cannot be decoded.
    #[error("it cannot be decoded: {0}")]
    Coded(CodingError),
}

/// Why a page is refused.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum PageFault {
    /// It breaks the format.
    #[error("it {0}")]
    Format(#[from] FormatError),
    /// It is of another level than what points to it says.
    #[error("its level is not the one below")]
    Level,
    /// It holds nothing.
    #[error("it is empty")]
    Empty,
    /// It does not begin with the key that what points to it says.
    #[error("it begins with another key than announced")]
    First,
    /// It reaches beyond the page that follows it.
    #[error("it overlaps with the page behind it")]
    Order,
    /// It does not have as many entries below it as what points to it says.
    #[error("it does not have as many entries as announced")]
    Count,
    /// Its extents do not add up to the length that what points to it says.
    #[error("its extents do not add up to the length announced")]
    Sum,
}

/// A part of a tree that cannot be read.
#[derive(Clone, Debug, Error)]
#[error("{} of the tree cannot be read: {source}", lost(*.entries))]
pub struct TreeError {
    /// The page.
    pub place: PagePlace,
    /// Key of the first entry below it, where it is known.
    pub first: Option<EntryKey>,
    /// How many entries are below it, where it is known.
    pub entries: Option<u64>,
    /// Why.
    pub source: Box<ReadError>,
}

fn lost(entries: Option<u64>) -> String {
    match entries {
        Some(entries) => format!("a part with {entries} entries"),
        None => "the root".to_owned(),
    }
}
