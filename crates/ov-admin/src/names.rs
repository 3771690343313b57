//! Sealing what members are called, and judging whether a name can be one.

use ov_format::id::{MemberId, VaultId};
pub use ov_format::names::{Named, Names};
use ov_format::record::Section;
use ov_seal::entropy::Entropy;
use ov_seal::keyfile::NAME_BYTES_MAX;
use ov_seal::structure::StructurePublic;
use ov_vault::section::{SealTo, seal_section};

use crate::error::AdminError;

/// The section of names in a record by `signer`.
pub(crate) fn seal_names(
    names: &Names,
    structure: (u32, &StructurePublic),
    vault: VaultId,
    signer: MemberId,
    entropy: &dyn Entropy,
) -> Section {
    let to = SealTo::Structure(structure.0, structure.1);
    seal_section(names, to, vault, signer, entropy)
}

/// The same rule as for key files, which carry these names too.
pub(crate) fn check_name(what: &'static str, name: &str) -> Result<(), AdminError> {
    let fits = (1..=NAME_BYTES_MAX).contains(&name.len()) && !name.chars().any(char::is_control);
    match fits {
        true => Ok(()),
        false => Err(AdminError::BadName { what }),
    }
}
