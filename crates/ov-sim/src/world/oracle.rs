//! What must be true: plain maps, and no code that the engine has too.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use ov_format::name::{ObjectName, RecordName};

/// Content by path.
pub type Contents = BTreeMap<Vec<u8>, Arc<Vec<u8>>>;

/// What is known of one snapshot from outside the engine.
#[derive(Clone, Debug, Default)]
pub struct Expected {
    /// What it holds.
    pub files: Contents,
    /// Its agent was told that it is safe.
    pub acknowledged: bool,
    /// A person asked to forget it, whether or not that came through.
    pub forgotten: bool,
    /// Targets on which a keeper said that it is complete.
    pub accepted: BTreeSet<usize>,
    /// Its home was in the hands of an enemy: it may be lost there, and must not be another.
    pub lost_by_right: bool,
}

/// What must be true.
#[derive(Clone, Debug, Default)]
pub struct Oracle {
    /// Every snapshot that an agent put, or tried to.
    pub snapshots: BTreeMap<RecordName, Expected>,
    /// The bytes of every object, by target, as they were first seen.
    pub objects: BTreeMap<(usize, ObjectName), Arc<Vec<u8>>>,
}

impl Oracle {
    /// An agent put records while its machine looked so, and was told that one of them is safe.
    pub fn backed_up(&mut self, tried: &[RecordName], files: &Contents, done: Option<RecordName>) {
        for name in tried.iter().chain(&done) {
            let expected = self.snapshots.entry(*name).or_default();
            expected.files.clone_from(files);
            expected.acknowledged |= done == Some(*name);
        }
    }

    /// An enemy could take it from its home.
    pub fn lost_by_right(&mut self, name: &RecordName) {
        if let Some(expected) = self.snapshots.get_mut(name) {
            expected.lost_by_right = true;
        }
    }

    /// A person asked to forget them.
    pub fn asked_to_forget(&mut self, names: &BTreeSet<RecordName>) {
        for name in names {
            self.snapshots.entry(*name).or_default().forgotten = true;
        }
    }

    /// Snapshots that must be there, by name.
    pub fn safe(&self) -> impl Iterator<Item = (&RecordName, &Expected)> {
        self.snapshots
            .iter()
            .filter(|(_, one)| one.acknowledged && !one.forgotten && !one.lost_by_right)
    }

    /// Contents that only forgotten snapshots hold.
    pub fn abandoned(&self) -> Vec<Arc<Vec<u8>>> {
        let contents = |forgotten: bool| {
            let all = self
                .snapshots
                .values()
                .filter(move |one| one.forgotten == forgotten);
            all.flat_map(|one| one.files.values())
                .cloned()
                .collect::<BTreeSet<_>>()
        };
        contents(true)
            .difference(&contents(false))
            .cloned()
            .collect()
    }

    /// What a person may ask to forget: all but the newest of each agent.
    pub fn old(&self) -> Vec<RecordName> {
        let safe: Vec<_> = self.safe().map(|(name, _)| *name).collect();
        let newer = |name: &RecordName| {
            safe.iter()
                .any(|other| other.log == name.log && other.number > name.number)
        };
        safe.iter().filter(|name| newer(name)).copied().collect()
    }
}
