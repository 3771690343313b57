//! Restoring a part of a snapshot into a folder.

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::sync::atomic::AtomicBool;

use ov_format::content::{ChunkRef, Content, Extent};
use ov_format::entry::{Entry, EntryKey, Kind, Meta, ReadState};
use ov_format::id::ObjectHash;
use ov_source::{
    Announced, Contents, FileSink, FileStart, Made, Overwrite, Owners, ShownPath, SinkError,
    SinkOptions,
};
use thiserror::Error;

use crate::delete::delete_others;
use crate::extents::{Extents, Sameness, Stretch};
use crate::monitor::{Monitor, Notice, Progress};
use crate::open_files::share_of_open_files;
use crate::report::{EntryError, Report};
use crate::shape::{Part, Wanted};
use crate::tally::{Stop, Tally};
use crate::verify::verify;
use crate::window::{Flush, Job, Scene, Way, Window};

/// Whether what the snapshot does not hold is deleted from restored folders.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Deleting {
    /// Nothing is.
    #[default]
    Nothing,
    /// It is: in folders that were backed up whole, never above those.
    Others,
}

/// Whether what was written is read again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Verifying {
    /// No.
    #[default]
    No,
    /// Every file is read and its chunks compared with their ids.
    Yes,
}

/// How to restore.
#[derive(Clone, Copy, Debug)]
pub struct RestoreOptions {
    /// What happens to things that stand where an entry goes.
    pub overwrite: Overwrite,
    /// What happens to owners and groups.
    pub owners: Owners,
    /// What happens to things that the snapshot does not hold.
    pub deleting: Deleting,
    /// Whether what was written is read again.
    pub verifying: Verifying,
    /// Threads that decode and write. How many requests are in flight does not depend on it.
    pub workers: usize,
    /// Files open for writing at one time. Each takes up to two descriptors.
    pub open_files: usize,
}

impl Default for RestoreOptions {
    fn default() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self {
            overwrite: Overwrite::IfChanged,
            owners: Owners::Restore,
            deleting: Deleting::Nothing,
            verifying: Verifying::No,
            workers: cores.max(2),
            open_files: share_of_open_files(),
        }
    }
}

/// Why a restore ended as a whole.
#[derive(Debug, Error)]
pub enum RestoreError {
    /// The target folder cannot be used.
    #[error(transparent)]
    Target(SinkError),
    /// The target folder has too little space, and is empty.
    #[error("the snapshot needs {needed} bytes, and {free} are free")]
    NoSpace {
        /// Bytes that it needs.
        needed: u64,
        /// Bytes that are free.
        free: u64,
    },
    /// The target folder ran out of space. What was restored so far is kept, and the same restore
    /// again goes on from there.
    #[error("the target folder ran out of space")]
    Full(Box<Report>),
}

/// What a restore would do.
#[derive(Debug, Default)]
pub struct Plan {
    /// Entries of all kinds.
    pub entries: u64,
    /// Regular files, hard links counted once.
    pub files: u64,
    /// Bytes of content, without holes.
    pub bytes: u64,
    /// Frames that hold them.
    pub frames: u64,
    /// Packs in which these lie.
    pub packs: u64,
    /// Parts of the tree that cannot be read.
    pub lost: u64,
}

/// What a restore would do; reads the tree alone.
pub fn plan(wanted: &Wanted<'_>, monitor: &dyn Monitor) -> Plan {
    let mut plan = Plan::default();
    let (mut frames, mut groups) = (HashSet::new(), HashSet::new());
    for entry in wanted.entries() {
        let Ok(entry) = entry else {
            plan.lost += 1;
            continue;
        };
        plan.entries += 1;
        if !has_content(&entry) || entry.meta.link_group.is_some_and(|g| !groups.insert(g)) {
            continue;
        }
        plan.files += 1;
        for (_, stretch) in Extents::of(wanted.tree.reader(), &entry.content).flatten() {
            match stretch {
                Stretch::Hole { .. } => {}
                Stretch::Inline(_) => plan.bytes += stretch.length(),
                Stretch::Data { chunk, length } => {
                    plan.bytes = plan.bytes.saturating_add(u64::from(length));
                    frames.insert(chunk.at);
                }
            }
        }
        monitor.progress(Progress {
            files_total: plan.files,
            bytes_total: plan.bytes,
            current: Some(entry.key),
            ..Progress::default()
        });
    }
    let packs = frames
        .iter()
        .filter_map(|at| wanted.tree.reader().pack_of(*at));
    plan.packs = count(packs.collect::<HashSet<ObjectHash>>().len());
    plan.frames = count(frames.len());
    plan
}

fn count(items: usize) -> u64 {
    u64::try_from(items).unwrap_or(u64::MAX)
}

/// Whether there is nothing to put back: of what could not be read at all, the metadata mean
/// nothing either. A file is put back as far as it could be read.
pub(crate) fn is_lost(entry: &Entry) -> bool {
    matches!(entry.state, ReadState::Unreadable(_)) && entry.content == Content::Empty
}

fn has_content(entry: &Entry) -> bool {
    entry.meta.kind == Kind::File && !is_lost(entry)
}

/// Restores what is wanted into the folder `target`. What fails is in the report; the others go
/// on. The same call again takes up what an earlier one left unfinished.
pub fn restore(
    wanted: &Wanted<'_>,
    target: &Path,
    options: &RestoreOptions,
    monitor: &dyn Monitor,
) -> Result<Report, RestoreError> {
    let plan = plan(wanted, monitor);
    let sink_options = SinkOptions {
        overwrite: options.overwrite,
        owners: options.owners,
    };
    let sink = FileSink::create(target, sink_options).map_err(RestoreError::Target)?;
    check_space(&sink, plan.bytes, monitor)?;
    let tally = Tally::new(&plan, options.workers, monitor);
    let mut engine = Engine::new(*wanted, &sink, &tally, options.open_files);
    engine.run();
    match tally.stop() {
        None => {}
        Some(Stop::Full) => {
            return Err(RestoreError::Full(Box::new(tally.into_report(&sink))));
        }
        // The report says so, and the folders get their metadata with the next attempt.
        Some(Stop::Unreachable) => return Ok(tally.into_report(&sink)),
    }
    if options.deleting == Deleting::Others {
        delete_others(wanted, &sink, ov_source::Deletion::Real, &tally);
    }
    for error in sink.finish_directories() {
        tally.failed_at_root(error);
    }
    if let Err(error) = sink.sync() {
        tally.failed_at_root(error);
    }
    if options.verifying == Verifying::Yes && options.overwrite != Overwrite::Never {
        verify(wanted, target, &tally);
    }
    Ok(tally.into_report(&sink))
}

/// A folder that holds something may hold part of the snapshot, so there only a notice is given.
fn check_space(sink: &FileSink, needed: u64, monitor: &dyn Monitor) -> Result<(), RestoreError> {
    let free = sink.free_space().map_err(RestoreError::Target)?;
    if needed <= free {
        return Ok(());
    }
    match sink.contents().map_err(RestoreError::Target)? {
        Contents::Empty => Err(RestoreError::NoSpace { needed, free }),
        Contents::Occupied => {
            monitor.notice(Notice::SpaceIsLow { needed, free });
            Ok(())
        }
    }
}

/// One walk through the tree that puts everything back.
struct Engine<'e> {
    wanted: Wanted<'e>,
    sink: &'e FileSink,
    tally: &'e Tally<'e>,
    window: Window,
    /// The first name of each file with several, in the snapshot and in the target.
    groups: HashMap<(u64, Sameness), (EntryKey, EntryKey)>,
    /// Further names: which file, key in the snapshot, key in the target.
    links: Vec<((u64, Sameness), EntryKey, EntryKey)>,
    /// Folders in the snapshot that the filter leaves out, but not what is below them.
    passed: HashSet<Vec<u8>>,
}

impl<'e> Engine<'e> {
    fn new(
        wanted: Wanted<'e>,
        sink: &'e FileSink,
        tally: &'e Tally<'e>,
        open_files: usize,
    ) -> Self {
        Self {
            wanted,
            sink,
            tally,
            window: Window::new(open_files),
            groups: HashMap::new(),
            links: Vec::new(),
            passed: HashSet::new(),
        }
    }

    fn run(&mut self) {
        let wanted = self.wanted;
        for entry in wanted.entries() {
            if self.tally.stop().is_some() {
                break;
            }
            match entry {
                Ok(entry) => self.entry(entry),
                Err(error) => self.tally.broken(error),
            }
        }
        self.flush(Flush::All);
        if self.tally.stop().is_none() {
            self.make_passed();
        }
    }

    fn entry(&mut self, entry: Entry) {
        let Some(key) = self.wanted.part.target_key(&entry.key) else {
            return;
        };
        self.note_state(&entry);
        if !self.wanted.filter.is_everything() && !entry.key.parent.is_empty() {
            self.passed.insert(entry.key.parent.clone());
        }
        if let (Some(group), false) = (entry.meta.link_group, entry.meta.kind == Kind::Directory)
            && !is_lost(&entry)
        {
            let file = (group, Sameness::of(self.wanted.tree.reader(), &entry));
            if self.groups.contains_key(&file) {
                self.links.push((file, entry.key, key));
                return;
            }
            self.groups.insert(file, (entry.key.clone(), key.clone()));
        }
        if self.window.is_full() {
            self.flush(Flush::All);
        }
        match entry.meta.kind {
            _ if is_lost(&entry) => {}
            Kind::File => self.file(entry, &key),
            Kind::Directory if self.sink.announce_directory(&key) == Announced::Yes => {
                self.window.announce(entry.key, entry.meta);
            }
            _ => self.plain(&entry, &key),
        }
    }

    fn note_state(&self, entry: &Entry) {
        let path = || ShownPath::absolute(&entry.key);
        match &entry.state {
            ReadState::Clean => {}
            ReadState::Changed => self.tally.with(|report| report.changed.add(path())),
            ReadState::Unreadable(reason) => self
                .tally
                .with(|report| report.unreadable.add((path(), reason.clone()))),
        }
    }

    /// Puts back what has no content.
    fn plain(&self, entry: &Entry, key: &EntryKey) {
        let made = match entry.meta.kind {
            Kind::Directory => self.sink.make_directory(key, &entry.meta),
            Kind::Symlink(_) => self.sink.make_symlink(key, &entry.meta),
            _ => self.sink.make_special(key, &entry.meta),
        };
        self.tell(entry, made);
    }

    fn tell(&self, entry: &Entry, made: Result<Made, SinkError>) {
        match made {
            Ok(made) => self.tally.with(|report| {
                report.entries += u64::from(made != Made::Skipped);
                report.kept += u64::from(made == Made::Kept);
            }),
            Err(error) => self.tally.failed(&entry.key, error.into()),
        }
    }

    fn file(&mut self, entry: Entry, key: &EntryKey) {
        if self.sink.is_new(key)
            && let Some(all) = all_at_once(&entry)
        {
            self.at_once(entry.key, entry.meta, all);
            return;
        }
        match self.sink.file(key, &entry.meta) {
            Ok(FileStart::Kept) => self.tell(&entry, Ok(Made::Kept)),
            Ok(FileStart::Write(target)) => {
                let Entry {
                    key, meta, content, ..
                } = entry;
                self.window.begin(Job::new(key, meta, Way::Open(target)));
                if let Err(error) = self.content(&content)
                    && let Some(job) = self.window.last()
                {
                    self.tally.judge(&error);
                    job.fail(error);
                }
            }
            Err(error) => self.tell(&entry, Err(error)),
        }
    }

    /// Adds a file that is made when its bytes are there, and needs not be open until then.
    fn at_once(&mut self, key: EntryKey, meta: Meta, all: AllAtOnce) {
        match all {
            AllAtOnce::Bytes(bytes) => {
                self.window.begin(Job::new(key, meta, Way::Bytes(bytes)));
            }
            AllAtOnce::Chunk { chunk, length } => {
                let way = Way::Chunk(AtomicBool::new(false));
                self.window.begin(Job::new(key, meta, way));
                self.window.add(0, length, chunk);
            }
        }
    }

    /// Adds the content of the file that was opened last to the window.
    fn content(&mut self, content: &Content) -> Result<(), EntryError> {
        let reader = self.wanted.tree.reader();
        let mut found = 0u64;
        for stretch in Extents::of(reader, content) {
            let (offset, stretch) = stretch?;
            if self.window.is_laden() {
                self.flush(Flush::AllButLast);
            }
            let Some(job) = self.window.last() else { break };
            found = found.saturating_add(stretch.length());
            if found > job.meta.size {
                break;
            }
            match stretch {
                Stretch::Inline(bytes) => {
                    if let Way::Open(target) = &job.way {
                        target.write_at(offset, &bytes)?;
                    }
                    self.tally.written(count(bytes.len()), &job.key);
                }
                Stretch::Hole { length } => {
                    if let Way::Open(target) = &job.way {
                        target.hole(offset, length)?;
                    }
                }
                Stretch::Data { chunk, length } => self.window.add(offset, length, chunk),
            }
        }
        match self.window.last() {
            Some(job) if job.meta.size != found => Err(EntryError::Size {
                size: job.meta.size,
                found,
            }),
            _ => Ok(()),
        }
    }

    fn flush(&mut self, flush: Flush) {
        let scene = Scene {
            reader: self.wanted.tree.reader(),
            sink: self.sink,
            part: self.wanted.part,
            tally: self.tally,
        };
        self.window.flush(&scene, flush);
        if flush == Flush::All {
            self.make_links();
        }
    }

    /// Makes the further names of files that are finished.
    fn make_links(&mut self) {
        for (file, key, target) in std::mem::take(&mut self.links) {
            let Some((first, existing)) = self.groups.get(&file) else {
                continue;
            };
            let made = match self.tally.has_failed(first) {
                true => Err(EntryError::Link),
                false => self.sink.link(existing, &target).map_err(EntryError::from),
            };
            match made {
                Ok(made) => self.tally.with(|report| {
                    report.entries += 1;
                    report.links += u64::from(made == Made::Created);
                    report.kept += u64::from(made == Made::Kept);
                }),
                Err(error) => self.tally.failed(&key, error),
            }
        }
    }

    /// Gives folders on the way to what the filter takes their metadata.
    fn make_passed(&mut self) {
        let mut folders = HashSet::new();
        for folder in self.passed.drain() {
            let slashes = folder.iter().enumerate().filter(|(_, byte)| **byte == b'/');
            let ends = slashes.map(|(at, _)| at).chain([folder.len()]);
            folders.extend(ends.filter_map(|end| folder.get(..end).map(<[u8]>::to_vec)));
        }
        for folder in folders {
            let Some(key) = EntryKey::from_path(&folder) else {
                continue;
            };
            let Some(target) = self.wanted.part.target_key(&key) else {
                continue;
            };
            if self.wanted.filter.takes(&key) {
                continue;
            }
            if let Ok(Some(entry)) = self.wanted.tree.find(&key)
                && entry.meta.kind == Kind::Directory
            {
                self.plain(&entry, &target);
            }
        }
    }
}

/// The content of a file that comes in one piece.
enum AllAtOnce {
    Bytes(Vec<u8>),
    Chunk { chunk: ChunkRef, length: u32 },
}

fn all_at_once(entry: &Entry) -> Option<AllAtOnce> {
    let (all, length) = match &entry.content {
        Content::Empty => (AllAtOnce::Bytes(Vec::new()), 0),
        Content::Inline(bytes) => (AllAtOnce::Bytes(bytes.clone()), count(bytes.len())),
        Content::Extents(extents) => match extents[..] {
            [Extent::Data { chunk, length }] => {
                (AllAtOnce::Chunk { chunk, length }, u64::from(length))
            }
            _ => return None,
        },
        Content::Paged { .. } => return None,
    };
    (length == entry.meta.size).then_some(all)
}

/// What [`restore`] with [`Deleting::Others`] would delete from a folder: shown to the monitor as
/// [`Notice::Deleted`], and counted.
pub fn would_delete(
    wanted: &Wanted<'_>,
    target: &Path,
    monitor: &dyn Monitor,
) -> Result<u64, RestoreError> {
    if !target.exists() || matches!(wanted.part, Part::One(_) | Part::These(_)) {
        return Ok(0);
    }
    let sink = FileSink::create(target, SinkOptions::default()).map_err(RestoreError::Target)?;
    let tally = Tally::idle(monitor);
    delete_others(wanted, &sink, ov_source::Deletion::Pretended, &tally);
    Ok(tally.into_report(&sink).deleted)
}
