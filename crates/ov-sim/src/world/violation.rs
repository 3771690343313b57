//! What must never happen.

use ov_format::name::{ObjectName, RecordName};

/// A promise that was broken. The text says how far into the run it was found.
#[derive(Debug, thiserror::Error)]
pub enum Violation {
    /// A snapshot that an agent called done, or a keeper accepted, is not listed.
    #[error("{what} snapshot {} is gone from target {disk}", .snapshot.hash)]
    Gone {
        /// "an acknowledged" or "an accepted".
        what: &'static str,
        /// Which.
        snapshot: RecordName,
        /// Where.
        disk: usize,
    },
    /// A snapshot cannot be read back.
    #[error("{what} snapshot {} cannot be read from target {disk}: {why}", .snapshot.hash)]
    Unreadable {
        /// "an acknowledged" or "an accepted".
        what: &'static str,
        /// Which.
        snapshot: RecordName,
        /// Where.
        disk: usize,
        /// Why.
        why: String,
    },
    /// It restores, but as something else.
    #[error("{what} snapshot {} is another on target {disk}", .snapshot.hash)]
    Differs {
        /// "an acknowledged" or "an accepted".
        what: &'static str,
        /// Which.
        snapshot: RecordName,
        /// Where.
        disk: usize,
    },
    /// An object has other bytes than before.
    #[error("{object} was overwritten on target {disk}")]
    Overwritten {
        /// Which.
        object: ObjectName,
        /// Where.
        disk: usize,
    },
    /// Something was lost, and a check finds nothing wrong.
    #[error("{0} snapshots cannot be read from target {1}, and a check says that all is well")]
    Silent(usize, usize),
    /// It decayed, a copy had it whole, and a repair left it as it was.
    #[error("{0} is damaged after a repair from a whole copy")]
    NotMended(ObjectName),
    /// The target was set back, and who had seen the record was told of nothing.
    #[error("record {} is gone with what came after it, and nobody was told", .0.hash)]
    Unnoticed(RecordName),
    /// Nothing went wrong, and something was found wrong.
    #[error("a false alarm on target {disk}: {what}")]
    FalseAlarm {
        /// What was found.
        what: String,
        /// Where.
        disk: usize,
    },
    /// After all faults have ended, something still does not work.
    #[error("without any fault, {who} failed: {why}")]
    Stuck {
        /// Who.
        who: String,
        /// Why.
        why: String,
    },
    /// What nobody needs is still there.
    #[error("not freed: {0}")]
    NotFreed(String),
    /// The target cannot even be opened.
    #[error("target {disk} cannot be opened: {why}")]
    Closed {
        /// Where.
        disk: usize,
        /// Why.
        why: String,
    },
    /// A thread panicked.
    #[error("actor {0} panicked")]
    Panicked(usize),
    /// A seed ran twice and differed.
    #[error("the same seed gave two runs: {0}")]
    NotTheSame(String),
}
