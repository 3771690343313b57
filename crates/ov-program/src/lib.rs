//! Every day by itself: what is to be done, when it is due, who does it, and what came of it.
//!
//! - [`config`]: the file `oncovault.toml`, as values that cannot be misunderstood.
//! - [`forecast`]: the growth of a target, read from its records.
//! - [`notify`]: telling others, who hear names of datasets, numbers and times alone.
//! - [`task`]: what returns: a dataset, a copy, upkeep.
//!
//! This crate holds no keys and reads no content. What touches a vault is done by the verbs of the
//! program that is linked with it.

pub mod config;
pub mod forecast;
pub mod notify;
pub mod task;

pub use config::{Config, ConfigError};
pub use task::Task;
