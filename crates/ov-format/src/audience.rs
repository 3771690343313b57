//! For whom something is sealed.

use crate::cbor::{Reader, Wire, Writer};
use crate::error::FormatError;
use crate::id::{CompartmentId, GroupId, MemberId, VaultId};

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

/// What a segment is bound to beside its own header; known to the reader, not stored with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Context {
    /// The vault.
    pub vault: VaultId,
    /// For whom.
    pub audience: Audience,
    /// The epoch of the audience's key.
    pub epoch: u32,
    /// The member that made it.
    pub signer: MemberId,
}

impl Wire for Context {
    fn write(&self, w: &mut Writer) {
        w.array(4)
            .value(&self.vault)
            .value(&self.audience)
            .uint(self.epoch)
            .value(&self.signer);
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, FormatError> {
        let more = r.fields(4)?;
        let context = Self {
            vault: r.value()?,
            audience: r.value()?,
            epoch: r.uint()?,
            signer: r.value()?,
        };
        r.skip_fields(more)?;
        Ok(context)
    }
}
