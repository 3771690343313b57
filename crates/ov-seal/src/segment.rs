//! The one sealed container: frames under one content key.
//!
//! ```text
//! segment = header (64) ‖ slots length (2, LE) ‖ slots ‖ frames
//! header  = random (32) ‖ commitment (32)
//! slot    = kind (1) ‖ length (2, LE) ‖ bytes
//! frame   = AES-256-GCM-SIV(content key, nonce = frame number, coder (1) ‖ kind (1) ‖ coded bytes)
//! ```
//!
//! - The content key is 32 fresh random bytes. The *commitment* is derived from it and `random`:
//!   AES-GCM-SIV does not commit to its key by itself, so it is compared before any frame opens.
//! - The *id* is derived from the encoded [`SegmentContext`] and the header. The slots are not in
//!   it: re-sealing writes the same header and frames behind new slots.
//! - Slot kind 1: the content key by HPKE to the audience's public key; `info` = a fixed text ‖
//!   context, associated data = header. Slot kind 2: the content key by AES-256-GCM-SIV, number 0,
//!   under a key derived from the group key and `random`; associated data = context ‖ header.
//!   Other kinds are passed over. The first slot that opens decides.
//! - Associated data of a frame: context ‖ segment id ‖ frame number (2, LE). Coder and kind are
//!   the first two bytes *under* the encryption, because the target must not learn them, and are
//!   authenticated there.

use std::fmt;

use ov_format::id::SegmentId;
use zeroize::Zeroizing;

use crate::aead::AeadKey;
use crate::compartment::{CompartmentPublic, GroupKey};
use crate::context::{Audience, CONTEXT_BYTES, SegmentContext};
use crate::entropy::Entropy;
use crate::frame::{FrameKind, OpenedFrame, SealedFrame};
use crate::kdf::{Key32, derive, purpose};
use crate::kem::{KemPublic, KemSecret, SealedTo};
use crate::structure::{StructurePublic, StructureSecret};

/// Length of the header.
pub const HEADER_BYTES: usize = 64;
/// Length of the header and the length of the slots.
pub const PREFIX_BYTES: usize = HEADER_BYTES + 2;
/// Bytes by which a stored frame is longer than its coded bytes.
pub const FRAME_OVERHEAD: usize = MARK_BYTES + crate::aead::TAG_BYTES;

const RANDOM_BYTES: usize = 32;
pub(crate) const MARK_BYTES: usize = 2;
const SLOT_KEM: u8 = 1;
const SLOT_GROUP: u8 = 2;
const SLOT_HEAD_BYTES: usize = 3;

/// Why a segment or one of its frames cannot be sealed or opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SegmentError {
    /// A key of one kind of audience was given for another.
    #[error("this key is for another kind of audience")]
    Audience,
    /// Header or slots are cut short or run over.
    #[error("the segment's head is cut short or malformed")]
    Malformed,
    /// No slot opens with this key: another key, another epoch, another place, or damage.
    #[error("no slot of the segment opens with this key")]
    NoSlot,
    /// The content key is not the one that the header commits to.
    #[error("the content key in the slot is not the one that the header commits to")]
    Commitment,
    /// A frame does not open at this place.
    #[error("frame {number} of segment {segment} is damaged or belongs elsewhere")]
    Frame {
        /// The segment.
        segment: SegmentId,
        /// The frame.
        number: u16,
    },
    /// A frame is whole, but of a kind that only a newer program knows.
    #[error("frame {number} of segment {segment} is of unknown kind {kind}: use a newer program")]
    UnknownKind {
        /// The segment.
        segment: SegmentId,
        /// The frame.
        number: u16,
        /// The kind.
        kind: u8,
    },
}

/// The public key or group key that a segment is sealed to.
#[derive(Clone, Copy, Debug)]
pub enum Recipient<'a> {
    /// The readers of a compartment.
    Compartment(&'a CompartmentPublic),
    /// Keepers and readers.
    Structure(&'a StructurePublic),
    /// A dedup group.
    Group(&'a GroupKey),
}

/// The key with which an agent or keeper opens a segment that is meant for it.
#[derive(Clone, Copy, Debug)]
pub enum OpenKey<'a> {
    /// A keeper's or reader's.
    Structure(&'a StructureSecret),
    /// An agent's, for the index of its own group.
    Group(&'a GroupKey),
}

/// Seals the frames of one segment; several threads may do so at once. It must not outlive the
/// process or checkpoint that made it.
pub struct SegmentSealer {
    frames: FrameCipher,
    head: Vec<u8>,
}

impl SegmentSealer {
    /// Starts a segment with a fresh content key.
    pub fn new(
        context: SegmentContext,
        recipient: Recipient<'_>,
        entropy: &dyn Entropy,
    ) -> Result<Self, SegmentError> {
        check_recipient(&context, &recipient)?;
        let content_key = Key32::generate(entropy);
        let mut random = [0; RANDOM_BYTES];
        entropy.fill(&mut random);
        let header = Header::new(random, &content_key);
        let frames = FrameCipher::new(&context, &header, &content_key);
        let head = head_bytes(&context, &header, &content_key, recipient, entropy);
        Ok(Self { frames, head })
    }

    /// The segment's permanent id.
    pub fn id(&self) -> SegmentId {
        self.frames.id
    }

    /// What stands before the frames.
    pub fn header_and_slots(&self) -> &[u8] {
        &self.head
    }

    /// Seals frame `number`, which must be used for one frame only.
    pub fn seal_frame(&self, number: u16, kind: FrameKind, coder: u8, plain: &[u8]) -> SealedFrame {
        self.seal_parts(number, kind, coder, &[plain], Vec::new())
    }

    /// Seals frame `number` as [`SegmentSealer::seal_frame`] does, from parts that stand one behind
    /// the other, in a buffer whose content is void.
    pub fn seal_parts(
        &self,
        number: u16,
        kind: FrameKind,
        coder: u8,
        parts: &[&[u8]],
        mut buffer: Vec<u8>,
    ) -> SealedFrame {
        buffer.clear();
        buffer.reserve(parts.iter().map(|part| part.len()).sum::<usize>() + FRAME_OVERHEAD);
        buffer.extend_from_slice(&[coder, kind.byte()]);
        for part in parts {
            buffer.extend_from_slice(part);
        }
        let aad = self.frames.aad(number);
        self.frames
            .key
            .seal_in_place(u64::from(number), &aad, &mut buffer);
        SealedFrame::new(buffer)
    }
}

impl fmt::Debug for SegmentSealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SegmentSealer({})", self.frames.id)
    }
}

/// Opens the frames of one segment; several threads may do so at once.
pub struct SegmentOpener {
    frames: FrameCipher,
}

impl SegmentOpener {
    /// Opens a segment of the structure or a group audience. `header_and_slots` is exactly what
    /// [`SegmentSealer::header_and_slots`] gave.
    pub fn open(
        context: SegmentContext,
        header_and_slots: &[u8],
        key: OpenKey<'_>,
    ) -> Result<Self, SegmentError> {
        match (context.audience, key) {
            (Audience::Structure, OpenKey::Structure(secret)) => {
                open_with_kem(context, header_and_slots, secret.kem())
            }
            (Audience::Group(..), OpenKey::Group(key)) => {
                open_with(context, header_and_slots, |slot, head| {
                    slot.open_group(head, key)
                })
            }
            _ => Err(SegmentError::Audience),
        }
    }

    /// The id, computed from context and header. Compare it with the one that was looked for.
    pub fn id(&self) -> SegmentId {
        self.frames.id
    }

    /// Opens the stored bytes of frame `number`.
    pub fn open_frame(&self, number: u16, stored: &[u8]) -> Result<OpenedFrame, SegmentError> {
        self.open_frame_in(number, stored.to_vec())
    }

    /// Opens the stored bytes of frame `number` where they lie.
    pub fn open_frame_in(
        &self,
        number: u16,
        mut buffer: Vec<u8>,
    ) -> Result<OpenedFrame, SegmentError> {
        let segment = self.frames.id;
        let damaged = SegmentError::Frame { segment, number };
        let aad = self.frames.aad(number);
        let key = &self.frames.key;
        let opened = key.open_in_place(u64::from(number), &aad, &mut buffer);
        opened.map_err(|_| damaged)?;
        let &[coder, kind] = buffer.first_chunk().ok_or(damaged)?;
        let unknown = SegmentError::UnknownKind {
            segment,
            number,
            kind,
        };
        let kind = FrameKind::from_byte(kind).ok_or(unknown)?;
        Ok(OpenedFrame {
            kind,
            coder,
            buffer,
        })
    }
}

impl fmt::Debug for SegmentOpener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SegmentOpener({})", self.frames.id)
    }
}

/// The id that a segment with this head has in this context. Needs no key.
pub fn segment_id(context: &SegmentContext, head: &[u8]) -> Result<SegmentId, SegmentError> {
    Ok(Head::parse(head)?.header.id(context))
}

/// How many bytes header and slots take, told by their first [`PREFIX_BYTES`].
pub fn head_length(prefix: &[u8; PREFIX_BYTES]) -> usize {
    PREFIX_BYTES
        + usize::from(u16::from_le_bytes([
            prefix[HEADER_BYTES],
            prefix[HEADER_BYTES + 1],
        ]))
}

/// For `ov-open` alone: what takes a compartment's secret.
#[cfg(feature = "opening")]
#[doc(hidden)]
pub mod opening {
    use super::{
        Audience, Entropy, Head, KemSecret, Recipient, SegmentContext, SegmentError, SegmentOpener,
        check_recipient, content_key, head_bytes, open_with_kem,
    };

    /// Opens a segment of a compartment.
    pub fn open(
        context: SegmentContext,
        head: &[u8],
        secret: &KemSecret,
    ) -> Result<SegmentOpener, SegmentError> {
        check_compartment(&context)?;
        open_with_kem(context, head, secret)
    }

    /// Writes the head of a compartment's segment again with a slot for `recipient`: same header,
    /// same id, same frames.
    pub fn reseal(
        context: SegmentContext,
        head: &[u8],
        secret: &KemSecret,
        recipient: Recipient<'_>,
        entropy: &dyn Entropy,
    ) -> Result<Vec<u8>, SegmentError> {
        check_compartment(&context)?;
        check_recipient(&context, &recipient)?;
        let head = Head::parse(head)?;
        let key = content_key(&context, &head, |slot, place| slot.open_kem(place, secret))?;
        Ok(head_bytes(&context, &head.header, &key, recipient, entropy))
    }

    fn check_compartment(context: &SegmentContext) -> Result<(), SegmentError> {
        match context.audience {
            Audience::Compartment(_) => Ok(()),
            Audience::Structure | Audience::Group(..) => Err(SegmentError::Audience),
        }
    }
}

fn check_recipient(context: &SegmentContext, to: &Recipient<'_>) -> Result<(), SegmentError> {
    match (context.audience, to) {
        (Audience::Compartment(_), Recipient::Compartment(_))
        | (Audience::Structure, Recipient::Structure(_))
        | (Audience::Group(..), Recipient::Group(_)) => Ok(()),
        _ => Err(SegmentError::Audience),
    }
}

fn open_with_kem(
    context: SegmentContext,
    head: &[u8],
    secret: &KemSecret,
) -> Result<SegmentOpener, SegmentError> {
    open_with(context, head, |slot, place| slot.open_kem(place, secret))
}

fn open_with(
    context: SegmentContext,
    head: &[u8],
    open_slot: impl Fn(&Slot<'_>, &Place) -> Option<Key32>,
) -> Result<SegmentOpener, SegmentError> {
    let head = Head::parse(head)?;
    let key = content_key(&context, &head, open_slot)?;
    let frames = FrameCipher::new(&context, &head.header, &key);
    Ok(SegmentOpener { frames })
}

/// The content key in the first slot that opens, once it is the one that the header commits to.
fn content_key(
    context: &SegmentContext,
    head: &Head<'_>,
    open_slot: impl Fn(&Slot<'_>, &Place) -> Option<Key32>,
) -> Result<Key32, SegmentError> {
    let place = Place {
        context: context.encode(),
        header: head.header,
    };
    let key = head.slots.iter().find_map(|slot| open_slot(slot, &place));
    let key = key.ok_or(SegmentError::NoSlot)?;
    match head.header.is_for(&key) {
        true => Ok(key),
        false => Err(SegmentError::Commitment),
    }
}

/// The cipher of a segment's frames.
struct FrameCipher {
    id: SegmentId,
    context: [u8; CONTEXT_BYTES],
    key: AeadKey,
}

impl FrameCipher {
    fn new(context: &SegmentContext, header: &Header, content_key: &Key32) -> Self {
        let key = AeadKey::new(content_key);
        Self {
            id: header.id(context),
            context: context.encode(),
            key,
        }
    }

    fn aad(&self, number: u16) -> Vec<u8> {
        [&self.context[..], self.id.bytes(), &number.to_le_bytes()].concat()
    }
}

/// Random bytes and the commitment to the content key.
#[derive(Clone, Copy)]
struct Header([u8; HEADER_BYTES]);

impl Header {
    fn new(random: [u8; RANDOM_BYTES], content_key: &Key32) -> Self {
        let mut bytes = [0; HEADER_BYTES];
        bytes[..RANDOM_BYTES].copy_from_slice(&random);
        bytes[RANDOM_BYTES..].copy_from_slice(commitment(content_key, &random).bytes());
        Self(bytes)
    }

    fn random(&self) -> &[u8] {
        &self.0[..RANDOM_BYTES]
    }

    fn is_for(&self, content_key: &Key32) -> bool {
        Key32::from_slice(&self.0[RANDOM_BYTES..])
            .is_some_and(|stored| stored == commitment(content_key, self.random()))
    }

    fn id(&self, context: &SegmentContext) -> SegmentId {
        SegmentId(*derive(purpose::SEGMENT_ID, &[&context.encode(), &self.0]).bytes())
    }
}

fn commitment(content_key: &Key32, random: &[u8]) -> Key32 {
    derive(purpose::COMMITMENT, &[content_key.bytes(), random])
}

/// What a slot is bound to.
struct Place {
    context: [u8; CONTEXT_BYTES],
    header: Header,
}

impl Place {
    fn kem_info(&self) -> Vec<u8> {
        [purpose::KEM_SLOT.as_bytes(), &self.context].concat()
    }

    fn group_cipher(&self, key: &GroupKey) -> AeadKey {
        AeadKey::new(&derive(
            purpose::GROUP_SLOT,
            &[key.key().bytes(), self.header.random()],
        ))
    }

    fn group_aad(&self) -> Vec<u8> {
        [&self.context[..], &self.header.0].concat()
    }
}

fn head_bytes(
    context: &SegmentContext,
    header: &Header,
    content_key: &Key32,
    recipient: Recipient<'_>,
    entropy: &dyn Entropy,
) -> Vec<u8> {
    let place = Place {
        context: context.encode(),
        header: *header,
    };
    let by_kem = |key: &KemPublic| {
        let sealed = key.seal(&place.kem_info(), &header.0, content_key.bytes(), entropy);
        (SLOT_KEM, sealed.to_bytes())
    };
    let (kind, slot) = match recipient {
        Recipient::Compartment(key) => by_kem(&key.kem),
        Recipient::Structure(key) => by_kem(&key.kem),
        Recipient::Group(key) => {
            let cipher = place.group_cipher(key);
            (
                SLOT_GROUP,
                cipher.seal(0, &place.group_aad(), content_key.bytes()),
            )
        }
    };
    let short = |length: usize| u16::try_from(length).expect("a slot is at most 1168 bytes long");
    let mut out = header.0.to_vec();
    out.extend_from_slice(&short(SLOT_HEAD_BYTES + slot.len()).to_le_bytes());
    out.push(kind);
    out.extend_from_slice(&short(slot.len()).to_le_bytes());
    out.extend_from_slice(&slot);
    out
}

/// Header and slots as stored.
struct Head<'a> {
    header: Header,
    slots: Vec<Slot<'a>>,
}

impl<'a> Head<'a> {
    fn parse(bytes: &'a [u8]) -> Result<Self, SegmentError> {
        let malformed = SegmentError::Malformed;
        let prefix: &[u8; PREFIX_BYTES] = bytes.first_chunk().ok_or(malformed)?;
        if head_length(prefix) != bytes.len() {
            return Err(malformed);
        }
        let (header, _) = prefix.split_first_chunk().ok_or(malformed)?;
        let mut rest = &bytes[PREFIX_BYTES..];
        let mut slots = Vec::new();
        while !rest.is_empty() {
            let (&[kind, low, high], after) = rest.split_first_chunk().ok_or(malformed)?;
            let length = usize::from(u16::from_le_bytes([low, high]));
            let (bytes, after) = after.split_at_checked(length).ok_or(malformed)?;
            slots.push(Slot { kind, bytes });
            rest = after;
        }
        Ok(Self {
            header: Header(*header),
            slots,
        })
    }
}

/// The content key, sealed to one recipient.
struct Slot<'a> {
    kind: u8,
    bytes: &'a [u8],
}

impl Slot<'_> {
    fn open_kem(&self, place: &Place, secret: &KemSecret) -> Option<Key32> {
        if self.kind != SLOT_KEM {
            return None;
        }
        let sealed = SealedTo::from_bytes(self.bytes).ok()?;
        let key = secret
            .open(&place.kem_info(), &place.header.0, &sealed)
            .ok()?;
        Key32::from_slice(&key)
    }

    fn open_group(&self, place: &Place, key: &GroupKey) -> Option<Key32> {
        if self.kind != SLOT_GROUP {
            return None;
        }
        let opened = place
            .group_cipher(key)
            .open(0, &place.group_aad(), self.bytes)
            .ok()?;
        Key32::from_slice(&Zeroizing::new(opened))
    }
}

#[cfg(test)]
#[path = "segment_tests.rs"]
mod tests;
