//! A record: one member's next statement, signed.
//!
//! header ‖ body (CBOR) ‖ signature. The signature is over header and body.

use crate::audience::Audience;
use crate::cbor::{Reader, Wire, Writer};
use crate::entry::Time;
use crate::error::FormatError;
use crate::id::{InstanceId, ObjectHash, VaultId};
use crate::name::{LogId, RecordName};
use crate::object::{HEADER_BYTES, ObjectHeader, ObjectKind};
use crate::statement::Statement;

/// Length of a signature: Ed25519 ‖ ML-DSA-65, in bytes.
pub const SIGNATURE_BYTES: usize = 64 + 3309;

/// Longest record that a reader accepts, in bytes.
pub const RECORD_BYTES_MAX: usize = 64 * 1024 * 1024;

/// A sealed part of a record: a segment with one frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Section {
    /// For whom.
    pub audience: Audience,
    /// The epoch of the audience's key.
    pub epoch: u32,
    /// Header ‖ slots ‖ the one frame, numbered 0, whose plain bytes are padded.
    pub sealed: Vec<u8>,
}

impl Wire for Section {
    fn write(&self, w: &mut Writer) {
        w.array(3)
            .value(&self.audience)
            .uint(self.epoch)
            .bytes(&self.sealed);
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, FormatError> {
        let more = r.fields(3)?;
        let section = Self {
            audience: r.value()?,
            epoch: r.uint()?,
            sealed: r.bytes()?.to_vec(),
        };
        r.skip_fields(more)?;
        Ok(section)
    }
}

impl Wire for RecordName {
    fn write(&self, w: &mut Writer) {
        w.array(4).value(&self.log.member).value(&self.log.target);
        w.uint(self.number).value(&self.hash);
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, FormatError> {
        let more = r.fields(4)?;
        let log = LogId {
            member: r.value()?,
            target: r.value()?,
        };
        let name = Self {
            log,
            number: r.uint()?,
            hash: r.value()?,
        };
        r.skip_fields(more)?;
        Ok(name)
    }
}

/// A record without its signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// The vault; zeros in its first record.
    pub vault: VaultId,
    /// The log that it belongs to.
    pub log: LogId,
    /// Its number there.
    pub number: u64,
    /// Hashes of all records of this log that none names yet: one, but for a fork, which the next
    /// record closes. Empty in the first.
    pub previous: Vec<ObjectHash>,
    /// The newest records of other logs that its writer had seen.
    pub seen: Vec<RecordName>,
    /// The installation that wrote it.
    pub instance: InstanceId,
    /// When, by the writer's clock: shown to people, trusted by nobody.
    pub time: Time,
    /// What it says to all.
    pub statement: Statement,
    /// What it says to some.
    pub sections: Vec<Section>,
}

impl Record {
    /// Header and body: what is signed.
    pub fn signed_bytes(&self) -> Vec<u8> {
        let header = ObjectHeader {
            kind: ObjectKind::Record,
            vault: self.vault,
        };
        let mut w = Writer::new();
        w.array(9)
            .value(&self.log.member)
            .value(&self.log.target)
            .uint(self.number);
        w.list(&self.previous)
            .list(&self.seen)
            .value(&self.instance)
            .value(&self.time);
        w.value(&self.statement).list(&self.sections);
        [&header.encode()[..], &w.finish()].concat()
    }

    fn read_body(vault: VaultId, body: &[u8]) -> Result<Self, FormatError> {
        let mut r = Reader::new(body);
        let more = r.fields(9)?;
        let record = Self {
            vault,
            log: LogId {
                member: r.value()?,
                target: r.value()?,
            },
            number: r.uint()?,
            previous: r.list()?,
            seen: r.list()?,
            instance: r.value()?,
            time: r.value()?,
            statement: r.value()?,
            sections: r.list()?,
        };
        r.skip_fields(more)?;
        r.end()?;
        Ok(record)
    }
}

/// A record as stored, its signature not yet verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedRecord {
    /// What it says.
    pub record: Record,
    /// The bytes that were signed.
    pub signed: Vec<u8>,
    /// Ed25519 ‖ ML-DSA-65.
    pub signature: Box<[u8; SIGNATURE_BYTES]>,
}

impl SignedRecord {
    /// The stored bytes.
    pub fn encode(&self) -> Vec<u8> {
        [&self.signed[..], &self.signature[..]].concat()
    }

    /// Reads stored bytes. The caller verifies hash, name and signature.
    pub fn decode(bytes: &[u8]) -> Result<Self, FormatError> {
        if bytes.len() > RECORD_BYTES_MAX {
            return Err(FormatError::Rule("a record has at most 64 MiB"));
        }
        let (header, _) = ObjectHeader::decode(bytes, ObjectKind::Record)?;
        let Some((signed, signature)) = bytes.split_last_chunk::<SIGNATURE_BYTES>() else {
            return Err(FormatError::Truncated { at: bytes.len() });
        };
        let body = signed
            .get(HEADER_BYTES..)
            .ok_or(FormatError::Truncated { at: bytes.len() })?;
        let record = Record::read_body(header.vault, body)?;
        Ok(Self {
            record,
            signed: signed.to_vec(),
            signature: Box::new(*signature),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::{GroupId, MemberId, SegmentId, TargetId};
    use crate::statement::{Cause, Change, Condemned, Drop, PublicKeys, Role, StoredObject};
    use proptest::collection::vec;
    use proptest::prelude::*;

    const LOG: LogId = LogId {
        member: MemberId([1; 8]),
        target: TargetId([2; 8]),
    };

    fn name() -> impl Strategy<Value = RecordName> {
        (any::<u64>(), any::<[u8; 32]>()).prop_map(|(number, hash)| RecordName {
            log: LOG,
            number,
            hash: ObjectHash(hash),
        })
    }

    fn object() -> impl Strategy<Value = StoredObject> {
        (any::<[u8; 32]>(), any::<u64>()).prop_map(|(hash, length)| StoredObject {
            hash: ObjectHash(hash),
            length,
        })
    }

    fn time() -> impl Strategy<Value = Time> {
        (any::<i64>(), 0u32..1_000_000_000).prop_map(|(seconds, nanos)| Time { seconds, nanos })
    }

    fn change() -> impl Strategy<Value = Change> {
        let keys = any::<u8>().prop_map(|fill| PublicKeys {
            kem: Box::new([fill; 1216]),
            verify: Box::new([fill; 1984]),
        });
        let roles = proptest::sample::subsequence(Role::ALL.to_vec(), 0..=5);
        prop_oneof![
            keys.clone().prop_map(Change::Recovery),
            (roles, keys).prop_map(|(roles, keys)| Change::Appoint {
                member: MemberId([3; 8]),
                roles,
                keys,
                group: GroupId([4; 8]),
                compartments: vec![crate::id::CompartmentId([5; 8])],
            }),
            any::<u64>().prop_map(|number| Change::Revoke {
                member: MemberId([3; 8]),
                after: vec![(LOG, number)],
            }),
            any::<u32>().prop_map(|epoch| Change::Structure {
                epoch,
                kem: Box::new([1; 1216])
            }),
            any::<u32>().prop_map(|epoch| Change::Compartment {
                compartment: crate::id::CompartmentId([5; 8]),
                epoch,
                kem: Box::new([1; 1216]),
            }),
            object().prop_map(Change::Keys),
        ]
    }

    fn statement() -> impl Strategy<Value = Statement> {
        let objects = || vec(object(), 0..3);
        let drop = |(s, frames)| Drop {
            segment: SegmentId(s),
            frames,
        };
        let drops = vec(
            (any::<[u8; 32]>(), vec(any::<u16>(), 0..4)).prop_map(drop),
            0..3,
        );
        let causes = prop_oneof![Just(Cause::Unused), Just(Cause::Damage)];
        let condemned = (any::<[u8; 32]>(), causes, proptest::option::of(drops)).prop_map(
            |(pack, cause, drops)| Condemned {
                pack: ObjectHash(pack),
                cause,
                drops,
            },
        );
        prop_oneof![
            vec(change(), 0..3).prop_map(Statement::Head),
            (
                objects(),
                objects(),
                any::<bool>(),
                proptest::option::of(time())
            )
                .prop_map(|(packs, tables, partial, accepted)| Statement::Commit {
                    packs,
                    tables,
                    partial,
                    accepted
                }),
            (name(), time(), any::<u64>(), any::<u64>()).prop_map(
                |(commit, arrival, frames, bytes)| Statement::Accept {
                    commit,
                    arrival,
                    frames,
                    bytes
                }
            ),
            (name(), any::<String>())
                .prop_map(|(commit, reason)| Statement::Reject { commit, reason }),
            vec(name(), 0..3).prop_map(Statement::Forget),
            (vec(name(), 0..3), any::<String>())
                .prop_map(|(commits, reason)| Statement::Hold { commits, reason }),
            name().prop_map(Statement::Release),
            vec(condemned, 0..3).prop_map(Statement::Condemn),
            (objects(), objects()).prop_map(|(packs, tables)| Statement::Places { packs, tables }),
            vec(any::<[u8; 32]>().prop_map(ObjectHash), 0..3).prop_map(Statement::Delete),
            name().prop_map(Statement::Tag),
            Just(Statement::Link),
        ]
    }

    prop_compose! {
        fn record()(
            number: u64, previous: Vec<[u8; 32]>, seen in vec(name(), 0..3), time in time(),
            statement in statement(), sealed: Vec<u8>, epoch: u32
        ) -> Record {
            Record {
                vault: VaultId([9; 32]),
                log: LOG,
                number,
                previous: previous.into_iter().map(ObjectHash).collect(),
                seen,
                instance: InstanceId([8; 16]),
                time,
                statement,
                sections: vec![Section { audience: Audience::Structure, epoch, sealed }],
            }
        }
    }

    proptest! {
        #[test]
        fn records_come_back(record in record()) {
            let signed = record.signed_bytes();
            let stored = SignedRecord { record, signed, signature: Box::new([5; SIGNATURE_BYTES]) };
            prop_assert_eq!(SignedRecord::decode(&stored.encode()).unwrap(), stored);
        }

        #[test]
        fn a_damaged_record_is_read_or_refused(
            record in record(), at: prop::sample::Index, bit in 0u8..8
        ) {
            let mut bytes = [record.signed_bytes(), vec![0; SIGNATURE_BYTES]].concat();
            let at = at.index(bytes.len());
            bytes[at] ^= 1 << bit;
            let _ = SignedRecord::decode(&bytes);
            let _ = SignedRecord::decode(&bytes[..at]);
        }
    }
}
