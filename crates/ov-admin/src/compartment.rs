//! Making compartments.

use ov_format::id::CompartmentId;
use ov_format::keys::Recipient;
use ov_format::statement::Role;
use ov_open::compartment::CompartmentSecret;
use ov_seal::entropy::Entropy;
use ov_vault::append::Writer;
use ov_vault::{Clock, Vault};

use crate::access::{AdminAccess, require_admin};
use crate::appoint::appointing;
use crate::error::AdminError;
use crate::found::key_changes;
use crate::names::check_name;
use crate::sealing::{Sealing, parties, publish, random};

/// Makes a compartment. Admins and the recovery kit get it; admins who are agents or readers too
/// may write to it and read it at once. All others get it by [`crate::appoint::grant`].
pub fn add_compartment(
    vault: &mut Vault,
    writer: &Writer,
    access: &mut AdminAccess,
    name: &str,
    entropy: &dyn Entropy,
    clock: &dyn Clock,
) -> Result<CompartmentId, AdminError> {
    vault.refresh()?;
    require_admin(vault, writer.member)?;
    check_name("a compartment", name)?;
    if access.find(name).is_ok() {
        return Err(AdminError::NameTaken(name.to_owned()));
    }
    let id = CompartmentId(random(entropy));
    let mut fresh = AdminAccess::default();
    fresh.insert(id, name, 0, CompartmentSecret::generate(entropy));
    let mut changes = key_changes(&fresh);
    let mut sealing = Sealing::new(vault.id(), entropy);
    for mut party in parties(vault.head())? {
        if !party.member.may(Role::Admin) {
            continue;
        }
        if let Recipient::Member(member) = party.recipient {
            party.member.compartments.insert(id);
            changes.push(appointing(member, &party.member));
        }
        sealing.give(&fresh, &party);
    }
    publish(vault, writer, changes, Vec::new(), sealing, clock)?;
    access.absorb(fresh);
    Ok(id)
}

#[cfg(test)]
#[path = "compartment_tests.rs"]
mod tests;
