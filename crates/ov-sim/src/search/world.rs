//! A small world: who is there, what lies on the target, what may go wrong.

use super::bug::Bug;
use super::state::{
    Agent, AgentStage, Budget, COMMITS, Hanging, Keeper, KeeperStage, Mask, PACKS, Rec, Stamped,
    State, bit,
};

/// What an agent backs up, and how often.
#[derive(Clone, Debug)]
pub struct AgentPlan {
    /// The chunks of its source.
    pub wants: Mask,
    /// Runs, one after the other.
    pub runs: u8,
}

/// The snapshot that copiers bring to a second target.
#[derive(Clone, Debug)]
pub struct Source {
    /// The commit.
    pub commit: u8,
    /// Frames it uses.
    pub used: Mask,
    /// Packs it publishes.
    pub packs: Mask,
}

/// A world.
#[derive(Clone, Debug)]
pub struct World {
    /// Its name.
    pub name: &'static str,
    /// Ticks for which a listing may miss a record.
    pub lag: u8,
    /// Ticks between condemn and second listing.
    pub grace: u8,
    /// The chunk that each initial frame holds.
    pub chunks: Vec<u8>,
    /// Initial packs: their frames.
    pub packs: Vec<Mask>,
    /// Of these, packs that are not there (yet).
    pub absent: Mask,
    /// Initial records.
    pub recs: Vec<Rec>,
    /// Initial commits whose agents have said "done".
    pub acked: Mask,
    /// Agents.
    pub agents: Vec<AgentPlan>,
    /// With a source, the agents are copiers of it to this target.
    pub source: Option<Source>,
    /// Attempts that an agent may begin before the search stops following it.
    pub attempts: u8,
    /// How many keepers, with how many condemns each.
    pub keepers: Vec<u8>,
    /// Packs that a keeper may make.
    pub keeper_packs: u8,
    /// Whether keepers accept and reject.
    pub judges: bool,
    /// Whether this target is the home of the agents' commits.
    pub is_home: bool,
    /// Whether keepers die.
    pub keepers_die: bool,
    /// Whether a put of a dead run may land later.
    pub puts_hang: bool,
    /// Whether the agents are clones of each other.
    pub shared_journal: bool,
    /// Whether keepers' clocks may jump.
    pub jumps: bool,
    /// What else may go wrong.
    pub budget: Budget,
    /// One of so many states is tried for its fault-free future; 0: none.
    pub futures_every: u64,
    /// The bug planted.
    pub bug: Option<Bug>,
}

impl World {
    /// One accepted snapshot c0 with frame f0 (chunk 0) in pack p0, one agent that wants chunk 0,
    /// one keeper that may condemn once, one tombstone.
    pub fn small(name: &'static str) -> Self {
        Self {
            name,
            lag: 0,
            grace: 0,
            chunks: vec![0],
            packs: vec![bit(0)],
            absent: 0,
            recs: vec![
                Rec::Commit {
                    commit: 0,
                    used: bit(0),
                    packs: bit(0),
                },
                Rec::Accept { commit: 0 },
            ],
            acked: bit(0),
            agents: vec![AgentPlan {
                wants: bit(0),
                runs: 1,
            }],
            source: None,
            attempts: 2,
            keepers: vec![1],
            keeper_packs: 2,
            judges: true,
            is_home: true,
            keepers_die: true,
            puts_hang: false,
            shared_journal: false,
            jumps: false,
            budget: Budget {
                forgets: 1,
                losses: 0,
                crashes: 0,
                replays: 0,
            },
            futures_every: 7,
            bug: None,
        }
    }

    /// The same world with a bug planted.
    pub fn with(mut self, bug: Bug) -> Self {
        self.bug = Some(bug);
        self.futures_every = 0;
        self
    }

    /// Whether this bug is planted.
    pub fn has(&self, bug: Bug) -> bool {
        self.bug == Some(bug)
    }

    /// Where it begins. All records are old.
    pub fn start(&self) -> State {
        let mut contents = [0; PACKS];
        let mut present = 0;
        for (number, (slot, frames)) in (0u8..).zip(contents.iter_mut().zip(&self.packs)) {
            *slot = *frames;
            present |= bit(number);
        }
        let age = self.lag.max(self.grace);
        let mut recs: Vec<Stamped> = self
            .recs
            .iter()
            .map(|rec| Stamped { rec: *rec, age })
            .collect();
        recs.sort_unstable();
        State {
            contents,
            present: present & !self.absent,
            recs,
            agents: self.agents.iter().map(agent).collect(),
            keepers: self.keepers.iter().map(|plans| keeper(*plans)).collect(),
            acked: self.acked,
            excused: [0; COMMITS],
            lost: 0,
            budget: self.budget,
        }
    }
}

fn agent(plan: &AgentPlan) -> Agent {
    Agent {
        stage: AgentStage::Idle,
        attempts: 0,
        runs: plan.runs,
        used: 0,
        fresh: 0,
        publishes: 0,
        journal: 0,
        hanging: Hanging::Nothing,
    }
}

fn keeper(plans: u8) -> Keeper {
    Keeper {
        stage: KeeperStage::Idle,
        made: 0,
        plans,
    }
}
