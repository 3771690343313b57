//! The contract over every kind of target, and what is special about each.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod answers;
mod folder;
mod model;
mod seaweed;
mod sftp;
mod shaky;
mod suite;
mod tls;
