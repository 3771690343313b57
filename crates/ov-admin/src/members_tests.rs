use ov_seal::segment::SegmentError;

use super::*;
use crate::appoint::revoke;
use crate::found::KIT_NAME;
use crate::rotate::{What, Which};
use crate::world::{IMAGING, Noon, OWNER, World};

#[test]
fn people_with_the_structure_key_see_who_there_is() {
    let mut world = World::new();
    let agent = world.appoint(Role::Agent, &[IMAGING]);
    world.rotate(What::Keys, Which::All);
    let keeper = world.appoint(Role::Keeper, &[]);
    revoke(&mut world.vault, &world.owner, agent.member, &Noon).unwrap();
    let secrets = world.secrets(keeper.member, &keeper.secret);
    let listed = list(&world.fresh(), &|context, head| secrets.open(context, head)).unwrap();
    let shown = |name: &str| {
        let mut found = listed
            .iter()
            .filter(|info| info.name.as_deref() == Some(name));
        found.next().map(|info| info.standing)
    };
    assert_eq!(listed.len(), 4);
    assert_eq!(shown(OWNER), Some(Standing::Member));
    assert_eq!(shown(KIT_NAME), Some(Standing::RecoveryKit));
    assert_eq!(shown("a new agent"), Some(Standing::Revoked));
    assert_eq!(shown("a new keeper"), Some(Standing::Member));
    let by_admin = list(&world.vault, &|context, head| {
        world.access.open(context, head)
    });
    assert!(by_admin.unwrap() == listed);
}

#[test]
fn who_has_no_structure_key_sees_members_without_names() {
    let world = World::new();
    let listed = list(&world.fresh(), &|_, _| Err(SegmentError::NoSlot)).unwrap();
    assert_eq!(listed.len(), 2);
    assert!(listed.iter().all(|info| info.name.is_none()));
}
