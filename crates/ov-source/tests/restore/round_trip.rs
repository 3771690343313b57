//! Restoring a tree as an engine does, and comparing two trees.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use ov_format::entry::{EntryKey, Kind, Meta};
use ov_source::{
    Deletion, FileSink, FileStart, FileTarget, FileTree, Item, Overwrite, Owners, Segment,
    Selection, SinkError, SinkOptions, Source,
};
use tempfile::TempDir;

pub const ALWAYS: SinkOptions = SinkOptions {
    overwrite: Overwrite::Always,
    owners: Owners::Restore,
};

/// A folder in memory where the system has one: deep and large trees are slow to make on disks.
pub fn in_memory() -> TempDir {
    tempfile::tempdir_in("/dev/shm").unwrap_or_else(|_| tempfile::tempdir().unwrap())
}

pub fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// The entries below `base`, with keys relative to it, and the tree to open them with.
pub fn entries(base: &Path) -> (FileTree, Vec<(EntryKey, Item)>) {
    let tree = FileTree::new(vec![base.to_path_buf()], Selection::everything()).unwrap();
    let prefix = [&base.as_os_str().as_bytes()[1..], b"/"].concat();
    let items: Vec<Item> = tree.walk().map(Result::unwrap).collect();
    let below = items.into_iter().filter_map(|item| {
        let path = item.key.path();
        let path = path.strip_prefix(&prefix[..])?;
        Some((EntryKey::from_path(path).unwrap(), item))
    });
    let below = below.collect();
    (tree, below)
}

pub fn copy(tree: &FileTree, item: &Item, target: &FileTarget) {
    let mut file = tree.open(item).unwrap();
    let mut buffer = vec![0; 64 * 1024];
    while let Some(segment) = file.next_segment().unwrap() {
        match segment {
            Segment::Hole { offset, length } => target.hole(offset, length).unwrap(),
            Segment::Data { mut offset, .. } => loop {
                let got = file.read(&mut buffer).unwrap();
                if got == 0 {
                    break;
                }
                target.write_at(offset, &buffer[..got]).unwrap();
                offset += u64::try_from(got).unwrap();
            },
        }
    }
}

pub fn put(tree: &FileTree, key: &EntryKey, item: &Item, sink: &FileSink) -> Result<(), SinkError> {
    match &item.meta.kind {
        Kind::Directory => sink.make_directory(key, &item.meta).map(drop),
        Kind::Symlink(_) => sink.make_symlink(key, &item.meta).map(drop),
        Kind::File => match sink.file(key, &item.meta)? {
            FileStart::Kept => Ok(()),
            FileStart::Write(target) => {
                copy(tree, item, &target);
                target.finish(&item.meta)
            }
        },
        _ => sink.make_special(key, &item.meta).map(drop),
    }
}

/// Restores all below `base` into `target`, as an engine does.
pub fn restore(base: &Path, target: &Path, options: SinkOptions) -> FileSink {
    let sink = FileSink::create(target, options).unwrap();
    let (tree, entries) = entries(base);
    let mut first_names = HashMap::new();
    let mut names: BTreeMap<Vec<u8>, HashSet<Vec<u8>>> = BTreeMap::new();
    for (key, item) in &entries {
        let group = item.meta.link_group;
        names
            .entry(key.parent.clone())
            .or_default()
            .insert(key.name.clone());
        if item.meta.kind == Kind::Directory {
            names.entry(key.path()).or_default();
        }
        match group.and_then(|group| first_names.get(&group)) {
            Some(existing) => drop(sink.link(existing, key).unwrap()),
            None => put(&tree, key, item, &sink).unwrap(),
        }
        group.map(|group| first_names.entry(group).or_insert(key.clone()));
    }
    names.entry(Vec::new()).or_default();
    for (folder, names) in names {
        let mut ignore = |_: &EntryKey| {};
        let failed = sink.remove_others(&folder, &names, Deletion::Real, &mut ignore);
        assert!(failed.unwrap().is_empty());
    }
    assert!(sink.finish_directories().is_empty());
    sink
}

/// One entry as compared: metadata, the first name of its link group, content, space taken.
pub type Compared = (Meta, Option<Vec<u8>>, Option<Vec<u8>>);

pub fn compared(base: &Path) -> BTreeMap<Vec<u8>, Compared> {
    let (tree, entries) = entries(base);
    let mut first_names = HashMap::new();
    let entries = entries
        .into_iter()
        .filter(|(_, item)| item.meta.kind != Kind::Socket);
    let compare = |(key, item): (EntryKey, Item)| {
        assert_eq!(item.problem, None);
        let group = item.meta.link_group;
        let first = group.map(|group| first_names.entry(group).or_insert(key.path()).clone());
        let content = (item.meta.kind == Kind::File).then(|| {
            let mut file = tree.open(&item).unwrap();
            let mut content = Vec::new();
            while let Some(segment) = file.next_segment().unwrap() {
                match segment {
                    Segment::Data { .. } => drop(file.read_to_end(&mut content).unwrap()),
                    Segment::Hole { length, .. } => {
                        content.resize(content.len() + usize::try_from(length).unwrap(), 0);
                    }
                }
            }
            content
        });
        let meta = Meta {
            link_group: None,
            ..item.meta
        };
        (key.path(), (meta, first, content))
    };
    entries.map(compare).collect()
}

pub fn assert_same(a: &Path, b: &Path) {
    let (a, b) = (compared(a), compared(b));
    let names = |of: &BTreeMap<Vec<u8>, Compared>| of.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&a), names(&b));
    for (path, entry) in &a {
        assert!(*entry == b[path], "{}", String::from_utf8_lossy(path));
    }
}

/// Empties a folder however deep it is.
pub fn clear(base: &Path) {
    let sink = FileSink::create(base, ALWAYS).unwrap();
    let failed = sink.remove_others(b"", &HashSet::new(), Deletion::Real, &mut |_| {});
    assert!(failed.unwrap().is_empty());
}
