//! Where a frame is opened and decoded: one for each thread that does so.

use ov_coding::{Coder, CodingError, Decoder, PlainFrame};
use ov_seal::frame::OpenedFrame;

/// A decoder, and a buffer that the next frame is opened in: memory that is new to a process costs
/// as much as filling it.
pub(crate) struct Bench {
    decoder: Decoder,
    /// Its content is void.
    pub buffer: Vec<u8>,
}

impl Bench {
    pub fn new() -> Result<Self, CodingError> {
        Ok(Self {
            decoder: Decoder::new()?,
            buffer: Vec::new(),
        })
    }

    /// Decodes a frame. Its buffer becomes the frame, or that of the next one.
    pub fn decode(&mut self, opened: OpenedFrame) -> Result<PlainFrame, CodingError> {
        let coder = Coder::from_id(opened.coder)?;
        let (buffer, start) = opened.into_buffer();
        if buffer.capacity() / 2 > buffer.len() {
            // A small frame must not keep the memory of a large one.
            let frame = self.decoder.decode(coder, &buffer[start..])?;
            self.buffer = buffer;
            return Ok(frame);
        }
        let (frame, spare) = self.decoder.decode_in(coder, buffer, start)?;
        self.buffer = spare.unwrap_or_default();
        Ok(frame)
    }
}
