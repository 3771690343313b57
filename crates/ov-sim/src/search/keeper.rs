//! A keeper: plan and condemn; later look again, rescue, delete; accept or reject commits.
//!
//! Nothing binds the parts together: any keeper may look at any condemned pack, so a keeper that
//! dies is continued by whoever comes next.

use ov_policy::prune::{
    Acceptance, Deletion, Sight, Standing, Successor, Waited, acceptable, condemn_plan,
    damage_drops, deletion, may_give_up,
};

use super::Sink;
use super::bug::Bug;
use super::listing::{Listing, Viewer, listings, mask, set};
use super::state::{
    KeeperStage, Mask, Names, PACKS, Rec, State, Then, bit, bits, has, keeper_pack,
};
use super::world::World;

/// Every step that a keeper may take, but dying.
pub fn steps(state: &State, world: &World, k: u8, sink: &mut Sink<'_>) {
    if state.keepers[usize::from(k)].stage != KeeperStage::Idle {
        return go_on(state, world, k, sink);
    }
    for listing in listings(state, world, Viewer::Keeper(k)) {
        for pack in (0..).take(PACKS) {
            plan(state, world, k, &listing, pack, sink);
        }
        for pack in bits(listing.condemned_packs()) {
            look(state, world, k, &listing, pack, sink);
        }
        if world.judges {
            for (commit, used, _) in listing.commits() {
                judge(state, world, k, &listing, (commit, used), sink);
            }
        }
    }
}

fn enter(state: &State, k: u8, stage: KeeperStage, sink: &mut Sink<'_>, why: &dyn Fn() -> String) {
    let mut next = state.clone();
    next.keepers[usize::from(k)].stage = stage;
    sink(next, &|| format!("keeper {k} {}", why()));
}

/// First listing: how to condemn a pack.
pub fn plan(
    state: &State,
    world: &World,
    k: u8,
    seen: &Listing<'_>,
    pack: u8,
    sink: &mut Sink<'_>,
) {
    let known = has(seen.named() | state.present, pack);
    if state.keepers[usize::from(k)].plans == 0 || !known || has(seen.condemned_packs(), pack) {
        return;
    }
    let contents = set(state.contents[usize::from(pack)]);
    let stage = match (has(state.present, pack), has(seen.named(), pack)) {
        (true, false) => KeeperStage::Condemning(pack, None, false),
        (false, _) if !world.is_home => return,
        (false, _) => {
            let drops = mask(&damage_drops(seen, &pack, &contents));
            KeeperStage::Condemning(pack, Some(drops), true)
        }
        (true, true) => {
            let plan = condemn_plan(seen, &pack, &contents);
            let omitted = world.has(Bug::DropListOmitted);
            let drops = if omitted { 0 } else { mask(&plan.drops) };
            match mask(&plan.copy) {
                0 => KeeperStage::Condemning(pack, Some(drops), false),
                copy => KeeperStage::Copying(copy, Then::Condemn(pack, drops)),
            }
        }
    };
    let mut next = state.clone();
    next.keepers[usize::from(k)].plans -= 1;
    enter(&next, k, stage, sink, &|| {
        format!("lists: p{pack} shall go")
    });
}

/// Second listing: what becomes of a condemned pack.
pub fn look(
    state: &State,
    world: &World,
    k: u8,
    seen: &Listing<'_>,
    pack: u8,
    sink: &mut Sink<'_>,
) {
    let present = has(state.present, pack);
    if has(seen.deleted_packs(), pack) {
        if present {
            enter(state, k, KeeperStage::Deleting(pack), sink, &|| {
                format!("lists: p{pack} has a delete record and is there")
            });
        }
        return;
    }
    let stage = match decide(state, world, k, seen, pack) {
        Deletion::Delete if present => KeeperStage::Recording(pack),
        Deletion::Rescue(frames) => match world.has(Bug::NoLookAfterRescue) {
            true => KeeperStage::Copying(mask(&frames), Then::Delete(pack)),
            false => KeeperStage::Copying(mask(&frames), Then::Look),
        },
        Deletion::Lost(frames) if !frames.is_subset(&told(state)) => {
            KeeperStage::Condemning(pack, Some(mask(&frames)), true)
        }
        _ => return,
    };
    enter(state, k, stage, sink, &|| match stage {
        KeeperStage::Copying(frames, _) => {
            format!("lists again for p{pack}: rescues {}", Names('f', frames))
        }
        KeeperStage::Recording(_) => format!("lists again for p{pack}: it may go"),
        _ => format!("lists again for p{pack}: it is lost"),
    });
}

/// Frames of which a condemn for damage has told.
fn told(state: &State) -> std::collections::BTreeSet<u8> {
    set(state
        .recs
        .iter()
        .fold(0, |told, stamped| match stamped.rec {
            Rec::Condemn {
                drops: Some(drops),
                damage: true,
                ..
            } => told | drops,
            _ => told,
        }))
}

fn decide(state: &State, world: &World, k: u8, seen: &Listing<'_>, pack: u8) -> Deletion<u8> {
    let contents = set(state.contents[usize::from(pack)]);
    let seen = match world.bug {
        Some(Bug::CondemnedCounts) => &seen.clone().overlooking(|_| false),
        Some(Bug::OthersCondemnedCounts) => &seen.clone().overlooking(|by| by == k),
        _ => seen,
    };
    match deletion(seen, &pack, &contents) {
        Deletion::Rescue(_) if world.has(Bug::RescueSkipped) => Deletion::Delete,
        Deletion::Rescue(frames) if world.has(Bug::PromiseIgnored) => {
            let used: std::collections::BTreeSet<u8> = frames
                .into_iter()
                .filter(|frame| seen.is_used(frame))
                .collect();
            match used.is_empty() {
                true => Deletion::Delete,
                false => Deletion::Rescue(used),
            }
        }
        other => other,
    }
}

/// Whether a commit is accepted.
pub fn judge(
    state: &State,
    world: &World,
    k: u8,
    seen: &Listing<'_>,
    (commit, used): (u8, Mask),
    sink: &mut Sink<'_>,
) {
    if seen.standing(commit) != Standing::Open || seen.shows(Rec::Accept { commit }) {
        return;
    }
    let verdict = match world.has(Bug::AcceptCountsCondemned) {
        true => acceptable(
            &seen.clone().overlooking(|_| false),
            &set(used),
            Waited::NotYet,
        ),
        false => acceptable(seen, &set(used), waited(world, seen, used)),
    };
    let stage = match verdict {
        Acceptance::Accept => KeeperStage::Accepting(commit),
        Acceptance::Rescue(frames) => KeeperStage::Copying(mask(&frames), Then::Look),
        ref late if world.is_home && gives_up(world, seen, commit, late) => {
            KeeperStage::GivingUp(commit)
        }
        _ => return,
    };
    enter(state, k, stage, sink, &|| match stage {
        KeeperStage::Accepting(_) => format!("lists: c{commit} has everything"),
        KeeperStage::GivingUp(_) => format!("lists: c{commit} came too late and has a successor"),
        _ => format!("lists: rescues what c{commit} has in condemned packs only"),
    });
}

fn gives_up(world: &World, seen: &Listing<'_>, commit: u8, verdict: &Acceptance<u8>) -> bool {
    let successor = match world.has(Bug::GivenUpAtOnce) {
        true => Successor::Accepted,
        false => seen.successor(commit),
    };
    let verdict = match verdict {
        Acceptance::Missing(frames) if world.has(Bug::DamageIsLate) => {
            &Acceptance::Late(frames.clone())
        }
        other => other,
    };
    may_give_up(verdict, successor)
}

/// A grace has passed since the youngest delete record of the places of these frames.
fn waited(world: &World, seen: &Listing<'_>, used: Mask) -> Waited {
    let places = bits(used).flat_map(|frame| seen.places(&frame));
    let mut ages = places.filter_map(|pack| seen.age(Rec::Delete { pack }));
    match world.has(Bug::LateAtOnce) || ages.all(|age| age >= world.grace) {
        true => Waited::Grace,
        false => Waited::NotYet,
    }
}

/// What was decided is done, step by step, whatever has happened meanwhile.
fn go_on(state: &State, world: &World, k: u8, sink: &mut Sink<'_>) {
    let mut next = state.clone();
    let keeper = &mut next.keepers[usize::from(k)];
    let stage = keeper.stage;
    keeper.stage = KeeperStage::Idle;
    match stage {
        KeeperStage::Idle => return,
        KeeperStage::Copying(frames, then) => {
            if keeper.made >= world.keeper_packs {
                return;
            }
            let pack = keeper_pack(k, keeper.made);
            keeper.made += 1;
            keeper.stage = KeeperStage::Placing(pack, then);
            next.contents[usize::from(pack)] = frames;
            next.present |= bit(pack);
            let frames = Names('f', frames);
            return sink(next, &|| {
                format!("keeper {k} puts p{pack} with copies of {frames}")
            });
        }
        KeeperStage::Placing(pack, then) => {
            keeper.stage = match then {
                Then::Look => KeeperStage::Idle,
                Then::Condemn(old, drops) => KeeperStage::Condemning(old, Some(drops), false),
                Then::Delete(old) => KeeperStage::Recording(old),
            };
            next.put(Rec::Places { pack });
        }
        KeeperStage::Condemning(pack, drops, damage) => {
            if world.has(Bug::NoLookAfterCondemn) {
                keeper.stage = KeeperStage::Recording(pack);
            }
            next.put(Rec::Condemn {
                by: k,
                pack,
                drops,
                damage,
            });
        }
        KeeperStage::Recording(pack) => {
            keeper.stage = KeeperStage::Deleting(pack);
            next.put(Rec::Delete { pack });
        }
        KeeperStage::Deleting(pack) => next.present &= !bit(pack),
        KeeperStage::Accepting(commit) => next.put(Rec::Accept { commit }),
        KeeperStage::GivingUp(commit) => next.put(Rec::GiveUp { commit }),
    }
    sink(next, &|| format!("keeper {k} {}", done(stage, k)));
}

fn done(stage: KeeperStage, k: u8) -> String {
    match stage {
        KeeperStage::Placing(pack, _) => format!("puts {}", Rec::Places { pack }),
        KeeperStage::Condemning(pack, drops, damage) => {
            format!(
                "puts {}",
                Rec::Condemn {
                    by: k,
                    pack,
                    drops,
                    damage
                }
            )
        }
        KeeperStage::Recording(pack) => format!("puts {}", Rec::Delete { pack }),
        KeeperStage::Deleting(pack) => format!("deletes p{pack}"),
        KeeperStage::Accepting(commit) => format!("puts {}", Rec::Accept { commit }),
        KeeperStage::GivingUp(commit) => format!("puts {}", Rec::GiveUp { commit }),
        KeeperStage::Idle | KeeperStage::Copying(..) => String::new(),
    }
}
