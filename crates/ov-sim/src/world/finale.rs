//! After all faults have ended: everything works, and what nobody needs is freed.

use std::collections::BTreeSet;
use std::sync::Arc;

use ov_format::name::ObjectName;
use ov_store::Store;
use ov_vault::check::{Checking, Depth, check};
use ov_vault::{Silence, State, SystemClock, Vault};

use super::actor::Prune;
use super::cast::{Part, founded};
use super::run::{Job, World};
use super::violation::Violation;

/// Prunes until everything that can go has gone: copies, condemns, deletes, and once more.
const PRUNES: u32 = 4;

/// Bytes that may remain beside the content: padding, trees, and what lies in half-used frames.
const ROOM: u64 = 2 << 20;

impl World {
    /// The fault-free continuation.
    pub(super) fn finale(&mut self) {
        let torn = self.weather.torn;
        self.stage.say("finale".to_owned());
        self.pass(300_000);
        let stormy = !self.weather.is_fine();
        self.weather = self.weather.calm();
        if stormy {
            self.tally.failures = self.tally.failures.max(1);
        }
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
        self.judge();
        if self.violations.is_empty() {
            self.check_freed(torn);
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
        let how = Prune { grace, small_packs_min: 3, unpublished_hours: 1 };
        for number in (0..2).take(self.weather.keepers) {
            self.alone(Part::Keeper(number), Job::Accept);
            self.alone(Part::Keeper(number), Job::Prune(how));
        }
        self.pass(grace + 100_000);
    }

    /// What nobody needs is gone. What a torn record might need stays.
    fn check_freed(&mut self, torn: bool) {
        let Some(disk) = self.stage.disks.first() else { return };
        let store: Arc<dyn Store> = Arc::clone(disk) as Arc<dyn Store>;
        let Ok(vault) = Vault::open(store, founded().vault) else { return };
        let state = State::of(&vault);
        let objects = disk.objects();
        let packs = objects.iter().filter(|(name, _)| matches!(name, ObjectName::Pack(_)));
        let mut stored = 0;
        for (name, bytes) in packs {
            stored += u64::try_from(bytes.len()).unwrap_or(u64::MAX);
            if state.deleted.contains(&name.hash()) {
                let what = format!("{name} has a delete record and is there");
                self.violations.push(Violation::NotFreed(what));
            }
        }
        let room = self.needed_bytes() * 2 + ROOM;
        if stored > room && !torn {
            let what = format!("{stored} bytes are stored where {room} would do");
            self.violations.push(Violation::NotFreed(what));
        }
    }

    /// Bytes of all different contents that must be there.
    fn needed_bytes(&self) -> u64 {
        let all = self.oracle.snapshots.values().filter(|one| !one.forgotten);
        let contents: BTreeSet<_> = all.flat_map(|one| one.files.values()).collect();
        contents.iter().map(|bytes| u64::try_from(bytes.len()).unwrap_or(0)).sum()
    }

    /// Where nothing went wrong, a check finds nothing, to the last byte.
    fn check_all(&mut self) {
        let Some(disk) = self.stage.disks.first() else { return };
        let store: Arc<dyn Store> = Arc::clone(disk) as Arc<dyn Store>;
        let Ok(mut vault) = Vault::open(store, founded().vault) else { return };
        let checking =
            Checking { secrets: None, clock: &SystemClock, monitor: &Silence, verified: None };
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
