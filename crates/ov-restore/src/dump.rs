//! The content of one file as a stream.

use std::collections::{HashMap, VecDeque};
use std::io::{self, Read, Write};
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex};

use ov_format::content::FrameRef;
use ov_format::entry::{Entry, Kind, ReadState};
use thiserror::Error;

use crate::extents::{Extents, Stretch};
use crate::frame::Frame;
use crate::read_error::ReadError;
use crate::reader::{FrameReader, Keeping, lock};
use crate::report::EntryError;
use crate::restore::is_lost;

/// Chunks that are fetched ahead together.
const AHEAD_CHUNKS: usize = 64;

/// Bytes that are fetched ahead together.
const AHEAD_BYTES: u64 = 8 << 20;

/// Why a file cannot be dumped.
#[derive(Debug, Error)]
pub enum DumpError {
    /// It is no regular file.
    #[error("this is no regular file")]
    NotAFile,
    /// The backup could not read it.
    #[error("the backup could not read it: {0}")]
    Unreadable(String),
    /// Its content cannot be had.
    #[error(transparent)]
    Content(EntryError),
    /// It cannot be written to where it should go.
    #[error(transparent)]
    Write(#[from] io::Error),
}

/// Writes a file's content, holes as zeros. Gives the number of bytes.
pub fn dump_file(
    reader: &FrameReader<'_>,
    entry: &Entry,
    workers: usize,
    out: &mut dyn Write,
) -> Result<u64, DumpError> {
    let mut content = ContentReader::of(reader, entry, workers)?;
    let copied = io::copy(&mut content, out);
    match (content.failed.take(), copied) {
        (Some(error), _) => Err(DumpError::Content(error)),
        (None, copied) => Ok(copied?),
    }
}

/// Reads an entry's content from its beginning to its end, fetching ahead. Gives exactly as many
/// bytes as the entry says, or fails.
pub struct ContentReader<'r> {
    reader: &'r FrameReader<'r>,
    extents: Extents<'r>,
    workers: usize,
    ahead: VecDeque<Stretch>,
    frames: HashMap<FrameRef, Result<Arc<Frame>, ReadError>>,
    current: Current,
    left: u64,
    size: u64,
    /// Why it failed; the error of reading says so in words alone.
    pub failed: Option<EntryError>,
}

enum Current {
    Bytes(Vec<u8>, usize),
    Zeros(u64),
}

impl<'r> ContentReader<'r> {
    /// Reads a regular file, with so many threads that fetch ahead.
    ///
    /// # Errors
    /// If it is none, or the backup could not read it.
    pub fn of(
        reader: &'r FrameReader<'r>,
        entry: &Entry,
        workers: usize,
    ) -> Result<Self, DumpError> {
        match (&entry.meta.kind, &entry.state) {
            (_, ReadState::Unreadable(reason)) if is_lost(entry) => {
                Err(DumpError::Unreadable(reason.clone()))
            }
            (Kind::File, _) => Ok(Self::new(reader, entry, workers)),
            _ => Err(DumpError::NotAFile),
        }
    }

    pub(crate) fn new(reader: &'r FrameReader<'r>, entry: &Entry, workers: usize) -> Self {
        Self {
            reader,
            extents: Extents::of(reader, &entry.content),
            workers,
            ahead: VecDeque::new(),
            frames: HashMap::new(),
            current: Current::Zeros(0),
            left: entry.meta.size,
            size: entry.meta.size,
            failed: None,
        }
    }

    fn give(&mut self, buffer: &mut [u8]) -> Result<usize, EntryError> {
        loop {
            let given = match &mut self.current {
                Current::Bytes(bytes, at) => {
                    let rest = bytes.get(*at..).unwrap_or_default();
                    let length = rest.len().min(buffer.len());
                    if let (Some(to), Some(from)) = (buffer.get_mut(..length), rest.get(..length)) {
                        to.copy_from_slice(from);
                    }
                    *at += length;
                    length
                }
                Current::Zeros(left) => {
                    let length =
                        usize::try_from(*left).map_or(buffer.len(), |l| l.min(buffer.len()));
                    buffer.get_mut(..length).unwrap_or_default().fill(0);
                    *left -= u64::try_from(length).unwrap_or(*left);
                    length
                }
            };
            if given > 0 {
                return self.count(given);
            }
            if !self.advance()? {
                return self.end();
            }
        }
    }

    fn count(&mut self, given: usize) -> Result<usize, EntryError> {
        let bytes = u64::try_from(given).unwrap_or(u64::MAX);
        let left = self.left.checked_sub(bytes);
        self.left = left.ok_or(EntryError::Size {
            size: self.size,
            found: self.size.saturating_add(bytes),
        })?;
        Ok(given)
    }

    fn end(&self) -> Result<usize, EntryError> {
        match self.left {
            0 => Ok(0),
            left => Err(EntryError::Size {
                size: self.size,
                found: self.size - left,
            }),
        }
    }

    /// Goes on to the next stretch; `false` at the end.
    fn advance(&mut self) -> Result<bool, EntryError> {
        if self.ahead.is_empty() {
            self.fetch_ahead()?;
        }
        let Some(stretch) = self.ahead.pop_front() else {
            return Ok(false);
        };
        self.current = match stretch {
            Stretch::Inline(bytes) => Current::Bytes(bytes, 0),
            Stretch::Hole { length } => Current::Zeros(length),
            Stretch::Data { chunk, length } => {
                let frame = match self.frames.get(&chunk.at) {
                    Some(frame) => frame.clone()?,
                    None => self.reader.frame(chunk.at)?,
                };
                let bytes = frame.chunk(&chunk)?;
                if u32::try_from(bytes.len()) != Ok(length) {
                    return Err(EntryError::ChunkLength);
                }
                Current::Bytes(bytes.to_vec(), 0)
            }
        };
        Ok(true)
    }

    fn fetch_ahead(&mut self) -> Result<(), EntryError> {
        let (mut wanted, mut bytes) = (Vec::new(), 0u64);
        while self.ahead.len() < AHEAD_CHUNKS && bytes < AHEAD_BYTES {
            let Some(next) = self.extents.next() else {
                break;
            };
            let (_, stretch) = next?;
            if let Stretch::Data { chunk, length } = &stretch {
                bytes = bytes.saturating_add(u64::from(*length));
                wanted.push(chunk.at);
            }
            self.ahead.push_back(stretch);
        }
        let frames = Mutex::new(HashMap::new());
        let keeping = Keeping::Shared;
        self.reader
            .read_all(wanted, self.workers, keeping, &|at, frame| {
                let failed = frame.is_err();
                lock(&frames).insert(at, frame);
                match failed {
                    true => ControlFlow::Break(()),
                    false => ControlFlow::Continue(()),
                }
            });
        self.frames = std::mem::take(&mut *lock(&frames));
        Ok(())
    }
}

impl Read for ContentReader<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        self.give(buffer).map_err(|error| {
            let shown = io::Error::other(error.to_string());
            self.failed = Some(error);
            shown
        })
    }
}
