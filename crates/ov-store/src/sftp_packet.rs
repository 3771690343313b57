//! What servers answer in SFTP, version 3 (draft-ietf-secsh-filexfer-02).

use crate::packet::{Malformed, Unpacking};

/// Kinds of questions.
pub(crate) mod ask {
    pub(crate) const INIT: u8 = 1;
    pub(crate) const OPEN: u8 = 3;
    pub(crate) const CLOSE: u8 = 4;
    pub(crate) const READ: u8 = 5;
    pub(crate) const WRITE: u8 = 6;
    pub(crate) const LSTAT: u8 = 7;
    pub(crate) const SETSTAT: u8 = 9;
    pub(crate) const OPENDIR: u8 = 11;
    pub(crate) const READDIR: u8 = 12;
    pub(crate) const REMOVE: u8 = 13;
    pub(crate) const MKDIR: u8 = 14;
    pub(crate) const STAT: u8 = 17;
    pub(crate) const RENAME: u8 = 18;
    pub(crate) const EXTENDED: u8 = 200;
}

/// How to open a file (section 6.3).
pub(crate) mod flag {
    pub(crate) const READ: u32 = 1;
    pub(crate) const WRITE: u32 = 2;
    pub(crate) const CREATE: u32 = 8;
    pub(crate) const TRUNCATE: u32 = 16;
    pub(crate) const EXCLUSIVE: u32 = 32;
}

/// The version that everybody speaks.
pub(crate) const VERSION: u32 = 3;
pub(crate) const KIND_VERSION: u8 = 2;

const KIND_STATUS: u8 = 101;
const KIND_HANDLE: u8 = 102;
const KIND_DATA: u8 = 103;
const KIND_NAME: u8 = 104;
const KIND_ATTRS: u8 = 105;
const KIND_EXTENDED: u8 = 201;

const ATTR_SIZE: u32 = 1;
const ATTR_OWNERS: u32 = 2;
pub(crate) const ATTR_MODE: u32 = 4;
const ATTR_TIMES: u32 = 8;
const ATTR_EXTENDED: u32 = 0x8000_0000;

const MODE_KIND: u32 = 0o170_000;
const MODE_FILE: u32 = 0o100_000;
const MODE_FOLDER: u32 = 0o040_000;

/// How a request went (section 7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Status {
    Ok,
    End,
    NoSuchFile,
    Denied,
    Unsupported,
    /// By code.
    Failed(u32),
}

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Reply<'a> {
    Status(Status, &'a [u8]),
    Handle(&'a [u8]),
    Data(&'a [u8]),
    Names(Vec<Entry>),
    Attributes(Attributes),
    Extended(&'a [u8]),
}

/// One entry of a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub name: Vec<u8>,
    pub attributes: Attributes,
}

/// What a server tells of a file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Attributes {
    pub size: Option<u64>,
    pub mode: Option<u32>,
    /// Seconds since 1970.
    pub modified: Option<u32>,
}

impl Attributes {
    pub(crate) fn is_file(&self) -> bool {
        self.mode.is_some_and(|mode| mode & MODE_KIND == MODE_FILE)
    }

    pub(crate) fn is_folder(&self) -> bool {
        self.mode
            .is_some_and(|mode| mode & MODE_KIND == MODE_FOLDER)
    }

    fn read(fields: &mut Unpacking<'_>) -> Result<Self, Malformed> {
        let flags = fields.u32()?;
        let mut attributes = Self::default();
        if flags & ATTR_SIZE != 0 {
            attributes.size = Some(fields.u64()?);
        }
        if flags & ATTR_OWNERS != 0 {
            fields.u64()?;
        }
        if flags & ATTR_MODE != 0 {
            attributes.mode = Some(fields.u32()?);
        }
        if flags & ATTR_TIMES != 0 {
            fields.u32()?;
            attributes.modified = Some(fields.u32()?);
        }
        if flags & ATTR_EXTENDED != 0 {
            for _ in 0..fields.u32()? {
                fields.string()?;
                fields.string()?;
            }
        }
        Ok(attributes)
    }
}

impl<'a> Reply<'a> {
    /// Reads an answer.
    pub(crate) fn read(kind: u8, body: &'a [u8]) -> Result<Self, Malformed> {
        let mut fields = Unpacking::new(body);
        Ok(match kind {
            KIND_STATUS => {
                let status = status(fields.u32()?);
                // Old servers leave the text out.
                Self::Status(status, fields.string().unwrap_or_default())
            }
            KIND_HANDLE => Self::Handle(fields.string()?),
            KIND_DATA => Self::Data(fields.string()?),
            KIND_NAME => Self::Names(names(fields)?),
            KIND_ATTRS => Self::Attributes(Attributes::read(&mut fields)?),
            KIND_EXTENDED => Self::Extended(fields.rest()),
            _ => return Err(Malformed),
        })
    }
}

fn status(code: u32) -> Status {
    match code {
        0 => Status::Ok,
        1 => Status::End,
        2 => Status::NoSuchFile,
        3 => Status::Denied,
        8 => Status::Unsupported,
        code => Status::Failed(code),
    }
}

fn names(mut fields: Unpacking<'_>) -> Result<Vec<Entry>, Malformed> {
    let count = fields.u32()?;
    let mut entries = Vec::new();
    for _ in 0..count {
        let name = fields.string()?.to_vec();
        // For people; says nothing that the attributes do not.
        fields.string()?;
        let attributes = Attributes::read(&mut fields)?;
        entries.push(Entry { name, attributes });
    }
    Ok(entries)
}

/// What a server can do beyond version 3: names of extensions, each with a text.
pub(crate) fn extensions(body: &[u8]) -> Result<Vec<&[u8]>, Malformed> {
    let mut fields = Unpacking::new(body);
    let mut names = Vec::new();
    while !fields.is_empty() {
        names.push(fields.string()?);
        fields.string()?;
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::packet::Packing;

    #[test]
    fn any_answer_is_read_or_refused() {
        bolero::check!()
            .with_type::<(u8, Vec<u8>)>()
            .for_each(|(kind, body)| {
                let _ = Reply::read(*kind, body);
                let _ = Reply::read(KIND_NAME, body);
                let _ = Reply::read(KIND_ATTRS, body);
                let _ = extensions(body);
            });
    }

    #[test]
    fn a_folder_of_one_file_is_read() {
        let body = Packing::new()
            .u32(1)
            .string("abc")
            .string("-rw------- abc")
            .u32(ATTR_SIZE | ATTR_OWNERS | ATTR_MODE | ATTR_TIMES | ATTR_EXTENDED)
            .u64(77)
            .u32(1)
            .u32(2)
            .u32(0o100_600)
            .u32(5)
            .u32(6)
            .u32(1)
            .string("x@y")
            .string("z")
            .finish();
        let Ok(Reply::Names(entries)) = Reply::read(KIND_NAME, &body) else {
            panic!("no names");
        };
        assert_eq!(entries[0].name, b"abc");
        let attributes = entries[0].attributes;
        assert_eq!((attributes.size, attributes.modified), (Some(77), Some(6)));
        assert!(attributes.is_file() && !attributes.is_folder());
        assert_eq!(
            Reply::read(KIND_NAME, &body[..body.len() - 1]),
            Err(Malformed)
        );
    }

    #[test]
    fn a_claimed_number_of_names_takes_no_memory() {
        let body = Packing::new().u32(u32::MAX).finish();
        assert_eq!(Reply::read(KIND_NAME, &body), Err(Malformed));
    }
}
