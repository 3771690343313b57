//! The verbatim part of a copy: identity, records, tables, packs.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use ov_format::id::{ObjectHash, TargetId};
use ov_format::name::{LogId, ObjectName, RecordName};
use ov_format::statement::Role;
use ov_format::target::{TARGET_RANDOM_BYTES, decode_target, encode_target, target_id};
use ov_seal::entropy::Entropy;
use ov_store::{Listed, Listing, Store, StoreError};

use crate::error::VaultError;
use crate::finding::Finding;
use crate::mover::is_loss;
use crate::repair::fetch_object;
use crate::vault::{Vault, target_identities};

/// All records of a target: by log, by number.
pub(crate) type Chains = BTreeMap<LogId, BTreeMap<u64, Vec<RecordName>>>;

/// How a log is copied: a prefix without a gap.
pub(crate) struct Prefixes {
    pub chains: Chains,
    /// The first record of each log that is lost, hidden or damaged: nothing behind it is copied.
    pub cut: BTreeMap<LogId, u64>,
    /// Lost records that were given up by name: the logs go on without them.
    given_up: BTreeSet<RecordName>,
}

impl Prefixes {
    /// Whether a record is copied.
    pub fn takes(&self, name: &RecordName) -> bool {
        self.cut.get(&name.log).is_none_or(|cut| name.number < *cut)
    }
}

/// Which part of each log of the source can be copied.
pub(crate) fn prefixes(from: &Vault) -> Result<Prefixes, VaultError> {
    let chains = chains(&**from.store())?;
    let mut cut: BTreeMap<LogId, u64> = BTreeMap::new();
    let mut cut_at = |log: LogId, number: u64| {
        let at = cut.entry(log).or_insert(number);
        *at = number.min(*at);
    };
    let forgotten = from.forgotten();
    let mut given_up = BTreeSet::new();
    for finding in &from.logs().findings {
        match (finding, finding.record()) {
            _ if finding.is_about(&forgotten) => given_up.extend(finding.record()),
            (Finding::Gap(log, number), _) => cut_at(*log, *number),
            (_, Some(name)) => cut_at(name.log, name.number),
            _ => {}
        }
    }
    Ok(Prefixes {
        chains,
        cut,
        given_up,
    })
}

fn chains(store: &dyn Store) -> Result<Chains, VaultError> {
    let mut chains = Chains::new();
    store.list(Listing::Logs, &mut |Listed { name, .. }| {
        if let ObjectName::Record(name) = name {
            let log = chains.entry(name.log).or_default();
            log.entry(name.number).or_default().push(name);
        }
        Ok(())
    })?;
    Ok(chains)
}

/// Which logs a step copies.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    /// The log of the vault's first record.
    Root,
    /// Logs of admins and keepers: tombstones and holds come before data.
    Rule,
    /// All others: agents' commits come after data.
    Rest,
}

/// The logs of a part. Logs of nobody's are left behind.
pub(crate) fn logs_of(from: &Vault, prefixes: &Prefixes, part: Part) -> Vec<LogId> {
    let head = from.head();
    let is_root = |log: &LogId| {
        let first = prefixes.chains.get(log).and_then(|log| log.get(&0));
        first.is_some_and(|names| names.iter().any(|name| name.hash.0 == from.id().0))
    };
    let wanted = |log: &&LogId| {
        let Some(member) = head.members.get(&log.member) else {
            return false;
        };
        let rules = member.may(Role::Admin) || member.may(Role::Keeper);
        match part {
            Part::Root => is_root(log),
            Part::Rule => rules && !is_root(log),
            Part::Rest => !rules && !is_root(log),
        }
    };
    prefixes.chains.keys().filter(wanted).copied().collect()
}

/// Copies logs as prefixes. Returns how many records were put.
pub(crate) fn copy_logs(
    from: &Vault,
    to: &dyn Store,
    prefixes: &Prefixes,
    part: Part,
) -> Result<u64, VaultError> {
    let there = chains(to)?;
    let mut copied = 0;
    for log in logs_of(from, prefixes, part) {
        let known = there.get(&log);
        let is_there = |name: &RecordName| {
            let level = known.and_then(|known| known.get(&name.number));
            level.is_some_and(|level| level.contains(name))
        };
        for name in prefixes.chains[&log].values().flatten() {
            // What came after the logs were read is copied by the next run.
            let signed = from.is_signed(name);
            let given_up = prefixes.given_up.contains(name);
            if !prefixes.takes(name) || (signed.is_none() && !given_up) {
                break;
            }
            if signed == Some(true) && !is_there(name) && !given_up {
                copy_object(&**from.store(), to, &ObjectName::Record(*name))?;
                copied += 1;
            }
        }
    }
    Ok(copied)
}

/// Copies an object: its bytes have the hash in its name before they are put. What lies there
/// under this name with other bytes was never this object, and is replaced.
pub(crate) fn copy_object(
    from: &dyn Store,
    to: &dyn Store,
    name: &ObjectName,
) -> Result<u64, VaultError> {
    let bytes = from.get(name)?;
    if !name.matches(&bytes) {
        return Err(VaultError::Damaged(*name));
    }
    replace(to, name, &bytes)?;
    Ok(u64::try_from(bytes.len()).unwrap_or(u64::MAX))
}

/// Puts an object; what lies under its name and is not it goes first.
pub(crate) fn replace(to: &dyn Store, name: &ObjectName, bytes: &[u8]) -> Result<(), VaultError> {
    match to.put_new(name, bytes) {
        Ok(_) => Ok(()),
        Err(StoreError::Damaged { .. }) => {
            to.delete(name)?;
            to.put_new(name, bytes)?;
            Ok(())
        }
        Err(error) => Err(error.into()),
    }
}

/// Puts records that are damaged in a copy anew: they are whole in the source, and a copy that
/// died while it wrote one would otherwise never be completed. Returns how many.
pub(crate) fn mend_records(from: &Vault, to: &Arc<dyn Store>) -> Result<u64, VaultError> {
    let mut mended = 0;
    let copy = loop {
        match Vault::open(Arc::clone(to), from.id()) {
            Ok(copy) => break copy,
            // The first record, without which there is no vault to open.
            Err(VaultError::Damaged(name)) if mended == 0 && mend(from, &**to, &name)? => {
                mended = 1;
            }
            // An empty place, or one that `prepare` refuses.
            Err(_) => return Ok(mended),
        }
    };
    for finding in &copy.logs().findings {
        if let Finding::Damaged(name) | Finding::Length(name) | Finding::Unreadable(name, _) =
            finding
        {
            mended += u64::from(mend(from, &**to, name)?);
        }
    }
    Ok(mended)
}

/// False where the source has no whole one either.
fn mend(from: &Vault, to: &dyn Store, name: &ObjectName) -> Result<bool, VaultError> {
    match fetch_object(to, &**from.store(), name) {
        Ok(_) => Ok(true),
        Err(error) if is_loss(&error) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Makes sure that a place is empty or holds a copy of this vault alone, and gives an empty one
/// its identity.
pub(crate) fn prepare(
    from: &Vault,
    to: &Arc<dyn Store>,
    entropy: &dyn Entropy,
) -> Result<(), VaultError> {
    let place = to.describe();
    let mut identities = target_identities(&**to)?;
    let logs = chains(&**to)?;
    let has_logs = !logs.is_empty();
    if identities.is_empty() {
        if has_logs || has_any(&**to)? {
            return Err(VaultError::Identity { place, found: 0 });
        }
        let mut random = [0; TARGET_RANDOM_BYTES];
        entropy.fill(&mut random);
        let bytes = encode_target(&random);
        let hash = ObjectHash(*blake3::hash(&bytes).as_bytes());
        to.put_new(&ObjectName::Target(hash), &bytes)?;
        identities = target_identities(&**to)?;
    }
    if identities.len() > 1 {
        let homes: BTreeSet<TargetId> = logs.keys().map(|log| log.target).collect();
        identities = settle_identities(&**to, identities, &homes)?;
    }
    match identities[..] {
        [hash] => refuse_same(from, &**to, hash)?,
        _ => {
            let found = identities.len();
            return Err(VaultError::Identity { place, found });
        }
    }
    match has_logs {
        true => refuse_foreign(&Vault::open(Arc::clone(to), from.id())?, &logs),
        false => Ok(()),
    }
}

/// Two keepers who begin a copy in one empty place at once both name it. One name stays, by a rule
/// that both follow: the one under which records were written; if there are none, the smallest.
fn settle_identities(
    to: &dyn Store,
    mut identities: Vec<ObjectHash>,
    homes: &BTreeSet<TargetId>,
) -> Result<Vec<ObjectHash>, VaultError> {
    identities.sort_unstable();
    let (lived_in, unused): (Vec<_>, Vec<_>) = identities
        .into_iter()
        .partition(|hash| homes.contains(&target_id(hash)));
    let (keep, drop) = match lived_in.is_empty() {
        true => unused.split_at(1),
        false => (&lived_in[..], &unused[..]),
    };
    for hash in drop {
        to.delete(&ObjectName::Target(*hash))?;
    }
    Ok(keep.to_vec())
}

fn has_any(to: &dyn Store) -> Result<bool, VaultError> {
    let mut any = false;
    for what in [Listing::Packs, Listing::Tables] {
        to.list(what, &mut |_| {
            any = true;
            Ok(())
        })?;
    }
    Ok(any)
}

fn refuse_same(from: &Vault, to: &dyn Store, hash: ObjectHash) -> Result<(), VaultError> {
    let name = ObjectName::Target(hash);
    let bytes = to.get(&name)?;
    if !name.matches(&bytes) {
        return Err(VaultError::Damaged(name));
    }
    let id = decode_target(&bytes).map_err(|source| VaultError::Object { name, source })?;
    match id == from.target() {
        true => Err(VaultError::SamePlace {
            place: to.describe(),
        }),
        false => Ok(()),
    }
}

fn refuse_foreign(to: &Vault, logs: &Chains) -> Result<(), VaultError> {
    let any = |log: &LogId| logs.get(log)?.values().flatten().next().copied();
    let foreign = to.logs().findings.iter().find_map(|finding| match finding {
        // What names this vault and is signed by nobody is junk, and harmless.
        Finding::Unsigned(name) if to.is_signed(name).is_none() => Some(*name),
        Finding::Stranger(log) => any(log),
        _ => None,
    });
    match foreign {
        Some(name) => Err(VaultError::Foreign {
            place: to.store().describe(),
            name: ObjectName::Record(name),
        }),
        None => Ok(()),
    }
}

/// Names of a kind that are on a target with this length.
pub(crate) fn is_there(
    listed: &BTreeMap<ObjectHash, Listed>,
    hash: &ObjectHash,
    length: u64,
) -> bool {
    listed
        .get(hash)
        .is_some_and(|listed| listed.length == length)
}
