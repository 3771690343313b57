//! Does what is due, and writes down what came of it.
//!
//! One path: what is due → one instance alone → hooks before → the work, tried again where that can
//! help → hooks after → a line in the history. Nothing here knows how a vault is written: that is
//! [`Jobs`], which each program fills with the verbs that it has.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::Timestamp;
use ov_policy::schedule::{Next, Why};
use thiserror::Error;

use crate::config::{Config, CopyPlace, Dataset, Hook, Name};
use crate::due::Plan;
use crate::event::{Event, Observer};
use crate::history::{Entry, History, HistoryError, Measures, Outcome};
use crate::hook::{HookError, Point};
use crate::lock::{LockError, TaskLock};
use crate::task::Task;

/// Busy, unreachable or failed for no reason that is known to last.
const WORTH_A_RETRY: [u8; 2] = [1, 11];
/// No vault there, or unreachable.
const NOT_THERE: [u8; 2] = [10, 11];
const FAILED: u8 = 1;
const BUSY: u8 = 11;
const INTERRUPTED: u8 = 130;

/// Work that a verb does.
#[derive(Clone, Copy, Debug)]
pub enum Job<'c> {
    /// Back a dataset up.
    Backup(&'c Dataset),
    /// Accept new snapshots.
    Accept,
    /// Bring a copy up to date.
    Copy(&'c CopyPlace),
    /// Renew locks.
    Lock,
    /// Let old snapshots go, by the rules of the configuration.
    Forget,
    /// Free space.
    Prune,
    /// Check, and read so much again of what was not read for longest.
    Check {
        /// Of all bytes, 1 to 100.
        percent: u8,
    },
    /// The same for a copy.
    CheckCopy {
        /// Which.
        place: &'c CopyPlace,
        /// Of all bytes, 1 to 100.
        percent: u8,
    },
}

/// How a job ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ended {
    /// The exit code of the verb; what it means is the same for every verb.
    pub exit: u8,
    /// What it counted.
    pub measures: Measures,
}

/// What a program can do.
pub trait Jobs {
    /// Whether this program and its key can do such a task.
    fn can(&self, task: &Task) -> bool;

    /// Does it. Errors are told to the person or the log by the verb itself.
    fn carry_out(&mut self, job: &Job<'_>) -> Ended;

    /// Whether somebody wants all to end.
    fn interrupted(&self) -> bool;
}

/// Time and programs of the machine.
pub trait Machine {
    /// Now.
    fn now(&self) -> Timestamp;

    /// Waits.
    fn wait(&mut self, time: Duration);

    /// Runs a hook to its end.
    ///
    /// # Errors
    /// Whatever ended otherwise than with success.
    fn hook(&mut self, hook: &Hook, told: &[(&str, String)]) -> Result<(), HookError>;
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Which {
    /// What is due.
    Due,
    /// All datasets that this program and key can back up, then what is due because of them.
    All,
    /// These datasets, then what is due because of them.
    Named(Vec<Name>),
}

/// Why nothing was done, or no more.
#[derive(Debug, Error)]
pub enum RunError {
    /// A dataset that the configuration does not have.
    #[error("the configuration has no dataset {name}; it has {}", list(.known))]
    NoDataset {
        /// The name asked for.
        name: Name,
        /// Those that there are.
        known: Vec<Name>,
    },
    /// A dataset that this program or its key cannot back up.
    #[error("this program, or its key, cannot back up dataset {0}")]
    NoAgent(Name),
    /// What happened cannot be read or written down.
    #[error(transparent)]
    History(#[from] HistoryError),
    /// A lock that cannot be made.
    #[error(transparent)]
    Lock(LockError),
}

fn list(names: &[Name]) -> String {
    let names: Vec<&str> = names.iter().map(Name::as_str).collect();
    names.join(", ")
}

/// What was done.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RunReport {
    /// What ended, in order.
    pub done: Vec<Entry>,
    /// What another process is at work on.
    pub busy: Vec<Task>,
    /// How many hooks failed.
    pub hooks_failed: usize,
    /// Whether it was interrupted.
    pub interrupted: bool,
}

impl RunReport {
    /// The exit code of all together: the first failure's; else whether something was busy, else
    /// whether something could not be read.
    pub fn exit(&self) -> u8 {
        let failed = self
            .done
            .iter()
            .find(|entry| matches!(entry.outcome, Outcome::Failed) && entry.exit != BUSY);
        let busy = self
            .done
            .iter()
            .any(|entry| entry.outcome == Outcome::Failed);
        match failed {
            _ if self.interrupted => INTERRUPTED,
            Some(entry) => entry.exit,
            None if self.hooks_failed > 0 => FAILED,
            None if busy || !self.busy.is_empty() => BUSY,
            None => self
                .done
                .iter()
                .map(|entry| entry.exit)
                .find(|exit| *exit == 3)
                .unwrap_or(0),
        }
    }
}

/// Who does it.
pub struct Runner<'r> {
    /// What is wanted.
    pub config: &'r Config,
    /// Differs between hosts.
    pub host: &'r str,
    /// What happened so far, in the folder of the local state of this vault.
    pub history: &'r mut History,
    /// What can be done.
    pub jobs: &'r mut dyn Jobs,
    /// Time and programs.
    pub machine: &'r mut dyn Machine,
    /// Who is told.
    pub observer: &'r mut dyn Observer,
}

impl Runner<'_> {
    /// Does what is wanted, and then what is due because of it.
    ///
    /// # Errors
    /// A dataset that is not there, or local state that cannot be written. What goes wrong with a
    /// task is in the report.
    pub fn run(&mut self, which: &Which) -> Result<RunReport, RunError> {
        self.history.reload()?;
        let mut report = RunReport::default();
        let mut tried = BTreeSet::new();
        for task in self.asked_for(which)? {
            tried.insert(task.clone());
            self.task(&task, None, &mut report)?;
        }
        if *which == Which::Due {
            self.tell_missed();
        }
        // What is done makes other things due, so it is asked anew each time.
        while !self.jobs.interrupted()
            && let Some((task, next)) = self.next_due(which, &tried)
        {
            tried.insert(task.clone());
            self.task(&task, Some(next), &mut report)?;
        }
        report.interrupted = self.jobs.interrupted();
        Ok(report)
    }

    /// What was asked for by name.
    fn asked_for(&self, which: &Which) -> Result<Vec<Task>, RunError> {
        let known = || self.config.dataset.iter().map(|d| d.name.value().clone());
        let names = match which {
            Which::Due => Vec::new(),
            Which::All => known()
                .filter(|name| self.jobs.can(&Task::Dataset(name.clone())))
                .collect(),
            Which::Named(names) => names.clone(),
        };
        let task = |name: Name| {
            let task = Task::Dataset(name.clone());
            if self.config.dataset(name.as_str()).is_none() {
                let known = known().collect();
                return Err(RunError::NoDataset { name, known });
            }
            match self.jobs.can(&task) {
                true => Ok(task),
                false => Err(RunError::NoAgent(name)),
            }
        };
        names.into_iter().map(task).collect()
    }

    fn plan(&self) -> Plan<'_> {
        Plan {
            config: self.config,
            history: self.history,
            host: self.host,
        }
    }

    /// The next thing to do, of what was not tried.
    fn next_due(&self, which: &Which, tried: &BTreeSet<Task>) -> Option<(Task, Next)> {
        let wanted = |task: &Task| match which {
            Which::Due => true,
            Which::All | Which::Named(_) => !matches!(task, Task::Dataset(_)),
        };
        let due = self.plan().due(self.machine.now());
        due.into_iter()
            .find(|(task, _)| wanted(task) && !tried.contains(task) && self.jobs.can(task))
    }

    /// Says which datasets are too old already.
    fn tell_missed(&mut self) {
        let now = self.machine.now();
        for dataset in &self.config.dataset {
            let task = Task::Dataset(dataset.name.value().clone());
            let (Some(rpo), Some(good)) = (&dataset.rpo, self.history.last_good(&task)) else {
                continue;
            };
            let age_seconds = now.duration_since(good.start).as_secs();
            if age_seconds > rpo.seconds() && self.jobs.can(&task) {
                self.observer.event(&Event::RpoMissed {
                    dataset: dataset.name.value(),
                    age_seconds,
                    rpo: *rpo.value(),
                });
            }
        }
    }

    /// One task, alone.
    fn task(
        &mut self,
        task: &Task,
        next: Option<Next>,
        report: &mut RunReport,
    ) -> Result<(), RunError> {
        if self.jobs.interrupted() {
            return Ok(());
        }
        let _alone = match TaskLock::take(self.history.folder(), task) {
            Ok(lock) => lock,
            Err(LockError::Busy(task)) => {
                self.observer.event(&Event::Busy { task: &task });
                report.busy.push(task);
                return Ok(());
            }
            Err(error) => return Err(RunError::Lock(error)),
        };
        // Another process may have done it while this one came here.
        self.history.reload()?;
        let now = self.machine.now();
        let due = || self.plan().next(task, now);
        if next.is_some() && !due().is_some_and(|next| next.is_due(now)) {
            return Ok(());
        }
        let why: Option<Why> = next.map(|next| next.why);
        self.observer.event(&Event::Started { task, why });
        let (ended, attempts, hooks_failed) = self.with_hooks(task, now);
        report.hooks_failed += hooks_failed;
        let before = self.history.of(task).next_back().cloned();
        let entry = self.entry(task, now, ended, attempts);
        let told_already = before.as_ref().is_some_and(|b| b.outcome == Outcome::Away);
        if entry.outcome == Outcome::Away && told_already {
            return Ok(());
        }
        self.history.append(entry.clone())?;
        self.observer.event(&Event::Ended {
            entry: &entry,
            before: before.as_ref(),
        });
        report.done.push(entry);
        Ok(())
    }

    fn entry(&self, task: &Task, start: Timestamp, ended: Ended, attempts: u32) -> Entry {
        let end = self.machine.now();
        let absent = self.is_offline(task) && NOT_THERE.contains(&ended.exit);
        let outcome = match absent {
            true => Outcome::Away,
            false => Outcome::of_exit(ended.exit),
        };
        Entry {
            task: task.clone(),
            start,
            end,
            outcome,
            exit: ended.exit,
            attempts,
            over_rpo_seconds: self.over_rpo(task, end),
            measures: ended.measures,
        }
    }

    /// Between two good runs the older one's snapshot was the newest until the younger one ended.
    fn over_rpo(&self, task: &Task, end: Timestamp) -> Option<i64> {
        let Task::Dataset(name) = task else {
            return None;
        };
        let rpo = self.config.dataset(name.as_str())?.rpo.as_ref()?.seconds();
        let age = end
            .duration_since(self.history.last_good(task)?.start)
            .as_secs();
        (age > rpo).then(|| age - rpo)
    }

    fn is_offline(&self, task: &Task) -> bool {
        matches!(task, Task::Copy(name) | Task::CheckCopy(name)
            if self.config.copy(name.as_str()).is_some_and(|copy| copy.offline))
    }

    /// The work with its hooks: how it ended, how often it was tried, how many hooks failed.
    fn with_hooks(&mut self, task: &Task, start: Timestamp) -> (Ended, u32, usize) {
        let hooks = match task {
            Task::Dataset(name) => self.config.dataset(name.as_str()).map(|d| &d.hooks),
            _ => None,
        };
        let Some(hooks) = hooks else {
            let (ended, attempts) = self.attempts(task);
            return (ended, attempts, 0);
        };
        let mut failed = self.hooks(task, Point::Before, &hooks.before, None);
        let (ended, attempts) = match failed {
            0 => self.attempts(task),
            _ => {
                let exit = FAILED;
                let measures = Measures::default();
                (Ended { exit, measures }, 0)
            }
        };
        let (point, list) = match Outcome::of_exit(ended.exit).is_good() {
            true => (Point::After, &hooks.after),
            false => (Point::Failed, &hooks.failed),
        };
        failed += self.hooks(task, point, list, Some((ended, start)));
        failed += self.hooks(task, Point::Finally, &hooks.finally, Some((ended, start)));
        (ended, attempts, failed)
    }

    /// Runs hooks; before a backup, none after the first that fails. Tells how many failed.
    fn hooks(
        &mut self,
        task: &Task,
        point: Point,
        hooks: &[Hook],
        ended: Option<(Ended, Timestamp)>,
    ) -> usize {
        let mut told = vec![
            ("OV_TASK", task.to_string()),
            ("OV_POINT", point.as_str().into()),
        ];
        if let Some((ended, start)) = ended {
            told.push(("OV_EXIT", ended.exit.to_string()));
            told.push(("OV_START", start.to_string()));
        }
        let mut failed = 0;
        for hook in hooks {
            let Err(error) = self.machine.hook(hook, &told) else {
                continue;
            };
            failed += 1;
            let error = &error;
            self.observer
                .event(&Event::HookFailed { task, point, error });
            if point == Point::Before {
                break;
            }
        }
        failed
    }

    /// The work, tried again where that can help. A verb that is run again goes on with what it had
    /// stored.
    fn attempts(&mut self, task: &Task) -> (Ended, u32) {
        let mut attempts = 0;
        loop {
            let ended = self.carry_out(task);
            attempts += 1;
            let again = WORTH_A_RETRY.contains(&ended.exit)
                && attempts <= u32::from(self.config.policy.retries)
                && !(self.is_offline(task) && NOT_THERE.contains(&ended.exit));
            if !again {
                return (ended, attempts);
            }
            let (exit, wait) = (ended.exit, *self.config.policy.retry_wait.value());
            self.observer.event(&Event::Retrying { task, exit, wait });
            if !self.wait(wait.to_std()) {
                let exit = INTERRUPTED;
                return (Ended { exit, ..ended }, attempts);
            }
        }
    }

    /// Whether it waited to the end.
    fn wait(&mut self, time: Duration) -> bool {
        let slice = Duration::from_secs(1);
        let mut left = time;
        while !left.is_zero() {
            if self.jobs.interrupted() {
                return false;
            }
            self.machine.wait(left.min(slice));
            left = left.saturating_sub(slice);
        }
        !self.jobs.interrupted()
    }

    fn carry_out(&mut self, task: &Task) -> Ended {
        let config = self.config;
        let job = match task {
            Task::Dataset(name) => config.dataset(name.as_str()).map(Job::Backup),
            Task::Copy(name) => config.copy(name.as_str()).map(Job::Copy),
            Task::Accept => Some(Job::Accept),
            Task::Lock => Some(Job::Lock),
            Task::Forget => Some(Job::Forget),
            Task::Prune => Some(Job::Prune),
            Task::Check => {
                let percent = self.share_read(task);
                Some(Job::Check { percent })
            }
            Task::CheckCopy(name) => {
                let percent = self.share_read(task);
                let place = config.copy(name.as_str());
                place.map(|place| Job::CheckCopy { place, percent })
            }
        };
        match job {
            Some(job) => self.jobs.carry_out(&job),
            // Tasks come from the configuration.
            None => Ended {
                exit: FAILED,
                ..Ended::default()
            },
        }
    }

    /// How much a check must read so that all is read within the cycle. After a long pause it reads
    /// so much more: a drive is not there every day.
    fn share_read(&self, task: &Task) -> u8 {
        let policy = &self.config.policy;
        let now = self.machine.now();
        let usual = policy.check.longest_gap(now, &policy.zone());
        let last = self.history.last_good(task);
        let since = last.map_or(0, |good| now.duration_since(good.start).as_secs());
        let gap = usual.max(since);
        let cycle = policy.check_cycle.seconds().max(1);
        let percent = gap.saturating_mul(100).saturating_add(cycle - 1) / cycle;
        u8::try_from(percent.clamp(1, 100)).unwrap_or(100)
    }
}

#[cfg(test)]
#[path = "runner_tests.rs"]
mod tests;
