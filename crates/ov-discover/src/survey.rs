//! A walk over file trees in which threads look at every file, and what came of it.

use std::ffi::OsStr;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;
use std::sync::Arc;
use std::{fs, io, thread};

use crossbeam_channel::{Receiver, Sender, bounded};
use ov_format::entry::{EntryKey, Kind as EntryKind, compare_folders};
use ov_source::{Asked, FileTree, Item, Selection, ShownPath, Source, SourceError};

use crate::blank::{self, Unassigned, Unknown};
use crate::duplicates::{self, Duplicate};
use crate::error::DiscoverError;
use crate::file::{FoundFile, Unread};
use crate::folder::absolute;
use crate::look::{Depth, Sight, look, weight};
use crate::people::{Keep, People};
use crate::sets::{self, Looked, Sets};
use crate::totals::Totals;
use crate::watch::Watch;
use crate::worth::{self, WorthSum};

/// So many files wait between two threads.
const WAITING: usize = 128;
/// Facts of files take at most about so many bytes together; beyond, sets are not looked for.
const FACTS_MAX: usize = 1 << 30;
/// So many things that could not be read are kept word for word; all are counted.
const UNREAD_MAX: usize = 10_000;

/// How to look.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Threads that look at files.
    pub threads: usize,
    /// How much of each file is read.
    pub depth: Depth,
    /// Whether identifiers are kept.
    pub keep: Keep,
    /// The present, in seconds since 1970.
    pub now: i64,
}

/// What is there.
pub struct Survey {
    /// The folders and files that were asked for, as absolute paths without links and without the
    /// leading slash; none lies below another.
    pub roots: Vec<Vec<u8>>,
    /// The present, as it was given.
    pub now: i64,
    /// All regular files, folder by folder, by name.
    pub files: Vec<FoundFile>,
    /// What could not be read, at most 10,000 of them.
    pub unread: Vec<Unread>,
    /// How many could not be read.
    pub unread_count: u64,
    /// Names that were gone before they were looked at.
    pub vanished: u64,
    /// Links and special files.
    pub others: u64,
    /// Folders.
    pub folders: u64,
    /// Items that were left out; a folder counts once.
    pub excluded: u64,
    /// Sums.
    pub totals: Totals,
    /// How many people are spoken of.
    pub people: People,
    /// Sets that are incomplete.
    pub sets: Sets,
    /// The same bytes more than once.
    pub duplicates: Vec<Duplicate>,
    /// What files are worth, in groups.
    pub worth: Vec<WorthSum>,
    /// Files that could name a patient and name none, by folder.
    pub unassigned: Vec<Unassigned>,
    /// Files that nothing recognises.
    pub unknown: Vec<Unknown>,
}

/// What was gathered while walking.
struct Gathered {
    files: Vec<FoundFile>,
    people: People,
    unread: Vec<Unread>,
    unread_count: u64,
    vanished: u64,
    others: u64,
    folders: u64,
    bytes: u64,
    facts_bytes: usize,
    looked: Looked,
}

/// What a thread found out.
enum Told {
    File(FoundFile, Box<Option<Sight>>),
    Folder,
    Other,
    Problem(EntryKey, String),
    Error(SourceError),
}

/// Looks at every file of the folders that are named.
///
/// What cannot be read is listed, what vanishes or changes meanwhile is counted as it is met; neither
/// stops it. Memory: about 200 bytes for each file, 1 KiB for each DICOM or sequencing file, up to
/// 16 MiB for each thread.
///
/// # Errors
/// A path that does not exist, and [`DiscoverError::Stopped`].
pub fn survey(
    paths: &[PathBuf],
    selection: Selection,
    options: &Options,
    watch: &dyn Watch,
) -> Result<Survey, DiscoverError> {
    let roots = roots(paths)?;
    let named = roots
        .iter()
        .map(|root| PathBuf::from(OsStr::from_bytes(&absolute(root))));
    let tree = FileTree::new(named.collect(), selection)?;
    let gathered = gather(&tree, options, watch)?;
    finish(&tree, roots, gathered, options, watch)
}

/// Links that a person named are followed: it is what is there that counts.
fn roots(paths: &[PathBuf]) -> Result<Vec<Vec<u8>>, SourceError> {
    let mut roots = Vec::new();
    for path in paths {
        let shown = || ShownPath::new(path.as_os_str().as_bytes());
        let real = fs::canonicalize(path).map_err(|source| match source.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => {
                SourceError::Missing { path: shown() }
            }
            _ => SourceError::Unreadable {
                path: shown(),
                source,
            },
        })?;
        let real = real.into_os_string().into_vec();
        roots.push(real.strip_prefix(b"/").unwrap_or(&real).to_vec());
    }
    roots.sort_by(|a, b| compare_folders(a, b));
    roots.dedup_by(|below, above| is_at_or_below(below, above));
    Ok(roots)
}

/// Whether a path is another one or lies below it; both without leading slash.
pub(crate) fn is_at_or_below(path: &[u8], above: &[u8]) -> bool {
    let rest = path.strip_prefix(above);
    above.is_empty() || rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(b"/"))
}

impl Survey {
    /// Whether a folder, without its leading slash, was asked for.
    #[must_use]
    pub fn covers(&self, folder: &[u8]) -> bool {
        self.roots.iter().any(|root| is_at_or_below(folder, root))
    }
}

fn finish(
    tree: &FileTree,
    roots: Vec<Vec<u8>>,
    gathered: Gathered,
    options: &Options,
    watch: &dyn Watch,
) -> Result<Survey, DiscoverError> {
    let mut gathered = gathered;
    gathered.files.sort_unstable_by(|a, b| {
        compare_folders(&a.folder, &b.folder).then_with(|| a.name.cmp(&b.name))
    });
    let duplicates = duplicates::find(tree, &gathered.files, options.threads, watch);
    let sets = sets::find(&gathered.files, gathered.looked);
    if watch.stop() {
        return Err(DiscoverError::Stopped);
    }
    let files = gathered.files;
    Ok(Survey {
        roots,
        now: options.now,
        totals: Totals::of(&files, options.now),
        worth: worth::sums(&files),
        unassigned: blank::unassigned(&files),
        unknown: blank::unknown(&files),
        sets,
        duplicates,
        files,
        unread: gathered.unread,
        unread_count: gathered.unread_count,
        vanished: gathered.vanished,
        others: gathered.others,
        folders: gathered.folders,
        excluded: tree.selection().excluded(),
        people: gathered.people,
    })
}

fn gather(
    tree: &FileTree,
    options: &Options,
    watch: &dyn Watch,
) -> Result<Gathered, DiscoverError> {
    let (items, to_look) = bounded(WAITING);
    let (told, tidings) = bounded(WAITING);
    let depth = options.depth;
    let mut gathered = Gathered::new(options.keep);
    thread::scope(|scope| {
        scope.spawn(|| walk(tree, items, watch));
        for _ in 0..options.threads.max(1) {
            let (to_look, told) = (to_look.clone(), told.clone());
            scope.spawn(move || work(tree, &to_look, &told, depth));
        }
        // The threads hold the only other ends: when they are gone, all was told.
        drop((to_look, told));
        for one in tidings {
            gathered.take(one, watch);
        }
    });
    match watch.stop() {
        true => Err(DiscoverError::Stopped),
        false => Ok(gathered),
    }
}

fn walk(tree: &FileTree, items: Sender<Result<Item, SourceError>>, watch: &dyn Watch) {
    for item in tree.walk() {
        if watch.stop() || items.send(item).is_err() {
            return;
        }
    }
}

fn work(
    tree: &FileTree,
    items: &Receiver<Result<Item, SourceError>>,
    told: &Sender<Told>,
    depth: Depth,
) {
    let mut folder: Arc<[u8]> = Arc::default();
    for item in items {
        let said = match item {
            Err(error) => Told::Error(error),
            Ok(item) if item.asked == Asked::Above => continue,
            Ok(item) => one(tree, item, &mut folder, told, depth),
        };
        if told.send(said).is_err() {
            return;
        }
    }
}

fn one(
    tree: &FileTree,
    item: Item,
    folder: &mut Arc<[u8]>,
    told: &Sender<Told>,
    depth: Depth,
) -> Told {
    if let Some(problem) = item.problem {
        let _ = told.send(Told::Problem(item.key.clone(), problem));
    }
    match item.meta.kind {
        EntryKind::File => {}
        EntryKind::Directory => return Told::Folder,
        _ => return Told::Other,
    }
    if folder[..] != item.key.parent[..] {
        *folder = Arc::from(&item.key.parent[..]);
    }
    let mut file = FoundFile {
        folder: Arc::clone(folder),
        name: Box::from(&item.key.name[..]),
        size: item.meta.size,
        modified: item.meta.mtime.seconds,
        seen: None,
    };
    match look(tree, &item.key, &item.handle, depth) {
        Ok(sight) => {
            file.size = sight.size;
            Told::File(file, Box::new(Some(sight)))
        }
        Err(error) if error.is_vanished() => Told::Error(error),
        Err(error) => {
            let _ = told.send(Told::Error(error));
            Told::File(file, Box::new(None))
        }
    }
}

impl Gathered {
    fn new(keep: Keep) -> Self {
        Self {
            files: Vec::new(),
            people: People::new(keep),
            unread: Vec::new(),
            unread_count: 0,
            vanished: 0,
            others: 0,
            folders: 0,
            bytes: 0,
            facts_bytes: 0,
            looked: Looked::All,
        }
    }

    fn take(&mut self, told: Told, watch: &dyn Watch) {
        match told {
            Told::File(file, sight) => self.file(file, *sight, watch),
            Told::Folder => self.folders += 1,
            Told::Other => self.others += 1,
            Told::Problem(key, reason) => self.unread(ShownPath::absolute(&key), reason),
            Told::Error(error) if error.is_vanished() => self.vanished += 1,
            Told::Error(SourceError::Unreadable { path, source }) => {
                self.unread(path, source.to_string());
            }
            Told::Error(SourceError::NotAFile { .. }) => self.vanished += 1,
            Told::Error(error) => {
                let reason = error.to_string();
                self.unread(ShownPath::new(Vec::new()), reason);
            }
        }
    }

    fn file(&mut self, mut file: FoundFile, sight: Option<Sight>, watch: &dyn Watch) {
        if let Some(mut sight) = sight {
            for named in sight.named {
                self.people.add(named);
            }
            sight.seen.facts = sight.seen.facts.filter(|facts| {
                self.facts_bytes = self.facts_bytes.saturating_add(weight(facts));
                self.facts_bytes <= FACTS_MAX
            });
            if self.facts_bytes > FACTS_MAX {
                self.looked = Looked::TooMany;
            }
            file.seen = Some(sight.seen);
        }
        self.bytes = self.bytes.saturating_add(file.size);
        self.files.push(file);
        let count = u64::try_from(self.files.len()).unwrap_or(u64::MAX);
        if let Some(last) = self.files.last() {
            watch.progress(count, self.bytes, &last.path());
        }
    }

    fn unread(&mut self, path: ShownPath, reason: String) {
        self.unread_count += 1;
        if self.unread.len() < UNREAD_MAX {
            self.unread.push(Unread { path, reason });
        }
    }
}
