//! One life of one engine on one corpus: made, filled, changed, restored, checked, pruned.

use super::corpus::tree;
use super::gauge::{Cost, Gauge};
use super::peer::{PASSPHRASE, Peer, Place, common_environment};
use super::phase::Phase;
use super::place::make_folder;
use super::results::{Run, Step};
use super::source::Source;
use crate::finding::{Chore, write};
use std::ffi::OsString;
use std::path::Path;

/// Whether a restore is compared with its source, byte by byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    /// It is.
    Whole,
    /// It was, in an earlier repetition.
    None,
}

/// An engine at work.
pub struct Life<'a> {
    /// Which one.
    pub peer: &'a dyn Peer,
    /// Where.
    pub place: Place,
    /// On what.
    pub source: &'a Source,
    /// What measures it.
    pub gauge: &'a Gauge,
    /// Whether restores are compared.
    pub comparison: Comparison,
}

impl Life<'_> {
    /// Live through these phases. A failing step ends the life and is told in the run.
    pub fn live(mut self, phases: &[Phase], run: &mut Run) -> Result<(), Chore> {
        make_folder(&self.place.work)?;
        make_folder(&self.place.out())?;
        write(&self.place.passphrase(), PASSPHRASE.as_bytes())?;
        self.source.begin()?;
        let mut environment = common_environment(&self.place.work);
        environment.extend(self.peer.environment(&self.place));
        let outcome = phases
            .iter()
            .try_for_each(|phase| self.take(*phase, &environment, run));
        self.source.end()?;
        if let Err(error) = outcome {
            println!("    FAILED {error}");
            run.failure = Some(error.to_string());
        }
        Ok(())
    }

    fn take(
        &mut self,
        phase: Phase,
        environment: &[(&'static str, OsString)],
        run: &mut Run,
    ) -> Result<(), Chore> {
        let states = match phase {
            Phase::Changed => self.source.changes(),
            _ => 1,
        };
        let mut total: Option<Step> = None;
        for state in 0..states {
            if phase == Phase::Changed {
                self.source.advance(state)?;
            }
            let Some(step) = self.step(phase, environment)? else {
                continue;
            };
            total = Some(total.map_or(step, |total| total.then(step)));
        }
        if let Some(step) = total {
            println!("    {}", step.line(phase));
            run.steps.insert(phase, step);
        }
        if phase == Phase::Restore && total.is_some() && self.comparison == Comparison::Whole {
            let restored = self.peer.restored(&self.place);
            let is_equal = restored.is_dir() && tree::is_equal(self.source.path(), &restored)?;
            println!(
                "    restored files are {}",
                if is_equal { "equal" } else { "DIFFERENT" }
            );
            run.equal = Some(is_equal);
        }
        Ok(())
    }

    /// Measure what a phase takes once; `None` if the engine has no such phase.
    fn step(
        &mut self,
        phase: Phase,
        environment: &[(&'static str, OsString)],
    ) -> Result<Option<Step>, Chore> {
        if matches!(phase, Phase::Full | Phase::Unchanged | Phase::Changed) {
            self.place.backups += 1;
        }
        let lines = self.peer.lines(phase, &self.place);
        if lines.is_empty() {
            self.place.backups -= u32::from(phase == Phase::Unchanged);
            return Ok(None);
        }
        let mut cost = Cost::default();
        for line in &lines {
            rustix::fs::sync();
            cost = cost.then(self.gauge.measure(line, environment)?);
        }
        let commands = u32::try_from(lines.len()).unwrap_or(u32::MAX);
        let stored = size(&self.place.store())?;
        Ok(Some(Step {
            cost,
            commands,
            stored,
        }))
    }
}

fn size(store: &Path) -> Result<u64, Chore> {
    if !store.is_dir() {
        return Ok(0);
    }
    let files = tree::files(store)?;
    let sizes = files.iter().map(|path| std::fs::metadata(store.join(path)));
    // Engines may remove files of their own meanwhile.
    Ok(sizes.flatten().map(|about| about.len()).sum())
}
