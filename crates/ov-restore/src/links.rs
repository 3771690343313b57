//! What members said of which identifiers are one patient's, as far as a key opens it.

use ov_format::crosswalk::CrosswalkChange;
use ov_format::entry::Time;
use ov_format::id::CompartmentId;
use ov_format::name::RecordName;
use ov_vault::{State, Vault, VaultError};

use crate::keys::ReaderKeys;
use crate::snapshots::open_for_readers;

/// A record that changes the crosswalk.
#[derive(Clone, Debug)]
pub struct LinkRecord {
    /// The record.
    pub name: RecordName,
    /// When it was said, by its writer's clock.
    pub time: Time,
    /// Whose readers know of it.
    pub compartment: CompartmentId,
    /// What it says.
    pub change: CrosswalkChange,
}

/// All records that change the crosswalk.
#[derive(Debug, Default)]
pub struct Links {
    /// Those that the key opens and that count.
    pub records: Vec<LinkRecord>,
    /// How many more there are in compartments that the key does not open.
    pub closed: usize,
    /// Those of members to whom the compartment was never given: they say nothing.
    pub foreign: Vec<RecordName>,
    /// Those that are damaged: what they link or take back is not known.
    pub unreadable: Vec<(RecordName, VaultError)>,
}

impl Links {
    /// Reads them.
    ///
    /// # Errors
    ///
    /// The target does not answer now.
    pub fn load(vault: &Vault, state: &State, keys: &ReaderKeys) -> Result<Self, VaultError> {
        let mut links = Self::default();
        for name in &state.links {
            match read(vault, keys, name) {
                Ok(Some(record)) if !is_theirs(vault, &record) => links.foreign.push(*name),
                Ok(Some(record)) => links.records.push(record),
                Ok(None) => links.closed += 1,
                Err(VaultError::Store(error)) if error.is_retryable() => return Err(error.into()),
                Err(error) => links.unreadable.push((*name, error)),
            }
        }
        Ok(links)
    }
}

fn read(
    vault: &Vault,
    keys: &ReaderKeys,
    name: &RecordName,
) -> Result<Option<LinkRecord>, VaultError> {
    let record = vault.record(name)?;
    let opened = open_for_readers::<CrosswalkChange>(vault, keys, name, &record)?;
    Ok(opened.map(|(compartment, change)| LinkRecord {
        name: *name,
        time: record.record.time,
        compartment,
        change,
    }))
}

/// Whether its writer was ever given the compartment. Anybody can seal to one: its key is public.
fn is_theirs(vault: &Vault, record: &LinkRecord) -> bool {
    let given = vault.head().ever_in.get(&record.name.log.member);
    given.is_some_and(|given| given.contains(&record.compartment))
}
