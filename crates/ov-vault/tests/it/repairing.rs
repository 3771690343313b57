//! Back from a copy; and what is done where no copy has it.

use std::collections::BTreeSet;
use std::sync::Arc;

use ov_format::name::ObjectName;
use ov_format::statement::Role;
use ov_store::{Memory, Store};
use ov_vault::check::Depth;
use ov_vault::copy::{Which, copy};
use ov_vault::{State, repair, rescan};

use crate::pruning::two_snapshots;
use crate::site::{Site, fork};

fn copied(site: &Site) -> Arc<Memory> {
    let to = Arc::new(Memory::new());
    copy(&mut site.vault(), to.clone(), &Which::All, &site.owner()).unwrap();
    to
}

fn heal(site: &Site, memory: &Arc<Memory>, copies: &[Arc<dyn Store>]) -> repair::RepairReport {
    let report = site.check(memory.clone());
    assert!(!report.is_clean());
    let mut vault = site.open(memory.clone());
    let plan = repair::plan(&mut vault, &site.owner(), &report, copies).unwrap();
    repair::apply(&mut vault, &site.owner(), &plan, copies).unwrap()
}

#[test]
fn whatever_a_copy_has_comes_back_whole() {
    let site = Site::new();
    let agent = site.appoint("agent", &[Role::Agent]);
    for n in 0..700u16 {
        std::fs::write(
            agent.data().join(format!("{n}")),
            n.to_le_bytes().repeat(500),
        )
        .unwrap();
    }
    site.backup(&agent);
    let wanted = two_snapshots(&site);
    let copy: Arc<dyn Store> = copied(&site);
    let objects = site.memory.snapshot();
    for name in objects.keys() {
        let opens = matches!(name, ObjectName::Target(_)) || name.hash().0 == site.id.0;
        let tip = match name {
            ObjectName::Record(record) => site.vault().logs().tips[&record.log].contains(record),
            _ => false,
        };
        if opens {
            continue;
        }
        let memory = fork(&site.memory);
        memory.tamper(name, |bytes| *bytes.last_mut().unwrap() ^= 1);
        heal(&site, &memory, std::slice::from_ref(&copy));
        assert_eq!(memory.snapshot(), objects, "{name} damaged");
        if !tip {
            memory.delete(name).unwrap();
            heal(&site, &memory, std::slice::from_ref(&copy));
            assert_eq!(memory.snapshot(), objects, "{name} gone");
        }
    }
    assert!(site.assert_whole(&site.memory).contains(&wanted[0]));
}

#[test]
fn the_first_record_comes_back_although_the_vault_cannot_be_opened() {
    let site = Site::new();
    two_snapshots(&site);
    let copy = copied(&site);
    let names = site.memory.snapshot().into_keys();
    let root = names
        .into_iter()
        .find(|name| name.hash().0 == site.id.0)
        .unwrap();
    site.memory.tamper(&root, |bytes| bytes[60] ^= 1);
    assert!(ov_vault::Vault::open(site.memory.clone(), site.id).is_err());
    repair::fetch_object(&site.memory, &copy, &root).unwrap();
    site.assert_whole(&site.memory);
}

#[test]
fn what_no_copy_has_is_told_by_snapshot_and_stored_again_by_the_next_backup() {
    let site = Site::new();
    let [first, second] = two_snapshots(&site);
    let pack = ObjectName::Pack(State::of(&site.vault()).commits[&second].packs[0].hash);
    site.memory.delete(&pack).unwrap();
    let report = site.check(site.memory.clone());
    let mut vault = site.vault();
    let plan = repair::plan(&mut vault, &site.owner(), &report, &[]).unwrap();
    assert_eq!(
        plan.lost.iter().map(|(name, _)| *name).collect::<Vec<_>>(),
        [second]
    );
    let done = repair::apply(&mut vault, &site.owner(), &plan, &[]).unwrap();
    assert!(done.condemned == 1 && done.frames_lost > 0, "{done:?}");
    site.owner.forget_state();
    let third = site.backup(&site.owner);
    site.forget(site.memory.clone(), &[second]).unwrap();
    assert_eq!(
        site.assert_whole(&site.memory),
        BTreeSet::from([first, third])
    );
}

#[test]
fn of_a_damaged_pack_what_can_be_read_is_moved() {
    let site = Site::new();
    let [first, second] = two_snapshots(&site);
    let pack = ObjectName::Pack(State::of(&site.vault()).commits[&first].packs[0].hash);
    site.memory.tamper(&pack, |bytes| {
        let at = bytes.len() / 2;
        bytes[at] ^= 1;
    });
    let done = heal(&site, &site.memory, &[]);
    assert!(done.frames_moved > 0 && done.condemned == 1, "{done:?}");
    let mut vault = site.vault();
    let report = ov_vault::accept::accept(&mut vault, &site.owner(), 0).unwrap();
    assert!(
        report.given_up.is_empty(),
        "damage makes nothing late: {report:?}"
    );
    let affected = site.check(site.memory.clone()).affected();
    assert!(
        affected.contains(&first) && !affected.contains(&second),
        "{affected:?}"
    );
    site.forget(site.memory.clone(), &[first]).unwrap();
    site.prune(site.memory.clone()).unwrap();
    assert_eq!(site.assert_whole(&site.memory), BTreeSet::from([second]));
}

#[test]
fn packs_whose_lists_are_lost_are_read_by_their_own_directories() {
    let site = Site::new();
    let [first, second] = two_snapshots(&site);
    // A commit whose list of places is a table is rare at this size: say the loss in words of
    // the graph, by a table that is gone.
    let agent = site.appoint("agent", &[Role::Agent]);
    for n in 0..1500u32 {
        let folder = agent.data().join(format!("{}", n % 700));
        std::fs::create_dir_all(&folder).unwrap();
        let bytes = crate::site::noise(u8::try_from(n % 251).unwrap(), 40 + n as usize);
        std::fs::write(folder.join(format!("{n}")), bytes).unwrap();
    }
    let theirs = site.backup(&agent);
    let tables = State::of(&site.vault()).commits[&theirs].tables.clone();
    assert!(!tables.is_empty());
    for table in tables {
        site.memory.delete(&ObjectName::Table(table.hash)).unwrap();
    }
    let report = site.check_to(site.memory.clone(), Depth::Objects);
    assert!(
        report.affected().contains(&theirs),
        "{:#?}",
        report.findings
    );
    assert!(!report.affected().contains(&first) && !report.affected().contains(&second));
    let found = rescan::rescan(&mut site.vault(), &site.owner()).unwrap();
    assert!(found.findings.is_empty(), "{found:?}");
}
