//! What a walk over a file tree yields.

#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::collections::{BTreeMap, HashSet};
use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use ov_format::entry::{EntryKey, Kind};
use ov_source::{
    Case, Deletion, FileSink, FileSystems, FileTree, Item, ItemHandle, Segment, Selection,
    SelectionBuilder, SinkOptions, Source, SourceError,
};
use rustix::fs::{CWD, Mode, mkdirat, openat};
use tempfile::TempDir;

fn tree(roots: &[&Path]) -> FileTree {
    let roots = roots.iter().map(|root| root.to_path_buf()).collect();
    FileTree::new(roots, Selection::everything()).unwrap()
}

/// A folder in memory where the system has one: deep and large trees are slow to make on disks.
fn in_memory() -> TempDir {
    tempfile::tempdir_in("/dev/shm").unwrap_or_else(|_| tempfile::tempdir().unwrap())
}

fn items(tree: &FileTree) -> Vec<Item> {
    tree.walk().map(Result::unwrap).collect()
}

/// Paths below `base`, in the order in which the walk yields them.
fn below(base: &Path, items: &[Item]) -> Vec<String> {
    let prefix = format!("{}/", base.display());
    let paths = items
        .iter()
        .map(|item| format!("/{}", String::from_utf8_lossy(&item.key.path())));
    paths
        .filter_map(|path| path.strip_prefix(&prefix).map(str::to_owned))
        .collect()
}

fn write(base: &Path, path: &str, content: &[u8]) -> PathBuf {
    let path = base.join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, content).unwrap();
    path
}

fn find<'a>(items: &'a [Item], path: &Path) -> &'a Item {
    let bytes = path.as_os_str().as_bytes();
    let key = EntryKey::from_path(&bytes[1..]).unwrap();
    items.iter().find(|item| item.key == key).unwrap()
}

fn read_all(tree: &FileTree, item: &Item) -> (Vec<u8>, Vec<Segment>) {
    let mut file = tree.open(item).unwrap();
    let (mut content, mut segments) = (Vec::new(), Vec::new());
    while let Some(segment) = file.next_segment().unwrap() {
        match segment {
            Segment::Data { .. } => drop(file.read_to_end(&mut content).unwrap()),
            Segment::Hole { length, .. } => {
                content.resize(content.len() + usize::try_from(length).unwrap(), 0);
            }
        }
        segments.push(segment);
    }
    (content, segments)
}

fn selecting(dir: &TempDir, build: impl FnOnce(&mut SelectionBuilder)) -> FileTree {
    let mut builder = Selection::builder();
    build(&mut builder);
    FileTree::new(vec![dir.path().to_path_buf()], builder.build().unwrap()).unwrap()
}

#[test]
fn items_come_in_tree_order_with_each_ancestor_once() {
    let dir = tempfile::tempdir().unwrap();
    for path in ["b/x", "a/y/1", "a/y-z/2", "a/x", "c", "other/no", "a.b/q"] {
        write(dir.path(), path, b"");
    }
    let (a, ab) = (dir.path().join("a"), dir.path().join("a.b"));
    let (b, c) = (dir.path().join("b/x"), dir.path().join("c"));
    let tree = tree(&[&c, &b, &a, &ab]);
    let items = items(&tree);
    assert!(items.windows(2).all(|pair| pair[0].key < pair[1].key));
    let expected = [
        "a", "a.b", "b", "c", "a/x", "a/y", "a/y-z", "a/y/1", "a/y-z/2", "a.b/q", "b/x",
    ];
    assert_eq!(below(dir.path(), &items), expected);
    let above = find(&items, dir.path());
    assert_eq!(above.meta.kind, Kind::Directory);
    let mode = fs::metadata(dir.path()).unwrap().permissions().mode();
    assert_eq!(above.meta.mode, mode & 0o7777);
}

#[test]
fn overlapping_roots_are_one_tree() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), "a/b/c", b"");
    let (a, c) = (dir.path().join("a"), dir.path().join("a/b/c"));
    assert_eq!(
        below(dir.path(), &items(&tree(&[&c, &a, &a]))),
        ["a", "a/b", "a/b/c"]
    );
}

#[test]
fn a_root_that_does_not_exist_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let gone = dir.path().join("gone");
    let error = FileTree::new(vec![gone.clone()], Selection::everything())
        .err()
        .unwrap();
    assert!(matches!(error, SourceError::Missing { .. }));
    assert!(error.to_string().contains(gone.to_str().unwrap()));
    assert!(!format!("{error:?}").contains("gone"));
}

#[test]
fn a_root_that_vanished_since_is_an_error_of_the_walk() {
    let dir = tempfile::tempdir().unwrap();
    let (gone, kept) = (write(dir.path(), "a", b""), write(dir.path(), "b", b""));
    let tree = tree(&[&gone, &kept]);
    fs::remove_file(&gone).unwrap();
    let yielded: Vec<_> = tree.walk().collect();
    let errors = yielded.iter().filter(|item| item.is_err()).count();
    assert_eq!(errors, 1);
    let found = yielded
        .into_iter()
        .filter_map(Result::ok)
        .collect::<Vec<_>>();
    assert_eq!(below(dir.path(), &found), ["b"]);
}

#[test]
fn a_root_that_is_a_link_is_recorded_as_the_link_but_links_on_the_way_are_followed() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), "real/sub/file", b"");
    symlink("real", dir.path().join("link")).unwrap();
    let link = dir.path().join("link");
    let found = items(&tree(&[&link]));
    assert_eq!(find(&found, &link).meta.kind, Kind::Symlink(b"real".into()));
    assert_eq!(below(dir.path(), &found), ["link"]);

    let through = link.join("sub");
    let tree = tree(&[&through]);
    let found = items(&tree);
    assert_eq!(
        below(dir.path(), &found),
        ["link", "link/sub", "link/sub/file"]
    );
    assert_eq!(find(&found, &link).meta.kind, Kind::Directory);
    // The walk's folders are closed by now, so the file is found by its path.
    assert!(tree.open(find(&found, &through.join("file"))).is_ok());
}

#[test]
fn links_below_a_root_are_never_followed() {
    let outside = tempfile::tempdir().unwrap();
    write(outside.path(), "secret", b"");
    let dir = tempfile::tempdir().unwrap();
    symlink(outside.path(), dir.path().join("link")).unwrap();
    assert_eq!(below(dir.path(), &items(&tree(&[dir.path()]))), ["link"]);
}

#[test]
fn a_folder_swapped_for_a_link_during_the_walk_is_reported_and_not_followed() {
    let outside = tempfile::tempdir().unwrap();
    write(outside.path(), "secret", b"");
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), "a/file", b"");
    let tree = tree(&[dir.path()]);
    let mut walk = tree.walk();
    let a = dir.path().join("a");
    let seen = walk.by_ref().find(|item| {
        let path = item.as_ref().unwrap().key.path();
        path == a.as_os_str().as_bytes()[1..]
    });
    assert!(seen.is_some());
    fs::remove_dir_all(&a).unwrap();
    symlink(outside.path(), &a).unwrap();
    let rest: Vec<_> = walk.collect();
    assert_eq!(rest.len(), 1);
    assert!(rest[0].as_ref().unwrap_err().is_vanished());
}

#[test]
fn a_folder_moved_away_while_the_walk_is_deep_inside_leads_to_no_other_place() {
    let dir = in_memory();
    let depth = 100;
    let level = |depth: usize| dir.path().join("root").join("d/".repeat(depth));
    fs::create_dir_all(level(depth)).unwrap();
    for number in 0..depth {
        fs::create_dir(level(number).join("z")).unwrap();
        fs::write(level(number).join("z/right"), b"").unwrap();
    }
    write(dir.path(), "elsewhere/z/wrong", b"");
    let tree = tree(&[&dir.path().join("root")]);
    let mut moved = false;
    let mut right = 0;
    for item in tree.walk() {
        let item = item.unwrap();
        if !moved && item.key.name == b"right" {
            fs::rename(level(10), dir.path().join("elsewhere/d")).unwrap();
            moved = true;
        }
        assert_ne!(item.key.name, b"wrong");
        right += usize::from(item.key.name == b"right");
    }
    // All below the moved folder was still open or found again; nothing was read twice.
    assert!(moved && right >= 10 + 64 - 1 && right <= depth, "{right}");
}

#[test]
fn a_file_swapped_for_a_link_or_a_pipe_is_not_opened() {
    let dir = tempfile::tempdir().unwrap();
    let (link, pipe) = (
        write(dir.path(), "link", b""),
        write(dir.path(), "pipe", b""),
    );
    let gone = write(dir.path(), "gone", b"");
    let tree = tree(&[dir.path()]);
    let items = items(&tree);
    for path in [&link, &pipe, &gone] {
        fs::remove_file(path).unwrap();
    }
    symlink("/etc/passwd", &link).unwrap();
    let fifo = rustix::fs::FileType::Fifo;
    rustix::fs::mknodat(CWD, &pipe, fifo, Mode::RUSR, 0).unwrap();
    let open = |path| tree.open(find(&items, path)).err().unwrap();
    // By the path alone.
    let plain = |path| {
        let key = &find(&items, path).key;
        tree.open_plain(key, &ItemHandle::default()).err().unwrap()
    };
    for error in [open(&link), open(&pipe), plain(&link), plain(&pipe)] {
        assert!(matches!(error, SourceError::NotAFile { .. }));
    }
    assert!(open(&gone).is_vanished() && plain(&gone).is_vanished());
}

#[test]
fn names_may_be_any_bytes() {
    use std::ffi::OsStr;
    let dir = tempfile::tempdir().unwrap();
    let names = [
        &b"new\nline"[..],
        b"\xff\xfe",
        b" ",
        b"-rf",
        &[b'n'; 255],
        b"*",
    ];
    for name in names {
        fs::write(dir.path().join(OsStr::from_bytes(name)), name).unwrap();
    }
    let tree = tree(&[dir.path()]);
    for item in items(&tree)
        .iter()
        .filter(|item| item.meta.kind == Kind::File)
    {
        assert_eq!(read_all(&tree, item).0, item.key.name);
    }
    assert_eq!(below(dir.path(), &items(&tree)).len(), names.len());
}

/// Makes `depth` folders below each other, with a file in every hundredth.
fn dig(base: &Path, name: &str, depth: usize) {
    let mut at = openat(CWD, base, rustix::fs::OFlags::PATH, Mode::empty()).unwrap();
    for level in 1..=depth {
        mkdirat(&at, name, Mode::RWXU).unwrap();
        at = openat(&at, name, rustix::fs::OFlags::PATH, Mode::empty()).unwrap();
        if level % 100 == 0 {
            mkdirat(&at, "zz", Mode::RWXU).unwrap();
            let flags = rustix::fs::OFlags::CREATE | rustix::fs::OFlags::WRONLY;
            let zz = openat(&at, "zz", rustix::fs::OFlags::PATH, Mode::empty()).unwrap();
            openat(&zz, "file", flags, Mode::RUSR).unwrap();
        }
    }
}

/// Empties a folder however deep it is; `remove_dir_all` would run out of stack.
fn clear(base: &Path) {
    let sink = FileSink::create(base, SinkOptions::default()).unwrap();
    let failed = sink.remove_others(b"", &HashSet::new(), Deletion::Real, &mut |_| {});
    assert!(failed.unwrap().is_empty());
}

#[test]
fn ten_thousand_levels_are_walked_and_read_with_few_open_folders() {
    let dir = in_memory();
    dig(dir.path(), "d", 10_000);
    let tree = tree(&[&dir.path().join("d")]);
    let (mut folders, mut files, mut open_max) = (0, 0, 0);
    let mut last = None;
    for item in tree.walk() {
        let item = item.unwrap();
        match item.meta.kind {
            Kind::Directory => folders += 1,
            _ => files += 1,
        }
        if folders % 500 == 0 {
            open_max = open_max.max(fs::read_dir("/proc/self/fd").unwrap().count());
        }
        if item.meta.kind == Kind::File && last.is_none() {
            last = Some(item);
        }
    }
    let above = dir.path().components().count() - 1;
    assert_eq!((folders, files), (10_000 + 100 + above, 100));
    // Tests run at the same time hold some too.
    assert!(open_max > 0 && open_max < 64 * 6);
    // The deepest file, opened by its path of some 20,000 bytes.
    assert!(tree.open(&last.unwrap()).is_ok());
    clear(dir.path());
}

#[test]
fn holes_are_found_and_the_content_is_whole() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("sparse");
    let file = File::create(&path).unwrap();
    file.set_len(3 << 20).unwrap();
    std::os::unix::fs::FileExt::write_all_at(&file, &[7; 100], 1 << 20).unwrap();
    drop(file);
    let tree = tree(&[&path]);
    let items = items(&tree);
    let (content, segments) = read_all(&tree, find(&items, &path));
    assert_eq!(content, fs::read(&path).unwrap());
    let mut next = 0;
    for segment in &segments {
        let (Segment::Data { offset, length } | Segment::Hole { offset, length }) = *segment;
        assert_eq!(offset, next);
        next += length;
    }
    assert_eq!(next, 3 << 20);
    assert!(matches!(segments[0], Segment::Hole { .. }), "{segments:?}");
    assert!(matches!(segments.last(), Some(Segment::Hole { .. })));
}

#[test]
fn a_dense_file_is_one_segment_and_an_empty_one_has_none() {
    let dir = tempfile::tempdir().unwrap();
    let dense = write(dir.path(), "dense", &[9; 10_000]);
    let empty = write(dir.path(), "empty", b"");
    let tree = tree(&[dir.path()]);
    let items = items(&tree);
    let one = vec![Segment::Data {
        offset: 0,
        length: 10_000,
    }];
    assert_eq!(read_all(&tree, find(&items, &dense)).1, one);
    assert_eq!(read_all(&tree, find(&items, &empty)).1, []);
}

#[test]
fn a_file_that_shrinks_grows_or_is_written_while_it_is_read_shows_it() {
    let dir = tempfile::tempdir().unwrap();
    let path = write(dir.path(), "file", &[1; 5000]);
    let tree = tree(&[&path]);
    let items = items(&tree);
    let item = find(&items, &path);
    let change: [(&dyn Fn(), usize); 3] = [
        (&|| fs::write(&path, [2; 5000]).unwrap(), 5000),
        (
            &|| {
                let mut file = File::options().append(true).open(&path).unwrap();
                file.write_all(&[3; 100]).unwrap();
            },
            5000,
        ),
        (
            &|| {
                let file = File::options().write(true).open(&path).unwrap();
                file.set_len(1200).unwrap();
            },
            1200,
        ),
    ];
    for (change, delivered) in change {
        let mut file = tree.open(item).unwrap();
        let before = file.stat_now().unwrap();
        let size = usize::try_from(before.size.unwrap()).unwrap();
        assert_eq!(before, file.stat_now().unwrap());
        file.next_segment().unwrap();
        let mut content = vec![0; 1000];
        file.read_exact(&mut content).unwrap();
        std::thread::sleep(std::time::Duration::from_millis(15));
        change();
        file.read_to_end(&mut content).unwrap();
        assert_eq!(file.next_segment().unwrap(), None);
        assert_ne!(file.stat_now().unwrap(), before);
        assert_eq!(content.len(), delivered.max(size.min(delivered)));
    }
}

#[test]
fn reading_leaves_access_times_alone() {
    let dir = tempfile::tempdir().unwrap();
    let path = write(dir.path(), "sub/file", b"content");
    let old = std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1000);
    let times = fs::FileTimes::new().set_accessed(old);
    for path in [&path, &dir.path().join("sub")] {
        File::open(path).unwrap().set_times(times).unwrap();
    }
    let tree = tree(&[dir.path()]);
    let items = items(&tree);
    read_all(&tree, find(&items, &path));
    assert_eq!(fs::metadata(&path).unwrap().atime(), 1000);
    assert_eq!(fs::metadata(dir.path().join("sub")).unwrap().atime(), 1000);
}

#[test]
fn hard_links_share_a_group_and_single_names_have_none() {
    let dir = tempfile::tempdir().unwrap();
    let (a, c) = (write(dir.path(), "a", b"x"), write(dir.path(), "c", b"x"));
    let b = dir.path().join("s/b");
    fs::create_dir(dir.path().join("s")).unwrap();
    fs::hard_link(&a, &b).unwrap();
    let tree = tree(&[dir.path()]);
    let first = items(&tree);
    let group = |items: &[Item], path: &Path| find(items, path).meta.link_group;
    assert!(group(&first, &a).is_some());
    assert_eq!(group(&first, &a), group(&first, &b));
    assert_eq!(group(&first, &c), None);
    assert_eq!(find(&first, &dir.path().join("s")).meta.link_group, None);
    assert_eq!(group(&first, &a), group(&items(&tree), &a));
    let fingerprint = find(&first, &a).fingerprint;
    let seen = fs::metadata(&a).unwrap();
    assert_eq!(fingerprint.device, seen.dev());
    assert_eq!(fingerprint.inode, seen.ino());
    assert_eq!(fingerprint.links, 2);
    assert_eq!(fingerprint.ctime.seconds, seen.ctime());
}

#[test]
fn metadata_is_what_the_system_says() {
    let dir = tempfile::tempdir().unwrap();
    let path = write(dir.path(), "file", b"12345");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o4750)).unwrap();
    let tree = tree(&[&path]);
    let items = items(&tree);
    let meta = &find(&items, &path).meta;
    let seen = fs::metadata(&path).unwrap();
    assert_eq!((meta.mode, meta.size), (0o4750, 5));
    assert_eq!((meta.uid, meta.gid), (seen.uid(), seen.gid()));
    assert_eq!(meta.mtime.seconds, seen.mtime());
    assert_eq!(i64::from(meta.mtime.nanos), seen.mtime_nsec());
    if meta.uid == 0 {
        assert_eq!(meta.user, b"root");
        assert_eq!(meta.group, b"root");
    }
}

#[test]
fn excluded_items_are_counted_and_unmatched_patterns_told() {
    let dir = tempfile::tempdir().unwrap();
    for path in [
        "a.tmp",
        "keep",
        "cache/x",
        "cache/y",
        "sub/cache",
        "sub/b.TMP",
    ] {
        write(dir.path(), path, b"");
    }
    let tree = selecting(&dir, |builder| {
        builder.exclude("*.tmp", Case::Ignored).unwrap();
        builder.exclude("cache/", Case::Sensitive).unwrap();
        builder.exclude("*.typo", Case::Sensitive).unwrap();
    });
    let kept = below(dir.path(), &items(&tree));
    assert_eq!(kept, ["keep", "sub", "sub/cache"]);
    assert_eq!(tree.selection().excluded(), 3);
    assert_eq!(tree.selection().unmatched(), ["*.typo"]);
}

#[test]
fn named_roots_are_kept_whatever_is_excluded() {
    let dir = tempfile::tempdir().unwrap();
    for path in ["a/x", "a/skip/no", "a/skip/deep/yes.tmp", "a/z.tmp"] {
        write(dir.path(), path, b"");
    }
    let mut builder = Selection::builder();
    for pattern in ["a", "skip", "*.tmp"] {
        builder.exclude(pattern, Case::Sensitive).unwrap();
    }
    let roots = vec![dir.path().join("a"), dir.path().join("a/skip/deep/yes.tmp")];
    let tree = FileTree::new(roots, builder.build().unwrap()).unwrap();
    let expected = ["a", "a/skip", "a/x", "a/skip/deep", "a/skip/deep/yes.tmp"];
    assert_eq!(below(dir.path(), &items(&tree)), expected);
}

#[test]
fn tagged_folders_keep_their_tag_only() {
    let tag = b"Signature: 8a477f597d28d172789f06886806bc55\n# note";
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), "cache/CACHEDIR.TAG", tag);
    write(dir.path(), "cache/x/y", b"");
    write(dir.path(), "fake/CACHEDIR.TAG", b"Signature: 0");
    write(dir.path(), "fake/x", b"");
    write(dir.path(), "marked/.nobackup", b"yes, please");
    write(dir.path(), "marked/x", b"");
    write(dir.path(), "unmarked/.nobackup", b"no");
    let tree = selecting(&dir, |builder| {
        builder.exclude_caches();
        builder.exclude_if_present(".nobackup:yes").unwrap();
    });
    let kept = below(dir.path(), &items(&tree));
    let expected = [
        "cache",
        "fake",
        "marked",
        "unmarked",
        "cache/CACHEDIR.TAG",
        "fake/CACHEDIR.TAG",
        "fake/x",
        "marked/.nobackup",
        "unmarked/.nobackup",
    ];
    assert_eq!(kept, expected);
    assert_eq!(tree.selection().excluded(), 2);
}

#[test]
fn large_files_are_left_out_where_asked() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), "large", &[0; 101]);
    write(dir.path(), "small", &[0; 100]);
    let tree = selecting(&dir, |builder| {
        builder.exclude_larger_than(100);
    });
    assert_eq!(below(dir.path(), &items(&tree)), ["small"]);
}

#[test]
fn other_file_systems_are_not_entered_where_asked() {
    // /dev, with its own file systems below, is there on every Linux machine.
    let dev = fs::metadata("/dev").unwrap().dev();
    let mounted = fs::read_dir("/dev").unwrap().find_map(|entry| {
        let path = entry.unwrap().path();
        let meta = fs::symlink_metadata(&path).ok()?;
        let filled = meta.is_dir() && fs::read_dir(&path).ok()?.next().is_some();
        (filled && meta.dev() != dev).then_some(path)
    });
    let Some(mounted) = mounted else {
        return;
    };
    let walk = |which| {
        let mut builder = Selection::builder();
        builder.file_systems(which);
        let tree = FileTree::new(vec!["/dev".into()], builder.build().unwrap()).unwrap();
        let found: Vec<Item> = tree.walk().filter_map(Result::ok).collect();
        let inside = below(&mounted, &found).len();
        (below(Path::new("/dev"), &found), inside)
    };
    let (all, inside) = walk(FileSystems::All);
    assert!(inside > 0);
    let (one, inside) = walk(FileSystems::One);
    assert_eq!(inside, 0);
    let name = mounted.file_name().unwrap().to_str().unwrap();
    assert!(one.iter().any(|path| path == name) && one.len() < all.len());
}

#[test]
fn attributes_are_sorted_and_of_the_entry_itself() {
    let dir = tempfile::tempdir().unwrap();
    let path = write(dir.path(), "file", b"");
    let set = |name: &str, value: &[u8]| {
        rustix::fs::setxattr(&path, name, value, rustix::fs::XattrFlags::empty())
    };
    if set("user.b", b"2").is_err() {
        return;
    }
    set("user.a", &[7; 3000]).unwrap();
    set("user.empty", b"").unwrap();
    symlink("file", dir.path().join("link")).unwrap();
    let tree = tree(&[dir.path()]);
    let items = items(&tree);
    let expected: BTreeMap<&[u8], &[u8]> = BTreeMap::from([
        (&b"user.a"[..], &[7; 3000][..]),
        (b"user.b", b"2"),
        (b"user.empty", b""),
    ]);
    let found = &find(&items, &path).meta.xattrs;
    let found: Vec<(&[u8], &[u8])> = found.iter().map(|(n, v)| (&n[..], &v[..])).collect();
    assert_eq!(found, expected.into_iter().collect::<Vec<_>>());
    assert_eq!(find(&items, &dir.path().join("link")).meta.xattrs, []);
}

#[test]
fn a_hundred_thousand_names_in_one_folder_come_sorted() {
    let dir = in_memory();
    let at = openat(CWD, dir.path(), rustix::fs::OFlags::PATH, Mode::empty()).unwrap();
    for number in 0..100_000 {
        rustix::fs::symlinkat("x", &at, format!("{number:x}")).unwrap();
    }
    let tree = tree(&[dir.path()]);
    let mut previous = None;
    let mut count = 0;
    for item in tree.walk() {
        let key = item.unwrap().key;
        assert!(previous.as_ref() < Some(&key));
        previous = Some(key);
        count += 1;
    }
    assert!(count > 100_000);
}
