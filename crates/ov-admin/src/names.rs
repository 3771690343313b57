//! What members are called: a section of head records, sealed to the structure audience, so that
//! neither agents nor strangers learn who works here.

use ov_format::cbor::{Reader, Wire, Writer};
use ov_format::id::{MemberId, VaultId};
use ov_format::record::Section;
use ov_format::{FormatError, id};
use ov_seal::entropy::Entropy;
use ov_seal::keyfile::NAME_BYTES_MAX;
use ov_seal::structure::StructurePublic;
use ov_vault::section::{SealTo, seal_section};

use crate::error::AdminError;

/// One member's name.
#[derive(Clone, PartialEq, Eq)]
pub struct Named {
    /// The member.
    pub member: MemberId,
    /// Its name for people.
    pub name: String,
}

impl Wire for Named {
    fn write(&self, w: &mut Writer) {
        w.array(2).value(&self.member).text(&self.name);
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, FormatError> {
        let more = r.fields(2)?;
        let named = Self {
            member: r.value::<id::MemberId>()?,
            name: r.text()?.to_owned(),
        };
        r.skip_fields(more)?;
        Ok(named)
    }
}

/// The section: the names that a head record gives.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Names(pub Vec<Named>);

impl Wire for Names {
    fn write(&self, w: &mut Writer) {
        w.array(1).list(&self.0);
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, FormatError> {
        let more = r.fields(1)?;
        let names = Self(r.list()?);
        r.skip_fields(more)?;
        Ok(names)
    }
}

impl Names {
    /// The section of a record by `signer`.
    pub(crate) fn seal(
        &self,
        structure: (u32, &StructurePublic),
        vault: VaultId,
        signer: MemberId,
        entropy: &dyn Entropy,
    ) -> Section {
        let to = SealTo::Structure(structure.0, structure.1);
        seal_section(self, to, vault, signer, entropy)
    }
}

/// The same rule as for key files, which carry these names too.
pub(crate) fn check_name(what: &'static str, name: &str) -> Result<(), AdminError> {
    let fits = (1..=NAME_BYTES_MAX).contains(&name.len()) && !name.chars().any(char::is_control);
    match fits {
        true => Ok(()),
        false => Err(AdminError::BadName { what }),
    }
}
