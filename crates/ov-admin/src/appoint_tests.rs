use std::collections::BTreeSet;

use ov_format::id::ObjectHash;
use ov_format::keys::{KeysTable, SealedSecret, SecretKind, encode_secret};
use ov_format::name::ObjectName;
use ov_format::statement::StoredObject;
use ov_seal::keyfile::{KeyFile, Wrap};
use ov_store::Store;

use super::*;
use crate::world::{GENOMES, IMAGING, Noon, World, commit, writer};

fn structure(epoch: u32) -> (SecretKind, u32) {
    (SecretKind::Structure, epoch)
}

#[test]
fn a_keepers_key_opens_structure_and_no_compartment() {
    let mut world = World::new();
    let keeper = world.appoint(Role::Keeper, &[IMAGING]);
    assert_eq!(world.opens(&keeper.secret), BTreeSet::from([structure(0)]));
    let secrets = world.secrets(keeper.member, &keeper.secret);
    assert_eq!(secrets.structure.len(), 1);
    assert!(secrets.agent.is_empty());
}

#[test]
fn an_agents_key_opens_neither_structure_nor_compartment() {
    let mut world = World::new();
    let agent = world.appoint(Role::Agent, &[IMAGING]);
    let group = world.vault.head().members[&agent.member].group;
    let own = (SecretKind::Agent(world.id(IMAGING), group), 0);
    assert_eq!(world.opens(&agent.secret), BTreeSet::from([own]));
    let secrets = world.secrets(agent.member, &agent.secret);
    assert!(secrets.structure.is_empty());
    assert_eq!(secrets.agent_keys(world.id(IMAGING)).unwrap().name, IMAGING);
    assert!(secrets.agent_keys(world.id(GENOMES)).is_none());
}

#[test]
fn an_auditors_key_opens_nothing() {
    let mut world = World::new();
    let auditor = world.appoint(Role::Auditor, &[]);
    assert!(world.opens(&auditor.secret).is_empty());
    assert!(world.fresh().head().member(auditor.member).is_ok());
}

#[test]
fn a_readers_key_opens_its_own_compartment_alone() {
    let mut world = World::new();
    let reader = world.appoint(Role::Reader, &[GENOMES]);
    let own = (SecretKind::Compartment(world.id(GENOMES)), 0);
    let opened = world.opens(&reader.secret);
    assert_eq!(opened, BTreeSet::from([structure(0), own]));
}

#[test]
fn a_second_admin_can_do_what_the_first_can() {
    let mut world = World::new();
    let second = world.appoint(Role::Admin, &[]);
    let access = AdminAccess::unlock(&world.vault, second.member, &second.secret).unwrap();
    let admin = writer(second);
    let appointment = Appointment {
        roles: vec![Role::Reader],
        name: "a reader".into(),
        compartments: vec![access.find(GENOMES).unwrap()],
        group: GroupChoice::New,
    };
    let vault = &mut world.vault;
    let reader = appoint(vault, &admin, &access, appointment, &world.entropy, &Noon).unwrap();
    let own = (SecretKind::Compartment(world.id(GENOMES)), 0);
    assert!(world.opens(&reader.secret).contains(&own));
    assert!(world.fresh().head().member(reader.member).is_ok());
}

#[test]
fn agents_of_one_group_name_chunks_alike_and_others_do_not() {
    let mut world = World::new();
    let first = world.appoint(Role::Agent, &[IMAGING]);
    let same = GroupChoice::Same(first.member);
    let second = world.appoint_in(Role::Agent, &[IMAGING], same);
    let third = world.appoint(Role::Agent, &[IMAGING]);
    let id = world.id(IMAGING);
    let [first, second, third] = [first, second, third].map(|agent| {
        let secrets = world.secrets(agent.member, &agent.secret);
        secrets.agent_keys(id).unwrap().clone()
    });
    assert_eq!((first.group, &first.secret), (second.group, &second.secret));
    assert_ne!(first.secret, third.secret);
}

#[test]
fn the_key_file_of_a_new_member_says_who_it_is() {
    let mut world = World::new();
    let keeper = world.appoint(Role::Keeper, &[]);
    let facts = keeper.facts.clone();
    let file = KeyFile::new(facts, &keeper.secret, Wrap::None, &world.entropy).unwrap();
    let facts = KeyFile::parse(&file.text()).unwrap().facts().clone();
    assert_eq!(
        (facts.vault, facts.root),
        (world.facts.vault, world.facts.root)
    );
    assert_eq!((facts.member, facts.head), (keeper.member, keeper.record));
    assert_eq!(
        (facts.name.as_str(), &facts.roles[..]),
        ("a new keeper", &[Role::Keeper][..])
    );
}

#[test]
fn a_member_is_given_another_compartment() {
    let mut world = World::new();
    let reader = world.appoint(Role::Reader, &[GENOMES]);
    let more = Grant {
        roles: vec![],
        compartments: vec![world.id(IMAGING)],
    };
    let (vault, owner, id) = (&mut world.vault, &world.owner, reader.member);
    grant(
        vault,
        owner,
        &world.access,
        id,
        &more,
        &world.entropy,
        &Noon,
    )
    .unwrap();
    let both = [GENOMES, IMAGING].map(|name| (SecretKind::Compartment(world.id(name)), 0));
    assert!(world.opens(&reader.secret).is_superset(&both.into()));
    assert_eq!(world.fresh().head().members[&id].compartments.len(), 2);
}

#[test]
fn who_is_no_admin_changes_nothing() {
    let mut world = World::new();
    let keeper = writer(world.appoint(Role::Keeper, &[]));
    let before = world.store.snapshot();
    let (vault, owner) = (&mut world.vault, world.owner.member);
    let refused = revoke(vault, &keeper, owner, &Noon).err();
    assert!(matches!(
        refused,
        Some(AdminError::Vault(VaultError::Forbidden { .. }))
    ));
    let unlocked = AdminAccess::unlock(vault, keeper.member, &keeper.secret);
    assert!(unlocked.is_err());
    assert_eq!(world.store.snapshot(), before);
}

#[test]
fn what_a_revoked_member_said_stays_and_what_it_says_counts_no_more() {
    let mut world = World::new();
    let agent = writer(world.appoint(Role::Agent, &[IMAGING]));
    let before = commit(&mut world.vault, &agent).unwrap();
    revoke(&mut world.vault, &world.owner, agent.member, &Noon).unwrap();
    let after = commit(&mut world.fresh(), &agent).unwrap();
    let vault = world.fresh();
    assert!(vault.logs().find(&before).is_some());
    assert!(vault.logs().find(&after).is_none());
    assert!(matches!(
        vault.head().member(agent.member).err(),
        Some(VaultError::NotAMember)
    ));
    let again = revoke(&mut world.vault, &world.owner, agent.member, &Noon).err();
    assert!(matches!(again, Some(AdminError::Revoked(_))));
}

#[test]
fn a_revoked_admin_can_unlock_and_change_nothing() {
    let mut world = World::new();
    let second = writer(world.appoint(Role::Admin, &[]));
    revoke(&mut world.vault, &world.owner, second.member, &Noon).unwrap();
    let vault = &mut world.fresh();
    let unlocked = AdminAccess::unlock(vault, second.member, &second.secret).err();
    let not_a_member = |error| matches!(error, Some(AdminError::Vault(VaultError::NotAMember)));
    assert!(not_a_member(unlocked));
    assert!(not_a_member(
        revoke(vault, &second, world.owner.member, &Noon).err()
    ));
}

#[test]
fn the_last_admin_the_kit_and_oneself_cannot_be_revoked() {
    let mut world = World::new();
    let owner = world.owner.member;
    let refused = revoke(&mut world.vault, &world.owner, owner, &Noon).err();
    assert!(matches!(refused, Some(AdminError::LastAdmin(_))));
    world.appoint(Role::Admin, &[]);
    let refused = revoke(&mut world.vault, &world.owner, owner, &Noon).err();
    assert!(matches!(refused, Some(AdminError::Yourself)));
    let head = world.vault.head();
    let mut members = head.members.iter();
    let kit = *members.find(|(_, member)| is_kit(head, member)).unwrap().0;
    let refused = revoke(&mut world.vault, &world.owner, kit, &Noon).err();
    assert!(matches!(refused, Some(AdminError::TheKit)));
}

#[test]
fn an_appointment_that_makes_no_sense_is_refused_and_nothing_is_written() {
    let mut world = World::new();
    let before = world.store.snapshot();
    let base = Appointment {
        roles: vec![Role::Reader],
        name: "someone".into(),
        compartments: vec![world.id(IMAGING)],
        group: GroupChoice::New,
    };
    let mut none = base.clone();
    none.roles.clear();
    let mut nowhere = base.clone();
    nowhere.compartments.clear();
    let mut unknown = base.clone();
    unknown.compartments = vec![CompartmentId([9; 8])];
    let mut stranger = base.clone();
    stranger.group = GroupChoice::Same(MemberId([9; 8]));
    let mut nameless = base;
    nameless.name.clear();
    let refused = [none, nowhere, unknown, stranger, nameless].map(|a| world.try_appoint(a).err());
    assert!(matches!(
        refused,
        [
            Some(AdminError::NoRoles),
            Some(AdminError::NeedsCompartment("reader")),
            Some(AdminError::Vault(VaultError::NoKey(_))),
            Some(AdminError::NoMember(_)),
            Some(AdminError::BadName { .. }),
        ]
    ));
    assert_eq!(world.store.snapshot(), before);
}

#[test]
fn another_members_key_does_not_unlock_an_admin() {
    let mut world = World::new();
    let second = world.appoint(Role::Admin, &[]);
    let unlocked = AdminAccess::unlock(&world.vault, world.owner.member, &second.secret).err();
    assert!(matches!(
        unlocked,
        Some(AdminError::Vault(VaultError::NotAMember))
    ));
}

#[test]
fn junk_that_one_admin_seals_to_another_locks_nobody_out() {
    let mut world = World::new();
    let second = writer(world.appoint(Role::Admin, &[]));
    let (id, epoch) = (world.vault.id(), 0);
    let recipient = Recipient::Member(world.owner.member);
    let public = world.owner.secret.public();
    let junk = |kind, plain: &[u8]| {
        let aad = SealedSecret::associated_data(id, recipient, kind, epoch);
        SealedSecret {
            recipient,
            kind,
            epoch,
            sealed: public.seal_secret(&aad, plain, &world.entropy),
        }
    };
    let imaging = SecretKind::Compartment(world.id(IMAGING));
    let secrets = vec![
        junk(SecretKind::Structure, b"junk"),
        junk(imaging, &encode_secret("other", &[1; 64])),
    ];
    let bytes = KeysTable { secrets }.encode(id);
    let hash = ObjectHash(*blake3::hash(&bytes).as_bytes());
    world
        .store
        .put_new(&ObjectName::Table(hash), &bytes)
        .unwrap();
    let length = bytes.len().try_into().unwrap();
    let change = Change::Keys(StoredObject { hash, length });
    say(
        &mut world.vault,
        &second,
        vec![change],
        Vec::new(),
        &[],
        &Noon,
    )
    .unwrap();
    let owner = &world.owner;
    let access = AdminAccess::unlock(&world.fresh(), owner.member, &owner.secret).unwrap();
    assert_eq!(access.find(IMAGING).unwrap(), world.id(IMAGING));
    let compartments = [IMAGING, GENOMES].map(|name| world.id(name));
    access
        .check_newest(world.vault.head(), &compartments)
        .unwrap();
}
