//! Coded bytes back to chunks. Reads hostile bytes: bounded before it allocates, never panics.

use std::fmt;
use std::ops::RangeInclusive;

use zstd::zstd_safe::{self, DCtx};

use crate::coder::Coder;
use crate::error::CodingError;
use crate::frame::{self, PlainFrame};
use crate::image;
use crate::parts::Parts;
use crate::reads;

/// First bytes of a zstd frame (RFC 8878 §3.1.1); skippable frames start otherwise.
const ZSTD_MAGIC: [u8; 4] = 0xFD2F_B528_u32.to_le_bytes();

/// Decodes frames; holds what zstd wants to use again. One per thread.
pub struct Decoder {
    decompressor: DCtx<'static>,
    parts: Parts,
}

impl Decoder {
    /// Makes the context.
    pub fn new() -> Result<Self, CodingError> {
        let decompressor = DCtx::try_create().ok_or(CodingError::NoMemory)?;
        Ok(Self {
            decompressor,
            parts: Parts::default(),
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

    /// Decodes the frame that begins at `start` in `buffer` and goes on to its end. What was stored
    /// as it is stays where it lies; else the buffer is given back.
    pub fn decode_in(
        &mut self,
        coder: Coder,
        buffer: Vec<u8>,
        start: usize,
    ) -> Result<(PlainFrame, Option<Vec<u8>>), CodingError> {
        let bytes = buffer.get(start..).unwrap_or_default();
        if coder != Coder::Store {
            return Ok((self.decode(coder, bytes)?, Some(buffer)));
        }
        let (ends, stated, payload) = frame::read_table(bytes)?;
        check_length(stated, payload.len())?;
        let start = buffer.len() - stated;
        Ok((PlainFrame::in_buffer(ends, buffer, start), None))
    }

    /// Replaces `plain` by the content of `payload`, which must be `stated` bytes.
    pub(crate) fn decode_payload(
        &mut self,
        coder: Coder,
        payload: &[u8],
        stated: usize,
        plain: &mut Vec<u8>,
    ) -> Result<(), CodingError> {
        let zstd = &mut self.decompressor;
        match coder {
            Coder::Store => unstore(payload, stated, plain),
            Coder::Zstd => unzstd(zstd, payload, stated, plain),
            Coder::Image => {
                let (head, behind) = image::Head::read(payload, stated)?;
                let (planes, length) = head.planes();
                unzstd_parts(
                    zstd,
                    behind,
                    &vec![length..=length; planes.into()],
                    &mut self.parts,
                )?;
                head.join(self.parts.read_bytes(), plain);
                check_length(stated, plain.len())
            }
            Coder::Reads => {
                let lengths = vec![0..=reads::most_split(stated); reads::PARTS];
                unzstd_parts(zstd, payload, &lengths, &mut self.parts)?;
                reads::join(&self.parts, stated, plain)
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

/// Replaces `content` by what `payload`, one zstd frame, holds, which must be `stated` bytes.
fn unzstd(
    zstd: &mut DCtx<'_>,
    payload: &[u8],
    stated: usize,
    content: &mut Vec<u8>,
) -> Result<(), CodingError> {
    let (size, frame, behind) = next_frame(payload)?;
    if !behind.is_empty() {
        return Err(CodingError::NotOneZstdFrame);
    }
    check_length(stated, size)?;
    content.clear();
    content.reserve_exact(stated);
    let found = zstd.decompress(content, frame).map_err(damaged)?;
    check_length(stated, found)
}

/// Replaces `parts` by what zstd frames hold, one behind the other and nothing else, each of a
/// length within its range.
fn unzstd_parts(
    zstd: &mut DCtx<'_>,
    mut payload: &[u8],
    lengths: &[RangeInclusive<usize>],
    parts: &mut Parts,
) -> Result<(), CodingError> {
    parts.clear();
    for range in lengths {
        let (size, frame, behind) = next_frame(payload)?;
        if !range.contains(&size) {
            return check_length(*range.end(), size);
        }
        let found = zstd.decompress(parts.room(size), frame).map_err(damaged)?;
        check_length(size, found)?;
        parts.end();
        payload = behind;
    }
    match payload {
        [] => Ok(()),
        _ => Err(CodingError::NotOneZstdFrame),
    }
}

/// The zstd frame at the start: how many bytes its header says that it holds, itself, and what is
/// behind it.
fn next_frame(payload: &[u8]) -> Result<(usize, &[u8], &[u8]), CodingError> {
    let length = zstd_safe::find_frame_compressed_size(payload).ok();
    let whole = length.and_then(|length| payload.split_at_checked(length));
    match (whole, zstd_safe::get_frame_content_size(payload)) {
        (Some((frame, behind)), Ok(Some(size)))
            if frame.starts_with(&ZSTD_MAGIC)
                && zstd_safe::get_dict_id_from_frame(frame).is_none() =>
        {
            Ok((usize::try_from(size).unwrap_or(usize::MAX), frame, behind))
        }
        _ => Err(CodingError::NotOneZstdFrame),
    }
}

fn damaged(code: usize) -> CodingError {
    CodingError::DamagedZstd(zstd_safe::get_error_name(code))
}

fn check_length(stated: usize, found: usize) -> Result<(), CodingError> {
    if stated == found {
        return Ok(());
    }
    let found = u64::try_from(found).unwrap_or(u64::MAX);
    Err(CodingError::LengthMismatch { stated, found })
}
