//! A run that passes pages of the last one on makes the trees that a run makes which reads all.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::Write;
use std::os::unix::fs::{FileExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use ov_backup::{Extraction, Extractor, Reuse, Told};
use ov_format::entry::Entry;
use ov_format::snapshot::Snapshot;
use ov_restore::Tree;
use ov_source::{Asked, FileTree, Item, OpenFile, Selection, Source, SourceError};
use proptest::prelude::*;
use rustix::fs::{XattrFlags, setxattr};

use crate::site::Site;

/// One change of a tree: of what, where, and by how much.
#[derive(Clone, Debug)]
struct Edit {
    what: What,
    at: prop::sample::Index,
    by: u16,
}

#[derive(Clone, Copy, Debug)]
enum What {
    Add,
    Remove,
    Rename,
    Touch,
    Grow,
    /// Other bytes, and size and time as they were.
    Swap,
    Mode,
    Attribute,
    Link,
    Folder,
    RemoveFolder,
}

fn edit() -> impl Strategy<Value = Edit> {
    let what = prop::sample::select(vec![
        What::Add,
        What::Remove,
        What::Rename,
        What::Touch,
        What::Grow,
        What::Swap,
        What::Mode,
        What::Attribute,
        What::Link,
        What::Folder,
        What::RemoveFolder,
    ]);
    let parts = (what, any::<prop::sample::Index>(), any::<u16>());
    parts.prop_map(|(what, at, by)| Edit { what, at, by })
}

/// Files and folders below a folder, in an order that does not depend on the file system.
fn below(folder: &Path) -> (Vec<PathBuf>, Vec<PathBuf>) {
    let (mut files, mut folders) = (Vec::new(), Vec::new());
    let mut open = vec![folder.to_path_buf()];
    while let Some(next) = open.pop() {
        for entry in fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.symlink_metadata().unwrap().is_dir() {
                open.push(path.clone());
                folders.push(path);
            } else {
                files.push(path);
            }
        }
    }
    files.sort();
    folders.sort();
    (files, folders)
}

impl Edit {
    fn apply(&self, root: &Path) {
        let (files, folders) = below(root);
        let (Some(file), Some(folder)) = (pick(&files, &self.at), pick(&folders, &self.at)) else {
            return;
        };
        let is_file = file.symlink_metadata().unwrap().is_file();
        match self.what {
            What::Add => put(&folder.join(format!("new-{}", self.by)), self.by),
            What::Remove => fs::remove_file(file).unwrap(),
            What::Rename => {
                fs::rename(file, folder.join(format!("moved-{}", self.by))).unwrap();
            }
            What::Touch if is_file => {
                let time = std::time::UNIX_EPOCH + std::time::Duration::from_secs(self.by.into());
                File::open(file).unwrap().set_modified(time).unwrap();
            }
            What::Grow if is_file => {
                let mut open = OpenOptions::new().append(true).open(file).unwrap();
                open.write_all(&self.by.to_le_bytes()).unwrap();
            }
            What::Swap if is_file => {
                let meta = file.metadata().unwrap();
                let open = OpenOptions::new().write(true).open(file).unwrap();
                if meta.len() >= 2 {
                    open.write_at(&self.by.to_le_bytes(), 0).unwrap();
                }
                open.set_modified(meta.modified().unwrap()).unwrap();
            }
            What::Mode if is_file => {
                let mode = 0o400 | u32::from(self.by & 0o377);
                fs::set_permissions(file, Permissions::from_mode(mode)).unwrap();
            }
            What::Attribute if is_file => {
                // Where a file system has none there is nothing to see.
                let _ = setxattr(file, "user.x", &self.by.to_le_bytes(), XattrFlags::empty());
            }
            What::Link => {
                let _ = fs::remove_file(file);
                symlink(format!("to-{}", self.by), file).unwrap();
            }
            What::Folder => {
                let new = folder.join(format!("folder-{}", self.by));
                let _ = fs::create_dir(&new);
                put(&new.join("in it"), self.by);
            }
            What::RemoveFolder if folders.len() > 3 => fs::remove_dir_all(folder).unwrap(),
            _ => {}
        }
    }
}

fn pick<'p>(paths: &'p [PathBuf], at: &prop::sample::Index) -> Option<&'p Path> {
    (!paths.is_empty()).then(|| at.get(paths).as_path())
}

fn put(path: &Path, by: u16) {
    // Some stand in their entries, some in chunks.
    let text = format!("{by} gray\n").repeat(usize::from(by % 150));
    fs::write(path, text).unwrap();
}

/// Some four hundred entries, so that there are levels above the leaves.
fn planted(site: &Site) {
    for number in 0..380u16 {
        let folder = site
            .data()
            .join(format!("{:02}/{}", number % 7, number % 3));
        fs::create_dir_all(&folder).unwrap();
        put(&folder.join(format!("{number:03}")), number);
    }
    // Its extents stand in pages of their own.
    let sparse = File::create(site.data().join("03/sparse")).unwrap();
    for stretch in 0..70 {
        sparse.write_at(&[7; 4096], stretch * 65_536).unwrap();
    }
    symlink("../00", site.data().join("05/link")).unwrap();
}

/// Says something of every third file.
struct Thirds;

struct Said(Vec<u8>);

impl Extractor for Thirds {
    fn begin(&self, name: &[u8], _: Option<u64>) -> Option<Box<dyn Extraction>> {
        let third = name.iter().map(|&byte| u32::from(byte)).sum::<u32>() % 3 == 0;
        third.then(|| Box::new(Said(name.to_vec())) as Box<dyn Extraction>)
    }
}

impl Extraction for Said {
    fn bytes(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes.get(..8).unwrap_or(bytes));
    }

    fn hole(&mut self, _: u64) {}

    fn end(self: Box<Self>) -> Told {
        Told::Later(Box::new(|| Some(self.0)))
    }
}

/// All entries of the newest snapshot of a dataset, and what else it says.
fn newest(site: &Site, dataset: &str) -> (Vec<Entry>, Snapshot) {
    let opened = site.open();
    let listed = &opened.snapshots.listed;
    let mut of_it = listed.iter().rev().map(|info| &info.snapshot);
    let snapshot = of_it.find(|snapshot| snapshot.dataset == dataset).unwrap();
    let reader = opened.reader();
    let files = Tree::of(&reader, snapshot).entries();
    let catalog = Tree::catalog_of(&reader, snapshot).entries();
    let entries = files.chain(catalog).map(Result::unwrap).collect();
    (entries, snapshot.clone())
}

type Steps<'s> = Box<dyn Iterator<Item = Result<Item, SourceError>> + Send + 's>;

/// A tree without the folders above it: in those others are at work meanwhile.
struct Within(FileTree);

fn within(steps: Steps<'_>) -> Steps<'_> {
    let named = |step: &Result<Item, _>| step.as_ref().is_ok_and(|item| item.asked == Asked::Yes);
    Box::new(steps.filter(named))
}

impl Source for Within {
    fn walk(&self) -> Steps<'_> {
        within(self.0.walk())
    }

    fn walk_briefly(&self) -> Steps<'_> {
        within(self.0.walk_briefly())
    }

    fn look_closer(&self, item: &mut Item) {
        self.0.look_closer(item);
    }

    fn open(&self, item: &Item) -> Result<Box<dyn OpenFile>, SourceError> {
        self.0.open(item)
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, ..ProptestConfig::default() })]

    #[test]
    fn a_run_over_edited_files_makes_the_pages_that_reading_everything_makes(
        rounds in prop::collection::vec(prop::collection::vec(edit(), 0..4), 1..4),
    ) {
        let mut site = Site::new();
        site.extractor = Some(Box::new(Thirds));
        planted(&site);
        let source = Within(FileTree::new(vec![site.data()], Selection::everything()).unwrap());
        site.run_of(&source, "edited", Reuse::Unchanged);
        for round in rounds {
            round.iter().for_each(|edit| edit.apply(&site.data()));
            site.run_of(&source, "edited", Reuse::Unchanged);
            site.run_of(&source, "read", Reuse::Nothing);
            let (edited, read) = (newest(&site, "edited"), newest(&site, "read"));
            let mut pairs = edited.0.iter().zip(&read.0);
            let other = pairs.find(|(edited, read)| edited != read);
            prop_assert!(other.is_none(), "{other:?}");
            prop_assert_eq!(edited.0.len(), read.0.len());
            prop_assert_eq!(edited.1.counts, read.1.counts);
            // The same pages, where they lie already.
            prop_assert_eq!(edited.1.root, read.1.root);
            prop_assert_eq!(edited.1.catalog, read.1.catalog);
            prop_assert_eq!(edited.1.root_level, read.1.root_level);
        }
    }
}

/// Counts the items that more than one look is taken at.
struct Counting(FileTree, AtomicUsize);

impl Source for Counting {
    fn walk(&self) -> Steps<'_> {
        self.0.walk()
    }

    fn walk_briefly(&self) -> Steps<'_> {
        self.0.walk_briefly()
    }

    fn look_closer(&self, item: &mut Item) {
        self.1.fetch_add(1, Ordering::Relaxed);
        self.0.look_closer(item);
    }

    fn open(&self, item: &Item) -> Result<Box<dyn OpenFile>, SourceError> {
        self.0.open(item)
    }
}

#[test]
fn at_most_unchanged_files_one_look_is_taken() {
    let mut site = Site::new();
    planted(&site);
    site.run();
    let tree = FileTree::new(vec![site.data()], Selection::everything()).unwrap();
    let counting = Counting(tree, AtomicUsize::new(0));
    site.run_from(&counting, &[]);
    // The first page has the folders that lead to the data, the last one ends at no cut, and the
    // page of the long list is made anew.
    let closer = counting.1.load(Ordering::Relaxed);
    assert!((1..150).contains(&closer), "{closer}");
    fs::write(site.data().join("06/2/new"), b"new").unwrap();
    site.run_from(&counting, &[]);
    let (entries, _) = newest(&site, "files");
    assert!(entries.iter().any(|entry| entry.key.name == b"new"));
    assert!(counting.1.load(Ordering::Relaxed) - closer < 200);
}
