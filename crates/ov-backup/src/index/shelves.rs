//! The index without the vault: a delta in memory over shelves on disk.
//!
//! Shelves grow from the delta: when it is full, it becomes a shelf together with all younger
//! shelves that are not far larger than what is merged so far. So there are few shelves, each row
//! is written few times, and what is in memory has a bound that does not grow with the rows but for
//! the fences (8 bytes for 157 rows).

use std::collections::BTreeSet;

use ov_format::Wire;
use ov_format::content::FrameRef;
use ov_format::id::{ChunkTag, ObjectHash, SegmentId};
use ov_format::list::GroupChunk;
use ov_format::name::RecordName;
use ov_policy::prune::Condemned;

use crate::error::BackupError;
use crate::index::block_cache::BlockCache;
use crate::index::contents::{Contents, ShelfEntry};
use crate::index::delta::Delta;
use crate::index::merge::{Damaged, Stream, merge};
use crate::index::row::{SEGMENT_BYTES, TAG_BYTES, decode};
use crate::index::shelf::{PREFIX, Shelf, ShelfWriter};
use crate::local_file::LocalFiles;

/// What the shelves may hold in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Chunks in the delta: at this many it becomes a shelf. About 48 bytes each.
    pub delta_chunks: usize,
    /// Opened blocks, of 8 KiB each.
    pub blocks: usize,
}

impl Default for Bounds {
    /// 12 MiB of delta and 16 MiB of blocks.
    fn default() -> Self {
        Self {
            delta_chunks: 250_000,
            blocks: 2048,
        }
    }
}

/// A commit's list costs a file to open at each run: this many become a shelf, however short.
const DELTA_COMMITS_MAX: usize = 32;

/// A shelf this many times as large as what is merged is left alone.
const RATIO: u64 = 8;

/// Whether the contents name a new shelf.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keep {
    /// Yes: later runs have it.
    Named,
    /// No: chunks of this run are in it, of which no commit speaks yet. It goes with this process.
    Unnamed,
}

/// The delta and the shelves.
pub struct Shelves {
    files: LocalFiles,
    folder: String,
    bounds: Bounds,
    condemned: Condemned<ObjectHash, FrameRef>,
    delta: Delta,
    /// Commits whose chunks are in the delta.
    delta_commits: BTreeSet<RecordName>,
    /// The delta is folded at this length; more than the bound where nothing can be written.
    delta_max: usize,
    /// The oldest first.
    shelves: Vec<Shelf>,
    cache: BlockCache,
    last_segment: Option<SegmentId>,
}

/// Shelves as opened.
pub struct Opened {
    /// What can be used.
    pub shelves: Shelves,
    /// Shelves that could not be opened.
    pub lost: usize,
}

impl Shelves {
    /// Opens the shelves of a folder of the local state, without those that speak for a commit
    /// that does not count.
    pub fn open(
        files: &LocalFiles,
        folder: &str,
        bounds: Bounds,
        condemned: Condemned<ObjectHash, FrameRef>,
        counts: &dyn Fn(&RecordName) -> bool,
    ) -> Result<Opened, BackupError> {
        files.make_folder(folder)?;
        let mut opened = Opened {
            shelves: Self {
                files: files.clone(),
                folder: folder.to_owned(),
                bounds,
                condemned,
                delta: Delta::default(),
                delta_commits: BTreeSet::new(),
                delta_max: bounds.delta_chunks,
                shelves: Vec::new(),
                cache: BlockCache::new(bounds.blocks),
                last_segment: None,
            },
            lost: 0,
        };
        let contents = files.read(&contents_name(folder));
        let contents = contents.and_then(|bytes| Contents::from_bytes(&bytes).ok());
        let entries = contents.unwrap_or_default().0;
        let named = entries.len();
        for entry in entries {
            if entry.commits.iter().all(counts) {
                let this = &mut opened.shelves;
                match Shelf::open(files, folder, &entry, &mut this.cache) {
                    Some(shelf) => this.shelves.push(shelf),
                    None => opened.lost += 1,
                }
            }
        }
        if opened.shelves.shelves.len() < named {
            opened.shelves.write_contents();
        }
        opened.shelves.sweep();
        Ok(opened)
    }

    /// Removes files that no shelf has: of shelves that were merged, or never finished.
    fn sweep(&self) {
        for file in self.files.names(&self.folder) {
            let of_a_shelf = |shelf: &Shelf| {
                let rest = file.strip_prefix(PREFIX);
                let rest = rest.and_then(|rest| rest.strip_prefix(&shelf.entry().name));
                rest.is_some_and(|rest| !rest.ends_with(".new"))
            };
            if file.starts_with(PREFIX) && !self.shelves.iter().any(of_a_shelf) {
                self.files.remove(&format!("{}/{file}", self.folder));
            }
        }
    }

    /// Commits whose chunks are here.
    pub fn commits(&self) -> impl Iterator<Item = &RecordName> {
        let shelves = self.shelves.iter().flat_map(|shelf| &shelf.entry().commits);
        shelves.chain(&self.delta_commits)
    }

    /// Adds the chunks that a commit published, without what was dropped.
    pub fn add(&mut self, commit: RecordName, chunks: &[GroupChunk]) {
        for chunk in chunks {
            if !self.drops(&chunk.at) {
                self.delta.add(chunk);
            }
        }
        self.delta_commits.insert(commit);
    }

    /// Adds a chunk of this run.
    pub fn insert(&mut self, chunk: &GroupChunk) {
        self.delta.add(chunk);
    }

    /// Whether a keeper dropped a frame.
    pub fn drops(&self, at: &FrameRef) -> bool {
        self.condemned.drops(at, &BTreeSet::new())
    }

    /// Where a chunk is. What came last is asked first, and what was dropped is not found.
    pub fn find(&mut self, tag: &ChunkTag) -> Result<Option<GroupChunk>, Damaged> {
        if let Some(found) = self.delta.find(tag) {
            return Ok(Some(found));
        }
        for (number, shelf) in self.shelves.iter().enumerate().rev() {
            let found = shelf.find(tag, &mut self.cache);
            if let Some(found) = found.map_err(|_| Damaged(number))?
                && !self.drops(&found.at)
            {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    /// Whether a segment is among those whose chunks were added.
    pub fn has_segment(&mut self, segment: &SegmentId) -> Result<bool, Damaged> {
        if self.last_segment == Some(*segment) || self.delta.has_segment(segment) {
            return Ok(true);
        }
        for (number, shelf) in self.shelves.iter().enumerate().rev() {
            let has = shelf.has_segment(segment, &mut self.cache);
            if has.map_err(|_| Damaged(number))? {
                self.last_segment = Some(*segment);
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Whether the delta should become a shelf before more is added.
    pub fn is_full(&self) -> bool {
        self.delta.len() >= self.delta_max
    }

    /// Whether so many commits are in the delta that opening their lists at each run costs more
    /// than a shelf.
    pub fn is_scattered(&self) -> bool {
        self.delta_commits.len() > DELTA_COMMITS_MAX
    }

    /// Makes a shelf of the delta and of younger shelves. If it cannot be written all stays as it
    /// is. On damage too: then the shelf is to be taken away, and its lists read again.
    pub fn fold(&mut self, keep: Keep) -> Result<(), Damaged> {
        if self.delta.is_empty() && self.delta_commits.is_empty() {
            return Ok(());
        }
        let first = self.first_to_merge();
        let Some(entry) = self.write_merged(first)? else {
            self.delta_max = self.delta_max.saturating_mul(2);
            return Ok(());
        };
        let opened = Shelf::open(&self.files, &self.folder, &entry, &mut self.cache);
        if keep == Keep::Unnamed || opened.is_none() {
            Shelf::remove(&self.files, &self.folder, &entry.name);
        }
        let Some(shelf) = opened else {
            self.delta_max = self.delta_max.saturating_mul(2);
            return Ok(());
        };
        let merged = self.shelves.split_off(first);
        self.shelves.push(shelf);
        self.delta = Delta::default();
        self.delta_commits.clear();
        self.delta_max = self.bounds.delta_chunks;
        if keep == Keep::Named {
            self.write_contents();
            for shelf in merged {
                Shelf::remove(&self.files, &self.folder, &shelf.entry().name);
            }
        }
        Ok(())
    }

    /// Shelves from here on are merged with the delta.
    fn first_to_merge(&self) -> usize {
        // Commits that stored nothing make an empty delta: one, so that empty shelves merge too.
        let mut sum = u64::try_from(self.delta.len().max(1)).unwrap_or(u64::MAX);
        let mut first = self.shelves.len();
        for (number, shelf) in self.shelves.iter().enumerate().rev() {
            if shelf.len() >= sum.saturating_mul(RATIO) {
                break;
            }
            sum = sum.saturating_add(shelf.len());
            first = number;
        }
        first
    }

    fn write_merged(&self, first: usize) -> Result<Option<ShelfEntry>, Damaged> {
        let Some(mut writer) = ShelfWriter::start(&self.files, &self.folder) else {
            return Ok(None);
        };
        let within = |damaged: Damaged| Damaged(first + damaged.0);
        let young = &self.shelves[first..];
        let mut rows: Vec<Stream<'_, _>> = Vec::new();
        for shelf in young {
            // Before merging: a dropped row must not take the place of one that was not.
            let live = shelf.rows().filter(|row| match row {
                Ok(row) => !self.drops(&decode(row).at),
                Err(_) => true,
            });
            rows.push(Box::new(live));
        }
        rows.push(Box::new(self.delta.rows().into_iter().map(Ok)));
        merge(rows, TAG_BYTES, &mut |row| writer.row(row)).map_err(within)?;
        let mut segments: Vec<Stream<'_, _>> = Vec::new();
        for shelf in young {
            segments.push(Box::new(shelf.segments()));
        }
        segments.push(Box::new(self.delta.segments().into_iter().map(Ok)));
        let mut put = |segment: &[u8; SEGMENT_BYTES]| writer.segment(segment);
        merge(segments, SEGMENT_BYTES, &mut put).map_err(within)?;
        let merged = young.iter().flat_map(|shelf| &shelf.entry().commits);
        let commits = merged.chain(&self.delta_commits).copied().collect();
        Ok(Some(writer.finish(commits)))
    }

    /// Takes away a shelf that is damaged, for later runs too. Returns the commits whose chunks
    /// must be added again.
    pub fn take_away(&mut self, damaged: Damaged) -> BTreeSet<RecordName> {
        let shelf = self.shelves.remove(damaged.0);
        // The contents still name it: the next run finds it gone.
        Shelf::remove(&self.files, &self.folder, &shelf.entry().name);
        self.last_segment = None;
        shelf.entry().commits.clone()
    }

    /// Says which shelves there are.
    pub fn write_contents(&self) {
        let shelves = self.shelves.iter().map(|shelf| shelf.entry().clone());
        let contents = Contents(shelves.collect());
        let name = contents_name(&self.folder);
        self.files.write(&name, &contents.to_bytes());
    }

    /// What is held in memory.
    pub fn resident(&self) -> Resident {
        Resident {
            delta_chunks: self.delta.len(),
            blocks: self.cache.len(),
            fences: self.shelves.iter().map(Shelf::fences).sum(),
        }
    }

    /// Chunks in each shelf, the oldest first.
    pub fn lengths(&self) -> Vec<u64> {
        self.shelves.iter().map(Shelf::len).collect()
    }
}

/// What the index holds in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Resident {
    /// Chunks in the delta, of about 48 bytes.
    pub delta_chunks: usize,
    /// Blocks of rows and pages of filters, of 8 KiB.
    pub blocks: usize,
    /// Fences, of 8 bytes.
    pub fences: usize,
}

fn contents_name(folder: &str) -> String {
    format!("{folder}/shelves")
}

#[cfg(test)]
#[path = "shelves_tests.rs"]
mod tests;
