//! How a pack is laid out.
//!
//! header ‖ segments ‖ padding ‖ directory ‖ trailer. A segment's own boundaries look random; the
//! directory, sealed to the structure audience, says where they are, so that a vault can be read
//! again from its packs alone. The trailer finds the directory.

use crate::error::FormatError;

/// Stored length to which full packs are filled, in bytes.
pub const PACK_BYTES: usize = 16 * 1024 * 1024;

/// Least stored length of a pack, in bytes.
pub const PACK_BYTES_MIN: usize = 64 * 1024;

/// Longest pack that a reader accepts, in bytes.
pub const PACK_BYTES_MAX: u64 = 8 * 1024 * 1024 * 1024;

/// Frames in one segment at most.
pub const SEGMENT_FRAMES_MAX: u16 = 256;

/// Plain bytes in one segment at most.
pub const SEGMENT_BYTES_MAX: usize = 32 * 1024 * 1024;

/// Length of the trailer in bytes.
pub const TRAILER_BYTES: usize = 8;

const TRAILER_MAGIC: [u8; 4] = *b"OVnd";

/// The last eight bytes of a pack or table: length of what stands before them (the directory, or
/// the index page of a table), u32 little-endian, and a magic.
pub fn encode_trailer(length: u32) -> [u8; TRAILER_BYTES] {
    let mut trailer = [0; TRAILER_BYTES];
    trailer[..4].copy_from_slice(&length.to_le_bytes());
    trailer[4..].copy_from_slice(&TRAILER_MAGIC);
    trailer
}

/// Reads a trailer.
pub fn decode_trailer(trailer: &[u8; TRAILER_BYTES]) -> Result<u32, FormatError> {
    if trailer[4..] != TRAILER_MAGIC {
        return Err(FormatError::Rule("an object ends with its trailer"));
    }
    Ok(u32::from_le_bytes([
        trailer[0], trailer[1], trailer[2], trailer[3],
    ]))
}
