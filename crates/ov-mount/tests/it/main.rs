//! Real folders backed up into a store in memory, mounted with the real kernel.
#![allow(clippy::unwrap_used, reason = "a test may fail")]
#![allow(clippy::print_stderr, reason = "a test says why it was skipped")]

mod damage;
mod site;
mod tree;
mod use_of_it;
