//! What was found: files, in versions, over snapshots.

use std::collections::BTreeSet;
use std::sync::Arc;

use ov_clinical::{Account, Kind, Said};
use ov_format::entry::{Entry, EntryKey};
use ov_restore::{ReadError, Sameness, SnapshotInfo};

use crate::question::{Answer, Identity};

/// What answers a question.
#[derive(Debug, Default)]
pub struct Found<'s> {
    /// Files by dataset, host and path.
    pub holdings: Vec<Holding<'s>>,
    /// Parts of snapshots that could not be read: what stands there is not known.
    pub failed: Vec<(&'s SnapshotInfo, ReadError)>,
    /// Accounts that could not be read or are of no known form.
    pub unreadable: u64,
    /// Snapshots that were searched and have no catalog.
    pub without_catalog: Vec<&'s SnapshotInfo>,
}

/// A file that answers, at one place.
#[derive(Debug)]
pub struct Holding<'s> {
    /// The dataset.
    pub dataset: &'s str,
    /// The host that it was read on.
    pub host: &'s str,
    /// Its path.
    pub key: EntryKey,
    /// Its versions, the oldest first; never empty.
    pub versions: Vec<Version<'s>>,
    /// Whether the newest of the snapshots that were searched still has it.
    pub is_current: bool,
}

/// A file as it was in snapshots that follow each other.
#[derive(Debug)]
pub struct Version<'s> {
    /// The first snapshot that has it.
    pub first: &'s SnapshotInfo,
    /// The last one.
    pub last: &'s SnapshotInfo,
    /// How many have it.
    pub snapshots: u64,
    /// The file, as the last one has it.
    pub entry: Arc<Entry>,
    /// What is said of it; `None` if nothing is.
    pub account: Option<Arc<Account>>,
    /// How it answers.
    pub answer: Answer,
    pub(crate) sameness: Sameness,
}

impl<'s> Found<'s> {
    /// The patients that were found: more than one means that the identifier is used by several
    /// issuers, or for several kinds of identifier.
    pub fn identities(&self) -> BTreeSet<&Identity> {
        let versions = self.holdings.iter().flat_map(|holding| &holding.versions);
        versions
            .flat_map(|version| &version.answer.identities)
            .collect()
    }

    /// The last version of each file.
    pub fn latest(&self) -> impl Iterator<Item = (&Holding<'s>, &Version<'s>)> {
        self.holdings
            .iter()
            .filter_map(|holding| Some((holding, holding.versions.last()?)))
    }
}

impl<'s> Holding<'s> {
    /// At one place of a snapshot, without a version.
    pub(crate) fn of(info: &'s SnapshotInfo, key: EntryKey) -> Self {
        Self {
            dataset: &info.snapshot.dataset,
            host: &info.snapshot.host,
            key,
            versions: Vec::new(),
            is_current: false,
        }
    }

    /// Adds a version of one snapshot, which comes behind those that are there. The same bytes again
    /// are the same version, seen once more.
    pub(crate) fn add(&mut self, next: Version<'s>) {
        match self.versions.last_mut() {
            Some(last) if last.sameness == next.sameness => {
                *last = Version {
                    first: last.first,
                    snapshots: last.snapshots.saturating_add(1),
                    ..next
                };
            }
            _ => self.versions.push(next),
        }
    }
}

impl Version<'_> {
    /// What was found in it; `None` if it could not be looked at, or nothing is said of it.
    pub fn said(&self) -> Option<&Said> {
        match self.account.as_deref()? {
            Account::Read(said) => Some(said),
            Account::Opaque(_) => None,
        }
    }

    /// What kind of file it is; `None` if it could not be looked at, or nothing is said of it.
    pub fn kind(&self) -> Option<Kind> {
        self.said().map(|said| said.kind)
    }
}
