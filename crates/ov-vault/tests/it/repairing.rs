//! Back from a copy; and what is done where no copy has it.

use std::collections::BTreeSet;
use std::sync::Arc;

use ov_format::audience::Audience;
use ov_format::id::ObjectHash;
use ov_format::list::ListRef;
use ov_format::name::{ObjectName, RecordName};
use ov_format::snapshot::Structure;
use ov_format::statement::{Role, Statement, StoredObject};
use ov_store::{Memory, Store};
use ov_vault::check::Depth;
use ov_vault::copy::{Which, copy};
use ov_vault::finding::nameless;
use ov_vault::section::{SealTo, open_section, seal_section};
use ov_vault::{State, hold, repair, rescan};

use crate::pruning::two_snapshots;
use crate::site::{Person, Site, fork};

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
    let agent = site.appoint("agent", &[Role::Agent]);
    agent.write("a", 1, 2_000_000);
    let original = site.backup(&agent);
    let name = lose_the_list_of_places(&site, &agent, original);
    ov_vault::accept::accept(&mut site.vault(), &site.owner(), 0).unwrap();
    let report = site.check_to(site.memory.clone(), Depth::Objects);
    assert_eq!(
        report.affected(),
        BTreeSet::from([name]),
        "{:#?}",
        report.findings
    );
    let error = site.prune(site.memory.clone()).unwrap_err();
    assert!(matches!(error, ov_vault::VaultError::Blocked(_)), "{error}");

    let found = rescan::rescan(&mut site.vault(), &site.owner()).unwrap();
    assert!(
        found.packs == 1 && found.frames > 0 && found.findings.is_empty(),
        "{found:?}"
    );
    assert_eq!(site.assert_frames(&site.memory), BTreeSet::from([name]));
    assert!(site.check(site.memory.clone()).affected().is_empty());
    let again = rescan::rescan(&mut site.vault(), &site.owner()).unwrap();
    assert_eq!(again.record, None);
}

/// Says a commit again with its places in a table, and loses that.
fn lose_the_list_of_places(site: &Site, agent: &Person, commit: RecordName) -> RecordName {
    let vault = site.vault();
    let mut record = vault.record(&commit).unwrap().record;
    let secrets = &site.owner.secrets;
    let open = |context: &_, head: &[u8]| secrets.open(context, head);
    let object = ObjectName::Record(commit);
    let at = record
        .sections
        .iter()
        .position(|one| one.audience == Audience::Structure)
        .unwrap();
    let member = commit.log.member;
    let old: Structure =
        open_section(&record.sections[at], object, site.id, member, &open).unwrap();
    let hash = ObjectHash(*blake3::hash(b"lost").as_bytes());
    let table = site
        .memory
        .put_new(&ObjectName::Table(hash), b"lost")
        .unwrap();
    let structure = Structure {
        placements: ListRef::Table { hash, length: 4 },
        ..old
    };
    let (epoch, key) = vault.head().structure_key().unwrap();
    let to = SealTo::Structure(epoch, &key);
    record.sections[at] = seal_section(&structure, to, site.id, member, &*site.entropy);
    let Statement::Commit { packs, .. } = record.statement else {
        panic!("a commit");
    };
    let mut durable = vec![table];
    for pack in &packs {
        let name = ObjectName::Pack(pack.hash);
        durable.push(ov_store::confirm(&*site.memory, &name, pack.length).unwrap());
    }
    let statement = Statement::Commit {
        packs,
        tables: vec![StoredObject { hash, length: 4 }],
        partial: false,
        accepted: None,
    };
    site.memory.delete(&object).unwrap();
    let mut vault = site.vault();
    let said = vault.append(
        agent.writer(),
        &site.clock,
        statement,
        record.sections,
        &durable,
    );
    site.memory.delete(&ObjectName::Table(hash)).unwrap();
    said.unwrap()
}

#[test]
fn a_record_that_no_copy_has_is_given_up_by_name_and_all_goes_on() {
    let site = Site::new();
    let keeper = site.appoint("keeper", &[Role::Keeper]);
    let agent = site.appoint("agent", &[Role::Agent]);
    for (name, seed) in [("a", 1), ("b", 2), ("c", 3)] {
        agent.write(name, seed, 1_200_000);
    }
    let first = site.backup(&agent);
    agent.remove("b");
    agent.remove("c");
    let second = site.backup(&agent);
    site.forget(site.memory.clone(), &[first]).unwrap();
    site.prune_as(site.memory.clone(), site.keeper(&keeper))
        .unwrap();
    // Where the frames that were moved lie now is said by the keeper's first record.
    let log = |site: &Site| site.vault().logs().tips.keys().copied().collect::<Vec<_>>();
    let of_keeper = log(&site)
        .into_iter()
        .find(|log| log.member == keeper.writer().member)
        .unwrap();
    let places = site.vault().logs().said[&of_keeper][0].name;
    site.memory
        .tamper(&ObjectName::Record(places), |bytes| bytes[200] ^= 1);

    agent.write("d", 4, 100_000);
    let unsure = site.try_backup(site.memory.clone(), &agent).unwrap_err();
    assert!(
        matches!(unsure, ov_backup::BackupError::KeepersUnread(_)),
        "{unsure}"
    );
    let error = site
        .prune_as(site.memory.clone(), site.keeper(&keeper))
        .unwrap_err();
    assert!(matches!(error, ov_vault::VaultError::Blocked(_)), "{error}");

    let report = site.check(site.memory.clone());
    let mut vault = site.vault();
    let plan = repair::plan(&mut vault, &site.keeper(&keeper), &report, &[]).unwrap();
    assert_eq!(
        plan.give_up_records,
        BTreeSet::from([nameless(places.log, places.number)])
    );
    let done = repair::apply(&mut vault, &site.keeper(&keeper), &plan, &[]).unwrap();
    assert_eq!(done.records_given_up, 1);

    let last = site.backup(&agent);
    site.prune_as(site.memory.clone(), site.keeper(&keeper))
        .unwrap();
    assert!(site.check(site.memory.clone()).is_clean());
    let all = site.assert_frames(&site.memory);
    assert!(all.contains(&second) && all.contains(&last), "{all:?}");
    let copy = copied(&site);
    assert_eq!(site.assert_frames(&copy), all);
}

#[test]
fn no_keeper_can_make_an_admins_record_not_missed() {
    let site = Site::new();
    let keeper = site.appoint("keeper", &[Role::Keeper]);
    let agent = site.appoint("agent", &[Role::Agent]);
    agent.write("a", 1, 200_000);
    let kept = site.backup(&agent);
    let snapshots = BTreeSet::from([kept]);
    let owner = site.owner.writer();
    let held = hold::add(&mut site.vault(), owner, &site.clock, &snapshots, "trial").unwrap();
    site.memory
        .tamper(&ObjectName::Record(held), |bytes| bytes[200] ^= 1);

    // A keeper with a program of its own, which does not ask whether it may.
    let given_up = nameless(held.log, held.number);
    let say = |person: &Person, names: Vec<RecordName>| {
        let statement = Statement::Forget(names);
        let mut vault = site.vault();
        vault
            .append(person.writer(), &site.clock, statement, Vec::new(), &[])
            .unwrap();
    };
    say(&keeper, vec![given_up, held]);
    let error = site
        .prune_as(site.memory.clone(), site.keeper(&keeper))
        .unwrap_err();
    assert!(matches!(error, ov_vault::VaultError::Blocked(_)), "{error}");
    assert!(!site.check(site.memory.clone()).is_clean());

    say(&site.owner, vec![given_up]);
    site.prune_as(site.memory.clone(), site.keeper(&keeper))
        .unwrap();
}
