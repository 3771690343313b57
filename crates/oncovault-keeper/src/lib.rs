//! What a machine that maintains a vault does: accept, check, forget, hold, free, copy and repair,
//! without opening content or a name.
//!
//! What it must never do: read; nothing that could is linked with it. `oncovault-keeper` is this and
//! the verbs of [`ov_terminal`]; `oncovault` takes from here what a reader's key adds nothing to, and
//! builds on it where such a key sees more (`check`, `forget`).
//!
//! The path through it: every verb opens the vault as [`Keeping`], lets `ov-vault` plan and work, and
//! shows plan and report, one file per verb.

pub mod accept;
pub mod check;
pub mod copy;
pub mod forget;
pub mod hold;
pub mod jobs;
pub mod keeping;
pub mod lock;
pub mod planning;
pub mod prune;
mod prune_file;
pub mod repair;
mod repair_file;
pub mod rescan;
pub mod snapshots;
pub mod stats;

pub use keeping::Keeping;
