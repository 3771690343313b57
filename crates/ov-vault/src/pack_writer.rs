//! Filling packs with sealed frames.

use ov_format::id::{CompartmentId, MemberId, ObjectHash, SegmentId, VaultId};
use ov_format::list::{Placement, StoredFrame, StoredHead, encode_list};
use ov_format::object::{ObjectHeader, ObjectKind, pad, padded_length};
use ov_format::pack::{PACK_BYTES, PACK_BYTES_MIN, TRAILER_BYTES, encode_trailer};
use ov_format::{Wire, statement::StoredObject};
use ov_seal::entropy::Entropy;
use ov_seal::frame::{FrameKind, SealedFrame};

use crate::frames::head_hash;
use crate::section::SealTo;

/// Room kept for the directory and trailer of a full pack, in bytes.
const DIRECTORY_ROOM: usize = 64 * 1024;

/// Least padded length of a directory's plain bytes.
const DIRECTORY_BYTES_MIN: usize = 1024;

/// A segment that frames belong to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SegmentHead {
    /// The segment.
    pub id: SegmentId,
    /// Its compartment.
    pub compartment: CompartmentId,
    /// The epoch of the sealing key.
    pub epoch: u32,
    /// The agent that made it.
    pub signer: MemberId,
    /// Header ‖ slots, as stored.
    pub bytes: Vec<u8>,
}

/// A pack that is being filled. It may go on its way while it is: what was taken of it is no longer
/// in memory.
pub struct PackWriter {
    vault: VaultId,
    bytes: Vec<u8>,
    /// Bytes that were taken. Their hash lies elsewhere, for its size.
    taken: usize,
    hasher: Box<blake3::Hasher>,
    placements: Vec<Placement>,
    frames: usize,
    /// Bytes that it should not grow beyond.
    bytes_max: usize,
}

/// A pack that is ready to be stored.
pub struct FinishedPack {
    /// Name and length.
    pub object: StoredObject,
    /// The stored bytes, or those that were not taken before.
    pub bytes: Vec<u8>,
    /// What lies in it.
    pub placements: Vec<Placement>,
}

impl PackWriter {
    /// An empty pack.
    pub fn new(vault: VaultId) -> Self {
        let header = ObjectHeader {
            kind: ObjectKind::Pack,
            vault,
        };
        Self {
            vault,
            bytes: header.encode().to_vec(),
            taken: 0,
            hasher: Box::default(),
            placements: Vec::new(),
            frames: 0,
            bytes_max: PACK_BYTES,
        }
    }

    /// The same, for a pack of at most so many bytes, unless its first frame is longer: for who
    /// has little memory. Never more than the usual size.
    pub fn up_to(self, bytes: usize) -> Self {
        Self {
            bytes_max: bytes.min(PACK_BYTES),
            ..self
        }
    }

    /// Whether nothing was added yet.
    pub fn is_empty(&self) -> bool {
        self.placements.is_empty()
    }

    /// Bytes in it so far.
    pub fn len(&self) -> usize {
        self.taken + self.bytes.len()
    }

    /// What has come since the last time, if that is `least` bytes; it goes on in another buffer.
    pub fn take(&mut self, least: usize, spare: impl FnOnce() -> Vec<u8>) -> Option<Vec<u8>> {
        if self.bytes.len() < least {
            return None;
        }
        self.hasher.update(&self.bytes);
        self.taken += self.bytes.len();
        let mut next = spare();
        next.clear();
        Some(std::mem::replace(&mut self.bytes, next))
    }

    /// Whether a frame of this stored length still fits. The first frame
    /// always does.
    pub fn fits(&self, segment: &SegmentHead, length: usize) -> bool {
        let directory = (self.placements.len() + 1) * 160 + self.frames * 48;
        let used = self.len() + segment.bytes.len() + length;
        self.is_empty() || used + directory + DIRECTORY_ROOM <= self.bytes_max
    }

    /// Adds a frame. Frames of one segment that come one after the other share its header.
    pub fn push(&mut self, segment: &SegmentHead, number: u16, frame: &SealedFrame) {
        self.place(segment, number, frame);
        self.bytes.extend_from_slice(&frame.bytes);
    }

    /// Adds a frame as [`Self::push`] does and takes what goes on its way with it: what came since
    /// the last time, and behind it the frame's own bytes, which are copied nowhere.
    pub fn pass(&mut self, segment: &SegmentHead, number: u16, frame: SealedFrame) -> [Vec<u8>; 2] {
        self.place(segment, number, &frame);
        let before = self.take(0, Vec::new).unwrap_or_default();
        self.hasher.update(&frame.bytes);
        self.taken += frame.bytes.len();
        [before, frame.bytes]
    }

    /// Says where a frame lies that comes next, behind the header of its segment.
    fn place(&mut self, segment: &SegmentHead, number: u16, frame: &SealedFrame) {
        self.frames += 1;
        if self
            .placements
            .last()
            .is_none_or(|last| last.segment != segment.id)
        {
            self.placements.push(Placement {
                segment: segment.id,
                compartment: segment.compartment,
                epoch: segment.epoch,
                signer: segment.signer,
                pack: ObjectHash([0; 32]),
                offset: as_u64(self.len()),
                head: StoredHead {
                    length: segment.bytes.len().try_into().unwrap_or(u32::MAX),
                    hash: head_hash(&segment.bytes),
                },
                frames: Vec::new(),
            });
            self.bytes.extend_from_slice(&segment.bytes);
        }
        let length = frame.bytes.len().try_into().unwrap_or(u32::MAX);
        if let Some(last) = self.placements.last_mut() {
            last.frames.push(StoredFrame {
                number,
                length,
                hash: frame.hash,
            });
        }
    }

    /// Pads the pack, adds its directory and names it.
    pub fn finish(
        mut self,
        structure: SealTo<'_>,
        signer: MemberId,
        entropy: &dyn Entropy,
    ) -> FinishedPack {
        let directory = Directory {
            placements: std::mem::take(&mut self.placements),
        };
        let segment = structure.segment(self.vault, signer, entropy);
        let plain = pad(&directory.to_bytes(), DIRECTORY_BYTES_MIN);
        let frame = segment.seal_frame(0, FrameKind::List, 0, &plain);
        let tail = segment.header_and_slots().len() + frame.bytes.len();
        self.pad(tail + TRAILER_BYTES, entropy);
        self.bytes.extend_from_slice(segment.header_and_slots());
        self.bytes.extend_from_slice(&frame.bytes);
        self.bytes
            .extend_from_slice(&encode_trailer(tail.try_into().unwrap_or(u32::MAX)));

        self.hasher.update(&self.bytes);
        let hash = ObjectHash(*self.hasher.finalize().as_bytes());
        let mut placements = directory.placements;
        placements
            .iter_mut()
            .for_each(|placement| placement.pack = hash);
        let object = StoredObject {
            hash,
            length: as_u64(self.len()),
        };
        FinishedPack {
            object,
            bytes: self.bytes,
            placements,
        }
    }

    /// Padding looks like sealed bytes, so that nobody sees where those end. A pack that is nearly
    /// full gets the usual size, a smaller one the next step of Padmé.
    fn pad(&mut self, tail: usize, entropy: &dyn Entropy) {
        let length = self.len() + tail;
        let nearly_full = PACK_BYTES - PACK_BYTES / 32..=PACK_BYTES;
        let padded = match nearly_full.contains(&length) {
            true => PACK_BYTES,
            false => padded_length(length, PACK_BYTES_MIN),
        };
        let mut seed = [0; 32];
        entropy.fill(&mut seed);
        let start = self.bytes.len();
        self.bytes.resize(padded - tail - self.taken, 0);
        blake3::Hasher::new_keyed(&seed)
            .finalize_xof()
            .fill(&mut self.bytes[start..]);
    }
}

fn as_u64(length: usize) -> u64 {
    length.try_into().unwrap_or(u64::MAX)
}

/// A pack's own directory: its placements, with zeros for the pack.
pub struct Directory {
    /// What lies in the pack.
    pub placements: Vec<Placement>,
}

impl Wire for Directory {
    fn write(&self, w: &mut ov_format::cbor::Writer) {
        w.list(&encode_list(self.placements.clone()));
    }

    fn read(r: &mut ov_format::cbor::Reader<'_>) -> Result<Self, ov_format::FormatError> {
        let mut placements = Vec::new();
        for page in r.list::<Vec<u8>>()? {
            placements.extend(ov_format::list::decode_list_page::<Placement>(&page)?);
        }
        Ok(Self { placements })
    }
}
