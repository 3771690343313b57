//! What is told while tasks are done: to a person, to a log, to a monitor.

use ov_policy::Period;
use ov_policy::schedule::Why;

use crate::config::Name;
use crate::history::Entry;
use crate::hook::{HookError, Point};
use crate::task::Task;

/// Something that happened. Names of tasks, numbers and exit codes alone: nothing of what is backed
/// up.
#[derive(Debug)]
pub enum Event<'e> {
    /// A task begins. Without a reason, because a person asked for it.
    Started {
        /// Which.
        task: &'e Task,
        /// Why.
        why: Option<Why>,
    },
    /// Another process is at work on it.
    Busy {
        /// Which.
        task: &'e Task,
    },
    /// It failed and is tried again.
    Retrying {
        /// Which.
        task: &'e Task,
        /// The exit code.
        exit: u8,
        /// After how long.
        wait: Period,
    },
    /// A hook failed.
    HookFailed {
        /// Of which task.
        task: &'e Task,
        /// Where it stands.
        point: Point,
        /// Why.
        error: &'e HookError,
    },
    /// The newest snapshot of a dataset is older than it may be.
    RpoMissed {
        /// Which.
        dataset: &'e Name,
        /// How old it is, seconds.
        age_seconds: i64,
        /// How old it may be.
        rpo: Period,
    },
    /// A task ended, and this was written down.
    Ended {
        /// What.
        entry: &'e Entry,
        /// The entry before it of the same task.
        before: Option<&'e Entry>,
    },
}

/// Who is told.
pub trait Observer {
    /// Takes note. What goes wrong in doing so must not stop the work.
    fn event(&mut self, event: &Event<'_>);
}

/// Tells several.
impl<O: Observer + ?Sized> Observer for Vec<Box<O>> {
    fn event(&mut self, event: &Event<'_>) {
        for observer in self {
            observer.event(event);
        }
    }
}
