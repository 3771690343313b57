//! What passes between [`crate::Served`] and [`crate::serve()`]: questions and answers, each in a
//! frame. `docs/put-only.md` describes every byte.

use std::time::{Duration, SystemTime};

use ov_format::id::{MemberId, TargetId};
use ov_format::name::{LogId, ObjectName};

use crate::durable::Put;
use crate::error::{Action, Cause, StoreError};
use crate::packet::{Malformed, Packing, Unpacking};
use crate::store::{Listed, Listing};

/// The version of the protocol; the number of the first frames.
pub(crate) const VERSION: u32 = 1;
/// Objects pass in parts of this length.
pub(crate) const PART_BYTES: usize = 256 << 10;
/// A page of a listing shows at most so many objects.
pub(crate) const PAGE_OBJECTS: usize = 4096;
/// Longer texts are cut.
const TEXT_BYTES_MAX: usize = 500;

/// Kinds of frames.
pub(crate) mod kind {
    pub(crate) const HELLO: u8 = 1;
    pub(crate) const PUT: u8 = 2;
    pub(crate) const PART: u8 = 3;
    pub(crate) const GET: u8 = 4;
    pub(crate) const LENGTH: u8 = 5;
    pub(crate) const KEEP: u8 = 6;
    pub(crate) const LIST: u8 = 7;
    pub(crate) const DELETE: u8 = 8;
    pub(crate) const SWEEP: u8 = 9;

    pub(crate) const WELCOME: u8 = 64;
    pub(crate) const STORED: u8 = 65;
    pub(crate) const BYTES: u8 = 66;
    pub(crate) const LENGTH_IS: u8 = 67;
    pub(crate) const PAGE: u8 = 68;
    pub(crate) const DONE: u8 = 69;
    pub(crate) const REFUSED: u8 = 70;
}

/// What the client says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Said {
    /// An object of this length is coming, in parts.
    Put { name: ObjectName, length: u64 },
    /// Part of an object.
    Part(Vec<u8>),
    /// Something that is answered as it is.
    Question(Question),
}

impl Said {
    /// The kind of its frame and the body.
    pub(crate) fn write(self) -> (u8, Vec<u8>) {
        match self {
            Self::Part(bytes) => (kind::PART, bytes),
            Self::Put { name, length } => {
                let body = Packing::new().string(name.to_string()).u64(length);
                (kind::PUT, body.finish())
            }
            Self::Question(question) => question.write(),
        }
    }

    pub(crate) fn read(kind: u8, body: &[u8]) -> Result<Self, Malformed> {
        match kind {
            kind::PART => Ok(Self::Part(body.to_vec())),
            kind::PUT => {
                let mut fields = Unpacking::new(body);
                let name = read_name(&mut fields)?;
                let length = fields.u64()?;
                fields.end().map(|()| Self::Put { name, length })
            }
            _ => Question::read(kind, body).map(Self::Question),
        }
    }
}

/// A question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Question {
    Get {
        name: ObjectName,
        offset: u64,
        length: u32,
    },
    Length {
        name: ObjectName,
    },
    /// Make sure that an object of this length stays.
    Keep {
        name: ObjectName,
        length: u64,
    },
    /// The objects after one in the order of paths.
    List {
        what: Listing,
        after: Option<ObjectName>,
    },
    Delete {
        name: ObjectName,
    },
    /// Remove what dead writers left.
    Sweep {
        age: Duration,
    },
}

impl Question {
    /// The kind of its frame and the body.
    fn write(self) -> (u8, Vec<u8>) {
        let named = |name: ObjectName| Packing::new().string(name.to_string());
        let (kind, body) = match self {
            Self::Get {
                name,
                offset,
                length,
            } => (kind::GET, named(name).u64(offset).u32(length)),
            Self::Length { name } => (kind::LENGTH, named(name)),
            Self::Keep { name, length } => (kind::KEEP, named(name).u64(length)),
            Self::List { what, after } => {
                let after = after.map(|name| name.to_string()).unwrap_or_default();
                (kind::LIST, write_listing(what).string(after))
            }
            Self::Delete { name } => (kind::DELETE, named(name)),
            Self::Sweep { age } => (kind::SWEEP, Packing::new().u64(age.as_secs())),
        };
        (kind, body.finish())
    }

    fn read(kind: u8, body: &[u8]) -> Result<Self, Malformed> {
        let mut fields = Unpacking::new(body);
        let question = match kind {
            kind::GET => Self::Get {
                name: read_name(&mut fields)?,
                offset: fields.u64()?,
                length: fields.u32()?,
            },
            kind::LENGTH => Self::Length {
                name: read_name(&mut fields)?,
            },
            kind::KEEP => Self::Keep {
                name: read_name(&mut fields)?,
                length: fields.u64()?,
            },
            kind::LIST => Self::List {
                what: read_listing(&mut fields)?,
                after: match fields.string()? {
                    b"" => None,
                    path => Some(parse_name(path)?),
                },
            },
            kind::DELETE => Self::Delete {
                name: read_name(&mut fields)?,
            },
            kind::SWEEP => Self::Sweep {
                age: Duration::from_secs(fields.u64()?),
            },
            _ => return Err(Malformed),
        };
        fields.end()?;
        Ok(question)
    }
}

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Answered {
    Stored(Put),
    Bytes(Vec<u8>),
    Length(Option<u64>),
    /// Some objects, and whether there may be more after the last of them.
    Page {
        objects: Vec<Listed>,
        more: More,
    },
    /// Deleted, or so many temporary files removed.
    Done(u64),
    Refused(Refusal),
}

/// Whether a listing goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum More {
    Maybe,
    No,
}

impl Answered {
    /// The kind of its frame and the body.
    pub(crate) fn write(self) -> (u8, Vec<u8>) {
        let (kind, body) = match self {
            Self::Bytes(bytes) => return (kind::BYTES, bytes),
            Self::Stored(put) => {
                let there = u8::from(put == Put::AlreadyThere);
                (kind::STORED, Packing::new().u8(there))
            }
            Self::Length(length) => {
                let there = Packing::new().u8(u8::from(length.is_some()));
                (kind::LENGTH_IS, there.u64(length.unwrap_or_default()))
            }
            Self::Page { objects, more } => {
                let more = Packing::new().u8(u8::from(more == More::Maybe));
                (kind::PAGE, objects.iter().fold(more, write_listed))
            }
            Self::Done(count) => (kind::DONE, Packing::new().u64(count)),
            Self::Refused(refusal) => {
                let mut end = refusal.text.len().min(TEXT_BYTES_MAX);
                while !refusal.text.is_char_boundary(end) {
                    end -= 1;
                }
                let body = Packing::new()
                    .u8(refusal.why.code())
                    .string(&refusal.text[..end]);
                (kind::REFUSED, body)
            }
        };
        (kind, body.finish())
    }

    pub(crate) fn read(kind: u8, body: &[u8]) -> Result<Self, Malformed> {
        let mut fields = Unpacking::new(body);
        let answer = match kind {
            kind::BYTES => return Ok(Self::Bytes(body.to_vec())),
            kind::STORED => Self::Stored(match fields.u8()? {
                0 => Put::Created,
                1 => Put::AlreadyThere,
                _ => return Err(Malformed),
            }),
            kind::LENGTH_IS => {
                let there = fields.u8()? == 1;
                let length = fields.u64()?;
                Self::Length(there.then_some(length))
            }
            kind::PAGE => {
                let more = match fields.u8()? {
                    0 => More::No,
                    _ => More::Maybe,
                };
                let mut objects = Vec::new();
                while !fields.is_empty() {
                    objects.push(read_listed(&mut fields)?);
                }
                Self::Page { objects, more }
            }
            kind::DONE => Self::Done(fields.u64()?),
            kind::REFUSED => Self::Refused(Refusal {
                why: Why::from_code(fields.u8()?)?,
                text: String::from_utf8_lossy(fields.string()?)
                    .chars()
                    .filter(|c| !c.is_control())
                    .take(TEXT_BYTES_MAX)
                    .collect(),
            }),
            _ => return Err(Malformed),
        };
        fields.end()?;
        Ok(answer)
    }
}

/// Why the other side does not do it, with its words.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the other side says: {text}")]
pub(crate) struct Refusal {
    pub why: Why,
    pub text: String,
}

/// Classes of refusals: those of [`StoreError`] that a caller tells apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Why {
    NotFound,
    Short,
    TooLong,
    Damaged,
    Denied,
    Full,
    Passing,
    NotAStore,
    Unsynced,
    Other,
}

const WHYS: [Why; 10] = [
    Why::NotFound,
    Why::Short,
    Why::TooLong,
    Why::Damaged,
    Why::Denied,
    Why::Full,
    Why::Passing,
    Why::NotAStore,
    Why::Unsynced,
    Why::Other,
];

impl Why {
    fn code(self) -> u8 {
        let place = WHYS.iter().position(|why| *why == self);
        place.and_then(|p| u8::try_from(p).ok()).unwrap_or_default()
    }

    fn from_code(code: u8) -> Result<Self, Malformed> {
        WHYS.get(usize::from(code)).copied().ok_or(Malformed)
    }
}

impl Refusal {
    /// What another machine may know of an error: its class and what the system said, no path.
    pub(crate) fn of(error: &StoreError) -> Self {
        use std::error::Error;
        let why = match error {
            StoreError::NotFound { .. } => Why::NotFound,
            StoreError::Short { .. } => Why::Short,
            StoreError::TooLong { .. } => Why::TooLong,
            StoreError::Damaged { .. } => Why::Damaged,
            StoreError::Denied { .. } => Why::Denied,
            StoreError::Full { .. } => Why::Full,
            StoreError::Unreachable { .. } => Why::Passing,
            StoreError::NotAStore { .. } => Why::NotAStore,
            StoreError::Unsynced { .. } => Why::Unsynced,
            _ => Why::Other,
        };
        let text = error.source().map(ToString::to_string).unwrap_or_default();
        Self { why, text }
    }

    /// As an error of the target that was asked about an object.
    pub(crate) fn into_error(
        self,
        target: &str,
        action: Action,
        name: &ObjectName,
        asked: (u64, usize),
    ) -> StoreError {
        match self.why {
            Why::NotFound => StoreError::NotFound { name: *name },
            Why::Damaged => StoreError::Damaged { name: *name },
            Why::TooLong => StoreError::TooLong {
                name: *name,
                length: asked.0,
            },
            Why::Short => StoreError::Short {
                name: *name,
                offset: asked.0,
                wanted: asked.1,
            },
            _ => self.into_failure(target, action),
        }
    }

    /// As an error of the whole target.
    pub(crate) fn into_failure(self, target: &str, action: Action) -> StoreError {
        let target = target.to_owned();
        let why = self.why;
        let source: Cause = self.into();
        match why {
            Why::Denied => StoreError::Denied {
                target,
                action,
                source,
            },
            Why::Full => StoreError::Full { target, source },
            Why::Passing => StoreError::Unreachable { target, source },
            Why::NotAStore => StoreError::NotAStore { target, source },
            Why::Unsynced => StoreError::Unsynced { target },
            _ => StoreError::Io {
                target,
                action,
                source,
            },
        }
    }
}

fn read_name(fields: &mut Unpacking<'_>) -> Result<ObjectName, Malformed> {
    parse_name(fields.string()?)
}

/// Only what [`ObjectName`] has is ever a path on the other side.
fn parse_name(path: &[u8]) -> Result<ObjectName, Malformed> {
    let path = std::str::from_utf8(path).map_err(|_| Malformed)?;
    ObjectName::parse(path).ok_or(Malformed)
}

fn write_listing(what: Listing) -> Packing {
    let log = |packing: Packing, log: LogId| packing.string(log.member.0).string(log.target.0);
    match what {
        Listing::Packs => Packing::new().u8(0),
        Listing::Tables => Packing::new().u8(1),
        Listing::Logs => Packing::new().u8(2),
        Listing::Log(id) => log(Packing::new().u8(3), id),
        Listing::LogFrom(id, first) => log(Packing::new().u8(4), id).u64(first),
        Listing::Targets => Packing::new().u8(5),
        Listing::Probes => Packing::new().u8(6),
    }
}

fn read_listing(fields: &mut Unpacking<'_>) -> Result<Listing, Malformed> {
    Ok(match fields.u8()? {
        0 => Listing::Packs,
        1 => Listing::Tables,
        2 => Listing::Logs,
        3 => Listing::Log(read_log(fields)?),
        4 => Listing::LogFrom(read_log(fields)?, fields.u64()?),
        5 => Listing::Targets,
        6 => Listing::Probes,
        _ => return Err(Malformed),
    })
}

fn read_log(fields: &mut Unpacking<'_>) -> Result<LogId, Malformed> {
    let member = fields.string()?.try_into().map_err(|_| Malformed)?;
    let target = fields.string()?.try_into().map_err(|_| Malformed)?;
    Ok(LogId {
        member: MemberId(member),
        target: TargetId(target),
    })
}

fn write_listed(packing: Packing, listed: &Listed) -> Packing {
    let since = listed
        .modified
        .and_then(|at| at.duration_since(SystemTime::UNIX_EPOCH).ok());
    packing
        .string(listed.name.to_string())
        .u64(listed.length)
        // All ones: not known.
        .u64(since.map_or(u64::MAX, |since| since.as_secs()))
}

fn read_listed(fields: &mut Unpacking<'_>) -> Result<Listed, Malformed> {
    let name = read_name(fields)?;
    let length = fields.u64()?;
    let modified = match fields.u64()? {
        u64::MAX => None,
        seconds => SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(seconds)),
    };
    Ok(Listed {
        name,
        length,
        modified,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use ov_format::id::ObjectHash;
    use ov_format::name::RecordName;

    fn names() -> [ObjectName; 2] {
        let hash = ObjectHash([7; 32]);
        let log = LogId {
            member: MemberId([1; 8]),
            target: TargetId([2; 8]),
        };
        let number = 1025;
        [
            ObjectName::Pack(hash),
            ObjectName::Record(RecordName { log, number, hash }),
        ]
    }

    #[test]
    fn every_question_and_answer_comes_back_as_it_was() {
        for name in names() {
            let ObjectName::Record(RecordName { log, .. }) = names()[1] else {
                panic!("a record");
            };
            let after = Some(name);
            for said in [Said::Put { name, length: 9 }, Said::Part(vec![1, 2])] {
                let (kind, body) = said.clone().write();
                assert_eq!(Said::read(kind, &body), Ok(said));
            }
            for question in [
                Question::Get {
                    name,
                    offset: 1,
                    length: 2,
                },
                Question::Length { name },
                Question::Keep { name, length: 3 },
                Question::List {
                    what: Listing::LogFrom(log, 5),
                    after,
                },
                Question::List {
                    what: Listing::Packs,
                    after: None,
                },
                Question::Delete { name },
                Question::Sweep {
                    age: Duration::from_secs(60),
                },
            ] {
                let (kind, body) = question.clone().write();
                assert_eq!(Question::read(kind, &body), Ok(question));
            }
            let listed = Listed {
                name,
                length: 5,
                modified: SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(7)),
            };
            for answer in [
                Answered::Stored(Put::AlreadyThere),
                Answered::Bytes(vec![3]),
                Answered::Length(None),
                Answered::Length(Some(8)),
                Answered::Page {
                    objects: vec![listed],
                    more: More::Maybe,
                },
                Answered::Done(4),
                Answered::Refused(Refusal {
                    why: Why::Other,
                    text: "no".into(),
                }),
            ] {
                let (kind, body) = answer.clone().write();
                assert_eq!(Answered::read(kind, &body), Ok(answer));
            }
        }
    }

    #[test]
    fn any_bytes_are_read_or_refused() {
        bolero::check!()
            .with_type::<(u8, Vec<u8>)>()
            .for_each(|(kind, body)| {
                for kind in [*kind, kind % 10, 64 + kind % 8] {
                    if let Ok(said) = Said::read(kind, body) {
                        let (kind, again) = said.clone().write();
                        assert_eq!(Said::read(kind, &again), Ok(said));
                    }
                    let _ = Answered::read(kind, body);
                }
            });
    }

    #[test]
    fn a_path_that_is_no_object_is_refused() {
        for path in ["pack/../x", "/etc/passwd", "", "pack/aa/xyz"] {
            let body = Packing::new().string(path).finish();
            assert_eq!(
                Question::read(kind::LENGTH, &body),
                Err(Malformed),
                "{path}"
            );
        }
    }

    #[test]
    fn a_full_page_fits_into_a_frame() {
        let listed = Listed {
            name: names()[1],
            length: 1,
            modified: None,
        };
        let page = Answered::Page {
            objects: vec![listed; PAGE_OBJECTS],
            more: More::Maybe,
        };
        assert!(page.write().1.len() + 5 <= crate::line::FRAME_BYTES_MAX);
    }
}
