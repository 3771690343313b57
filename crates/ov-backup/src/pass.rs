//! One pass over the source: compare, read, store, build the tree.

use std::collections::VecDeque;
use std::thread::Scope;

use crossbeam_channel::{Receiver, Sender, bounded};
use ov_coding::{Family, Shape};
use ov_format::content::{ChunkRef, Content, Extent};
use ov_format::entry::{Entry, EntryKey, Kind, ReadState, Time};
use ov_format::id::ChunkId;
use ov_seal::compartment::chunk_id;
use ov_source::{Asked, Item, Source, SourceError};

use crate::error::BackupError;
use crate::extent_list::{chunks_of, push_hole};
use crate::extract::Extractor;
use crate::frame_writer::FrameWriter;
use crate::index::Index;
use crate::local_tree::{LocalEntry, NewTree, OldTree};
use crate::monitor::{Monitor, Progress};
use crate::options::{BackupOptions, BackupReport, Counts, Reread, Reuse};
use crate::ordered::Threads;
use crate::read::{Buffers, Ending, Flow, Piece, ReadKeys, read_file};
use crate::renewal::Renewal;
use crate::sink::Sink;
use crate::spares::Spares;
use crate::trees::{Finished, Trees};
use crate::used::Used;

/// What one large file may hold in its channel: chunks of the largest profile.
const LARGE_COST: u64 = 8 * 1024 * 1024;

/// Pieces in the channel of one file.
const PIECES: usize = 2;

/// Files read ahead at most.
const AHEAD_FILES: usize = 256;

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
    /// When this run began.
    pub began: Time,
    /// Called between chunks and entries, and when the run must stop: publishes a checkpoint.
    pub checkpoint: &'p mut CheckpointFn<'p, 'w>,
    /// What the tree uses.
    pub used: Used,
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

enum Pending {
    /// Its entry is complete.
    Ready(Box<LocalEntry>),
    /// Its content is being read; what the last run had of it, and what it may hold in memory.
    Reading(Box<Item>, Option<Box<Entry>>, Receiver<Piece>, u64),
    /// Its content is read when its turn comes.
    Later(Box<Item>, Option<Box<Entry>>),
}

struct ReadJob {
    item: Item,
    pieces: Sender<Piece>,
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
            Ok(()) => {
                let mut sink = Sink {
                    index: self.index,
                    frames: self.frames,
                    renewal: self.renewal,
                    keys: self.keys,
                    used: &mut self.used,
                };
                trees.finish(&mut sink)
            }
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
        let jobs = start_readers(
            scope,
            threads,
            self.source,
            self.keys,
            self.extractor,
            self.spares,
        );
        let mut pending: VecDeque<Pending> = VecDeque::new();
        let mut ahead = 0;
        for item in self.source.walk() {
            if self.monitor.stop() {
                return Err(BackupError::Interrupted);
            }
            let next = match item {
                Ok(item) => self.begin(item, jobs.as_ref())?,
                Err(error) => {
                    self.missed(&error, trees)?;
                    continue;
                }
            };
            ahead += cost(&next);
            pending.push_back(next);
            while pending.len() > AHEAD_FILES || ahead > self.options.memory.ahead() {
                let Some(first) = pending.pop_front() else {
                    break;
                };
                ahead = ahead.saturating_sub(cost(&first));
                self.complete(first, trees)?;
            }
        }
        while let Some(first) = pending.pop_front() {
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

    fn begin(
        &mut self,
        item: Item,
        jobs: Option<&Sender<ReadJob>>,
    ) -> Result<Pending, BackupError> {
        let old = self.old.take(&item.key);
        // The content of a file may be readable though something else of it is not.
        if let Some(problem) = item
            .problem
            .clone()
            .filter(|_| item.meta.kind != Kind::File)
        {
            let state = self.unreadable(&item, problem);
            return Ok(ready(item, Content::Empty, state));
        }
        if item.meta.kind != Kind::File {
            self.report.others += 1;
            let mut item = item;
            // The time of a folder that only leads to the data changes with all that is not backed
            // up: it is kept as it was, so that an unchanged run stores nothing.
            if let Some(old) = old.filter(|_| item.asked == Asked::Above) {
                item.meta.mtime = old.entry.meta.mtime;
            }
            return Ok(ready(item, Content::Empty, ReadState::Clean));
        }
        let before = match old {
            Some(old)
                if self.is_unchanged(&item, &old)
                    && !self.renewal.is_worth(&old.entry)
                    && !self.reread(&item) =>
            {
                self.report.files_unmodified += 1;
                let account = old.account;
                let mut next = local(item, old.entry.content, old.entry.state);
                next.account = account;
                return Ok(Pending::Ready(Box::new(next)));
            }
            old => old.map(|old| Box::new(old.entry)),
        };
        let Some(jobs) = jobs else {
            return Ok(Pending::Later(Box::new(item), before));
        };
        let (pieces, receiver) = bounded(PIECES);
        let cost = item.meta.size.min(LARGE_COST);
        jobs.send(ReadJob {
            item: item.clone(),
            pieces,
        })
        .map_err(|_| BackupError::Worker)?;
        Ok(Pending::Reading(Box::new(item), before, receiver, cost))
    }

    /// Whether a file looks as it did when it was last read, and what was stored of it is still
    /// promised. A file that changed within two seconds before that run began may have changed
    /// again within the same tick of its clock: it is read.
    fn is_unchanged(&mut self, item: &Item, old: &LocalEntry) -> bool {
        let (now, then) = (&item.meta, &old.entry.meta);
        let compare = self.options.compare;
        let same = self.options.reuse == Reuse::Unchanged
            && now.kind == then.kind
            && (now.size, now.mtime, now.mode) == (then.size, then.mtime, then.mode)
            && (compare.inode == Counts::No
                || (item.fingerprint.inode, item.fingerprint.device)
                    == (old.fingerprint.inode, old.fingerprint.device))
            && (compare.ctime == Counts::No || item.fingerprint.ctime == old.fingerprint.ctime);
        let settled = self.old.began().is_some_and(|began| {
            let limit = began.seconds.saturating_sub(2);
            now.mtime.seconds < limit
                && (compare.ctime == Counts::No || item.fingerprint.ctime.seconds < limit)
        });
        same && settled
            && old.entry.state == ReadState::Clean
            && chunks_of(&old.entry.content).all(|(chunk, _)| self.index.may_use(&chunk.at))
    }

    /// Whether this unchanged file is in this run's share of files that are read again. The
    /// choice depends on a secret and on the run, so nobody can tell which file is safe from it.
    fn reread(&self, item: &Item) -> bool {
        const SPREAD_SECONDS: f64 = 90.0 * 24.0 * 3600.0;
        let share = match self.options.reread {
            Reread::Share(share) => share,
            Reread::Spread => {
                let last = self
                    .old
                    .began()
                    .map_or(self.began.seconds, |began| began.seconds);
                let since = u32::try_from(self.began.seconds.saturating_sub(last).max(0));
                f64::from(since.unwrap_or(u32::MAX)) / SPREAD_SECONDS
            }
        };
        let text = [
            &item.key.order_bytes()[..],
            &self.began.seconds.to_le_bytes(),
        ]
        .concat();
        let hash = chunk_id(&self.keys.id, &text);
        let number = u32::from_le_bytes([hash.0[0], hash.0[1], hash.0[2], hash.0[3]]);
        f64::from(number) / f64::from(u32::MAX) < share
    }

    fn complete(&mut self, pending: Pending, trees: &mut Trees) -> Result<(), BackupError> {
        let next = match pending {
            Pending::Ready(next) => *next,
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
        for (chunk, length) in chunks_of(&next.entry.content) {
            self.used
                .add(chunk, usize::try_from(length).unwrap_or(usize::MAX));
        }
        self.report.bytes = self.report.bytes.saturating_add(next.entry.meta.size);
        self.new.push(&next);
        let LocalEntry {
            mut entry, account, ..
        } = next;
        let progress = Progress {
            entries: self.report.others + self.files(),
            files: self.files(),
            bytes: self.report.bytes,
            read: self.report.bytes_read,
            stored: self.frames.stored(),
        };
        self.monitor.progress(&progress, &entry.key);
        if let Some(account) = account {
            self.say(entry.key.clone(), account, trees)?;
        }
        let mut sink = Sink {
            index: self.index,
            frames: self.frames,
            renewal: self.renewal,
            keys: self.keys,
            used: &mut self.used,
        };
        // The local tree keeps whole lists of extents, since the agent cannot read pages back;
        // an unchanged file's pages come out the same and are found again.
        entry.content = match std::mem::replace(&mut entry.content, Content::Empty) {
            Content::Extents(extents) => trees.content(extents, &mut sink)?,
            other => other,
        };
        trees.push(entry, &mut sink)?;
        (self.checkpoint)(self.frames, trees, When::Due)
    }

    /// Puts what was found out about a file into the catalog.
    fn say(
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
        let mut sink = Sink {
            index: self.index,
            frames: self.frames,
            keys: self.keys,
            used: &mut self.used,
            renewal: self.renewal,
        };
        trees.say(key, content, size, &mut sink)
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
    ) -> Result<LocalEntry, BackupError> {
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
        Ok(LocalEntry {
            entry,
            fingerprint,
            account: ending.account,
        })
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

    fn unreadable(&mut self, item: &Item, reason: String) -> ReadState {
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

fn start_readers<'s, 'w: 's>(
    scope: &'s Scope<'s, 'w>,
    threads: Threads,
    source: &'w dyn Source,
    keys: &'w ReadKeys,
    extractor: Option<&'w dyn Extractor>,
    spares: &'w Spares,
) -> Option<Sender<ReadJob>> {
    let Threads::Count(count) = threads else {
        return None;
    };
    let (sender, receiver) = bounded::<ReadJob>(AHEAD_FILES);
    for _ in 0..count.max(1) {
        let receiver = receiver.clone();
        scope.spawn(move || {
            let mut buffers = Buffers::new(spares);
            while let Ok(ReadJob { item, pieces }) = receiver.recv() {
                read_file(
                    source,
                    &item,
                    keys,
                    extractor,
                    &mut buffers,
                    &mut |piece| match pieces.send(piece) {
                        Ok(()) => Flow::Go,
                        Err(_) => Flow::Stop,
                    },
                );
            }
        });
    }
    Some(sender)
}

fn cost(pending: &Pending) -> u64 {
    match pending {
        Pending::Reading(_, _, _, cost) => *cost,
        Pending::Ready(..) | Pending::Later(..) => 0,
    }
}

fn ready(item: Item, content: Content, state: ReadState) -> Pending {
    Pending::Ready(Box::new(local(item, content, state)))
}

fn local(item: Item, content: Content, state: ReadState) -> LocalEntry {
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
