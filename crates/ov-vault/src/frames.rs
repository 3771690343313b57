//! Fetching sealed frames from packs, and nothing that does not have the hash that was signed.

use ov_format::content::FrameRef;
use ov_format::id::{FrameHash, ObjectHash};
use ov_format::list::Placement;
use ov_format::name::ObjectName;
use ov_store::{Store, StoreError};

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

/// Fetches header ‖ slots of a segment from any of its placements that is there. What opens it
/// recomputes the segment's id, so a wrong one cannot pass.
pub fn fetch_head(
    store: &dyn Store,
    placements: &[Placement],
    gone: &dyn Fn(&ObjectHash) -> bool,
) -> Result<(Placement, Vec<u8>), VaultError> {
    let mut tried = None;
    for placement in placements
        .iter()
        .rev()
        .filter(|placement| !gone(&placement.pack))
    {
        let length = usize::try_from(placement.header_length).unwrap_or(usize::MAX);
        match store.get_range(&ObjectName::Pack(placement.pack), placement.offset, length) {
            Ok(bytes) => return Ok((placement.clone(), bytes)),
            Err(error @ (StoreError::NotFound { .. } | StoreError::Short { .. })) => {
                tried = Some(error);
            }
            Err(error) => return Err(error.into()),
        }
    }
    Err(match tried {
        Some(error) => error.into(),
        None => VaultError::Incomplete("a segment is in no pack here".to_owned()),
    })
}

/// The hash of a frame's stored bytes.
pub fn frame_hash(bytes: &[u8]) -> FrameHash {
    FrameHash(*blake3::hash(bytes).as_bytes())
}
