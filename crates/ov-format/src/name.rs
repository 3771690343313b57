//! Names of objects on a target. Every object carries the hash of its stored bytes in its name.

use std::fmt;

use crate::id::{MemberId, ObjectHash, TargetId};

/// Records of one log are kept in folders of this many numbers.
pub const RECORDS_PER_FOLDER: u64 = 1024;

/// One log: the numbered statements of one member at one home target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LogId {
    /// Who writes it.
    pub member: MemberId,
    /// Where it is written; it is copied elsewhere as a prefix.
    pub target: TargetId,
}

impl fmt::Display for LogId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.member, self.target)
    }
}

/// The full name of a record: which log, which number, which bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RecordName {
    /// The log.
    pub log: LogId,
    /// The number in it, from 0. Two records with one number prove a cloned key.
    pub number: u64,
    /// BLAKE3 of the stored bytes.
    pub hash: ObjectHash,
}

/// The name of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ObjectName {
    /// `pack/<2 hex>/<hash>`: sealed frames.
    Pack(ObjectHash),
    /// `table/<2 hex>/<hash>`: a sealed list that a record names.
    Table(ObjectHash),
    /// `log/<member>-<target>/<number div 1024>/<number>-<hash>`: a signed statement.
    Record(RecordName),
    /// `target/<2 hex>/<hash>`: the target's own identity; its id is the start of this hash.
    Target(ObjectHash),
    /// `probe/<2 hex>/<hash>`: what `target test` writes to learn what the target keeps. Belongs to no
    /// vault and may be deleted by anybody.
    Probe(ObjectHash),
}

impl ObjectName {
    /// The hash that the stored bytes must have.
    pub fn hash(&self) -> ObjectHash {
        match self {
            Self::Pack(hash) | Self::Table(hash) | Self::Target(hash) | Self::Probe(hash) => *hash,
            Self::Record(record) => record.hash,
        }
    }

    /// Whether `bytes` are the bytes that this name stands for.
    pub fn matches(&self, bytes: &[u8]) -> bool {
        *blake3::hash(bytes).as_bytes() == self.hash().0
    }

    /// Reads what [`fmt::Display`] writes; `None` for every other path, so that foreign files on a
    /// target are ignored.
    pub fn parse(path: &str) -> Option<Self> {
        let mut parts = path.split('/');
        let name = match (parts.next()?, parts.next()?, parts.next()?, parts.next()) {
            ("pack", _, hash, None) => Self::Pack(ObjectHash::parse(hash)?),
            ("table", _, hash, None) => Self::Table(ObjectHash::parse(hash)?),
            ("target", _, hash, None) => Self::Target(ObjectHash::parse(hash)?),
            ("probe", _, hash, None) => Self::Probe(ObjectHash::parse(hash)?),
            ("log", log, _, Some(leaf)) => {
                let (member, target) = log.split_once('-')?;
                let log = LogId {
                    member: MemberId::parse(member)?,
                    target: TargetId::parse(target)?,
                };
                let (number, hash) = leaf.split_once('-')?;
                let number = u64::from_str_radix(number, 16).ok()?;
                Self::Record(RecordName {
                    log,
                    number,
                    hash: ObjectHash::parse(hash)?,
                })
            }
            _ => return None,
        };
        // Exactly one spelling per object: what is written back must be what was read.
        (name.to_string() == path).then_some(name)
    }
}

impl fmt::Display for ObjectName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fanned = |f: &mut fmt::Formatter<'_>, kind: &str, hash: &ObjectHash| {
            write!(f, "{kind}/{:02x}/{hash}", hash.0[0])
        };
        match self {
            Self::Pack(hash) => fanned(f, "pack", hash),
            Self::Table(hash) => fanned(f, "table", hash),
            Self::Target(hash) => fanned(f, "target", hash),
            Self::Probe(hash) => fanned(f, "probe", hash),
            Self::Record(RecordName { log, number, hash }) => {
                let folder = number / RECORDS_PER_FOLDER;
                write!(f, "log/{log}/{folder:014x}/{number:016x}-{hash}")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_back_and_in_number_order() {
        let log = LogId {
            member: MemberId([1; 8]),
            target: TargetId([2; 8]),
        };
        let name = |number| {
            ObjectName::Record(RecordName {
                log,
                number,
                hash: ObjectHash([3; 32]),
            })
        };
        let texts: Vec<String> = [0, 9, 10, 1023, 1024, u64::MAX]
            .map(|n| name(n).to_string())
            .into();
        assert!(texts.is_sorted());
        for (text, number) in texts.iter().zip([0, 9, 10, 1023, 1024, u64::MAX]) {
            assert_eq!(ObjectName::parse(text), Some(name(number)));
        }
        let pack = ObjectName::Pack(ObjectHash([0xab; 32]));
        assert_eq!(ObjectName::parse(&pack.to_string()), Some(pack));
    }

    #[test]
    fn foreign_paths_are_no_names() {
        let hash = ObjectHash([0xab; 32]);
        for path in [
            "",
            "pack",
            "pack/ab",
            &format!("pack/ac/{hash}"),
            &format!("pack/ab/{hash}/x"),
            &format!("pack/AB/{}", hash.to_string().to_uppercase()),
            "../etc/passwd",
            &format!("log/0-1/0/0-{hash}"),
            &format!("pack/ab/{hash}.tmp"),
        ] {
            assert_eq!(ObjectName::parse(path), None, "{path}");
        }
    }
}
