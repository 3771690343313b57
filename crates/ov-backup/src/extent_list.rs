//! The extents of a file while it is read, before their list is cut into pages.

use ov_format::content::{ChunkRef, Content, Extent};

/// Adds a hole; holes that touch are one.
pub fn push_hole(extents: &mut Vec<Extent>, length: u64) {
    match extents.last_mut() {
        Some(Extent::Hole { length: before }) => *before = before.saturating_add(length),
        _ if length > 0 => extents.push(Extent::Hole { length }),
        _ => {}
    }
}

/// Chunks of a file's content and their lengths, before its list of extents is cut into pages.
pub fn chunks_of(content: &Content) -> impl Iterator<Item = (&ChunkRef, u32)> + '_ {
    let extents = match content {
        Content::Extents(extents) => &extents[..],
        _ => &[],
    };
    extents.iter().filter_map(|extent| match extent {
        Extent::Data { chunk, length } => Some((chunk, *length)),
        Extent::Hole { .. } => None,
    })
}
