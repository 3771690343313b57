//! The verbs that every program has: they need no more than a key file or a target.

pub mod config;
pub mod diagnose;
pub mod key;
pub mod manual;
pub mod run;
pub mod serve;
pub mod service;
pub mod status;
pub mod target;
pub mod version;
