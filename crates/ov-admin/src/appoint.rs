//! Appointing members, giving them more, revoking them.

use std::collections::BTreeSet;

use ov_format::id::{CompartmentId, GroupId, MemberId};
use ov_format::keys::Recipient;
use ov_format::name::{LogId, RecordName};
use ov_format::statement::{Change, Role};
use ov_seal::entropy::Entropy;
use ov_seal::keyfile::KeyFacts;
use ov_seal::member::{MemberPublic, MemberSecret};
use ov_vault::append::Writer;
use ov_vault::head::{Head, Member};
use ov_vault::{Clock, Vault, VaultError};

use crate::access::{AdminAccess, require_admin};
use crate::error::AdminError;
use crate::names::{Named, Names, check_name, seal_names};
use crate::sealing::{Party, Sealing, publish, random, say};

/// With whom a member shares chunks. Who shares a group can poison what the others store, and
/// need not store what they have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GroupChoice {
    /// With nobody.
    New,
    /// With this member and its group.
    Same(MemberId),
}

/// Who is to be appointed.
#[derive(Clone, Debug)]
pub struct Appointment {
    /// What it may do.
    pub roles: Vec<Role>,
    /// Its name for people.
    pub name: String,
    /// The compartments that it may write to or read. Admins read all.
    pub compartments: Vec<CompartmentId>,
    /// Its dedup group.
    pub group: GroupChoice,
}

/// A new member.
pub struct Appointed {
    /// Its id.
    pub member: MemberId,
    /// Its keys: nowhere else until the caller has stored them.
    pub secret: MemberSecret,
    /// The record that says so.
    pub record: RecordName,
    /// What its key file says.
    pub facts: KeyFacts,
}

/// Appoints a member and seals to it what its roles need.
pub fn appoint(
    vault: &mut Vault,
    writer: &Writer,
    access: &AdminAccess,
    appointment: Appointment,
    entropy: &dyn Entropy,
    clock: &dyn Clock,
) -> Result<Appointed, AdminError> {
    vault.refresh()?;
    require_admin(vault, writer.member)?;
    check_name("a member", &appointment.name)?;
    let id = MemberId(random(entropy));
    let secret = MemberSecret::generate(entropy);
    let public = secret.public();
    let group = group(vault.head(), appointment.group, entropy)?;
    let member = Member {
        roles: appointment.roles.iter().copied().collect(),
        keys: public.keys(),
        group,
        compartments: appointment.compartments.iter().copied().collect(),
    };
    check_member(vault.head(), access, &member)?;
    let named = Named {
        member: id,
        name: appointment.name,
    };
    let names = Names(vec![named.clone()]);
    let party = party(id, public, member);
    let record = say_member(vault, writer, access, &party, Some(names), entropy, clock)?;
    let facts = key_facts(vault, id, named.name, record)?;
    Ok(Appointed {
        member: id,
        secret,
        record,
        facts,
    })
}

/// What a member gets in addition.
#[derive(Clone, Debug, Default)]
pub struct Grant {
    /// Roles.
    pub roles: Vec<Role>,
    /// Compartments.
    pub compartments: Vec<CompartmentId>,
}

/// Gives a member more, and seals to it anew all that its roles then need.
pub fn grant(
    vault: &mut Vault,
    writer: &Writer,
    access: &AdminAccess,
    member: MemberId,
    more: &Grant,
    entropy: &dyn Entropy,
    clock: &dyn Clock,
) -> Result<RecordName, AdminError> {
    vault.refresh()?;
    require_admin(vault, writer.member)?;
    let mut changed = current(vault.head(), member)?.clone();
    if is_kit(vault.head(), &changed) {
        return Err(AdminError::TheKit);
    }
    changed.roles.extend(&more.roles);
    changed.compartments.extend(&more.compartments);
    check_member(vault.head(), access, &changed)?;
    let public = MemberPublic::try_from(&changed.keys);
    let public = public.map_err(|_| AdminError::BadKeys(member))?;
    let party = party(member, public, changed);
    say_member(vault, writer, access, &party, None, entropy, clock)
}

/// Revokes a member: what it has said up to now stays, nothing after it counts. What it could
/// open it can still open: [`crate::rotate`] keeps new data from it.
pub fn revoke(
    vault: &mut Vault,
    writer: &Writer,
    member: MemberId,
    clock: &dyn Clock,
) -> Result<RecordName, AdminError> {
    vault.refresh()?;
    require_admin(vault, writer.member)?;
    check_revocable(vault.head(), writer.member, member)?;
    let logs = vault.logs().tips.iter();
    let of_member = logs.filter(|(log, _)| log.member == member);
    let last = |(log, tips): (&LogId, &Vec<RecordName>)| {
        let newest = tips.iter().map(|tip| tip.number).max();
        newest.map(|number| (*log, number))
    };
    let after = of_member.filter_map(last).collect();
    let change = Change::Revoke { member, after };
    say(vault, writer, vec![change], Vec::new(), &[], clock)
}

/// What the key file of a member says, when `newest` is the newest head record that is known.
pub fn key_facts(
    vault: &Vault,
    member: MemberId,
    name: String,
    newest: RecordName,
) -> Result<KeyFacts, AdminError> {
    let roles = current(vault.head(), member)?.roles.iter().copied();
    Ok(KeyFacts {
        vault: vault.id(),
        root: root(vault)?,
        head: newest,
        member,
        name,
        roles: roles.collect(),
    })
}

/// The vault's first record. Its log is that of the founder.
pub fn root(vault: &Vault) -> Result<RecordName, AdminError> {
    let mut all = vault.logs().all().map(|said| said.name);
    let root = all.find(|name| name.hash.0 == vault.id().0);
    let place = || vault.store().describe();
    root.ok_or_else(|| VaultError::NoVault { place: place() }.into())
}

/// The change that appoints a member as it is described.
pub(crate) fn appointing(id: MemberId, member: &Member) -> Change {
    Change::Appoint {
        member: id,
        roles: member.roles.iter().copied().collect(),
        keys: member.keys.clone(),
        group: member.group,
        compartments: member.compartments.iter().copied().collect(),
    }
}

pub(crate) fn is_kit(head: &Head, member: &Member) -> bool {
    head.recovery.as_ref() == Some(&member.keys)
}

fn party(id: MemberId, public: MemberPublic, member: Member) -> (MemberId, Party) {
    let recipient = Recipient::Member(id);
    let party = Party {
        recipient,
        public,
        member,
    };
    (id, party)
}

fn say_member(
    vault: &mut Vault,
    writer: &Writer,
    access: &AdminAccess,
    (id, party): &(MemberId, Party),
    names: Option<Names>,
    entropy: &dyn Entropy,
    clock: &dyn Clock,
) -> Result<RecordName, AdminError> {
    let mut sealing = Sealing::new(vault.id(), entropy);
    sealing.give(access, party);
    let (epoch, structure) = vault.head().structure_key()?;
    let seal = |names: Names| {
        seal_names(
            &names,
            (epoch, &structure),
            vault.id(),
            writer.member,
            entropy,
        )
    };
    let sections = names.map(seal).into_iter().collect();
    let changes = vec![appointing(*id, &party.member)];
    publish(vault, writer, changes, sections, sealing, clock)
}

fn check_member(head: &Head, access: &AdminAccess, member: &Member) -> Result<(), AdminError> {
    if member.roles.is_empty() {
        return Err(AdminError::NoRoles);
    }
    let mut bound = [Role::Agent, Role::Reader].into_iter();
    if member.compartments.is_empty()
        && !member.may(Role::Admin)
        && let Some(role) = bound.find(|role| member.may(*role))
    {
        return Err(AdminError::NeedsCompartment(role.name()));
    }
    access.check_newest(head, &member.compartments)
}

fn group(head: &Head, choice: GroupChoice, entropy: &dyn Entropy) -> Result<GroupId, AdminError> {
    match choice {
        GroupChoice::New => Ok(GroupId(random(entropy))),
        // A revoked member's group stays: its other members, and its successor, go on with it.
        GroupChoice::Same(id) => {
            let member = head.members.get(&id).ok_or(AdminError::NoMember(id))?;
            Ok(member.group)
        }
    }
}

fn current(head: &Head, id: MemberId) -> Result<&Member, AdminError> {
    let member = head.members.get(&id).ok_or(AdminError::NoMember(id))?;
    match head.revoked.contains_key(&id) {
        true => Err(AdminError::Revoked(id)),
        false => Ok(member),
    }
}

fn check_revocable(head: &Head, writer: MemberId, id: MemberId) -> Result<(), AdminError> {
    let member = current(head, id)?;
    if is_kit(head, member) {
        return Err(AdminError::TheKit);
    }
    let left: BTreeSet<MemberId> = head
        .members
        .iter()
        .filter(|(other, member)| {
            let stays = **other != id && !head.revoked.contains_key(*other);
            stays && member.may(Role::Admin) && !is_kit(head, member)
        })
        .map(|(other, _)| *other)
        .collect();
    if member.may(Role::Admin) && left.is_empty() {
        return Err(AdminError::LastAdmin(id));
    }
    match writer == id {
        true => Err(AdminError::Yourself),
        false => Ok(()),
    }
}

#[cfg(test)]
#[path = "appoint_tests.rs"]
mod tests;
