//! What is under way between the walk and the tree, in tree order.

use std::collections::VecDeque;
use std::thread::Scope;

use crossbeam_channel::{Receiver, Sender, bounded};
use ov_format::entry::Entry;
use ov_source::{Item, Source};

use crate::error::BackupError;
use crate::extract::Extractor;
use crate::local_page::{LocalEntry, LocalPage};
use crate::ordered::Threads;
use crate::read::{Buffers, Flow, Piece, ReadKeys, read_file};
use crate::spares::Spares;

/// What one large file may hold in its channel: chunks of the largest profile.
const LARGE_COST: u64 = 8 * 1024 * 1024;

/// Pieces in the channel of one file.
const PIECES: usize = 2;

/// Files read ahead at most.
const AHEAD_FILES: usize = 256;

/// What the tree gets next.
pub enum Pending {
    /// Its entry is complete.
    Ready(Box<LocalEntry>),
    /// All of this page is as it was.
    Whole(Box<LocalPage>),
    /// Its content is being read; what the last run had of it, and what it may hold in memory.
    Reading(Box<Item>, Option<Box<Entry>>, Receiver<Piece>, u64),
    /// Its content is read when its turn comes.
    Later(Box<Item>, Option<Box<Entry>>),
}

impl Pending {
    /// What it may hold in memory, in bytes.
    fn cost(&self) -> u64 {
        match self {
            Self::Reading(_, _, _, cost) => *cost,
            Self::Whole(page) => u64::try_from(page.encoded().len()).unwrap_or(u64::MAX),
            Self::Ready(..) | Self::Later(..) => 0,
        }
    }
}

struct ReadJob {
    item: Item,
    pieces: Sender<Piece>,
}

/// What readers need.
#[derive(Clone, Copy)]
pub struct Reading<'w> {
    /// Where the originals are.
    pub source: &'w dyn Source,
    /// Names and cuts.
    pub keys: &'w ReadKeys,
    /// Who is shown the files that are read.
    pub extractor: Option<&'w dyn Extractor>,
    /// Where chunks lie in memory.
    pub spares: &'w Spares,
}

/// The line from the walk to the tree.
pub struct Line {
    jobs: Option<Sender<ReadJob>>,
    pending: VecDeque<Pending>,
    ahead: u64,
    ahead_max: u64,
}

impl Line {
    /// Starts the readers. At most `ahead_max` bytes are under way.
    pub fn start<'s, 'w: 's>(
        scope: &'s Scope<'s, 'w>,
        threads: Threads,
        reading: Reading<'w>,
        ahead_max: u64,
    ) -> Self {
        Self {
            jobs: start_readers(scope, threads, reading),
            pending: VecDeque::new(),
            ahead: 0,
            ahead_max,
        }
    }

    /// A file to be read; `before` is what the last run had of it.
    pub fn read(&self, item: Item, before: Option<Box<Entry>>) -> Result<Pending, BackupError> {
        let Some(jobs) = &self.jobs else {
            return Ok(Pending::Later(Box::new(item), before));
        };
        let (pieces, receiver) = bounded(PIECES);
        let cost = item.meta.size.min(LARGE_COST);
        let job = ReadJob {
            item: item.clone(),
            pieces,
        };
        jobs.send(job).map_err(|_| BackupError::Worker)?;
        Ok(Pending::Reading(Box::new(item), before, receiver, cost))
    }

    /// Adds what comes next. Take what [`Self::overdue`] gives before more is added: else all
    /// readers may wait for room.
    pub fn push(&mut self, next: Pending) {
        self.ahead = self.ahead.saturating_add(next.cost());
        self.pending.push_back(next);
    }

    /// What has to leave the line before more comes.
    pub fn overdue(&mut self) -> Option<Pending> {
        match self.pending.len() > AHEAD_FILES || self.ahead > self.ahead_max {
            true => self.first(),
            false => None,
        }
    }

    /// What has waited longest.
    pub fn first(&mut self) -> Option<Pending> {
        let first = self.pending.pop_front()?;
        self.ahead = self.ahead.saturating_sub(first.cost());
        Some(first)
    }
}

fn start_readers<'s, 'w: 's>(
    scope: &'s Scope<'s, 'w>,
    threads: Threads,
    reading: Reading<'w>,
) -> Option<Sender<ReadJob>> {
    let Threads::Count(count) = threads else {
        return None;
    };
    let (sender, receiver) = bounded::<ReadJob>(AHEAD_FILES);
    for _ in 0..count.max(1) {
        let receiver = receiver.clone();
        scope.spawn(move || read_all(&receiver, reading));
    }
    Some(sender)
}

fn read_all(jobs: &Receiver<ReadJob>, reading: Reading<'_>) {
    let Reading {
        source,
        keys,
        extractor,
        spares,
    } = reading;
    let mut buffers = Buffers::new(spares);
    while let Ok(ReadJob { item, pieces }) = jobs.recv() {
        let mut take = |piece| match pieces.send(piece) {
            Ok(()) => Flow::Go,
            Err(_) => Flow::Stop,
        };
        read_file(source, &item, keys, extractor, &mut buffers, &mut take);
    }
}
