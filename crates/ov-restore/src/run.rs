//! Frames that are fetched with one request.

use ov_format::content::FrameRef;
use ov_format::id::{CompartmentId, MemberId, ObjectHash};
use ov_format::list::{Placement, StoredFrame};

/// Bytes between two wanted ranges that are fetched too, to save a request.
pub(crate) const GAP_MAX: u64 = 64 * 1024;

/// A run ends when it has this many bytes.
pub(crate) const RUN_BYTES: u64 = 2 * 1024 * 1024;

/// Where a frame lies, with its segment's head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Spot {
    pub pack: ObjectHash,
    pub offset: u64,
    pub stored: StoredFrame,
    pub head: (u64, u32),
    pub compartment: CompartmentId,
    pub epoch: u32,
    pub signer: MemberId,
}

impl Spot {
    /// Where a placement has a frame.
    pub fn find(placement: &Placement, frame: u16) -> Option<Self> {
        let mut offsets = placement.offsets();
        let (offset, stored) = offsets.find(|(_, stored)| stored.number == frame)?;
        Some(Self {
            pack: placement.pack,
            offset,
            stored,
            head: (placement.offset, placement.head.length),
            compartment: placement.compartment,
            epoch: placement.epoch,
            signer: placement.signer,
        })
    }

    fn end(&self) -> u64 {
        self.offset.saturating_add(u64::from(self.stored.length))
    }
}

/// Frames that lie near each other in one pack.
#[derive(Clone, Debug)]
pub struct Run {
    pub(crate) pack: ObjectHash,
    pub(crate) start: u64,
    pub(crate) end: u64,
    pub(crate) pieces: Vec<(FrameRef, Spot)>,
}

impl Run {
    /// The frames, in the order in which they lie.
    pub fn frames(&self) -> impl Iterator<Item = FrameRef> + '_ {
        self.pieces.iter().map(|(at, _)| *at)
    }

    /// One frame of each segment.
    pub(crate) fn segments(&self) -> impl Iterator<Item = &(FrameRef, Spot)> {
        let groups = self.pieces.chunk_by(|a, b| a.0.segment == b.0.segment);
        groups.filter_map(<[_]>::first)
    }

    /// Bytes that are fetched.
    pub fn length(&self) -> u64 {
        self.end.saturating_sub(self.start)
    }

    fn begin(at: FrameRef, spot: Spot) -> Self {
        // The head is taken along where it lies right before the frame: no request of its own.
        let near = spot.offset.checked_sub(spot.head.0);
        let start = match near {
            Some(gap) if gap <= GAP_MAX => spot.head.0,
            _ => spot.offset,
        };
        Self {
            pack: spot.pack,
            start,
            end: spot.end(),
            pieces: vec![(at, spot)],
        }
    }

    fn takes(&self, spot: &Spot) -> bool {
        let near = spot.offset <= self.end.saturating_add(GAP_MAX);
        let short = spot.end().saturating_sub(self.start) <= RUN_BYTES;
        self.pack == spot.pack && near && short
    }
}

/// Sorts frames by where they lie and merges those that lie near each other.
pub(crate) fn runs(mut pieces: Vec<(FrameRef, Spot)>) -> Vec<Run> {
    pieces.sort_unstable_by_key(|(at, spot)| (spot.pack, spot.offset, *at));
    pieces.dedup_by_key(|(at, _)| *at);
    let mut runs: Vec<Run> = Vec::new();
    for (at, spot) in pieces {
        match runs.last_mut() {
            Some(run) if run.takes(&spot) => {
                run.end = run.end.max(spot.end());
                run.pieces.push((at, spot));
            }
            _ => runs.push(Run::begin(at, spot)),
        }
    }
    runs
}

#[cfg(test)]
mod tests {
    use super::*;
    use ov_format::id::{FrameHash, SegmentId};

    fn piece(pack: u8, frame: u16, offset: u64, length: u32) -> (FrameRef, Spot) {
        let at = FrameRef {
            segment: SegmentId([pack; 32]),
            frame,
        };
        let stored = StoredFrame {
            number: frame,
            length,
            hash: FrameHash([0; 32]),
        };
        let spot = Spot {
            pack: ObjectHash([pack; 32]),
            offset,
            stored,
            head: (0, 100),
            compartment: CompartmentId([0; 8]),
            epoch: 0,
            signer: MemberId([0; 8]),
        };
        (at, spot)
    }

    #[test]
    fn near_frames_of_one_pack_are_one_request_and_far_ones_are_not() {
        let far = 2 * RUN_BYTES;
        let found = runs(vec![
            piece(2, 0, 100, 50),
            piece(1, 3, far, 10),
            piece(1, 1, 150, 50),
            piece(1, 0, 100, 50),
            piece(1, 0, 100, 50),
            piece(1, 2, 200 + GAP_MAX, 10),
        ]);
        let shape: Vec<_> = found
            .iter()
            .map(|run| (run.start, run.end, run.pieces.len()))
            .collect();
        let merged = (0, 210 + GAP_MAX, 3);
        assert_eq!(shape, [merged, (far, far + 10, 1), (0, 150, 1)]);
    }

    #[test]
    fn a_run_is_bounded() {
        let step = u32::try_from(RUN_BYTES / 4).unwrap();
        let pieces = (0..12).map(|n| piece(1, n, 100 + u64::from(n) * u64::from(step), step));
        let found = runs(pieces.collect());
        assert!(found.len() >= 3);
        assert!(found.iter().all(|run| run.length() <= RUN_BYTES));
    }
}
