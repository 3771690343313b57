//! Forgetting and pruning free space, and nothing that is needed.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};

use ov_format::name::ObjectName;
use ov_format::statement::Role;
use ov_store::{Flaky, Operation, Store};
use ov_vault::prune::{Lists, PruneOptions, Timeless};
use ov_vault::{Finding, State, Vault, VaultError};

use crate::site::{DAY, Site, packs};

const FILE: usize = 1_200_000;

/// Two snapshots that share one file of four.
pub fn two_snapshots(site: &Site) -> [ov_format::name::RecordName; 2] {
    for (name, seed) in [("a", 1), ("b", 2), ("c", 3), ("d", 4)] {
        site.owner.write(name, seed, FILE);
    }
    let first = site.backup(&site.owner);
    for name in ["b", "c", "d"] {
        site.owner.remove(name);
    }
    site.owner.write("e", 5, FILE);
    [first, site.backup(&site.owner)]
}

#[test]
fn forget_and_prune_free_what_no_snapshot_needs_and_nothing_else() {
    let site = Site::new();
    let [first, second] = two_snapshots(&site);
    let before = site.memory.bytes();
    site.forget(site.memory.clone(), &[first]).unwrap();
    let report = site.prune(site.memory.clone()).unwrap();
    assert!(report.deleted >= 1 && report.copied_bytes > 0, "{report:?}");
    let freed = before - site.memory.bytes();
    assert!(freed > 2 * FILE as u64, "{freed} bytes freed: {report:?}");
    let left = site.assert_whole(&site.memory);
    assert_eq!(left.into_iter().collect::<Vec<_>>(), [second]);
}

#[test]
fn a_second_prune_finds_nothing_to_do() {
    let site = Site::new();
    let [first, _] = two_snapshots(&site);
    site.forget(site.memory.clone(), &[first]).unwrap();
    site.prune(site.memory.clone()).unwrap();
    let mut vault = site.vault();
    let options = site.options(&vault);
    let plan = ov_vault::prune::plan(&mut vault, &site.owner(), &options).unwrap();
    assert!(plan.is_empty(), "{plan:?}");
    let records = vault.logs().all().count();
    site.prune(site.memory.clone()).unwrap();
    assert_eq!(site.vault().logs().all().count(), records);
}

#[test]
fn what_all_snapshots_use_stays() {
    let site = Site::new();
    two_snapshots(&site);
    let before = site.memory.snapshot();
    let report = site.prune(site.memory.clone()).unwrap();
    assert_eq!((report.condemned, report.deleted), (0, 0));
    assert_eq!(site.memory.snapshot(), before);
}

#[test]
fn with_a_grace_one_prune_condemns_and_a_later_one_deletes() {
    let site = Site::new();
    let [first, _] = two_snapshots(&site);
    site.appoint("another", &[Role::Agent]);
    site.forget(site.memory.clone(), &[first]).unwrap();
    let mut vault = site.vault();
    let options = PruneOptions::usual(&vault, Lists::AtOnce);
    assert_eq!(options.grace_seconds, 7 * DAY, "two members write");
    let run = |vault: &mut Vault| {
        let plan = ov_vault::prune::plan(vault, &site.owner(), &options).unwrap();
        ov_vault::prune::apply(vault, &site.owner(), &plan).unwrap()
    };
    let report = run(&mut vault);
    assert!(
        report.condemned > 0 && report.deleted == 0 && report.waiting > 0,
        "{report:?}"
    );
    site.clock.advance(6 * DAY);
    assert_eq!(run(&mut vault).deleted, 0);
    site.clock.advance(DAY + 1);
    assert!(run(&mut vault).deleted > 0);
    site.assert_whole(&site.memory);
}

#[test]
fn a_condemn_whose_put_hung_for_longer_than_the_grace_does_not_cut_the_grace_short() {
    let site = Site::new();
    let [first, _] = two_snapshots(&site);
    site.appoint("another", &[Role::Agent]);
    site.forget(site.memory.clone(), &[first]).unwrap();
    let (clock, records) = (site.clock.clone(), AtomicU8::new(0));
    // First the places of what was moved, then the condemn: this one hangs.
    let slow = Flaky::new(site.memory.clone(), move |operation: &Operation| {
        let record = matches!(operation.name(), Some(ObjectName::Record(_)));
        if operation.writes() && record && records.fetch_add(1, Ordering::Relaxed) == 1 {
            clock.advance(8 * DAY);
        }
        None
    });
    let mut vault = site.open(Arc::new(slow));
    let options = PruneOptions::usual(&vault, Lists::Late);
    let run = |vault: &mut Vault| {
        let plan = ov_vault::prune::plan(vault, &site.owner(), &options).unwrap();
        ov_vault::prune::apply(vault, &site.owner(), &plan).unwrap()
    };
    assert!(run(&mut vault).condemned > 0);
    let mut later = site.vault();
    assert_eq!(run(&mut later).deleted, 0, "its agent may be at work yet");
    site.clock.advance(7 * DAY + 1);
    assert!(run(&mut later).deleted > 0);
    site.assert_whole(&site.memory);
}

#[test]
fn packs_and_tables_of_dead_runs_go_when_they_are_old() {
    let site = Site::new();
    site.owner.write("a", 1, FILE);
    let store = Flaky::new(site.memory.clone(), |operation: &Operation| {
        let record = matches!(operation.name(), Some(ObjectName::Record(_)));
        (operation.writes() && record).then_some(ov_store::Fault::Stop)
    });
    site.try_backup(Arc::new(store), &site.owner).unwrap_err();
    assert_eq!(packs(&site.memory).len(), 1);
    let mut vault = site.vault();
    let young = PruneOptions {
        timeless: Timeless::Young,
        ..site.options(&vault)
    };
    let plan = ov_vault::prune::plan(&mut vault, &site.owner(), &young).unwrap();
    assert!(plan.going.is_empty() && plan.waiting == 1, "{plan:?}");
    site.prune(site.memory.clone()).unwrap();
    assert_eq!(packs(&site.memory).len(), 0);
    // The dead run's chunks are not used: the next run stores them again.
    site.backup(&site.owner);
    site.assert_whole(&site.memory);
}

#[test]
fn nothing_is_deleted_while_a_record_is_hidden_or_damaged() {
    let site = Site::new();
    let [first, second] = two_snapshots(&site);
    site.forget(site.memory.clone(), &[first]).unwrap();
    let name = ObjectName::Record(second);
    site.memory.tamper(&name, |bytes| bytes[100] ^= 1);
    let before = packs(&site.memory);
    let error = site.prune(site.memory.clone()).unwrap_err();
    assert!(matches!(error, VaultError::Blocked(_)), "{error}");
    site.memory.delete(&name).unwrap();
    let error = site.prune(site.memory.clone()).unwrap_err();
    assert!(matches!(error, VaultError::Blocked(_)), "{error}");
    assert_eq!(packs(&site.memory), before);
}

#[test]
fn what_a_forgotten_snapshot_published_stays_while_its_record_is_damaged() {
    let site = Site::new();
    let [first, second] = two_snapshots(&site);
    site.forget(site.memory.clone(), &[first]).unwrap();
    let name = ObjectName::Record(first);
    site.memory.tamper(&name, |bytes| bytes[100] ^= 1);
    let before = packs(&site.memory);
    // Whether it stops or does what it can, it knows nothing of those packs.
    let _ = site.prune(site.memory.clone());
    assert_eq!(packs(&site.memory), before);
    site.memory.tamper(&name, |bytes| bytes[100] ^= 1);
    let left = site.assert_whole(&site.memory);
    assert_eq!(left.into_iter().collect::<Vec<_>>(), [second]);
}

#[test]
fn a_copy_that_does_not_hold_what_it_should_is_not_relied_on() {
    let site = Site::new();
    let [first, second] = two_snapshots(&site);
    // With a grace the used frames are copied, and the old pack stays for now.
    let mut vault = site.vault();
    let options = PruneOptions {
        grace_seconds: 7 * DAY,
        ..site.options(&vault)
    };
    site.forget(site.memory.clone(), &[first]).unwrap();
    let before = packs(&site.memory);
    let plan = ov_vault::prune::plan(&mut vault, &site.owner(), &options).unwrap();
    ov_vault::prune::apply(&mut vault, &site.owner(), &plan).unwrap();
    let new: Vec<_> = packs(&site.memory).difference(&before).copied().collect();
    assert_eq!(new.len(), 1);
    site.memory.tamper(&new[0], |bytes| bytes[200_000] ^= 1);
    site.clock.advance(8 * DAY);
    let report = ov_vault::prune::apply(&mut vault, &site.owner(), &plan).unwrap();
    assert!(report.rescued_frames > 0, "{report:?}");
    assert_eq!(
        site.assert_frames(&site.memory)
            .into_iter()
            .collect::<Vec<_>>(),
        [second]
    );
}

/// A site where the chunks of "a" are used by no snapshot any more, but are in a pack still, and
/// the owner is about to back "a" up again.
fn unused_but_wanted() -> (Site, crate::site::Person) {
    let site = Site::new();
    site.owner.write("a", 1, FILE);
    let first = site.backup(&site.owner);
    site.owner.remove("a");
    site.owner.write("b", 2, 1000);
    site.backup(&site.owner);
    site.forget(site.memory.clone(), &[first]).unwrap();
    let keeper = site.appoint("keeper", &[Role::Keeper]);
    site.owner.write("a", 1, FILE);
    (site, keeper)
}

/// Runs `outer` on a target that, just before it takes the first record, lets `inner` run.
fn interleave<T>(
    site: &Site,
    outer: impl FnOnce(Arc<dyn Store>) -> T,
    inner: impl FnOnce() + Send,
) -> T {
    std::thread::scope(|scope| {
        let (ask, asked) = crossbeam_channel::bounded::<()>(0);
        let (done, wait) = crossbeam_channel::bounded::<()>(0);
        scope.spawn(move || {
            asked.recv().unwrap();
            inner();
            drop(done);
        });
        let raced = AtomicBool::new(false);
        let store = Flaky::new(site.memory.clone(), move |operation: &Operation| {
            let record = matches!(operation.name(), Some(ObjectName::Record(_)));
            if operation.writes() && record && !raced.swap(true, Ordering::SeqCst) {
                ask.send(()).unwrap();
                let _ = wait.recv();
            }
            None
        });
        outer(Arc::new(store))
    })
}

#[test]
fn an_agent_whose_data_is_condemned_meanwhile_stores_it_again() {
    let (site, keeper) = unused_but_wanted();
    // The agent has read the condemns and uses the chunks of "a"; when it puts its commit, a
    // keeper has just condemned and deleted them.
    let prune = || {
        let report = site
            .prune_as(site.memory.clone(), site.keeper(&keeper))
            .unwrap();
        assert!(report.deleted > 0);
    };
    let backup = |store| site.try_backup(store, &site.owner).unwrap();
    assert_eq!(interleave(&site, backup, prune).passes, 2);
    // The commit of the first pass was never said to be done: a keeper clears it away.
    let mut vault = site.vault();
    let report = ov_vault::accept::accept(&mut vault, &site.owner(), 0).unwrap();
    assert_eq!(report.given_up.len(), 1, "{report:?}");
    assert_eq!(site.assert_whole(&site.memory).len(), 2);
}

#[test]
fn what_an_agent_has_used_before_the_condemn_is_rescued() {
    let (site, keeper) = unused_but_wanted();
    // The keeper has seen that nobody uses the chunks of "a"; before its condemn is put, the
    // agent uses them, looks, and says "done".
    let backup = || {
        let report = site.try_backup(site.memory.clone(), &site.owner).unwrap();
        assert_eq!(report.passes, 1);
        assert!(
            report.bytes_stored < FILE as u64,
            "it stores no content again"
        );
    };
    let prune = |store| site.prune_as(store, site.keeper(&keeper)).unwrap();
    let report = interleave(&site, prune, backup);
    assert!(report.condemned > 0 && report.deleted > 0, "{report:?}");
    assert!(report.rescued_frames > 0, "{report:?}");
    assert_eq!(site.assert_whole(&site.memory).len(), 2);
}

#[test]
fn a_checkpoint_keeps_its_frames_until_its_run_has_gone_on() {
    let site = Site::new();
    site.owner.write("a", 1, FILE);
    let whole = site.backup(&site.owner);
    let mut vault = site.vault();
    // The same commit said again as a checkpoint of a run that died: its frames stay although
    // the snapshot is forgotten.
    let record = vault.record(&whole).unwrap().record;
    let ov_format::statement::Statement::Commit {
        packs: published,
        tables,
        ..
    } = record.statement
    else {
        panic!("a commit");
    };
    let all: Vec<_> = published
        .iter()
        .map(|pack| {
            let name = ObjectName::Pack(pack.hash);
            ov_store::confirm(&*site.memory, &name, pack.length).unwrap()
        })
        .chain(tables.iter().map(|table| {
            let name = ObjectName::Table(table.hash);
            ov_store::confirm(&*site.memory, &name, table.length).unwrap()
        }))
        .collect();
    let partial = ov_format::statement::Statement::Commit {
        packs: published,
        tables,
        partial: true,
        accepted: None,
    };
    let writer = site.owner.writer();
    let partial = vault
        .append(writer, &site.clock, partial, record.sections, &all)
        .unwrap();
    let options = ov_vault::forget::ForgetOptions {
        emptying: ov_policy::Emptying::Allowed,
        ..Default::default()
    };
    let forget = |vault: &mut Vault, name| {
        let names = std::collections::BTreeSet::from([name]);
        let owner = site.owner();
        let plan = ov_vault::forget::plan_by_names(vault, &owner, &names, &options).unwrap();
        ov_vault::forget::apply(vault, &owner, &plan)
            .unwrap()
            .unwrap();
    };
    forget(&mut vault, whole);
    assert_eq!(site.prune(site.memory.clone()).unwrap().deleted, 0);
    forget(&mut vault, partial);
    assert!(State::of(&vault).commits[&partial].forgotten);
    assert!(site.prune(site.memory.clone()).unwrap().deleted > 0);
    assert_eq!(packs(&site.memory).len(), 0);
}

#[test]
fn without_the_structure_secret_a_keeper_is_refused_by_name() {
    let site = Site::new();
    two_snapshots(&site);
    let mut vault = site.vault();
    let options = site.options(&vault);
    let agent = site.appoint("agent", &[Role::Agent]);
    vault.refresh().unwrap();
    let error = ov_vault::prune::plan(&mut vault, &site.keeper(&agent), &options).unwrap_err();
    assert_eq!(
        error.to_string(),
        "this key cannot prune: it needs the role keeper"
    );
    let mut keeper = site.appoint("keeper", &[Role::Keeper]);
    vault.refresh().unwrap();
    ov_vault::prune::plan(&mut vault, &site.keeper(&keeper), &options).unwrap();
    keeper.secrets.structure.clear();
    let error = ov_vault::prune::plan(&mut vault, &site.keeper(&keeper), &options).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("cannot prune: it holds no structure secret")
    );
}

#[test]
fn a_segments_head_that_is_read_wrongly_is_not_moved() {
    let site = Site::new();
    let [first, second] = two_snapshots(&site);
    let pack = ObjectName::Pack(State::of(&site.vault()).commits[&first].packs[0].hash);
    site.forget(site.memory.clone(), &[first]).unwrap();
    // In the slots of the first segment: its id says nothing of them.
    site.memory.tamper(&pack, |bytes| bytes[44 + 66 + 500] ^= 1);
    let report = site.prune(site.memory.clone()).unwrap();
    assert!(!report.findings.is_empty(), "{report:?}");
    assert!(packs(&site.memory).contains(&pack), "the only whole one");
    site.memory.tamper(&pack, |bytes| bytes[44 + 66 + 500] ^= 1);
    let report = site.prune(site.memory.clone()).unwrap();
    assert!(report.findings.is_empty() && report.copied_bytes > 0);
    assert!(!packs(&site.memory).contains(&pack));
    let left = site.assert_whole(&site.memory);
    assert_eq!(left.into_iter().collect::<Vec<_>>(), [second]);
}

#[test]
fn a_prune_stops_while_a_used_frame_has_no_known_place() {
    let site = Site::new();
    let [first, second] = two_snapshots(&site);
    site.forget(site.memory.clone(), &[first]).unwrap();
    let name = ObjectName::Record(first);
    site.memory.tamper(&name, |bytes| bytes[100] ^= 1);
    let blocked = site.prune(site.memory.clone()).unwrap_err();
    let VaultError::Blocked(findings) = &blocked else {
        panic!("{blocked}");
    };
    let homeless = |one: &Finding| matches!(one, Finding::NoPlace(name, ..) if *name == second);
    assert!(findings.iter().all(homeless), "{findings:?}");
}
