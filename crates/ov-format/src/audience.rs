//! For whom something is sealed.

use crate::cbor::{Reader, Wire, Writer};
use crate::error::FormatError;
use crate::id::{CompartmentId, GroupId, MemberId, VaultId};
use crate::object::SUITE;

/// Whose key opens a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Audience {
    /// Keepers and readers: graph, places, counts.
    Structure,
    /// Readers of the compartment: names, trees, content.
    Compartment(CompartmentId),
    /// The agents of one dedup group in one compartment, and the compartment's readers.
    Group(CompartmentId, GroupId),
}

impl Wire for Audience {
    fn write(&self, w: &mut Writer) {
        match self {
            Self::Structure => w.array(1).uint(0u8),
            Self::Compartment(compartment) => w.array(2).uint(1u8).value(compartment),
            Self::Group(compartment, group) => w.array(3).uint(2u8).value(compartment).value(group),
        };
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, FormatError> {
        let fields = r.array()?;
        match (r.uint::<u64>()?, fields) {
            (0, 1) => Ok(Self::Structure),
            (1, 2) => Ok(Self::Compartment(r.value()?)),
            (2, 3) => Ok(Self::Group(r.value()?, r.value()?)),
            (number, _) => Err(FormatError::Unknown {
                what: "an audience",
                number,
            }),
        }
    }
}

/// Version of the context. Frozen: with another, the id of every segment would be another.
const CONTEXT_VERSION: u8 = 1;

/// Length of an encoded [`SegmentContext`] in bytes.
pub const CONTEXT_BYTES: usize = 66;

/// What a segment is bound to beside its own header: known to its reader from where it was found,
/// never stored with it, and authenticated by everything in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SegmentContext {
    /// The vault.
    pub vault: VaultId,
    /// For whom.
    pub audience: Audience,
    /// The epoch of the audience's key.
    pub epoch: u32,
    /// The member that made it.
    pub signer: MemberId,
}

impl SegmentContext {
    /// "OVF" ‖ version (1) ‖ suite (1) ‖ vault (32) ‖ audience (1: compartment 1, structure 2,
    /// group 3) ‖ compartment (8, else zeros) ‖ group (8, else zeros) ‖ epoch (4, little-endian)
    /// ‖ signer (8).
    pub fn encode(&self) -> [u8; CONTEXT_BYTES] {
        let none = [0; 8];
        let (tag, compartment, group) = match &self.audience {
            Audience::Compartment(compartment) => (1, compartment.bytes(), &none),
            Audience::Structure => (2, &none, &none),
            Audience::Group(compartment, group) => (3, compartment.bytes(), group.bytes()),
        };
        let mut out = [0; CONTEXT_BYTES];
        out[..3].copy_from_slice(b"OVF");
        out[3] = CONTEXT_VERSION;
        out[4] = SUITE;
        out[5..37].copy_from_slice(self.vault.bytes());
        out[37] = tag;
        out[38..46].copy_from_slice(compartment);
        out[46..54].copy_from_slice(group);
        out[54..58].copy_from_slice(&self.epoch.to_le_bytes());
        out[58..].copy_from_slice(self.signer.bytes());
        out
    }
}
