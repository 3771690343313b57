//! Coded bytes back to chunks. Reads hostile bytes: bounded before it allocates, never panics.

use std::fmt;

use zstd::zstd_safe::{self, DCtx};

use crate::coder::Coder;
use crate::error::CodingError;
use crate::frame::{self, PlainFrame};

/// First bytes of a zstd frame (RFC 8878 §3.1.1); skippable frames start otherwise.
const ZSTD_MAGIC: [u8; 4] = 0xFD2F_B528_u32.to_le_bytes();

/// Decodes frames; holds what zstd wants to use again. One per thread.
pub struct Decoder {
    decompressor: DCtx<'static>,
}

impl Decoder {
    /// Makes the context.
    pub fn new() -> Result<Self, CodingError> {
        let decompressor = DCtx::try_create().ok_or(CodingError::NoMemory)?;
        Ok(Self { decompressor })
    }

    /// Decodes a frame. Whose bytes these are is for the caller to say, who has the id key.
    ///
    /// Allocates at most [`FRAME_PLAIN_MAX`](crate::FRAME_PLAIN_MAX) and in proportion to `bytes`.
    pub fn decode(&mut self, coder: Coder, bytes: &[u8]) -> Result<PlainFrame, CodingError> {
        let (ends, stated, payload) = frame::read_table(bytes)?;
        let mut plain = Vec::new();
        match coder {
            Coder::Store => unstore(payload, stated, &mut plain)?,
            Coder::Zstd => self.unzstd(payload, stated, &mut plain)?,
        }
        Ok(PlainFrame::from_checked(ends, plain))
    }

    /// Replaces `plain` by the content of `payload`, which must be `stated` bytes.
    pub(crate) fn unzstd(
        &mut self,
        payload: &[u8],
        stated: usize,
        plain: &mut Vec<u8>,
    ) -> Result<(), CodingError> {
        check_zstd(payload, stated)?;
        plain.clear();
        plain.reserve_exact(stated);
        let found = self
            .decompressor
            .decompress(plain, payload)
            .map_err(|code| CodingError::DamagedZstd(zstd_safe::get_error_name(code)))?;
        check_length(stated, found)
    }
}

impl fmt::Debug for Decoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Decoder")
    }
}

fn unstore(payload: &[u8], stated: usize, plain: &mut Vec<u8>) -> Result<(), CodingError> {
    check_length(stated, payload.len())?;
    plain.extend_from_slice(payload);
    Ok(())
}

/// One frame, whole, nothing behind it, whose header states the right size.
fn check_zstd(payload: &[u8], stated: usize) -> Result<(), CodingError> {
    let one = payload.starts_with(&ZSTD_MAGIC)
        && zstd_safe::find_frame_compressed_size(payload) == Ok(payload.len())
        && zstd_safe::get_dict_id_from_frame(payload).is_none();
    match zstd_safe::get_frame_content_size(payload) {
        Ok(Some(size)) if one => match usize::try_from(size) {
            Ok(size) => check_length(stated, size),
            Err(_) => Err(CodingError::LengthMismatch {
                stated,
                found: size,
            }),
        },
        _ => Err(CodingError::NotOneZstdFrame),
    }
}

fn check_length(stated: usize, found: usize) -> Result<(), CodingError> {
    if stated == found {
        return Ok(());
    }
    let found = u64::try_from(found).unwrap_or(u64::MAX);
    Err(CodingError::LengthMismatch { stated, found })
}
