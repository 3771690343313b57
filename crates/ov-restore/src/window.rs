//! A bounded part of a restore: files that are open, and the chunks that are to go into them.
//! Chunks are fetched in the order in which they lie, whatever file they belong to.

use std::collections::HashMap;
use std::ops::{ControlFlow, Range};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use ov_coding::FRAME_PLAIN_MAX;
use ov_format::content::{ChunkRef, FrameRef};
use ov_format::entry::{EntryKey, Meta};
use ov_source::{FileTarget, Found, SinkError};

use crate::frame::Frame;
use crate::read_error::ReadError;
use crate::reader::{FrameReader, lock};
use crate::report::EntryError;
use crate::tally::Tally;

/// Chunks in one window at most.
const PIECES_MAX: usize = 64 * 1024;

/// Bytes of content in one window at most.
const BYTES_MAX: u64 = 1 << 30;

/// A file that is being written.
pub(crate) struct Job {
    /// Its key in the snapshot.
    pub key: EntryKey,
    pub meta: Meta,
    pub target: FileTarget,
    error: Mutex<Option<EntryError>>,
}

impl Job {
    pub fn new(key: EntryKey, meta: Meta, target: FileTarget) -> Self {
        Self {
            key,
            meta,
            target,
            error: Mutex::default(),
        }
    }

    /// Keeps the first error.
    pub fn fail(&self, error: impl Into<EntryError>) {
        lock(&self.error).get_or_insert_with(|| error.into());
    }

    fn has_failed(&self) -> bool {
        lock(&self.error).is_some()
    }
}

/// A chunk and where it goes.
struct Piece {
    job: usize,
    offset: u64,
    length: u32,
    chunk: ChunkRef,
}

/// Which jobs are finished by a flush.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flush {
    /// All.
    All,
    /// All but the last, which goes on in the next window.
    AllButLast,
}

/// Open files and the chunks that are to go into them.
pub(crate) struct Window {
    jobs: Vec<Job>,
    pieces: Vec<Piece>,
    bytes: u64,
    files_max: usize,
}

impl Window {
    pub fn new(files_max: usize) -> Self {
        Self {
            jobs: Vec::new(),
            pieces: Vec::new(),
            bytes: 0,
            files_max: files_max.max(1),
        }
    }

    /// Whether no more files should be opened.
    pub fn is_full(&self) -> bool {
        self.jobs.len() >= self.files_max || self.is_laden()
    }

    /// Whether no more chunks should be added.
    pub fn is_laden(&self) -> bool {
        self.pieces.len() >= PIECES_MAX || self.bytes >= BYTES_MAX
    }

    pub fn open(&mut self, job: Job) {
        self.jobs.push(job);
    }

    /// The file that was opened last.
    pub fn last(&self) -> Option<&Job> {
        self.jobs.last()
    }

    /// Adds a chunk of the file that was opened last.
    pub fn add(&mut self, offset: u64, length: u32, chunk: ChunkRef) {
        self.bytes = self.bytes.saturating_add(u64::from(length));
        self.pieces.push(Piece {
            job: self.jobs.len().saturating_sub(1),
            offset,
            length,
            chunk,
        });
    }

    /// Fetches and writes all chunks, and finishes the files.
    pub fn flush(&mut self, reader: &FrameReader<'_>, flush: Flush, tally: &Tally<'_>) {
        self.take_existing(reader, tally);
        self.write(reader, tally);
        let next = match flush {
            Flush::All => None,
            Flush::AllButLast => self.jobs.pop(),
        };
        finish(std::mem::take(&mut self.jobs), tally);
        self.jobs.extend(next);
        self.pieces.clear();
        self.bytes = 0;
    }

    /// Takes out what an earlier restore, or the file that is replaced, has already.
    fn take_existing(&mut self, reader: &FrameReader<'_>, tally: &Tally<'_>) {
        let found = |piece: &Piece| {
            let job = self.jobs.get(piece.job);
            job.is_some_and(|job| job.target.found() == Found::Kept)
        };
        if !self.pieces.iter().any(found) {
            return;
        }
        let here: Vec<AtomicBool> = self.pieces.iter().map(|_| AtomicBool::new(false)).collect();
        in_parallel(self.pieces.len(), tally.workers(), &|index| {
            if let (Some(piece), Some(here)) = (self.pieces.get(index), here.get(index))
                && let Some(job) = self.jobs.get(piece.job)
                && job.target.found() == Found::Kept
                && is_there(reader, job, piece)
            {
                here.store(true, Ordering::Relaxed);
                tally.found(u64::from(piece.length));
            }
        });
        let mut here = here.iter();
        self.pieces
            .retain(|_| !here.next().is_some_and(|here| here.load(Ordering::Relaxed)));
    }

    fn write(&mut self, reader: &FrameReader<'_>, tally: &Tally<'_>) {
        self.pieces
            .sort_unstable_by_key(|piece| (piece.chunk.at, piece.chunk.index, piece.job));
        let frames = ranges(&self.pieces);
        let (pieces, jobs) = (&self.pieces, &self.jobs);
        let visit = |at: FrameRef, frame: Result<Arc<Frame>, ReadError>| {
            let range = frames.get(&at).cloned().unwrap_or_default();
            for piece in pieces.get(range).unwrap_or_default() {
                let Some(job) = jobs.get(piece.job) else {
                    continue;
                };
                if tally.stop().is_some() {
                    return ControlFlow::Break(());
                }
                if job.has_failed() {
                    continue;
                }
                match write_piece(job, piece, &frame) {
                    Ok(()) => tally.written(u64::from(piece.length), &job.key),
                    Err(error) => {
                        tally.judge(&error);
                        job.fail(error);
                    }
                }
            }
            ControlFlow::Continue(())
        };
        reader.read_all(frames.keys().copied(), tally.workers(), &visit);
    }
}

fn ranges(pieces: &[Piece]) -> HashMap<FrameRef, Range<usize>> {
    let mut frames = HashMap::new();
    let mut start = 0;
    for group in pieces.chunk_by(|a, b| a.chunk.at == b.chunk.at) {
        let end = start + group.len();
        if let Some(first) = group.first() {
            frames.insert(first.chunk.at, start..end);
        }
        start = end;
    }
    frames
}

fn is_there(reader: &FrameReader<'_>, job: &Job, piece: &Piece) -> bool {
    let length = usize::try_from(piece.length).unwrap_or(usize::MAX);
    if length > FRAME_PLAIN_MAX {
        return false;
    }
    let mut buffer = vec![0; length];
    let is_right = |bytes: &[u8]| reader.is_chunk(&piece.chunk.at.segment, piece.chunk.tag, bytes);
    let found = job
        .target
        .existing_matches(piece.offset, &mut buffer, is_right);
    matches!(found, Ok(Found::Kept))
}

fn write_piece(
    job: &Job,
    piece: &Piece,
    frame: &Result<Arc<Frame>, ReadError>,
) -> Result<(), EntryError> {
    let frame = frame.as_ref().map_err(ReadError::clone)?;
    let bytes = frame.chunk(&piece.chunk)?;
    if u32::try_from(bytes.len()) != Ok(piece.length) {
        return Err(EntryError::ChunkLength);
    }
    Ok(job.target.write_at(piece.offset, bytes)?)
}

fn finish(jobs: Vec<Job>, tally: &Tally<'_>) {
    let jobs: Vec<Mutex<Option<Job>>> = jobs.into_iter().map(|job| Mutex::new(Some(job))).collect();
    in_parallel(jobs.len(), tally.workers(), &|index| {
        let job = jobs.get(index).and_then(|job| lock(job).take());
        let Some(Job {
            key,
            meta,
            target,
            error,
        }) = job
        else {
            return;
        };
        let error = lock(&error).take();
        let done = match error {
            Some(error) => Err(error),
            None => target.finish(&meta).map_err(EntryError::from),
        };
        match done {
            Ok(()) => tally.file_done(&key),
            // Unfinished because all stopped, and no failure of its own: the next restore takes
            // it up.
            Err(EntryError::Sink(SinkError::Incomplete { .. })) if tally.stop().is_some() => {}
            Err(error) => tally.failed(&key, error),
        }
    });
}

/// Numbers that a thread takes at once, at most.
const TAKEN_MAX: usize = 64;

/// Calls `work` with every number below `count`, from several threads. Each takes some that follow
/// each other: files of one folder, which threads that met there would wait for.
pub(crate) fn in_parallel(count: usize, workers: usize, work: &(dyn Fn(usize) + Sync)) {
    let next = AtomicUsize::new(0);
    let share = count.div_ceil(4 * workers.max(1)).clamp(1, TAKEN_MAX);
    let take = || {
        loop {
            let first = next.fetch_add(share, Ordering::Relaxed);
            if first >= count {
                return;
            }
            (first..count.min(first + share)).for_each(work);
        }
    };
    std::thread::scope(|scope| {
        for _ in 1..workers.min(count) {
            scope.spawn(take);
        }
        take();
    });
}
