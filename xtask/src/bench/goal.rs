//! A figure to reach, and whether it is reached.

use super::figure::Figure;
use super::peer::Role;
use super::phase::Phase;
use super::results::Results;
use super::statistics::Spread;

/// Wall times that lie further apart than this share of their median are not judged.
const CALM: f64 = 0.15;
/// Who stores more than this much of what the smallest peer stores pays for its speed with space.
const COMPACT: f64 = 1.1;

/// What a figure is held against.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Against {
    /// The best peer among those that store little.
    Compact,
    /// The best peer, whatever it stores.
    Any,
    /// A floor.
    Floor(&'static str),
    /// What all processors could reach with the primitives alone.
    Machine,
    /// So many bytes.
    Bytes(f64),
}

/// How large the ratio to that may be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Bound {
    /// No larger.
    AtMost(f64),
    /// No smaller.
    AtLeast(f64),
}

/// One figure to reach.
#[derive(Debug)]
pub struct Goal {
    /// At what work.
    pub work: &'static str,
    /// On which corpora.
    pub corpora: &'static [&'static str],
    /// What is measured of ours.
    pub ours: Figure,
    /// What is measured of the others.
    pub theirs: Figure,
    /// Who they are.
    pub against: Against,
    /// How much of theirs it may be.
    pub bound: Bound,
}

/// How a goal stands on one corpus.
#[derive(Clone, Debug, PartialEq)]
pub struct Judgement {
    /// The corpus.
    pub corpus: &'static str,
    /// Ours.
    pub ours: f64,
    /// What it is held against.
    pub theirs: f64,
    /// Whose that is.
    pub whose: String,
    /// Ours as a share of theirs.
    pub ratio: f64,
    /// What follows.
    pub verdict: Verdict,
}

/// What follows from a ratio.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Verdict {
    /// The goal is reached.
    Reached,
    /// It is missed by this factor, above 1.
    Missed(f64),
    /// Wall times lay too far apart, or were measured only once.
    Disturbed,
}

impl Goal {
    /// How it stands on each corpus on which both sides were measured.
    pub fn judge(&self, results: &Results) -> Vec<Judgement> {
        let corpora = self.corpora.iter();
        corpora
            .filter_map(|corpus| self.judge_on(results, corpus))
            .collect()
    }

    fn judge_on(&self, results: &Results, corpus: &'static str) -> Option<Judgement> {
        let name = results.with_role(Role::Ours).next()?;
        let ours = self.ours.of(results, corpus, name)?;
        let (whose, theirs) = self.rival(results, corpus)?;
        let ratio = ours.median / theirs.median;
        let is_once = results.lives(corpus, name).nth(1).is_none();
        let is_calm = !is_once && ours.width().max(theirs.width()) < CALM;
        let verdict = match self.bound.factor_missed(ratio) {
            _ if self.ours.is_wall() && !is_calm => Verdict::Disturbed,
            Some(factor) => Verdict::Missed(factor),
            None => Verdict::Reached,
        };
        Some(Judgement {
            corpus,
            ours: ours.median,
            theirs: theirs.median,
            whose,
            ratio,
            verdict,
        })
    }

    fn rival(&self, results: &Results, corpus: &str) -> Option<(String, Spread)> {
        let exactly = |figure: f64| Spread {
            least: figure,
            median: figure,
            most: figure,
        };
        match self.against {
            Against::Bytes(bytes) => Some(("the limit".to_owned(), exactly(bytes))),
            Against::Machine => Some(("the machine".to_owned(), exactly(machine_rate(results)?))),
            Against::Floor(name) => {
                let floor = self.theirs.of(results, corpus, name)?;
                Some((name.to_owned(), floor))
            }
            Against::Any => best(self.theirs, results, corpus, &peers(results, corpus)),
            Against::Compact => best(self.theirs, results, corpus, &compact(results, corpus)),
        }
    }
}

impl Bound {
    /// By which factor a ratio misses it; `None` if it is kept.
    fn factor_missed(self, ratio: f64) -> Option<f64> {
        match self {
            Self::AtMost(bound) => (ratio > bound).then(|| ratio / bound),
            Self::AtLeast(bound) => (ratio < bound).then(|| bound / ratio),
        }
    }
}

fn peers<'a>(results: &'a Results, corpus: &str) -> Vec<&'a str> {
    let measured = |peer: &&str| results.lives(corpus, peer).next().is_some();
    results.with_role(Role::Peer).filter(measured).collect()
}

/// The peers that store at most 1.1 times what the smallest one stores.
pub fn compact<'a>(results: &'a Results, corpus: &str) -> Vec<&'a str> {
    let phase = match corpus {
        "versions" => Phase::Changed,
        _ => Phase::Full,
    };
    let stored = |peer: &str| {
        let spread = Figure::Stored(phase).of(results, corpus, peer);
        spread.map(|spread| spread.median)
    };
    let all = peers(results, corpus);
    let least = all
        .iter()
        .filter_map(|peer| stored(peer))
        .fold(f64::INFINITY, f64::min);
    let is_compact = |peer: &&str| stored(peer).is_some_and(|bytes| bytes <= least * COMPACT);
    all.into_iter().filter(is_compact).collect()
}

/// The peer with the least figure.
pub fn best(
    figure: Figure,
    results: &Results,
    corpus: &str,
    peers: &[&str],
) -> Option<(String, Spread)> {
    let figures = peers.iter().filter_map(|peer| {
        let spread = figure.of(results, corpus, peer)?;
        Some(((*peer).to_owned(), spread))
    });
    figures.min_by(|(_, a), (_, b)| a.median.total_cmp(&b.median))
}

/// Bytes per second if each byte goes through every primitive once and all processors take part.
fn machine_rate(results: &Results) -> Option<f64> {
    if results.rates.is_empty() {
        return None;
    }
    let seconds: f64 = results.rates.values().map(|rate| 1.0 / rate).sum();
    Some(results.machine.cores as f64 / seconds)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::gauge::Cost;
    use crate::bench::goals::{GOALS, goal};
    use crate::bench::peer::Key;
    use crate::bench::results::{About, Engine, Run, Step};

    const MIB: f64 = 1_048_576.0;
    const FULL: &[Phase] = &[Phase::Full];
    const UNCHANGED: &[Phase] = &[Phase::Unchanged];
    const RESTORE: &[Phase] = &[Phase::Restore];

    fn engine(role: Role, key: Key) -> Engine {
        Engine {
            version: String::new(),
            build: None,
            settings: String::new(),
            role,
            key,
        }
    }

    /// A life with the same costs in each phase, but the store.
    fn run(repetition: u32, peer: &str, cost: f64, stored: u64) -> Run {
        let step = Step {
            cost: Cost {
                wall: cost,
                cpu: cost,
                memory: 50 << 20,
                others: 0.0,
            },
            commands: 1,
            stored,
        };
        Run {
            repetition,
            corpus: "small".to_owned(),
            peer: peer.to_owned(),
            steps: Phase::ALL.map(|phase| (phase, step)).into(),
            equal: None,
            failure: None,
        }
    }

    fn results() -> Results {
        let about = About {
            scale: 1000,
            files: 1,
            bytes: 100,
            digest: String::new(),
        };
        let peers = [
            ("ours", engine(Role::Ours, Key::File)),
            ("lean", engine(Role::Peer, Key::File)),
            ("fast", engine(Role::Peer, Key::File)),
            ("tar", engine(Role::Floor, Key::None)),
        ];
        Results {
            corpora: [("small".to_owned(), about)].into(),
            peers: peers.map(|(name, engine)| (name.to_owned(), engine)).into(),
            runs: vec![
                run(0, "ours", 1.0, 60),
                run(0, "lean", 4.0, 100),
                run(0, "fast", 2.0, 111),
                run(0, "tar", 0.5, 10),
            ],
            ..Results::default()
        }
    }

    fn judged(results: &Results, figure: Figure, against: Against, at_most: f64) -> Judgement {
        let goal = goal("work", &["small"], figure, against, at_most);
        goal.judge(results).remove(0)
    }

    #[test]
    fn who_stores_more_than_a_tenth_more_is_no_compact_peer() {
        let mut results = results();
        let full = judged(&results, Figure::Cpu(FULL), Against::Compact, 0.25);
        assert_eq!((full.whose.as_str(), full.ratio), ("lean", 0.25));
        assert_eq!(full.verdict, Verdict::Reached);
        let any = judged(&results, Figure::Cpu(FULL), Against::Any, 0.4);
        assert_eq!((any.whose.as_str(), any.ratio), ("fast", 0.5));
        assert_eq!(any.verdict, Verdict::Missed(1.25));
        results.runs[2] = run(0, "fast", 2.0, 110);
        let full = judged(&results, Figure::Cpu(FULL), Against::Compact, 0.5);
        assert_eq!(full.whose, "fast");
    }

    #[test]
    fn floors_are_no_peers_and_can_be_asked_for() {
        let results = results();
        let stored = judged(&results, Figure::Stored(Phase::Full), Against::Any, 0.65);
        assert_eq!((stored.whose.as_str(), stored.ratio), ("lean", 0.6));
        let floor = judged(&results, Figure::Cpu(RESTORE), Against::Floor("tar"), 1.15);
        assert_eq!(floor.ratio, 2.0);
        let memory = judged(&results, Figure::Memory, Against::Bytes(100.0 * MIB), 1.0);
        assert_eq!((memory.ratio, memory.verdict), (0.5, Verdict::Reached));
    }

    #[test]
    fn wall_times_far_apart_are_not_judged_and_processor_times_are() {
        let mut results = results();
        let wall =
            |results: &Results| judged(results, Figure::Wall(FULL), Against::Any, 0.9).verdict;
        assert_eq!(wall(&results), Verdict::Disturbed, "once says nothing");
        results.runs.push(run(1, "ours", 1.1, 60));
        assert_eq!(wall(&results), Verdict::Reached);
        results.runs.push(run(2, "ours", 1.2, 60));
        assert_eq!(wall(&results), Verdict::Disturbed);
        let cpu = judged(&results, Figure::Cpu(FULL), Against::Any, 0.9);
        assert_eq!(cpu.verdict, Verdict::Reached);
    }

    #[test]
    fn the_cost_of_a_passphrase_is_taken_off_but_not_more_than_there_is() {
        let mut results = results();
        results
            .peers
            .insert("lean".to_owned(), engine(Role::Peer, Key::Passphrase));
        let steps = &mut results.runs[1].steps;
        for (phase, cpu) in [
            (Phase::Start, 0.1),
            (Phase::Open, 1.1),
            (Phase::Unchanged, 1.05),
        ] {
            steps.entry(phase).and_modify(|step| step.cost.cpu = cpu);
        }
        let cpu = |phases| {
            Figure::Cpu(phases)
                .of(&results, "small", "lean")
                .unwrap()
                .median
        };
        assert_eq!(cpu(FULL), 3.0);
        assert_eq!(cpu(UNCHANGED), 0.1, "starting is the engine's own cost");
        let ours = Figure::Cpu(FULL).of(&results, "small", "ours").unwrap();
        assert_eq!(ours.median, 1.0);
    }

    #[test]
    fn the_machine_does_one_primitive_after_the_other_on_every_processor() {
        let mut results = results();
        assert_eq!(machine_rate(&results), None);
        results.machine.cores = 2;
        results.rates = [("cut".to_owned(), 300.0), ("seal".to_owned(), 600.0)].into();
        assert!((machine_rate(&results).unwrap() - 400.0).abs() < 1e-9);
        let goal = GOALS
            .iter()
            .find(|goal| goal.against == Against::Machine)
            .unwrap();
        assert_eq!(goal.bound.factor_missed(0.5), Some(1.5));
        assert_eq!(goal.bound.factor_missed(0.8), None);
    }

    #[test]
    fn what_was_not_measured_is_not_judged() {
        let results = results();
        let imaging = GOALS.iter().filter(|goal| goal.corpora == ["imaging"]);
        assert!(
            imaging
                .flat_map(|goal| goal.judge(&results))
                .next()
                .is_none()
        );
    }
}
