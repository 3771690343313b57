//! A simulated world: the real engine on seeded targets.
//!
//! Agents, keepers and an owner run the code that a release runs. Each is a thread, and exactly
//! one of them runs at a time, from one call of a target to the next ([`baton`]): so a seed is
//! one order of calls, and runs again the same way. Targets list late, fill up, lose answers;
//! actors die at any call; puts land much later ([`gate`], [`disk`], [`weather`]).
//!
//! After every round everything that was promised is read back and compared with an oracle that
//! shares no code with the engine ([`judge`], [`oracle`]); after the last one, all faults end, and
//! everything must work and what nobody needs must be freed ([`finale`]). [`bug`] lists bugs
//! planted around the engine that the world must find; [`shrink`] makes the story of a seed that
//! fails as short as it can be. `docs/faults.md` says which fault must be survived by whom.
//!
//! `docs/decisions/0003-simulated-world.md` tells what is covered, and what is not.

pub mod account;
pub mod actor;
pub mod baton;
pub mod bug;
pub mod cast;
mod decay;
pub mod dice;
pub mod disk;
mod elsewhere;
mod enemies;
pub mod files;
mod finale;
pub mod gate;
mod job;
pub mod judge;
mod liar;
mod machine;
pub mod oracle;
pub mod run;
pub mod shrink;
pub mod tally;
pub mod trace;
pub mod violation;
pub mod weather;

#[cfg(test)]
#[path = "world/world_tests.rs"]
mod tests;
