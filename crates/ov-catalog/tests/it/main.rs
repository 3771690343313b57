//! Catalogs as a backup makes them, over a store in memory, and what is found in them.
#![allow(clippy::unwrap_used, reason = "a test may fail")]
#![allow(clippy::print_stderr, reason = "a test says why it was skipped")]

mod asking;
mod copy;
mod linking;
mod real;
mod server;
mod site;
