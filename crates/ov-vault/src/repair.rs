//! Repairing: what is damaged or missing comes back from a copy; what no copy has is condemned
//! for damage, so that the next backup stores again what its source still has.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use ov_format::content::FrameRef;
use ov_format::id::ObjectHash;
use ov_format::name::{LogId, ObjectName, RecordName};
use ov_format::statement::{Cause, Condemned, Statement};
use ov_policy::prune::damage_drops;
use ov_store::{Listed, Listing, Store};

use crate::check::CheckReport;
use crate::copy_logs::replace;
use crate::error::VaultError;
use crate::finding::Finding;
use crate::give_up::{give_up_records, lost_record};
use crate::graph::{Graph, Needs, Place};
use crate::keeper::{Keeper, Progress, Step};
use crate::mover::{Mover, is_loss};
use crate::prune_run::drops;
use crate::vault::Vault;
use crate::view::{View, holds, holds_head};

/// An object that a copy has whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fetch {
    /// The object.
    pub object: ObjectName,
    /// Which of the copies, by its place in the list.
    pub copy: usize,
    /// Its length.
    pub bytes: u64,
}

/// What a repair will do.
#[derive(Clone, Debug, Default)]
pub struct RepairPlan {
    /// Comes back from copies.
    pub fetch: Vec<Fetch>,
    /// Packs that no copy has whole: what can still be read is moved, the rest is given up.
    pub give_up: Vec<ObjectHash>,
    /// Records that no copy has: given up by name, so that the others can go on without them.
    pub give_up_records: BTreeSet<RecordName>,
    /// What nothing can be done about here.
    pub stays: Vec<Finding>,
    /// Snapshots, and how many of the frames that they need are lost with what is given up,
    /// unless a backup stores them again.
    pub lost: Vec<(RecordName, u64)>,
}

impl RepairPlan {
    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.fetch.is_empty() && self.give_up.is_empty() && self.give_up_records.is_empty()
    }
}

impl RepairPlan {
    fn give_up_or_leave(&mut self, vault: &Vault, keeper: &Keeper<'_>, finding: &Finding) {
        match lost_record(vault, keeper.writer.member, finding) {
            Some(record) => {
                self.give_up_records.insert(record);
            }
            None => self.stays.push(finding.clone()),
        }
    }
}

/// What a repair did.
#[derive(Clone, Debug, Default)]
pub struct RepairReport {
    /// Objects that came back from copies.
    pub fetched: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Frames that could still be read in damaged packs, and were moved.
    pub frames_moved: u64,
    /// Records given up by name.
    pub records_given_up: u64,
    /// Packs condemned for damage.
    pub condemned: u64,
    /// Frames that they took with them, used or not.
    pub frames_lost: u64,
}

/// Plans a repair of what a check found, from copies of the vault. Reads from the copies what it
/// will fetch, so that the plan can be relied on.
pub fn plan(
    vault: &mut Vault,
    keeper: &Keeper<'_>,
    report: &CheckReport,
    copies: &[Arc<dyn Store>],
) -> Result<RepairPlan, VaultError> {
    keeper.require(vault, "repair")?;
    let view = View::read(vault, keeper, 0)?;
    let mut plan = RepairPlan::default();
    let mut seen = BTreeSet::new();
    for found in &report.findings {
        let objects = objects_of(&found.finding, &view, copies)?;
        if objects.is_empty() {
            plan.give_up_or_leave(vault, keeper, &found.finding);
        }
        for object in objects.into_iter().filter(|object| seen.insert(*object)) {
            match find_whole(&object, copies)? {
                Some((copy, bytes)) => plan.fetch.push(Fetch {
                    object,
                    copy,
                    bytes,
                }),
                None => match object {
                    ObjectName::Pack(pack) if is_ours(vault, &pack) => plan.give_up.push(pack),
                    _ => plan.give_up_or_leave(vault, keeper, &found.finding),
                },
            }
        }
    }
    plan.lost = lost_with(vault, &view, &plan.give_up)?;
    Ok(plan)
}

/// Carries a plan out.
pub fn apply(
    vault: &mut Vault,
    keeper: &Keeper<'_>,
    plan: &RepairPlan,
    copies: &[Arc<dyn Store>],
) -> Result<RepairReport, VaultError> {
    keeper.require(vault, "repair")?;
    let mut report = RepairReport::default();
    for (done, fetch) in (1u64..).zip(&plan.fetch) {
        let copy = copies.get(fetch.copy);
        let copy = copy.ok_or(VaultError::PlanOutdated("a copy is not given any more"))?;
        report.bytes += fetch_object(&**vault.store(), &**copy, &fetch.object)?;
        report.fetched += 1;
        keeper.monitor.progress(Progress {
            step: Step::Repairing,
            done,
            total: u64::try_from(plan.fetch.len()).unwrap_or(u64::MAX),
            bytes: report.bytes,
        });
    }
    if !plan.give_up_records.is_empty() {
        let given_up = give_up_records(vault, keeper, &plan.give_up_records)?;
        report.records_given_up = u64::try_from(given_up.len()).unwrap_or(u64::MAX);
    }
    match plan.give_up.is_empty() {
        true => vault.refresh()?,
        false => give_up(vault, keeper, &plan.give_up, &mut report)?,
    }
    Ok(report)
}

/// Fetches from copies what opening the vault rests on: records of its logs and tables that are
/// damaged or gone here and whole there. Needs no key, so it comes before everything else when a
/// damaged head lets nobody in.
pub fn mend_logs(
    store: &dyn Store,
    copies: &[Arc<dyn Store>],
) -> Result<Vec<ObjectName>, VaultError> {
    let mut logs = BTreeSet::new();
    store.list(Listing::Logs, &mut |listed| {
        if let ObjectName::Record(name) = listed.name {
            logs.insert(name.log);
        }
        Ok(())
    })?;
    let mut mended = Vec::new();
    for copy in copies {
        let mut there = Vec::new();
        for listing in [Listing::Logs, Listing::Tables] {
            copy.list(listing, &mut |listed| {
                match listed.name {
                    // Logs that were never here are the copy's own.
                    ObjectName::Record(name) if !logs.contains(&name.log) => {}
                    name => there.push(name),
                }
                Ok(())
            })?;
        }
        for name in there {
            let known = match name {
                ObjectName::Record(_) => true,
                _ => store.length(&name)?.is_some(),
            };
            let whole = store.get(&name).is_ok_and(|bytes| name.matches(&bytes));
            if known && !whole && fetch_object(store, &**copy, &name).is_ok() {
                mended.push(name);
            }
        }
    }
    Ok(mended)
}

/// Puts an object of a copy in the place of the damaged one. The only way where the vault cannot
/// be opened, because its first record is damaged.
pub fn fetch_object(
    store: &dyn Store,
    copy: &dyn Store,
    object: &ObjectName,
) -> Result<u64, VaultError> {
    let bytes = copy.get(object)?;
    if !object.matches(&bytes) {
        return Err(VaultError::Damaged(*object));
    }
    // A store may take an object of the right length for whole.
    let there = store.length(object)?.is_some();
    let whole = there && store.get(object).is_ok_and(|bytes| object.matches(&bytes));
    if there && !whole {
        store.delete(object)?;
    }
    replace(store, object, &bytes)?;
    Ok(u64::try_from(bytes.len()).unwrap_or(u64::MAX))
}

fn objects_of(
    finding: &Finding,
    view: &View,
    copies: &[Arc<dyn Store>],
) -> Result<Vec<ObjectName>, VaultError> {
    Ok(match finding {
        Finding::Damaged(ObjectName::Target(_)) => Vec::new(),
        Finding::Damaged(name)
        | Finding::Missing(name)
        | Finding::Length(name)
        | Finding::Unreadable(name, _) => vec![*name],
        Finding::Frame(pack, ..) => vec![ObjectName::Pack(*pack)],
        Finding::NoPlace(_, segment, frame) => {
            let frame = FrameRef {
                segment: *segment,
                frame: *frame,
            };
            let packs = view
                .graph
                .places(&frame)
                .into_iter()
                .map(|place| place.pack);
            // A pack with a delete record counts as deleted, even if it is put again.
            packs
                .filter(|pack| !view.state.deleted.contains(pack))
                .filter(|pack| !view.condemned.names(pack))
                .map(ObjectName::Pack)
                .collect()
        }
        Finding::Gap(log, number) => records_at(*log, *number, copies)?,
        _ => Vec::new(),
    })
}

/// The records that copies hold where a log has a gap.
fn records_at(
    log: LogId,
    number: u64,
    copies: &[Arc<dyn Store>],
) -> Result<Vec<ObjectName>, VaultError> {
    let mut found = BTreeSet::new();
    for copy in copies {
        copy.list(
            Listing::LogFrom(log, number),
            &mut |Listed { name, .. }| {
                if let ObjectName::Record(record) = name
                    && record.number == number
                {
                    found.insert(name);
                }
                Ok(())
            },
        )?;
    }
    Ok(found.into_iter().collect())
}

fn find_whole(
    object: &ObjectName,
    copies: &[Arc<dyn Store>],
) -> Result<Option<(usize, u64)>, VaultError> {
    for (copy, store) in copies.iter().enumerate() {
        match store.get(object).map_err(VaultError::from) {
            Ok(bytes) if object.matches(&bytes) => {
                return Ok(Some((copy, u64::try_from(bytes.len()).unwrap_or(u64::MAX))));
            }
            Ok(_) => {}
            Err(error) if is_loss(&error) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(None)
}

/// Whether a record of this target published the pack. What only a copied record names is not
/// given up here: it is copied again.
fn is_ours(vault: &Vault, pack: &ObjectHash) -> bool {
    vault.logs().all().any(|said| {
        let (packs, _) = said.statement.published();
        said.name.log.target == vault.target() && packs.iter().any(|one| one.hash == *pack)
    })
}

fn lost_with(
    vault: &Vault,
    view: &View,
    packs: &[ObjectHash],
) -> Result<Vec<(RecordName, u64)>, VaultError> {
    let mut gone = BTreeSet::new();
    for pack in packs {
        for frame in view.frames_of(pack) {
            if !is_readable(vault, &view.graph, &frame)? {
                gone.insert(frame);
            }
        }
    }
    let mut lost = BTreeMap::new();
    for commit in view.state.listed() {
        let mut needs = Needs::default();
        let _ = view.graph.add_needs(&commit.name, &mut needs);
        let count = gone
            .iter()
            .filter(|frame| view.graph.is_needed(&needs, frame))
            .count();
        if count > 0 {
            lost.insert(commit.name, u64::try_from(count).unwrap_or(u64::MAX));
        }
    }
    Ok(lost.into_iter().collect())
}

fn is_readable(vault: &Vault, graph: &Graph, frame: &FrameRef) -> Result<bool, VaultError> {
    let store = &**vault.store();
    for place in graph.places(frame) {
        if holds(store, &place)? && holds_head(store, graph, &place.pack, &frame.segment)? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Moves what can still be read, then condemns for damage.
fn give_up(
    vault: &mut Vault,
    keeper: &Keeper<'_>,
    packs: &[ObjectHash],
    report: &mut RepairReport,
) -> Result<(), VaultError> {
    let mut view = View::read(vault, keeper, 0)?;
    let mut mover = Mover::new(vault, keeper)?;
    let store = vault.store().clone();
    for pack in packs {
        let (good, bad) = sort_frames(&*store, &view, pack)?;
        bad.iter().for_each(|frame| view.note_bad(*pack, *frame));
        let used = |frame: &&FrameRef| view.graph.is_needed(&view.used, frame);
        let good: BTreeSet<FrameRef> = good.iter().filter(used).copied().collect();
        let lost = mover.add(vault, &*store, &view.graph, &good)?;
        let moved = good.len().saturating_sub(lost.len());
        report.frames_moved += u64::try_from(moved).unwrap_or(u64::MAX);
    }
    if let Some(moved) = mover.publish(vault)? {
        view.take(&moved);
    }
    view.condemn_in_advance(packs);
    let condemned: Vec<Condemned> = packs
        .iter()
        .map(|pack| {
            let gone = damage_drops(&view, pack, &view.frames_of(pack));
            report.frames_lost += u64::try_from(gone.len()).unwrap_or(u64::MAX);
            Condemned {
                pack: *pack,
                cause: Cause::Damage,
                drops: Some(drops(&gone)),
            }
        })
        .collect();
    report.condemned += u64::try_from(condemned.len()).unwrap_or(u64::MAX);
    let statement = Statement::Condemn(condemned);
    vault.append(keeper.writer, keeper.clock, statement, Vec::new(), &[])?;
    vault.refresh()
}

/// The frames of a pack that it still holds and that no other pack keeps safe, and those that it
/// holds no more.
fn sort_frames(
    store: &dyn Store,
    view: &View,
    pack: &ObjectHash,
) -> Result<(BTreeSet<FrameRef>, BTreeSet<FrameRef>), VaultError> {
    let (mut good, mut bad) = (BTreeSet::new(), BTreeSet::new());
    for frame in view.frames_of(pack) {
        let places = view.graph.places(&frame);
        let here = places.iter().filter(|place| place.pack == *pack);
        let mut whole = false;
        for place in here {
            whole |= holds(store, place)? && holds_head(store, &view.graph, pack, &frame.segment)?;
        }
        let elsewhere = |place: &Place| {
            place.pack != *pack && ov_policy::prune::place_counts(view, &place.pack)
        };
        match whole {
            true if places.iter().any(elsewhere) => {}
            true => {
                good.insert(frame);
            }
            false => {
                bad.insert(frame);
            }
        }
    }
    Ok((good, bad))
}
