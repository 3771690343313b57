//! Damage of every kind is named, with what it touches.

use std::collections::BTreeSet;
use std::sync::Arc;

use ov_format::name::ObjectName;
use ov_format::statement::Role;
use ov_store::{Memory, Recording, Store};
use ov_vault::check::{CheckReport, Checking, Depth, check};
use ov_vault::{Finding, Silence, VaultError};

use crate::pruning::two_snapshots;
use crate::site::{DAY, Site, fork};

/// A site with packs, tables, records of two members, and something condemned and deleted.
fn busy() -> Site {
    let site = Site::new();
    let agent = site.appoint("agent", &[Role::Agent]);
    for n in 0..700u16 {
        let bytes = crate::site::noise(u8::try_from(n % 251).unwrap(), usize::from(n) + 4000);
        std::fs::write(agent.data().join(format!("{n}")), bytes).unwrap();
    }
    site.backup(&agent);
    let [first, _] = two_snapshots(&site);
    ov_vault::accept::accept(&mut site.vault(), &site.owner(), 0).unwrap();
    site.forget(site.memory.clone(), &[first]).unwrap();
    site.prune(site.memory.clone()).unwrap();
    site.assert_whole(&site.memory);
    site
}

fn try_check(site: &Site, memory: &Arc<Memory>) -> Result<CheckReport, VaultError> {
    let mut vault = ov_vault::Vault::open(memory.clone(), site.id)?;
    let checking = Checking {
        secrets: Some(&site.owner.secrets),
        clock: &site.clock,
        monitor: &Silence,
        verified: None,
    };
    check(&mut vault, &checking, Depth::Read)
}

fn names(finding: &Finding) -> Option<ObjectName> {
    match finding {
        Finding::Damaged(name)
        | Finding::Missing(name)
        | Finding::Length(name)
        | Finding::Unreadable(name, _)
        | Finding::Sealed(name, _) => Some(*name),
        _ => None,
    }
}

fn is_named(outcome: &Result<CheckReport, VaultError>, name: &ObjectName) -> bool {
    match outcome {
        Ok(report) => report.findings.iter().any(|found| {
            let gap = match (&found.finding, name) {
                (Finding::Gap(log, number), ObjectName::Record(record)) => {
                    *log == record.log && *number == record.number
                }
                (Finding::NoIdentity, ObjectName::Target(_)) => true,
                _ => false,
            };
            gap || names(&found.finding) == Some(*name)
        }),
        // The first record and the identity are needed to open anything at all.
        Err(error) => error.to_string().contains(&name.to_string()) || is_opening(error),
    }
}

fn is_opening(error: &VaultError) -> bool {
    matches!(
        error,
        VaultError::NoVault { .. } | VaultError::OtherVault { .. } | VaultError::Identity { .. }
    )
}

#[test]
fn every_object_damaged_in_any_region_is_named() {
    let site = busy();
    let objects = site.memory.snapshot();
    let kind = |name: &ObjectName| name.to_string().split('/').next().unwrap().to_owned();
    let kinds: BTreeSet<_> = objects.keys().map(kind).collect();
    assert_eq!(
        kinds.into_iter().collect::<Vec<_>>(),
        ["log", "pack", "table", "target"]
    );
    for (name, bytes) in &objects {
        let last = bytes.len() - 1;
        for at in [0, 10, 44, last / 4, last / 2, last - 5, last] {
            let memory = fork(&site.memory);
            memory.tamper(name, |bytes| bytes[at] ^= 0x10);
            assert!(is_named(&try_check(&site, &memory), name), "{name} at {at}");
        }
        let memory = fork(&site.memory);
        memory.tamper(name, |bytes| bytes.truncate(last / 2));
        assert!(is_named(&try_check(&site, &memory), name), "{name} cut");
    }
}

#[test]
fn every_object_that_is_gone_is_named_unless_nothing_can_know_of_it() {
    let site = busy();
    for name in site.memory.snapshot().keys() {
        let memory = fork(&site.memory);
        memory.delete(name).unwrap();
        let tip = match name {
            ObjectName::Record(record) => site.vault().logs().tips[&record.log].contains(record),
            _ => false,
        };
        let outcome = try_check(&site, &memory);
        // The newest record of a log has nothing behind it that would show its absence.
        assert!(tip || is_named(&outcome, name), "{name}: {outcome:?}");
    }
}

#[test]
fn two_objects_that_changed_places_are_both_named() {
    let site = busy();
    let objects = site.memory.snapshot();
    let packs: Vec<_> = crate::site::packs(&site.memory).into_iter().collect();
    let memory = fork(&site.memory);
    memory.plant(packs[0], objects[&packs[1]].clone());
    memory.plant(packs[1], objects[&packs[0]].clone());
    let outcome = try_check(&site, &memory);
    assert!(is_named(&outcome, &packs[0]) && is_named(&outcome, &packs[1]));
}

#[test]
fn damage_names_the_snapshots_that_it_touches_and_no_others() {
    let site = Site::new();
    let [first, second] = two_snapshots(&site);
    let packs = crate::site::packs(&site.memory);
    let of = |commit: ov_format::name::RecordName| {
        let state = ov_vault::State::of(&site.vault());
        ObjectName::Pack(state.commits[&commit].packs[0].hash)
    };
    assert!(packs.contains(&of(first)) && packs.contains(&of(second)));
    let memory = fork(&site.memory);
    memory.delete(&of(second)).unwrap();
    let report = try_check(&site, &memory).unwrap();
    assert_eq!(report.affected(), BTreeSet::from([second]));
    let memory = fork(&site.memory);
    memory.delete(&of(first)).unwrap();
    let report = try_check(&site, &memory).unwrap();
    assert_eq!(
        report.affected(),
        BTreeSet::from([first, second]),
        "they share a file"
    );
}

#[test]
fn without_keys_damage_is_found_but_not_whom_it_touches() {
    let site = busy();
    let pack = *crate::site::packs(&site.memory).first().unwrap();
    site.memory.tamper(&pack, |bytes| bytes[1000] ^= 1);
    let checking = Checking {
        secrets: None,
        clock: &site.clock,
        monitor: &Silence,
        verified: None,
    };
    let report = check(&mut site.vault(), &checking, Depth::Read).unwrap();
    let found: Vec<_> = report.findings.iter().map(|found| &found.finding).collect();
    assert_eq!(found, [&Finding::Damaged(pack)]);
    let report = check(&mut site.vault(), &checking, Depth::Objects).unwrap();
    assert!(report.is_clean() && report.bytes_read == 0);
}

#[test]
fn shares_and_ages_read_every_pack_in_turn() {
    let site = busy();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("verified");
    let checking = Checking {
        secrets: Some(&site.owner.secrets),
        clock: &site.clock,
        monitor: &Silence,
        verified: Some(&file),
    };
    let store = Arc::new(Recording::new(site.memory.clone()));
    let mut vault = site.open(store.clone());
    let mut read = BTreeSet::new();
    let packs = crate::site::packs(&site.memory);
    for _ in &packs {
        store.take();
        site.clock.advance(60);
        check(&mut vault, &checking, Depth::ReadShare(1)).unwrap();
        let calls = store.take().into_iter().filter_map(|call| call.name());
        read.extend(calls.filter(|name| packs.contains(name)));
    }
    assert_eq!(read, packs, "one percent at a time, each pack once");
    let age = |seconds| check(&mut site.vault(), &checking, Depth::OlderThan(seconds)).unwrap();
    assert_eq!(age(3600).packs_read, 0);
    site.clock.advance(DAY);
    assert_eq!(age(3600).packs_read, packs.len() as u64);
}
