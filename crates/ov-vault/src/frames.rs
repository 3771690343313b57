//! Fetching sealed frames from packs, and nothing that does not have the hash that was signed.

use ov_format::content::FrameRef;
use ov_format::id::{FrameHash, HeadHash, ObjectHash};
use ov_format::list::Placement;
use ov_format::name::ObjectName;
use ov_store::Store;

use crate::error::VaultError;
use crate::graph::{Graph, Place};

/// Fetches the stored bytes of a frame from the first of its places that still has them. Places
/// in packs for which `gone` holds are not tried.
pub fn fetch_frame(
    store: &dyn Store,
    graph: &Graph,
    frame: &FrameRef,
    gone: &dyn Fn(&ObjectHash) -> bool,
) -> Result<(Place, Vec<u8>), VaultError> {
    let mut tried = None;
    for place in graph
        .places(frame)
        .into_iter()
        .rev()
        .filter(|place| !gone(&place.pack))
    {
        match fetch_place(store, &place) {
            Ok(bytes) => return Ok((place, bytes)),
            Err(VaultError::Store(error)) if error.is_retryable() => return Err(error.into()),
            Err(error) => tried = Some(error),
        }
    }
    Err(tried.unwrap_or_else(|| {
        let FrameRef { segment, frame } = frame;
        VaultError::Incomplete(format!(
            "frame {frame} of segment {segment} is in no pack here"
        ))
    }))
}

/// Fetches the stored bytes of a frame from one place and compares their hash.
pub fn fetch_place(store: &dyn Store, place: &Place) -> Result<Vec<u8>, VaultError> {
    let name = ObjectName::Pack(place.pack);
    let length = usize::try_from(place.stored.length).unwrap_or(usize::MAX);
    let bytes = store.get_range(&name, place.offset, length)?;
    match frame_hash(&bytes) == place.stored.hash {
        true => Ok(bytes),
        false => Err(VaultError::Damaged(name)),
    }
}

/// Fetches header ‖ slots of a segment from one placement and compares their hash.
pub fn fetch_head(store: &dyn Store, placement: &Placement) -> Result<Vec<u8>, VaultError> {
    let name = ObjectName::Pack(placement.pack);
    let length = usize::try_from(placement.head.length).unwrap_or(usize::MAX);
    let bytes = store.get_range(&name, placement.offset, length)?;
    match head_hash(&bytes) == placement.head.hash {
        true => Ok(bytes),
        false => Err(VaultError::Damaged(name)),
    }
}

/// The hash of a frame's stored bytes.
pub fn frame_hash(bytes: &[u8]) -> FrameHash {
    FrameHash(*blake3::hash(bytes).as_bytes())
}

/// The hash of a segment's stored header and slots.
pub fn head_hash(bytes: &[u8]) -> HeadHash {
    HeadHash(*blake3::hash(bytes).as_bytes())
}
