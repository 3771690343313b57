//! Rules that wait, with the real program on a clock that tests set: each is seen to hold just short
//! of its time, and to end after it. Built with the feature `test-clock` alone: `cargo xtask test` does.
#![allow(clippy::unwrap_used, reason = "a test may fail")]

mod crowd;
mod daily;
mod rules;
#[path = "../it/sink.rs"]
#[allow(dead_code, reason = "mail is tested without waiting")]
mod sink;
mod site;
mod standing;
