//! Between the runner and those who are told: what happens to tasks, as messages.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::event::{Event as Happening, Observer};
use crate::history::{Entry, Outcome};
use crate::notify::{Act, Cause, Event, Fact, Label, Line, Message, NotTold, Notifier, Topic};
use crate::task::Task;

/// Lines of the log that are remembered of each task.
const LINES_MAX: usize = 50;

/// Tells others what the runner does.
pub struct Teller<'a> {
    notifier: Notifier<'a>,
    vault: Label,
    now: Box<dyn Fn() -> Timestamp + 'a>,
    warn: Box<dyn FnMut(&NotTold) + 'a>,
    log: BTreeMap<Task, Vec<Line>>,
}

impl<'a> Teller<'a> {
    /// `warn` is told whom a message did not reach.
    pub fn new(
        notifier: Notifier<'a>,
        vault: Label,
        now: impl Fn() -> Timestamp + 'a,
        warn: impl FnMut(&NotTold) + 'a,
    ) -> Self {
        Self {
            notifier,
            vault,
            now: Box::new(now),
            warn: Box::new(warn),
            log: BTreeMap::new(),
        }
    }

    fn note(&mut self, task: &Task, event: Event, facts: Vec<Fact>) {
        let line = Line {
            at: (self.now)(),
            act: act(task),
            subject: named(task),
            event,
            facts,
        };
        let lines = self.log.entry(task.clone()).or_default();
        lines.push(line);
        let extra = lines.len().saturating_sub(LINES_MAX);
        lines.drain(..extra);
    }

    fn tell(&mut self, subject: Label, event: Event, facts: Vec<Fact>, log: Vec<Line>) {
        let message = Message {
            event,
            vault: self.vault.clone(),
            subject,
            at: (self.now)(),
            facts,
            log,
        };
        for failed in self.notifier.tell(&message) {
            (self.warn)(&failed);
        }
    }

    fn ended(&mut self, entry: &Entry) {
        let event = event(entry);
        let facts = facts(entry);
        self.note(&entry.task, event, facts.clone());
        let log = self.log.remove(&entry.task).unwrap_or_default();
        let label = label(&entry.task);
        let fresh = entry.outcome.is_good() && entry.over_rpo_seconds.is_none();
        if fresh && self.notifier.troubled(&self.vault, &label, Topic::Age) {
            self.tell(
                label.clone(),
                Event::Well(Topic::Age),
                Vec::new(),
                Vec::new(),
            );
        }
        self.tell(label, event, facts, log);
    }
}

impl Observer for Teller<'_> {
    fn event(&mut self, happening: &Happening<'_>) {
        match happening {
            Happening::Started { task, .. } => {
                self.note(task, Event::Started, Vec::new());
                self.tell(label(task), Event::Started, Vec::new(), Vec::new());
            }
            Happening::Retrying { task, exit, .. } => {
                let failed = Event::Failed(Cause::of_exit(*exit));
                self.note(task, failed, vec![Fact::ExitCode(*exit)]);
            }
            Happening::HookFailed { task, .. } => {
                self.note(task, Event::Failed(Cause::Hook), Vec::new());
            }
            Happening::RpoMissed {
                dataset,
                age_seconds,
                rpo,
            } => {
                let age = u64::try_from(*age_seconds).unwrap_or(0);
                let allowed = u64::try_from(rpo.seconds()).unwrap_or(0);
                let facts = vec![Fact::AgeSeconds(age), Fact::AllowedSeconds(allowed)];
                self.tell(Label::of(dataset.as_str()), Event::Late, facts, Vec::new());
            }
            Happening::Ended { entry, .. } => self.ended(entry),
            Happening::Busy { .. } => {}
        }
    }
}

fn event(entry: &Entry) -> Event {
    match entry.outcome {
        // A drive that is away is where it should be.
        Outcome::Done | Outcome::Away => Event::Done,
        Outcome::Gaps => Event::Incomplete,
        Outcome::Interrupted => Event::Failed(Cause::Interrupted),
        Outcome::Failed => Event::Failed(Cause::of_exit(entry.exit)),
    }
}

fn facts(entry: &Entry) -> Vec<Fact> {
    let measures = &entry.measures;
    let files = measures
        .files_new
        .saturating_add(measures.files_changed)
        .saturating_add(measures.files_unmodified);
    let mut facts = vec![Fact::Seconds(u64::try_from(entry.seconds()).unwrap_or(0))];
    let counted = [
        (files, Fact::Files(files)),
        (
            measures.files_unreadable,
            Fact::FilesUnread(measures.files_unreadable),
        ),
        (
            measures.bytes_stored,
            Fact::BytesStored(measures.bytes_stored),
        ),
        (measures.errors, Fact::Errors(measures.errors)),
    ];
    facts.extend(
        counted
            .into_iter()
            .filter(|(count, _)| *count > 0)
            .map(|(_, fact)| fact),
    );
    if entry.exit != 0 {
        facts.push(Fact::ExitCode(entry.exit));
    }
    if entry.attempts > 1 {
        facts.push(Fact::Attempts(entry.attempts.into()));
    }
    facts
}

fn act(task: &Task) -> Act {
    match task {
        Task::Dataset(_) => Act::Backup,
        Task::Copy(_) => Act::Copy,
        Task::Accept => Act::Accept,
        Task::Lock => Act::Lock,
        Task::Forget => Act::Forget,
        Task::Prune => Act::Prune,
        Task::Check | Task::CheckCopy(_) => Act::Check,
    }
}

fn named(task: &Task) -> Option<Label> {
    match task {
        Task::Dataset(name) | Task::Copy(name) | Task::CheckCopy(name) => {
            Some(Label::of(name.as_str()))
        }
        _ => None,
    }
}

/// Datasets and copies go by their names, the rest by what it does. The check of a copy is told
/// apart from the copying: one may fail while the other goes well.
fn label(task: &Task) -> Label {
    if let Task::CheckCopy(name) = task {
        return Label::of(&format!("check-{name}"));
    }
    named(task).unwrap_or_else(|| Label::of(act(task).name()))
}

#[cfg(test)]
#[path = "teller_tests.rs"]
mod tests;
