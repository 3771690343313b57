//! What a source is, and what it yields.

use std::fmt;
use std::io::Read;
use std::sync::Weak;

use ov_format::entry::{EntryKey, Meta, Time};
use rustix::fd::OwnedFd;

use crate::error::SourceError;

/// Where originals live.
pub trait Source: Send + Sync {
    /// All items in tree order, lazily, parents before children.
    ///
    /// Nothing is skipped in silence. What exists and cannot be read is an item with
    /// [`Item::problem`] set; what cannot even become an item (a folder whose list cannot be
    /// read after all, a name that vanished) is an `Err`. The walk goes on after each of them.
    fn walk(&self) -> Box<dyn Iterator<Item = Result<Item, SourceError>> + Send + '_>;

    /// As [`Self::walk`], but what takes further calls may be left out of items: extended
    /// attributes, and what a symbolic link points to. Whoever finds that an item did not change
    /// since it was last seen does not need them; else [`Self::look_closer`] adds them.
    fn walk_briefly(&self) -> Box<dyn Iterator<Item = Result<Item, SourceError>> + Send + '_> {
        self.walk()
    }

    /// Adds what [`Self::walk_briefly`] left out of an item. What cannot be read is its
    /// [`Item::problem`].
    fn look_closer(&self, _item: &mut Item) {}

    /// Opens the content of a regular file. Reading it leaves the source as it is.
    fn open(&self, item: &Item) -> Result<Box<dyn OpenFile>, SourceError>;
}

/// What decides "unchanged" beside size, mtime and mode.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Fingerprint {
    /// Device that holds the file.
    pub device: u64,
    /// Its number there.
    pub inode: u64,
    /// How many names it has.
    pub links: u32,
    /// When its content or metadata last changed.
    pub ctime: Time,
}

/// One item of a source: an entry without its content.
#[derive(Clone)]
pub struct Item {
    /// Where it stands.
    pub key: EntryKey,
    /// Its metadata. If it could not be read, only the kind is meaningful.
    pub meta: Meta,
    /// What tells whether it changed.
    pub fingerprint: Fingerprint,
    /// How the source finds it again.
    pub handle: ItemHandle,
    /// Why it could not be read (wholly), in words for people. It is recorded all the same.
    pub problem: Option<String>,
    /// Whether it was asked for.
    pub asked: Asked,
}

/// Whether an item was asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Asked {
    /// It, or a folder above it, was named.
    #[default]
    Yes,
    /// It is a folder that only leads to what was named; what else happens in it, and so its time,
    /// means nothing.
    Above,
}

impl fmt::Debug for Item {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Item")
            .field("key", &self.key)
            .field("problem", &self.problem.is_some())
            .finish_non_exhaustive()
    }
}

/// How a source finds an item again. Holds nothing open by itself.
#[derive(Clone, Debug, Default)]
pub struct ItemHandle {
    /// The folder's descriptor, as long as the walk keeps it open: a short cut past the path.
    pub(crate) folder: Weak<OwnedFd>,
    pub(crate) rest: Rest,
}

/// What takes further calls: extended attributes, and what a symbolic link points to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Rest {
    /// It is in the item.
    #[default]
    There,
    /// It was not asked for yet.
    Missing,
}

/// A run of a file's bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Segment {
    /// Bytes to read.
    Data {
        /// Where they begin.
        offset: u64,
        /// At most this many; `u64::MAX` where nobody knows before the end (streams).
        length: u64,
    },
    /// A hole: zeros that take no space.
    Hole {
        /// Where it begins.
        offset: u64,
        /// Its length.
        length: u64,
    },
}

/// What an open file looks like at one moment. Two unequal ones mean that it changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileStat {
    /// Length in bytes; `None` for streams.
    pub size: Option<u64>,
    /// Last change of the content.
    pub mtime: Time,
    /// Identity and last change of content or metadata.
    pub fingerprint: Fingerprint,
}

/// An open file.
///
/// Call [`next_segment`](Self::next_segment) until it gives `None`; after a
/// [`Segment::Data`] read until `Ok(0)`, which ends that segment (and only it). The file is read
/// up to the length it had when it was opened. If it shrinks meanwhile, the segment ends early
/// and is the last one; so the bytes delivered plus the holes differ from the first
/// [`stat_now`](Self::stat_now), and the last one from the first. For a command the final
/// `next_segment` also reports its failure: do not stop before it. Where bytes may be long in
/// coming, [`Read::read`] gives [`WouldBlock`](std::io::ErrorKind::WouldBlock) every now and then: ask
/// again, or stop waiting.
pub trait OpenFile: Read + Send {
    /// The next run of bytes; unread bytes of the current one are skipped.
    fn next_segment(&mut self) -> Result<Option<Segment>, SourceError>;

    /// What the open file looks like now.
    fn stat_now(&self) -> Result<FileStat, SourceError>;
}
