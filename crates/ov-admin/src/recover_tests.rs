use ov_seal::entropy::SeededEntropy;
use ov_store::Store;

use super::*;
use crate::appoint::revoke;
use crate::compartment::add_compartment;
use crate::rotate::{What, Which};
use crate::world::{GENOMES, IMAGING, Noon, World, writer};

fn recovery(group: GroupChoice) -> Recovery {
    Recovery {
        owner: "Grace Hopper".into(),
        group,
    }
}

#[test]
fn the_kit_of_the_first_day_opens_everything_made_later_and_the_test_writes_nothing() {
    let mut world = World::new();
    world.rotate(What::Keys, Which::All);
    let (vault, access) = (&mut world.vault, &mut world.access);
    add_compartment(vault, &world.owner, access, "board", &world.entropy, &Noon).unwrap();
    world.rotate(What::Ids, Which::All);
    let before = world.store.snapshot();
    let report = test(&world.fresh(), &world.kit).unwrap();
    assert_eq!(report.keys.len(), 3 + 3 + 3 + 2);
    assert!(report.opens_all());
    let named = report.keys.iter().filter(|key| key.name.is_some());
    assert_eq!(named.count(), 8);
    assert_eq!(world.store.snapshot(), before);
}

#[test]
fn a_key_that_the_kit_does_not_open_is_named() {
    let mut world = World::new();
    let first = world.kit_tables();
    world.rotate(What::Keys, Which::All);
    for table in first {
        world.store.delete(&table).unwrap();
    }
    let report = test(&world.fresh(), &world.kit).unwrap();
    assert!(!report.opens_all());
    for key in &report.keys {
        let expected = match key.epoch {
            0 => KitState::Missing,
            _ => KitState::Opens,
        };
        assert_eq!(key.state, expected);
    }
}

#[test]
fn a_kit_of_another_vault_is_refused() {
    let world = World::new();
    let other = RecoveryKit::generate(&SeededEntropy::new(99));
    let refused = test(&world.vault, &other).err();
    assert!(matches!(refused, Some(AdminError::NotTheKit)));
    let refused = open(world.store.clone(), &other).err();
    assert!(matches!(refused, Some(AdminError::NotTheKit)));
    let refused = AdminAccess::unlock_with_kit(&world.vault, &other).err();
    assert!(matches!(refused, Some(AdminError::NotTheKit)));
}

#[test]
fn who_lost_all_keys_becomes_owner_again_with_the_words_on_paper() {
    let mut world = World::new();
    world.rotate(What::Ids, Which::All);
    let typed = world.kit.words().join(" ");
    let kit = RecoveryKit::parse(&typed).unwrap();
    let mut vault = open(world.store.clone(), &kit).unwrap();
    let lost = world.owner.member;
    let how = recovery(GroupChoice::Same(lost));
    let owner = recover(&mut vault, &kit, how, &world.entropy, &Noon).unwrap();
    assert_ne!(owner.record.log.member, lost);
    assert_eq!(owner.facts.roles, Role::ALL);
    let found = world.fresh();
    assert!(found.logs().findings.is_empty());
    assert!(found.logs().find(&owner.record).is_some());
    let access = AdminAccess::unlock(&found, owner.member, &owner.secret).unwrap();
    for name in [IMAGING, GENOMES] {
        let open = &access.compartments[&access.find(name).unwrap()];
        assert_eq!(open.epochs.len(), 2);
        let keys =
            |member, secret| world.secrets(member, secret).agent[&world.id(name)][&1].clone();
        let old = keys(lost, &world.owner.secret);
        assert_eq!(keys(owner.member, &owner.secret).secret, old.secret);
    }
}

#[test]
fn the_new_owner_can_revoke_the_old_one_and_shut_it_out() {
    let world = World::new();
    let mut vault = open(world.store.clone(), &world.kit).unwrap();
    let how = recovery(GroupChoice::New);
    let owner = recover(&mut vault, &world.kit, how, &world.entropy, &Noon).unwrap();
    let mut access = AdminAccess::unlock(&vault, owner.member, &owner.secret).unwrap();
    let owner = writer(owner);
    revoke(&mut vault, &owner, world.owner.member, &Noon).unwrap();
    let (what, which) = (What::Ids, Which::All);
    crate::rotate::rotate(
        &mut vault,
        &owner,
        &mut access,
        what,
        which,
        &world.entropy,
        &Noon,
    )
    .unwrap();
    let opened = world.opens(&world.owner.secret);
    assert!(opened.iter().all(|(_, epoch)| *epoch == 0));
    let found = world.fresh();
    assert!(found.head().member(world.owner.member).is_err());
    assert!(found.head().member(owner.member).is_ok());
    assert!(test(&found, &world.kit).unwrap().opens_all());
}
