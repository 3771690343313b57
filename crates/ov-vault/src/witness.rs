//! Since when a condemn or a delete record has surely been on the target.
//!
//! The time in a record is read before the record is put, and a put may hang for hours. Whoever
//! names a record in one of its own has seen it on the target, so the time of the naming record is
//! never too early. A grace counts from there.

use std::collections::BTreeMap;

use ov_format::entry::Time;
use ov_format::name::{LogId, RecordName};
use ov_format::record::Record;
use ov_format::statement::{Role, Statement};

use crate::append::Writer;
use crate::clock::Clock;
use crate::error::VaultError;
use crate::head::Head;
use crate::logs::Records;
use crate::vault::Vault;

/// For each record that starts a grace: when it was first named, by the clock of the keeper who
/// did. None as long as no keeper has.
#[derive(Clone, Debug, Default)]
pub struct Witnesses {
    first: BTreeMap<LogId, BTreeMap<u64, Option<Time>>>,
}

impl Witnesses {
    /// All that follows from records that were read.
    pub(crate) fn of(head: &Head, records: &Records) -> Self {
        let mut witnesses = Self::default();
        let mut keepers = Vec::new();
        for kept in records.values().filter(|kept| kept.holds(head)) {
            witnesses.expect(&kept.record);
            let member = head.members.get(&kept.record.log.member);
            if member.is_some_and(|member| member.may(Role::Keeper)) {
                keepers.push(&kept.record);
            }
        }
        // The first naming counts, so the oldest namings are heard first.
        keepers.sort_by_key(|record| record.time);
        for record in keepers {
            witnesses.hear(record);
        }
        witnesses
    }

    /// Takes note of a record that starts a grace.
    pub(crate) fn expect(&mut self, record: &Record) {
        let starts = match &record.statement {
            Statement::Condemn(packs) => !packs.is_empty(),
            Statement::Delete(packs) => !packs.is_empty(),
            _ => false,
        };
        if starts {
            let log = self.first.entry(record.log).or_default();
            log.entry(record.number).or_insert(None);
        }
    }

    /// Takes note of what a keeper's record names: the one before it in its log, the newest of
    /// others, and through them all that came before these.
    pub(crate) fn hear(&mut self, record: &Record) {
        let own = record.number.checked_sub(1);
        let own = own.map(|number| (record.log, number));
        let others = record.seen.iter().map(|name| (name.log, name.number));
        for (log, number) in own.into_iter().chain(others) {
            let Some(log) = self.first.get_mut(&log) else {
                continue;
            };
            for (_, first) in log.range_mut(..=number).rev() {
                // Whoever named this one named those before it too.
                if first.is_some() {
                    break;
                }
                *first = Some(record.time);
            }
        }
    }

    /// When a record was first named by a keeper.
    pub fn since(&self, name: &RecordName) -> Option<Time> {
        *self.first.get(&name.log)?.get(&name.number)?
    }

    fn is_waiting(&self, here: impl Fn(&LogId) -> bool) -> bool {
        let logs = self.first.iter().filter(|(log, _)| here(log));
        logs.flat_map(|(_, log)| log.values()).any(Option::is_none)
    }
}

/// Names, in a record of one's own, what starts a grace on this target and is named by nobody yet:
/// else the grace would not begin before somebody has something to say. The record is a condemn of
/// nothing.
pub(crate) fn bear_witness(
    vault: &mut Vault,
    writer: &Writer,
    clock: &dyn Clock,
) -> Result<(), VaultError> {
    let target = vault.target();
    match vault
        .logs()
        .witnesses
        .is_waiting(|log| log.target == target)
    {
        // Its own record starts no grace: there is nothing in it to wait for.
        true => vault
            .append(
                writer,
                clock,
                Statement::Condemn(Vec::new()),
                Vec::new(),
                &[],
            )
            .map(drop),
        false => Ok(()),
    }
}
