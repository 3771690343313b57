//! A copier on a second target: the commit record itself is its flag there, an accept its "done".

use ov_policy::prune::{Acceptance, Sight, Waited, acceptable, place_counts};

use super::Sink;
use super::bug::Bug;
use super::listing::{Listing, Viewer, listings, set};
use super::state::{AgentStage, Mask, Names, Rec, State, agent_pack, bit, bits, has};
use super::world::{Source, World};

/// Every step that a copier may take, but dying.
pub fn steps(state: &State, world: &World, a: u8, source: &Source, sink: &mut Sink<'_>) {
    let copier = &state.agents[usize::from(a)];
    match copier.stage {
        AgentStage::Idle if copier.runs > 0 && copier.attempts < world.attempts => {
            read(state, world, a, source, sink);
        }
        AgentStage::Packing => put_next(state, a, sink),
        AgentStage::Committing => commit(state, world, a, source, sink),
        AgentStage::Looking => look(state, world, a, source, sink),
        AgentStage::Accepting => accept(state, a, source, sink),
        _ => {}
    }
}

fn commit_rec(source: &Source) -> Rec {
    Rec::Commit {
        commit: source.commit,
        used: source.used,
        packs: source.packs,
    }
}

fn read(state: &State, world: &World, a: u8, source: &Source, sink: &mut Sink<'_>) {
    for listing in listings(state, world, Viewer::Agent(a)) {
        let (verbatim, own) = missing(state, world, source, &listing);
        let mut next = state.clone();
        let copier = &mut next.agents[usize::from(a)];
        copier.attempts += 1;
        copier.publishes = verbatim;
        copier.fresh = own;
        copier.stage = match verbatim == 0 && own == 0 {
            true => AgentStage::Committing,
            false => AgentStage::Packing,
        };
        sink(next, &|| {
            let (verbatim, own) = (Names('p', verbatim), Names('f', own));
            format!("copier {a} lists: puts {verbatim} as they are, {own} in a new pack")
        });
    }
}

/// Packs to be put as they are, and frames whose packs are condemned here, for a new pack.
fn missing(state: &State, world: &World, source: &Source, seen: &Listing<'_>) -> (Mask, Mask) {
    let (mut verbatim, mut own) = (0, 0);
    for frame in bits(source.used) {
        let holds = |pack: &u8| has(state.contents[usize::from(*pack)], frame);
        let here = seen.named() | source.packs;
        if bits(here)
            .filter(holds)
            .any(|pack| place_counts(seen, &pack))
        {
            continue;
        }
        let again = world.has(Bug::CondemnedPackPutAgain);
        let clean = |pack: &u8| again || !seen.condemned().names(pack);
        match bits(source.packs).filter(holds).find(clean) {
            Some(pack) => verbatim |= bit(pack),
            None => own |= bit(frame),
        }
    }
    (verbatim, own)
}

fn put_next(state: &State, a: u8, sink: &mut Sink<'_>) {
    let mut next = state.clone();
    let copier = &mut next.agents[usize::from(a)];
    let verbatim = bits(copier.publishes).next();
    let pack = verbatim.unwrap_or(agent_pack(a, copier.attempts - 1));
    copier.publishes &= !bit(pack);
    if copier.publishes == 0 && (verbatim.is_none() || copier.fresh == 0) {
        copier.stage = AgentStage::Committing;
    }
    if verbatim.is_none() {
        next.contents[usize::from(pack)] = copier.fresh;
    }
    next.present |= bit(pack);
    sink(next, &|| format!("copier {a} puts p{pack}"));
}

fn commit(state: &State, world: &World, a: u8, source: &Source, sink: &mut Sink<'_>) {
    let mut next = state.clone();
    let copier = &mut next.agents[usize::from(a)];
    if copier.fresh != 0 {
        let pack = agent_pack(a, copier.attempts - 1);
        copier.fresh = 0;
        next.put(Rec::Places { pack });
        sink(next, &|| format!("copier {a} puts places of p{pack}"));
        return;
    }
    copier.stage = AgentStage::Looking;
    let rec = commit_rec(source);
    next.put(rec);
    if world.has(Bug::CopyAcceptsFirst) {
        next.put(Rec::Accept {
            commit: source.commit,
        });
    }
    sink(next, &|| format!("copier {a} puts {rec}"));
}

fn look(state: &State, world: &World, a: u8, source: &Source, sink: &mut Sink<'_>) {
    for listing in listings(state, world, Viewer::Agent(a)) {
        let listing = match world.has(Bug::CondemnedPackPutAgain) {
            true => listing.overlooking(|_| false),
            false => listing,
        };
        let good = acceptable(&listing, &set(source.used), Waited::Grace) == Acceptance::Accept;
        let mut next = state.clone();
        let copier = &mut next.agents[usize::from(a)];
        copier.stage = if good {
            AgentStage::Accepting
        } else {
            AgentStage::Idle
        };
        sink(next, &|| match good {
            true => format!("copier {a} lists again: everything is there"),
            false => format!("copier {a} lists again: has to repeat"),
        });
    }
}

fn accept(state: &State, a: u8, source: &Source, sink: &mut Sink<'_>) {
    let mut next = state.clone();
    next.agents[usize::from(a)].stage = AgentStage::Done;
    let rec = Rec::Accept {
        commit: source.commit,
    };
    next.put(rec);
    sink(next, &|| format!("copier {a} puts {rec}"));
}
