//! Checking with keys: everything that snapshots need opens, decodes and is what it is called.

use std::collections::{HashMap, HashSet};
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex};

use ov_format::content::{ChunkRef, Content, ExtentPage, FrameRef};
use ov_format::entry::{Entry, Kind};
use ov_format::extents::ExtentList;
use ov_format::id::ChunkTag;
use ov_format::name::RecordName;
use ov_format::page::Page;
use ov_format::refs::{PagePlace, Refs};
use ov_source::ShownPath;
use ov_vault::graph::Needs;

use crate::extents::{Extents, Stretch};
use crate::frame::Frame;
use crate::monitor::{Monitor, Progress};
use crate::read_error::{ReadError, TreeError};
use crate::reader::{FrameReader, Keeping, lock};
use crate::report::{EntryError, Shown};
use crate::restore::is_lost;
use crate::snapshots::SnapshotInfo;
use crate::tree::{Next, Tree};

/// Chunks that are gathered before their frames are read.
const PIECES_MAX: usize = 64 * 1024;

/// Pages that are looked at to be read at once. Dozens lie in one frame.
const PAGES_AHEAD: usize = 1024;

/// What is touched by damage.
#[derive(Clone, Debug)]
pub enum Touched {
    /// An entry, with what is wrong with its content.
    Entry(ShownPath, Arc<EntryError>),
    /// What is said of a file, with what is wrong with it.
    Account(ShownPath, Arc<EntryError>),
    /// A part of the tree.
    Tree(TreeError),
    /// A frame that the snapshot needs, but that the refs published for keepers do not name: they
    /// may delete it.
    Refs(FrameRef),
}

/// One thing found wrong.
#[derive(Clone, Debug)]
pub struct ContentFinding {
    /// The snapshot that it touches.
    pub commit: RecordName,
    /// What in it.
    pub touched: Touched,
}

impl std::fmt::Display for ContentFinding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "snapshot {}: ", ov_vault::finding::short(&self.commit))?;
        match &self.touched {
            Touched::Entry(path, error) => write!(f, "{path}: {error}"),
            Touched::Account(path, error) => write!(f, "what is said of {path}: {error}"),
            Touched::Tree(error) => write!(f, "{error}"),
            Touched::Refs(at) => write!(
                f,
                "it needs frame {} of segment {}, and its published refs do not say so",
                at.frame, at.segment
            ),
        }
    }
}

/// What came of a check.
#[derive(Debug, Default)]
pub struct ContentCheck {
    /// Snapshots checked.
    pub snapshots: u64,
    /// Pages read, each once.
    pub pages: u64,
    /// Frames of content read, each once.
    pub frames: u64,
    /// Plain bytes of these frames.
    pub bytes: u64,
    /// What is wrong.
    pub findings: Shown<ContentFinding>,
    /// Why the check ended early, if it did: the target does not answer.
    pub unreachable: Option<ReadError>,
}

/// Checks snapshots. What they share is read once; if anything is wrong, all of them are walked
/// again, so that the findings name every snapshot and path that is touched.
pub fn check_content<'s>(
    reader: &FrameReader<'_>,
    snapshots: impl IntoIterator<Item = &'s SnapshotInfo>,
    workers: usize,
    monitor: &dyn Monitor,
) -> ContentCheck {
    let snapshots: Vec<&SnapshotInfo> = snapshots.into_iter().collect();
    let mut check = Check {
        reader,
        workers,
        monitor,
        seen: HashSet::new(),
        known: HashMap::new(),
        pieces: Vec::new(),
        outcome: Outcome::Whole,
        report: ContentCheck::default(),
    };
    for info in &snapshots {
        check.snapshot(info);
    }
    check.flush();
    if check.outcome == Outcome::Damaged && check.report.unreachable.is_none() {
        for info in &snapshots {
            check.attribute(info);
        }
    }
    check.report
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Whole,
    Damaged,
}

/// What a frame that was read holds: tag and length of each chunk of content.
type Known = Result<Box<[(ChunkTag, u32)]>, ReadError>;

struct Check<'c> {
    reader: &'c FrameReader<'c>,
    workers: usize,
    monitor: &'c dyn Monitor,
    seen: HashSet<PagePlace>,
    known: HashMap<FrameRef, Known>,
    pieces: Vec<(ChunkRef, u32)>,
    outcome: Outcome,
    report: ContentCheck,
}

impl Check<'_> {
    fn note(&mut self, error: &ReadError) {
        self.outcome = Outcome::Damaged;
        if error.is_unreachable() {
            self.report.unreachable.get_or_insert_with(|| error.clone());
        }
    }

    fn snapshot(&mut self, info: &SnapshotInfo) {
        self.report.snapshots += 1;
        let mut needs = Needs::default();
        // What is not published is found below, frame by frame.
        let _ = self.reader.graph().add_needs(&info.commit, &mut needs);
        self.tree(info, &needs, &Tree::of(self.reader, &info.snapshot));
        self.tree(info, &needs, &Tree::catalog_of(self.reader, &info.snapshot));
    }

    fn tree(&mut self, info: &SnapshotInfo, needs: &Needs, tree: &Tree<'_>) {
        let mut cursor = tree.cursor(None);
        while let Some(next) = cursor.peek().filter(|_| self.report.unreachable.is_none()) {
            match next {
                Next::Entry(_) => {
                    if let Some(entry) = cursor.take() {
                        self.entry(info, needs, &entry);
                    }
                }
                Next::Page(page) => {
                    let chunk = page.chunk;
                    // A page that others have too must be known as needed by this one as well.
                    self.need(info, needs, &chunk.at);
                    if !self.seen.insert(PagePlace::from(&chunk)) {
                        cursor.skip();
                        continue;
                    }
                    let seen = &self.seen;
                    let is_new =
                        |next: &ChunkRef| *next == chunk || !seen.contains(&PagePlace::from(next));
                    cursor.read_ahead(PAGES_AHEAD, is_new);
                    self.page(info, needs, &chunk);
                    if let Err(error) = cursor.expand() {
                        self.note(&error.source);
                    }
                }
            }
        }
    }

    fn page(&mut self, info: &SnapshotInfo, needs: &Needs, chunk: &ChunkRef) {
        self.report.pages += 1;
        match self.reader.page(chunk) {
            Ok(page @ Page::Leaf(_)) => self.refs(info, needs, &Refs::of_page(&page)),
            Ok(Page::Index { .. }) => {}
            Err(error) => self.note(&error),
        }
    }

    fn refs(&mut self, info: &SnapshotInfo, needs: &Needs, refs: &Refs) {
        for frame in &refs.frames {
            self.need(info, needs, frame);
        }
    }

    fn need(&mut self, info: &SnapshotInfo, needs: &Needs, at: &FrameRef) {
        if !self.reader.graph().is_needed(needs, at) {
            self.report.findings.add(ContentFinding {
                commit: info.commit,
                touched: Touched::Refs(*at),
            });
        }
    }

    fn entry(&mut self, info: &SnapshotInfo, needs: &Needs, entry: &Entry) {
        if let Content::Paged { level, pages } = &entry.content {
            self.extent_pages(info, needs, pages, *level);
        }
        let reader = self.reader;
        let mut size = 0u64;
        for stretch in Extents::of(reader, &entry.content) {
            let stretch = match stretch {
                Ok((_, stretch)) => stretch,
                Err(error) => return self.note(&error),
            };
            size = size.saturating_add(stretch.length());
            if let Stretch::Data { chunk, length } = stretch {
                self.pieces.push((chunk, length));
            }
            if self.pieces.len() >= PIECES_MAX {
                self.flush();
            }
        }
        if has_size(entry) && size != entry.meta.size {
            self.outcome = Outcome::Damaged;
        }
        self.monitor.progress(Progress {
            files: self.report.frames,
            bytes: self.report.bytes,
            current: Some(entry.key.clone()),
            ..Progress::default()
        });
    }

    fn extent_pages(
        &mut self,
        info: &SnapshotInfo,
        needs: &Needs,
        pages: &[ExtentPage],
        level: u8,
    ) {
        let mut pending: Vec<(ChunkRef, u8)> =
            pages.iter().map(|page| (page.chunk, level)).collect();
        while let Some((chunk, level)) = pending.pop() {
            if !self.seen.insert(PagePlace::from(&chunk)) {
                continue;
            }
            self.report.pages += 1;
            self.need(info, needs, &chunk.at);
            let list = match self.reader.extent_page(&chunk) {
                Ok(list) => list,
                Err(error) => {
                    self.note(&error);
                    continue;
                }
            };
            self.refs(info, needs, &Refs::of_extents(&list));
            if let (ExtentList::Pages { pages, .. }, Some(below)) = (list, level.checked_sub(1)) {
                pending.extend(pages.iter().map(|page| (page.chunk, below)));
            }
        }
    }

    /// Reads the frames of the chunks gathered, and compares.
    fn flush(&mut self) {
        let known = &self.known;
        let new = self.pieces.iter().map(|(chunk, _)| chunk.at);
        let new: HashSet<FrameRef> = new.filter(|at| !known.contains_key(at)).collect();
        let read = Mutex::new(Vec::new());
        let keeping = Keeping::Pages;
        self.reader
            .read_all(new, self.workers, keeping, &|at, frame| {
                let rows = frame.map(|frame| rows(&frame));
                let unreachable = matches!(&rows, Err(error) if error.is_unreachable());
                lock(&read).push((at, rows));
                match unreachable {
                    true => ControlFlow::Break(()),
                    false => ControlFlow::Continue(()),
                }
            });
        for (at, found) in std::mem::take(&mut *lock(&read)) {
            self.report.frames += 1;
            self.take(&found);
            self.known.insert(at, found);
        }
        for (chunk, length) in std::mem::take(&mut self.pieces) {
            if self.judge(&chunk, length).is_err() {
                self.outcome = Outcome::Damaged;
            }
        }
    }

    fn take(&mut self, found: &Known) {
        let rows = match found {
            Ok(rows) => rows,
            Err(error) => return self.note(error),
        };
        let lengths = rows.iter().map(|(_, length)| u64::from(*length));
        self.report.bytes += lengths.sum::<u64>();
    }

    fn judge(&self, chunk: &ChunkRef, length: u32) -> Result<(), EntryError> {
        let ChunkRef { at, index, tag } = *chunk;
        let rows = match self.known.get(&at) {
            Some(known) => known.as_ref().map_err(ReadError::clone)?,
            None => return Err(ReadError::NoPlace { at }.into()),
        };
        match rows.get(usize::from(index)) {
            Some((found, _)) if *found != tag => Err(ReadError::Chunk { at, index }.into()),
            Some((_, found)) if *found != length => Err(EntryError::ChunkLength),
            Some(_) => Ok(()),
            None => Err(ReadError::Chunk { at, index }.into()),
        }
    }

    /// Names what of a snapshot is touched; reads pages alone.
    fn attribute(&mut self, info: &SnapshotInfo) {
        let files = Tree::of(self.reader, &info.snapshot);
        self.attribute_tree(info, &files, Touched::Entry);
        let catalog = Tree::catalog_of(self.reader, &info.snapshot);
        self.attribute_tree(info, &catalog, Touched::Account);
    }

    fn attribute_tree(
        &mut self,
        info: &SnapshotInfo,
        tree: &Tree<'_>,
        touched: fn(ShownPath, Arc<EntryError>) -> Touched,
    ) {
        let commit = info.commit;
        for entry in tree.entries() {
            let touched = match entry {
                Err(error) => Touched::Tree(error),
                Ok(entry) => match self.judge_entry(&entry) {
                    Ok(()) => continue,
                    Err(error) => touched(ShownPath::absolute(&entry.key), Arc::new(error)),
                },
            };
            self.report.findings.add(ContentFinding { commit, touched });
        }
    }

    fn judge_entry(&self, entry: &Entry) -> Result<(), EntryError> {
        let mut found = 0u64;
        for stretch in Extents::of(self.reader, &entry.content) {
            let (_, stretch) = stretch?;
            found = found.saturating_add(stretch.length());
            if let Stretch::Data { chunk, length } = stretch {
                self.judge(&chunk, length)?;
            }
        }
        let size = entry.meta.size;
        match has_size(entry) && found != size {
            true => Err(EntryError::Size { size, found }),
            false => Ok(()),
        }
    }
}

fn has_size(entry: &Entry) -> bool {
    entry.meta.kind == Kind::File && !is_lost(entry)
}

fn rows(frame: &Frame) -> Box<[(ChunkTag, u32)]> {
    frame.rows().collect()
}
