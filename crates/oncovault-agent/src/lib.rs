//! What a machine that is backed up does: it stores files, and reads nothing of what is stored.
//!
//! What it must never do: restore; nothing that could is linked with it. `oncovault-agent` is this and
//! the verbs of [`ov_terminal`]; `oncovault` takes its `backup` from here.
//!
//! The path through it: [`backup::run`] turns its arguments into a [`source`] and options, opens the
//! vault, lets `ov-backup` work and shows what came of it.

pub mod backup;
pub mod explain;
pub mod extract;
pub mod jobs;
pub mod source;
