//! The recovery kit at work: proving that it opens everything, and appointing a new owner.

use std::collections::BTreeMap;
use std::sync::Arc;

use ov_format::id::{CompartmentId, InstanceId, MemberId};
use ov_format::keys::{Recipient, SecretKind};
use ov_format::statement::Role;
use ov_open::recovery::RecoveryKit;
use ov_seal::entropy::Entropy;
use ov_seal::member::MemberSecret;
use ov_store::Store;
use ov_vault::append::Writer;
use ov_vault::secrets::sealed_for;
use ov_vault::vault::find_vault;
use ov_vault::{Clock, Vault};

use crate::access::{AdminAccess, Opened, open_one};
use crate::appoint::{Appointed, Appointment, GroupChoice, appoint, is_kit};
use crate::error::AdminError;

/// Opens the vault of a target for somebody who holds the kit and nothing else: the kit vouches
/// for the vault.
pub fn open(store: Arc<dyn Store>, kit: &RecoveryKit) -> Result<Vault, AdminError> {
    let id = find_vault(&*store)?;
    let vault = Vault::open(store, id)?;
    check_kit(&vault, &kit.member())?;
    Ok(vault)
}

/// The new owner.
#[derive(Clone, Debug)]
pub struct Recovery {
    /// The owner's name for people.
    pub owner: String,
    /// The owner's dedup group: that of the lost owner, unless its key may be in wrong hands.
    pub group: GroupChoice,
}

/// Appoints a new owner with all roles in all compartments. It is the kit's member that says so,
/// for all to see.
pub fn recover(
    vault: &mut Vault,
    kit: &RecoveryKit,
    recovery: Recovery,
    entropy: &dyn Entropy,
    clock: &dyn Clock,
) -> Result<Appointed, AdminError> {
    vault.refresh()?;
    let secret = kit.member();
    let writer = Writer {
        member: check_kit(vault, &secret)?,
        secret,
        instance: InstanceId(crate::sealing::random(entropy)),
        lock: None,
    };
    let access = AdminAccess::unlock_with_kit(vault, kit)?;
    let owner = Appointment {
        roles: Role::ALL.to_vec(),
        name: recovery.owner,
        compartments: access.compartments.keys().copied().collect(),
        group: recovery.group,
    };
    appoint(vault, &writer, &access, owner, entropy, clock)
}

/// Whether the kit opens one epoch of one key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum KitState {
    /// It opens, and is the key that the head names.
    Opens,
    /// It opens, but the head names another key.
    OtherKey,
    /// It does not open.
    Damaged,
    /// No table that is there has it for the kit.
    Missing,
}

/// One epoch of one key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KitKey {
    /// The compartment; `None` for the structure audience.
    pub compartment: Option<CompartmentId>,
    /// The compartment's name, if it opened.
    pub name: Option<String>,
    /// The epoch.
    pub epoch: u32,
    /// Whether the kit opens it.
    pub state: KitState,
}

/// What a kit is good for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KitReport {
    /// Every key that the head names.
    pub keys: Vec<KitKey>,
}

impl KitReport {
    /// Whether the kit opens everything.
    pub fn opens_all(&self) -> bool {
        self.keys.iter().all(|key| key.state == KitState::Opens)
    }
}

/// Tries the kit on every key that the head names. Writes nothing.
pub fn test(vault: &Vault, kit: &RecoveryKit) -> Result<KitReport, AdminError> {
    let secret = kit.member();
    check_kit(vault, &secret)?;
    let tried = try_all(vault, &secret)?;
    let head = vault.head();
    let structure = head.structure.keys().map(|epoch| (None, *epoch));
    let compartments = head.compartments.iter().flat_map(|(id, epochs)| {
        let id = Some(*id);
        epochs.keys().map(move |epoch| (id, *epoch))
    });
    let report = |(compartment, epoch)| {
        let found = tried.get(&(compartment, epoch)).cloned();
        let (state, name) = found.unwrap_or((KitState::Missing, None));
        KitKey {
            compartment,
            name,
            epoch,
            state,
        }
    };
    let keys = structure.chain(compartments).map(report).collect();
    Ok(KitReport { keys })
}

type Tried = BTreeMap<(Option<CompartmentId>, u32), (KitState, Option<String>)>;

/// Everything that was ever sealed to the kit, each at its best.
fn try_all(vault: &Vault, secret: &MemberSecret) -> Result<Tried, AdminError> {
    let mut tried = Tried::new();
    let store = &**vault.store();
    for sealed in sealed_for(store, vault.id(), vault.head(), Recipient::Recovery)? {
        let compartment = match sealed.kind {
            SecretKind::Structure => None,
            SecretKind::Compartment(id) => Some(id),
            SecretKind::Agent(..) => continue,
        };
        let found = match open_one(vault, &sealed, secret) {
            Some(opened) => (state(vault, &opened, sealed.epoch), name(opened)),
            None => (KitState::Damaged, None),
        };
        let best = tried.entry((compartment, sealed.epoch));
        let best = best.or_insert_with(|| found.clone());
        if found.0 < best.0 {
            *best = found;
        }
    }
    Ok(tried)
}

fn state(vault: &Vault, opened: &Opened, epoch: u32) -> KitState {
    match opened.is_named(vault.head(), epoch) {
        true => KitState::Opens,
        false => KitState::OtherKey,
    }
}

fn name(opened: Opened) -> Option<String> {
    match opened {
        Opened::Structure(_) => None,
        Opened::Compartment(_, name, _) => Some(name),
    }
}

/// The member that the kit is in this vault.
fn check_kit(vault: &Vault, secret: &MemberSecret) -> Result<MemberId, AdminError> {
    let head = vault.head();
    if head.recovery.as_ref() != Some(&secret.public().keys()) {
        return Err(AdminError::NotTheKit);
    }
    let kit = head.members.iter().find(|(_, member)| is_kit(head, member));
    kit.map(|(id, _)| *id).ok_or(AdminError::NotTheKit)
}

#[cfg(test)]
#[path = "recover_tests.rs"]
mod tests;
