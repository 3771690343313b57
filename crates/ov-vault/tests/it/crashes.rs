//! Whatever operation a keeper dies at, the next one finishes, and nothing is lost.

use std::collections::BTreeSet;
use std::sync::Arc;

use ov_store::faulty::nth_where;
use ov_store::{Fault, Flaky, Memory, Operation, Store};
use ov_vault::VaultError;
use ov_vault::copy::{Which, copy};

use crate::pruning::two_snapshots;
use crate::site::{Site, fork};

/// Runs `work` on forks of a site, dying at each operation in turn, before and after it is done.
/// Operations that only read are one and the same death, so one of eight is tried.
fn die_everywhere(
    site: &Site,
    work: &dyn Fn(Arc<dyn Store>) -> Result<(), VaultError>,
    after: &dyn Fn(&Arc<Memory>),
) -> u64 {
    let writes = |operation: &Operation| operation.writes();
    let mut deaths = 0;
    for fault in [Fault::Stop, Fault::StopAfter] {
        for (step, writing) in [(1, true), (8, false)] {
            for n in (0..).step_by(step) {
                let memory = fork(&site.memory);
                let takes = move |operation: &Operation| writes(operation) == writing;
                let store = Arc::new(Flaky::new(memory.clone(), nth_where(n, takes, fault)));
                let died = work(store.clone()).is_err();
                assert_eq!(died, store.stopped(), "{fault:?} at {n}");
                after(&memory);
                if !died {
                    break;
                }
                deaths += 1;
            }
        }
    }
    deaths
}

#[test]
fn a_prune_that_dies_anywhere_is_finished_by_the_next() {
    let site = Site::new();
    let [first, second] = two_snapshots(&site);
    site.forget(site.memory.clone(), &[first]).unwrap();
    let bytes = {
        let memory = fork(&site.memory);
        site.prune(memory.clone()).unwrap();
        memory.bytes()
    };
    let deaths = die_everywhere(&site, &|store| site.prune(store).map(|_| ()), &|memory| {
        assert_eq!(site.assert_frames(memory), BTreeSet::from([second]));
        site.prune(memory.clone()).unwrap();
        assert_eq!(site.assert_whole(memory), BTreeSet::from([second]));
        // Records of the dead run remain, and nothing larger.
        assert!(
            memory.bytes() < bytes + 200_000,
            "{} {bytes}",
            memory.bytes()
        );
    });
    assert!(deaths > 12, "{deaths}");
}

#[test]
fn a_forget_that_dies_anywhere_is_done_or_not() {
    let site = Site::new();
    let [first, second] = two_snapshots(&site);
    die_everywhere(&site, &|store| site.forget(store, &[first]), &|memory| {
        let left = site.assert_whole(memory);
        assert!(left.contains(&second) && left.is_subset(&BTreeSet::from([first, second])));
    });
}

#[test]
fn an_accept_that_dies_anywhere_is_done_by_the_next() {
    let site = Site::new();
    let agent = site.appoint("agent", &[ov_format::statement::Role::Agent]);
    agent.write("a", 9, 100_000);
    let name = site.backup(&agent);
    let accept = |store: Arc<dyn Store>| {
        let mut vault = ov_vault::Vault::open(store, site.id)?;
        ov_vault::accept::accept(&mut vault, &site.owner(), 0)
    };
    die_everywhere(&site, &|store| accept(store).map(|_| ()), &|memory| {
        accept(memory.clone()).unwrap();
        let state = ov_vault::State::of(&site.open(memory.clone()));
        assert_eq!(
            state.commits[&name].verdict,
            ov_vault::state::Verdict::Accepted
        );
        assert!(accept(memory.clone()).unwrap().accepted.is_empty());
        site.assert_whole(memory);
    });
}

#[test]
fn a_copy_that_dies_anywhere_is_finished_by_the_next() {
    let site = Site::new();
    let agent = site.appoint("agent", &[ov_format::statement::Role::Agent]);
    agent.write("a", 9, 100_000);
    site.backup(&agent);
    let [first, _] = two_snapshots(&site);
    site.forget(site.memory.clone(), &[first]).unwrap();
    let wanted = site.assert_whole(&site.memory);
    let run = |to: Arc<dyn Store>| {
        let mut vault = site.vault();
        copy(&mut vault, to, &Which::All, &site.owner())
    };
    for fault in [Fault::Stop, Fault::StopAfter] {
        for n in 0.. {
            let memory = Arc::new(Memory::new());
            let writes = |operation: &Operation| operation.writes();
            let store = Arc::new(Flaky::new(memory.clone(), nth_where(n, writes, fault)));
            let died = run(store.clone()).is_err();
            assert_eq!(died, store.stopped());
            let report = run(memory.clone()).unwrap();
            assert!(report.incomplete.is_empty(), "{report:?}");
            assert_eq!(site.assert_whole(&memory), wanted, "{fault:?} at {n}");
            if !died {
                break;
            }
        }
    }
}
