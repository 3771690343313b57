//! Records that must be on a target though its listing does not show them.
//!
//! A listing may lag, and a target may be set back to an earlier state or hide what is newest: the
//! end of a log leaves no gap. So records are also looked for by name, where somebody trustworthy
//! has seen them: this installation itself, or a keeper or admin who names them as seen. A get
//! outranks a listing; what is not there either is lost or hidden, and named.

use std::collections::{BTreeMap, BTreeSet};

use ov_format::name::{LogId, RecordName};
use ov_format::statement::Role;

use crate::head::Head;
use crate::logs::Records;

/// What a log's next record names; a record may name more only after a fork.
const PREDECESSORS_MAX: usize = 16;

/// The names that records and this installation vouch for and that no listing showed.
pub(crate) fn unlisted(
    head: &Head,
    records: &Records,
    names: &BTreeMap<RecordName, u64>,
    known: &BTreeSet<RecordName>,
) -> BTreeSet<RecordName> {
    let mut newest: BTreeMap<LogId, RecordName> = BTreeMap::new();
    for kept in records.values() {
        let record = &kept.record;
        let member = head.members.get(&record.log.member);
        // An agent could vouch for what never was, and stop every prune by that.
        let trusted = member.is_some_and(|one| one.may(Role::Keeper) || one.may(Role::Admin));
        if !trusted || !kept.holds(head) {
            continue;
        }
        // A copy receives the logs of other targets one after the other: there it may be behind.
        let here = record
            .seen
            .iter()
            .filter(|name| name.log.target == record.log.target);
        for name in here {
            let last = newest.entry(name.log).or_insert(*name);
            *last = (*last).max(*name);
        }
    }
    let claimed = newest.into_values().chain(known.iter().copied());
    claimed.filter(|name| !names.contains_key(name)).collect()
}

/// The records before those that are there, where their numbers are missing.
pub(crate) fn predecessors(
    records: &Records,
    names: &BTreeMap<RecordName, u64>,
) -> BTreeSet<RecordName> {
    let numbers: BTreeSet<(LogId, u64)> =
        names.keys().map(|name| (name.log, name.number)).collect();
    let mut missing = BTreeSet::new();
    for (name, kept) in records {
        let Some(number) = name.number.checked_sub(1) else {
            continue;
        };
        if numbers.contains(&(name.log, number)) {
            continue;
        }
        let before = kept.record.previous.iter().take(PREDECESSORS_MAX);
        missing.extend(before.map(|hash| RecordName {
            log: name.log,
            number,
            hash: *hash,
        }));
    }
    missing
}
