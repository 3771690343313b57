//! What may happen to anybody: time passes, actors die, puts land late, snapshots are forgotten,
//! storage loses a pack.

use super::Sink;
use super::agent::{commit_rec, end_run, land_commit};
use super::state::{
    AGENTS, ATTEMPTS, AgentStage, Hanging, INITIAL_PACKS, KeeperStage, Mask, Rec, State, bit, bits,
    has,
};
use super::world::World;

/// Everything of this kind that may happen now.
pub fn steps(state: &State, world: &World, sink: &mut Sink<'_>) {
    tick(state, world, sink);
    for a in (0..).take(state.agents.len()) {
        die(state, world, a, sink);
        land(state, world, a, sink);
    }
    for k in (0..).take(state.keepers.len()) {
        stop(state, world, k, sink);
    }
    forget(state, sink);
    lose(state, sink);
    replay(state, sink);
}

/// One tick passes.
pub fn tick(state: &State, world: &World, sink: &mut Sink<'_>) {
    let oldest = world.lag.max(world.grace);
    if state.recs.iter().all(|stamped| stamped.age >= oldest) {
        return;
    }
    let mut next = state.clone();
    for stamped in &mut next.recs {
        stamped.age = oldest.min(stamped.age + 1);
    }
    sink(next, &|| "a tick passes".into());
}

/// An agent dies; what it was putting is lost, or still lands one day.
fn die(state: &State, world: &World, a: u8, sink: &mut Sink<'_>) {
    let agent = state.agents[usize::from(a)];
    if state.budget.crashes == 0 || matches!(agent.stage, AgentStage::Idle | AgentStage::Done) {
        return;
    }
    let pack = super::state::agent_pack(a, agent.attempts - 1);
    let hanging = match (agent.stage, world.is_home) {
        (AgentStage::Packing, true) => Hanging::Pack(pack, agent.fresh),
        (AgentStage::Committing, true) => Hanging::Commit(commit_rec(a, &agent)),
        _ => Hanging::Nothing,
    };
    let mut next = state.clone();
    next.budget.crashes -= 1;
    end_run(&mut next.agents[usize::from(a)]);
    if hanging != Hanging::Nothing && world.puts_hang {
        let mut late = next.clone();
        late.agents[usize::from(a)].hanging = hanging;
        sink(late, &|| format!("agent {a} dies; its put hangs"));
    }
    sink(next, &|| format!("agent {a} dies"));
}

/// A put of a dead run lands.
fn land(state: &State, world: &World, a: u8, sink: &mut Sink<'_>) {
    let mut next = state.clone();
    let agent = &mut next.agents[usize::from(a)];
    let hanging = std::mem::replace(&mut agent.hanging, Hanging::Nothing);
    match hanging {
        Hanging::Nothing => return,
        Hanging::Pack(pack, contents) => {
            next.contents[usize::from(pack)] = contents;
            next.present |= bit(pack);
        }
        Hanging::Commit(rec) => land_commit(&mut next, world, rec),
    }
    sink(next, &|| match hanging {
        Hanging::Commit(rec) => format!("a hanging put lands: {rec}"),
        _ => format!("a hanging put of a pack of agent {a} lands"),
    });
}

fn stop(state: &State, world: &World, k: u8, sink: &mut Sink<'_>) {
    let at = usize::from(k);
    if !world.keepers_die || state.keepers[at].stage == KeeperStage::Idle {
        return;
    }
    let mut next = state.clone();
    next.keepers[at].stage = KeeperStage::Idle;
    sink(next, &|| format!("keeper {k} dies"));
}

fn forget(state: &State, sink: &mut Sink<'_>) {
    if state.budget.forgets == 0 {
        return;
    }
    for stamped in &state.recs {
        let Rec::Commit { commit, .. } = stamped.rec else {
            continue;
        };
        if !state.holds(Rec::Forget { commit }) {
            let mut next = state.clone();
            next.budget.forgets -= 1;
            next.put(Rec::Forget { commit });
            sink(next, &|| format!("c{commit} is forgotten"));
        }
    }
}

/// The storage loses a pack. No commit that is there by now is to blame for frames that had no
/// other place that counts.
fn lose(state: &State, sink: &mut Sink<'_>) {
    if state.budget.losses == 0 {
        return;
    }
    for pack in bits(state.present) {
        let mut next = state.clone();
        next.budget.losses -= 1;
        next.present &= !bit(pack);
        let counting = next.present & named(&next) & !condemned(&next);
        let lost = next.contents[usize::from(pack)] & !next.frames_in(counting);
        next.lost |= lost;
        for stamped in &state.recs {
            if let Rec::Commit { commit, .. } = stamped.rec {
                next.excused[usize::from(commit)] |= lost;
            }
        }
        sink(next, &|| format!("the storage loses p{pack}"));
    }
}

fn named(state: &State) -> Mask {
    state.recs.iter().fold(0, |all, stamped| match stamped.rec {
        Rec::Commit { packs, .. } => all | packs,
        Rec::Places { pack } => all | bit(pack),
        _ => all,
    })
}

fn condemned(state: &State) -> Mask {
    state.recs.iter().fold(0, |all, stamped| match stamped.rec {
        Rec::Condemn { pack, .. } => all | bit(pack),
        _ => all,
    })
}

/// A put that was sent twice brings a deleted pack of an agent back.
fn replay(state: &State, sink: &mut Sink<'_>) {
    if state.budget.replays == 0 {
        return;
    }
    for pack in INITIAL_PACKS..INITIAL_PACKS + AGENTS * ATTEMPTS {
        if !has(state.present, pack) && state.holds(Rec::Delete { pack }) {
            let mut next = state.clone();
            next.budget.replays -= 1;
            next.present |= bit(pack);
            sink(next, &|| format!("p{pack} is put again"));
        }
    }
}
