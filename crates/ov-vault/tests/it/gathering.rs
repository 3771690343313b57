//! Many runs of a few kilobytes each make many packs; a keeper gathers them.

use std::sync::Arc;

use ov_format::name::ObjectName;
use ov_format::statement::Role;
use ov_store::Store;
use ov_vault::prune::{self, PruneOptions};

use crate::site::{DAY, Site, fork, packs};

const RUNS: u16 = 300;

/// Runs that each store one small file more.
fn small_runs(site: &Site, runs: u16) {
    let mut vault = site.vault();
    for n in 0..runs {
        let seed = u8::try_from(n % 251).unwrap();
        site.owner
            .write(&format!("{n}"), seed, 700 + usize::from(n));
        site.backup_in(&mut vault, &site.owner).unwrap();
    }
}

fn pack_bytes(memory: &ov_store::Memory) -> u64 {
    let all = memory.snapshot().into_iter();
    let packs = all.filter(|(name, _)| matches!(name, ObjectName::Pack(_)));
    packs.map(|(_, bytes)| bytes.len() as u64).sum()
}

#[test]
fn packs_of_many_small_runs_become_as_many_as_their_bytes_need() {
    let site = Site::new();
    small_runs(&site, RUNS);
    let tables = |memory: &Arc<ov_store::Memory>| {
        let all = memory.snapshot().into_keys();
        all.filter(|name| matches!(name, ObjectName::Table(_)))
            .count()
    };
    // The founder's keys are tables; small runs make none.
    let (before, few) = (packs(&site.memory), tables(&site.memory));
    assert_eq!(before.len(), usize::from(RUNS));
    let report = site.prune(site.memory.clone()).unwrap();
    assert_eq!((report.condemned, report.deleted), (300, 300), "{report:?}");
    assert!(
        packs(&site.memory).len() <= 2,
        "{}",
        packs(&site.memory).len()
    );
    assert!(pack_bytes(&site.memory) < 300 * 64 * 1024 / 2);
    assert!(tables(&site.memory) <= few + 1);
    assert_eq!(site.assert_whole(&site.memory).len(), usize::from(RUNS));
    let again = site.prune(site.memory.clone()).unwrap();
    assert_eq!((again.condemned, again.deleted), (0, 0));
}

#[test]
fn a_prune_gathers_within_its_budget_and_the_next_goes_on() {
    let site = Site::new();
    small_runs(&site, 40);
    let mut vault = site.vault();
    let options = PruneOptions {
        gather_bytes_max: 20 * 64 * 1024,
        ..site.options(&vault)
    };
    let mut left = Vec::new();
    for _ in 0..3 {
        let plan = prune::plan(&mut vault, &site.owner(), &options).unwrap();
        prune::apply(&mut vault, &site.owner(), &plan).unwrap();
        left.push(packs(&site.memory).len());
    }
    assert!(left[0] >= 21 && left[0] < 40, "{left:?}");
    assert!(left[1] < left[0] && left[2] < 16, "{left:?}");
    assert_eq!(site.assert_whole(&site.memory).len(), 40);
}

#[test]
fn two_keepers_who_gather_at_once_lose_nothing() {
    let mut site = Site::new();
    let keeper = site.appoint("keeper", &[Role::Keeper]);
    small_runs(&site, 24);
    let start = site.memory.clone();
    for grace_seconds in [0, 7 * DAY] {
        site.memory = fork(&start);
        let (mut one, mut two) = (site.vault(), site.vault());
        let options = PruneOptions {
            grace_seconds,
            ..site.options(&one)
        };
        let keepers = [site.owner(), site.keeper(&keeper)];
        let plans = [
            prune::plan(&mut one, &keepers[0], &options).unwrap(),
            prune::plan(&mut two, &keepers[1], &options).unwrap(),
        ];
        prune::apply(&mut one, &keepers[0], &plans[0]).unwrap();
        site.assert_frames(&site.memory);
        prune::apply(&mut two, &keepers[1], &plans[1]).unwrap();
        site.assert_frames(&site.memory);
        for _ in 0..3 {
            site.clock.advance(grace_seconds + 1);
            for (vault, keeper) in [(&mut one, &keepers[0]), (&mut two, &keepers[1])] {
                let plan = prune::plan(vault, keeper, &options).unwrap();
                prune::apply(vault, keeper, &plan).unwrap();
                site.assert_frames(&site.memory);
            }
        }
        assert!(packs(&site.memory).len() < 16);
        assert_eq!(site.assert_whole(&site.memory).len(), 24);
    }
}

#[test]
fn a_gathering_that_dies_between_any_two_steps_loses_nothing() {
    let site = Site::new();
    small_runs(&site, 20);
    let start = site.memory.clone();
    for step in 0.. {
        let memory = fork(&start);
        let calls = std::sync::atomic::AtomicUsize::new(0);
        let store = ov_store::Flaky::new(memory.clone(), move |operation: &ov_store::Operation| {
            let past = operation.writes()
                && calls.fetch_add(1, std::sync::atomic::Ordering::Relaxed) >= step;
            past.then_some(ov_store::Fault::Stop)
        });
        let store: Arc<dyn Store> = Arc::new(store);
        let died = site.prune(store).is_err();
        site.assert_frames(&memory);
        site.prune(memory.clone()).unwrap();
        assert_eq!(site.assert_whole(&memory).len(), 20);
        assert!(packs(&memory).len() < 16);
        if !died {
            return;
        }
    }
}
