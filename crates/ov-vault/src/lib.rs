//! The sealed objects in a store: logs, packs, tables; all that a keeper does.
//!
//! What it must never do: open a compartment. It sees ids, graph and sealed bytes, never content
//! or names; it depends on nothing that could.
//!
//! The path through it: [`Vault::open`] reads the logs and folds them into the [`head`] and the
//! [`state`]; [`append`] adds a statement; [`pack_writer`] fills packs; [`graph`] knows what
//! snapshots need; [`accept`],
//! [`check`], [`forget`], [`prune`], [`copy`], [`repair`] and [`relock`] maintain.

pub mod accept;
pub mod append;
pub mod check;
mod check_packs;
pub mod claims;
mod clock;
pub mod copy;
mod copy_logs;
mod directory;
pub mod error;
mod fetch;
pub mod finding;
pub mod forget;
mod forget_plan;
pub mod frames;
pub mod give_up;
pub mod graph;
pub mod head;
pub mod hold;
pub mod keeper;
pub mod logs;
mod mover;
pub mod pack_writer;
mod pending;
pub mod prune;
mod prune_run;
pub mod relock;
pub mod repair;
pub mod rescan;
mod rights;
pub mod secrets;
pub mod section;
pub mod state;
pub mod table;
pub mod vault;
pub mod verified;
mod view;
mod witness;

pub use clock::{Clock, SystemClock};
#[cfg(feature = "test-clock")]
pub use clock::{NotANumber, TestClock};
pub use error::VaultError;
pub use finding::Finding;
pub use keeper::{Keeper, Monitor, Progress, Silence, Step};
pub use state::State;
pub use vault::Vault;
pub use witness::Witnesses;
