//! Surveys of real folders, from the outside.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod folders;
mod page;
mod proposal;
