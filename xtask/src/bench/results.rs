//! What was measured, as it is kept in a file: enough to draw up every table again.

use super::gauge::Cost;
use super::peer::{Key, Role};
use super::phase::Phase;
use crate::finding::{Chore, read};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::Path;

/// Everything about some runs.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Results {
    /// On what it was measured.
    pub machine: Machine,
    /// With which files.
    pub corpora: BTreeMap<String, About>,
    /// With which engines.
    pub peers: BTreeMap<String, Engine>,
    /// What the machine's single primitives reach, in bytes per second of one processor.
    pub rates: BTreeMap<String, f64>,
    /// One for each life of an engine.
    pub runs: Vec<Run>,
}

/// The machine.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Machine {
    /// What its processors are.
    pub processor: String,
    /// How many of them are used.
    pub cores: u64,
    /// Bytes of memory.
    pub memory: u64,
    /// The system's kernel.
    pub kernel: String,
}

/// A corpus.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct About {
    /// Thousandths of its full size.
    pub scale: u64,
    /// Files.
    pub files: u64,
    /// Bytes of all of them.
    pub bytes: u64,
    /// What proves that these were the files.
    pub digest: String,
}

/// An engine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Engine {
    /// What it says.
    pub version: String,
    /// The first digits of the BLAKE3 hash of its program, for ours alone.
    pub build: Option<String>,
    /// With what settings it ran.
    pub settings: String,
    /// What it is to the comparison.
    pub role: Role,
    /// How it comes to its key.
    pub key: Key,
}

/// One life of an engine on a corpus.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Run {
    /// Counted from 0.
    pub repetition: u32,
    /// On which corpus.
    pub corpus: String,
    /// Which engine.
    pub peer: String,
    /// What was done.
    pub steps: BTreeMap<Phase, Step>,
    /// Whether what was restored equals the source; nothing if that was not looked at.
    pub equal: Option<bool>,
    /// Why it ended early.
    pub failure: Option<String>,
}

/// One phase.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// What it cost.
    #[serde(flatten)]
    pub cost: Cost,
    /// How many commands it took.
    pub commands: u32,
    /// Bytes of the store afterwards.
    pub stored: u64,
}

impl Step {
    /// Another one after this.
    pub fn then(self, next: Self) -> Self {
        Self {
            cost: self.cost.then(next.cost),
            commands: self.commands + next.commands,
            stored: next.stored,
        }
    }

    /// A line for whoever watches.
    pub fn line(&self, phase: Phase) -> String {
        let Cost {
            wall,
            cpu,
            memory,
            others,
        } = self.cost;
        format!(
            "{:<18} wall {wall:>7.3} s  cpu {cpu:>7.3} s  memory {:>6.1} MiB  stored {:>8.2} MB  others {:>3.0} %",
            phase.heading(),
            memory as f64 / f64::from(1 << 20),
            self.stored as f64 / 1e6,
            others * 100.0
        )
    }
}

impl Results {
    /// Read them; `None` if there is no such file.
    pub fn load(path: &Path) -> Result<Option<Self>, Chore> {
        match path.is_file() {
            true => Ok(Some(serde_json::from_str(&read(path)?)?)),
            false => Ok(None),
        }
    }

    /// Write them: another file first, so that a killed run loses nothing.
    pub fn save(&self, path: &Path) -> Result<(), Chore> {
        let failed = |cause| super::place::failed(path, cause);
        let new = path.with_extension("new");
        std::fs::write(&new, self.text()?).map_err(failed)?;
        std::fs::rename(&new, path).map_err(failed)
    }

    /// Readable by people where that costs nothing: one run a line.
    fn text(&self) -> Result<String, Chore> {
        let mut text = format!(
            "{{\"machine\":{},\n\"corpora\":{},\n\"peers\":{},\n\"rates\":{},\n\"runs\":[",
            serde_json::to_string(&self.machine)?,
            serde_json::to_string(&self.corpora)?,
            serde_json::to_string(&self.peers)?,
            serde_json::to_string(&self.rates)?
        );
        for (index, run) in self.runs.iter().enumerate() {
            text.push_str(if index == 0 { "\n" } else { ",\n" });
            text.push_str(&serde_json::to_string(run)?);
        }
        text.push_str("\n]}\n");
        Ok(text)
    }

    /// Whether this life was lived.
    pub fn has(&self, repetition: u32, corpus: &str, peer: &str) -> bool {
        self.runs
            .iter()
            .any(|run| run.repetition == repetition && run.corpus == corpus && run.peer == peer)
    }

    /// The steps of this phase, one for each repetition in which nothing failed.
    pub fn steps(&self, corpus: &str, peer: &str, phase: Phase) -> Vec<Step> {
        let lives = self.lives(corpus, peer);
        lives
            .filter_map(|run| run.steps.get(&phase).copied())
            .collect()
    }

    /// The lives of an engine on a corpus in which nothing failed.
    pub fn lives<'a>(&'a self, corpus: &'a str, peer: &'a str) -> impl Iterator<Item = &'a Run> {
        self.runs
            .iter()
            .filter(move |run| run.corpus == corpus && run.peer == peer && run.failure.is_none())
    }

    /// The names of the engines with this role.
    pub fn with_role(&self, role: Role) -> impl Iterator<Item = &str> {
        let engines = self
            .peers
            .iter()
            .filter(move |(_, engine)| engine.role == role);
        engines.map(|(name, _)| name.as_str())
    }
}

impl Machine {
    /// This one.
    pub fn here() -> Self {
        let text = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
        let after = |text: &str, key: &str| {
            let line = text.lines().find(|line| line.starts_with(key));
            let value = line.and_then(|line| line.split_once(':'));
            value
                .map(|(_, value)| value.trim().to_owned())
                .unwrap_or_default()
        };
        let memory = after(&text("/proc/meminfo"), "MemTotal");
        let kilobytes = memory
            .split(' ')
            .next()
            .and_then(|number| number.parse().ok());
        let kernel = ["ostype", "osrelease"].map(|name| text(&format!("/proc/sys/kernel/{name}")));
        Self {
            processor: after(&text("/proc/cpuinfo"), "model name"),
            cores: std::thread::available_parallelism()
                .map_or(1, |cores| u64::try_from(cores.get()).unwrap_or(1)),
            memory: kilobytes.unwrap_or(0u64) * 1024,
            // Without what a distribution or a machine's owner adds to the number.
            kernel: kernel
                .map(|word| {
                    word.split(['-', '\n'])
                        .next()
                        .unwrap_or_default()
                        .to_owned()
                })
                .join(" "),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_saved_is_loaded_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("results.json");
        assert!(Results::load(&path).unwrap().is_none());
        let step = Step {
            cost: Cost {
                wall: 1.5,
                cpu: 2.5,
                memory: 7,
                others: 0.25,
            },
            commands: 2,
            stored: 9,
        };
        let run = |repetition, failure: Option<&str>| Run {
            repetition,
            corpus: "small".to_owned(),
            peer: "restic".to_owned(),
            steps: [(Phase::CheckWithoutKey, step)].into(),
            equal: Some(true),
            failure: failure.map(str::to_owned),
        };
        let results = Results {
            machine: Machine::here(),
            runs: vec![run(0, None), run(1, Some("broke"))],
            ..Results::default()
        };
        results.save(&path).unwrap();
        let loaded = Results::load(&path).unwrap().unwrap();
        assert!(loaded.has(0, "small", "restic") && !loaded.has(2, "small", "restic"));
        let steps = loaded.steps("small", "restic", Phase::CheckWithoutKey);
        assert_eq!(steps, [step], "the life that failed does not count");
    }
}
