//! What a listing shows: everything old enough, and any part of what is younger than the lag.

use std::collections::BTreeSet;

use ov_policy::prune::{
    Cause, Condemn, Condemned, Drops, Known, Sight, Standing, Successor, is_root,
};

use super::bug::Bug;
use super::state::{AGENTS, ATTEMPTS, INITIAL_COMMITS, INITIAL_PACKS, KEEPER_PACKS};
use super::state::{Mask, Rec, Stamped, State, bit, bits, has};
use super::world::World;

/// Who lists. Everybody knows his own records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Viewer {
    /// An agent or copier.
    Agent(u8),
    /// A keeper.
    Keeper(u8),
}

/// Whether the keeper's clocks told the truth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Clock {
    /// They did.
    Right,
    /// They jumped: every grace seems to have passed.
    Jumped,
}

/// One listing, as the decision functions see it.
#[derive(Clone)]
pub struct Listing<'a> {
    state: &'a State,
    recs: Vec<Stamped>,
    condemned: Condemned<u8, u8>,
    ripe: Condemned<u8, u8>,
    used: Mask,
}

/// Every listing that the target may show now.
pub fn listings<'a>(state: &'a State, world: &World, viewer: Viewer) -> Vec<Listing<'a>> {
    let is_sure = |stamped: &Stamped| stamped.age >= world.lag || is_own(stamped.rec, viewer);
    let (sure, young): (Vec<Stamped>, Vec<Stamped>) = state.recs.iter().partition(|s| is_sure(s));
    let clocks: &[Clock] = match world.jumps && matches!(viewer, Viewer::Keeper(_)) {
        true => &[Clock::Right, Clock::Jumped],
        false => &[Clock::Right],
    };
    let mut all = Vec::new();
    for subset in 0..1u32 << young.len() {
        let seen = (0..)
            .zip(&young)
            .filter(|(at, _)| has(subset, *at))
            .map(|(_, s)| *s);
        let recs: Vec<Stamped> = sure.iter().copied().chain(seen).collect();
        all.extend(
            clocks
                .iter()
                .map(|clock| Listing::new(state, recs.clone(), world, *clock)),
        );
    }
    all
}

fn is_own(rec: Rec, viewer: Viewer) -> bool {
    let author = match rec {
        Rec::Commit { commit, .. } => commit
            .checked_sub(INITIAL_COMMITS)
            .map(|n| Viewer::Agent(n / ATTEMPTS)),
        Rec::Condemn { by, .. } => Some(Viewer::Keeper(by)),
        Rec::Places { pack } => Some(maker(pack)),
        _ => None,
    };
    author == Some(viewer)
}

/// Bears the drops of a young condemn, and names nothing.
const NO_PACK: u8 = u8::MAX;

/// Who made a pack that is not there from the start.
fn maker(pack: u8) -> Viewer {
    let keepers = INITIAL_PACKS + AGENTS * ATTEMPTS;
    match pack.checked_sub(keepers) {
        Some(n) => Viewer::Keeper(n / KEEPER_PACKS),
        None => Viewer::Agent(pack.saturating_sub(INITIAL_PACKS) / ATTEMPTS),
    }
}

impl<'a> Listing<'a> {
    fn new(state: &'a State, recs: Vec<Stamped>, world: &World, clock: Clock) -> Self {
        let grace = if clock == Clock::Jumped {
            0
        } else {
            world.grace
        };
        let condemns = |old: u8| {
            let old = recs.iter().filter(move |stamped| stamped.age >= old);
            old.filter_map(|stamped| condemn(stamped.rec)).collect()
        };
        let condemned = condemns(0);
        let mut ripe: Condemned<u8, u8> = condemns(grace);
        if world.has(Bug::YoungDropsCount) {
            let all = recs.iter().filter_map(|stamped| condemn(stamped.rec));
            all.for_each(|condemn| {
                ripe.add(Condemn {
                    pack: NO_PACK,
                    ..condemn
                })
            });
        }
        let mut listing = Self {
            state,
            recs,
            condemned,
            ripe,
            used: 0,
        };
        listing.used = listing.used_by_roots(world);
        listing
    }

    fn used_by_roots(&self, world: &World) -> Mask {
        self.commits()
            .filter(|(commit, ..)| is_root(self.standing(*commit)))
            .filter(|(commit, ..)| {
                !world.has(Bug::UnacceptedIgnored) || self.shows(Rec::Accept { commit: *commit })
            })
            .fold(0, |all, (_, used, _)| all | used)
    }

    /// The same listing, by somebody who overlooks the condemns that `keep` does not select.
    pub fn overlooking(mut self, keep: impl Fn(u8) -> bool) -> Self {
        let seen = self.recs.iter().filter_map(|stamped| match stamped.rec {
            Rec::Condemn { by, .. } if keep(by) => condemn(stamped.rec),
            _ => None,
        });
        self.condemned = seen.collect();
        self
    }

    /// Commit, used frames, published packs of each commit shown.
    pub fn commits(&self) -> impl Iterator<Item = (u8, Mask, Mask)> {
        self.recs.iter().filter_map(|stamped| match stamped.rec {
            Rec::Commit {
                commit,
                used,
                packs,
            } => Some((commit, used, packs)),
            _ => None,
        })
    }

    /// Whether it shows a record.
    pub fn shows(&self, rec: Rec) -> bool {
        self.recs.iter().any(|stamped| stamped.rec == rec)
    }

    /// Age of a record that it shows.
    pub fn age(&self, rec: Rec) -> Option<u8> {
        let found = self.recs.iter().find(|stamped| stamped.rec == rec);
        found.map(|stamped| stamped.age)
    }

    /// What is said of a commit.
    pub fn standing(&self, commit: u8) -> Standing {
        let gone = [Rec::Forget { commit }, Rec::GiveUp { commit }];
        match gone.iter().any(|rec| self.shows(*rec)) {
            true => Standing::Forgotten,
            false => Standing::Open,
        }
    }

    /// Whether it shows an accepted commit of the same agent that is later.
    pub fn successor(&self, commit: u8) -> Successor {
        let agent = |commit: u8| commit.checked_sub(INITIAL_COMMITS).map(|n| n / ATTEMPTS);
        let is_later = |later: u8| {
            later > commit
                && agent(later) == agent(commit)
                && self.standing(later) == Standing::Open
                && self.shows(Rec::Accept { commit: later })
        };
        match self.commits().any(|(later, ..)| is_later(later)) {
            true => Successor::Accepted,
            false => Successor::NoneYet,
        }
    }

    /// Packs that records name.
    pub fn named(&self) -> Mask {
        self.recs.iter().fold(0, |all, stamped| match stamped.rec {
            Rec::Commit { packs, .. } => all | packs,
            Rec::Places { pack } => all | bit(pack),
            _ => all,
        })
    }

    /// Packs that condemns name.
    pub fn condemned_packs(&self) -> Mask {
        self.recs.iter().fold(0, |all, stamped| match stamped.rec {
            Rec::Condemn { pack, .. } => all | bit(pack),
            _ => all,
        })
    }

    /// Packs that delete records name.
    pub fn deleted_packs(&self) -> Mask {
        self.recs.iter().fold(0, |all, stamped| match stamped.rec {
            Rec::Delete { pack } => all | bit(pack),
            _ => all,
        })
    }

    /// Whether a ripe condemn names the pack.
    pub fn is_ripe(&self, pack: u8) -> bool {
        self.ripe.names(&pack)
    }

    /// Frames that commits have published.
    pub fn published(&self) -> Mask {
        let packs = self.commits().fold(0, |all, (.., packs)| all | packs);
        self.state.frames_in(packs)
    }

    /// A frame as an agent knows it by this listing.
    pub fn known(&self, frame: u8) -> Known<u8, u8> {
        Known {
            frame,
            origins: self.origins(&frame),
        }
    }
}

fn condemn(rec: Rec) -> Option<Condemn<u8, u8>> {
    let Rec::Condemn {
        pack,
        drops,
        damage,
        ..
    } = rec
    else {
        return None;
    };
    let drops = match drops {
        Some(frames) => Drops::Frames(set(frames)),
        None => Drops::Whole,
    };
    let cause = if damage { Cause::Damage } else { Cause::Unused };
    Some(Condemn { pack, drops, cause })
}

/// A mask as the decision functions want it.
pub fn set(mask: Mask) -> BTreeSet<u8> {
    bits(mask).collect()
}

/// And back.
pub fn mask(set: &BTreeSet<u8>) -> Mask {
    set.iter().fold(0, |all, number| all | bit(*number))
}

impl Sight for Listing<'_> {
    type Pack = u8;
    type Frame = u8;

    fn condemned(&self) -> &Condemned<u8, u8> {
        &self.condemned
    }

    fn ripe(&self) -> &Condemned<u8, u8> {
        &self.ripe
    }

    fn is_used(&self, frame: &u8) -> bool {
        has(self.used, *frame)
    }

    fn origins(&self, frame: &u8) -> BTreeSet<u8> {
        let packs = self.commits().map(|(.., packs)| packs);
        let with = packs.filter(|packs| has(self.state.frames_in(*packs), *frame));
        set(with.fold(0, |all, packs| all | packs))
    }

    fn places(&self, frame: &u8) -> Vec<u8> {
        let holds = |pack: &u8| has(self.state.contents[usize::from(*pack)], *frame);
        bits(self.named()).filter(holds).collect()
    }

    fn is_present(&self, pack: &u8) -> bool {
        has(self.state.present, *pack)
    }

    fn is_deleted(&self, pack: &u8) -> bool {
        self.shows(Rec::Delete { pack: *pack })
    }
}
