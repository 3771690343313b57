use std::collections::BTreeSet;

use ov_format::keys::SecretKind;

use super::*;
use crate::recover;
use crate::world::{IMAGING, Noon, World};

fn add(world: &mut World, name: &str) -> Result<CompartmentId, AdminError> {
    let (vault, access) = (&mut world.vault, &mut world.access);
    add_compartment(vault, &world.owner, access, name, &world.entropy, &Noon)
}

#[test]
fn a_new_compartment_is_for_admins_and_the_kit_alone() {
    let mut world = World::new();
    let reader = world.appoint(Role::Reader, &[IMAGING]);
    let before = world.opens(&reader.secret);
    let id = add(&mut world, "tumour board").unwrap();
    assert_eq!(world.opens(&reader.secret), before);
    assert_eq!(world.id("tumour board"), id);
    let secrets = world.secrets(world.owner.member, &world.owner.secret);
    assert_eq!(secrets.agent_keys(id).unwrap().name, "tumour board");
    let vault = world.fresh();
    let unlocked = AdminAccess::unlock(&vault, world.owner.member, &world.owner.secret).unwrap();
    assert_eq!(unlocked.find("tumour board").unwrap(), id);
    assert!(
        vault.head().members[&world.owner.member]
            .compartments
            .contains(&id)
    );
    assert!(recover::test(&vault, &world.kit).unwrap().opens_all());
    let kinds: BTreeSet<_> = world.opens(&world.kit.member()).into_iter().collect();
    assert!(kinds.contains(&(SecretKind::Compartment(id), 0)));
}

#[test]
fn a_name_is_used_once() {
    let mut world = World::new();
    let refused = add(&mut world, IMAGING).err();
    assert!(matches!(refused, Some(AdminError::NameTaken(_))));
    let refused = add(&mut world, "two\nlines").err();
    assert!(matches!(refused, Some(AdminError::BadName { .. })));
}
