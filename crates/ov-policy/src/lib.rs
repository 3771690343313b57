//! Decisions as functions of values: what to keep, what to gather, what may be deleted.
//!
//! Nothing here reads a clock, a file or a network: times, sizes and records come in as arguments,
//! verdicts with their reasons go out. So every decision can be tested in a table, searched
//! exhaustively (`ov-sim`), and shown to a person before anything is done.
//!
//! - [`retention`]: which snapshots the rules keep, each with its reasons. The keeper's time of
//!   arrival counts, never an agent's.
//! - [`activity`]: whether a group behaves far outside its usual band, so that automatic
//!   forgetting waits for a person.
//! - [`repack`]: which packs are deleted whole, which are copied and gathered.
//! - [`prune`]: the rules by which agents and keepers share a target without locks. The engine
//!   and the state-space search call the same functions.
//! - [`forecast`]: how fast a target grows and when it is full, with how far that may be wrong.
//! - [`placement`]: whether copies are where the policy wants them, and what to do if not.
//! - [`schedule`]: when what returns runs next, so that an RPO holds.
//! - [`span`]: lengths of time as people write them (`2y5m7d3h`).
//!
//! This crate must never see plaintext, keys, or bytes from outside.

pub mod activity;
pub mod forecast;
pub mod placement;
pub mod prune;
pub mod reason;
pub mod repack;
pub mod retention;
pub mod schedule;
pub mod span;

pub use activity::{Alarm, Arrival, Band};
pub use reason::{Every, Reason};
pub use repack::{MaxUnused, PackUse, RepackOptions, RepackPlan};
pub use retention::{
    Bounds, Candidate, Emptying, GroupPlan, Plan, RetentionError, RuleError, Rules, TagList, Terms,
    Verdict,
};
pub use schedule::{Period, Schedule};
pub use span::{Span, SpanError};
