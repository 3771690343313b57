//! Backups of real folders into a store in memory.
#![allow(clippy::unwrap_used, reason = "a test may fail")]

mod churn;
mod known;
mod observer;
mod shown;
mod site;
mod small_runs;
mod troubled;
