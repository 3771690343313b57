//! The engines that are measured: ours, its peers, and floors that no engine can beat by much.
//!
//! Each is one file: how it is called for every phase. A new one is such a file and a line in
//! [`all`].

mod borg;
mod bupstash;
mod floor;
mod oncovault;
mod restic;
mod rustic;

use super::gauge::Line;
use super::phase::Phase;
use serde::{Deserialize, Serialize};
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// What a passphrase is where an engine cannot do without.
pub const PASSPHRASE: &str = "correct horse battery staple";

/// What an engine is to the comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// The one that is judged.
    Ours,
    /// One that it is judged against.
    Peer,
    /// Ours with work that no peer does: shown, and judged against nobody.
    Variant,
    /// No backup engine: neither encrypted nor deduplicated.
    Floor,
}

/// How an engine comes to its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Key {
    /// From a file, at no cost.
    File,
    /// From a passphrase, derived anew by every command.
    Passphrase,
    /// It has none.
    None,
}

/// Where one life of one engine on one corpus happens.
#[derive(Clone, Debug)]
pub struct Place {
    /// The engine's program.
    pub program: PathBuf,
    /// A folder of its own.
    pub work: PathBuf,
    /// What is backed up.
    pub source: PathBuf,
    /// Backups made so far, the one that is being made included.
    pub backups: u32,
}

impl Place {
    /// The store.
    pub fn store(&self) -> PathBuf {
        self.work.join("store")
    }

    /// A file that holds [`PASSPHRASE`].
    pub fn passphrase(&self) -> PathBuf {
        self.work.join("passphrase")
    }

    /// Where a restore goes.
    pub fn out(&self) -> PathBuf {
        self.work.join("out")
    }

    /// Where a restore goes that repeats the absolute path of the source.
    pub fn out_with_path(&self) -> PathBuf {
        let path = self.source.strip_prefix("/").unwrap_or(&self.source);
        self.out().join(path)
    }

    /// The program with these words.
    fn line<W: AsRef<str>>(&self, words: &[W]) -> Line {
        let program = std::iter::once(self.program.clone().into_os_string());
        let words = words.iter().map(|word| OsString::from(word.as_ref()));
        Line {
            words: program.chain(words).collect(),
            folder: self.work.clone(),
        }
    }
}

/// An engine.
pub trait Peer: Sync {
    /// Its name in options and tables.
    fn name(&self) -> &'static str;

    /// The program to look for.
    fn program(&self) -> &'static str;

    /// What it is to the comparison.
    fn role(&self) -> Role {
        Role::Peer
    }

    /// How it comes to its key.
    fn key(&self) -> Key;

    /// With what settings it runs, for the report.
    fn settings(&self) -> &'static str;

    /// What makes the program say its version.
    fn version_words(&self) -> &'static [&'static str] {
        &["--version"]
    }

    /// Its own variables.
    fn environment(&self, place: &Place) -> Vec<(&'static str, OsString)>;

    /// What a phase takes, one after the other. Nothing: the engine has no such phase.
    fn lines(&self, phase: Phase, place: &Place) -> Vec<Line>;

    /// Where the files of the source are after a restore.
    fn restored(&self, place: &Place) -> PathBuf {
        place.out_with_path()
    }
}

/// All that are known, ours first.
pub fn all() -> Vec<Box<dyn Peer>> {
    vec![
        Box::new(oncovault::Oncovault::Engine),
        Box::new(oncovault::Oncovault::Catalog),
        Box::new(bupstash::Bupstash),
        Box::new(restic::Restic),
        Box::new(rustic::Rustic),
        Box::new(borg::Borg::Default),
        Box::new(borg::Borg::Zstd),
        Box::new(floor::TarZstd),
        Box::new(floor::Tar),
        Box::new(floor::Walk),
    ]
}

/// The environment that all get: nothing of the person's own configuration.
pub fn common_environment(work: &Path) -> Vec<(&'static str, OsString)> {
    let kept = |name: &'static str| std::env::var_os(name).map(|value| (name, value));
    let mut variables = vec![
        ("HOME", work.as_os_str().to_owned()),
        ("XDG_CACHE_HOME", work.join("cache").into_os_string()),
        ("XDG_CONFIG_HOME", work.join("config").into_os_string()),
        ("XDG_STATE_HOME", work.join("state").into_os_string()),
        ("LANG", OsString::from("C.UTF-8")),
    ];
    variables.extend([kept("PATH"), kept("TMPDIR")].into_iter().flatten());
    variables
}

fn text(path: impl AsRef<Path>) -> String {
    path.as_ref().display().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_engine_stores_restores_and_is_told_apart() {
        let place = Place {
            program: PathBuf::from("program"),
            work: PathBuf::from("/w"),
            source: PathBuf::from("/d/small"),
            backups: 1,
        };
        let mut names = Vec::new();
        for peer in all() {
            names.push(peer.name());
            if peer.name() == "walk" {
                continue;
            }
            for phase in [Phase::Init, Phase::Full, Phase::Restore] {
                assert!(
                    !peer.lines(phase, &place).is_empty(),
                    "{} {phase:?}",
                    peer.name()
                );
            }
        }
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), count);
    }
}
