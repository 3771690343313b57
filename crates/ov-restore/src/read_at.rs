//! A stretch of a file's bytes, wherever it begins.

use std::sync::Arc;

use ov_format::content::{ChunkRef, Content, Extent, ExtentPage};
use ov_format::entry::Entry;
use ov_format::extents::ExtentList;

use crate::random_access::RandomAccess;
use crate::read_error::{PageFault, ReadError};
use crate::reader::refused;
use crate::report::EntryError;

impl RandomAccess<'_> {
    /// The bytes of a file from `offset` on: `length` of them, or fewer where the file ends
    /// before.
    ///
    /// # Errors
    /// If any of them cannot be had, or the file has fewer than its entry says.
    pub fn read_at(
        &self,
        entry: &Entry,
        offset: u64,
        length: usize,
    ) -> Result<Vec<u8>, EntryError> {
        let size = entry.meta.size;
        let end = offset.saturating_add(as_u64(length)).min(size);
        let mut bytes = Vec::with_capacity(as_usize(end.saturating_sub(offset)));
        let mut at = offset;
        while at < end {
            let taken = self.take(&entry.content, size, at, end, &mut bytes)?;
            at = at.saturating_add(taken);
        }
        Ok(bytes)
    }

    /// Where the next data, or the next hole, is at or behind an offset; `None` if there is none.
    /// The end of a file counts as a hole.
    pub fn seek(
        &self,
        entry: &Entry,
        offset: u64,
        wanted: Seek,
    ) -> Result<Option<u64>, EntryError> {
        let size = entry.meta.size;
        let mut at = offset;
        while at < size {
            let Some((start, extent)) = self.extent(&entry.content, at)? else {
                break;
            };
            let found = match extent {
                Found::Hole(_) => Seek::Hole,
                Found::Inline(_) | Found::Data(..) => Seek::Data,
            };
            if found == wanted {
                return Ok(Some(at));
            }
            at = start.saturating_add(extent.length()).max(at + 1);
        }
        Ok((wanted == Seek::Hole && offset < size).then_some(size))
    }

    /// Adds bytes from `at` on, up to `end` or the end of what holds the first of them. Gives how
    /// many: at least one.
    fn take(
        &self,
        content: &Content,
        size: u64,
        at: u64,
        end: u64,
        bytes: &mut Vec<u8>,
    ) -> Result<u64, EntryError> {
        let found = self.extent(content, at)?;
        let (start, found) = found.ok_or(EntryError::Size { size, found: at })?;
        let skipped = at.saturating_sub(start);
        let taken = found
            .length()
            .saturating_sub(skipped)
            .min(end.saturating_sub(at));
        let range = as_usize(skipped)..as_usize(skipped.saturating_add(taken));
        match found {
            Found::Inline(inline) => bytes.extend_from_slice(inline.get(range).unwrap_or_default()),
            Found::Hole(_) => bytes.resize(bytes.len().saturating_add(as_usize(taken)), 0),
            Found::Data(chunk, length) => {
                let frame = self.frame(chunk.at)?;
                let plain = frame.chunk(&chunk)?;
                let right = u32::try_from(plain.len()) == Ok(length);
                let part = plain.get(range).filter(|_| right);
                bytes.extend_from_slice(part.ok_or(EntryError::ChunkLength)?);
            }
        }
        Ok(taken)
    }

    /// What holds the byte at an offset, and where that begins; `None` behind the last extent.
    fn extent<'c>(
        &self,
        content: &'c Content,
        offset: u64,
    ) -> Result<Option<(u64, Found<'c>)>, ReadError> {
        Ok(match content {
            Content::Empty => None,
            Content::Inline(bytes) => {
                (offset < as_u64(bytes.len())).then_some((0, Found::Inline(bytes)))
            }
            Content::Extents(extents) => holding(extents, Extent::length, offset)
                .map(|(start, extent)| (start, Found::of(extent))),
            Content::Paged { level, pages } => {
                let found = self.extent_in_pages(pages, *level, offset)?;
                found.map(|(start, extent)| (start, Found::of(&extent)))
            }
        })
    }

    fn extent_in_pages(
        &self,
        pages: &[ExtentPage],
        level: u8,
        offset: u64,
    ) -> Result<Option<(u64, Extent)>, ReadError> {
        let Some((mut start, page)) = holding(pages, |page| page.length, offset) else {
            return Ok(None);
        };
        let (mut page, mut level) = (*page, level);
        loop {
            let list = self.list(&page, level)?;
            let below = offset.saturating_sub(start);
            match &*list {
                ExtentList::Extents(extents) => {
                    let found = holding(extents, Extent::length, below);
                    return Ok(found.map(|(at, extent)| (start.saturating_add(at), extent.clone())));
                }
                ExtentList::Pages { level: next, pages } => {
                    let Some((at, found)) = holding(pages, |page| page.length, below) else {
                        return Ok(None);
                    };
                    start = start.saturating_add(at);
                    (page, level) = (*found, *next);
                }
            }
        }
    }

    /// A page of extents that is what its pointer says: of the level below, and of that length.
    fn list(&self, page: &ExtentPage, level: u8) -> Result<Arc<ExtentList>, ReadError> {
        let list = self.extent_page(&page.chunk)?;
        let (found, sum) = match &*list {
            ExtentList::Extents(extents) => (0, sum(extents.iter().map(Extent::length))),
            ExtentList::Pages { level, pages } => {
                (*level, sum(pages.iter().map(|page| page.length)))
            }
        };
        if found.checked_add(1) != Some(level) {
            return Err(refused(&page.chunk, PageFault::Level));
        }
        if sum != Some(page.length) {
            return Err(refused(&page.chunk, PageFault::Sum));
        }
        Ok(list)
    }
}

/// What is looked for in a file with holes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seek {
    /// Bytes that take space.
    Data,
    /// Zeros that take none.
    Hole,
}

/// What holds a byte.
enum Found<'c> {
    Inline(&'c [u8]),
    Data(ChunkRef, u32),
    Hole(u64),
}

impl Found<'_> {
    fn of(extent: &Extent) -> Self {
        match *extent {
            Extent::Hole { length } => Self::Hole(length),
            Extent::Data { chunk, length } => Self::Data(chunk, length),
        }
    }

    fn length(&self) -> u64 {
        match self {
            Self::Inline(bytes) => as_u64(bytes.len()),
            Self::Data(_, length) => u64::from(*length),
            Self::Hole(length) => *length,
        }
    }
}

/// The item that holds an offset, and where it begins.
fn holding<T>(items: &[T], length: impl Fn(&T) -> u64, offset: u64) -> Option<(u64, &T)> {
    let mut start = 0u64;
    for item in items {
        let end = start.checked_add(length(item))?;
        if offset < end {
            return Some((start, item));
        }
        start = end;
    }
    None
}

fn sum(lengths: impl Iterator<Item = u64>) -> Option<u64> {
    // A length of 0 would let pages name each other without end.
    let mut lengths = lengths.map(|length| (length > 0).then_some(length));
    lengths.try_fold(0u64, |sum, length| sum.checked_add(length?))
}

fn as_u64(length: usize) -> u64 {
    length.try_into().unwrap_or(u64::MAX)
}

fn as_usize(length: u64) -> usize {
    usize::try_from(length).unwrap_or(usize::MAX)
}
