//! An agent: read the condemns, store or use, commit, look again, say "done" or repeat.

use ov_policy::prune::{may_take_over, must_repeat, usable};

use super::Sink;
use super::bug::Bug;
use super::listing::{Listing, Viewer, listings, set};
use super::state::{
    Agent, AgentStage, CHUNKS, INITIAL_FRAMES, Mask, Names, Rec, State, agent_commit, agent_frame,
    agent_pack, bit, bits, has,
};
use super::world::World;

/// Every step that an agent may take, but dying.
pub fn steps(state: &State, world: &World, a: u8, sink: &mut Sink<'_>) {
    let agent = &state.agents[usize::from(a)];
    match agent.stage {
        AgentStage::Idle if agent.runs > 0 && agent.attempts < world.attempts => {
            read(state, world, a, sink);
        }
        AgentStage::Packing => pack(state, world, a, sink),
        AgentStage::Committing => commit(state, world, a, sink),
        AgentStage::Looking => look(state, world, a, sink),
        _ => {}
    }
}

fn chunk_of(world: &World, frame: u8) -> u8 {
    match frame.checked_sub(INITIAL_FRAMES) {
        Some(n) => n % CHUNKS,
        None => world.chunks[usize::from(frame)],
    }
}

fn read(state: &State, world: &World, a: u8, sink: &mut Sink<'_>) {
    let attempt = state.agents[usize::from(a)].attempts;
    for listing in listings(state, world, Viewer::Agent(a)) {
        for choice in choices(state, world, a, &listing) {
            let mut next = state.clone();
            let agent = &mut next.agents[usize::from(a)];
            agent.attempts += 1;
            agent.used = choice.used;
            agent.fresh = choice.fresh;
            agent.publishes = choice.taken;
            agent.stage = match (choice.fresh, world.has(Bug::LookBeforeCommit)) {
                (0, true) => AgentStage::Looking,
                (0, false) => AgentStage::Committing,
                _ => AgentStage::Packing,
            };
            sink(next, &|| {
                let (used, fresh) = (Names('f', choice.used), Names('f', choice.fresh));
                let taken = Names('p', choice.taken);
                let n = attempt;
                format!(
                    "agent {a} lists (attempt {n}): uses {used}, stores {fresh}, takes over {taken}"
                )
            });
        }
    }
}

#[derive(Clone, Copy, Default)]
struct Choice {
    used: Mask,
    fresh: Mask,
    taken: Mask,
}

/// For each chunk a published frame; else one that an earlier run of its own put; else a new one.
fn choices(state: &State, world: &World, a: u8, listing: &Listing<'_>) -> Vec<Choice> {
    let agent = &state.agents[usize::from(a)];
    let mut all = vec![Choice::default()];
    for chunk in bits(world.agents[usize::from(a)].wants) {
        let is_it = |frame: &u8| chunk_of(world, *frame) == chunk;
        let published: Vec<u8> = bits(listing.published())
            .filter(is_it)
            .filter(|frame| may_use(world, listing, *frame))
            .collect();
        let journal: Vec<(u8, u8)> = bits(agent.journal & state.present)
            .flat_map(|pack| bits(state.contents[usize::from(pack)]).map(move |f| (f, pack)))
            .filter(|(frame, pack)| is_it(frame) && may_take(world, listing, *frame, *pack))
            .collect();
        let fresh = agent_frame(a, agent.attempts, chunk);
        let extend = |choice: &Choice| -> Vec<Choice> {
            if !published.is_empty() {
                let with = |f: &u8| Choice {
                    used: choice.used | bit(*f),
                    ..*choice
                };
                return published.iter().map(with).collect();
            }
            if !journal.is_empty() {
                let with = |(f, p): &(u8, u8)| Choice {
                    used: choice.used | bit(*f),
                    taken: choice.taken | bit(*p),
                    ..*choice
                };
                return journal.iter().map(with).collect();
            }
            let (used, fresh) = (choice.used | bit(fresh), choice.fresh | bit(fresh));
            vec![Choice {
                used,
                fresh,
                ..*choice
            }]
        };
        all = all.iter().flat_map(extend).collect();
    }
    all
}

fn may_use(world: &World, listing: &Listing<'_>, frame: u8) -> bool {
    world.has(Bug::DroppedFramesUsed) || is_usable(world, listing, frame)
}

fn may_take(world: &World, listing: &Listing<'_>, frame: u8, pack: u8) -> bool {
    let condemned = ov_policy::prune::Sight::condemned(listing);
    match world.has(Bug::PackAloneTakenOver) {
        true => !condemned.names(&pack),
        false => may_take_over(&pack, &listing.known(frame), condemned),
    }
}

fn is_usable(world: &World, listing: &Listing<'_>, frame: u8) -> bool {
    let mut known = listing.known(frame);
    if world.has(Bug::WholeDropsNothing) {
        known.origins.clear();
    }
    usable(&known, ov_policy::prune::Sight::condemned(listing))
}

fn pack(state: &State, world: &World, a: u8, sink: &mut Sink<'_>) {
    let mut next = state.clone();
    let agent = &mut next.agents[usize::from(a)];
    let pack = agent_pack(a, agent.attempts - 1);
    agent.publishes |= bit(pack);
    agent.stage = match world.has(Bug::LookBeforeCommit) {
        true => AgentStage::Looking,
        false => AgentStage::Committing,
    };
    let fresh = agent.fresh;
    next.contents[usize::from(pack)] = fresh;
    next.present |= bit(pack);
    // A cloned key is a cloned journal.
    let cloned = next.agents.iter_mut().enumerate();
    for (n, agent) in cloned {
        if n == usize::from(a) || world.shared_journal {
            agent.journal |= bit(pack);
        }
    }
    sink(next, &|| {
        format!("agent {a} puts p{pack} with {}", Names('f', fresh))
    });
}

/// The commit record of the attempt under way.
pub fn commit_rec(a: u8, agent: &Agent) -> Rec {
    Rec::Commit {
        commit: agent_commit(a, agent.attempts - 1),
        used: agent.used,
        packs: agent.publishes,
    }
}

/// Makes a commit durable. Nobody is to blame for frames that the storage has lost, and of which
/// no keeper could tell yet.
pub fn land_commit(state: &mut State, world: &World, rec: Rec) {
    state.put(rec);
    let Rec::Commit { commit, used, .. } = rec else {
        return;
    };
    let told = state
        .recs
        .iter()
        .fold(0, |told, stamped| match stamped.rec {
            Rec::Condemn {
                drops: Some(drops),
                damage: true,
                ..
            } if stamped.age >= world.lag => told | drops,
            _ => told,
        });
    state.excused[usize::from(commit)] |= used & state.lost & !told;
}

fn commit(state: &State, world: &World, a: u8, sink: &mut Sink<'_>) {
    let mut next = state.clone();
    let rec = commit_rec(a, &next.agents[usize::from(a)]);
    if world.has(Bug::DoneBeforeCommit) {
        let commit = agent_commit(a, next.agents[usize::from(a)].attempts - 1);
        if !has(state.acked, commit) && !state.holds(rec) {
            next.acked |= bit(commit);
            sink(next, &|| format!("agent {a} says \"done\" for c{commit}"));
            return;
        }
    }
    land_commit(&mut next, world, rec);
    match world.has(Bug::LookBeforeCommit) {
        true => finish(&mut next, a),
        false => next.agents[usize::from(a)].stage = AgentStage::Looking,
    }
    sink(next, &|| format!("agent {a} puts {rec}"));
}

fn finish(state: &mut State, a: u8) {
    let agent = &mut state.agents[usize::from(a)];
    state.acked |= bit(agent_commit(a, agent.attempts - 1));
    end_run(agent);
}

/// The run is over; the next one begins with nothing but its journal.
pub fn end_run(agent: &mut Agent) {
    agent.runs = agent.runs.saturating_sub(1);
    agent.stage = if agent.runs > 0 {
        AgentStage::Idle
    } else {
        AgentStage::Done
    };
    agent.used = 0;
    agent.fresh = 0;
    agent.publishes = 0;
}

fn look(state: &State, world: &World, a: u8, sink: &mut Sink<'_>) {
    let early = world.has(Bug::LookBeforeCommit);
    let commit = agent_commit(a, state.agents[usize::from(a)].attempts - 1);
    for listing in listings(state, world, Viewer::Agent(a)) {
        let again = repeats(state, world, a, &listing);
        let mut next = state.clone();
        match (again, early) {
            (true, _) => next.agents[usize::from(a)].stage = AgentStage::Idle,
            (false, true) => next.agents[usize::from(a)].stage = AgentStage::Committing,
            (false, false) => finish(&mut next, a),
        }
        sink(next, &|| match (again, early) {
            (true, _) => format!("agent {a} lists again: has to repeat"),
            (false, true) => format!("agent {a} lists again: all is well"),
            (false, false) => format!("agent {a} lists again: says \"done\" for c{commit}"),
        });
    }
}

fn repeats(state: &State, world: &World, a: u8, listing: &Listing<'_>) -> bool {
    if world.has(Bug::NoLookAfterCommit) {
        return false;
    }
    let agent = &state.agents[usize::from(a)];
    let mut frames = agent.used;
    if world.has(Bug::DroppedFramesUsed) {
        frames &= state.frames_in(agent.publishes);
    }
    let condemned = ov_policy::prune::Sight::condemned(listing);
    if world.has(Bug::SeenDropsForgiven) {
        // It looks for condemns of its own packs only.
        return bits(agent.publishes).any(|pack| condemned.names(&pack));
    }
    let mut known: Vec<_> = bits(frames).map(|frame| listing.known(frame)).collect();
    for one in &mut known {
        if has(agent.fresh, one.frame) {
            one.origins.extend(set(agent.publishes));
        }
        if world.has(Bug::WholeDropsNothing) {
            let own = set(agent.publishes);
            one.origins.retain(|pack| own.contains(pack));
        }
    }
    must_repeat(&known, condemned)
}
