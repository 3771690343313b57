//! New keys: a new epoch, sealed to everybody who is still a member.

use ov_format::id::CompartmentId;
use ov_format::name::RecordName;
use ov_open::compartment::CompartmentSecret;
use ov_seal::entropy::Entropy;
use ov_seal::structure::StructureSecret;
use ov_vault::append::Writer;
use ov_vault::head::Head;
use ov_vault::{Clock, Vault};

use crate::access::{AdminAccess, require_admin};
use crate::error::AdminError;
use crate::found::key_changes;
use crate::sealing::{Sealing, parties, publish};

/// What becomes new.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// The sealing keys. Ids stay, so what is stored is found again.
    Keys,
    /// Sealing keys and ids: the next backup stores everything once more.
    Ids,
}

/// Whose keys become new.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    /// The structure audience's, and those of all compartments.
    All,
    /// One compartment's.
    Compartment(CompartmentId),
}

/// Begins a new epoch. Old data stays sealed to the old keys; members keep those.
pub fn rotate(
    vault: &mut Vault,
    writer: &Writer,
    access: &mut AdminAccess,
    what: What,
    which: Which,
    entropy: &dyn Entropy,
    clock: &dyn Clock,
) -> Result<RecordName, AdminError> {
    vault.refresh()?;
    require_admin(vault, writer.member)?;
    let fresh = fresh(vault.head(), access, what, which, entropy)?;
    begin(vault, writer, access, fresh, entropy, clock)
}

fn begin(
    vault: &mut Vault,
    writer: &Writer,
    access: &mut AdminAccess,
    fresh: AdminAccess,
    entropy: &dyn Entropy,
    clock: &dyn Clock,
) -> Result<RecordName, AdminError> {
    let mut sealing = Sealing::new(vault.id(), entropy);
    for party in parties(vault.head())? {
        sealing.give(&fresh, &party);
    }
    let changes = key_changes(&fresh);
    let record = publish(vault, writer, changes, Vec::new(), sealing, clock)?;
    access.absorb(fresh);
    Ok(record)
}

fn fresh(
    head: &Head,
    access: &AdminAccess,
    what: What,
    which: Which,
    entropy: &dyn Entropy,
) -> Result<AdminAccess, AdminError> {
    let mut fresh = AdminAccess::default();
    let compartments: Vec<CompartmentId> = match which {
        Which::All => head.compartments.keys().copied().collect(),
        Which::Compartment(id) => vec![id],
    };
    access.check_newest(head, &compartments)?;
    if which == Which::All {
        let (epoch, _) = head.structure_key()?;
        let secret = StructureSecret::generate(entropy);
        fresh.structure.insert(next(epoch)?, secret);
    }
    for id in compartments {
        let (epoch, _) = head.compartment_key(id)?;
        let open = access.compartments.get(&id);
        let open = open.ok_or(AdminError::UnknownCompartment(id))?;
        let old = open.epochs.get(&epoch);
        let old = old.ok_or(AdminError::UnknownCompartment(id))?;
        let secret = match what {
            What::Keys => old.rotate_keys(entropy),
            What::Ids => CompartmentSecret::generate(entropy),
        };
        fresh.insert(id, &open.name, next(epoch)?, secret);
    }
    Ok(fresh)
}

fn next(epoch: u32) -> Result<u32, AdminError> {
    epoch.checked_add(1).ok_or(AdminError::NoEpoch)
}

#[cfg(test)]
#[path = "rotate_tests.rs"]
mod tests;
