//! From here on without faults: does everybody finish, and is the garbage gone?

use super::listing::{Viewer, listings};
use super::state::{
    ATTEMPTS, AgentStage, KEEPER_PACKS, KeeperStage, Mask, PACKS, Rec, State, Violation, bits, has,
};
use super::world::World;
use super::{actor_steps, faults, keeper};

/// Steps after which a world that has not come to rest never will.
const STEPS_MAX: usize = 400;

/// Lets everybody finish in turn, agents first, with all listings complete and nobody dying.
pub fn check(state: &State, world: &World) -> Option<Violation> {
    let mut world = world.clone();
    world.attempts = ATTEMPTS;
    world.keeper_packs = KEEPER_PACKS;
    world.jumps = false;
    let mut state = state.clone();
    for keeper in &mut state.keepers {
        keeper.plans = u8::MAX;
    }
    for a in (0..).take(state.agents.len()) {
        if !finish_agent(&mut state, &world, a) {
            return Some(Violation::AgentStuck { agent: a });
        }
    }
    if state.keepers.is_empty() {
        return None;
    }
    for _ in 0..STEPS_MAX {
        rest(&mut state, &world);
        match keeper_step(&state, &world) {
            Some(next) => state = next,
            None => return garbage(&state, &world),
        }
    }
    Some(Violation::NoRest)
}

/// Time passes until every record is old.
fn rest(state: &mut State, world: &World) {
    while let Some(next) = first(|sink| faults::tick(state, world, sink)) {
        *state = next;
    }
}

fn first(steps: impl FnOnce(&mut super::Sink<'_>)) -> Option<State> {
    let mut found = None;
    steps(&mut |next, _| {
        found.get_or_insert(next);
    });
    found
}

fn finish_agent(state: &mut State, world: &World, a: u8) -> bool {
    for _ in 0..STEPS_MAX {
        rest(state, world);
        match first(|sink| actor_steps(state, world, a, sink)) {
            Some(next) => *state = next,
            None => break,
        }
    }
    state.agents[usize::from(a)].stage == AgentStage::Done
}

/// The next useful step of any keeper: what is under way, then deletions, verdicts, new plans.
fn keeper_step(state: &State, world: &World) -> Option<State> {
    let keepers = || (0..).take(state.keepers.len());
    let busy = |k: &u8| state.keepers[usize::from(*k)].stage != KeeperStage::Idle;
    if let Some(k) = keepers().find(busy) {
        return first(|sink| keeper::steps(state, world, k, sink));
    }
    keepers().find_map(|k| first(|sink| useful(state, world, k, sink)))
}

fn useful(state: &State, world: &World, k: u8, sink: &mut super::Sink<'_>) {
    for seen in listings(state, world, Viewer::Keeper(k)) {
        for pack in bits(seen.condemned_packs()) {
            keeper::look(state, world, k, &seen, pack, sink);
        }
        for (commit, used, _) in seen.commits() {
            keeper::judge(state, world, k, &seen, (commit, used), sink);
        }
        for pack in (0..).take(PACKS) {
            if has(garbage_packs(state), pack) {
                keeper::plan(state, world, k, &seen, pack, sink);
            }
        }
    }
}

/// Packs in which nothing is used by a commit that is neither forgotten nor rejected.
fn garbage_packs(state: &State) -> Mask {
    let used = state.recs.iter().fold(0, |all, stamped| match stamped.rec {
        Rec::Commit { commit, used, .. }
            if !state.holds(Rec::Forget { commit }) && !state.holds(Rec::GiveUp { commit }) =>
        {
            all | used
        }
        _ => all,
    });
    let unused = |pack: &u8| state.contents[usize::from(*pack)] & used == 0;
    bits(state.present)
        .filter(unused)
        .fold(0, |all, pack| all | 1 << pack)
}

fn garbage(state: &State, world: &World) -> Option<Violation> {
    let condemned = state.recs.iter().fold(0, |all, stamped| match stamped.rec {
        Rec::Condemn { pack, .. } => all | 1 << pack,
        _ => all,
    });
    let packs = state.present & (condemned | garbage_packs(state));
    state
        .violation(world)
        .or((packs != 0).then_some(Violation::GarbageStays { packs }))
}
