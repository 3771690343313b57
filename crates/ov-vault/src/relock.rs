//! Renewing locks: what prune would keep stays locked on the target, and nothing else does.
//!
//! Whoever has an agent's credentials can store junk, and the target's own rule locks it for a
//! while. Only what a snapshot needs that nobody forgot is locked again, so junk is free after one
//! lock, and so is what was forgotten.

use std::collections::BTreeSet;
use std::sync::Mutex;

use ov_format::name::ObjectName;
use ov_format::statement::Statement;
use ov_policy::prune::place_counts;
use ov_store::{LockDays, Renewal, Store, StoreError, renew};

use crate::error::VaultError;
use crate::finding::Finding;
use crate::keeper::{Keeper, Progress, Step};
use crate::vault::{Vault, target_identities};
use crate::view::View;

/// Each renewal waits for a server's answer, so several wait at once.
const AT_ONCE: usize = 8;

/// What a renewal of locks found and did.
#[derive(Clone, Debug, Default)]
pub struct RelockReport {
    /// Objects that had no lock, or one that was over.
    pub first: u64,
    /// Objects whose lock was renewed.
    pub renewed: u64,
    /// Objects whose lock lasts long enough.
    pub lasting: u64,
    /// Objects that are not needed by any snapshot that is kept: their locks run out.
    pub left: u64,
    /// What snapshots need and is not there or not known.
    pub findings: Vec<Finding>,
}

/// Renews the locks of all that kept snapshots need, for so many days from now.
///
/// # Errors
/// If the key may not do a keeper's work, or the target keeps no locks or takes none from these
/// credentials.
pub fn relock(
    vault: &mut Vault,
    keeper: &Keeper<'_>,
    days: LockDays,
) -> Result<RelockReport, VaultError> {
    keeper.require(vault, "renew locks")?;
    let view = View::read(vault, keeper, 0)?;
    let needed = needed(vault, &view)?;
    let stored = view.packs.len() + view.tables.len();
    let kept = needed.iter().filter(|name| is_bulk(name)).count();
    let mut report = RelockReport {
        left: u64::try_from(stored.saturating_sub(kept)).unwrap_or(u64::MAX),
        findings: view.blocking(vault),
        ..RelockReport::default()
    };
    let done = renew_all(&**vault.store(), &needed, days, keeper)?;
    for (name, renewal) in done {
        match renewal {
            Some(Renewal::First) => report.first += 1,
            Some(Renewal::Renewed) => report.renewed += 1,
            Some(Renewal::Lasting) => report.lasting += 1,
            None => report.findings.push(Finding::Missing(name)),
        }
    }
    Ok(report)
}

fn is_bulk(name: &ObjectName) -> bool {
    matches!(name, ObjectName::Pack(_) | ObjectName::Table(_))
}

/// The identity of the target, all records, the tables of records that still count, and the packs
/// in which the needed frames lie.
fn needed(vault: &Vault, view: &View) -> Result<BTreeSet<ObjectName>, VaultError> {
    let identities = target_identities(&**vault.store())?.into_iter();
    let mut names: BTreeSet<ObjectName> = identities.map(ObjectName::Target).collect();
    for said in vault.logs().all() {
        names.insert(ObjectName::Record(said.name));
        let commit = view.state.commits.get(&said.name);
        let counts = match &said.statement {
            Statement::Commit { .. } => commit.is_some_and(|commit| commit.is_root()),
            _ => true,
        };
        let (_, tables) = said.statement.published();
        let tables = tables.iter().filter(|_| counts);
        names.extend(tables.map(|table| ObjectName::Table(table.hash)));
    }
    let keys = vault.head().keys.iter();
    names.extend(keys.map(|table| ObjectName::Table(table.hash)));
    for frame in view.graph.needed(&view.used) {
        let mut places = view.graph.places(&frame).into_iter().rev();
        if let Some(place) = places.find(|place| place_counts(view, &place.pack)) {
            names.insert(ObjectName::Pack(place.pack));
        }
    }
    Ok(names)
}

/// `None` for what is not there.
type Done = Vec<(ObjectName, Option<Renewal>)>;

fn renew_all(
    store: &dyn Store,
    names: &BTreeSet<ObjectName>,
    days: LockDays,
    keeper: &Keeper<'_>,
) -> Result<Done, VaultError> {
    let open = Mutex::new(names.iter());
    let next = || open.lock().ok()?.next();
    let done: Mutex<Result<Done, StoreError>> = Mutex::new(Ok(Vec::new()));
    let total = u64::try_from(names.len()).unwrap_or(u64::MAX);
    let take = |name: &ObjectName, renewal: Result<Renewal, StoreError>| {
        let Ok(mut done) = done.lock() else { return };
        match (renewal, &mut *done) {
            (_, Err(_)) => {}
            (Ok(renewal), Ok(done)) => done.push((*name, Some(renewal))),
            (Err(StoreError::NotFound { .. }), Ok(done)) => done.push((*name, None)),
            (Err(error), failed) => *failed = Err(error),
        }
        let done = done.as_ref().map_or(0, Vec::len);
        keeper.monitor.progress(Progress {
            step: Step::Locking,
            done: u64::try_from(done).unwrap_or(u64::MAX),
            total,
            bytes: 0,
        });
    };
    let failed = || done.lock().map_or(true, |done| done.is_err());
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE.min(names.len()) {
            scope.spawn(|| {
                while !failed()
                    && let Some(name) = next()
                {
                    take(name, renew(store, name, days));
                }
            });
        }
    });
    let done = done
        .into_inner()
        .unwrap_or_else(|broken| broken.into_inner());
    Ok(done?)
}
