//! Accepting: a keeper says which snapshots are complete on this target.

use std::collections::BTreeSet;

use ov_format::content::FrameRef;
use ov_format::entry::Time;
use ov_format::id::ObjectHash;
use ov_format::name::{ObjectName, RecordName};
use ov_format::pack::{TRAILER_BYTES, decode_trailer};
use ov_format::statement::Statement;
use ov_policy::prune::{Acceptance, Successor, Waited, acceptable, is_safe, may_give_up};

use crate::error::VaultError;
use crate::finding::{Finding, short};
use crate::graph::Needs;
use crate::keeper::{Keeper, Progress, Step};
use crate::mover::{Mover, is_loss};
use crate::state::{Commit, Verdict};
use crate::vault::Vault;
use crate::view::View;
use crate::witness::bear_witness;

/// Looks in one run: each rescue needs one more.
const LOOKS_MAX: u32 = 4;

/// What an accept found.
#[derive(Clone, Debug, Default)]
pub struct AcceptReport {
    /// Complete, and now said to be.
    pub accepted: Vec<RecordName>,
    /// Came too late: what they need was deleted before. Their agents run again.
    pub rejected: Vec<RecordName>,
    /// Late ones that a later snapshot has replaced: forgotten.
    pub given_up: Vec<RecordName>,
    /// Not to be judged before the grace of a deletion is over.
    pub waiting: Vec<RecordName>,
    /// Not complete, and not by anybody's intent: they stay open.
    pub incomplete: Vec<(RecordName, Finding)>,
    /// Frames that lay in condemned packs alone and were moved.
    pub rescued_frames: u64,
}

/// Judges every open snapshot whose home is this target. Checkpoints are not judged.
pub fn accept(
    vault: &mut Vault,
    keeper: &Keeper<'_>,
    grace_seconds: i64,
) -> Result<AcceptReport, VaultError> {
    keeper.require(vault, "accept snapshots")?;
    let mut report = AcceptReport::default();
    let mut judge = Judge {
        keeper,
        grace_seconds,
        arrival: keeper.clock.now(),
        trailers: BTreeSet::new(),
    };
    let mut view = View::read(vault, keeper, grace_seconds)?;
    for _ in 0..LOOKS_MAX {
        let rescue = judge.open_commits(vault, &view, &mut report)?;
        if rescue.is_empty() {
            judge.carried(vault, &view, &mut report)?;
            break;
        }
        report.rescued_frames += move_frames(vault, keeper, &view, &rescue)?;
        view.look_again(vault, keeper)?;
    }
    if !report.waiting.is_empty() {
        bear_witness(vault, keeper.writer, keeper.clock)?;
    }
    for (name, finding) in &report.incomplete {
        let text = format!("snapshot {} is not complete here: {finding}", short(name));
        keeper.monitor.notice(&text);
    }
    Ok(report)
}

fn move_frames(
    vault: &mut Vault,
    keeper: &Keeper<'_>,
    view: &View,
    frames: &BTreeSet<FrameRef>,
) -> Result<u64, VaultError> {
    let mut mover = Mover::new(vault, keeper)?;
    let store = vault.store().clone();
    let lost = mover.add(vault, &*store, &view.graph, frames)?;
    mover.publish(vault)?;
    let saved = frames.len().saturating_sub(lost.len());
    Ok(u64::try_from(saved).unwrap_or(u64::MAX))
}

fn open_commits(vault: &Vault, view: &View) -> Vec<RecordName> {
    let open = view.state.commits.values().filter(|commit| {
        commit.name.log.target == vault.target()
            && !commit.partial
            && !commit.forgotten
            // A rejected one is judged again: a later one may have taken its place.
            && commit.verdict != Verdict::Accepted
    });
    open.map(|commit| commit.name).collect()
}

fn carried_commits(vault: &Vault, view: &View) -> Vec<RecordName> {
    let carried = vault.logs().all().filter(|said| {
        let own = matches!(
            said.statement,
            Statement::Commit {
                partial: false,
                accepted: Some(_),
                ..
            }
        );
        let state = view.state.commits.get(&said.name);
        let counts = |one: &Commit| !one.forgotten && one.verdict == Verdict::Accepted;
        own && said.name.log.target == vault.target() && state.is_some_and(counts)
    });
    carried.map(|said| said.name).collect()
}

enum Judged {
    Complete { frames: u64, bytes: u64 },
    Rescue(BTreeSet<FrameRef>),
    Wait,
    Late(Acceptance<FrameRef>),
    Incomplete(Finding),
}

struct Judge<'a> {
    keeper: &'a Keeper<'a>,
    grace_seconds: i64,
    /// The keeper's time at its first listing.
    arrival: Time,
    /// Packs whose trailer was read.
    trailers: BTreeSet<ObjectHash>,
}

impl Judge<'_> {
    /// Judges all open commits. Returns frames that must be moved first.
    fn open_commits(
        &mut self,
        vault: &mut Vault,
        view: &View,
        report: &mut AcceptReport,
    ) -> Result<BTreeSet<FrameRef>, VaultError> {
        report.waiting.clear();
        report.incomplete.clear();
        let mut rescue = BTreeSet::new();
        let mut late_ones = Vec::new();
        let open = open_commits(vault, view);
        for (done, name) in (1u64..).zip(&open) {
            match self.commit(vault, view, name)? {
                Judged::Complete { frames, bytes } => {
                    self.say_accepted(vault, view, name, frames, bytes)?;
                    report.accepted.push(*name);
                }
                Judged::Rescue(frames) => rescue.extend(frames),
                Judged::Wait => report.waiting.push(*name),
                Judged::Late(late) => late_ones.push((*name, late)),
                Judged::Incomplete(finding) => report.incomplete.push((*name, finding)),
            }
            self.keeper.monitor.progress(Progress {
                step: Step::Reading,
                done,
                total: u64::try_from(open.len()).unwrap_or(u64::MAX),
                bytes: 0,
            });
        }
        // Last, since what was just accepted may have taken their places.
        for (name, late) in late_ones {
            self.turn_down(vault, view, &name, &late, report)?;
        }
        Ok(rescue)
    }

    fn say_accepted(
        &self,
        vault: &mut Vault,
        view: &View,
        name: &RecordName,
        frames: u64,
        bytes: u64,
    ) -> Result<(), VaultError> {
        let accept = Statement::Accept {
            commit: *name,
            arrival: view.state.commits[name].arrival.unwrap_or(self.arrival),
            frames,
            bytes,
        };
        let (writer, clock) = (self.keeper.writer, self.keeper.clock);
        vault.append(writer, clock, accept, Vec::new(), &[])?;
        Ok(())
    }

    fn commit(
        &mut self,
        vault: &Vault,
        view: &View,
        name: &RecordName,
    ) -> Result<Judged, VaultError> {
        let mut needs = Needs::default();
        if let Err(finding) = view.graph.add_needs(name, &mut needs) {
            return Ok(Judged::Incomplete(finding));
        }
        if let Some(finding) = self.check_trailers(vault, &view.state.commits[name])? {
            return Ok(Judged::Incomplete(finding));
        }
        let used: BTreeSet<FrameRef> = view.graph.needed(&needs).into_iter().collect();
        let verdict = acceptable(view, &used, self.waited(view, &used));
        Ok(match verdict {
            Acceptance::Accept => Judged::Complete {
                frames: u64::try_from(used.len()).unwrap_or(u64::MAX),
                bytes: stored_bytes(view, &used),
            },
            Acceptance::Rescue(frames) => Judged::Rescue(frames),
            Acceptance::Wait(_) => Judged::Wait,
            Acceptance::Missing(frames) => Judged::Incomplete(missing(name, &frames)),
            late @ Acceptance::Late(_) => Judged::Late(late),
        })
    }

    /// Commits that carry their own accept were put before their agent looked. Where it found
    /// that it must run again, the first one is late, and stands there as if it were whole.
    fn carried(
        &mut self,
        vault: &mut Vault,
        view: &View,
        report: &mut AcceptReport,
    ) -> Result<(), VaultError> {
        let names = carried_commits(vault, view);
        let mut needs = Needs::default();
        for name in &names {
            let _ = view.graph.add_needs(name, &mut needs);
        }
        if view
            .graph
            .needed(&needs)
            .iter()
            .all(|frame| is_safe(view, frame))
        {
            return Ok(());
        }
        for name in names {
            if let Judged::Late(late) = self.commit(vault, view, &name)? {
                let text = format!("snapshot {} came too late and was run again", short(&name));
                self.keeper.monitor.notice(&text);
                self.turn_down(vault, view, &name, &late, report)?;
            }
        }
        Ok(())
    }

    /// Each pack that the commit brought ends as a pack does: it was not cut short.
    fn check_trailers(
        &mut self,
        vault: &Vault,
        commit: &Commit,
    ) -> Result<Option<Finding>, VaultError> {
        for pack in &commit.packs {
            if self.trailers.contains(&pack.hash) {
                continue;
            }
            let name = ObjectName::Pack(pack.hash);
            let tail = u64::try_from(TRAILER_BYTES).unwrap_or(u64::MAX);
            let at = pack.length.saturating_sub(tail);
            let read = vault.store().get_range(&name, at, TRAILER_BYTES);
            match read.map_err(VaultError::from) {
                Ok(bytes) => {
                    let trailer = bytes.first_chunk::<TRAILER_BYTES>();
                    if trailer.is_none_or(|trailer| decode_trailer(trailer).is_err()) {
                        return Ok(Some(Finding::Damaged(name)));
                    }
                    self.trailers.insert(pack.hash);
                }
                // Where its frames are now is what the rules ask.
                Err(error) if is_loss(&error) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(None)
    }

    /// Whether a grace has passed since the youngest delete record of a place of these frames.
    fn waited(&self, view: &View, used: &BTreeSet<FrameRef>) -> Waited {
        let last = self.arrival.seconds.saturating_sub(self.grace_seconds);
        let places = used.iter().flat_map(|frame| view.graph.places(frame));
        let mut times = places.filter_map(|place| view.state.delete_times.get(&place.pack));
        let old = |since: &Option<Time>| since.is_some_and(|since| since.seconds <= last);
        match self.grace_seconds == 0 || times.all(old) {
            true => Waited::Grace,
            false => Waited::NotYet,
        }
    }

    fn turn_down(
        &self,
        vault: &mut Vault,
        view: &View,
        name: &RecordName,
        late: &Acceptance<FrameRef>,
        report: &mut AcceptReport,
    ) -> Result<(), VaultError> {
        let commit = &view.state.commits[name];
        let (writer, clock) = (self.keeper.writer, self.keeper.clock);
        if may_give_up(late, successor(view, commit, &report.accepted)) {
            let forget = Statement::Forget(vec![*name]);
            vault.append(writer, clock, forget, Vec::new(), &[])?;
            report.given_up.push(*name);
            return Ok(());
        }
        if commit.verdict == Verdict::Open {
            let reason = "data that it uses was deleted before it was there".to_owned();
            let text = format!("snapshot {} came too late: {reason}", short(name));
            self.keeper.monitor.notice(&text);
            let commit = *name;
            let reject = Statement::Reject { commit, reason };
            vault.append(writer, clock, reject, Vec::new(), &[])?;
        }
        report.rejected.push(*name);
        Ok(())
    }
}

fn successor(view: &View, late: &Commit, accepted: &[RecordName]) -> Successor {
    let dataset = |name: &RecordName| view.graph.root(name).map(|root| root.dataset);
    let own = dataset(&late.name);
    let found = view.state.commits.values().any(|commit| {
        commit.name.log == late.name.log
            && commit.name.number > late.name.number
            && (commit.verdict == Verdict::Accepted || accepted.contains(&commit.name))
            && !commit.forgotten
            && !commit.partial
            && dataset(&commit.name) == own
    });
    match found {
        true => Successor::Accepted,
        false => Successor::NoneYet,
    }
}

/// Stored bytes of frames: each once, wherever it lies.
pub(crate) fn stored_bytes(view: &View, used: &BTreeSet<FrameRef>) -> u64 {
    let length = |frame: &FrameRef| {
        let places = view.graph.places(frame);
        places
            .last()
            .map_or(0, |place| u64::from(place.stored.length))
    };
    used.iter().map(length).sum()
}

pub(crate) fn missing(name: &RecordName, frames: &BTreeSet<FrameRef>) -> Finding {
    let first = frames.first().copied();
    let frame = first.unwrap_or(FrameRef {
        segment: ov_format::id::SegmentId([0; 32]),
        frame: 0,
    });
    Finding::NoPlace(*name, frame.segment, frame.frame)
}
