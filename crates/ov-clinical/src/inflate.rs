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
    /// Whoever takes it has enough.
    Enough,
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
    gunzip_until(input, bound, bound, |_| false)
}

/// As [`gunzip`], but no more than is `enough`, which is asked once `first` bytes are there, and
/// again whenever they have doubled: all questions together look at twice what there is.
pub(crate) fn gunzip_until(
    input: &[u8],
    bound: usize,
    first: usize,
    enough: impl Fn(&[u8]) -> bool,
) -> Inflated {
    let mut taken = Taken {
        bytes: Vec::new(),
        bound,
        ask: first,
        enough,
    };
    let stop = members(input, &mut taken);
    Inflated {
        bytes: taken.bytes,
        stop,
    }
}

/// What is taken out of a gzip file.
struct Taken<E> {
    bytes: Vec<u8>,
    bound: usize,
    /// So long it is when the next question is due.
    ask: usize,
    enough: E,
}

impl<E: Fn(&[u8]) -> bool> Taken<E> {
    /// Takes what came out of a step. Why no more is taken.
    fn take(&mut self, piece: &[u8]) -> Option<Stop> {
        let room = self.bound.saturating_sub(self.bytes.len());
        self.bytes
            .extend_from_slice(piece.get(..room).unwrap_or(piece));
        if piece.len() > room {
            return Some(Stop::Bound);
        }
        let due = self.bytes.len() >= self.ask && self.ask < self.bound;
        self.ask = match due {
            true => self.bytes.len().saturating_mul(2),
            false => self.ask,
        };
        (due && (self.enough)(&self.bytes)).then_some(Stop::Enough)
    }
}

fn members<E: Fn(&[u8]) -> bool>(input: &[u8], taken: &mut Taken<E>) -> Stop {
    let mut inflator = Inflator::new();
    let mut at = 0;
    loop {
        let rest = input.get(at..).unwrap_or_default();
        if rest.is_empty() {
            return Stop::End;
        }
        let body = match member_header(rest) {
            Header::Length(length) => length,
            Header::Short => return Stop::Truncated,
            Header::No => return Stop::Broken,
        };
        let data = rest.get(body..).unwrap_or_default();
        match inflate_member(&mut inflator, data, taken) {
            Ok(used) => at += body + used + 8,
            Err(stop) => return stop,
        }
        if at > input.len() {
            return Stop::Truncated;
        }
    }
}

fn inflate_member<E: Fn(&[u8]) -> bool>(
    inflator: &mut Inflator,
    data: &[u8],
    taken: &mut Taken<E>,
) -> Result<usize, Stop> {
    inflator.restart();
    let mut full = None;
    let flow = inflator.feed(data, |piece| {
        full = taken.take(piece);
        full.is_none()
    });
    match (full, flow) {
        (Some(stop), _) => Err(stop),
        (None, Flow::End(used)) => Ok(used),
        (None, Flow::More) => Err(Stop::Truncated),
        (None, Flow::Broken) => Err(Stop::Broken),
    }
}

/// Whether a file in blocks ends with a whole one, by the lengths that the blocks say (SAM §4.1),
/// so that nothing is inflated. `None` if something else stands between them.
pub(crate) fn ends_between_blocks(input: &[u8]) -> Option<bool> {
    let mut rest = input;
    while !rest.is_empty() {
        let begun = is_bgzf(rest) || rest.len() < BLOCK_HEAD && rest.starts_with(&BGZF_END[..1]);
        let Some(&[low, high]) = rest.get(16..BLOCK_HEAD) else {
            return begun.then_some(false);
        };
        let length = usize::from(u16::from_le_bytes([low, high])) + 1;
        if !begun || length < BLOCK_HEAD {
            return None;
        }
        match rest.get(length..) {
            Some(next) => rest = next,
            None => return Some(false),
        }
    }
    Some(true)
}

/// What stands before the content of a block, in bytes.
const BLOCK_HEAD: usize = 18;

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
    fn who_has_enough_is_given_no_more() {
        let file = gzip(&vec![b'x'; 3 << 20]);
        let asked = std::cell::Cell::new(0);
        let inflated = gunzip_until(&file, 2 << 20, 100 << 10, |bytes| {
            asked.set(asked.get() + 1);
            bytes.len() >= 500 << 10
        });
        assert_eq!(inflated.stop, Stop::Enough);
        assert!((500 << 10..1 << 20).contains(&inflated.bytes.len()));
        assert_eq!(asked.get(), 3, "each time there is twice as much");
        let never = gunzip_until(&file, 2 << 20, 1, |_| false);
        assert_eq!((never.bytes.len(), never.stop), (2 << 20, Stop::Bound));
    }

    #[test]
    fn where_blocks_end_is_known_without_inflating_them() {
        let whole = BGZF_END.repeat(3);
        assert_eq!(ends_between_blocks(&whole), Some(true));
        for cut in 1..BGZF_END.len() {
            let end = whole.len() - cut;
            assert_eq!(ends_between_blocks(&whole[..end]), Some(false), "{cut}");
            assert_eq!(gunzip(&whole[..end], 9).stop, Stop::Truncated, "{cut}");
        }
        assert_eq!(ends_between_blocks(&gzip(b"no block")), None);
        assert_eq!(ends_between_blocks(&[&whole[..], b"tail"].concat()), None);
        let mut lying = whole;
        lying[16] = 3;
        assert_eq!(ends_between_blocks(&lying), None);
    }

    #[test]
    fn a_bomb_stops_at_the_bound() {
        let inflated = gunzip(&gzip(&vec![0; 10 << 20]), 1 << 20);
        assert_eq!(inflated.bytes.len(), 1 << 20);
        assert_eq!(inflated.stop, Stop::Bound);
    }
}
