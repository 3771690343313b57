//! What is in a place, as its records say.

use std::collections::BTreeMap;
use std::path::Path;

use jiff::Timestamp;
use ov_format::entry::Time;
use ov_format::id::ObjectHash;
use ov_vault::state::{Commit, Verdict};
use ov_vault::verified::Verified;
use ov_vault::{State, Vault};
use serde::{Deserialize, Serialize};

/// What is in a place.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Contents {
    /// The newest complete snapshot of each dataset.
    pub newest: BTreeMap<String, Timestamp>,
    /// Complete snapshots of each dataset.
    pub accepted: BTreeMap<String, u64>,
    /// Snapshots of each dataset that no keeper has accepted here.
    pub waiting: BTreeMap<String, u64>,
    /// Bytes of all objects.
    pub bytes: u64,
    /// When the bytes that were not read for longest were last read, or else stored.
    pub oldest_unverified: Option<Timestamp>,
}

impl Contents {
    /// Reads the records of a place. `dataset` says to which dataset a snapshot belongs; what it
    /// does not know is left out. `verified` is the file in which checks note what they read.
    pub fn of(
        vault: &Vault,
        state: &State,
        dataset: impl Fn(&Commit) -> Option<String>,
        verified: Option<&Path>,
    ) -> Self {
        let mut contents = Self {
            bytes: bytes(vault, state),
            oldest_unverified: oldest(vault, state, verified),
            ..Self::default()
        };
        for commit in state.listed() {
            if let Some(name) = dataset(commit) {
                contents.add(name, commit);
            }
        }
        contents
    }

    fn add(&mut self, dataset: String, commit: &Commit) {
        if commit.verdict != Verdict::Accepted {
            *self.waiting.entry(dataset).or_default() += 1;
            return;
        }
        *self.accepted.entry(dataset.clone()).or_default() += 1;
        // An agent whose clock is ahead does not stay the newest for ever.
        let time = commit.arrival.map_or(commit.time, |at| at.min(commit.time));
        if let Some(moment) = moment(time) {
            let newest = self.newest.entry(dataset).or_insert(moment);
            *newest = moment.max(*newest);
        }
    }
}

/// A time of the format, if a calendar has it.
pub(crate) fn moment(time: Time) -> Option<Timestamp> {
    Timestamp::from_second(time.seconds).ok()
}

fn bytes(vault: &Vault, state: &State) -> u64 {
    let there = |(hash, _): &(&ObjectHash, &u64)| !state.deleted.contains(hash);
    let packs = state.published_packs.iter().filter(there);
    let tables = state.published_tables.iter().filter(there);
    let objects = packs.chain(tables).map(|(_, length)| *length);
    let records = vault.logs().all().map(|said| said.length);
    objects.chain(records).fold(0, u64::saturating_add)
}

fn oldest(vault: &Vault, state: &State, verified: Option<&Path>) -> Option<Timestamp> {
    let mut read: BTreeMap<ObjectHash, i64> = BTreeMap::new();
    for said in vault.logs().all() {
        let (packs, _) = said.statement.published();
        for pack in packs {
            read.entry(pack.hash).or_insert(said.time.seconds);
        }
    }
    read.retain(|pack, _| !state.deleted.contains(pack));
    let verified = Verified::open(verified);
    let last = |(pack, stored): (&ObjectHash, &i64)| verified.last(pack).unwrap_or(*stored);
    let oldest = read.iter().map(last).min()?;
    Timestamp::from_second(oldest).ok()
}
