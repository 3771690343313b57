//! Second places.

use std::collections::BTreeSet;
use std::sync::Arc;

use ov_format::name::ObjectName;
use ov_format::statement::{Role, Statement};
use ov_store::{Memory, Store};
use ov_vault::copy::{CopyReport, Which, copy};
use ov_vault::state::Verdict;
use ov_vault::{State, VaultError};

use crate::pruning::two_snapshots;
use crate::site::{Site, packs};

fn run(site: &Site, to: &Arc<Memory>) -> Result<CopyReport, VaultError> {
    copy(&mut site.vault(), to.clone(), &Which::All, &site.owner())
}

#[test]
fn a_copy_is_complete_says_so_and_costs_nothing_again() {
    let site = Site::new();
    let agent = site.appoint("agent", &[Role::Agent]);
    agent.write("x", 40, 50_000);
    let theirs = site.backup(&agent);
    let both = two_snapshots(&site);
    let to = Arc::new(Memory::new());
    let report = run(&site, &to).unwrap();
    assert_eq!(report.accepted.len(), 3, "{report:?}");
    assert_eq!(
        site.assert_whole(&to),
        BTreeSet::from([both[0], both[1], theirs])
    );
    let state = State::of(&site.open(to.clone()));
    assert!(
        state
            .listed()
            .all(|commit| commit.verdict == Verdict::Accepted)
    );
    let before = to.snapshot();
    let again = run(&site, &to).unwrap();
    assert_eq!(
        (again.there, again.records, again.packs),
        (3, 0, 0),
        "{again:?}"
    );
    assert_eq!(to.snapshot(), before);
}

#[test]
fn records_that_are_torn_in_a_copy_are_put_again() {
    let site = Site::new();
    two_snapshots(&site);
    let to = Arc::new(Memory::new());
    run(&site, &to).unwrap();
    let (source, whole) = (site.memory.snapshot(), to.snapshot());
    for (name, bytes) in &whole {
        // The copy's own records are nowhere else.
        if !matches!(name, ObjectName::Record(_)) || !source.contains_key(name) {
            continue;
        }
        let mut flipped = bytes.clone();
        flipped[bytes.len() / 2] ^= 1;
        for torn in [bytes[..bytes.len() / 2].to_vec(), Vec::new(), flipped] {
            to.delete(name).unwrap();
            to.plant(*name, torn);
            run(&site, &to).unwrap();
            assert_eq!(to.snapshot(), whole, "{name}");
        }
    }
}

#[test]
fn named_snapshots_take_only_the_packs_that_they_need() {
    let site = Site::new();
    site.owner.write("a", 1, 1_000_000);
    let first = site.backup(&site.owner);
    site.owner.remove("a");
    site.owner.write("b", 2, 100_000);
    let second = site.backup(&site.owner);
    let to = Arc::new(Memory::new());
    let which = Which::Named(BTreeSet::from([second]));
    let report = copy(&mut site.vault(), to.clone(), &which, &site.owner()).unwrap();
    assert_eq!(report.accepted, [second]);
    assert_eq!(packs(&to).len(), 1);
    let report = site.check(to.clone());
    assert!(report.is_clean(), "{:#?}", report.findings);
    let state = State::of(&site.open(to));
    assert_eq!(
        state.commits[&first].verdict,
        Verdict::Open,
        "shown as not complete"
    );
}

#[test]
fn what_was_forgotten_stays_forgotten_on_both_sides() {
    let site = Site::new();
    let [first, second] = two_snapshots(&site);
    let to = Arc::new(Memory::new());
    run(&site, &to).unwrap();
    site.forget(site.memory.clone(), &[first]).unwrap();
    run(&site, &to).unwrap();
    assert_eq!(site.assert_whole(&to), BTreeSet::from([second]));
    let before = to.bytes();
    site.prune(to.clone()).unwrap();
    assert!(to.bytes() < before);
    site.assert_whole(&to);
    // Pruned there, then needed again: the condemned pack is not put again, its frames are.
    let report = run(&site, &to).unwrap();
    assert!(report.incomplete.is_empty(), "{report:?}");
    assert_eq!(site.assert_whole(&to), BTreeSet::from([second]));
}

#[test]
fn frames_of_a_pack_that_is_condemned_there_go_into_a_new_one() {
    let site = Site::new();
    site.owner.write("a", 1, 100_000);
    let name = site.backup(&site.owner);
    let to = Arc::new(Memory::new());
    run(&site, &to).unwrap();
    let mut there = site.open(to.clone());
    let pack = *packs(&to).first().unwrap();
    let condemned = ov_format::statement::Condemned {
        pack: pack.hash(),
        cause: ov_format::statement::Cause::Damage,
        drops: Some(Vec::new()),
    };
    let statement = Statement::Condemn(vec![condemned]);
    there
        .append(site.owner.writer(), &site.clock, statement, Vec::new(), &[])
        .unwrap();
    to.delete(&pack).unwrap();
    let report = run(&site, &to).unwrap();
    assert!(
        report.frames_moved > 0 && report.incomplete.is_empty(),
        "{report:?}"
    );
    assert!(!packs(&to).contains(&pack));
    assert_eq!(site.assert_frames(&to), BTreeSet::from([name]));
}

#[test]
fn a_gap_stops_the_copy_of_what_depends_on_it_and_says_so() {
    let site = Site::new();
    let agent = site.appoint("agent", &[Role::Agent]);
    agent.write("a", 1, 50_000);
    let first = site.backup(&agent);
    agent.write("b", 2, 50_000);
    let hidden = site.backup(&agent);
    agent.write("c", 3, 50_000);
    let last = site.backup(&agent);
    let record = ObjectName::Record(hidden);
    site.memory.delete(&record).unwrap();
    let to = Arc::new(Memory::new());
    let report = run(&site, &to).unwrap();
    assert_eq!(report.cut, [(hidden.log, hidden.number)]);
    assert_eq!(report.accepted, [first]);
    assert!(!to.snapshot().contains_key(&ObjectName::Record(last)));
    site.assert_whole(&to);
}

#[test]
fn another_vault_a_mixed_one_and_the_same_place_are_refused() {
    let site = Site::new();
    site.owner.write("a", 1, 1000);
    site.backup(&site.owner);
    let error = run(&site, &site.memory).unwrap_err();
    assert!(matches!(error, VaultError::SamePlace { .. }), "{error}");

    let entropy = ov_seal::entropy::SeededEntropy::new(99);
    let founding = ov_admin::found::Founding {
        compartments: vec!["other".to_owned()],
        owner: "other".to_owned(),
    };
    let other = Arc::new(Memory::new());
    ov_admin::found::init(other.clone(), founding, &entropy, &site.clock).unwrap();
    let before = other.snapshot();
    let error = run(&site, &other).unwrap_err();
    assert!(matches!(error, VaultError::OtherVault { .. }), "{error}");
    assert_eq!(other.snapshot(), before);

    let mixed = Arc::new(Memory::new());
    run(&site, &mixed).unwrap();
    for (name, bytes) in before
        .iter()
        .filter(|(name, _)| matches!(name, ObjectName::Record(_)))
    {
        mixed.plant(*name, bytes.clone());
    }
    let error = run(&site, &mixed).unwrap_err();
    assert!(matches!(error, VaultError::Foreign { .. }), "{error}");
}

#[test]
fn a_damaged_pack_of_the_source_is_not_spread() {
    let site = Site::new();
    let [first, _] = two_snapshots(&site);
    let to = Arc::new(Memory::new());
    let pack = State::of(&site.vault()).commits[&first].packs[0].hash;
    site.memory
        .tamper(&ObjectName::Pack(pack), |bytes| bytes[500_000] ^= 1);
    let report = run(&site, &to).unwrap();
    assert!(!packs(&to).contains(&ObjectName::Pack(pack)));
    assert!(!report.findings.is_empty());
    let complete: BTreeSet<_> = report.accepted.iter().copied().collect();
    let open: BTreeSet<_> = report.incomplete.iter().map(|(name, _)| *name).collect();
    assert!(open.contains(&first));
    assert_eq!(complete.union(&open).count(), 2);
}

#[test]
fn a_copy_is_as_good_a_source_as_the_first_place() {
    let site = Site::new();
    let agent = site.appoint("agent", &[Role::Agent]);
    agent.write("x", 40, 50_000);
    site.backup(&agent);
    two_snapshots(&site);
    let wanted = site.assert_whole(&site.memory);
    let (second, third) = (Arc::new(Memory::new()), Arc::new(Memory::new()));
    run(&site, &second).unwrap();
    let mut vault = site.open(second);
    copy(&mut vault, third.clone(), &Which::All, &site.owner()).unwrap();
    assert_eq!(site.assert_whole(&third), wanted);
}

#[test]
fn what_is_pruned_at_home_can_be_copied_and_pruned_on() {
    let site = Site::new();
    let [first, second] = two_snapshots(&site);
    let to = Arc::new(Memory::new());
    site.forget(site.memory.clone(), &[first]).unwrap();
    site.prune(site.memory.clone()).unwrap();
    let report = run(&site, &to).unwrap();
    assert!(report.incomplete.is_empty(), "{report:?}");
    site.owner.write("f", 6, 100_000);
    let third = site.backup(&site.owner);
    run(&site, &to).unwrap();
    assert_eq!(site.assert_whole(&to), BTreeSet::from([second, third]));
    site.prune(to.clone()).unwrap();
    assert_eq!(site.assert_whole(&to), BTreeSet::from([second, third]));
}

/// Two keepers begin a copy in one empty place at once, or one of them dies between naming it and
/// looking again.
#[test]
fn a_place_that_was_named_twice_is_settled_on_one_name() {
    let site = Site::new();
    two_snapshots(&site);
    let to = Arc::new(Memory::new());
    for random in [[1; 32], [2; 32]] {
        let bytes = ov_format::target::encode_target(&random);
        let hash = ov_format::id::ObjectHash(*blake3::hash(&bytes).as_bytes());
        to.put_new(&ObjectName::Target(hash), &bytes).unwrap();
    }
    let report = run(&site, &to).unwrap();
    assert_eq!(report.accepted.len(), 2, "{report:?}");
    assert_eq!(ov_vault::vault::target_identities(&*to).unwrap().len(), 1);
    assert_eq!(site.assert_whole(&to).len(), 2);
    assert_eq!(run(&site, &to).unwrap().records, 0);
}
