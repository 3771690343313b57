//! The content of an entry as a row of stretches, whatever way it is kept.

use ov_format::content::{ChunkRef, Content, Extent, ExtentPage};
use ov_format::entry::{Entry, Kind};
use ov_format::extents::ExtentList;

use crate::read_error::{PageFault, ReadError};
use crate::reader::{FrameReader, refused};

/// Pages that are read at once.
const AHEAD_MAX: usize = 16;

/// A stretch of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stretch {
    /// Bytes kept in the entry itself.
    Inline(Vec<u8>),
    /// Bytes of one chunk.
    Data {
        /// Which chunk, and where.
        chunk: ChunkRef,
        /// Its length in bytes.
        length: u32,
    },
    /// Zeros that take no space.
    Hole {
        /// Its length in bytes.
        length: u64,
    },
}

impl Stretch {
    /// Length in bytes.
    pub fn length(&self) -> u64 {
        match self {
            Self::Inline(bytes) => u64::try_from(bytes.len()).unwrap_or(u64::MAX),
            Self::Data { length, .. } => u64::from(*length),
            Self::Hole { length } => *length,
        }
    }

    /// A chunk by what it is, not by where it lies.
    fn name_to(&self, hasher: &mut blake3::Hasher) {
        let (kind, name): (u8, &[u8]) = match self {
            Self::Inline(bytes) => (0, bytes),
            Self::Data { chunk, .. } => (1, chunk.tag.bytes()),
            Self::Hole { .. } => (2, &[]),
        };
        hasher.update(&[kind]).update(&self.length().to_le_bytes());
        hasher.update(name);
    }
}

/// The stretches of a content with their offsets, in order. Pages of extents are read as they are
/// come to. Ends at the first `Err`.
pub struct Extents<'r> {
    reader: &'r FrameReader<'r>,
    /// What is still to come, the next one last.
    pending: Vec<Pending>,
    offset: u64,
}

enum Pending {
    Stretch(Stretch),
    Page(ExtentPage, u8),
}

impl Pending {
    fn length(&self) -> u64 {
        match self {
            Self::Stretch(stretch) => stretch.length(),
            Self::Page(page, _) => page.length,
        }
    }
}

impl<'r> Extents<'r> {
    /// The stretches of a content.
    pub fn of(reader: &'r FrameReader<'r>, content: &Content) -> Self {
        let mut pending = match content {
            Content::Empty => Vec::new(),
            Content::Inline(bytes) => vec![Pending::Stretch(Stretch::Inline(bytes.clone()))],
            Content::Extents(extents) => stretches(extents),
            Content::Paged { level, pages } => pointers(pages, *level),
        };
        pending.reverse();
        Self {
            reader,
            pending,
            offset: 0,
        }
    }

    /// Reads a page and those that follow it into the reader's memory.
    fn read_ahead(&self, page: &ExtentPage) {
        let next = self
            .pending
            .iter()
            .rev()
            .map_while(|pending| match pending {
                Pending::Page(page, _) => Some(page.chunk.at),
                Pending::Stretch(_) => None,
            });
        let frames = std::iter::once(page.chunk.at).chain(next);
        self.reader.read_ahead(frames.take(AHEAD_MAX));
    }

    /// Each page must hold exactly the length that was announced, and something: so a walk
    /// through pages that name each other again and again ends with the file.
    fn expand(&mut self, page: &ExtentPage, level: u8) -> Result<(), ReadError> {
        let refused = |why| refused(&page.chunk, why);
        self.read_ahead(page);
        let list = self.reader.extent_page(&page.chunk)?;
        let mut items = match list {
            ExtentList::Extents(extents) if level == 1 => stretches(&extents),
            ExtentList::Pages {
                level: below,
                pages,
            } if below.checked_add(1) == Some(level) => pointers(&pages, below),
            _ => return Err(refused(PageFault::Level)),
        };
        let lengths = items.iter().map(Pending::length);
        let sum = lengths.clone().try_fold(0u64, u64::checked_add);
        if sum != Some(page.length) || lengths.clone().any(|length| length == 0) {
            return Err(refused(PageFault::Sum));
        }
        items.reverse();
        self.pending.extend(items);
        Ok(())
    }
}

impl Iterator for Extents<'_> {
    type Item = Result<(u64, Stretch), ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            match self.pending.pop()? {
                Pending::Stretch(stretch) => {
                    let offset = self.offset;
                    self.offset = offset.saturating_add(stretch.length());
                    return Some(Ok((offset, stretch)));
                }
                Pending::Page(page, level) => {
                    if let Err(error) = self.expand(&page, level) {
                        self.pending.clear();
                        return Some(Err(error));
                    }
                }
            }
        }
    }
}

/// What two names of one file have in common. Numbers of link groups come from inodes, and a file
/// system may give one inode to two files while it is walked: so the number alone proves nothing.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Sameness {
    size: u64,
    /// Of the kind, the chunks and the holes; `None` where those cannot be read.
    content: Option<blake3::Hash>,
}

impl Sameness {
    /// Of an entry. Reads the pages of a long list of extents.
    pub fn of(reader: &FrameReader<'_>, entry: &Entry) -> Self {
        let mut hasher = blake3::Hasher::new();
        name_kind(&entry.meta.kind, &mut hasher);
        let whole = Extents::of(reader, &entry.content).all(|stretch| match stretch {
            Ok((_, stretch)) => {
                stretch.name_to(&mut hasher);
                true
            }
            Err(_) => false,
        });
        Self {
            size: entry.meta.size,
            content: whole.then(|| hasher.finalize()),
        }
    }
}

fn name_kind(kind: &Kind, hasher: &mut blake3::Hasher) {
    let mut name = |number: u8, more: &[u8]| {
        hasher.update(&[number]).update(more);
    };
    let device = |major: u32, minor: u32| [major.to_le_bytes(), minor.to_le_bytes()].concat();
    match kind {
        Kind::File => name(0, &[]),
        Kind::Directory => name(1, &[]),
        Kind::Symlink(target) => name(2, target),
        Kind::Fifo => name(3, &[]),
        Kind::Socket => name(4, &[]),
        Kind::CharDevice { major, minor } => name(5, &device(*major, *minor)),
        Kind::BlockDevice { major, minor } => name(6, &device(*major, *minor)),
    }
}

fn stretches(extents: &[Extent]) -> Vec<Pending> {
    let stretch = |extent: &Extent| match *extent {
        Extent::Data { chunk, length } => Stretch::Data { chunk, length },
        Extent::Hole { length } => Stretch::Hole { length },
    };
    extents.iter().map(stretch).map(Pending::Stretch).collect()
}

fn pointers(pages: &[ExtentPage], level: u8) -> Vec<Pending> {
    pages
        .iter()
        .map(|page| Pending::Page(*page, level))
        .collect()
}
