//! Which chunks share a frame: large ones stand alone, small ones are gathered.
//!
//! Gathering makes small chunks compress together and be sealed as one. It is a choice of the
//! writer, not of the format: readers take any frame within the limits.

use std::fmt;
use std::mem;

use crate::error::CodingError;
use crate::frame::{FRAME_CHUNKS_MAX, PlainFrame};

/// A chunk of this length or more gets a frame of its own.
pub const ALONE_MIN: usize = 256 << 10;

/// Most plain bytes of a gathered frame: small files share what they have in common, and a random
/// read still decodes little.
pub const GATHER_MAX: usize = 1 << 20;

/// Chunks of one family are gathered together, for they compress better among their own: a report
/// among reports, a message among messages. Families are few, so that few frames are open at once
/// and no order of files can close them early; kinds that meet in one by chance share it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Family(u8);

impl Family {
    /// How many there are.
    pub const COUNT: usize = 8;

    /// The family of files with a name like this: those with the same extension are in one.
    pub fn of_name(name: &[u8]) -> Self {
        let dot = name.iter().rposition(|byte| *byte == b'.');
        let extension = dot.map_or(&[][..], |dot| &name[dot + 1..]);
        let mixed = extension.iter().fold(0x811C_9DC5_u32, |hash, byte| {
            (hash ^ u32::from(byte.to_ascii_lowercase())).wrapping_mul(0x0100_0193)
        });
        let [.., top] = mixed.to_le_bytes();
        Self(top % 8)
    }

    /// All of them.
    pub fn all() -> impl Iterator<Item = Self> {
        (0..8).map(Self)
    }

    /// Its number, below [`Self::COUNT`].
    pub fn number(self) -> usize {
        usize::from(self.0)
    }
}

/// Where the next chunk goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Placement {
    /// Into a frame of its own; what is being gathered stays open.
    Alone,
    /// Into the frame being gathered, as this number in its table.
    Join {
        /// Number in the frame's table, from 0.
        index: u16,
    },
    /// The frame being gathered is closed first; the chunk is number 0 of the next.
    StartNext,
}

/// Most plain bytes of a frame of tree pages: a look into one folder decodes little, and a damaged
/// frame takes little of a tree with it.
pub const GATHER_PAGES_MAX: usize = 256 << 10;

/// Decides by lengths alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gatherer {
    most: usize,
    chunks: u16,
    plain: usize,
}

impl Gatherer {
    /// Nothing gathered yet; at most so many bytes will be.
    pub const fn new(most: usize) -> Self {
        Self {
            most,
            chunks: 0,
            plain: 0,
        }
    }

    /// Where a chunk of this length would go.
    pub const fn place(&self, length: usize) -> Placement {
        if length >= ALONE_MIN {
            Placement::Alone
        } else if length <= self.most - self.plain && !self.is_full() {
            let index = self.chunks;
            Placement::Join { index }
        } else {
            Placement::StartNext
        }
    }

    /// Decides, and counts the chunk as put there.
    pub const fn push(&mut self, length: usize) -> Placement {
        let placement = self.place(length);
        match placement {
            Placement::Alone => {}
            Placement::Join { index } => {
                self.chunks = index + 1;
                self.plain += length;
            }
            Placement::StartNext => {
                self.chunks = 1;
                self.plain = length;
            }
        }
        placement
    }

    /// Whether no chunk with content fits any more.
    pub const fn is_full(&self) -> bool {
        self.plain == self.most || self.chunks as usize == FRAME_CHUNKS_MAX
    }

    /// Whether nothing has been gathered.
    pub const fn is_empty(&self) -> bool {
        self.chunks == 0
    }
}

/// The frame being gathered, with its bytes already where the coder wants them.
pub struct FrameBuilder {
    gathered: Gatherer,
    ends: Vec<u32>,
    plain: Vec<u8>,
}

impl FrameBuilder {
    /// An empty one, for at most so many plain bytes.
    pub const fn new(most: usize) -> Self {
        Self {
            gathered: Gatherer::new(most),
            ends: Vec::new(),
            plain: Vec::new(),
        }
    }

    /// Where a chunk of this length goes: see [`Placement`].
    pub const fn place(&self, length: usize) -> Placement {
        self.gathered.place(length)
    }

    /// Most plain bytes that it will hold.
    pub const fn most(&self) -> usize {
        self.gathered.most
    }

    /// Whether a chunk of this length may be pushed.
    pub const fn fits(&self, length: usize) -> bool {
        matches!(self.place(length), Placement::Join { .. })
    }

    /// Takes a chunk in and gives its number in the frame's table.
    ///
    /// # Errors
    /// [`CodingError::DoesNotFit`] if the chunk must stand alone or the frame must be taken first.
    pub fn push(&mut self, bytes: &[u8]) -> Result<u16, CodingError> {
        let length = bytes.len();
        let no_fit = CodingError::DoesNotFit { length };
        let Placement::Join { index } = self.place(length) else {
            return Err(no_fit);
        };
        let end = u32::try_from(self.plain.len() + length).map_err(|_| no_fit)?;
        self.plain.extend_from_slice(bytes);
        self.ends.push(end);
        self.gathered.push(length);
        Ok(index)
    }

    /// Whether no chunk with content fits any more.
    pub const fn is_full(&self) -> bool {
        self.gathered.is_full()
    }

    /// Whether nothing has been gathered.
    pub const fn is_empty(&self) -> bool {
        self.gathered.is_empty()
    }

    /// Plain bytes gathered so far.
    pub const fn plain_len(&self) -> usize {
        self.plain.len()
    }

    /// Closes the frame and starts an empty one. `None` if nothing was gathered.
    pub fn take(&mut self) -> Option<PlainFrame> {
        if self.is_empty() {
            return None;
        }
        let closed = mem::replace(self, Self::new(self.gathered.most));
        Some(PlainFrame::from_checked(closed.ends, closed.plain))
    }

    /// Has an empty one gather in this buffer. One that has begun keeps its own.
    pub fn use_buffer(&mut self, mut buffer: Vec<u8>) {
        if self.is_empty() {
            buffer.clear();
            self.plain = buffer;
        }
    }
}

impl fmt::Debug for FrameBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FrameBuilder({:?})", self.gathered)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_large_chunk_stands_alone_and_leaves_the_gathered_frame_open() {
        let mut gatherer = Gatherer::new(GATHER_MAX);
        assert_eq!(gatherer.push(1000), Placement::Join { index: 0 });
        assert_eq!(gatherer.push(ALONE_MIN), Placement::Alone);
        for index in 1..4 {
            let placement = gatherer.push(ALONE_MIN - 1);
            assert_eq!(placement, Placement::Join { index });
        }
        let rest = GATHER_MAX - 1000 - 3 * (ALONE_MIN - 1);
        for length in [rest - 1000, 1000] {
            assert!(matches!(gatherer.push(length), Placement::Join { .. }));
        }
        assert!(gatherer.is_full());
        assert_eq!(gatherer.push(1), Placement::StartNext);
        assert_eq!(gatherer.push(1), Placement::Join { index: 1 });
    }

    #[test]
    fn a_gathered_frame_never_passes_its_limits() {
        let mut gatherer = Gatherer::new(GATHER_MAX);
        for index in 0..5 {
            let placement = gatherer.push(200 << 10);
            assert_eq!(placement, Placement::Join { index });
        }
        assert_eq!(gatherer.push((24 << 10) + 1), Placement::StartNext);
        let mut gatherer = Gatherer::new(GATHER_MAX);
        for index in 0..u16::MAX {
            assert_eq!(gatherer.push(0), Placement::Join { index });
        }
        assert_eq!(gatherer.push(0), Placement::StartNext);
    }

    #[test]
    fn the_builder_keeps_bytes_in_order_and_refuses_what_does_not_fit() {
        let mut builder = FrameBuilder::new(GATHER_MAX);
        assert_eq!(builder.take(), None);
        assert_eq!(builder.push(b"one"), Ok(0));
        assert_eq!(builder.push(b""), Ok(1));
        assert_eq!(builder.push(b"three"), Ok(2));
        let frame = builder.take().unwrap();
        assert_eq!(frame, PlainFrame::of(&[b"one", b"", b"three"]).unwrap());
        let length = ALONE_MIN - 1;
        for index in 0..4 {
            assert_eq!(builder.push(&vec![0; length]), Ok(index));
        }
        assert!(!builder.fits(length));
        let refused = builder.push(&vec![0; length]);
        assert_eq!(refused, Err(CodingError::DoesNotFit { length }));
        assert_eq!(builder.take().map(|frame| frame.chunk_count()), Some(4));
        assert!(builder.is_empty() && builder.fits(length));
    }

    #[test]
    fn files_with_the_same_extension_are_in_one_family_however_it_is_spelt() {
        let family = Family::of_name;
        assert_eq!(family(b"a.json"), family(b"report.2.JSON"));
        assert_eq!(family(b"IM0001"), family(b"README"));
        let named: [&[u8]; 4] = [b"a.json", b"a.hl7", b"a.txt", b"a.dcm"];
        let mut families = named.map(|name| family(name).number());
        families.sort_unstable();
        assert!(families.windows(2).all(|two| two[0] != two[1]));
        assert!(families.iter().all(|number| *number < Family::COUNT));
    }
}
