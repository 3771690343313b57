//! A run: rounds of work in the weather of a seed, and what must come right afterwards.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use ov_backup::{BackupError, BackupReport};
use ov_format::name::ObjectName;
use ov_vault::Finding;
use ov_vault::check::CheckReport;
use tempfile::TempDir;

use super::actor::{Actor, Jumps, Prune};
use super::bug::Bug;
use super::cast::{FOUNDED, Part, founded, identity};
use super::dice::Dice;
use super::disk::{Disk, Written};
use super::enemies::Enemies;
use super::gate::{Errand, Stage, lock};
use super::job::{Done, Job, name_of, perform};
use super::judge::{Alarms, Problem, judge};
use super::machine::{Machine, RolledBack};
use super::oracle::Oracle;
use super::shrink::Without;
use super::tally::Tally;
use super::trace::Trace;
use super::violation::Violation;
use super::weather::{Memory, Weather};

/// Seconds between rounds: short ones let listings lag into the next round.
const GAPS: [i64; 6] = [5, 60, 900, 4_000, 90_000, 400_000];

/// What became of a run.
#[derive(Debug)]
pub struct Outcome {
    /// What was possible.
    pub weather: Weather,
    /// What happened.
    pub trace: Trace,
    /// What must never happen, and did.
    pub violations: Vec<Violation>,
    /// What it did, to see that nothing is dead.
    pub tally: Tally,
    /// How many errands there were, those left out among them.
    pub errands: u64,
}

impl Outcome {
    /// Whether a promise was broken.
    pub fn fails(&self) -> bool {
        !self.violations.is_empty()
    }

    /// What a person wants to read of the trace: who set out, what came of it, and the blows.
    pub fn story(&self) -> impl Iterator<Item = &String> {
        let told = |line: &&String| !line.contains(", target ");
        self.trace.lines().iter().filter(told)
    }
}

/// Runs a seed, with a planted bug or none. Ends at the first violation.
pub fn run(seed: u64, bug: Option<Bug>) -> Outcome {
    run_without(seed, bug, &Without::default())
}

/// Runs a seed, and leaves something out.
pub fn run_without(seed: u64, bug: Option<Bug>, without: &Without) -> Outcome {
    live(World::new(seed, bug, bug, without))
}

fn live(mut world: World) -> Outcome {
    for round in 0..world.weather.rounds {
        world.stage.say(format!("round {round}"));
        world.round();
        if !world.violations.is_empty() {
            return world.end();
        }
    }
    world.finale();
    world.end()
}

/// Runs a seed in the weather that suits a bug, without the bug: what fails here too is not its
/// doing.
pub fn run_control(seed: u64, bug: Bug) -> Outcome {
    live(World::new(seed, Some(bug), None, &Without::default()))
}

/// Runs a seed twice: the runs must be the same.
pub fn run_twice(seed: u64, without: &Without) -> Outcome {
    let run = || run_without(seed, None, without);
    let (mut first, second) = (run(), run());
    let difference = first.trace.first_difference(&second.trace);
    first
        .violations
        .extend(difference.map(Violation::NotTheSame));
    first
}

pub(super) struct World {
    pub seed: u64,
    pub weather: Weather,
    pub stage: Arc<Stage>,
    pub oracle: Oracle,
    pub machines: Vec<Machine>,
    pub violations: Vec<Violation>,
    pub tally: Tally,
    dice: Dice,
    images: Dice,
    persons: Dice,
    pub(super) decay: Dice,
    pub(super) enemies: Enemies,
    errands: u64,
    pub(super) left_out: BTreeSet<u64>,
    climate: Weather,
}

impl World {
    fn new(seed: u64, suits: Option<Bug>, bug: Option<Bug>, without: &Without) -> Self {
        let all = Weather::new(seed, suits);
        let weather = without
            .faults
            .iter()
            .fold(all, |left, fault| left.without(*fault));
        let disks = [Disk::default(), Disk::default()];
        for (name, bytes) in &founded().objects {
            // A fresh target takes what it is given.
            let _ = disks[0].put(name, bytes, FOUNDED, Written::Synced);
        }
        // The second one has its identity: two keepers who make one at the same time, or one who
        // does not see what it has just made, give it two.
        let (name, bytes) = identity(8);
        let _ = disks[1].put(&name, &bytes, FOUNDED, Written::Synced);
        let agent = |number: &u8| Part::Agent(*number).member();
        let keeper = |number: &u8| Part::Keeper(*number).member();
        let stage = Stage {
            disks: disks.into_iter().map(Arc::new).collect(),
            now: AtomicI64::new(FOUNDED + 1_000_000),
            bug,
            agents: [0, 1].iter().map(agent).collect(),
            keepers: [0, 1].iter().map(keeper).collect(),
            ..Stage::default()
        };
        let machine = |number| {
            let state = match weather.memory {
                Memory::None => None,
                _ => TempDir::new().ok(),
            };
            Machine::new(Part::Agent(number), state)
        };
        Self {
            seed,
            stage: Arc::new(stage),
            oracle: Oracle::default(),
            machines: (0..2).take(weather.honest_agents()).map(machine).collect(),
            violations: Vec::new(),
            tally: Tally::default(),
            dice: Dice::new(seed, "plan"),
            images: Dice::new(seed, "images"),
            persons: Dice::new(seed, "persons"),
            decay: Dice::new(seed, "decay"),
            enemies: Enemies::new(seed),
            errands: 0,
            left_out: without.errands.clone(),
            climate: weather.clone(),
            weather,
        }
    }

    fn end(self) -> Outcome {
        let trace = std::mem::take(&mut *lock(&self.stage.trace));
        Outcome {
            weather: self.climate,
            trace,
            violations: self.violations,
            tally: self.tally,
            errands: self.errands,
        }
    }

    fn round(&mut self) {
        self.set_back();
        self.plot();
        if self.persons.hits(700) {
            self.give_up();
            self.expose();
        }
        let rotten = self.rot();
        let mut jobs = match self.weather.forget && self.weather.prune && self.dice.hits(400) {
            true => self.contest(),
            false => self.jobs(),
        };
        if !rotten.is_empty() {
            // What decays at home while it is deleted from the copy is lost by right.
            jobs.retain(|(_, job)| !matches!(job, Job::Prune(1, _)));
        }
        self.deeds(&mut jobs);
        self.work(jobs);
        self.excuse();
        if self.weather.power_cuts && self.dice.hits(400) {
            self.stage.say("power cut".to_owned());
            self.stage.disks.iter().for_each(|disk| disk.cut_power());
        }
        let gap = self.dice.pick(&GAPS).copied().unwrap_or(0);
        self.pass(gap);
        self.mend(&rotten);
        self.judge();
    }

    /// Machines go back to earlier images of themselves.
    fn set_back(&mut self) {
        for machine in &mut self.machines {
            if self.weather.rollbacks
                && self.images.hits(400)
                && machine.roll_back() == RolledBack::Yes
            {
                self.tally.rolled_back += 1;
                let who = machine.part.actor();
                self.stage
                    .say(format!("the machine of actor {who} is set back"));
            }
        }
    }

    /// A person gives up records of which a dead actor left a part: no prune goes on before.
    pub(super) fn give_up(&mut self) {
        let torn = self.stage.disks.first().map(|disk| disk.torn_records());
        let torn = torn.unwrap_or_default();
        if !torn.is_empty() {
            self.work(vec![(Part::Owner, Job::GiveUp(torn.clone()))]);
            self.work(vec![(Part::Keeper(0), Job::GiveUp(torn))]);
        }
    }

    /// A snapshot that the owner restores while others work.
    fn restore(&mut self) -> Option<Job> {
        if !self.weather.readers {
            return None;
        }
        let safe: Vec<_> = self.oracle.safe().collect();
        let (name, one) = self.images.pick(&safe)?;
        Some(Job::Restore(**name, one.files.clone()))
    }

    /// Agents want again what keepers are about to delete.
    fn contest(&mut self) -> Vec<(Part, Job)> {
        let old: BTreeSet<_> = self.oracle.old().into_iter().collect();
        if !old.is_empty() {
            self.work(vec![(Part::Owner, Job::Forget(old))]);
        }
        let (abandoned, now) = (self.oracle.abandoned(), self.stage.now());
        let mut jobs = Vec::new();
        for machine in &mut self.machines {
            machine.files.change(&mut self.dice, self.seed, now);
            if let Some(bytes) = self.dice.pick(&abandoned).cloned() {
                machine.files.recall(&bytes, &mut self.dice, now);
            }
            jobs.push((machine.part, Job::Backup));
        }
        for number in (0..2).take(self.keepers()) {
            jobs.push((Part::Keeper(number), Job::Prune(0, self.prune())));
        }
        jobs.extend(self.restore().map(|job| (Part::Owner, job)));
        jobs
    }

    /// What is done in this round.
    fn jobs(&mut self) -> Vec<(Part, Job)> {
        let mut jobs = Vec::new();
        let now = self.stage.now();
        for machine in &mut self.machines {
            if self.dice.hits(750) {
                machine.files.change(&mut self.dice, self.seed, now);
                jobs.push((machine.part, Job::Backup));
            }
            if self.weather.memory == Memory::Lost && self.dice.hits(300) {
                machine.lose_state();
            }
        }
        for number in (0..2).take(self.keepers()) {
            let job = match self.dice.below(10) {
                0..5 if self.weather.prune => Job::Prune(0, self.prune()),
                5 => Job::Accept,
                6 => Job::Check,
                7 | 8 if self.weather.copy => Job::Copy,
                9 if self.weather.copy && self.has_copy() => Job::Prune(1, self.prune()),
                _ => continue,
            };
            jobs.push((Part::Keeper(number), job));
        }
        let old = self.oracle.old();
        if self.weather.forget && self.dice.hits(500) && !old.is_empty() {
            let some = old.into_iter().filter(|_| self.dice.hits(800)).collect();
            jobs.push((Part::Owner, Job::Forget(some)));
        } else {
            jobs.extend(self.restore().map(|job| (Part::Owner, job)));
        }
        // A check compares one listing with another: whoever deletes between them looks like loss.
        if jobs.iter().any(|(_, job)| matches!(job, Job::Check)) && self.weather.is_fine() {
            jobs.retain(|(_, job)| !matches!(job, Job::Prune(..)));
        }
        jobs
    }

    /// Whether a copy has come so far that a keeper can open it.
    fn has_copy(&self) -> bool {
        self.oracle
            .snapshots
            .values()
            .any(|one| one.accepted.contains(&1))
    }

    /// Keepers that are appointed.
    fn keepers(&self) -> usize {
        if self.enemies.revoked {
            1
        } else {
            self.weather.keepers
        }
    }

    fn prune(&mut self) -> Prune {
        Prune {
            grace: self.weather.grace,
            small_packs_min: 3 + self.dice.index(8),
            unpublished_hours: self.dice.below(3),
        }
    }

    /// Lets actors work at the same time.
    pub(super) fn work(&mut self, jobs: Vec<(Part, Job)>) {
        if self.stage.bug == Some(Bug::ChangesUnseen) {
            self.machines
                .iter_mut()
                .for_each(|machine| machine.files.hide_changes());
        }
        let begun = self.errands;
        let errands: Vec<_> = jobs.iter().map(|(part, _)| self.errand(*part)).collect();
        let all = (begun + 1..).zip(jobs).zip(errands);
        let (jobs, errands): (Vec<_>, Vec<_>) = all
            .filter(|((number, _), _)| !self.left_out.contains(number))
            .map(|((_, job), errand)| (job, errand))
            .unzip();
        for (part, job) in &jobs {
            let line = format!("actor {} sets out to {}", part.actor(), name_of(job));
            self.stage.say(line);
        }
        let (stage, seed) = (Arc::clone(&self.stage), self.seed);
        let machines = &self.machines;
        let mut turns = Dice::new(seed, &format!("turns {}", self.errands));
        let done: Vec<_> = std::thread::scope(|scope| {
            let mut threads = Vec::new();
            for ((part, job), (errand, actor)) in jobs.iter().zip(&errands) {
                let presence = stage.baton.enter(part.actor());
                let machine = machines.iter().find(|machine| machine.part == *part);
                let thread = scope.spawn(move || {
                    let _presence = presence;
                    perform(actor, job, machine)
                });
                threads.push((*part, job, errand, thread));
            }
            let mut clock = Dice::new(seed, "clock");
            stage
                .baton
                .conduct(&mut turns, || tick(&stage, clock.seconds(15)));
            let join =
                |(part, job, errand, thread): (_, _, _, std::thread::ScopedJoinHandle<_>)| {
                    (part, job, errand, thread.join().ok())
                };
            threads
                .into_iter()
                .map(join)
                .collect::<Vec<(_, &Job, &Arc<Errand>, _)>>()
        });
        for (part, job, errand, done) in done {
            self.digest(part, job, errand, done);
        }
    }

    fn errand(&mut self, part: Part) -> (Arc<Errand>, Actor) {
        self.errands += 1;
        let name = format!("errand {} of {}", self.errands, part.actor());
        let mut dice = Dice::new(self.seed, &name);
        let jumps = match self.weather.jumps {
            true => Jumps::Sometimes,
            false => Jumps::Never,
        };
        let weather = self.weather.clone();
        let errand = Errand::new(part.actor(), part.member(), weather, dice.roll());
        self.mislead(&errand);
        let errand = Arc::new(errand);
        let actor = Actor::new(&self.stage, &errand, part, jumps, dice.roll());
        (errand, actor)
    }

    fn digest(&mut self, part: Part, job: &Job, errand: &Errand, done: Option<Done>) {
        let who = format!("actor {} at {}", part.actor(), name_of(job));
        if let Job::Forget(names) = job
            && self.stage.bug != Some(Bug::ForgottenUnasked)
        {
            self.oracle.asked_to_forget(names);
        }
        if let Job::Lie(..) = job {
            self.enemies.lies.extend(errand.records());
        }
        let failed = match done {
            None => {
                self.violations.push(Violation::Panicked(part.actor()));
                return;
            }
            Some(Done::Backup(result)) => self.backed_up(part, errand, result),
            Some(Done::Kept(result)) => result.map(|tally| self.tally += tally),
            Some(Done::Checked(Ok(report))) => {
                self.checked(&report);
                Ok(())
            }
            Some(Done::Checked(Err(why))) => Err(why),
            Some(Done::Restored(read)) => {
                self.restored(job, read);
                return;
            }
        };
        let outcome = match &failed {
            Ok(()) => "done".to_owned(),
            Err(_) if errand.is_dead() => "died".to_owned(),
            Err(_) => "failed".to_owned(),
        };
        self.stage.say(format!("{who}: {outcome}"));
        let Err(why) = failed else { return };
        match errand.is_dead() {
            true => self.tally.crashes += 1,
            false => self.tally.failures += 1,
        }
        if self.weather.is_fine() && !is_excusable(&why) {
            self.violations.push(Violation::Stuck { who, why });
        }
    }

    fn backed_up(
        &mut self,
        part: Part,
        errand: &Errand,
        result: Result<BackupReport, BackupError>,
    ) -> Result<(), String> {
        let machine = self.machines.iter().find(|machine| machine.part == part);
        let files = machine
            .map(|machine| machine.files.contents())
            .unwrap_or_default();
        let tried = errand.records();
        let done = result.as_ref().ok().and_then(|report| report.snapshot);
        self.oracle.backed_up(&tried, &files, done);
        if result.is_err() && self.stage.bug == Some(Bug::FailureIsDone) {
            self.oracle.backed_up(&[], &files, tried.last().copied());
        }
        let report = result.map_err(|error| error.to_string())?;
        self.tally.backups += 1;
        self.tally.repeats += u64::from(report.passes.saturating_sub(1));
        Ok(())
    }

    /// A reader may find that something is missing, since others delete meanwhile and what it
    /// reads may be misread. It must never take something else for what it wants.
    fn restored(&mut self, job: &Job, read: Result<(), Problem>) {
        let Job::Restore(snapshot, _) = job else {
            return;
        };
        match read {
            Ok(()) => self.tally.restored += 1,
            Err(Problem::Differs) => self.violations.push(Violation::Differs {
                what: "a restored",
                snapshot: *snapshot,
                disk: 0,
            }),
            Err(Problem::Gone | Problem::Unreadable(_)) => {}
        }
    }

    fn checked(&mut self, report: &CheckReport) {
        if !self.weather.is_fine() || self.stage.bug.is_some() {
            return;
        }
        let all = report
            .findings
            .iter()
            .filter(|one| !self.is_late(&one.finding));
        let alarm = |found: &ov_vault::check::Found| Violation::FalseAlarm {
            what: found.finding.to_string(),
            disk: 0,
        };
        let alarms: Vec<_> = all.map(alarm).collect();
        self.violations.extend(alarms);
    }

    /// A commit whose agent was never told "done", and which lacks what was deleted meanwhile: it
    /// waits for its successor.
    fn is_late(&self, finding: &Finding) -> bool {
        let Finding::NoPlace(name, ..) = finding else {
            return false;
        };
        let known = self.oracle.snapshots.get(name);
        known.is_some_and(|one| !one.acknowledged)
    }

    /// Time passes.
    pub(super) fn pass(&mut self, seconds: i64) {
        tick(&self.stage, seconds);
    }

    pub(super) fn judge(&mut self) {
        let alarms = match self.weather.is_fine() && self.tally.crashes + self.tally.failures == 0 {
            true => Alarms::None,
            false => Alarms::Expected,
        };
        for (number, disk) in self.stage.disks.iter().enumerate() {
            let is_vault = |name: &ObjectName| matches!(name, ObjectName::Target(_));
            if disk.objects().keys().any(is_vault) {
                self.violations
                    .extend(judge(disk, number, &mut self.oracle, alarms));
            }
        }
    }
}

fn tick(stage: &Stage, seconds: i64) {
    let now = stage.now.fetch_add(seconds, Ordering::SeqCst) + seconds;
    for (number, disk) in stage.disks.iter().enumerate() {
        for name in disk.land(now) {
            let mut trace = lock(&stage.trace);
            let called = trace.called(&name);
            trace.say(format!("{now} {called} lands on target {number}"));
        }
    }
}

/// What may fail without any fault, because somebody else was quicker.
fn is_excusable(why: &str) -> bool {
    why.contains("out of date")
        || why.contains("the run was repeated")
        || why.contains("no snapshot is called")
}
