//! Backups of real folders into a store in memory.
#![allow(clippy::unwrap_used, reason = "a test may fail")]

mod observer;
mod known;
mod site;
mod small_runs;
mod troubled;
