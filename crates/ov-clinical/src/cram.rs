//! CRAM: the SAM header in the first container, and the end marker (CRAM §6–9).

use crate::collector::Collector;
use crate::facts::Facts;
use crate::inflate;
use crate::sam_header;
use crate::warning::Warning;
use crate::window::Window;

/// The container that closes a whole file of version 3.
const END_3: [u8; 38] = [
    0x0f, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0x0f, 0xe0, 0x45, 0x4f, 0x46, 0, 0, 0, 0, 1, 0, 5, 0xbd,
    0xd9, 0x4f, 0, 1, 0, 6, 6, 1, 0, 1, 0, 1, 0, 0xee, 0x63, 1, 0x4b,
];
/// The same of version 2.1.
const END_2: [u8; 30] = [
    0x0b, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0x0f, 0xe0, 0x45, 0x4f, 0x46, 0, 0, 0, 0, 1, 0, 0, 1, 0,
    6, 6, 1, 0, 1, 0, 1, 0,
];

/// Reads a CRAM.
#[must_use]
pub fn read(window: &Window) -> (Facts, Vec<Warning>) {
    let mut out = Collector::new();
    let version = (window.head().get(4).copied(), window.head().get(5).copied());
    match version {
        (Some(3..), _) => out.end_marker(window.ends_with(&END_3)),
        (Some(2), Some(1..)) => out.end_marker(window.ends_with(&END_2)),
        _ => {}
    }
    match header(window.head()) {
        Some(text) => sam_header::read(&text, &mut out),
        None if window.is_whole() => out.malformed(26, "the header of the alignments"),
        None => out.warn(Warning::Partial),
    }
    out.finish()
}

/// The text of the first block of the first container.
fn header(bytes: &[u8]) -> Option<Vec<u8>> {
    let major = *bytes.get(4)?;
    let mut at = Cursor(bytes.get(26..)?);
    container(&mut at, major)?;
    let method = at.byte()?;
    let _content_type = at.byte()?;
    let _content_id = at.itf8()?;
    let stored = usize::try_from(at.itf8()?).ok()?;
    let _raw = at.itf8()?;
    let data = at.0.get(..stored).unwrap_or(at.0);
    let data = match method {
        0 => data.to_vec(),
        1 => inflate::gunzip(data, crate::bam::HEADER_MAX).bytes,
        _ => return None,
    };
    let (length, text) = data.split_first_chunk::<4>()?;
    let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
    Some(text.get(..length).unwrap_or(text).to_vec())
}

/// Passes over a container's header (CRAM §7).
fn container(at: &mut Cursor, major: u8) -> Option<()> {
    at.skip(4)?;
    for _ in 0..4 {
        at.itf8()?;
    }
    if major >= 3 {
        at.ltf8()?;
    } else {
        at.itf8()?;
    }
    at.ltf8()?;
    at.itf8()?;
    let landmarks = at.itf8()?;
    for _ in 0..landmarks {
        at.itf8()?;
    }
    if major >= 3 {
        at.skip(4)?;
    }
    Some(())
}

/// Bytes that are still to be read.
struct Cursor<'a>(&'a [u8]);

impl Cursor<'_> {
    fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    fn skip(&mut self, count: usize) -> Option<()> {
        self.0 = self.0.get(count..)?;
        Some(())
    }

    /// A number of 1 to 5 bytes (CRAM §2.3).
    fn itf8(&mut self) -> Option<u32> {
        let first = self.byte()?;
        let more = first.leading_ones().min(4);
        // The longest form has no zero after its ones.
        let mut value = u32::from(first) & (0xff >> (more + 1).min(4));
        for index in 0..more {
            let byte = u32::from(self.byte()?);
            value = match index {
                // The fifth byte holds only four bits.
                3 => (value << 4) | (byte & 0x0f),
                _ => (value << 8) | byte,
            };
        }
        Some(value)
    }

    /// A number of 1 to 9 bytes, of which only the length matters here.
    fn ltf8(&mut self) -> Option<()> {
        let first = self.byte()?;
        self.skip(usize::try_from(first.leading_ones()).ok()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_every_length_are_read() {
        for (bytes, value) in [
            (&[0x7f][..], 0x7f),
            (&[0x80, 0x80], 0x80),
            (&[0xc0, 0x40, 0], 0x4000),
            (&[0xe0, 0x20, 0, 0], 0x20_0000),
            (&[0xff, 0xff, 0xff, 0xff, 0x0f], u32::MAX),
        ] {
            let mut at = Cursor(bytes);
            assert_eq!(at.itf8(), Some(value));
            assert!(at.0.is_empty());
        }
    }
}
