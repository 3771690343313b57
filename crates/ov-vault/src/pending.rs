//! Admins' records in the order in which they can have known of each other.

use std::collections::{BTreeMap, BTreeSet};

use ov_format::name::{LogId, RecordName};
use ov_format::record::Record;

/// Records that are still to come. Each costs a look at the first records of the logs that are
/// left, so all together cost their number times that of the admins.
pub(crate) struct Pending<'r> {
    logs: BTreeMap<LogId, BTreeMap<RecordName, &'r Record>>,
}

impl<'r> Pending<'r> {
    pub fn of(records: impl Iterator<Item = (RecordName, &'r Record)>) -> Self {
        let mut logs: BTreeMap<LogId, BTreeMap<RecordName, &Record>> = BTreeMap::new();
        for (name, record) in records {
            logs.entry(name.log).or_default().insert(name, record);
        }
        Self { logs }
    }

    /// The first record by name that had seen none of the others. Records that claim to have seen
    /// each other are a lie; any order will do for them.
    pub fn take_next(&mut self) -> Option<RecordName> {
        let firsts = self.logs.values().flat_map(|log| {
            let least = log.keys().next().map(|name| name.number);
            log.iter()
                .take_while(move |(name, _)| Some(name.number) == least)
        });
        let free = firsts
            .into_iter()
            .find(|(name, record)| self.is_free(name, record));
        let next = free.map(|(name, _)| *name);
        let next = next.or_else(|| self.logs.values().next()?.keys().next().copied())?;
        let log = self.logs.get_mut(&next.log)?;
        log.remove(&next);
        if log.is_empty() {
            self.logs.remove(&next.log);
        }
        Some(next)
    }

    /// Whether a record saw none of the others: of each log it saw all up to a number.
    fn is_free(&self, name: &RecordName, record: &Record) -> bool {
        let mut numbers: BTreeSet<(LogId, u64)> = BTreeSet::new();
        for seen in &record.seen {
            numbers.insert((seen.log, seen.number));
        }
        !numbers.iter().any(|(log, number)| {
            let Some(log) = self.logs.get(log) else {
                return false;
            };
            let mut seen = log.keys().take_while(|other| other.number <= *number);
            seen.any(|other| other != name)
        })
    }
}

#[cfg(test)]
mod tests {
    use ov_format::entry::Time;
    use ov_format::id::{InstanceId, MemberId, ObjectHash, TargetId, VaultId};
    use ov_format::statement::Statement;
    use proptest::prelude::*;

    use super::*;

    fn name(log: u8, number: u64, hash: u8) -> RecordName {
        RecordName {
            log: LogId {
                member: MemberId([log; 8]),
                target: TargetId([0; 8]),
            },
            number,
            hash: ObjectHash([hash; 32]),
        }
    }

    fn record(name: &RecordName, seen: Vec<RecordName>) -> Record {
        Record {
            vault: VaultId([1; 32]),
            log: name.log,
            number: name.number,
            previous: Vec::new(),
            seen,
            time: Time {
                seconds: 0,
                nanos: 0,
            },
            instance: InstanceId([0; 16]),
            statement: Statement::Head(Vec::new()),
            sections: Vec::new(),
        }
    }

    /// The order by its definition: each time all are compared with all.
    fn by_definition(records: &BTreeMap<RecordName, Record>) -> Vec<RecordName> {
        let mut left: Vec<RecordName> = records.keys().copied().collect();
        let mut order = Vec::new();
        while !left.is_empty() {
            let knew = |name: &RecordName, other: &RecordName| {
                let own = name.log == other.log && other.number < name.number;
                let seen = records[name].seen.iter();
                own || seen
                    .filter(|seen| seen.log == other.log)
                    .any(|seen| seen.number >= other.number)
            };
            let free = |name: &&RecordName| {
                let mut others = left.iter().filter(|other| other != name);
                !others.any(|other| knew(name, other))
            };
            let next = *left.iter().find(free).unwrap_or(&left[0]);
            left.retain(|name| *name != next);
            order.push(next);
        }
        order
    }

    proptest! {
        #[test]
        fn the_order_is_that_of_the_definition_also_where_records_lie(
            all in prop::collection::vec(
                (0u8..3, 0u64..5, 0u8..2, prop::collection::vec((0u8..3, 0u64..5), 0..3)),
                0..14,
            ),
        ) {
            let records = all.into_iter().map(|(log, number, hash, seen)| {
                let name = name(log, number, hash);
                let seen = seen.into_iter().map(|(log, number)| self::name(log, number, 0));
                (name, record(&name, seen.collect()))
            });
            let records: BTreeMap<RecordName, Record> = records.collect();
            let mut pending = Pending::of(records.iter().map(|(name, record)| (*name, record)));
            let order: Vec<RecordName> = std::iter::from_fn(|| pending.take_next()).collect();
            prop_assert_eq!(order, by_definition(&records));
        }
    }
}
