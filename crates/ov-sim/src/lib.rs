//! The simulated world: what the real engine cannot be asked to live through a million times.
//!
//! - [`search`]: the protocol of agents and keepers, searched state by state.

pub mod search;
