//! What is restored is what was there: the source's walk and the sink against each other.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileExt, MetadataExt, PermissionsExt, symlink};
use std::path::Path;
use std::time::{Duration, SystemTime};

use ov_format::entry::{EntryKey, Kind, Meta, Time};
use ov_source::{
    Deletion, FileSink, FileStart, FileTarget, FileTree, Found, Item, Made, Notice, Overwrite,
    Owners, Segment, Selection, SinkError, SinkOptions, Source,
};
use proptest::prelude::*;
use rustix::fs::{CWD, FileType, Mode, OFlags, XattrFlags, lsetxattr, mknodat, setxattr};
use tempfile::TempDir;

const ALWAYS: SinkOptions = SinkOptions {
    overwrite: Overwrite::Always,
    owners: Owners::Restore,
};

/// A folder in memory where the system has one: deep and large trees are slow to make on disks.
fn in_memory() -> TempDir {
    tempfile::tempdir_in("/dev/shm").unwrap_or_else(|_| tempfile::tempdir().unwrap())
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// The entries below `base`, with keys relative to it, and the tree to open them with.
fn entries(base: &Path) -> (FileTree, Vec<(EntryKey, Item)>) {
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

fn copy(tree: &FileTree, item: &Item, target: &FileTarget) {
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

fn put(tree: &FileTree, key: &EntryKey, item: &Item, sink: &FileSink) -> Result<(), SinkError> {
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
fn restore(base: &Path, target: &Path, options: SinkOptions) -> FileSink {
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
type Compared = (Meta, Option<Vec<u8>>, Option<Vec<u8>>);

fn compared(base: &Path) -> BTreeMap<Vec<u8>, Compared> {
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

fn assert_same(a: &Path, b: &Path) {
    let (a, b) = (compared(a), compared(b));
    let names = |of: &BTreeMap<Vec<u8>, Compared>| of.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&a), names(&b));
    for (path, entry) in &a {
        assert!(*entry == b[path], "{}", String::from_utf8_lossy(path));
    }
}

/// Empties a folder however deep it is.
fn clear(base: &Path) {
    let sink = FileSink::create(base, ALWAYS).unwrap();
    let failed = sink.remove_others(b"", &HashSet::new(), Deletion::Real, &mut |_| {});
    assert!(failed.unwrap().is_empty());
}

fn file_meta(size: u64) -> Meta {
    Meta {
        kind: Kind::File,
        mode: 0o640,
        uid: rustix::process::geteuid().as_raw(),
        gid: rustix::process::getegid().as_raw(),
        user: Vec::new(),
        group: Vec::new(),
        mtime: Time {
            seconds: 1_000_000,
            nanos: 5,
        },
        size,
        xattrs: Vec::new(),
        link_group: None,
    }
}

fn directory_meta() -> Meta {
    Meta {
        kind: Kind::Directory,
        mode: 0o750,
        ..file_meta(0)
    }
}

fn key(path: &str) -> EntryKey {
    EntryKey::from_path(path.as_bytes()).unwrap()
}

fn begin(sink: &FileSink, path: &str, meta: &Meta) -> FileTarget {
    match sink.file(&key(path), meta).unwrap() {
        FileStart::Write(target) => target,
        FileStart::Kept => panic!("kept"),
    }
}

fn write(sink: &FileSink, path: &str, content: &[u8]) {
    let meta = file_meta(u64::try_from(content.len()).unwrap());
    let target = begin(sink, path, &meta);
    target.write_at(0, content).unwrap();
    target.finish(&meta).unwrap();
}

/// Access list: owner rw, user 1234 rw, group r, mask rw, others none.
fn access_list() -> Vec<u8> {
    let mut bytes = 2u32.to_le_bytes().to_vec();
    for (tag, perm, id) in [
        (1u16, 6u16, u32::MAX),
        (2, 6, 1234),
        (4, 4, u32::MAX),
        (16, 6, u32::MAX),
        (32, 0, u32::MAX),
    ] {
        bytes.extend(tag.to_le_bytes());
        bytes.extend(perm.to_le_bytes());
        bytes.extend(id.to_le_bytes());
    }
    bytes
}

/// One of everything that a file system can hold.
fn fill(base: &Path) {
    let at = |name: &[u8]| base.join(OsStr::from_bytes(name));
    for name in [
        &b"new\nline"[..],
        b"\xff\xfe",
        b" ",
        b"-rf *",
        &[b'n'; 255],
        b"{a}",
    ] {
        fs::write(at(name), name).unwrap();
    }
    fs::create_dir_all(at(b"dir/sub/empty")).unwrap();
    fs::write(at(b"empty"), b"").unwrap();
    fs::write(at(b"large"), vec![0x5a; 300_000]).unwrap();
    let sparse = File::create(at(b"sparse")).unwrap();
    sparse.set_len(5 << 20).unwrap();
    sparse.write_all_at(b"middle", 2 << 20).unwrap();
    fs::hard_link(at(b"large"), at(b"dir/hard")).unwrap();
    symlink("../nowhere", at(b"dir/dangling")).unwrap();
    symlink("/etc/passwd", at(b"absolute")).unwrap();
    fs::hard_link(at(b"absolute"), at(b"dir/hard link of a link")).unwrap();
    mknodat(
        CWD,
        at(b"pipe"),
        FileType::Fifo,
        Mode::from_raw_mode(0o620),
        0,
    )
    .unwrap();
    let _listener = std::os::unix::net::UnixListener::bind(at(b"socket")).unwrap();
    for (name, content) in [("user.note", &b"text\0\xff"[..]), ("user.z", b"")] {
        for path in [&b"large"[..], b"dir"] {
            // Where the file system holds none, there is none to compare.
            let _ = setxattr(at(path), name, content, XattrFlags::empty());
        }
    }
    for (path, name) in [
        (&b"empty"[..], "system.posix_acl_access"),
        (b"dir/sub", "system.posix_acl_default"),
    ] {
        let _ = setxattr(at(path), name, &access_list(), XattrFlags::empty());
    }
    if is_root() {
        fill_as_root(base);
    }
    for (path, seconds) in [(&b"empty"[..], -1), (b"large", 1), (b"dir/sub", -86_400)] {
        let moment = match u64::try_from(seconds) {
            Ok(after) => SystemTime::UNIX_EPOCH + Duration::new(after, 123_456_789),
            Err(_) => SystemTime::UNIX_EPOCH - Duration::new(86_400, 1),
        };
        File::open(at(path)).unwrap().set_modified(moment).unwrap();
    }
    let mode = |path: &[u8], mode| fs::set_permissions(at(path), fs::Permissions::from_mode(mode));
    mode(b"dir/sub/empty", 0o1777).unwrap();
    mode(b" ", 0o4711).unwrap();
    if is_root() {
        mode(b"sparse", 0o000).unwrap();
        mode(b"dir/sub", 0o000).unwrap();
    }
}

fn fill_as_root(base: &Path) {
    let mode = Mode::from_raw_mode(0o640);
    let device = rustix::fs::makedev(1, 3);
    mknodat(
        CWD,
        base.join("null"),
        FileType::CharacterDevice,
        mode,
        device,
    )
    .unwrap();
    let device = rustix::fs::makedev(7, 300);
    mknodat(CWD, base.join("loop"), FileType::BlockDevice, mode, device).unwrap();
    std::os::unix::fs::lchown(base.join("dir/dangling"), Some(1001), Some(1002)).unwrap();
    std::os::unix::fs::chown(base.join("large"), Some(1001), Some(1002)).unwrap();
    fs::set_permissions(base.join("large"), fs::Permissions::from_mode(0o6755)).unwrap();
    std::os::unix::fs::chown(base.join("pipe"), Some(1003), Some(1004)).unwrap();
    let value = b"of a link";
    let _ = lsetxattr(
        base.join("absolute"),
        "trusted.t",
        value,
        XattrFlags::empty(),
    );
    // cap_net_bind_service, effective and permitted, revision 2.
    let mut capability = [0; 20];
    capability[..8].copy_from_slice(&[1, 0, 0, 2, 0, 4, 0, 0]);
    let name = "security.capability";
    let _ = setxattr(base.join("large"), name, &capability, XattrFlags::empty());
}

#[test]
fn one_of_everything_comes_back_as_it_was() {
    let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    fill(from.path());
    let sink = restore(from.path(), to.path(), ALWAYS);
    assert_same(from.path(), to.path());
    let notices = sink.take_notices();
    assert_eq!(notices.count, 1, "{:?}", notices.kept);
    assert!(matches!(notices.kept[0], Notice::SocketSkipped { .. }));
    let allocated = |base: &Path| fs::metadata(base.join("sparse")).unwrap().blocks();
    assert!(allocated(to.path()) <= allocated(from.path()));
    if is_root() {
        let found = compared(to.path());
        assert_eq!(found[&b"large"[..]].0.mode, 0o6755);
        assert_eq!(found[&b"dir/sub"[..]].0.mode, 0);
    }
    // A second time over what is there now.
    for overwrite in [Overwrite::Always, Overwrite::IfChanged, Overwrite::Never] {
        let options = SinkOptions {
            overwrite,
            ..ALWAYS
        };
        restore(from.path(), to.path(), options);
        assert_same(from.path(), to.path());
    }
}

#[test]
fn two_thousand_levels_come_back() {
    let (from, to) = (in_memory(), in_memory());
    let path = OFlags::PATH;
    let mut at = rustix::fs::open(from.path(), path, Mode::empty()).unwrap();
    for _ in 0..2000 {
        rustix::fs::mkdirat(&at, "deep", Mode::RWXU).unwrap();
        rustix::fs::symlinkat("x", &at, "link").unwrap();
        at = rustix::fs::openat(&at, "deep", path, Mode::empty()).unwrap();
    }
    restore(from.path(), to.path(), ALWAYS);
    let (a, b) = (compared(from.path()), compared(to.path()));
    assert!(a.len() == 4000 && a == b);
    clear(from.path());
    clear(to.path());
    assert!(fs::read_dir(to.path()).unwrap().next().is_none());
}

#[test]
fn a_key_that_could_lead_out_is_refused_by_every_call() {
    let target = tempfile::tempdir().unwrap();
    let inside = target.path().join("in");
    let sink = FileSink::create(&inside, ALWAYS).unwrap();
    write(&sink, "good", b"");
    let long = vec![b'/'; 10];
    let hostile: [(&[u8], &[u8]); 12] = [
        (b"", b".."),
        (b"", b"."),
        (b"", b""),
        (b"..", b"x"),
        (b"a/..", b"x"),
        (b"/etc", b"x"),
        (b"a//b", b"x"),
        (b"a/", b"x"),
        (b"", b"a/b"),
        (b"", b"../x"),
        (b"", b"nul\0"),
        (&long, b"x"),
    ];
    let link = Meta {
        kind: Kind::Symlink(b"/".to_vec()),
        ..file_meta(0)
    };
    let pipe = Meta {
        kind: Kind::Fifo,
        ..file_meta(0)
    };
    let good = key("good");
    for (parent, name) in hostile {
        let key = EntryKey::new(parent, name);
        let results = [
            sink.make_directory(&key, &directory_meta()).map(drop),
            sink.make_symlink(&key, &link).map(drop),
            sink.make_special(&key, &pipe).map(drop),
            sink.file(&key, &file_meta(0)).map(drop),
            sink.link(&good, &key).map(drop),
            sink.link(&key, &good).map(drop),
        ];
        for result in results {
            assert!(matches!(result, Err(SinkError::UncleanName { .. })));
        }
    }
    let nothing = HashSet::new();
    for folder in [&b".."[..], b"/", b"a/../..", b"."] {
        let result = sink.remove_others(folder, &nothing, Deletion::Real, &mut |_| {});
        assert!(matches!(result, Err(SinkError::UncleanName { .. })));
    }
    assert_eq!(fs::read_dir(target.path()).unwrap().count(), 1);
}

#[test]
fn a_planted_link_to_a_folder_leads_nowhere() {
    let outside = tempfile::tempdir().unwrap();
    fs::write(outside.path().join("precious"), b"1").unwrap();
    let target = tempfile::tempdir().unwrap();
    symlink(outside.path(), target.path().join("a")).unwrap();
    let sink = FileSink::create(target.path(), ALWAYS).unwrap();
    for path in ["a/precious", "a/new", "a/b/new"] {
        let refused = sink.file(&key(path), &file_meta(0));
        assert!(matches!(refused, Err(SinkError::InTheWay { .. })));
    }
    assert!(sink.link(&key("a/precious"), &key("stolen")).is_err());
    let all = sink.remove_others(b"a", &HashSet::new(), Deletion::Real, &mut |_| {});
    assert!(matches!(all, Err(SinkError::InTheWay { .. })));
    // Told that a folder belongs there, the sink replaces the link and not what it leads to.
    sink.make_directory(&key("a"), &directory_meta()).unwrap();
    write(&sink, "a/precious", b"2");
    assert!(sink.finish_directories().is_empty());
    assert_eq!(fs::read(outside.path().join("precious")).unwrap(), b"1");
    assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 1);
    assert_eq!(fs::read(target.path().join("a/precious")).unwrap(), b"2");
}

#[test]
fn planted_links_to_a_file_are_replaced_and_what_they_lead_to_is_left_alone() {
    let outside = tempfile::tempdir().unwrap();
    let precious = outside.path().join("precious");
    fs::write(&precious, b"1").unwrap();
    fs::set_permissions(&precious, fs::Permissions::from_mode(0o600)).unwrap();
    let target = tempfile::tempdir().unwrap();
    symlink(&precious, target.path().join("soft")).unwrap();
    fs::hard_link(&precious, target.path().join("hard")).unwrap();
    symlink(&precious, target.path().join("pipe")).unwrap();
    let sink = FileSink::create(target.path(), ALWAYS).unwrap();
    write(&sink, "soft", b"2");
    write(&sink, "hard", b"3");
    let pipe = Meta {
        kind: Kind::Fifo,
        mode: 0o666,
        ..file_meta(0)
    };
    sink.make_special(&key("pipe"), &pipe).unwrap();
    assert_eq!(fs::read(&precious).unwrap(), b"1");
    assert_eq!(fs::metadata(&precious).unwrap().mode() & 0o7777, 0o600);
    assert_eq!(fs::read(target.path().join("soft")).unwrap(), b"2");
    assert_eq!(fs::read(target.path().join("hard")).unwrap(), b"3");
}

#[test]
fn a_planted_unfinished_file_is_not_written_through() {
    let outside = tempfile::tempdir().unwrap();
    let precious = outside.path().join("precious");
    fs::write(&precious, b"1").unwrap();
    let target = tempfile::tempdir().unwrap();
    let sink = FileSink::create(target.path(), ALWAYS).unwrap();
    drop(begin(&sink, "file", &file_meta(1)));
    let unfinished = fs::read_dir(target.path())
        .unwrap()
        .next()
        .unwrap()
        .unwrap()
        .path();
    let plants: [&dyn Fn(); 2] = [&|| symlink(&precious, &unfinished).unwrap(), &|| {
        fs::hard_link(&precious, &unfinished).unwrap()
    }];
    for plant in plants {
        let _ = fs::remove_file(&unfinished);
        plant();
        write(&sink, "file", b"2");
        assert_eq!(fs::read(&precious).unwrap(), b"1");
        assert_eq!(fs::read(target.path().join("file")).unwrap(), b"2");
    }
}

#[test]
fn a_file_has_its_name_only_when_all_of_it_is_there_and_what_stood_there_stays_till_then() {
    let target = tempfile::tempdir().unwrap();
    let path = target.path().join("file");
    fs::write(&path, b"old").unwrap();
    let sink = FileSink::create(target.path(), ALWAYS).unwrap();
    let meta = file_meta(10);
    let unfinished = begin(&sink, "file", &meta);
    unfinished.write_at(0, b"12345").unwrap();
    let error = unfinished.finish(&meta).unwrap_err();
    assert!(matches!(
        error,
        SinkError::Incomplete {
            covered: 5,
            size: 10,
            ..
        }
    ));
    assert_eq!(fs::read(&path).unwrap(), b"old");
    // Resumed: what is right is kept, what is not is written.
    let resumed = begin(&sink, "file", &meta);
    assert_eq!(resumed.found(), Found::Kept);
    let mut buffer = [0; 5];
    let right = |at, wanted: &'static [u8], buffer: &mut [u8; 5]| {
        resumed
            .existing_matches(at, buffer, |bytes| bytes == wanted)
            .unwrap()
    };
    assert_eq!(right(0, b"12345", &mut buffer), Found::Kept);
    assert_eq!(right(5, b"67890", &mut buffer), Found::Absent);
    resumed.write_at(5, b"67890").unwrap();
    resumed.finish(&meta).unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"1234567890");
    assert_eq!(fs::read_dir(target.path()).unwrap().count(), 1);
}

#[test]
fn bytes_of_the_old_file_are_used_where_they_are_right() {
    let target = tempfile::tempdir().unwrap();
    fs::write(target.path().join("file"), b"aaaabbbb").unwrap();
    let sink = FileSink::create(target.path(), ALWAYS).unwrap();
    let meta = file_meta(8);
    let file = begin(&sink, "file", &meta);
    let mut buffer = [0; 4];
    let found = file.existing_matches(0, &mut buffer, |bytes| bytes == b"aaaa");
    assert_eq!(found.unwrap(), Found::Kept);
    let found = file.existing_matches(4, &mut buffer, |bytes| bytes == b"cccc");
    assert_eq!(found.unwrap(), Found::Absent);
    file.write_at(4, b"cccc").unwrap();
    file.finish(&meta).unwrap();
    assert_eq!(fs::read(target.path().join("file")).unwrap(), b"aaaacccc");
}

#[test]
fn a_hole_clears_what_an_earlier_restore_left() {
    let target = tempfile::tempdir().unwrap();
    let sink = FileSink::create(target.path(), ALWAYS).unwrap();
    let meta = file_meta(200_000);
    begin(&sink, "file", &meta)
        .write_at(0, &[1; 250_000])
        .unwrap();
    let file = begin(&sink, "file", &meta);
    file.write_at(0, b"x").unwrap();
    file.hole(1, 199_999).unwrap();
    file.finish(&meta).unwrap();
    let content = fs::read(target.path().join("file")).unwrap();
    assert_eq!(content.len(), 200_000);
    assert!(content[0] == b'x' && content[1..].iter().all(|&b| b == 0));
}

#[test]
fn two_restores_of_one_file_at_once_do_not_mix() {
    let target = tempfile::tempdir().unwrap();
    let sink = FileSink::create(target.path(), ALWAYS).unwrap();
    let _first = begin(&sink, "file", &file_meta(1));
    let second = sink.file(&key("file"), &file_meta(1));
    assert!(matches!(second, Err(SinkError::InUse { .. })));
}

#[test]
fn threads_write_one_file_together() {
    let target = tempfile::tempdir().unwrap();
    let sink = FileSink::create(target.path(), ALWAYS).unwrap();
    let meta = file_meta(4000);
    let file = begin(&sink, "file", &meta);
    std::thread::scope(|scope| {
        for part in 0..4u8 {
            let file = &file;
            scope.spawn(move || file.write_at(u64::from(part) * 1000, &[part; 1000]));
        }
    });
    file.finish(&meta).unwrap();
    let content = fs::read(target.path().join("file")).unwrap();
    assert!((0..4000).all(|at| usize::from(content[at]) == at / 1000));
}

#[test]
fn what_is_there_is_kept_or_replaced_as_asked() {
    let target = tempfile::tempdir().unwrap();
    let path = target.path().join("file");
    let sink = |overwrite| {
        let options = SinkOptions {
            overwrite,
            ..ALWAYS
        };
        FileSink::create(target.path(), options).unwrap()
    };
    let meta = file_meta(3);
    write(&sink(Overwrite::Always), "file", b"one");
    // Same size and time, and other content behind its back.
    fs::write(&path, b"two").unwrap();
    let seconds = u64::try_from(meta.mtime.seconds).unwrap();
    let moment = SystemTime::UNIX_EPOCH + Duration::new(seconds, meta.mtime.nanos);
    File::open(&path).unwrap().set_modified(moment).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o777)).unwrap();

    let kept = |overwrite| {
        matches!(
            sink(overwrite).file(&key("file"), &meta),
            Ok(FileStart::Kept)
        )
    };
    assert!(kept(Overwrite::Never));
    assert_eq!(fs::metadata(&path).unwrap().mode() & 0o7777, 0o777);
    assert!(kept(Overwrite::IfChanged));
    assert_eq!(fs::metadata(&path).unwrap().mode() & 0o7777, 0o640);
    assert!(!kept(Overwrite::Always));
    fs::write(&path, b"longer").unwrap();
    assert!(kept(Overwrite::Never));
    assert!(!kept(Overwrite::IfChanged));
}

#[test]
fn never_overwriting_refuses_a_file_that_appeared_meanwhile() {
    let target = tempfile::tempdir().unwrap();
    let options = SinkOptions {
        overwrite: Overwrite::Never,
        ..ALWAYS
    };
    let sink = FileSink::create(target.path(), options).unwrap();
    let file = begin(&sink, "file", &file_meta(0));
    fs::write(target.path().join("file"), b"mine").unwrap();
    let error = file.finish(&file_meta(0)).unwrap_err();
    assert!(matches!(error, SinkError::InTheWay { .. }));
    assert_eq!(fs::read(target.path().join("file")).unwrap(), b"mine");
}

#[test]
fn a_folder_with_something_in_it_is_never_replaced() {
    let target = tempfile::tempdir().unwrap();
    fs::create_dir_all(target.path().join("full/x")).unwrap();
    fs::create_dir(target.path().join("empty")).unwrap();
    let sink = FileSink::create(target.path(), ALWAYS).unwrap();
    let refused = sink.file(&key("full"), &file_meta(0));
    assert!(matches!(refused, Err(SinkError::FolderInTheWay { .. })));
    let link = Meta {
        kind: Kind::Symlink(b"x".to_vec()),
        ..file_meta(0)
    };
    let refused = sink.make_symlink(&key("full"), &link);
    assert!(matches!(refused, Err(SinkError::FolderInTheWay { .. })));
    write(&sink, "empty", b"now a file");
    assert!(target.path().join("full/x").is_dir());
}

#[test]
fn deleting_others_can_be_pretended_and_follows_no_link() {
    let outside = tempfile::tempdir().unwrap();
    fs::write(outside.path().join("precious"), b"").unwrap();
    let target = tempfile::tempdir().unwrap();
    let sink = FileSink::create(target.path(), ALWAYS).unwrap();
    write(&sink, "d/kept", b"");
    fs::create_dir_all(target.path().join("d/extra/deep/er")).unwrap();
    fs::write(target.path().join("d/extra/deep/file"), b"").unwrap();
    symlink(outside.path(), target.path().join("d/extra/link")).unwrap();
    symlink(outside.path(), target.path().join("d/link")).unwrap();
    let names = HashSet::from([b"kept".to_vec()]);
    for (deletion, left) in [(Deletion::Pretended, 3), (Deletion::Real, 1)] {
        let mut named = Vec::new();
        let failed = sink.remove_others(b"d", &names, deletion, &mut |key| named.push(key.path()));
        assert!(failed.unwrap().is_empty());
        assert_eq!(named, [&b"d/extra"[..], b"d/link"]);
        assert_eq!(fs::read_dir(target.path().join("d")).unwrap().count(), left);
    }
    assert!(outside.path().join("precious").exists());
}

#[test]
fn setuid_is_left_off_where_the_owner_is_another_one() {
    let target = tempfile::tempdir().unwrap();
    let options = SinkOptions {
        owners: Owners::Keep,
        ..ALWAYS
    };
    let sink = FileSink::create(target.path(), options).unwrap();
    let own = Meta {
        mode: 0o4755,
        ..file_meta(0)
    };
    let other = Meta {
        uid: own.uid + 1,
        ..own.clone()
    };
    for (name, meta, mode) in [("own", &own, 0o4755), ("other", &other, 0o755)] {
        begin(&sink, name, meta).finish(meta).unwrap();
        let found = fs::metadata(target.path().join(name)).unwrap();
        assert_eq!(found.mode() & 0o7777, mode);
        assert_eq!(found.uid(), own.uid);
    }
    let notices = sink.take_notices();
    assert_eq!(notices.count, 1);
    assert!(matches!(notices.kept[0], Notice::PrivilegeDropped { .. }));
}

#[test]
fn attributes_inherited_from_the_target_folder_are_taken_off() {
    let target = tempfile::tempdir().unwrap();
    let name = "system.posix_acl_default";
    if setxattr(target.path(), name, &access_list(), XattrFlags::empty()).is_err() {
        return;
    }
    let sink = FileSink::create(target.path(), ALWAYS).unwrap();
    write(&sink, "file", b"");
    let (_, found) = entries(target.path());
    assert_eq!(found[0].1.meta.xattrs, []);
    assert_eq!(found[0].1.meta.mode, 0o640);
}

#[test]
fn folders_missing_on_the_way_are_made_and_calls_check_their_kind() {
    let target = tempfile::tempdir().unwrap();
    let sink = FileSink::create(&target.path().join("new/target"), ALWAYS).unwrap();
    write(&sink, "a/b/c", b"content");
    let made = sink.make_directory(&key("a/b"), &directory_meta()).unwrap();
    assert_eq!(made, Made::Kept);
    assert!(sink.finish_directories().is_empty());
    let folder = fs::metadata(target.path().join("new/target/a/b")).unwrap();
    assert_eq!((folder.mode() & 0o7777, folder.mtime()), (0o750, 1_000_000));
    assert!(sink.free_space().unwrap() > 0);
    sink.sync().unwrap();
    for result in [
        sink.make_directory(&key("x"), &file_meta(0)).map(drop),
        sink.make_symlink(&key("x"), &file_meta(0)).map(drop),
        sink.make_special(&key("x"), &file_meta(0)).map(drop),
        sink.file(&key("x"), &directory_meta()).map(drop),
    ] {
        assert!(matches!(result, Err(SinkError::WrongKind { .. })));
    }
}

/// One thing of a generated tree, put at a path if the path is free.
#[derive(Clone, Debug)]
enum Thing {
    Folder,
    File(Vec<u8>),
    Sparse(u32, Vec<u8>),
    Link(Vec<u8>),
    Pipe,
    HardLink(usize),
}

#[derive(Clone, Debug)]
struct Planted {
    path: Vec<Vec<u8>>,
    thing: Thing,
    mode: u32,
    mtime: (i32, u32),
    attribute: Option<Vec<u8>>,
}

fn name() -> impl Strategy<Value = Vec<u8>> {
    let plain = prop::sample::select(vec![&b"a"[..], b"b", b"a-b", b"a.b", b"\xff", b"\n"]);
    let odd = prop::collection::vec(any::<u8>(), 1..12).prop_filter("a name", |name| {
        EntryKey::new(*b"", name.clone()).is_clean()
    });
    prop_oneof![4 => plain.prop_map(<[u8]>::to_vec), 1 => odd]
}

fn thing() -> impl Strategy<Value = Thing> {
    let bytes = || prop::collection::vec(any::<u8>(), 0..2000);
    prop_oneof![
        3 => Just(Thing::Folder),
        4 => bytes().prop_map(Thing::File),
        1 => (0..2_000_000u32, bytes()).prop_map(|(at, bytes)| Thing::Sparse(at, bytes)),
        1 => prop::collection::vec(1..=255u8, 1..100).prop_map(Thing::Link),
        1 => Just(Thing::Pipe),
        2 => any::<usize>().prop_map(Thing::HardLink),
    ]
}

fn planted() -> impl Strategy<Value = Planted> {
    let path = prop::collection::vec(name(), 1..5);
    let attribute = prop::option::weighted(0.3, prop::collection::vec(any::<u8>(), 0..50));
    let mtime = (any::<i32>(), 0..1_000_000_000u32);
    (path, thing(), 0..0o10000u32, mtime, attribute).prop_map(
        |(path, thing, mode, mtime, attribute)| Planted {
            path,
            thing,
            mode,
            mtime,
            attribute,
        },
    )
}

/// Makes a tree; things whose place is taken are left out.
fn plant(base: &Path, plan: &[Planted]) {
    let mut files = Vec::new();
    for planted in plan {
        let path = base.join(OsStr::from_bytes(&planted.path.join(&b'/')));
        if fs::create_dir_all(path.parent().unwrap()).is_err() {
            continue;
        }
        let done = match &planted.thing {
            Thing::Folder => fs::create_dir(&path),
            Thing::File(bytes) => File::create_new(&path).and_then(|f| f.write_all_at(bytes, 0)),
            Thing::Sparse(at, bytes) => {
                File::create_new(&path).and_then(|f| f.write_all_at(bytes, u64::from(*at)))
            }
            Thing::Link(target) => symlink(OsStr::from_bytes(target), &path),
            Thing::Pipe => mknodat(CWD, &path, FileType::Fifo, Mode::RUSR, 0).map_err(Into::into),
            Thing::HardLink(_) if files.is_empty() => continue,
            Thing::HardLink(number) => fs::hard_link(&files[number % files.len()], &path),
        };
        if done.is_ok() && !matches!(planted.thing, Thing::Folder) {
            files.push(path.clone());
        }
        if done.is_ok() && matches!(planted.thing, Thing::File(_)) {
            adorn(&path, planted);
        }
    }
}

fn adorn(path: &Path, planted: &Planted) {
    if let Some(value) = &planted.attribute {
        let _ = setxattr(path, "user.test", value, XattrFlags::empty());
    }
    let (seconds, nanos) = planted.mtime;
    let distance = Duration::from_secs(seconds.unsigned_abs().into());
    let moment = match seconds < 0 {
        true => SystemTime::UNIX_EPOCH - distance + Duration::new(0, nanos),
        false => SystemTime::UNIX_EPOCH + distance + Duration::new(0, nanos),
    };
    File::open(path).unwrap().set_modified(moment).unwrap();
    // Whoever is not root must still be able to read it.
    let mode = planted.mode | if is_root() { 0 } else { 0o600 };
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

fn forest() -> impl Strategy<Value = Vec<Planted>> {
    prop::collection::vec(planted(), 0..25)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_tree_comes_back(plan in forest()) {
        let (from, to) = (in_memory(), in_memory());
        plant(from.path(), &plan);
        restore(from.path(), to.path(), ALWAYS);
        assert_same(from.path(), to.path());
    }

    #[test]
    fn any_tree_comes_back_over_any_other_one(plan in forest(), before in forest()) {
        let (from, to) = (in_memory(), in_memory());
        plant(from.path(), &plan);
        plant(to.path(), &before);
        // Folders that are in the way of files are moved away by whoever restores.
        let (_, wanted) = entries(from.path());
        for (key, item) in wanted {
            let path = to.path().join(OsStr::from_bytes(&key.path()));
            if item.meta.kind != Kind::Directory && path.symlink_metadata().is_ok_and(|m| m.is_dir()) {
                fs::remove_dir_all(path).unwrap();
            }
        }
        restore(from.path(), to.path(), ALWAYS);
        assert_same(from.path(), to.path());
    }
}
