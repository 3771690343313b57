//! One file that was found.

use std::fmt;
use std::sync::Arc;

use ov_clinical::{Category, Certainty, Facts, Kind, Warning, Wrapping};
use ov_format::entry::EntryKey;
use ov_source::ShownPath;

/// A regular file, and what was seen of it.
#[derive(Clone)]
pub struct FoundFile {
    /// The absolute path of its folder, without the leading slash.
    pub folder: Arc<[u8]>,
    /// Its name in the folder.
    pub name: Box<[u8]>,
    /// Its length in bytes when it was listed.
    pub size: u64,
    /// When its content last changed, in seconds since 1970 (UTC).
    pub modified: i64,
    /// What was seen of it; `None` if it could not be read.
    pub seen: Option<Seen>,
}

/// What was seen of a file.
#[derive(Clone)]
pub struct Seen {
    /// What it is.
    pub kind: Kind,
    /// How it is compressed as a whole.
    pub wrapping: Wrapping,
    /// How sure the kind is.
    pub certainty: Certainty,
    /// Whose it is, as far as its format can say.
    pub whose: Whose,
    /// What its reader found wrong first.
    pub flaw: Option<Warning>,
    /// Digest of its beginning, its end and its length: different files differ here.
    pub(crate) print: [u8; 16],
    /// Whether the print covers all its bytes.
    pub(crate) extent: Extent,
    /// What relations between files need; nothing for most kinds.
    pub(crate) facts: Option<Box<Facts>>,
}

/// How much of a file a print covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Extent {
    Whole,
    Part,
}

/// Whose data a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Whose {
    /// It names a patient.
    Patient,
    /// It names a subject of a trial and no patient.
    Subject,
    /// It names a sample and neither of them.
    Sample,
    /// Its format could say whose it is, and it does not.
    Nobody,
    /// Its format, or how it is wrapped, does not let it say.
    NotSaid,
}

impl FoundFile {
    /// Where it stands, as a source knows it.
    #[must_use]
    pub fn key(&self) -> EntryKey {
        EntryKey::new(self.folder.to_vec(), self.name.to_vec())
    }

    /// Its absolute path.
    #[must_use]
    pub fn path(&self) -> Vec<u8> {
        match self.folder.is_empty() {
            true => [b"/", &self.name[..]].concat(),
            false => [b"/", &self.folder[..], b"/", &self.name[..]].concat(),
        }
    }

    /// Its category; [`Category::Other`] if it could not be read.
    #[must_use]
    pub fn category(&self) -> Category {
        self.seen
            .as_ref()
            .map_or(Category::Other, |seen| seen.kind.category())
    }

    /// What it is, if it could be read.
    #[must_use]
    pub fn kind(&self) -> Option<Kind> {
        self.seen.as_ref().map(|seen| seen.kind)
    }

    pub(crate) fn facts(&self) -> Option<&Facts> {
        self.seen.as_ref()?.facts.as_deref()
    }
}

impl fmt::Debug for FoundFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = self.folder.len() + self.name.len();
        write!(f, "FoundFile({bytes} bytes of path, {:?})", self.kind())
    }
}

/// Something that could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unread {
    /// Its path.
    pub path: ShownPath,
    /// Why, in words for people.
    pub reason: String,
}
