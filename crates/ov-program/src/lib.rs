//! Every day by itself: what is to be done, when it is due, who does it, and what came of it.
//!
//! - [`config`]: the file `oncovault.toml`, as values that cannot be misunderstood.
//! - [`due`]: when each task is due.
//! - [`event`]: what is told while it is done.
//! - [`forecast`]: the growth of a target, read from its records.
//! - [`history`]: what happened, a line for each task that was done.
//! - [`notify`]: telling others, who hear names of datasets, numbers and times alone.
//! - [`runner`]: does what is due through [`Jobs`], which each program fills with its verbs.
//! - [`service`]: what makes the operating system call it.
//! - [`status`]: how things stand, judged against the policy.
//! - [`task`]: what returns: a dataset, a copy, upkeep.
//!
//! This crate holds no keys and reads no content. What touches a vault is done by the verbs of the
//! program that is linked with it.

pub mod config;
pub mod due;
pub mod event;
pub mod forecast;
pub mod history;
pub mod hook;
pub mod lock;
pub mod machine;
pub mod notify;
pub mod runner;
pub mod service;
pub mod status;
pub mod task;

pub use config::{Config, ConfigError};
pub use due::Plan;
pub use event::Observer;
pub use history::History;
pub use machine::ThisMachine;
pub use runner::{Job, Jobs, Runner};
pub use task::Task;
