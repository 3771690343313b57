//! Copying snapshots to another target: the same vault, a second place.
//!
//! The order is that of decision 2 with the copier in the agent's place: tables, the logs of
//! admins and keepers (so tombstones come before data), packs, the agents' logs, whose commits
//! are the flag there; then a look at the copy's condemns; then the copier's accept.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use ov_format::content::FrameRef;
use ov_format::id::ObjectHash;
use ov_format::name::{LogId, ObjectName, RecordName};
use ov_format::statement::Statement;
use ov_policy::prune::{Acceptance, Waited, acceptable};
use ov_store::{Listed, Listing, Store};

use crate::accept::{missing, stored_bytes};
use crate::copy_logs::{
    Part, Prefixes, copy_logs, copy_object, is_there, mend_records, prefixes, prepare,
};
use crate::error::VaultError;
use crate::finding::{Finding, short};
use crate::graph::{Graph, Needs};
use crate::keeper::{Keeper, Progress, Step};
use crate::mover::{Mover, is_loss};
use crate::state::{State, Verdict};
use crate::vault::Vault;
use crate::view::{View, listed};

/// Rounds until a copy gives up on what a keeper of the target keeps condemning.
const ROUNDS_MAX: u32 = 5;

/// Which snapshots are copied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Which {
    /// All that are not forgotten.
    All,
    /// These.
    Named(BTreeSet<RecordName>),
}

/// What a copy did.
#[derive(Clone, Debug, Default)]
pub struct CopyReport {
    /// Records put.
    pub records: u64,
    /// Tables put.
    pub tables: u64,
    /// Packs put as they are.
    pub packs: u64,
    /// Bytes of packs and tables put.
    pub bytes: u64,
    /// Frames put in new packs, since theirs are condemned or damaged.
    pub frames_moved: u64,
    /// Snapshots that are complete there now.
    pub accepted: Vec<RecordName>,
    /// Snapshots that were complete there before.
    pub there: u64,
    /// Snapshots that are not complete there, and why.
    pub incomplete: Vec<(RecordName, Finding)>,
    /// Logs of which a record is lost, hidden or damaged here: nothing behind it was copied.
    pub cut: Vec<(LogId, u64)>,
    /// Objects that could not be copied.
    pub findings: Vec<Finding>,
}

/// Copies snapshots to a target that is empty or holds a copy of this vault.
pub fn copy(
    from: &mut Vault,
    to: Arc<dyn Store>,
    which: &Which,
    keeper: &Keeper<'_>,
) -> Result<CopyReport, VaultError> {
    from.refresh()?;
    keeper.require(from, "copy a vault")?;
    let mended = mend_records(from, &to)?;
    prepare(from, &to, keeper.entropy)?;
    let prefixes = prefixes(from)?;
    let mut report = CopyReport {
        records: mended,
        cut: prefixes.cut.iter().map(|(log, at)| (*log, *at)).collect(),
        ..CopyReport::default()
    };
    for (log, number) in &prefixes.cut {
        let text = format!(
            "log {log} is broken at record {number}: it is copied up to there, and snapshots that \
             need what comes later are not"
        );
        keeper.monitor.notice(&text);
    }
    copy_tables(from, &*to, &mut report)?;
    report.records += copy_logs(from, &*to, &prefixes, Part::Root)?;
    report.records += copy_logs(from, &*to, &prefixes, Part::Rule)?;
    let to = Vault::open(to, from.id())?;
    Copier::new(from, to, which, keeper, prefixes, report)?.run()
}

fn copy_tables(from: &Vault, to: &dyn Store, report: &mut CopyReport) -> Result<(), VaultError> {
    let there = listed(to, Listing::Tables)?;
    for (table, length) in &State::of(from).published_tables {
        if is_there(&there, table, *length) {
            continue;
        }
        let name = ObjectName::Table(*table);
        match copy_object(&**from.store(), to, &name) {
            Ok(bytes) => {
                report.tables += 1;
                report.bytes += bytes;
            }
            Err(error) if is_loss(&error) => report.findings.push(lost(name, &error)),
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

fn lost(name: ObjectName, error: &VaultError) -> Finding {
    match error {
        VaultError::Damaged(_) => Finding::Damaged(name),
        VaultError::Store(ov_store::StoreError::NotFound { .. }) => Finding::Missing(name),
        error => Finding::Unreadable(name, error.to_string()),
    }
}

struct Copier<'a> {
    from: &'a Vault,
    to: Vault,
    keeper: &'a Keeper<'a>,
    prefixes: Prefixes,
    /// What both targets know of structure.
    graph: Graph,
    from_packs: BTreeMap<ObjectHash, Listed>,
    from_lengths: BTreeMap<ObjectHash, u64>,
    /// Snapshots to copy.
    wanted: Vec<RecordName>,
    /// Packs of the source that turned out damaged.
    bad: BTreeSet<ObjectHash>,
    report: CopyReport,
}

impl<'a> Copier<'a> {
    fn new(
        from: &'a Vault,
        to: Vault,
        which: &Which,
        keeper: &'a Keeper<'a>,
        prefixes: Prefixes,
        report: CopyReport,
    ) -> Result<Self, VaultError> {
        let open = |context: &_, head: &[u8]| keeper.open(context, head);
        let (here, there) = (State::of(from), State::of(&to));
        let mut graph = Graph::load(from, &here, &open, &|name| prefixes.takes(name))?;
        let findings = graph.findings().to_vec();
        graph.extend(&to, &there, &open, &|_| true)?;
        let mut copier = Self {
            wanted: wanted(&here, &there, which, &prefixes)?,
            from_packs: listed(&**from.store(), Listing::Packs)?,
            from_lengths: here.published_packs,
            from,
            to,
            keeper,
            prefixes,
            graph,
            bad: BTreeSet::new(),
            report,
        };
        copier.report.findings.extend(findings);
        Ok(copier)
    }

    fn run(mut self) -> Result<CopyReport, VaultError> {
        for _ in 0..ROUNDS_MAX {
            self.put_data()?;
            let (from, store) = (self.from, self.to.store().clone());
            self.report.records += copy_logs(from, &*store, &self.prefixes, Part::Rest)?;
            if self.look_and_accept()? {
                break;
            }
        }
        for (name, finding) in &self.report.incomplete {
            let text = format!("snapshot {} is not complete there: {finding}", short(name));
            self.keeper.monitor.notice(&text);
        }
        Ok(self.report)
    }

    /// Puts whatever the wanted snapshots need and the target does not have.
    fn put_data(&mut self) -> Result<(), VaultError> {
        let mut needs = Needs::default();
        for name in &self.wanted {
            // One that breaks off is reported when it cannot be accepted.
            let _ = self.graph.add_needs(name, &mut needs);
        }
        let frames = self.graph.needed(&needs);
        loop {
            let (packs, own) = self.lacking(&frames)?;
            let copied = self.put_packs(&packs)?;
            if copied == Copied::All {
                return self.put_frames(&own);
            }
        }
    }

    /// Packs to be put as they are, and frames whose packs are condemned or damaged.
    fn lacking(
        &self,
        frames: &[FrameRef],
    ) -> Result<(BTreeSet<ObjectHash>, BTreeSet<FrameRef>), VaultError> {
        let there = listed(&**self.to.store(), Listing::Packs)?;
        let state = State::of(&self.to);
        let condemned = state.condemns();
        // A pack that is condemned there is never put again.
        let barred = |pack: &ObjectHash| condemned.names(pack) || state.deleted.contains(pack);
        let length = |pack: &ObjectHash| {
            let known = self
                .from_lengths
                .get(pack)
                .or(state.published_packs.get(pack));
            known.copied().unwrap_or(0)
        };
        let right = |pack: &ObjectHash| {
            let listed = there.get(pack);
            listed.is_some_and(|listed| state.is_length(pack, listed.length))
        };
        let counts = |pack: &ObjectHash| {
            !barred(pack) && (is_there(&there, pack, length(pack)) || right(pack))
        };
        let offered = |pack: &ObjectHash| {
            self.from_packs.contains_key(pack) && !self.bad.contains(pack) && !barred(pack)
        };
        let (mut packs, mut own) = (BTreeSet::new(), BTreeSet::new());
        for frame in frames {
            let places = self.graph.places(frame);
            let chosen = |pack: &ObjectHash| counts(pack) || packs.contains(pack);
            if places.iter().any(|place| chosen(&place.pack)) {
                continue;
            }
            match places.iter().rev().find(|place| offered(&place.pack)) {
                Some(place) => {
                    packs.insert(place.pack);
                }
                None => {
                    own.insert(*frame);
                }
            }
        }
        Ok((packs, own))
    }

    fn put_packs(&mut self, packs: &BTreeSet<ObjectHash>) -> Result<Copied, VaultError> {
        let mut copied = Copied::All;
        for (done, pack) in (0u64..).zip(packs) {
            let name = ObjectName::Pack(*pack);
            match copy_object(&**self.from.store(), &**self.to.store(), &name) {
                Ok(bytes) => {
                    self.report.packs += 1;
                    self.report.bytes += bytes;
                }
                Err(error) if is_loss(&error) => {
                    self.bad.insert(*pack);
                    self.report.findings.push(lost(name, &error));
                    copied = Copied::Some;
                }
                Err(error) => return Err(error),
            }
            self.keeper.monitor.progress(Progress {
                step: Step::Copying,
                done: done + 1,
                total: u64::try_from(packs.len()).unwrap_or(u64::MAX),
                bytes: self.report.bytes,
            });
        }
        Ok(copied)
    }

    fn put_frames(&mut self, frames: &BTreeSet<FrameRef>) -> Result<(), VaultError> {
        if frames.is_empty() {
            return Ok(());
        }
        let mut mover = Mover::new(&self.to, self.keeper)?;
        let lost = mover.add(&self.to, &**self.from.store(), &self.graph, frames)?;
        let moved = frames.len().saturating_sub(lost.len());
        self.report.frames_moved += u64::try_from(moved).unwrap_or(u64::MAX);
        if let Some(moved) = mover.publish(&mut self.to)? {
            crate::mover::remember(&mut self.graph, &moved);
        }
        Ok(())
    }

    /// Looks at the target after all commits are there, and accepts what is complete. True if
    /// another round would change nothing.
    fn look_and_accept(&mut self) -> Result<bool, VaultError> {
        let view = View::read(&mut self.to, self.keeper, 0)?;
        let before = self.report.incomplete.len();
        self.report.incomplete.clear();
        self.report.there = 0;
        for name in self.wanted.clone() {
            let Some(commit) = view.state.commits.get(&name) else {
                let finding = Finding::Missing(ObjectName::Record(name));
                self.report.incomplete.push((name, finding));
                continue;
            };
            let was_accepted = commit.verdict == Verdict::Accepted;
            let mut needs = Needs::default();
            if let Err(finding) = view.graph.add_needs(&name, &mut needs) {
                self.report.incomplete.push((name, finding));
                continue;
            }
            let used: BTreeSet<FrameRef> = view.graph.needed(&needs).into_iter().collect();
            match acceptable(&view, &used, Waited::Grace) {
                Acceptance::Accept if was_accepted => {
                    self.report.there += u64::from(!self.report.accepted.contains(&name));
                }
                Acceptance::Accept => self.accept(&view, name, &used)?,
                Acceptance::Rescue(frames)
                | Acceptance::Missing(frames)
                | Acceptance::Wait(frames)
                | Acceptance::Late(frames) => {
                    self.report.incomplete.push((name, missing(&name, &frames)));
                }
            }
        }
        let open = self.report.incomplete.len();
        Ok(open == 0 || open == before)
    }

    fn accept(
        &mut self,
        view: &View,
        commit: RecordName,
        used: &BTreeSet<FrameRef>,
    ) -> Result<(), VaultError> {
        let arrival = view.state.commits[&commit].arrival;
        let statement = Statement::Accept {
            commit,
            arrival: arrival.unwrap_or_else(|| self.keeper.clock.now()),
            frames: u64::try_from(used.len()).unwrap_or(u64::MAX),
            bytes: stored_bytes(view, used),
        };
        let (writer, clock) = (self.keeper.writer, self.keeper.clock);
        self.to.append(writer, clock, statement, Vec::new(), &[])?;
        self.report.accepted.push(commit);
        Ok(())
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Copied {
    All,
    Some,
}

/// Snapshots to copy: nothing that is forgotten on either side, no checkpoints, nothing rejected.
fn wanted(
    here: &State,
    there: &State,
    which: &Which,
    prefixes: &Prefixes,
) -> Result<Vec<RecordName>, VaultError> {
    let live = |name: &RecordName| {
        let forgotten = |state: &State| state.commits.get(name).is_some_and(|one| one.forgotten);
        !forgotten(here) && !forgotten(there)
    };
    let names: Vec<RecordName> = match which {
        Which::All => {
            let good = here.listed().filter(|commit| {
                !matches!(commit.verdict, Verdict::Rejected(_)) && prefixes.takes(&commit.name)
            });
            good.map(|commit| commit.name).filter(live).collect()
        }
        Which::Named(names) => {
            for name in names {
                let known = here.commits.contains_key(name) && live(name);
                if !known {
                    return Err(VaultError::NoSnapshot(short(name)));
                }
            }
            names.iter().copied().collect()
        }
    };
    Ok(names)
}
