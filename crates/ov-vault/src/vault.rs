//! A vault as a target shows it: identity, head, logs.

use std::collections::BTreeSet;
use std::sync::Arc;

use ov_format::id::{ObjectHash, TargetId, VaultId};
use ov_format::name::{LogId, ObjectName, RecordName};
use ov_format::record::{Record, SignedRecord};
use ov_format::statement::{Role, Statement};
use ov_format::target::decode_target;
use ov_store::{Listed, Listing, Store};

use crate::error::VaultError;
use crate::finding::{Finding, nameless};
use crate::head::Head;
use crate::logs::{self, KeptRecord, Logs, Records};

/// A vault on one target, as of its last reading.
pub struct Vault {
    store: Arc<dyn Store>,
    id: VaultId,
    target: TargetId,
    head: Head,
    logs: Logs,
    records: Records,
    /// What this installation has seen before.
    known: BTreeSet<RecordName>,
}

impl Vault {
    /// Reads the vault with this id, which the key file vouches for.
    ///
    /// Cost: N records are one listing, N requests, eight at a time (with a cache in front of the
    /// store, only for those that were not read before), and N checks of two signatures, about
    /// 0.1 ms each.
    pub fn open(store: Arc<dyn Store>, id: VaultId) -> Result<Self, VaultError> {
        Self::open_knowing(store, id, |_| BTreeSet::new())
    }

    /// Reads a vault of which records are known from before: what [`Vault::newest`] gave at an
    /// earlier opening of the target that `known` is asked for. What of them the target has no more
    /// is a finding; a target that was set back to an earlier state shows no other sign of it.
    pub fn open_knowing(
        store: Arc<dyn Store>,
        id: VaultId,
        known: impl FnOnce(TargetId) -> BTreeSet<RecordName>,
    ) -> Result<Self, VaultError> {
        // Where there is no vault at all, that is what is to be said.
        let target = read_target(&*store);
        let known = target
            .as_ref()
            .map_or_else(|_| BTreeSet::new(), |id| known(*id));
        let mut records = Records::new();
        let (head, logs) = logs::read(&*store, id, &mut records, &known)?;
        Ok(Self {
            store,
            id,
            target: target?,
            head,
            logs,
            records,
            known,
        })
    }

    /// Reads the logs again: one listing, and what is new. What was seen is never taken back, even if
    /// a listing lags behind.
    pub fn refresh(&mut self) -> Result<(), VaultError> {
        (self.head, self.logs) = logs::read(&*self.store, self.id, &mut self.records, &self.known)?;
        Ok(())
    }

    /// The newest valid record of each log: what to know at the next opening.
    pub fn newest(&self) -> impl Iterator<Item = RecordName> {
        self.logs
            .said
            .values()
            .filter_map(|log| log.last())
            .map(|said| said.name)
    }

    /// The vault's id.
    pub fn id(&self) -> VaultId {
        self.id
    }

    /// The id of this target.
    pub fn target(&self) -> TargetId {
        self.target
    }

    /// The store behind it.
    pub fn store(&self) -> &Arc<dyn Store> {
        &self.store
    }

    /// The constitution.
    pub fn head(&self) -> &Head {
        &self.head
    }

    /// What was said.
    pub fn logs(&self) -> &Logs {
        &self.logs
    }

    /// Records that a tombstone names: nobody misses one of these that cannot be read.
    ///
    /// That an admin's record is not missed only an admin can say: who is a member, and what is
    /// held, rests on it. A keeper who is an enemy could otherwise hide one.
    pub fn forgotten(&self) -> BTreeSet<RecordName> {
        let mut forgotten = BTreeSet::new();
        for said in self.logs.all() {
            if let Statement::Forget(records) = &said.statement {
                let admins_word = self.was_admins(&said.name.log);
                let counts = |name: &&RecordName| admins_word || !self.was_admins(&name.log);
                forgotten.extend(records.iter().filter(counts));
            }
        }
        forgotten
    }

    /// Whether a log's member is or ever was an admin.
    fn was_admins(&self, log: &LogId) -> bool {
        let ever = self.head.ever.get(&log.member);
        ever.is_some_and(|ever| ever.contains(&Role::Admin))
    }

    /// Lost records that were given up, by their numbers.
    pub fn given_up(&self) -> BTreeSet<RecordName> {
        let is_nameless = |name: &RecordName| *name == nameless(name.log, name.number);
        self.forgotten().into_iter().filter(is_nameless).collect()
    }

    /// Records of keepers and admins that are known to be here and cannot be read, and that nobody
    /// has given up by name. While there are any, nobody knows what is being deleted.
    pub fn keepers_unread(&self) -> Vec<Finding> {
        let forgotten = self.forgotten();
        let counts = |log: &LogId| {
            let ever = self.head.ever.get(&log.member);
            let was_keepers = ever.is_some_and(|ever| ever.contains(&Role::Keeper));
            self.was_admins(log) || (was_keepers && log.target == self.target)
        };
        let unread = self.logs.findings.iter().filter(|finding| {
            let log = finding.unread();
            log.is_some_and(|log| counts(&log)) && !finding.is_about(&forgotten)
        });
        unread.cloned().collect()
    }

    /// Fetches a whole record again, for its sections.
    pub fn record(&self, name: &RecordName) -> Result<SignedRecord, VaultError> {
        let object = ObjectName::Record(*name);
        let bytes = self.store.get(&object)?;
        logs::decode(&bytes, self.id, name).map_err(|_| VaultError::Damaged(object))
    }

    /// Whether a record is its member's word; none if it was not read, or is of another vault.
    pub(crate) fn is_signed(&self, name: &RecordName) -> Option<bool> {
        let kept = self.records.get(name);
        kept.map(|kept| kept.holds(&self.head))
    }

    /// Remembers a record that this process has put.
    pub(crate) fn keep(&mut self, name: RecordName, length: u64, record: Record) {
        self.records.insert(name, KeptRecord::own(record, length));
    }

    pub(crate) fn logs_mut(&mut self) -> &mut Logs {
        &mut self.logs
    }

    pub(crate) fn head_mut(&mut self) -> &mut Head {
        &mut self.head
    }
}

/// The one vault that a target holds, for readers who hold the recovery kit alone: the record
/// number 0 whose hash all others name.
pub fn find_vault(store: &dyn Store) -> Result<VaultId, VaultError> {
    let mut found = Vec::new();
    let mut first = Vec::new();
    store.list(Listing::Logs, &mut |Listed { name, .. }| {
        if let ObjectName::Record(name) = name
            && name.number == 0
        {
            first.push(name);
        }
        Ok(())
    })?;
    for name in first {
        let bytes = store.get(&ObjectName::Record(name))?;
        if let Ok(signed) = SignedRecord::decode(&bytes)
            && signed.record.vault == VaultId([0; 32])
        {
            found.push(VaultId(name.hash.0));
        }
    }
    let place = store.describe();
    match found[..] {
        [] => Err(VaultError::NoVault { place }),
        [id] => Ok(id),
        _ => Err(VaultError::Identity {
            place,
            found: found.len(),
        }),
    }
}

fn read_target(store: &dyn Store) -> Result<TargetId, VaultError> {
    let identities = target_identities(store)?;
    let place = store.describe();
    let [hash] = identities[..] else {
        return Err(VaultError::Identity {
            place,
            found: identities.len(),
        });
    };
    let name = ObjectName::Target(hash);
    let bytes = store.get(&name)?;
    if !name.matches(&bytes) {
        return Err(VaultError::Damaged(name));
    }
    decode_target(&bytes).map_err(|source| VaultError::Object { name, source })
}

/// The identity objects of a target: one, unless it is empty or was tampered with.
pub fn target_identities(store: &dyn Store) -> Result<Vec<ObjectHash>, VaultError> {
    let mut found = Vec::new();
    store.list(Listing::Targets, &mut |Listed { name, .. }| {
        if let ObjectName::Target(hash) = name {
            found.push(hash);
        }
        Ok(())
    })?;
    Ok(found)
}
