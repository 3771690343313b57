//! An object on its way, and where its bytes come from.

use std::io::{self, Read};

use ov_clinical::dicom::{Opening, opening};

use crate::trouble::{Refusal, Trouble};

/// Preamble and meta group of a file are read into memory up to this length, in bytes.
pub const HEAD_MAX: usize = 64 << 10;
/// Longest unique identifier (PS3.5 section 9.1), in bytes.
const UID_MAX: usize = 64;

/// Where the bytes of a file come from. They may be asked for several times.
pub trait Content {
    /// The file, from its beginning.
    fn open(&self) -> Box<dyn Read + '_>;
}

/// An object that is to be stored.
#[derive(Clone, Copy)]
pub struct Object<'c> {
    /// Its SOP class.
    pub class: &'c str,
    /// Its SOP instance UID.
    pub instance: &'c str,
    /// Its transfer syntax; without one, what its data set looks like counts.
    pub syntax: Option<&'c str>,
    /// The length of its file, in bytes.
    pub length: u64,
    /// Its file.
    pub content: &'c dyn Content,
}

/// A file of which the beginning was read.
pub(crate) struct Opened<'c> {
    pub head: Vec<u8>,
    pub opening: Opening,
    pub rest: Box<dyn Read + 'c>,
}

impl<'c> Object<'c> {
    /// Reads the beginning.
    pub(crate) fn opened(&self) -> Result<Opened<'c>, Trouble> {
        let mut rest = self.content.open();
        let mut head = Vec::with_capacity(HEAD_MAX);
        let limit = u64::try_from(HEAD_MAX).unwrap_or(u64::MAX);
        let read = rest.by_ref().take(limit).read_to_end(&mut head);
        read.map_err(Trouble::Content)?;
        let opening = opening(&head).ok_or(Refusal::NoObject)?;
        Ok(Opened {
            head,
            opening,
            rest,
        })
    }

    /// Refuses identifiers that cannot be sent.
    pub(crate) fn check(&self) -> Result<(), Refusal> {
        let sound = |uid: &str| {
            let digits = |byte: u8| byte.is_ascii_digit() || byte == b'.';
            (1..=UID_MAX).contains(&uid.len()) && uid.bytes().all(digits)
        };
        let said = self.syntax.is_none_or(sound);
        match sound(self.class) && sound(self.instance) && said {
            true => Ok(()),
            false => Err(Refusal::Identifier),
        }
    }
}

/// Passes bytes on and remembers whether their source failed: whoever sends them may hide it behind
/// an error of its own.
pub(crate) struct Watched<'r> {
    source: &'r mut dyn Read,
    failed: Option<io::Error>,
}

impl<'r> Watched<'r> {
    pub fn new(source: &'r mut dyn Read) -> Self {
        Self {
            source,
            failed: None,
        }
    }

    /// Why the source failed, if it did.
    pub fn failed(self) -> Option<io::Error> {
        self.failed
    }
}

impl Read for Watched<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.source.read(buffer).map_err(|error| {
            let told = io::Error::new(error.kind(), "the file cannot be read");
            self.failed = Some(error);
            told
        })
    }
}
