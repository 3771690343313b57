//! The simulated world: what the real engine cannot be asked to live through a million times.
//!
//! - [`search`]: the protocol of agents and keepers, searched state by state.
//! - [`world`]: the real engine on seeded targets that fail, with agents and keepers at once.

pub mod search;
pub mod world;
