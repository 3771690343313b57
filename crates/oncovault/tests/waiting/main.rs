//! Rules that wait, with the real program on a clock that tests set: each is seen to hold just short
//! of its time, and to end after it. Built with the feature `test-clock` alone: `cargo xtask test` does.
#![allow(clippy::unwrap_used, reason = "a test may fail")]

mod crowd;
mod rules;
mod site;
