use std::sync::Arc;

use ov_seal::entropy::SeededEntropy;
use ov_seal::keyfile::{KeyFile, Wrap};
use ov_store::faulty::nth_where;
use ov_store::{Fault, Flaky, Memory, Operation};
use ov_vault::VaultError;
use ov_vault::secrets::Secrets;
use ov_vault::vault::find_vault;

use super::*;
use crate::recover;
use crate::world::{GENOMES, IMAGING, Noon, OWNER, World, founding};

fn init_at(store: Arc<dyn Store>, options: Founding) -> Result<Founded, AdminError> {
    init(store, options, &SeededEntropy::new(3), &Noon)
}

#[test]
fn the_owner_of_a_new_vault_opens_all_of_it() {
    let world = World::new();
    let vault = world.fresh();
    assert!(vault.logs().findings.is_empty());
    let secrets = world.secrets(world.owner.member, &world.owner.secret);
    assert_eq!(secrets.structure.len(), 1);
    for name in [IMAGING, GENOMES] {
        let keys = secrets.agent_keys(world.id(name)).unwrap();
        assert_eq!((keys.name.as_str(), keys.epoch), (name, 0));
        let epochs = &world.access.compartments[&world.id(name)].epochs;
        assert_eq!(keys.secret, epochs[&0].agent_secret(keys.group));
    }
    assert_eq!(find_vault(&*world.store).unwrap(), vault.id());
}

#[test]
fn the_owners_key_file_vouches_for_the_vault() {
    let world = World::new();
    let (facts, secret) = (world.facts.clone(), &world.owner.secret);
    let file = KeyFile::new(facts, secret, Wrap::None, &world.entropy).unwrap();
    let read = KeyFile::parse(&file.text()).unwrap();
    assert_eq!(read.facts(), &world.facts);
    let member = read.unlock(None).unwrap();
    let vault = Vault::open(world.store.clone(), read.facts().vault).unwrap();
    assert!(vault.logs().find(&read.facts().root).is_some());
    assert!(vault.logs().find(&read.facts().head).is_some());
    AdminAccess::unlock(&vault, read.facts().member, &member).unwrap();
}

#[test]
fn no_name_of_a_person_or_compartment_can_be_read_at_the_target() {
    let world = World::new();
    for (name, bytes) in world.store.snapshot() {
        for secret in [OWNER, IMAGING, GENOMES, KIT_NAME] {
            let secret = secret.as_bytes();
            let seen = bytes.windows(secret.len()).any(|window| window == secret);
            assert!(!seen, "{name}");
        }
    }
}

#[test]
fn a_second_vault_in_one_place_is_refused_and_the_first_stays_as_it_is() {
    let world = World::new();
    let before = world.store.snapshot();
    let second = init_at(world.store.clone(), founding());
    assert!(matches!(
        second.err(),
        Some(AdminError::AlreadyAVault { .. })
    ));
    assert_eq!(world.store.snapshot(), before);
}

#[test]
fn what_is_left_of_a_vault_that_lost_its_logs_is_not_built_over() {
    let store = Memory::new();
    let pack = ObjectName::Pack(ObjectHash(*blake3::hash(b"pack").as_bytes()));
    store.plant(pack, b"pack".to_vec());
    let second = init_at(Arc::new(store), founding());
    assert!(matches!(
        second.err(),
        Some(AdminError::AlreadyAVault { .. })
    ));
}

/// Four objects are written. Whichever write fails, before or after it is done, the next set-up
/// finds an empty place, a vault, or something that says what it is.
#[test]
fn wherever_a_set_up_dies_the_next_one_says_what_is_left() {
    for put in 0..4 {
        for fault in [Fault::Stop, Fault::StopAfter] {
            let script = nth_where(put, Operation::writes, fault);
            let store = Arc::new(Flaky::new(Memory::new(), script));
            let died = init_at(store.clone(), founding());
            assert!(matches!(
                died.err(),
                Some(AdminError::Store(_) | AdminError::Vault(VaultError::Store(_)))
            ));
            store.revive();
            let next = init_at(store.clone(), founding());
            match (put, fault) {
                (0, Fault::Stop) => drop(next.unwrap()),
                (3, Fault::StopAfter) => {
                    assert!(matches!(next.err(), Some(AdminError::AlreadyAVault { .. })));
                }
                _ => {
                    let error = next.err().unwrap();
                    assert!(
                        matches!(error, AdminError::Unfinished { .. }),
                        "{put} {fault:?}"
                    );
                    assert!(error.to_string().contains("empty the place"));
                }
            }
        }
    }
}

#[test]
fn a_set_up_makes_four_writes_in_an_order_that_leaves_no_vault_without_keys() {
    let store = Arc::new(ov_store::Recording::new(Memory::new()));
    init_at(store.clone(), founding()).unwrap();
    let written: Vec<_> = store
        .calls()
        .into_iter()
        .filter(Operation::writes)
        .filter_map(|call| call.name())
        .collect();
    assert!(matches!(
        written[..],
        [
            ObjectName::Target(_),
            ObjectName::Record(RecordName { number: 0, .. }),
            ObjectName::Table(_),
            ObjectName::Record(RecordName { number: 1, .. }),
        ]
    ));
}

#[test]
fn an_unfinished_set_up_opens_for_nobody() {
    let script = nth_where(2, Operation::writes, Fault::Stop);
    let store = Arc::new(Flaky::new(Memory::new(), script));
    assert!(init_at(store.clone(), founding()).is_err());
    store.revive();
    let vault = Vault::open(store.clone(), find_vault(&*store).unwrap()).unwrap();
    let missing = vault.head().structure_key().err();
    assert!(matches!(missing, Some(VaultError::NoKey(_))));
    let nobody = MemberSecret::generate(&SeededEntropy::new(8));
    let (id, head) = (vault.id(), vault.head());
    let secrets = Secrets::unlock(&*store, id, head, MemberId([0; 8]), &nobody).unwrap();
    assert!(secrets.structure.is_empty() && secrets.agent.is_empty());
}

#[test]
fn names_that_cannot_be_shown_or_told_apart_are_refused_before_anything_is_written() {
    let store = Arc::new(Memory::new());
    for (owner, compartments) in [
        ("", vec![IMAGING]),
        ("Ada\nAdmin", vec![IMAGING]),
        (OWNER, vec![""]),
        (OWNER, vec![IMAGING, IMAGING]),
    ] {
        let options = Founding {
            owner: owner.into(),
            compartments: compartments.into_iter().map(String::from).collect(),
        };
        let refused = init_at(store.clone(), options).err();
        assert!(matches!(
            refused,
            Some(AdminError::BadName { .. } | AdminError::NameTaken(_))
        ));
    }
    assert!(store.snapshot().is_empty());
}

#[test]
fn the_kit_opens_a_new_vault_at_once() {
    let world = World::new();
    let report = recover::test(&world.fresh(), &world.kit).unwrap();
    assert_eq!(report.keys.len(), 3);
    assert!(report.opens_all());
}
