//! A bounded part of a restore: files that are open, and the chunks that are to go into them.
//! Chunks are fetched in the order in which they lie, whatever file they belong to.

use std::collections::HashMap;
use std::ops::{ControlFlow, Range};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use ov_coding::FRAME_PLAIN_MAX;
use ov_format::content::{ChunkRef, FrameRef};
use ov_format::entry::{EntryKey, Meta};
use ov_source::{FileSink, FileTarget, Found, ShownPath, SinkError};

use crate::frame::Frame;
use crate::read_error::ReadError;
use crate::reader::{FrameReader, Keeping, lock};
use crate::report::EntryError;
use crate::shape::Part;
use crate::tally::Tally;

/// Chunks in one window at most.
const PIECES_MAX: usize = 64 * 1024;

/// Files in one window at most, open or not: some 600 bytes of memory each.
const JOBS_MAX: usize = 32 * 1024;

/// Bytes of content in one window at most.
const BYTES_MAX: u64 = 1 << 30;

/// What a window is filled from, and written to.
#[derive(Clone, Copy)]
pub(crate) struct Scene<'s, 'r> {
    pub reader: &'s FrameReader<'r>,
    pub sink: &'s FileSink,
    pub part: &'s Part,
    pub tally: &'s Tally<'s>,
}

/// A file that is being written.
pub(crate) struct Job {
    /// Its key in the snapshot.
    pub key: EntryKey,
    pub meta: Meta,
    pub way: Way,
    error: Mutex<Option<EntryError>>,
}

/// How a file is written.
pub(crate) enum Way {
    /// It is open: its chunks come one by one, or parts of it are there already.
    Open(FileTarget),
    /// At once, when its only chunk is there. Whether that has been.
    Chunk(AtomicBool),
    /// At once, from these bytes.
    Bytes(Vec<u8>),
}

impl Job {
    pub fn new(key: EntryKey, meta: Meta, way: Way) -> Self {
        Self {
            key,
            meta,
            way,
            error: Mutex::default(),
        }
    }

    fn found(&self) -> Found {
        match &self.way {
            Way::Open(target) => target.found(),
            Way::Chunk(_) | Way::Bytes(_) => Found::Absent,
        }
    }

    /// Whether nothing is left to do: its only chunk came and was written.
    fn is_made(&self) -> bool {
        matches!(&self.way, Way::Chunk(made) if made.load(Ordering::Relaxed))
    }

    /// Makes the file, of which these are all bytes.
    fn put(&self, scene: &Scene<'_, '_>, bytes: &[u8]) -> Result<(), EntryError> {
        // Nothing was wanted that is not in the part.
        if let Some(key) = scene.part.target_key(&self.key) {
            let made = scene.sink.put(&key, &self.meta, bytes)?;
            scene.tally.put(&self.key, self.meta.size, made);
        }
        Ok(())
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
    /// Folders that are made when there is time, and with what is put into them.
    folders: Vec<(EntryKey, Meta)>,
    jobs: Vec<Job>,
    pieces: Vec<Piece>,
    bytes: u64,
    /// Files that are open.
    open: usize,
    open_max: usize,
}

impl Window {
    pub fn new(open_max: usize) -> Self {
        Self {
            folders: Vec::new(),
            jobs: Vec::new(),
            pieces: Vec::new(),
            bytes: 0,
            open: 0,
            open_max: open_max.max(1),
        }
    }

    /// Whether no more files should be opened.
    pub fn is_full(&self) -> bool {
        self.open >= self.open_max || self.jobs.len() >= JOBS_MAX || self.is_laden()
    }

    /// Whether no more chunks should be added.
    pub fn is_laden(&self) -> bool {
        self.pieces.len() >= PIECES_MAX || self.folders.len() >= JOBS_MAX || self.bytes >= BYTES_MAX
    }

    pub fn begin(&mut self, job: Job) {
        self.open += usize::from(matches!(job.way, Way::Open(_)));
        self.jobs.push(job);
    }

    /// Adds a folder, by its key in the snapshot, in which nothing is yet.
    pub fn announce(&mut self, key: EntryKey, meta: Meta) {
        self.folders.push((key, meta));
    }

    /// The file that was begun last.
    pub fn last(&self) -> Option<&Job> {
        self.jobs.last()
    }

    /// Adds a chunk of the file that was begun last.
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
    pub fn flush(&mut self, scene: &Scene<'_, '_>, flush: Flush) {
        self.take_existing(scene.reader, scene.tally);
        let folders = std::mem::take(&mut self.folders);
        std::thread::scope(|scope| {
            // While the target is waited for.
            scope.spawn(|| make_folders(&folders, scene));
            self.write(scene);
        });
        let next = match flush {
            Flush::All => None,
            Flush::AllButLast => self.jobs.pop(),
        };
        finish(std::mem::take(&mut self.jobs), scene);
        self.open = 0;
        next.into_iter().for_each(|job| self.begin(job));
        self.pieces.clear();
        self.bytes = 0;
    }

    /// Takes out what an earlier restore, or the file that is replaced, has already.
    fn take_existing(&mut self, reader: &FrameReader<'_>, tally: &Tally<'_>) {
        let found = |piece: &Piece| {
            let job = self.jobs.get(piece.job);
            job.is_some_and(|job| job.found() == Found::Kept)
        };
        if !self.pieces.iter().any(found) {
            return;
        }
        let here: Vec<AtomicBool> = self.pieces.iter().map(|_| AtomicBool::new(false)).collect();
        in_parallel(self.pieces.len(), tally.workers(), &|index| {
            if let (Some(piece), Some(here)) = (self.pieces.get(index), here.get(index))
                && let Some(job) = self.jobs.get(piece.job)
                && let Way::Open(target) = &job.way
                && target.found() == Found::Kept
                && is_there(reader, target, piece)
            {
                here.store(true, Ordering::Relaxed);
                tally.found(u64::from(piece.length));
            }
        });
        let mut here = here.iter();
        self.pieces
            .retain(|_| !here.next().is_some_and(|here| here.load(Ordering::Relaxed)));
    }

    fn write(&mut self, scene: &Scene<'_, '_>) {
        let tally = scene.tally;
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
                if let Err(error) = write_piece(scene, job, piece, &frame) {
                    tally.judge(&error);
                    job.fail(error);
                }
            }
            ControlFlow::Continue(())
        };
        let all = frames.keys().copied();
        // Each is shown here once, and the tree is needed again.
        scene
            .reader
            .read_all(all, tally.workers(), Keeping::Pages, &visit);
    }
}

fn make_folders(folders: &[(EntryKey, Meta)], scene: &Scene<'_, '_>) {
    let tally = scene.tally;
    for (key, meta) in folders {
        let Some(target) = scene.part.target_key(key) else {
            continue;
        };
        if tally.stop().is_some() {
            return;
        }
        match scene.sink.make_announced(&target, meta) {
            Ok(()) => tally.with(|report| report.entries += 1),
            Err(error) => tally.failed(key, error.into()),
        }
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

fn is_there(reader: &FrameReader<'_>, target: &FileTarget, piece: &Piece) -> bool {
    let length = usize::try_from(piece.length).unwrap_or(usize::MAX);
    if length > FRAME_PLAIN_MAX {
        return false;
    }
    let mut buffer = vec![0; length];
    let is_right = |bytes: &[u8]| reader.is_chunk(&piece.chunk.at.segment, piece.chunk.tag, bytes);
    let found = target.existing_matches(piece.offset, &mut buffer, is_right);
    matches!(found, Ok(Found::Kept))
}

fn write_piece(
    scene: &Scene<'_, '_>,
    job: &Job,
    piece: &Piece,
    frame: &Result<Arc<Frame>, ReadError>,
) -> Result<(), EntryError> {
    let frame = frame.as_ref().map_err(ReadError::clone)?;
    let bytes = frame.chunk(&piece.chunk)?;
    if u32::try_from(bytes.len()) != Ok(piece.length) {
        return Err(EntryError::ChunkLength);
    }
    match &job.way {
        Way::Open(target) => {
            target.write_at(piece.offset, bytes)?;
            scene.tally.written(u64::from(piece.length), &job.key);
        }
        Way::Chunk(made) => {
            job.put(scene, bytes)?;
            made.store(true, Ordering::Relaxed);
        }
        Way::Bytes(_) => {}
    }
    Ok(())
}

fn finish(jobs: Vec<Job>, scene: &Scene<'_, '_>) {
    let tally = scene.tally;
    let jobs: Vec<Mutex<Option<Job>>> = jobs.into_iter().map(|job| Mutex::new(Some(job))).collect();
    in_parallel(jobs.len(), tally.workers(), &|index| {
        let Some(job) = jobs.get(index).and_then(|job| lock(job).take()) else {
            return;
        };
        if job.is_made() {
            return;
        }
        let key = job.key.clone();
        match finish_one(job, scene) {
            Ok(()) => {}
            // Unfinished because all stopped, and no failure of its own: the next restore takes
            // it up.
            Err(EntryError::Sink(SinkError::Incomplete { .. })) if tally.stop().is_some() => {}
            Err(error) => tally.failed(&key, error),
        }
    });
}

fn finish_one(job: Job, scene: &Scene<'_, '_>) -> Result<(), EntryError> {
    if let Some(error) = lock(&job.error).take() {
        return Err(error);
    }
    match &job.way {
        Way::Open(_) => {}
        Way::Bytes(_) if scene.tally.stop().is_some() => return Ok(()),
        Way::Bytes(bytes) => return job.put(scene, bytes),
        Way::Chunk(_) => {}
    }
    let Job { key, meta, way, .. } = job;
    let Way::Open(target) = way else {
        return Err(EntryError::Sink(SinkError::Incomplete {
            path: ShownPath::absolute(&key),
            covered: 0,
            size: meta.size,
        }));
    };
    target.finish(&meta)?;
    scene.tally.file_done(&key);
    Ok(())
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
            // Without a thread more the others do its work.
            let _ = std::thread::Builder::new().spawn_scoped(scope, take);
        }
        take();
    });
}
