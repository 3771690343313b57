//! Sealed parts of records, and the segments behind tables.

use ov_format::audience::{Audience, SegmentContext};
use ov_format::id::{MemberId, VaultId};
use ov_format::name::ObjectName;
use ov_format::object::{pad, unpad};
use ov_format::record::Section;
use ov_format::{FormatError, Wire};
use ov_seal::compartment::{CompartmentPublic, GroupKey};
use ov_seal::entropy::Entropy;
use ov_seal::frame::FrameKind;
use ov_seal::segment::{
    PREFIX_BYTES, Recipient, SegmentError, SegmentOpener, SegmentSealer, head_length,
};
use ov_seal::structure::StructurePublic;

use crate::error::VaultError;

/// Sections are padded to at least this many bytes, so that small ones look alike.
const SECTION_BYTES_MIN: usize = 256;

/// Whose key a section is sealed to.
#[derive(Clone, Copy)]
pub enum SealTo<'a> {
    /// Keepers and readers.
    Structure(u32, &'a StructurePublic),
    /// Readers of a compartment.
    Compartment(ov_format::id::CompartmentId, u32, &'a CompartmentPublic),
    /// A dedup group in a compartment.
    Group(
        ov_format::id::CompartmentId,
        ov_format::id::GroupId,
        u32,
        &'a GroupKey,
    ),
}

impl<'a> SealTo<'a> {
    /// The audience.
    pub fn audience(&self) -> Audience {
        match self {
            Self::Structure(..) => Audience::Structure,
            Self::Compartment(compartment, ..) => Audience::Compartment(*compartment),
            Self::Group(compartment, group, ..) => Audience::Group(*compartment, *group),
        }
    }

    /// The epoch of its key.
    pub fn epoch(&self) -> u32 {
        match self {
            Self::Structure(epoch, _)
            | Self::Compartment(_, epoch, _)
            | Self::Group(_, _, epoch, _) => *epoch,
        }
    }

    fn recipient(&self) -> Recipient<'a> {
        match self {
            Self::Structure(_, key) => Recipient::Structure(key),
            Self::Compartment(_, _, key) => Recipient::Compartment(key),
            Self::Group(_, _, _, key) => Recipient::Group(key),
        }
    }

    /// A new segment for this audience.
    pub fn segment(
        &self,
        vault: VaultId,
        signer: MemberId,
        entropy: &dyn Entropy,
    ) -> SegmentSealer {
        let context = SegmentContext {
            vault,
            audience: self.audience(),
            epoch: self.epoch(),
            signer,
        };
        SegmentSealer::new(context, self.recipient(), entropy)
            .expect("because audience and recipient come from the same variant")
    }
}

/// Seals a value as a section of a record.
pub fn seal_section<T: Wire>(
    value: &T,
    to: SealTo<'_>,
    vault: VaultId,
    signer: MemberId,
    entropy: &dyn Entropy,
) -> Section {
    let segment = to.segment(vault, signer, entropy);
    let plain = pad(&value.to_bytes(), SECTION_BYTES_MIN);
    let frame = segment.seal_frame(0, FrameKind::Section, 0, &plain);
    let sealed = [segment.header_and_slots(), &frame.bytes].concat();
    Section {
        audience: to.audience(),
        epoch: to.epoch(),
        sealed,
    }
}

/// Opens the segment that starts at `bytes`: context and header ‖ slots in, an opener out. What
/// key it uses is the caller's matter, so this crate opens compartments for nobody.
pub type OpenSegment<'a> =
    &'a dyn Fn(&SegmentContext, &[u8]) -> Result<SegmentOpener, SegmentError>;

/// Splits sealed bytes into header ‖ slots and the rest.
pub fn split_head(bytes: &[u8]) -> Result<(&[u8], &[u8]), FormatError> {
    let truncated = FormatError::Truncated { at: bytes.len() };
    let prefix = bytes
        .first_chunk::<PREFIX_BYTES>()
        .ok_or(truncated.clone())?;
    bytes.split_at_checked(head_length(prefix)).ok_or(truncated)
}

/// Opens a section.
pub fn open_section<T: Wire>(
    section: &Section,
    name: ObjectName,
    vault: VaultId,
    signer: MemberId,
    open: OpenSegment<'_>,
) -> Result<T, VaultError> {
    let context = SegmentContext {
        vault,
        audience: section.audience,
        epoch: section.epoch,
        signer,
    };
    let object = |source| VaultError::Object { name, source };
    let sealed = |source| VaultError::Sealed { name, source };
    let (head, frame) = split_head(&section.sealed).map_err(object)?;
    let opener = open(&context, head).map_err(sealed)?;
    let frame = opener.open_frame(0, frame).map_err(sealed)?;
    let plain = unpad(frame.plain()).map_err(object)?;
    T::from_bytes(plain).map_err(object)
}
