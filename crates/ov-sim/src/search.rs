//! State-space search of the protocol by which agents and keepers share a target without locks.
//!
//! Small worlds are searched completely: every interleaving of every step of agents, keepers,
//! copiers and faults, with every listing that a lagging target may show. Actors decide by the
//! functions of [`ov_policy::prune`], the same that the engine calls. What is searched for, and
//! why it cannot be found, is told in `docs/decisions/0002-one-flag-protocol.md`.
//!
//! [`worlds::all`] names the worlds, [`explore::search`] searches one, [`bug::Bug`] lists the
//! planted bugs that must be found.

pub mod agent;
pub mod bug;
pub mod copier;
pub mod explore;
pub mod fair;
pub mod faults;
pub mod keeper;
pub mod listing;
pub mod state;
pub mod world;
pub mod worlds;

use self::state::State;
use self::world::World;

/// Takes each next state, with words for it that are made only when wanted.
pub type Sink<'s> = dyn FnMut(State, &dyn Fn() -> String) + 's;

/// Every step that anybody may take.
pub fn all_steps(state: &State, world: &World, sink: &mut Sink<'_>) {
    for a in (0..).take(state.agents.len()) {
        actor_steps(state, world, a, sink);
    }
    for k in (0..).take(state.keepers.len()) {
        keeper::steps(state, world, k, sink);
    }
    faults::steps(state, world, sink);
}

/// Every step of an agent, or of the copier in its place.
pub fn actor_steps(state: &State, world: &World, a: u8, sink: &mut Sink<'_>) {
    match &world.source {
        Some(source) => copier::steps(state, world, a, source, sink),
        None => agent::steps(state, world, a, sink),
    }
}

#[cfg(test)]
#[path = "search/search_tests.rs"]
mod tests;
