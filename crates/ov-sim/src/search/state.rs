//! A whole small world as one value: what lies on the target, and how far everybody is.
//!
//! Packs, frames and commits have fixed numbers per actor, so that the same situation reached by
//! two ways is the same state.

use std::fmt;

use super::world::World;

/// A set of packs, frames or commits by number.
pub type Mask = u32;

pub(super) const INITIAL_PACKS: u8 = 3;
pub(super) const INITIAL_FRAMES: u8 = 4;
pub(super) const INITIAL_COMMITS: u8 = 2;
pub(super) const AGENTS: u8 = 2;
pub(super) const ATTEMPTS: u8 = 4;
pub(super) const CHUNKS: u8 = 2;
pub(super) const KEEPER_PACKS: u8 = 7;
pub(super) const PACKS: usize = 25;
pub(super) const COMMITS: usize = 10;

/// The pack that an agent stores in an attempt.
pub(super) fn agent_pack(agent: u8, attempt: u8) -> u8 {
    INITIAL_PACKS + agent * ATTEMPTS + attempt
}

/// The frame that an agent stores for a chunk in an attempt.
pub(super) fn agent_frame(agent: u8, attempt: u8, chunk: u8) -> u8 {
    INITIAL_FRAMES + (agent * ATTEMPTS + attempt) * CHUNKS + chunk
}

/// The commit of an attempt.
pub(super) fn agent_commit(agent: u8, attempt: u8) -> u8 {
    INITIAL_COMMITS + agent * ATTEMPTS + attempt
}

/// The n-th pack that a keeper makes.
pub(super) fn keeper_pack(keeper: u8, made: u8) -> u8 {
    INITIAL_PACKS + AGENTS * ATTEMPTS + keeper * KEEPER_PACKS + made
}

pub(super) fn bit(number: u8) -> Mask {
    1 << number
}

pub(super) fn has(mask: Mask, number: u8) -> bool {
    mask & bit(number) != 0
}

pub(super) fn bits(mask: Mask) -> impl Iterator<Item = u8> {
    (0..32).filter(move |number| has(mask, *number))
}

/// A record on the target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Rec {
    /// An agent's commit: the frames it uses, the packs it publishes.
    Commit {
        /// Which one.
        commit: u8,
        /// Frames it uses.
        used: Mask,
        /// Packs it publishes.
        packs: Mask,
    },
    /// A keeper's word that a new pack of its own holds the frames it holds.
    Places {
        /// The new pack.
        pack: u8,
    },
    /// A condemn. `drops` is `None` for a pack that no record named.
    Condemn {
        /// The keeper.
        by: u8,
        /// The pack.
        pack: u8,
        /// Frames that agents must no longer use.
        drops: Option<Mask>,
        /// Whether the storage lost it.
        damage: bool,
    },
    /// A pack may be deleted, for ever.
    Delete {
        /// The pack.
        pack: u8,
    },
    /// A tombstone.
    Forget {
        /// The commit.
        commit: u8,
    },
    /// A keeper found everything.
    Accept {
        /// The commit.
        commit: u8,
    },
    /// A keeper's own tombstone of a commit that came too late and has a successor.
    GiveUp {
        /// The commit.
        commit: u8,
    },
}

/// How far an agent or a copier is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AgentStage {
    /// Before its first listing, or about to run again.
    Idle,
    /// Has decided; puts its packs.
    Packing,
    /// Puts its commit.
    Committing,
    /// Lists again.
    Looking,
    /// Copier only: puts its accept.
    Accepting,
    /// Finished for good.
    Done,
}

/// A put of a dead run that may still land.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Hanging {
    /// None.
    Nothing,
    /// A pack with these frames.
    Pack(u8, Mask),
    /// A commit.
    Commit(Rec),
}

/// An agent, or a copier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Agent {
    /// How far it is.
    pub stage: AgentStage,
    /// Attempts begun.
    pub attempts: u8,
    /// Runs left, the present one among them.
    pub runs: u8,
    /// Frames that the attempt uses.
    pub used: Mask,
    /// Of these, frames to be stored in a pack of its own.
    pub fresh: Mask,
    /// Packs that the attempt publishes; a copier: packs still to be put verbatim.
    pub publishes: Mask,
    /// Packs that its runs are known to have put.
    pub journal: Mask,
    /// A put of a dead run that may still land.
    pub hanging: Hanging,
}

/// What a keeper does when the places of its new pack are published.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Then {
    /// Nothing: it lists anew.
    Look,
    /// Condemns the pack from which it moved, with these drops.
    Condemn(u8, Mask),
    /// Deletes (only with a planted bug).
    Delete(u8),
}

/// How far a keeper is. What it decided stays decided however long it stalls.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum KeeperStage {
    /// Nothing under way.
    Idle,
    /// Puts a new pack with copies of these frames.
    Copying(Mask, Then),
    /// Publishes the places of its new pack.
    Placing(u8, Then),
    /// Puts a condemn: pack, drops, whether for damage.
    Condemning(u8, Option<Mask>, bool),
    /// Puts a delete record.
    Recording(u8),
    /// Deletes.
    Deleting(u8),
    /// Puts an accept.
    Accepting(u8),
    /// Gives a late commit up.
    GivingUp(u8),
}

/// A keeper.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Keeper {
    /// How far it is.
    pub stage: KeeperStage,
    /// Packs made.
    pub made: u8,
    /// Condemns that it may still plan.
    pub plans: u8,
}

/// Faults and wishes that may still happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Budget {
    /// Tombstones.
    pub forgets: u8,
    /// Packs that the storage loses.
    pub losses: u8,
    /// Runs of agents that die.
    pub crashes: u8,
    /// Deleted packs that a late put brings back.
    pub replays: u8,
}

/// A record and its age in ticks, up to the longest age that matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Stamped {
    /// The record.
    pub rec: Rec,
    /// Ticks since it was durable.
    pub age: u8,
}

/// The whole world.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct State {
    /// Frames in each pack, also when it is gone: bytes under a name never change.
    pub contents: [Mask; PACKS],
    /// Packs that are there.
    pub present: Mask,
    /// Records, sorted.
    pub recs: Vec<Stamped>,
    /// Agents and copiers.
    pub agents: Vec<Agent>,
    /// Keepers.
    pub keepers: Vec<Keeper>,
    /// Commits whose agent has said "done".
    pub acked: Mask,
    /// Frames that the storage lost, for which a commit is not to blame.
    pub excused: [Mask; COMMITS],
    /// Frames whose last place that counted the storage lost.
    pub lost: Mask,
    /// What may still go wrong.
    pub budget: Budget,
}

impl State {
    /// Puts a record. Putting it again changes nothing.
    pub fn put(&mut self, rec: Rec) {
        if let Err(at) = self.recs.binary_search_by(|stamped| stamped.rec.cmp(&rec)) {
            self.recs.insert(at, Stamped { rec, age: 0 });
        }
    }

    /// Whether the record is there, seen by whoever sees everything.
    pub fn holds(&self, rec: Rec) -> bool {
        self.recs
            .binary_search_by(|stamped| stamped.rec.cmp(&rec))
            .is_ok()
    }

    /// Frames that a reader can read: their pack is there and a record names it.
    pub fn readable(&self) -> Mask {
        let named = self
            .recs
            .iter()
            .fold(0, |named, stamped| match stamped.rec {
                Rec::Commit { packs, .. } => named | packs,
                Rec::Places { pack } => named | bit(pack),
                _ => named,
            });
        self.frames_in(self.present & named)
    }

    /// All frames in some packs.
    pub fn frames_in(&self, packs: Mask) -> Mask {
        bits(packs).fold(0, |all, pack| all | self.contents[usize::from(pack)])
    }

    /// Frames that a commit uses and that nobody can read, though nothing excuses that.
    fn missing(&self, commit: u8, used: Mask) -> Mask {
        let forgotten = self.holds(Rec::Forget { commit })
            || (self.holds(Rec::GiveUp { commit }) && self.has_successor(commit));
        let excused = self.excused[usize::from(commit)];
        if forgotten {
            0
        } else {
            used & !self.readable() & !excused
        }
    }

    /// Whether an accepted commit of the same agent is later.
    fn has_successor(&self, commit: u8) -> bool {
        let agent = |commit: u8| commit.checked_sub(INITIAL_COMMITS).map(|n| n / ATTEMPTS);
        self.recs.iter().any(|stamped| match stamped.rec {
            Rec::Accept { commit: later } => later > commit && agent(later) == agent(commit),
            _ => false,
        })
    }

    /// What must hold in every state; the first thing that does not.
    pub fn violation(&self, world: &World) -> Option<Violation> {
        let mut acked = self.acked;
        for stamped in &self.recs {
            let Rec::Commit { commit, used, .. } = stamped.rec else {
                continue;
            };
            let was_acked = has(acked, commit);
            acked &= !bit(commit);
            let accepted = self.holds(Rec::Accept { commit });
            let missing = self.missing(commit, used);
            if missing != 0 && was_acked {
                return Some(Violation::Acknowledged { commit, missing });
            }
            if missing != 0 && accepted {
                return Some(Violation::Accepted { commit, missing });
            }
            if was_acked && world.is_home && self.holds(Rec::GiveUp { commit }) {
                return Some(Violation::GivenUp { commit });
            }
        }
        bits(acked)
            .next()
            .map(|commit| Violation::NeverThere { commit })
    }
}

/// A promise that was broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Violation {
    /// A commit whose agent had said "done" lost frames.
    Acknowledged {
        /// The commit.
        commit: u8,
        /// The frames.
        missing: Mask,
    },
    /// An accepted commit lost frames.
    Accepted {
        /// The commit.
        commit: u8,
        /// The frames.
        missing: Mask,
    },
    /// A commit was given up whose agent had said "done".
    GivenUp {
        /// The commit.
        commit: u8,
    },
    /// An agent said "done", and its commit is not there.
    NeverThere {
        /// The commit.
        commit: u8,
    },
    /// Without faults an agent does not come to "done".
    AgentStuck {
        /// The agent.
        agent: u8,
    },
    /// Without faults garbage stays.
    GarbageStays {
        /// The packs.
        packs: Mask,
    },
    /// Without faults keepers never come to rest.
    NoRest,
}

/// Names of a set: `f1 f4`.
pub(super) struct Names(pub char, pub Mask);

impl fmt::Display for Names {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<String> = bits(self.1).map(|n| format!("{}{n}", self.0)).collect();
        f.write_str(if names.is_empty() { "nothing" } else { "" })?;
        f.write_str(&names.join(" "))
    }
}

impl fmt::Display for Rec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Commit {
                commit,
                used,
                packs,
            } => {
                let (used, packs) = (Names('f', used), Names('p', packs));
                write!(f, "commit c{commit} (uses {used}; publishes {packs})")
            }
            Self::Places { pack } => write!(f, "places of p{pack}"),
            Self::Condemn {
                pack,
                drops,
                damage,
                ..
            } => {
                let why = if damage { " as damaged" } else { "" };
                match drops {
                    Some(drops) => {
                        write!(f, "condemn p{pack}{why}, dropping {}", Names('f', drops))
                    }
                    None => write!(f, "condemn p{pack}{why}, which no record names"),
                }
            }
            Self::Delete { pack } => write!(f, "delete record of p{pack}"),
            Self::Forget { commit } => write!(f, "tombstone of c{commit}"),
            Self::Accept { commit } => write!(f, "accept of c{commit}"),
            Self::GiveUp { commit } => write!(f, "tombstone of the late c{commit}"),
        }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Acknowledged { commit, missing } => {
                write!(
                    f,
                    "c{commit} was acknowledged and lacks {}",
                    Names('f', missing)
                )
            }
            Self::Accepted { commit, missing } => {
                write!(f, "c{commit} is accepted and lacks {}", Names('f', missing))
            }
            Self::GivenUp { commit } => {
                write!(f, "c{commit} was acknowledged and given up as late")
            }
            Self::NeverThere { commit } => {
                write!(f, "c{commit} was acknowledged and is not there")
            }
            Self::AgentStuck { agent } => write!(f, "agent {agent} cannot finish"),
            Self::GarbageStays { packs } => write!(f, "garbage stays: {}", Names('p', packs)),
            Self::NoRest => f.write_str("keepers never come to rest"),
        }
    }
}
