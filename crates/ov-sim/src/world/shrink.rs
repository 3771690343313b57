//! From a seed that fails to the shortest story that still does.
//!
//! Every errand has dice of its own, so leaving one out does not shift the others: what is not
//! needed for the failure is left out piece by piece until nothing more can be.

use std::collections::BTreeSet;
use std::fmt;

use super::bug::Bug;
use super::run::{Outcome, run_without};
use super::weather::Fault;

/// What of a seed does not happen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Without {
    /// Errands, by their number in the run.
    pub errands: BTreeSet<u64>,
    /// Faults.
    pub faults: BTreeSet<Fault>,
}

/// The shortest story found: who did what, and what came of it.
#[derive(Debug)]
pub struct Script {
    seed: u64,
    bug: Option<Bug>,
    /// What was left out.
    pub without: Without,
    outcome: Outcome,
    /// Runs that it took to find it.
    pub runs: u64,
}

/// Makes the story of a failing seed shorter; `None` if the seed does not fail.
pub fn shrink(seed: u64, bug: Option<Bug>) -> Option<Script> {
    let outcome = run_without(seed, bug, &Without::default());
    let mut script = Script {
        seed,
        bug,
        without: Without::default(),
        outcome,
        runs: 1,
    };
    if !script.outcome.fails() {
        return None;
    }
    loop {
        let before = script.without.clone();
        for fault in Fault::ALL {
            script.try_without(|without| without.faults.insert(fault));
        }
        // The last ones first: without them the story ends earlier.
        for errand in (1..=script.outcome.errands).rev() {
            script.try_without(|without| without.errands.insert(errand));
        }
        if script.without == before {
            return Some(script);
        }
    }
}

impl Script {
    fn try_without(&mut self, leave_out: impl FnOnce(&mut Without) -> bool) {
        let mut without = self.without.clone();
        if !leave_out(&mut without) {
            return;
        }
        self.runs += 1;
        let outcome = run_without(self.seed, self.bug, &without);
        if outcome.fails() {
            (self.without, self.outcome) = (without, outcome);
        }
    }

    /// Everything that happened in it, call by call.
    pub fn trace(&self) -> &[String] {
        self.outcome.trace.lines()
    }

    /// Errands that are left before the end, of which nothing is left out.
    pub fn errands(&self) -> usize {
        self.outcome
            .story()
            .take_while(|line| *line != "finale")
            .filter(|line| line.contains(" sets out"))
            .count()
    }
}

impl fmt::Display for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "seed {}", self.seed)?;
        if let Some(bug) = self.bug {
            write!(f, " with {bug:?}")?;
        }
        writeln!(f, ", {} runs to shorten it", self.runs)?;
        let faults = Fault::ALL
            .into_iter()
            .filter(|fault| fault.is_in(&self.outcome.weather));
        let faults: Vec<_> = faults.map(|fault| format!("{fault:?}")).collect();
        match faults.is_empty() {
            true => writeln!(f, "no faults")?,
            false => writeln!(f, "faults: {}", faults.join(", "))?,
        }
        for line in self.outcome.story() {
            writeln!(f, "  {line}")?;
        }
        for violation in &self.outcome.violations {
            writeln!(f, "then: {violation}")?;
        }
        Ok(())
    }
}
