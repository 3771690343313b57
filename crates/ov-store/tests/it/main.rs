//! The contract over every kind of target, and what is special about each.
#![allow(clippy::unwrap_used, reason = "a test may panic")]
#![allow(clippy::print_stderr, reason = "a test says why it was skipped")]

mod answers;
mod drive;
mod folder;
mod lock;
mod model;
mod rough;
mod seaweed;
mod served;
mod sftp;
mod shaky;
mod suite;
mod tls;
mod webdav;
