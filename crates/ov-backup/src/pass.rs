//! One pass over the source: compare, read, store, build the tree.

use std::collections::VecDeque;
use std::thread::Scope;

use ov_coding::{Family, Shape};
use ov_format::content::{ChunkRef, Content, Extent};
use ov_format::entry::{Entry, EntryKey, ReadState};
use ov_format::id::ChunkId;
use ov_seal::compartment::chunk_id;
use ov_source::{Item, Source, SourceError};

use crate::error::BackupError;
use crate::extent_list::{chunks_of, push_hole};
use crate::extract::{Extractor, Told};
use crate::frame_writer::FrameWriter;
use crate::index::Index;
use crate::line::{Line, Pending, Reading};
use crate::local_page::LocalEntry;
use crate::local_tree::{NewTree, OldTree, Run};
use crate::monitor::{Monitor, Progress};
use crate::options::{BackupOptions, BackupReport};
use crate::ordered::Threads;
use crate::read::{Buffers, Ending, Flow, Piece, ReadKeys, read_file};
use crate::renewal::Renewal;
use crate::reread::Drawing;
use crate::sink::Sink;
use crate::spares::Spares;
use crate::trees::{Finished, Trees};
use crate::untold::Untold;
use crate::used::Used;

/// Accounts up to this size stand in the catalog's own pages, so that one read opens those of a
/// whole page.
const ACCOUNT_INLINE_MAX: usize = 16 * 1024;

/// Longer ones are cut here: they do not change in the middle, so content decides nothing.
const ACCOUNT_PIECE: usize = 256 * 1024;

/// What a pass works with.
pub struct Pass<'p, 'w> {
    /// What it was asked for.
    pub options: &'p BackupOptions,
    /// Where the originals are.
    pub source: &'w dyn Source,
    /// Names and cuts.
    pub keys: &'w ReadKeys,
    /// Who is shown the files that are read.
    pub extractor: Option<&'w dyn Extractor>,
    /// Who listens.
    pub monitor: &'p dyn Monitor,
    /// What the group has.
    pub index: &'p mut Index<'w>,
    /// Where new chunks go.
    pub frames: &'p mut FrameWriter<'w>,
    /// Where chunks lie in memory.
    pub spares: &'w Spares,
    /// The last run's tree.
    pub old: &'p mut OldTree,
    /// This run's.
    pub new: &'p mut NewTree,
    /// What is stored again.
    pub renewal: &'p Renewal,
    /// What was counted.
    pub report: &'p mut BackupReport,
    /// Called between chunks and entries, and when the run must stop: publishes a checkpoint.
    pub checkpoint: &'p mut CheckpointFn<'p, 'w>,
    /// What the tree uses.
    pub used: Used,
    /// The page of the last run that the walk is going along.
    pub run: Option<Run>,
    /// Unchanged files that are read all the same.
    pub reread: Drawing,
    /// Entries that wait for what their files say.
    pub untold: Untold,
}

/// Publishes what was stored so far.
pub type CheckpointFn<'p, 'w> =
    dyn FnMut(&mut FrameWriter<'w>, &mut Trees, When) -> Result<(), BackupError> + 'p;

/// When a checkpoint is published.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// If enough was stored, or enough time went by.
    Due,
    /// At once, if anything was stored.
    Now,
}

impl<'p, 'w> Pass<'p, 'w> {
    /// Goes through the whole source and returns the finished trees.
    pub fn run<'s>(
        &mut self,
        scope: &'s Scope<'s, 'w>,
        threads: Threads,
    ) -> Result<Finished, BackupError>
    where
        'w: 's,
    {
        let mut trees = Trees::new(&self.keys.page);
        match self.entries(scope, threads, &mut trees) {
            Ok(()) => trees.finish(&mut self.sink()),
            Err(BackupError::Interrupted) => {
                // What was stored so far need not be stored again by the next run.
                (self.checkpoint)(self.frames, &mut trees, When::Now)?;
                Err(BackupError::Interrupted)
            }
            Err(error) => Err(error),
        }
    }

    fn entries<'s>(
        &mut self,
        scope: &'s Scope<'s, 'w>,
        threads: Threads,
        trees: &mut Trees,
    ) -> Result<(), BackupError>
    where
        'w: 's,
    {
        let reading = Reading {
            source: self.source,
            keys: self.keys,
            extractor: self.extractor,
            spares: self.spares,
        };
        let mut line = Line::start(scope, threads, reading, self.options.memory.ahead());
        for item in self.source.walk_briefly() {
            if self.monitor.stop() {
                return Err(BackupError::Interrupted);
            }
            match item {
                Ok(item) => self.meet(item, &mut line, trees)?,
                Err(error) => self.missed(&error, trees)?,
            }
        }
        self.meet_end(&mut line, trees)?;
        while let Some(first) = line.first() {
            self.complete(first, trees)?;
        }
        self.put_all(trees)
    }

    /// Completes what has to leave the line before more comes.
    pub(crate) fn complete_overdue(
        &mut self,
        line: &mut Line,
        trees: &mut Trees,
    ) -> Result<(), BackupError> {
        while let Some(first) = line.overdue() {
            self.complete(first, trees)?;
        }
        Ok(())
    }

    /// A name that could not even become an item.
    fn missed(&mut self, error: &SourceError, trees: &mut Trees) -> Result<(), BackupError> {
        match error {
            SourceError::Vanished { .. } => self.report.vanished += 1,
            SourceError::Unreadable { .. } | SourceError::NotAFile { .. } => {
                self.report.unreadable += 1;
                trees.count_trouble();
            }
            // Anything else is about the source as a whole.
            other => return Err(BackupError::Stopped(other.to_string())),
        }
        self.monitor.notice(&error.to_string());
        Ok(())
    }

    fn complete(&mut self, pending: Pending, trees: &mut Trees) -> Result<(), BackupError> {
        let (next, told) = match pending {
            Pending::Ready(mut next) => {
                let told = Told::Now(next.account.take());
                (*next, told)
            }
            Pending::Whole(page) => {
                self.put_all(trees)?;
                return self.pass_on(&page, trees);
            }
            Pending::Reading(item, before, pieces, _) => {
                let mut next = || pieces.recv().map_err(|_| BackupError::Worker);
                self.collect(item, before, trees, &mut next)?
            }
            Pending::Later(item, before) => {
                let mut pieces = VecDeque::new();
                let mut buffers = Buffers::new(self.spares);
                let monitor = self.monitor;
                let mut take = |piece| {
                    let stops = matches!(piece, Piece::Waiting) && monitor.stop();
                    pieces.push_back(piece);
                    if stops { Flow::Stop } else { Flow::Go }
                };
                let (source, keys, extractor) = (self.source, self.keys, self.extractor);
                read_file(source, &item, keys, extractor, &mut buffers, &mut take);
                let mut next = || pieces.pop_front().ok_or(BackupError::Interrupted);
                self.collect(item, before, trees, &mut next)?
            }
        };
        self.untold.push(next, told);
        while let Some(next) = self.untold.pop() {
            self.put(next, trees)?;
        }
        Ok(())
    }

    /// Puts all entries into the trees, whatever must be waited for.
    fn put_all(&mut self, trees: &mut Trees) -> Result<(), BackupError> {
        while let Some(next) = self.untold.pop_anyway() {
            self.put(next, trees)?;
        }
        Ok(())
    }

    /// Puts an entry into the trees.
    pub(crate) fn put(&mut self, next: LocalEntry, trees: &mut Trees) -> Result<(), BackupError> {
        for (chunk, length) in chunks_of(&next.entry.content) {
            self.used
                .add(chunk, usize::try_from(length).unwrap_or(usize::MAX));
        }
        self.report.bytes = self.report.bytes.saturating_add(next.entry.meta.size);
        self.tell_progress(&next.entry.key);
        self.new.push(next.clone());
        let LocalEntry {
            mut entry, account, ..
        } = next;
        if let Some(account) = account {
            self.say(entry.key.clone(), account, trees)?;
        }
        let mut sink = self.sink();
        // The local tree keeps whole lists of extents, since the agent cannot read pages back;
        // an unchanged file's pages come out the same and are found again.
        entry.content = match std::mem::replace(&mut entry.content, Content::Empty) {
            Content::Extents(extents) => trees.content(extents, &mut sink)?,
            other => other,
        };
        if let Some(leaf) = trees.push(entry, &mut sink)? {
            self.new.close(leaf);
        }
        (self.checkpoint)(self.frames, trees, When::Due)
    }

    pub(crate) fn tell_progress(&self, at: &EntryKey) {
        let files = self.files();
        let progress = Progress {
            entries: self.report.others + files,
            files,
            bytes: self.report.bytes,
            read: self.report.bytes_read,
            stored: self.frames.stored(),
        };
        self.monitor.progress(&progress, at);
    }

    pub(crate) fn sink(&mut self) -> Sink<'_, 'w> {
        Sink {
            index: self.index,
            frames: self.frames,
            renewal: self.renewal,
            keys: self.keys,
            used: &mut self.used,
        }
    }

    /// Puts what was found out about a file into the catalog.
    pub(crate) fn say(
        &mut self,
        key: EntryKey,
        account: Vec<u8>,
        trees: &mut Trees,
    ) -> Result<(), BackupError> {
        let size = u64::try_from(account.len()).unwrap_or(u64::MAX);
        let content = match account.len() {
            0..=ACCOUNT_INLINE_MAX => Content::Inline(account),
            _ => {
                let mut extents = Vec::new();
                for piece in account.chunks(ACCOUNT_PIECE) {
                    let looks = (Family::of_name(&key.name), Shape::Unknown);
                    let id = chunk_id(&self.keys.id, piece);
                    let chunk = self.chunk(looks, id, piece.to_vec())?;
                    self.used.add(&chunk, piece.len());
                    let length = u32::try_from(piece.len()).unwrap_or(u32::MAX);
                    extents.push(Extent::Data { chunk, length });
                }
                Content::Extents(extents)
            }
        };
        trees.say(key, content, size, &mut self.sink())
    }

    fn files(&self) -> u64 {
        self.report.files_new + self.report.files_changed + self.report.files_unmodified
    }

    /// Takes the pieces of a file until its end, and makes its entry.
    fn collect(
        &mut self,
        mut item: Box<Item>,
        before: Option<Box<Entry>>,
        trees: &mut Trees,
        next: &mut dyn FnMut() -> Result<Piece, BackupError>,
    ) -> Result<(LocalEntry, Told), BackupError> {
        let family = Family::of_name(&item.key.name);
        let mut extents: Vec<Extent> = Vec::new();
        let mut inline = None;
        let ending = loop {
            match next()? {
                Piece::Again => {
                    extents.clear();
                    inline = None;
                }
                Piece::Hole(length) => push_hole(&mut extents, length),
                Piece::Inline(bytes) => inline = Some(bytes),
                Piece::Chunk(id, bytes, shape) => {
                    let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
                    let chunk = self.chunk((family, shape), id, bytes)?;
                    extents.push(Extent::Data { chunk, length });
                    // One file may take days.
                    (self.checkpoint)(self.frames, trees, When::Due)?;
                }
                Piece::Waiting => {}
                Piece::End(ending) => break ending,
            }
            if self.monitor.stop() {
                return Err(BackupError::Interrupted);
            }
        };
        let state = self.judge(&item, &ending)?;
        if let Some(stat) = ending.stat {
            item.meta.mtime = stat.mtime;
            item.fingerprint = stat.fingerprint;
        }
        item.meta.size = ending.length;
        let content = match inline {
            Some(bytes) if bytes.is_empty() => Content::Empty,
            Some(bytes) => Content::Inline(bytes),
            None if extents.is_empty() => Content::Empty,
            None => Content::Extents(extents),
        };
        let fingerprint = item.fingerprint;
        let entry = Entry {
            key: item.key,
            meta: item.meta,
            content,
            state,
        };
        match before {
            None => self.report.files_new += 1,
            // It might have changed, or was in the share that is read again; it had not.
            Some(before) if is_same(&before, &entry) => {
                self.report.files_unmodified += 1;
                self.report.files_reread += 1;
            }
            Some(_) => self.report.files_changed += 1,
        }
        let next = LocalEntry {
            entry,
            fingerprint,
            account: None,
        };
        Ok((next, ending.told))
    }

    fn judge(&mut self, item: &Item, ending: &Ending) -> Result<ReadState, BackupError> {
        self.report.bytes_read += ending.read;
        match (&ending.problem, &item.problem) {
            (Some(failed @ SourceError::CommandFailed { .. }), _)
            | (Some(failed @ SourceError::NotStarted { .. }), _) => {
                Err(BackupError::Stopped(failed.to_string()))
            }
            (Some(SourceError::AlreadyRead { .. }), _) => Err(BackupError::StreamRepeat),
            (Some(problem), _) => Ok(self.unreadable(item, problem.to_string())),
            (None, Some(problem)) => Ok(self.unreadable(item, problem.clone())),
            (None, None) if ending.changed => {
                self.monitor
                    .trouble(&item.key, "it changed while it was read, twice");
                self.report.changed_while_read += 1;
                Ok(ReadState::Changed)
            }
            (None, None) => Ok(ReadState::Clean),
        }
    }

    pub(crate) fn unreadable(&mut self, item: &Item, reason: String) -> ReadState {
        self.monitor.trouble(&item.key, &reason);
        self.report.unreadable += 1;
        ReadState::Unreadable(reason)
    }

    fn chunk(
        &mut self,
        looks: (Family, Shape),
        id: ChunkId,
        bytes: Vec<u8>,
    ) -> Result<ChunkRef, BackupError> {
        let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        match self.index.find(&id) {
            Some(known) if self.renewal.has(&known.at) => self.report.bytes_renewed += length,
            Some(known) => {
                self.spares.give(bytes);
                return Ok(known);
            }
            None => self.report.bytes_added += length,
        }
        let chunk = self.frames.add(looks, id, bytes)?;
        self.index.insert(&chunk);
        Ok(chunk)
    }
}

pub(crate) fn ready(item: Item, content: Content, state: ReadState) -> Pending {
    Pending::Ready(Box::new(local(item, content, state)))
}

pub(crate) fn local(item: Item, content: Content, state: ReadState) -> LocalEntry {
    let fingerprint = item.fingerprint;
    let entry = Entry {
        key: item.key,
        meta: item.meta,
        content,
        state,
    };
    LocalEntry {
        entry,
        fingerprint,
        account: None,
    }
}

/// Whether two entries say the same of a file, wherever its chunks lie.
fn is_same(before: &Entry, now: &Entry) -> bool {
    let content = match (&before.content, &now.content) {
        (Content::Extents(before), Content::Extents(now)) => {
            let same = |(before, now): (&Extent, &Extent)| match (before, now) {
                (
                    Extent::Data { chunk, length },
                    Extent::Data {
                        chunk: now,
                        length: now_length,
                    },
                ) => chunk.tag == now.tag && length == now_length,
                (before, now) => before == now,
            };
            before.len() == now.len() && before.iter().zip(now).all(same)
        }
        (before, now) => before == now,
    };
    content && before.key == now.key && before.meta == now.meta && before.state == now.state
}
