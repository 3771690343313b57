use std::collections::BTreeSet;

use ov_format::keys::SecretKind;
use ov_format::statement::Role;

use super::*;
use crate::appoint::revoke;
use crate::world::{GENOMES, IMAGING, Noon, World, writer};

fn epochs(world: &World, name: &str, opened: &BTreeSet<(SecretKind, u32)>) -> Vec<u32> {
    let kind = SecretKind::Compartment(world.id(name));
    let of = opened.iter().filter(|(found, _)| *found == kind);
    of.map(|(_, epoch)| *epoch).collect()
}

#[test]
fn readers_of_any_day_read_old_and_new_epochs() {
    let mut world = World::new();
    let before = world.appoint(Role::Reader, &[IMAGING]);
    world.rotate(What::Keys, Which::All);
    world.rotate(What::Ids, Which::All);
    let after = world.appoint(Role::Reader, &[IMAGING]);
    for reader in [before, after] {
        let opened = world.opens(&reader.secret);
        assert_eq!(epochs(&world, IMAGING, &opened), [0, 1, 2]);
        assert!(epochs(&world, GENOMES, &opened).is_empty());
        let secrets = world.secrets(reader.member, &reader.secret);
        assert_eq!(secrets.structure.len(), 3);
    }
}

#[test]
fn after_new_keys_an_agent_goes_on_with_the_same_ids() {
    let mut world = World::new();
    let agent = world.appoint(Role::Agent, &[IMAGING]);
    world.rotate(What::Keys, Which::All);
    let id = world.id(IMAGING);
    let keys = &world.secrets(agent.member, &agent.secret).agent[&id];
    assert_eq!(keys.keys().copied().collect::<Vec<_>>(), [0, 1]);
    assert_eq!(keys[&0].secret, keys[&1].secret);
    assert_eq!(keys[&1].name, IMAGING);
    let (epoch, _) = world.fresh().head().compartment_key(id).unwrap();
    assert_eq!(epoch, 1);
}

#[test]
fn after_new_ids_an_agent_names_chunks_anew() {
    let mut world = World::new();
    let agent = world.appoint(Role::Agent, &[IMAGING]);
    world.rotate(What::Ids, Which::All);
    let keys = &world.secrets(agent.member, &agent.secret).agent[&world.id(IMAGING)];
    assert_ne!(keys[&0].secret, keys[&1].secret);
}

#[test]
fn a_new_agent_finds_what_its_group_stored_under_the_newest_ids_and_gets_no_older_ones() {
    let mut world = World::new();
    world.rotate(What::Ids, Which::All);
    world.rotate(What::Keys, Which::All);
    let agent = world.appoint(Role::Agent, &[IMAGING]);
    let keys = &world.secrets(agent.member, &agent.secret).agent[&world.id(IMAGING)];
    assert_eq!(keys.keys().copied().collect::<Vec<_>>(), [1, 2]);
}

#[test]
fn a_revoked_members_key_opens_nothing_of_a_later_epoch() {
    let mut world = World::new();
    let gone = [Role::Reader, Role::Keeper, Role::Admin, Role::Agent]
        .map(|role| world.appoint(role, &[IMAGING, GENOMES]));
    for member in &gone {
        revoke(&mut world.vault, &world.owner, member.member, &Noon).unwrap();
    }
    world.rotate(What::Keys, Which::All);
    for member in &gone {
        let opened = world.opens(&member.secret);
        assert!(!opened.is_empty());
        assert!(opened.iter().all(|(_, epoch)| *epoch == 0));
    }
}

#[test]
fn one_compartment_can_be_rotated_alone() {
    let mut world = World::new();
    let keeper = world.appoint(Role::Keeper, &[]);
    let id = world.id(IMAGING);
    world.rotate(What::Keys, Which::Compartment(id));
    let vault = world.fresh();
    let head = vault.head();
    assert_eq!(head.structure_key().unwrap().0, 0);
    assert_eq!(head.compartment_key(id).unwrap().0, 1);
    assert_eq!(head.compartment_key(world.id(GENOMES)).unwrap().0, 0);
    let opened = world.opens(&keeper.secret);
    assert_eq!(opened, BTreeSet::from([(SecretKind::Structure, 0)]));
}

#[test]
fn an_admin_whose_secrets_are_out_of_date_is_told_so() {
    let mut world = World::new();
    let vault = world.fresh();
    let mut stale = AdminAccess::unlock(&vault, world.owner.member, &world.owner.secret).unwrap();
    world.rotate(What::Keys, Which::All);
    let (vault, owner) = (&mut world.vault, &world.owner);
    let (what, which) = (What::Keys, Which::All);
    let refused = rotate(vault, owner, &mut stale, what, which, &world.entropy, &Noon);
    assert!(matches!(
        refused.err(),
        Some(AdminError::Missing { epoch: 1, .. })
    ));
}

/// Two admins who begin the same epoch: the second is told, and the next rotation makes all well.
#[test]
fn two_admins_who_rotate_at_once_are_told_and_rotate_again() {
    let mut world = World::new();
    let agent = world.appoint(Role::Agent, &[IMAGING]);
    let second = world.appoint(Role::Admin, &[]);
    let unlock = |vault: &Vault, admin: &Writer| {
        AdminAccess::unlock(vault, admin.member, &admin.secret).unwrap()
    };
    let second = writer(second);
    let mut stale = world.fresh();
    let mut access = unlock(&stale, &second);
    let (what, which) = (What::Ids, Which::All);
    let drawn = fresh(stale.head(), &access, what, which, &world.entropy).unwrap();
    world.rotate(what, which);
    let begun = begin(
        &mut stale,
        &second,
        &mut access,
        drawn,
        &world.entropy,
        &Noon,
    );
    assert!(matches!(begun.err(), Some(AdminError::Raced)));
    world.access = unlock(&world.fresh(), &world.owner);
    world.rotate(what, which);
    let vault = world.fresh();
    assert_eq!(vault.head().structure_key().unwrap().0, 2);
    assert!(
        crate::recover::test(&vault, &world.kit)
            .unwrap()
            .opens_all()
    );
    let id = world.id(IMAGING);
    let secrets = world.secrets(agent.member, &agent.secret);
    let keys = secrets.agent_keys(id).unwrap();
    let open = unlock(&vault, &second);
    let newest = &open.compartments[&id].epochs[&2];
    assert_eq!(keys.secret, newest.agent_secret(keys.group));
}

#[test]
fn a_member_who_is_appointed_while_keys_are_renewed_is_told_so() {
    let mut world = World::new();
    let second = world.appoint(Role::Admin, &[]);
    let mut stale = world.fresh();
    let mut access = AdminAccess::unlock(&stale, second.member, &second.secret).unwrap();
    let (what, which) = (What::Keys, Which::All);
    let drawn = fresh(stale.head(), &access, what, which, &world.entropy).unwrap();
    let reader = world.appoint(Role::Reader, &[IMAGING]);
    let second = writer(second);
    let begun = begin(
        &mut stale,
        &second,
        &mut access,
        drawn,
        &world.entropy,
        &Noon,
    );
    assert!(matches!(begun.err(), Some(AdminError::Raced)));
    assert_eq!(epochs(&world, IMAGING, &world.opens(&reader.secret)), [0]);
    world.access =
        AdminAccess::unlock(&world.fresh(), world.owner.member, &world.owner.secret).unwrap();
    world.rotate(what, which);
    assert_eq!(
        epochs(&world, IMAGING, &world.opens(&reader.secret)),
        [0, 2]
    );
}
