//! What a tree uses: which frames, and how much of each gathered one.

use std::collections::HashMap;

use ov_coding::ALONE_MIN;
use ov_format::content::{ChunkRef, FrameRef};
use ov_format::id::SegmentId;

/// The frames that a commit rests on.
///
/// Memory: about 100 bytes for each segment, and 80 for each gathered frame, which has up to 1 MiB
/// of small chunks.
#[derive(Default)]
pub struct Used {
    numbers: HashMap<SegmentId, u32>,
    segments: Vec<(SegmentId, Bits)>,
    gathered: HashMap<(u32, u16), Alive>,
}

/// The chunks of one gathered frame that the tree uses.
#[derive(Default)]
struct Alive {
    chunks: Bits,
    bytes: u32,
}

impl Used {
    /// Adds a chunk of so many plain bytes. Those that share their frame with others are counted,
    /// each once however many files have it.
    pub fn add(&mut self, chunk: &ChunkRef, length: usize) {
        self.add_at(&chunk.at, chunk.index, length);
    }

    /// As [`Self::add`], for a chunk of which no more than its place is known.
    pub fn add_at(&mut self, at: &FrameRef, index_in_frame: u16, length: usize) {
        let number = self.number(at.segment);
        let frame = at.frame;
        if let Some((_, frames)) = self.segments.get_mut(index(number)) {
            frames.set(frame);
        }
        if length < ALONE_MIN {
            let alive = self.gathered.entry((number, frame)).or_default();
            if alive.chunks.set(index_in_frame) == Was::Clear {
                let length = u32::try_from(length).unwrap_or(u32::MAX);
                alive.bytes = alive.bytes.saturating_add(length);
            }
        }
    }

    fn number(&mut self, segment: SegmentId) -> u32 {
        let next = u32::try_from(self.segments.len()).unwrap_or(u32::MAX);
        let segments = &mut self.segments;
        *self.numbers.entry(segment).or_insert_with(|| {
            segments.push((segment, Bits::default()));
            next
        })
    }

    /// All frames that the tree names, and those of its pages.
    pub fn frames(&self) -> impl Iterator<Item = FrameRef> + '_ {
        self.segments.iter().flat_map(|(segment, frames)| {
            let segment = *segment;
            frames.all().map(move |frame| FrameRef { segment, frame })
        })
    }

    /// Plain bytes of a gathered frame that the tree uses; 0 if it uses none.
    pub fn alive(&self, at: &FrameRef) -> u32 {
        let number = self.numbers.get(&at.segment);
        let alive = number.and_then(|number| self.gathered.get(&(*number, at.frame)));
        alive.map_or(0, |alive| alive.bytes)
    }

    /// All gathered frames, with their bytes that are used, in order.
    pub fn gathered(&self) -> Vec<(FrameRef, u32)> {
        let frame = |(&(number, frame), alive): (&(u32, u16), &Alive)| {
            let (segment, _) = self.segments.get(index(number))?;
            let segment = *segment;
            Some((FrameRef { segment, frame }, alive.bytes))
        };
        let mut gathered: Vec<_> = self.gathered.iter().filter_map(frame).collect();
        gathered.sort_unstable();
        gathered
    }
}

fn index(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

/// A set of small numbers.
#[derive(Default)]
struct Bits(Vec<u64>);

/// Whether a number was in the set before.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Was {
    Clear,
    Set,
}

impl Bits {
    fn set(&mut self, number: u16) -> Was {
        let (word, bit) = (usize::from(number / 64), 1 << (number % 64));
        if word >= self.0.len() {
            self.0.resize(word + 1, 0);
        }
        match self.0[word] & bit {
            0 => {
                self.0[word] |= bit;
                Was::Clear
            }
            _ => Was::Set,
        }
    }

    fn all(&self) -> impl Iterator<Item = u16> + '_ {
        (0..=u16::MAX)
            .take(self.0.len() * 64)
            .filter(|number| self.0[usize::from(number / 64)] & (1 << (number % 64)) != 0)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use ov_format::id::ChunkTag;
    use proptest::prelude::*;

    use super::*;

    fn chunk(segment: u8, frame: u16, index: u16) -> ChunkRef {
        ChunkRef {
            tag: ChunkTag([0; 16]),
            at: FrameRef {
                segment: SegmentId([segment; 32]),
                frame,
            },
            index,
        }
    }

    #[test]
    fn a_chunk_that_many_files_have_counts_once_and_one_that_stands_alone_not_at_all() {
        let mut used = Used::default();
        used.add(&chunk(1, 3, 0), 100);
        used.add(&chunk(1, 3, 0), 100);
        used.add(&chunk(1, 3, 70), 50);
        used.add(&chunk(1, 4, 0), ALONE_MIN);
        assert_eq!(used.gathered(), [(chunk(1, 3, 0).at, 150)]);
        assert_eq!(used.alive(&chunk(1, 3, 0).at), 150);
        assert_eq!(used.alive(&chunk(2, 3, 0).at), 0);
        assert_eq!(used.frames().count(), 2);
    }

    proptest! {
        #[test]
        fn the_frames_are_those_that_were_added(
            chunks in prop::collection::vec((0u8..4, any::<u16>(), any::<u16>(), 1usize..1000), 0..50),
        ) {
            let mut used = Used::default();
            let mut frames = BTreeSet::new();
            for (segment, frame, index, length) in chunks {
                let chunk = chunk(segment, frame, index);
                used.add(&chunk, length);
                frames.insert(chunk.at);
            }
            prop_assert_eq!(used.frames().collect::<BTreeSet<_>>(), frames.clone());
            let gathered: Vec<_> = used.gathered().into_iter().map(|(at, _)| at).collect();
            prop_assert_eq!(gathered, frames.into_iter().collect::<Vec<_>>());
        }
    }
}
