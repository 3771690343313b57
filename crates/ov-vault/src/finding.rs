//! What is wrong with what is stored: named, and gone on from.

use std::collections::BTreeSet;
use std::fmt;

use ov_format::id::{ObjectHash, SegmentId};
use ov_format::name::{LogId, ObjectName, RecordName};

/// One thing found wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finding {
    /// An object's bytes are not those that its name stands for.
    Damaged(ObjectName),
    /// An object that a record published, and none deleted, is not there.
    Missing(ObjectName),
    /// An object has another length than its record says.
    Length(ObjectName),
    /// An object cannot be read.
    Unreadable(ObjectName, String),
    /// A log lacks a number: something is hidden or lost.
    Gap(LogId, u64),
    /// Two records have one number: a copied key or a cloned machine.
    Fork(LogId, u64),
    /// A record does not name the one before it.
    Chain(RecordName),
    /// A record's signature does not hold, or its member is unknown.
    Unsigned(RecordName),
    /// A record says what its member may not say; it is ignored.
    NotAllowed(RecordName, &'static str),
    /// A log of a member that nobody appointed; it is ignored.
    Stranger(LogId),
    /// A snapshot needs a frame that has no place here.
    NoPlace(RecordName, SegmentId, u16),
    /// A snapshot needs a page whose needs nobody published.
    NoRefs(RecordName, SegmentId, u16),
    /// A frame's bytes in a pack are not those that its commit signed.
    Frame(ObjectHash, SegmentId, u16),
    /// A pack's directory contradicts what was published.
    Directory(ObjectHash),
    /// A sealed part does not open or does not hold what it should.
    Sealed(ObjectName, String),
    /// The target has lost its identity.
    NoIdentity,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Damaged(name) => write!(f, "{name} is damaged"),
            Self::Missing(name) => write!(f, "{name} is missing"),
            Self::Length(name) => write!(f, "{name} has another length than recorded"),
            Self::Unreadable(name, why) => write!(f, "{name} cannot be read: {why}"),
            Self::Gap(log, number) => write!(f, "log {log} lacks record {number}: lost or hidden"),
            Self::Fork(log, number) => write!(
                f,
                "log {log} has two records number {number}: was a key file copied, or a machine cloned or rolled back?"
            ),
            Self::Chain(name) => {
                write!(
                    f,
                    "{} does not follow from the record before it",
                    ObjectName::Record(*name)
                )
            }
            Self::Unsigned(name) => {
                write!(
                    f,
                    "{} has no valid signature; ignored",
                    ObjectName::Record(*name)
                )
            }
            Self::NotAllowed(name, what) => write!(
                f,
                "{} says '{what}', which its member may not say; ignored",
                ObjectName::Record(*name)
            ),
            Self::Stranger(log) => write!(f, "log {log} belongs to no member; ignored"),
            Self::NoPlace(commit, segment, frame) => write!(
                f,
                "snapshot {} needs frame {frame} of segment {segment}, which is in no pack here",
                short(commit)
            ),
            Self::NoRefs(commit, segment, frame) => write!(
                f,
                "snapshot {} has a page in frame {frame} of segment {segment} whose needs nobody published",
                short(commit)
            ),
            Self::Frame(pack, segment, frame) => write!(
                f,
                "{}: frame {frame} of segment {segment} is damaged",
                ObjectName::Pack(*pack)
            ),
            Self::Directory(pack) => {
                write!(
                    f,
                    "{}: its directory contradicts the records",
                    ObjectName::Pack(*pack)
                )
            }
            Self::Sealed(name, why) => write!(f, "{name}: {why}"),
            Self::NoIdentity => f.write_str("the target has lost its identity"),
        }
    }
}

impl Finding {
    /// The log of a record that is listed, or that somebody has seen, and that cannot be read.
    pub fn unread(&self) -> Option<LogId> {
        match self {
            Self::Gap(log, _) => Some(*log),
            Self::Sealed(..) => None,
            _ => self.record().map(|name| name.log),
        }
    }

    /// The record of which it says that it, or its sealed part, cannot be read.
    pub fn record(&self) -> Option<RecordName> {
        match self {
            Self::Damaged(ObjectName::Record(name))
            | Self::Missing(ObjectName::Record(name))
            | Self::Length(ObjectName::Record(name))
            | Self::Unreadable(ObjectName::Record(name), _)
            | Self::Sealed(ObjectName::Record(name), _) => Some(*name),
            _ => None,
        }
    }

    /// The record that cannot be read, by its number alone: [`nameless`].
    pub fn nameless(&self) -> Option<RecordName> {
        match self {
            Self::Gap(log, number) => Some(nameless(*log, *number)),
            Self::Sealed(..) => None,
            _ => self.record().map(|name| nameless(name.log, name.number)),
        }
    }

    /// Whether it is about one of these records alone.
    pub fn is_about(&self, records: &BTreeSet<RecordName>) -> bool {
        let among = |name: Option<RecordName>| name.is_some_and(|name| records.contains(&name));
        among(self.record()) || among(self.nameless())
    }
}

/// Whatever record had this number and cannot be read, by any name. A tombstone with such a name
/// gives it up.
pub fn nameless(log: LogId, number: u64) -> RecordName {
    let hash = ObjectHash([0; 32]);
    RecordName { log, number, hash }
}

/// The name of a snapshot for people: the first eight hex digits of its commit's hash.
pub fn short(commit: &RecordName) -> String {
    let mut text = commit.hash.to_string();
    text.truncate(8);
    text
}
