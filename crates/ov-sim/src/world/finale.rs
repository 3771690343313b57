//! After all faults have ended: everything works, and what nobody needs is freed.

use std::collections::BTreeSet;
use std::sync::Arc;

use ov_format::name::ObjectName;
use ov_store::Store;
use ov_vault::check::{Checking, Depth, check};
use ov_vault::{Silence, State, SystemClock, Vault};

use super::actor::Prune;
use super::cast::{Part, founded};
use super::job::Job;
use super::run::World;
use super::violation::Violation;

/// Prunes until everything that can go has gone: copies, condemns, deletes, and once more.
const PRUNES: u32 = 4;

/// Bytes that may remain beside the content: padding, trees, and what lies in half-used frames.
const ROOM: u64 = 2 << 20;

impl World {
    /// The fault-free continuation.
    pub(super) fn finale(&mut self) {
        let garbage = match self.weather.torn {
            true => Garbage::MayStay,
            false => Garbage::Goes,
        };
        self.stage.say("finale".to_owned());
        self.pass(300_000);
        let stormy = !self.weather.is_fine();
        self.weather = self.weather.calm();
        // Whoever makes a story shorter may leave out what led to its end, and not the end.
        self.left_out.clear();
        if stormy {
            self.tally.failures = self.tally.failures.max(1);
        }
        self.give_up();
        self.expose();
        self.backups();
        self.keep();
        let old: BTreeSet<_> = self.oracle.old().into_iter().collect();
        if !old.is_empty() {
            self.alone(Part::Owner, Job::Forget(old));
        }
        for _ in 0..PRUNES {
            self.keep();
        }
        self.backups();
        if self.weather.copy {
            self.alone(Part::Keeper(0), Job::Copy);
            self.alone(Part::Keeper(0), Job::Prune(1, how(self.weather.grace)));
        }
        self.judge();
        if self.weather.copy && self.violations.is_empty() {
            self.check_copied();
        }
        if self.violations.is_empty() {
            self.check_freed(garbage);
        }
        if self.violations.is_empty() && !stormy {
            self.check_all();
        }
    }

    fn alone(&mut self, part: Part, job: Job) {
        let jobs = vec![(part, job)];
        self.work(jobs);
    }

    fn backups(&mut self) {
        for number in (0..2).take(self.weather.agents) {
            self.alone(Part::Agent(number), Job::Backup);
        }
    }

    fn keep(&mut self) {
        let grace = self.weather.grace;
        let how = how(grace);
        for number in (0..2).take(self.weather.keepers) {
            self.alone(Part::Keeper(number), Job::Accept);
            self.alone(Part::Keeper(number), Job::Prune(0, how));
        }
        self.pass(grace + 100_000);
    }

    /// What is safe at home is complete on the copy.
    fn check_copied(&mut self) {
        let missing = self
            .oracle
            .safe()
            .filter(|(_, one)| !one.accepted.contains(&1));
        let what = "an acknowledged";
        let gone: Vec<_> = missing
            .map(|(name, _)| Violation::Gone {
                what,
                snapshot: *name,
                disk: 1,
            })
            .collect();
        self.violations.extend(gone);
    }

    /// What nobody needs is gone. What a torn record might need stays.
    fn check_freed(&mut self, garbage: Garbage) {
        let Some(disk) = self.stage.disks.first() else {
            return;
        };
        let store: Arc<dyn Store> = Arc::clone(disk) as Arc<dyn Store>;
        let Ok(vault) = Vault::open(store, founded().vault) else {
            return;
        };
        let state = State::of(&vault);
        let objects = disk.objects();
        let packs = objects
            .iter()
            .filter(|(name, _)| matches!(name, ObjectName::Pack(_)));
        let mut stored = 0;
        for (name, bytes) in packs {
            stored += u64::try_from(bytes.len()).unwrap_or(u64::MAX);
            if state.deleted.contains(&name.hash()) {
                let what = format!("{name} has a delete record and is there");
                self.violations.push(Violation::NotFreed(what));
            }
        }
        let room = self.needed_bytes() * 2 + ROOM;
        if stored > room && garbage == Garbage::Goes {
            let what = format!("{stored} bytes are stored where {room} would do");
            self.violations.push(Violation::NotFreed(what));
        }
    }

    /// Bytes of all different contents that must be there.
    fn needed_bytes(&self) -> u64 {
        let all = self.oracle.snapshots.values().filter(|one| !one.forgotten);
        let contents: BTreeSet<_> = all.flat_map(|one| one.files.values()).collect();
        contents
            .iter()
            .map(|bytes| u64::try_from(bytes.len()).unwrap_or(0))
            .sum()
    }

    /// Where nothing went wrong, a check finds nothing, to the last byte.
    fn check_all(&mut self) {
        let Some(disk) = self.stage.disks.first() else {
            return;
        };
        let store: Arc<dyn Store> = Arc::clone(disk) as Arc<dyn Store>;
        let Ok(mut vault) = Vault::open(store, founded().vault) else {
            return;
        };
        let checking = Checking {
            secrets: None,
            clock: &SystemClock,
            monitor: &Silence,
            verified: None,
        };
        match check(&mut vault, &checking, Depth::Read) {
            Ok(report) => {
                let alarm = |found: &ov_vault::check::Found| Violation::FalseAlarm {
                    what: found.finding.to_string(),
                    disk: 0,
                };
                self.violations.extend(report.findings.iter().map(alarm));
            }
            Err(error) => {
                let (who, why) = ("the last check".to_owned(), error.to_string());
                self.violations.push(Violation::Stuck { who, why });
            }
        }
    }
}

/// What becomes of packs that only an unreadable record names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Garbage {
    MayStay,
    Goes,
}

fn how(grace: i64) -> Prune {
    Prune {
        grace,
        small_packs_min: 3,
        unpublished_hours: 1,
    }
}
