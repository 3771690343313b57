//! Figures of an engine on a corpus, comparable between engines.
//!
//! An engine that derives its key from a passphrase with every command pays for that each time. Ours
//! takes its key from a file, so that cost is taken off theirs: what listing snapshots costs beyond
//! saying the version, for every command. It contains opening the store, which is in their favour.

use super::gauge::Cost;
use super::peer::Key;
use super::phase::Phase;
use super::results::{Results, Step};
use super::statistics::Spread;

/// What is compared. All but the rate are the better the smaller they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Figure {
    /// Bytes of the store after a phase.
    Stored(Phase),
    /// Bytes that the changed files added to the store.
    Added,
    /// Seconds of all processors for these phases.
    Cpu(&'static [Phase]),
    /// Seconds from start to end of these phases.
    Wall(&'static [Phase]),
    /// The largest process of all phases, in bytes.
    Memory,
    /// Bytes of the source per second of the full backup.
    Rate,
}

impl Figure {
    /// The figure of an engine on a corpus, over all repetitions.
    pub fn of(self, results: &Results, corpus: &str, peer: &str) -> Option<Spread> {
        let net = Net::of(results, corpus, peer);
        let each = results.lives(corpus, peer).map(|run| {
            let step = |phase: Phase| run.steps.get(&phase);
            let sum = |phases: &[Phase], of: &dyn Fn(Cost) -> f64| {
                let costs = phases
                    .iter()
                    .map(|phase| step(*phase).map(|step| of(net.cost(step))));
                costs.sum::<Option<f64>>()
            };
            match self {
                Self::Stored(phase) => Some(step(phase)?.stored as f64),
                Self::Added => {
                    let (before, after) = (step(Phase::Unchanged)?, step(Phase::Changed)?);
                    Some(after.stored.saturating_sub(before.stored) as f64)
                }
                Self::Cpu(phases) => sum(phases, &|cost| cost.cpu),
                Self::Wall(phases) => sum(phases, &|cost| cost.wall),
                Self::Memory => {
                    let peaks = run.steps.values().map(|step| step.cost.memory);
                    Some(peaks.max()? as f64)
                }
                Self::Rate => {
                    let bytes = results.corpora.get(corpus)?.bytes;
                    Some(bytes as f64 / step(Phase::Full)?.cost.wall)
                }
            }
        });
        Spread::of(&each.collect::<Option<Vec<f64>>>()?)
    }

    /// Whether a wide spread says that it was disturbed.
    pub fn is_wall(self) -> bool {
        matches!(self, Self::Wall(_) | Self::Rate)
    }

    /// The figure for people.
    pub fn show(self, value: f64) -> String {
        match self {
            Self::Stored(_) | Self::Added => format!("{:.2} MB", value / 1e6),
            Self::Memory => format!("{:.0} MiB", value / f64::from(1 << 20)),
            Self::Rate => format!("{:.0} MB/s", value / 1e6),
            Self::Cpu(_) | Self::Wall(_) => format!("{value:.3} s"),
        }
    }
}

/// What an engine pays for deriving its key from a passphrase, once, as seen on one corpus; nothing
/// where it was not measured.
pub fn derivation(results: &Results, corpus: &str, peer: &str) -> Option<Cost> {
    // Ours opens without a passphrase first; others never do, and saying the version is the nearest.
    let (without, with) = match results.peers.get(peer)?.key {
        Key::Passphrase => (Phase::Start, Phase::Open),
        Key::File => (Phase::Open, Phase::OpenProtected),
        Key::None => return None,
    };
    let (without, with) = (
        middle(results, corpus, peer, without)?,
        middle(results, corpus, peer, with)?,
    );
    Some(Cost {
        wall: (with.wall - without.wall).max(0.0),
        cpu: (with.cpu - without.cpu).max(0.0),
        ..Cost::default()
    })
}

/// The median times of a phase.
fn middle(results: &Results, corpus: &str, peer: &str, phase: Phase) -> Option<Cost> {
    let steps = results.steps(corpus, peer, phase);
    let median = |of: fn(&Step) -> f64| {
        let figures: Vec<f64> = steps.iter().map(of).collect();
        Spread::of(&figures).map(|spread| spread.median)
    };
    Some(Cost {
        wall: median(|step| step.cost.wall)?,
        cpu: median(|step| step.cost.cpu)?,
        ..Cost::default()
    })
}

/// What is taken off an engine's costs.
#[derive(Clone, Copy, Debug, Default)]
struct Net {
    /// Of saying the version: no command costs less.
    start: Cost,
    /// Of deriving the key, for each command.
    derivation: Cost,
}

impl Net {
    /// What is taken off for this engine, as seen on this corpus.
    fn of(results: &Results, corpus: &str, peer: &str) -> Self {
        let key = results.peers.get(peer).map(|engine| engine.key);
        if key != Some(Key::Passphrase) {
            return Self::default();
        }
        Self {
            start: middle(results, corpus, peer, Phase::Start).unwrap_or_default(),
            derivation: derivation(results, corpus, peer).unwrap_or_default(),
        }
    }

    /// The cost of a step without deriving keys.
    fn cost(&self, step: &Step) -> Cost {
        let commands = f64::from(step.commands);
        let off = |whole: f64, start: f64, derivation: f64| {
            (whole - derivation * commands).max(whole.min(start * commands))
        };
        Cost {
            wall: off(step.cost.wall, self.start.wall, self.derivation.wall),
            cpu: off(step.cost.cpu, self.start.cpu, self.derivation.cpu),
            ..step.cost
        }
    }
}
