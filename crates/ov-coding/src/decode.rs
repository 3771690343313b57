//! Coded bytes back to chunks. Reads hostile bytes: bounded before it allocates, never panics.

use std::fmt;

use zstd::zstd_safe::{self, DCtx};

use crate::coder::Coder;
use crate::error::CodingError;
use crate::frame::{self, PlainFrame};
use crate::image;

/// First bytes of a zstd frame (RFC 8878 §3.1.1); skippable frames start otherwise.
const ZSTD_MAGIC: [u8; 4] = 0xFD2F_B528_u32.to_le_bytes();

/// Decodes frames; holds what zstd wants to use again. One per thread.
pub struct Decoder {
    decompressor: DCtx<'static>,
    content: Vec<u8>,
}

impl Decoder {
    /// Makes the context.
    pub fn new() -> Result<Self, CodingError> {
        let decompressor = DCtx::try_create().ok_or(CodingError::NoMemory)?;
        Ok(Self {
            decompressor,
            content: Vec::new(),
        })
    }

    /// Decodes a frame. Whose bytes these are is for the caller to say, who has the id key.
    ///
    /// Allocates at most a few times [`FRAME_PLAIN_MAX`](crate::FRAME_PLAIN_MAX), and in
    /// proportion to what a payload that fits states.
    pub fn decode(&mut self, coder: Coder, bytes: &[u8]) -> Result<PlainFrame, CodingError> {
        let (ends, stated, payload) = frame::read_table(bytes)?;
        let mut plain = Vec::new();
        self.decode_payload(coder, payload, stated, &mut plain)?;
        Ok(PlainFrame::from_checked(ends, plain))
    }

    /// Replaces `plain` by the content of `payload`, which must be `stated` bytes.
    pub(crate) fn decode_payload(
        &mut self,
        coder: Coder,
        payload: &[u8],
        stated: usize,
        plain: &mut Vec<u8>,
    ) -> Result<(), CodingError> {
        match coder {
            Coder::Store => unstore(payload, stated, plain),
            Coder::Zstd => unzstd(&mut self.decompressor, payload, stated, plain),
            Coder::Image => {
                let content = &mut self.content;
                unzstd(
                    &mut self.decompressor,
                    payload,
                    stated + image::HEAD,
                    content,
                )?;
                image::join(content, plain)
            }
        }
    }
}

impl fmt::Debug for Decoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Decoder")
    }
}

fn unstore(payload: &[u8], stated: usize, plain: &mut Vec<u8>) -> Result<(), CodingError> {
    check_length(stated, payload.len())?;
    plain.clear();
    plain.extend_from_slice(payload);
    Ok(())
}

/// Replaces `content` by what `payload` holds, which must be `stated` bytes.
fn unzstd(
    decompressor: &mut DCtx<'_>,
    payload: &[u8],
    stated: usize,
    content: &mut Vec<u8>,
) -> Result<(), CodingError> {
    check_zstd(payload, stated)?;
    content.clear();
    content.reserve_exact(stated);
    let found = decompressor
        .decompress(content, payload)
        .map_err(|code| CodingError::DamagedZstd(zstd_safe::get_error_name(code)))?;
    check_length(stated, found)
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
