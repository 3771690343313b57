//! What may happen in a world: a seed enables a part of all faults and all operations.

use super::bug::Bug;
use super::dice::Dice;

/// Listings of a lagging target may be this old, in seconds.
const LAG: i64 = 900;

/// What agents remember between runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Memory {
    /// Their local state.
    Kept,
    /// It is lost now and then.
    Lost,
    /// Nothing.
    None,
}

/// What may happen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Weather {
    /// How many agents there are.
    pub agents: usize,
    /// How many keepers there are.
    pub keepers: usize,
    /// How many rounds of work.
    pub rounds: u32,
    /// Actors die at calls of the target, per mille.
    pub crashes: u64,
    /// Calls fail, or their answers are lost, per mille.
    pub flaky: u64,
    /// Puts find the target full, per mille.
    pub full: u64,
    /// A put that dies may leave half an object.
    pub torn: bool,
    /// A put that dies may land much later.
    pub limbo: bool,
    /// The target loses power now and then.
    pub power_cuts: bool,
    /// Listings may be so old, in seconds.
    pub lag: i64,
    /// Keepers wait so long between a condemn and a deletion, in seconds.
    pub grace: i64,
    /// Clocks jump.
    pub jumps: bool,
    /// What agents remember.
    pub memory: Memory,
    /// Snapshots are forgotten.
    pub forget: bool,
    /// Keepers prune.
    pub prune: bool,
    /// A keeper copies to a second target.
    pub copy: bool,
    /// What is read comes from elsewhere or with a flipped bit, per mille of names and places.
    pub misreads: u64,
    /// What was stored a moment ago by others is not found when it is asked for, per mille of names.
    pub stale: u64,
    /// Stored objects decay at home; a person mends them from the copy after each round.
    pub rot: bool,
    /// Agents' machines are set back to an earlier image.
    pub rollbacks: bool,
    /// The owner restores while others work.
    pub readers: bool,
    /// The second agent is an enemy: its program lies.
    pub liar: bool,
    /// Machines are cloned, or set back in the middle of their work, per mille of errands.
    pub images: u64,
    /// The first target shows somebody an earlier state of itself, per mille of errands.
    pub split: u64,
    /// The first target is set back to an earlier state of itself.
    pub set_back: bool,
    /// The second keeper is revoked between two of its runs, while others work.
    pub revoked: bool,
}

/// A kind of fault that a story may do without.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// Actors die.
    Crashes,
    /// Calls fail, or their answers are lost.
    Flaky,
    /// The target is full.
    Full,
    /// Half of an object is left behind.
    Torn,
    /// Puts land later.
    Limbo,
    /// The target loses power.
    PowerCuts,
    /// Listings lag.
    Lag,
    /// Clocks jump.
    Jumps,
    /// Something else is read than was stored.
    Misreads,
    /// Machines are set back.
    Rollbacks,
    /// What is new is not found.
    Stale,
    /// What is stored decays.
    Rot,
    /// An agent's program lies.
    Liar,
    /// Machines go on in the present with what they saw earlier.
    Images,
    /// The target shows different states to different clients.
    Split,
    /// The target is set back.
    SetBack,
    /// A keeper is revoked.
    Revoked,
}

impl Fault {
    /// All of them.
    pub const ALL: [Self; 17] = [
        Self::Crashes,
        Self::Flaky,
        Self::Full,
        Self::Torn,
        Self::Limbo,
        Self::PowerCuts,
        Self::Lag,
        Self::Jumps,
        Self::Misreads,
        Self::Rollbacks,
        Self::Stale,
        Self::Rot,
        Self::Liar,
        Self::Images,
        Self::Split,
        Self::SetBack,
        Self::Revoked,
    ];

    /// Those that are somebody's doing.
    pub const ENEMIES: [Self; 5] = [
        Self::Liar,
        Self::Images,
        Self::Split,
        Self::SetBack,
        Self::Revoked,
    ];

    /// Whether it may happen in a weather.
    pub fn is_in(self, weather: &Weather) -> bool {
        *weather != weather.without(self)
    }
}

impl Weather {
    /// The weather of a seed.
    pub fn new(seed: u64, bug: Option<Bug>) -> Self {
        let mut dice = Dice::new(seed, "weather");
        let fine = dice.hits(200);
        let mut some = |permille, rate: u64| {
            if dice.hits(permille) && !fine {
                rate
            } else {
                0
            }
        };
        let (crashes, flaky, full) = (some(500, 25), some(300, 15), some(250, 15));
        let mut dice = Dice::new(seed, "climate");
        let lag = if dice.hits(400) && !fine { LAG } else { 0 };
        let mut weather = Self {
            agents: 1 + usize::from(dice.hits(750)),
            keepers: 1 + usize::from(dice.hits(600)),
            rounds: 4 + u32::try_from(dice.below(6)).unwrap_or(0),
            crashes,
            flaky,
            full,
            torn: dice.hits(400) && !fine,
            limbo: dice.hits(300) && !fine,
            power_cuts: dice.hits(300) && !fine,
            lag,
            grace: if lag == 0 && dice.hits(600) {
                0
            } else {
                2 * LAG + 600
            },
            // A grace must be measured by clocks that may be trusted, where one is needed.
            jumps: dice.hits(300) && !fine && lag == 0,
            memory: match dice.below(4) {
                0 => Memory::Lost,
                1 => Memory::None,
                _ => Memory::Kept,
            },
            forget: dice.hits(900),
            prune: dice.hits(900),
            copy: dice.hits(300),
            misreads: 0,
            stale: 0,
            rot: false,
            rollbacks: false,
            readers: false,
            liar: false,
            images: 0,
            split: 0,
            set_back: false,
            revoked: false,
        };
        // A stream of its own, so that what seeds meant before stays.
        let mut dice = Dice::new(seed, "reading");
        weather.readers = dice.hits(500);
        weather.rollbacks = dice.hits(300) && !fine;
        weather.misreads = if dice.hits(300) && !fine { 30 } else { 0 };
        weather.stale = if dice.hits(200) && !fine { 200 } else { 0 };
        weather.rot = dice.hits(400) && !fine && weather.copy;
        if bug.is_none() && !fine {
            weather.meet_enemies(seed);
        }
        weather.suit(bug);
        weather
    }

    /// Not where a planted bug must show: what enemies do may hide it.
    fn meet_enemies(&mut self, seed: u64) {
        let mut dice = Dice::new(seed, "enemies");
        self.liar = dice.hits(250);
        self.images = if dice.hits(250) { 200 } else { 0 };
        self.split = if dice.hits(120) { 150 } else { 0 };
        self.set_back = dice.hits(120);
        self.revoked = dice.hits(150) && self.keepers == 2;
    }

    /// Agents that tell the truth.
    pub fn honest_agents(&self) -> usize {
        if self.liar { 1 } else { self.agents }
    }

    /// Makes room for a planted bug to show.
    fn suit(&mut self, bug: Option<Bug>) {
        let Some(bug) = bug else { return };
        match bug {
            Bug::AckBeforeDurable => self.power_cuts = true,
            Bug::FailureIsDone => self.crashes = self.crashes.max(25),
            Bug::OtherKeeperHidden => self.keepers = 2,
            Bug::AgentLooksOnce | Bug::DropsHidden => {
                (self.lag, self.grace, self.rounds, self.keepers) = (0, 0, 10, 2);
            }
            Bug::AgentHidden => self.agents = 2,
            Bug::KeeperLooksOnce => {
                (self.lag, self.grace, self.rounds, self.agents) = (0, 0, 12, 2);
            }
            Bug::CopyLosesPack => self.copy = true,
            Bug::OneClockAhead => {
                (self.lag, self.grace, self.jumps) = (LAG, 2 * LAG + 600, false);
                (self.rounds, self.agents, self.keepers, self.copy) = (12, 2, 2, false);
            }
            Bug::ChangesUnseen => (self.memory, self.rounds) = (Memory::Kept, 8),
            Bug::NoGraceUnderLag => (self.lag, self.grace, self.jumps) = (LAG, 0, false),
            Bug::JumpsUnderLag => {
                (self.lag, self.grace, self.jumps) = (LAG, 2 * LAG + 600, true);
                (self.rounds, self.keepers, self.copy) = (12, 2, false);
            }
            _ => {}
        }
        (self.forget, self.prune) = (true, true);
    }

    /// Whether nothing can go wrong: then nothing may be found wrong either.
    pub fn is_fine(&self) -> bool {
        let rates = self.crashes + self.flaky + self.full + self.misreads + self.stale;
        let enemies = self.liar || self.set_back || self.revoked || self.images + self.split > 0;
        rates == 0 && self.lag == 0 && !self.power_cuts && !self.jumps && !self.rot && !enemies
    }

    /// The same without any fault: what must come right in the end.
    pub fn calm(&self) -> Self {
        Self {
            crashes: 0,
            flaky: 0,
            full: 0,
            torn: false,
            limbo: false,
            power_cuts: false,
            lag: 0,
            jumps: false,
            misreads: 0,
            stale: 0,
            rot: false,
            rollbacks: false,
            liar: false,
            images: 0,
            split: 0,
            set_back: false,
            revoked: false,
            // Whoever lied is not asked to back up, and whoever was revoked not to keep.
            agents: self.honest_agents(),
            keepers: if self.revoked { 1 } else { self.keepers },
            ..self.clone()
        }
    }

    /// The same without one kind of fault.
    pub fn without(&self, fault: Fault) -> Self {
        let mut weather = self.clone();
        match fault {
            Fault::Crashes => weather.crashes = 0,
            Fault::Flaky => weather.flaky = 0,
            Fault::Full => weather.full = 0,
            Fault::Torn => weather.torn = false,
            Fault::Limbo => weather.limbo = false,
            Fault::PowerCuts => weather.power_cuts = false,
            Fault::Lag => weather.lag = 0,
            Fault::Jumps => weather.jumps = false,
            Fault::Misreads => weather.misreads = 0,
            Fault::Rollbacks => weather.rollbacks = false,
            Fault::Stale => weather.stale = 0,
            Fault::Rot => weather.rot = false,
            Fault::Liar => weather.liar = false,
            Fault::Images => weather.images = 0,
            Fault::Split => weather.split = 0,
            Fault::SetBack => weather.set_back = false,
            Fault::Revoked => weather.revoked = false,
        }
        weather
    }
}
