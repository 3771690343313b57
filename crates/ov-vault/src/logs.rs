//! Reading the logs of a target: fetch, verify, and fold into the head and what was said.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, OnceLock};

use ov_format::entry::Time;
use ov_format::id::{InstanceId, ObjectHash, VaultId};
use ov_format::name::{LogId, ObjectName, RecordName};
use ov_format::record::{Record, SIGNATURE_BYTES, SignedRecord};
use ov_format::statement::Statement;
use ov_store::{Listed, Listing, Store, StoreError};

use crate::claims;
use crate::error::VaultError;
use crate::fetch::FETCHES;
use crate::finding::Finding;
use crate::head::Head;
use crate::pending::Pending;
use crate::rights::allowed;
use crate::witness::Witnesses;

/// What a valid record says to all. Its sections are fetched again when they are needed.
#[derive(Clone, Debug)]
pub struct Said {
    /// Which record.
    pub name: RecordName,
    /// Stored length in bytes.
    pub length: u64,
    /// When, by the writer's clock.
    pub time: Time,
    /// The installation that wrote it.
    pub instance: InstanceId,
    /// What it says.
    pub statement: Statement,
}

/// All valid records of a target, log by log in number order.
#[derive(Clone, Debug, Default)]
pub struct Logs {
    /// Valid records by log.
    pub said: BTreeMap<LogId, Vec<Said>>,
    /// The newest names of each log, valid or not: what the next record must name.
    pub tips: BTreeMap<LogId, Vec<RecordName>>,
    /// Since when what starts a grace was surely there.
    pub witnesses: Witnesses,
    /// What was found wrong.
    pub findings: Vec<Finding>,
}

impl Logs {
    /// Every valid record, log by log.
    pub fn all(&self) -> impl Iterator<Item = &Said> {
        self.said.values().flatten()
    }

    /// One valid record.
    pub fn find(&self, name: &RecordName) -> Option<&Said> {
        let log = self.said.get(&name.log)?;
        let at = log.binary_search_by(|said| said.name.cmp(name)).ok()?;
        log.get(at)
    }
}

/// Reads all logs of a target: one listing, then one request and one check of signatures per record
/// that was not read before. What was read before is kept, also where a listing lags behind it.
///
/// Records that `known` names, and those that keepers and admins have seen, are also asked for by
/// name ([`crate::claims`]).
pub(crate) fn read(
    store: &dyn Store,
    vault: VaultId,
    records: &mut Records,
    known: &BTreeSet<RecordName>,
) -> Result<(Head, Logs), VaultError> {
    let mut names = list(store)?;
    names.extend(records.iter().map(|(name, kept)| (*name, kept.length)));
    let root = names.keys().find(|name| name.hash.0 == vault.0).copied();
    let Some(root) = root else {
        let place = store.describe();
        return Err(match names.is_empty() {
            true => VaultError::NoVault { place },
            false => VaultError::OtherVault {
                place,
                wanted: vault,
            },
        });
    };
    let mut findings = fetch(store, vault, &names, records)?;
    let mut lost = BTreeSet::new();
    let found = records
        .get(&root)
        .and_then(|kept| Head::found(vault, &root, kept));
    let Some(first) = found else {
        return Err(VaultError::Damaged(ObjectName::Record(root)));
    };
    let (head, said) = loop {
        let mut found = Vec::new();
        let (head, said) = fold(&first, records, &mut found);
        let asked = ask_unlisted(store, &head, records, &mut names, known, &mut lost)?;
        findings.extend(fetch(store, vault, &asked, records)?);
        if asked.is_empty() {
            findings.extend(found);
            break (head, said);
        }
    };
    let lost = lost.into_iter().map(ObjectName::Record);
    findings.extend(lost.map(Finding::Missing));
    let names = own_words(names, &head, records);
    check_chains(&names, records, &mut findings);
    leave_strangers(&head, &mut findings);
    let witnesses = Witnesses::of(&head, records);
    records.values_mut().for_each(KeptRecord::settle);
    Ok((
        head,
        Logs {
            said,
            tips: tips(&names),
            witnesses,
            findings,
        },
    ))
}

/// Asks for records by name that no listing showed. Gives those that are there after all, with
/// their lengths; what somebody has seen and is not there is `lost`.
fn ask_unlisted(
    store: &dyn Store,
    head: &Head,
    records: &Records,
    names: &mut BTreeMap<RecordName, u64>,
    known: &BTreeSet<RecordName>,
    lost: &mut BTreeSet<RecordName>,
) -> Result<BTreeMap<RecordName, u64>, VaultError> {
    let mut there = BTreeMap::new();
    let seen = claims::unlisted(head, records, names, known);
    // What is missing within a log is a gap, and found as such.
    for name in seen.iter().chain(&claims::predecessors(records, names)) {
        match store.length(&ObjectName::Record(*name))? {
            Some(length) => {
                there.insert(*name, length);
            }
            None if seen.contains(name) => {
                lost.insert(*name);
            }
            None => {}
        }
    }
    names.extend(&there);
    Ok(there)
}

fn list(store: &dyn Store) -> Result<BTreeMap<RecordName, u64>, VaultError> {
    let mut names = BTreeMap::new();
    store.list(Listing::Logs, &mut |Listed { name, length, .. }| {
        if let ObjectName::Record(name) = name {
            names.insert(name, length);
        }
        Ok(())
    })?;
    Ok(names)
}

/// Records as read, by name.
pub(crate) type Records = BTreeMap<RecordName, KeptRecord>;

/// A record without its sections, and whether its signature holds.
pub(crate) struct KeptRecord {
    /// What it says to all.
    pub record: Record,
    length: u64,
    /// What was signed, and the signature; gone once it was verified.
    evidence: Option<(Vec<u8>, Box<[u8; SIGNATURE_BYTES]>)>,
    holds: OnceLock<bool>,
}

impl KeptRecord {
    fn new(signed: SignedRecord, length: u64) -> Self {
        let SignedRecord {
            mut record,
            signed,
            signature,
        } = signed;
        record.sections = Vec::new();
        Self {
            record,
            length,
            evidence: Some((signed, signature)),
            holds: OnceLock::new(),
        }
    }

    /// A record that this process signed itself.
    pub fn own(mut record: Record, length: u64) -> Self {
        record.sections = Vec::new();
        Self {
            record,
            length,
            evidence: None,
            holds: OnceLock::from(true),
        }
    }

    /// Whether the signature is that of the log's member. A member's keys never change, so this is
    /// found out once.
    pub fn holds(&self, head: &Head) -> bool {
        let member = self.record.log.member;
        if !head.members.contains_key(&member) {
            return false;
        }
        *self.holds.get_or_init(|| {
            let evidence = self.evidence.as_ref();
            evidence.is_some_and(|(signed, signature)| head.verifies(member, signed, signature))
        })
    }

    fn settle(&mut self) {
        if self.holds.get() == Some(&true) {
            self.evidence = None;
        }
    }
}

/// Fetches the records that are not there yet.
fn fetch(
    store: &dyn Store,
    vault: VaultId,
    names: &BTreeMap<RecordName, u64>,
    records: &mut Records,
) -> Result<Vec<Finding>, VaultError> {
    let wanted: Vec<(&RecordName, &u64)> = names
        .iter()
        .filter(|(name, _)| !records.contains_key(*name))
        .collect();
    let next = AtomicUsize::new(0);
    let outcome = Mutex::new((Vec::new(), Vec::new(), None::<StoreError>));
    let work = || {
        while let Some((name, length)) = wanted.get(next.fetch_add(1, Ordering::Relaxed)) {
            let read = fetch_one(store, vault, name, **length);
            let Ok(mut outcome) = outcome.lock() else {
                return;
            };
            match read {
                Ok(Ok(record)) => outcome.0.push((**name, KeptRecord::new(record, **length))),
                Ok(Err(finding)) => outcome.1.push(finding),
                Err(error) => {
                    outcome.2 = Some(error);
                    next.store(wanted.len(), Ordering::Relaxed);
                }
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 1..FETCHES.min(wanted.len()) {
            scope.spawn(work);
        }
        work();
    });
    let (read, mut findings, error) = outcome.into_inner().unwrap_or_else(|e| e.into_inner());
    findings.sort_by_key(ToString::to_string);
    records.extend(read);
    match error {
        Some(error) => Err(error.into()),
        None => Ok(findings),
    }
}

fn fetch_one(
    store: &dyn Store,
    vault: VaultId,
    name: &RecordName,
    length: u64,
) -> Result<Result<SignedRecord, Finding>, StoreError> {
    let object = ObjectName::Record(*name);
    let bytes = match store.get(&object) {
        Ok(bytes) => bytes,
        // Listed a moment ago, and records are never deleted: it was lost or is withheld.
        Err(StoreError::NotFound { .. }) => return Ok(Err(Finding::Missing(object))),
        Err(StoreError::Damaged { .. }) => return Ok(Err(Finding::Damaged(object))),
        Err(error) => return Err(error),
    };
    // A copy nearby may be whole where the object itself is cut short.
    if u64::try_from(bytes.len()) != Ok(length) {
        return Ok(Err(Finding::Length(object)));
    }
    Ok(decode(&bytes, vault, name))
}

/// Checks the bytes of a record against its name and its vault.
pub(crate) fn decode(
    bytes: &[u8],
    vault: VaultId,
    name: &RecordName,
) -> Result<SignedRecord, Finding> {
    let object = ObjectName::Record(*name);
    if !object.matches(bytes) {
        return Err(Finding::Damaged(object));
    }
    let signed =
        SignedRecord::decode(bytes).map_err(|why| Finding::Unreadable(object, why.to_string()))?;
    // Only the first record, whose hash is the vault's id, cannot name the vault.
    let wanted = if name.hash.0 == vault.0 {
        VaultId([0; 32])
    } else {
        vault
    };
    let record = &signed.record;
    if record.vault != wanted || record.log != name.log || record.number != name.number {
        return Err(Finding::Unsigned(*name));
    }
    Ok(signed)
}

/// Folds records into the head, and the head back into which records count: a revocation that
/// comes to light takes back what the revoked member said after it, also as an admin.
fn fold(
    first: &Head,
    records: &Records,
    findings: &mut Vec<Finding>,
) -> (Head, BTreeMap<LogId, Vec<Said>>) {
    let mut revoked = BTreeMap::new();
    loop {
        let mut start = first.clone();
        start.revoked = revoked;
        let mut found = Vec::new();
        let (head, said) = fold_once(start, records, &mut found);
        // Revocations only ever grow from round to round, so this ends.
        let settled = said.values().flatten().all(|said| head.counts(&said.name));
        if settled {
            findings.extend(found);
            return (head, said);
        }
        revoked = head.revoked;
    }
}

/// First the head, whose records may stand in several admins' logs and appoint each other's
/// writers; then everything else, judged by the finished head.
fn fold_once(
    mut head: Head,
    records: &Records,
    findings: &mut Vec<Finding>,
) -> (Head, BTreeMap<LogId, Vec<Said>>) {
    fold_head(&mut head, records);
    let mut said: BTreeMap<LogId, Vec<Said>> = BTreeMap::new();
    let mut strangers = BTreeSet::new();
    for (name, kept) in records {
        if !head.members.contains_key(&name.log.member) {
            strangers.insert(name.log);
        } else if !head.counts(name) {
            // Said after its member was revoked.
        } else if !kept.holds(&head) {
            findings.push(Finding::Unsigned(*name));
        } else if let Err(what) = allowed(&head, &kept.record) {
            findings.push(Finding::NotAllowed(*name, what));
        } else {
            said.entry(name.log).or_default().push(Said {
                name: *name,
                length: kept.length,
                time: kept.record.time,
                instance: kept.record.instance,
                statement: kept.record.statement.clone(),
            });
        }
    }
    findings.extend(strangers.into_iter().map(Finding::Stranger));
    (head, said)
}

/// Applies admins' changes in the order in which they can have known of each other: a record comes
/// after those before it in its log and after those that it had seen in others. What neither knew
/// of the other commutes, or is settled by name.
fn fold_head(head: &mut Head, records: &Records) {
    let changes = |kept: &KeptRecord| matches!(kept.record.statement, Statement::Head(_));
    // The first record is what the head was made of.
    let pending = records
        .iter()
        .filter(|(_, kept)| changes(kept) && kept.record.vault.0 != [0; 32]);
    let mut pending = Pending::of(pending.map(|(name, kept)| (*name, &kept.record)));
    while let Some(next) = pending.take_next() {
        let Some(kept) = records.get(&next) else {
            return;
        };
        if let Statement::Head(changes) = &kept.record.statement
            && allowed(head, &kept.record).is_ok()
            && head.counts(&next)
            && kept.holds(head)
        {
            changes.iter().for_each(|change| head.apply(change));
        }
    }
}

/// The names of each log but those that its member did not sign, and no logs of strangers: whoever can
/// put objects can put such records, with any number, and they are nobody's word.
fn own_words(
    mut names: BTreeMap<RecordName, u64>,
    head: &Head,
    records: &Records,
) -> BTreeMap<RecordName, u64> {
    names.retain(|name, _| match records.get(name) {
        Some(kept) => kept.holds(head),
        // It cannot be read, so it may be the member's.
        None => head.members.contains_key(&name.log.member),
    });
    names
}

/// Nothing that anybody needs rests on the logs of strangers, so what is wrong with them is only
/// that they are there.
fn leave_strangers(head: &Head, findings: &mut Vec<Finding>) {
    let stranger = |finding: &Finding| {
        let log = finding.unread();
        log.filter(|log| !head.members.contains_key(&log.member))
    };
    let logs: BTreeSet<LogId> = findings.iter().filter_map(stranger).collect();
    findings.retain(|finding| stranger(finding).is_none());
    for found in logs.into_iter().map(Finding::Stranger) {
        if !findings.contains(&found) {
            findings.push(found);
        }
    }
}

/// Numbers without gaps, one record each, each naming the one before it: whatever breaks this was
/// hidden, lost or forked.
fn check_chains(names: &BTreeMap<RecordName, u64>, records: &Records, findings: &mut Vec<Finding>) {
    let mut numbers: BTreeMap<LogId, BTreeMap<u64, Vec<&RecordName>>> = BTreeMap::new();
    for name in names.keys() {
        numbers
            .entry(name.log)
            .or_default()
            .entry(name.number)
            .or_default()
            .push(name);
    }
    for (log, numbers) in &numbers {
        let mut next = 0;
        let mut last: Option<&Vec<&RecordName>> = None;
        for (number, level) in numbers {
            findings.extend((next..*number).take(16).map(|gap| Finding::Gap(*log, gap)));
            if level.len() > 1 {
                findings.push(Finding::Fork(*log, *number));
            }
            // Behind a gap the record before is not there to be compared with.
            let before = last.filter(|_| next == *number);
            for name in level {
                let Some(kept) = records.get(name) else {
                    continue;
                };
                if !follows(&kept.record.previous, before, *number) {
                    findings.push(Finding::Chain(**name));
                }
            }
            next = number.saturating_add(1);
            last = Some(level);
        }
    }
}

fn follows(previous: &[ObjectHash], before: Option<&Vec<&RecordName>>, number: u64) -> bool {
    if number == 0 || previous.is_empty() {
        return number == 0 && previous.is_empty();
    }
    before.is_none_or(|before| {
        previous
            .iter()
            .all(|hash| before.iter().any(|name| name.hash == *hash))
    })
}

/// The records of each log that the next one must name: the last number, all of a fork.
fn tips(names: &BTreeMap<RecordName, u64>) -> BTreeMap<LogId, Vec<RecordName>> {
    let mut tips: BTreeMap<LogId, Vec<RecordName>> = BTreeMap::new();
    for name in names.keys() {
        let tip = tips.entry(name.log).or_default();
        tip.retain(|last| last.number == name.number);
        tip.push(*name);
    }
    tips
}
