//! Carrying out a prune, step by step, each of which leaves the vault whole.

use std::collections::{BTreeMap, BTreeSet};

use ov_format::content::FrameRef;
use ov_format::id::{ObjectHash, SegmentId};
use ov_format::name::ObjectName;
use ov_format::statement::{Cause, Condemned, Drop, Statement};
use ov_policy::prune::{Deletion, Sight, condemn_plan, deletion, is_needed};

use crate::error::VaultError;
use crate::finding::Finding;
use crate::keeper::{Keeper, Progress, Step};
use crate::mover::Mover;
use crate::prune::{Fate, Going, PrunePlan};
use crate::vault::Vault;
use crate::view::View;
use crate::witness::bear_witness;

/// Packs that are repacked, published and condemned together: at least so many, and more while
/// little is copied, so that gathered packs become full; but never more than a record should name.
const BATCH: usize = 64;
const BATCH_COPIED_BYTES: u64 = 64 << 20;
const BATCH_MAX: usize = 1024;

/// Looks in one run: a rescue needs one more, and another keeper may undo it.
const LOOKS_MAX: u32 = 8;

/// What a prune did.
#[derive(Clone, Debug, Default)]
pub struct PruneReport {
    /// Objects condemned.
    pub condemned: u64,
    /// Objects deleted.
    pub deleted: u64,
    /// Their bytes.
    pub freed_bytes: u64,
    /// Bytes of frames copied to new packs.
    pub copied_bytes: u64,
    /// Of these, what was needed after all.
    pub rescued_frames: u64,
    /// Condemned objects whose grace is not over.
    pub waiting: u64,
    /// Frames that could not be read: their packs stay.
    pub findings: Vec<Finding>,
}

/// Carries a plan out, and finishes what earlier prunes have condemned. The plan says which packs;
/// what they hold is looked at anew.
pub fn apply(
    vault: &mut Vault,
    keeper: &Keeper<'_>,
    plan: &PrunePlan,
) -> Result<PruneReport, VaultError> {
    if plan.vault != vault.id() || plan.target != vault.target() {
        let why = "it was made for another vault or target";
        return Err(VaultError::PlanOutdated(why));
    }
    keeper.require(vault, "prune")?;
    let view = View::read(vault, keeper, plan.options.grace_seconds)?;
    let mut run = Run {
        vault,
        keeper,
        view,
        report: PruneReport::default(),
        hopeless: BTreeSet::new(),
    };
    run.refuse_holes()?;
    run.condemn(&plan.going)?;
    run.finish()?;
    if plan.options.grace_seconds > 0 {
        bear_witness(run.vault, keeper.writer, keeper.clock)?;
    }
    Ok(run.report)
}

struct Run<'a> {
    vault: &'a mut Vault,
    keeper: &'a Keeper<'a>,
    view: View,
    report: PruneReport,
    /// Packs with needed frames that cannot be read anywhere.
    hopeless: BTreeSet<ObjectHash>,
}

/// What is to be said of one object.
struct Verdict {
    object: ObjectHash,
    copy: BTreeSet<FrameRef>,
    drops: Option<BTreeSet<FrameRef>>,
}

impl Run<'_> {
    fn refuse_holes(&self) -> Result<(), VaultError> {
        let blocked = self.view.blocking(self.vault);
        match blocked.is_empty() {
            true => Ok(()),
            false => Err(VaultError::Blocked(blocked)),
        }
    }

    fn condemn(&mut self, going: &[Going]) -> Result<(), VaultError> {
        let going: Vec<&Going> = going.iter().filter(|one| self.still_goes(one)).collect();
        let all: Vec<ObjectHash> = going.iter().map(|one| one.object.hash()).collect();
        self.view.condemn_in_advance(&all);
        let mut done = 0;
        for batch in batches(&going) {
            self.condemn_batch(batch)?;
            done += batch.len();
            self.progress(Step::Moving, done, going.len());
        }
        match going.is_empty() {
            true => Ok(()),
            false => self.view.look_again(self.vault, self.keeper),
        }
    }

    /// Whether what the plan says of an object still holds: nobody condemned, deleted or (where
    /// it was unpublished) published it meanwhile.
    fn still_goes(&self, going: &Going) -> bool {
        let view = &self.view;
        let hash = going.object.hash();
        if view.condemned.names(&hash) || view.state.deleted.contains(&hash) {
            return false;
        }
        if going.fate == Fate::Unpublished && !view.has_all_records(self.vault) {
            return false;
        }
        match going.object {
            ObjectName::Table(_) => {
                view.tables.contains_key(&hash) && !view.state.published_tables.contains_key(&hash)
            }
            _ => {
                let published = view.published_length(&hash).is_some();
                let fits = published != (going.fate == Fate::Unpublished);
                fits && view.is_present(&hash) && view.is_known(&hash)
            }
        }
    }

    fn condemn_batch(&mut self, batch: &[&Going]) -> Result<(), VaultError> {
        let mut mover = Mover::new(self.vault, self.keeper)?;
        let mut verdicts = Vec::new();
        let mut copied: BTreeSet<FrameRef> = BTreeSet::new();
        for going in batch {
            let Some(verdict) = self.judge(going)? else {
                continue;
            };
            let copy: BTreeSet<_> = verdict.copy.difference(&copied).copied().collect();
            let store = self.vault.store().clone();
            let lost = mover.add(self.vault, &*store, &self.view.graph, &copy)?;
            copied.extend(copy.difference(&lost));
            match lost.is_empty() {
                true => verdicts.push(verdict),
                false => self.note_lost(verdict.object, &lost),
            }
        }
        self.publish(mover)?;
        self.say_condemned(verdicts)
    }

    fn judge(&mut self, going: &Going) -> Result<Option<Verdict>, VaultError> {
        let object = going.object.hash();
        if going.fate == Fate::Unpublished {
            let verdict = Verdict {
                object,
                copy: BTreeSet::new(),
                drops: None,
            };
            return Ok(Some(verdict));
        }
        let contents = self.view.frames_of(&object);
        let store = self.vault.store().clone();
        loop {
            let plan = condemn_plan(&self.view, &object, &contents);
            let used = contents.difference(&plan.drops);
            let elsewhere: BTreeSet<_> = used.filter(|f| !plan.copy.contains(f)).copied().collect();
            if !self.view.distrust(&*store, &elsewhere, &object)? {
                return Ok(Some(Verdict {
                    object,
                    copy: plan.copy,
                    drops: Some(plan.drops),
                }));
            }
        }
    }

    fn publish(&mut self, mover: Mover<'_>) -> Result<(), VaultError> {
        self.report.copied_bytes += mover.bytes;
        if let Some(moved) = mover.publish(self.vault)? {
            self.view.take(&moved);
        }
        Ok(())
    }

    fn say_condemned(&mut self, verdicts: Vec<Verdict>) -> Result<(), VaultError> {
        if verdicts.is_empty() {
            return Ok(());
        }
        self.report.condemned += u64::try_from(verdicts.len()).unwrap_or(u64::MAX);
        let condemned = verdicts.into_iter().map(|verdict| Condemned {
            pack: verdict.object,
            cause: Cause::Unused,
            drops: verdict.drops.map(|frames| drops(&frames)),
        });
        self.say(Statement::Condemn(condemned.collect()))
    }

    fn say(&mut self, statement: Statement) -> Result<(), VaultError> {
        let (writer, clock) = (self.keeper.writer, self.keeper.clock);
        self.vault
            .append(writer, clock, statement, Vec::new(), &[])?;
        Ok(())
    }

    /// Looks at everything that is condemned until no rescue is left to do.
    fn finish(&mut self) -> Result<(), VaultError> {
        self.delete_recorded()?;
        for _ in 0..LOOKS_MAX {
            self.refuse_holes()?;
            let outcome = self.look()?;
            self.delete(&outcome.delete)?;
            self.report.waiting = outcome.waiting;
            if outcome.rescue.is_empty() {
                return Ok(());
            }
            self.rescue(&outcome.rescue)?;
            self.view.look_again(self.vault, self.keeper)?;
        }
        Ok(())
    }

    fn look(&mut self) -> Result<Outcome, VaultError> {
        let mut outcome = Outcome::default();
        let condemned: BTreeSet<ObjectHash> = self
            .view
            .state
            .condemned
            .iter()
            .map(|(_, _, one)| one.pack)
            .collect();
        let mut lost: BTreeMap<ObjectHash, BTreeSet<FrameRef>> = BTreeMap::new();
        for object in condemned {
            if self.view.state.deleted.contains(&object) || self.hopeless.contains(&object) {
                continue;
            }
            if self.view.tables.contains_key(&object) {
                self.look_at_table(object, &mut outcome);
                continue;
            }
            // An unpublished pack was condemned, and its commit cannot be read.
            if !self.view.is_known(&object) {
                outcome.waiting += 1;
                continue;
            }
            match self.decide(&object)? {
                Deletion::Wait => outcome.waiting += 1,
                Deletion::Delete if self.view.packs.contains_key(&object) => {
                    outcome.delete.push(ObjectName::Pack(object));
                }
                Deletion::Delete => {}
                Deletion::Rescue(frames) => {
                    outcome.rescue.insert(object, frames);
                }
                Deletion::Lost(frames) => {
                    lost.insert(object, frames);
                }
            }
        }
        self.say_lost(lost)?;
        Ok(outcome)
    }

    /// A table is condemned only while no record names it; if one does now, it stays. Its agent
    /// sees the condemn, or this look sees the record.
    fn look_at_table(&self, table: ObjectHash, outcome: &mut Outcome) {
        if self.view.state.published_tables.contains_key(&table) {
            return;
        }
        match self.view.ripe().names(&table) {
            true => outcome.delete.push(ObjectName::Table(table)),
            false => outcome.waiting += 1,
        }
    }

    /// Asks the rule, and believes no place that it counts on without having read it.
    fn decide(&mut self, pack: &ObjectHash) -> Result<Deletion<FrameRef>, VaultError> {
        let contents = self.view.frames_of(pack);
        let store = self.vault.store().clone();
        loop {
            let decision = deletion(&self.view, pack, &contents);
            if decision != Deletion::Delete {
                return Ok(decision);
            }
            let needed = contents.iter().filter(|frame| is_needed(&self.view, frame));
            let needed: BTreeSet<_> = needed.copied().collect();
            if !self.view.distrust(&*store, &needed, pack)? {
                return Ok(decision);
            }
        }
    }

    fn rescue(
        &mut self,
        rescue: &BTreeMap<ObjectHash, BTreeSet<FrameRef>>,
    ) -> Result<(), VaultError> {
        let mut mover = Mover::new(self.vault, self.keeper)?;
        let mut tried: BTreeSet<FrameRef> = BTreeSet::new();
        for (pack, frames) in rescue {
            let frames: BTreeSet<_> = frames.difference(&tried).copied().collect();
            let store = self.vault.store().clone();
            let lost = mover.add(self.vault, &*store, &self.view.graph, &frames)?;
            tried.extend(&frames);
            let saved = frames.len() - lost.len();
            self.report.rescued_frames += u64::try_from(saved).unwrap_or(u64::MAX);
            if !lost.is_empty() {
                self.note_lost(*pack, &lost);
            }
        }
        self.publish(mover)
    }

    /// What can be read nowhere stays where it is: a part of it may still be of use.
    fn note_lost(&mut self, pack: ObjectHash, lost: &BTreeSet<FrameRef>) {
        self.hopeless.insert(pack);
        let findings = lost
            .iter()
            .map(|f| Finding::Frame(pack, f.segment, f.frame));
        self.report.findings.extend(findings);
    }

    /// A condemned pack vanished without a delete record while its frames are needed.
    fn say_lost(
        &mut self,
        lost: BTreeMap<ObjectHash, BTreeSet<FrameRef>>,
    ) -> Result<(), VaultError> {
        let told = |pack: &ObjectHash, frames: &BTreeSet<FrameRef>| {
            let nothing = BTreeSet::new();
            self.view.condemned.names_damaged(pack)
                && frames
                    .iter()
                    .all(|f| self.view.condemned.drops(f, &nothing))
        };
        let news: Vec<Condemned> = lost
            .iter()
            .filter(|(pack, frames)| !told(pack, frames))
            .map(|(pack, frames)| Condemned {
                pack: *pack,
                cause: Cause::Damage,
                drops: Some(drops(frames)),
            })
            .collect();
        for pack in lost.keys() {
            self.report
                .findings
                .push(Finding::Missing(ObjectName::Pack(*pack)));
        }
        match news.is_empty() {
            true => Ok(()),
            false => self.say(Statement::Condemn(news)),
        }
    }

    fn delete(&mut self, objects: &[ObjectName]) -> Result<(), VaultError> {
        for batch in objects.chunks(1024) {
            let names = batch.iter().map(ObjectName::hash).collect();
            self.say(Statement::Delete(names))?;
            self.view
                .state
                .deleted
                .extend(batch.iter().map(ObjectName::hash));
            for (done, object) in batch.iter().enumerate() {
                self.delete_one(object)?;
                self.progress(Step::Deleting, done + 1, batch.len());
            }
        }
        Ok(())
    }

    fn delete_one(&mut self, object: &ObjectName) -> Result<(), VaultError> {
        self.vault.store().delete(object)?;
        let listed = match object {
            ObjectName::Table(table) => self.view.tables.remove(table),
            _ => self.view.packs.remove(&object.hash()),
        };
        self.report.deleted += 1;
        self.report.freed_bytes += listed.map_or(0, |listed| listed.length);
        Ok(())
    }

    /// A delete record holds for ever: whoever finds it may finish.
    fn delete_recorded(&mut self) -> Result<(), VaultError> {
        let deleted = &self.view.state.deleted;
        let packs = self.view.packs.keys().filter(|pack| deleted.contains(pack));
        let packs = packs.map(|pack| ObjectName::Pack(*pack));
        let tables = self
            .view
            .tables
            .keys()
            .filter(|table| deleted.contains(table));
        let tables = tables.map(|table| ObjectName::Table(*table));
        let all: Vec<ObjectName> = packs.chain(tables).collect();
        for object in &all {
            self.delete_one(object)?;
        }
        Ok(())
    }

    fn progress(&self, step: Step, done: usize, total: usize) {
        self.keeper.monitor.progress(Progress {
            step,
            done: u64::try_from(done).unwrap_or(u64::MAX),
            total: u64::try_from(total).unwrap_or(u64::MAX),
            bytes: self.report.copied_bytes,
        });
    }
}

fn batches<'g>(mut going: &'g [&'g Going]) -> impl Iterator<Item = &'g [&'g Going]> {
    std::iter::from_fn(move || {
        let mut copied = 0u64;
        let within = going.iter().enumerate().take_while(|(number, one)| {
            let room = *number < BATCH || copied < BATCH_COPIED_BYTES;
            copied = copied.saturating_add(one.used_bytes);
            room && *number < BATCH_MAX
        });
        let (batch, rest) = going.split_at(within.count());
        going = rest;
        (!batch.is_empty()).then_some(batch)
    })
}

#[derive(Default)]
struct Outcome {
    delete: Vec<ObjectName>,
    rescue: BTreeMap<ObjectHash, BTreeSet<FrameRef>>,
    waiting: u64,
}

/// Frames as a condemn lists them.
pub(crate) fn drops(frames: &BTreeSet<FrameRef>) -> Vec<Drop> {
    let mut segments: BTreeMap<SegmentId, Vec<u16>> = BTreeMap::new();
    for frame in frames {
        segments.entry(frame.segment).or_default().push(frame.frame);
    }
    let drops = segments.into_iter();
    drops
        .map(|(segment, frames)| Drop { segment, frames })
        .collect()
}
