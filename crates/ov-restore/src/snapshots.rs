//! The snapshots of a vault, as far as a key opens them.

use std::sync::Mutex;

use ov_format::Wire;
use ov_format::audience::Audience;
use ov_format::entry::Time;
use ov_format::id::{CompartmentId, MemberId};
use ov_format::name::{ObjectName, RecordName};
use ov_format::record::{Section, SignedRecord};
use ov_format::snapshot::{Snapshot, TagChange};
use ov_vault::finding::short;
use ov_vault::section::open_section;
use ov_vault::state::{Commit, Verdict};
use ov_vault::{State, Vault, VaultError};

use crate::keys::ReaderKeys;
use crate::reader::lock;
use crate::window::in_parallel;

/// Records fetched at once: enough to hide the latency of a remote target.
const FETCHES: usize = 32;

/// A snapshot that the key opens.
#[derive(Clone, Debug)]
pub struct SnapshotInfo {
    /// Its commit.
    pub commit: RecordName,
    /// What its section for readers says.
    pub snapshot: Snapshot,
    /// Its compartment.
    pub compartment: CompartmentId,
    /// Whether a keeper found all that it needs.
    pub verdict: Verdict,
    /// When a keeper first saw it.
    pub arrival: Option<Time>,
    /// Whether a hold in force names it.
    pub held: bool,
    /// Its tags now.
    pub tags: Vec<String>,
    /// The agent that made it.
    pub member: MemberId,
}

impl SnapshotInfo {
    /// Its full name: 64 hex digits.
    pub fn id(&self) -> String {
        self.commit.hash.to_string()
    }

    /// Its name for people: the first eight digits.
    pub fn short_id(&self) -> String {
        short(&self.commit)
    }

    /// The moment that it stands for: when its run began by the agent's clock, but not after a
    /// keeper first saw it. So an agent whose clock is ahead does not stay the latest for ever.
    pub fn moment(&self) -> Time {
        let time = self.snapshot.time;
        self.arrival.map_or(time, |arrival| time.min(arrival))
    }
}

/// The snapshots of a vault.
#[derive(Debug, Default)]
pub struct Snapshots {
    /// Those that the key opens, the oldest first.
    pub listed: Vec<SnapshotInfo>,
    /// How many more there are in compartments that the key does not open.
    pub closed: usize,
    /// Those that the key should open, but that cannot be read, with the reason.
    pub unreadable: Vec<(RecordName, VaultError)>,
}

impl Snapshots {
    /// Reads all that are not forgotten.
    pub fn load(vault: &Vault, state: &State, keys: &ReaderKeys) -> Result<Self, VaultError> {
        let commits: Vec<&Commit> = state.listed().collect();
        let slots: Vec<_> = commits.iter().map(|_| Mutex::new(None)).collect();
        in_parallel(commits.len(), FETCHES, &|index| {
            if let (Some(commit), Some(slot)) = (commits.get(index), slots.get(index)) {
                *lock(slot) = Some(read(vault, state, keys, commit));
            }
        });
        let mut found = Self::default();
        for (commit, slot) in commits.iter().zip(slots) {
            let read = lock(&slot).take();
            match read {
                Some(Ok(Some(info))) => found.listed.push(info),
                Some(Ok(None)) => found.closed += 1,
                Some(Err(VaultError::Store(error))) if error.is_retryable() => {
                    return Err(error.into());
                }
                Some(Err(error)) => found.unreadable.push((commit.name, error)),
                None => {}
            }
        }
        found.apply_tags(vault, state, keys)?;
        found
            .listed
            .sort_by_key(|info| (info.moment(), info.commit.number, info.commit));
        Ok(found)
    }

    fn apply_tags(
        &mut self,
        vault: &Vault,
        state: &State,
        keys: &ReaderKeys,
    ) -> Result<(), VaultError> {
        let mut changes = Vec::new();
        for (name, commit) in &state.tags {
            let Some(at) = self.listed.iter().position(|info| info.commit == *commit) else {
                continue;
            };
            let record = vault.record(name)?;
            let change = open_for_readers::<TagChange>(vault, keys, name, &record);
            match change {
                Ok(Some((_, change))) => changes.push((record.record.time, *name, at, change)),
                Ok(None) => {}
                Err(error) => self.unreadable.push((*name, error)),
            }
        }
        changes.sort_by_key(|(time, name, ..)| (*time, *name));
        for (_, _, at, change) in changes {
            if let Some(info) = self.listed.get_mut(at) {
                apply(&mut info.tags, change);
            }
        }
        Ok(())
    }
}

fn read(
    vault: &Vault,
    state: &State,
    keys: &ReaderKeys,
    commit: &Commit,
) -> Result<Option<SnapshotInfo>, VaultError> {
    let record = vault.record(&commit.name)?;
    let opened = open_for_readers::<Snapshot>(vault, keys, &commit.name, &record)?;
    Ok(opened.map(|(compartment, snapshot)| SnapshotInfo {
        commit: commit.name,
        compartment,
        verdict: commit.verdict.clone(),
        arrival: commit.arrival,
        held: state.held(&commit.name),
        tags: snapshot.tags.clone(),
        member: commit.name.log.member,
        snapshot,
    }))
}

/// Opens the section for the readers of a compartment; `None` if these keys are not theirs.
pub(crate) fn open_for_readers<T: Wire>(
    vault: &Vault,
    keys: &ReaderKeys,
    name: &RecordName,
    record: &SignedRecord,
) -> Result<Option<(CompartmentId, T)>, VaultError> {
    let section = record.record.sections.iter().find_map(of_compartment);
    let Some((compartment, section)) = section else {
        return Err(VaultError::NoKey("the section for readers"));
    };
    let epochs = keys.compartments.get(&compartment);
    if epochs.is_none_or(|epochs| !epochs.contains_key(&section.epoch)) {
        return Ok(None);
    }
    let object = ObjectName::Record(*name);
    let open = |context: &_, head: &[u8]| keys.open(context, head);
    let value = open_section(section, object, vault.id(), name.log.member, &open)?;
    Ok(Some((compartment, value)))
}

fn of_compartment(section: &Section) -> Option<(CompartmentId, &Section)> {
    match section.audience {
        Audience::Compartment(compartment) => Some((compartment, section)),
        Audience::Structure | Audience::Group(..) => None,
    }
}

fn apply(tags: &mut Vec<String>, change: TagChange) {
    tags.retain(|tag| !change.remove.contains(tag));
    for tag in change.add {
        if !tags.contains(&tag) {
            tags.push(tag);
        }
    }
}
