//! The real program, from the outside.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]
#![allow(clippy::print_stderr, reason = "a test says why it was skipped")]

mod automation;
mod backup;
mod bad_input;
mod crosswalk;
mod department;
mod discover;
mod json;
mod json_held;
mod keys;
mod locked;
mod maintenance;
mod memory;
mod packaged;
mod pacs;
mod patients;
mod questions;
mod restore;
mod sink;
mod telling;
mod unassigned;
mod worker;
mod world;
