//! Inflating, bounded: DEFLATE (RFC 1951) in steps, and the members of a gzip file (RFC 1952).

use miniz_oxide::inflate::stream::{InflateState, MinReset, inflate};
use miniz_oxide::{DataFormat, MZFlush, MZStatus};

const STEP: usize = 32 << 10;

/// What came out of one step.
pub(crate) enum Flow {
    /// The stream goes on: more input is needed.
    More,
    /// The stream ended, after so many bytes of this input.
    End(usize),
    /// It is no DEFLATE stream.
    Broken,
}

/// Raw DEFLATE streams, one after the other.
pub(crate) struct Inflator {
    state: Box<InflateState>,
    out: Vec<u8>,
}

impl Inflator {
    pub(crate) fn new() -> Self {
        Self {
            state: InflateState::new_boxed(DataFormat::Raw),
            out: vec![0; STEP],
        }
    }

    /// Begins another stream. Cheap, so that a file of many empty members is read soon.
    fn restart(&mut self) {
        self.state.reset_as(MinReset);
    }

    /// Inflates all of `input`; `sink` gets the bytes in pieces and says whether to go on.
    pub(crate) fn feed(&mut self, input: &[u8], mut sink: impl FnMut(&[u8]) -> bool) -> Flow {
        let mut used = 0;
        loop {
            let rest = input.get(used..).unwrap_or_default();
            let step = inflate(&mut self.state, rest, &mut self.out, MZFlush::None);
            used += step.bytes_consumed;
            let written = self.out.get(..step.bytes_written).unwrap_or_default();
            let go_on = written.is_empty() || sink(written);
            match step.status {
                Ok(MZStatus::StreamEnd) => return Flow::End(used),
                Ok(_) if !go_on => return Flow::End(used),
                Ok(_) if step.bytes_written == 0 && step.bytes_consumed == 0 => return Flow::More,
                Ok(_) => {}
                Err(miniz_oxide::MZError::Buf) => return Flow::More,
                Err(_) => return Flow::Broken,
            }
        }
    }
}

/// Why inflating stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stop {
    /// At the end of the input, between members.
    End,
    /// The input ended inside a member.
    Truncated,
    /// The bound was reached.
    Bound,
    /// Something that is no gzip member follows.
    Broken,
}

/// The beginning of what a gzip file holds.
pub(crate) struct Inflated {
    pub(crate) bytes: Vec<u8>,
    pub(crate) stop: Stop,
}

/// Inflates the members of a gzip file one after the other, at most `bound` bytes. Empty members
/// cost input, so the time is bounded by both.
pub(crate) fn gunzip(input: &[u8], bound: usize) -> Inflated {
    let mut bytes = Vec::new();
    let mut inflator = Inflator::new();
    let mut at = 0;
    loop {
        let rest = input.get(at..).unwrap_or_default();
        if rest.is_empty() {
            return Inflated {
                bytes,
                stop: Stop::End,
            };
        }
        let body = match member_header(rest) {
            Header::Length(length) => length,
            Header::Short => {
                return Inflated {
                    bytes,
                    stop: Stop::Truncated,
                };
            }
            Header::No => {
                return Inflated {
                    bytes,
                    stop: Stop::Broken,
                };
            }
        };
        let data = rest.get(body..).unwrap_or_default();
        match inflate_member(&mut inflator, data, bound, &mut bytes) {
            Ok(used) => at += body + used + 8,
            Err(stop) => return Inflated { bytes, stop },
        }
        if at > input.len() {
            return Inflated {
                bytes,
                stop: Stop::Truncated,
            };
        }
    }
}

fn inflate_member(
    inflator: &mut Inflator,
    data: &[u8],
    bound: usize,
    bytes: &mut Vec<u8>,
) -> Result<usize, Stop> {
    inflator.restart();
    let mut full = false;
    let flow = inflator.feed(data, |piece| {
        let room = bound.saturating_sub(bytes.len());
        bytes.extend_from_slice(piece.get(..room).unwrap_or(piece));
        full = piece.len() > room;
        !full
    });
    match flow {
        _ if full => Err(Stop::Bound),
        Flow::End(used) => Ok(used),
        Flow::More => Err(Stop::Truncated),
        Flow::Broken => Err(Stop::Broken),
    }
}

enum Header {
    Length(usize),
    Short,
    No,
}

/// Length of a member's header (RFC 1952 §2.3).
fn member_header(bytes: &[u8]) -> Header {
    const MAGIC: [u8; 3] = [0x1f, 0x8b, 8];
    let Some(fixed) = bytes.first_chunk::<10>() else {
        let begins = MAGIC.starts_with(bytes) || bytes.starts_with(&MAGIC);
        return if begins { Header::Short } else { Header::No };
    };
    if !fixed.starts_with(&MAGIC) {
        return Header::No;
    }
    let flags = fixed[3];
    let mut at = 10;
    if flags & 4 != 0 {
        let Some(&[low, high]) = bytes.get(at..at + 2) else {
            return Header::Short;
        };
        at += 2 + usize::from(u16::from_le_bytes([low, high]));
    }
    // Name and comment, each closed by a zero.
    for flag in [8, 16] {
        if flags & flag != 0 {
            let rest = bytes.get(at..).unwrap_or_default();
            let Some(end) = rest.iter().position(|b| *b == 0) else {
                return Header::Short;
            };
            at += end + 1;
        }
    }
    if flags & 2 != 0 {
        at += 2;
    }
    if at > bytes.len() {
        Header::Short
    } else {
        Header::Length(at)
    }
}

/// Whether a gzip file is in blocks (BGZF: an extra field `BC` of two bytes; SAM §4.1).
pub(crate) fn is_bgzf(bytes: &[u8]) -> bool {
    let Some(head) = bytes.first_chunk::<18>() else {
        return false;
    };
    head.starts_with(&[0x1f, 0x8b, 8]) && head[3] & 4 != 0 && head[12..16] == *b"BC\x02\x00"
}

/// The empty block that closes a whole BGZF file.
pub(crate) const BGZF_END: [u8; 28] = [
    0x1f, 0x8b, 8, 4, 0, 0, 0, 0, 0, 0xff, 6, 0, 0x42, 0x43, 2, 0, 0x1b, 0, 3, 0, 0, 0, 0, 0, 0, 0,
    0, 0,
];

#[cfg(test)]
pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut out = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];
    out.extend(miniz_oxide::deflate::compress_to_vec(bytes, 6));
    out.extend([0; 8]);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_come_out_in_order() {
        let mut file = gzip(b"first ");
        file.extend(gzip(b"second"));
        file.extend(BGZF_END);
        let inflated = gunzip(&file, 1000);
        assert_eq!(inflated.bytes, b"first second");
        assert_eq!(inflated.stop, Stop::End);
        let cut = gunzip(&file[..file.len() - 60], 1000);
        assert_eq!(cut.stop, Stop::Truncated);
    }

    /// Two hundred thousand empty members: their number costs time, so each must cost little.
    #[test]
    fn many_empty_members_are_passed_over_soon() {
        let begun = std::time::Instant::now();
        let inflated = gunzip(&BGZF_END.repeat(200_000), 1000);
        assert_eq!(inflated.stop, Stop::End);
        assert!(begun.elapsed() < std::time::Duration::from_secs(10));
    }

    #[test]
    fn a_bomb_stops_at_the_bound() {
        let inflated = gunzip(&gzip(&vec![0; 10 << 20]), 1 << 20);
        assert_eq!(inflated.bytes.len(), 1 << 20);
        assert_eq!(inflated.stop, Stop::Bound);
    }
}
