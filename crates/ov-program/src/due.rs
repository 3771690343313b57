//! When each task is due, from the configuration and what happened so far.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use ov_policy::schedule::{self, Next, Terms};
use ov_policy::{Period, Schedule};
use ov_store::LockDays;

use crate::config::{Config, Fetched};
use crate::history::History;
use crate::task::Task;

/// What decides when tasks are due.
#[derive(Debug)]
pub struct Plan<'p> {
    /// What is wanted.
    pub config: &'p Config,
    /// What happened.
    pub history: &'p History,
    /// Differs between hosts: where all had the same, all would begin at once.
    pub host: &'p str,
}

impl Plan<'_> {
    /// All tasks, in the order in which they are done: first what makes snapshots, then what makes
    /// them count, then what brings them elsewhere, then what frees space, then what looks whether
    /// all is whole.
    pub fn tasks(&self) -> Vec<Task> {
        let config = self.config;
        let named = |name: &crate::config::Worded<crate::config::Name>| name.value().clone();
        let datasets = config.dataset.iter();
        let mut tasks: Vec<Task> = datasets.map(|d| Task::Dataset(named(&d.name))).collect();
        tasks.push(Task::Accept);
        let pushed = || config.copy.iter().filter(|copy| copy.by == Fetched::Push);
        tasks.extend(pushed().map(|copy| Task::Copy(named(&copy.name))));
        if config.lock().is_some() {
            tasks.push(Task::Lock);
        }
        let own = config.dataset.iter().any(|d| d.retention.is_some());
        if own || config.policy.retention.is_some() {
            tasks.push(Task::Forget);
        }
        tasks.extend([Task::Prune, Task::Check]);
        tasks.extend(pushed().map(|copy| Task::CheckCopy(named(&copy.name))));
        tasks
    }

    /// When a task runs next, and why; never by itself where nothing says when.
    pub fn next(&self, task: &Task, now: Timestamp) -> Option<Next> {
        self.judge(task, |terms| {
            schedule::next(terms, &self.history.past(task), now)
        })
    }

    /// Whether a task's RPO can hold, as far as one knows how long it takes.
    pub fn can_hold(&self, task: &Task) -> bool {
        self.judge(task, schedule::can_hold)
    }

    /// What is due now, datasets by their deadlines.
    pub fn due(&self, now: Timestamp) -> Vec<(Task, Next)> {
        let next = |task: Task| {
            let next = self.next(&task, now).filter(|next| next.is_due(now))?;
            Some((task, next))
        };
        let mut due: Vec<_> = self.tasks().into_iter().filter_map(next).collect();
        // Sorting keeps the order of what is equal.
        due.sort_by_key(|(task, _)| self.deadline(task));
        due
    }

    /// Datasets that will be too old first come first, and before all else.
    fn deadline(&self, task: &Task) -> (bool, Timestamp) {
        let Task::Dataset(name) = task else {
            return (true, Timestamp::MIN);
        };
        let rpo = self
            .config
            .dataset(name.as_str())
            .and_then(|d| d.rpo.as_ref());
        let deadline = match (rpo, self.history.last_good(task)) {
            (Some(_), None) => Timestamp::MIN,
            (Some(rpo), Some(good)) => good
                .start
                .saturating_add(jiff::SignedDuration::from_secs(rpo.seconds()))
                .unwrap_or(Timestamp::MAX),
            (None, _) => Timestamp::MAX,
        };
        (false, deadline)
    }

    fn judge<T>(&self, task: &Task, with: impl FnOnce(&Terms<'_>) -> T) -> T {
        let policy = &self.config.policy;
        let zone: TimeZone = policy.zone();
        let schedule: Option<&Schedule> = self.schedule(task);
        let rpo = match task {
            Task::Dataset(name) => self
                .config
                .dataset(name.as_str())
                .and_then(|dataset| dataset.rpo.as_ref())
                .map(|rpo| *rpo.value()),
            Task::Copy(name) => self
                .config
                .copy(name.as_str())
                .map(|copy| *copy.max_age.value()),
            Task::Lock => self.config.lock().map(lock_age),
            _ => None,
        };
        with(&Terms {
            schedule,
            rpo,
            asked: self.asked(task),
            predicted_seconds: self.history.predicted_seconds(task),
            tick_seconds: policy.tick.seconds(),
            spread_seconds: policy.spread.seconds(),
            seed: seed(self.host, task),
            zone: &zone,
        })
    }

    fn schedule(&self, task: &Task) -> Option<&Schedule> {
        let config = self.config;
        let worded = match task {
            Task::Dataset(name) => config.dataset(name.as_str())?.schedule.as_ref()?,
            Task::Copy(name) => config.copy(name.as_str())?.schedule.as_ref()?,
            Task::Accept => &config.policy.accept,
            // Follows from the length of the locks.
            Task::Lock => return None,
            Task::Forget => &config.policy.forget,
            Task::Prune => &config.policy.prune,
            Task::Check | Task::CheckCopy(_) => &config.policy.check,
        };
        Some(worded.value())
    }

    /// Since when there is something for a task that does not follow a schedule alone.
    fn asked(&self, task: &Task) -> Option<Timestamp> {
        let follows = match task {
            Task::Accept => true,
            Task::Copy(name) => self.config.copy(name.as_str())?.schedule.is_none(),
            _ => false,
        };
        let makes = |task: &Task| matches!(task, Task::Dataset(_));
        let entries = self.history.entries().iter().rev();
        let mut made = entries.filter(|entry| makes(&entry.task) && entry.outcome.is_good());
        follows.then(|| made.next().map(|entry| entry.end))?
    }
}

/// How old the last renewal of locks may become: a sixth of their length. Renewed is what has less
/// than two thirds left, so half of every lock is left when a keeper falls silent.
fn lock_age(lock: LockDays) -> Period {
    Period::from_hours(lock.days().saturating_mul(4))
}

/// Always the same for a host and a task.
fn seed(host: &str, task: &Task) -> u64 {
    let hash = blake3::hash(format!("{host}\0{task}").as_bytes());
    let (first, _) = hash.as_bytes().split_at(8);
    first
        .iter()
        .fold(0, |seed, byte| seed << 8 | u64::from(*byte))
}
