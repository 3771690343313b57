//! What a sink does in its target folder, and what it refuses to do.

#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::collections::HashSet;
use std::fs::{self, File};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::time::{Duration, SystemTime};

use ov_format::entry::{EntryKey, Kind, Meta, Time};
use ov_source::{
    Deletion, FileSink, FileStart, FileTarget, FileTree, Found, Made, Notice, Overwrite, Owners,
    Selection, SinkError, SinkOptions, Source,
};
use rustix::fs::{XattrFlags, setxattr};

const ALWAYS: SinkOptions = SinkOptions {
    overwrite: Overwrite::Always,
    owners: Owners::Restore,
};

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
    sink.make_directory(&key("d"), &directory_meta()).unwrap();
    put(&sink, "d/once", b"").unwrap();
    for file in ["file", "d/once"] {
        let file = target.path().join(file);
        let tree = FileTree::new(vec![file], Selection::everything()).unwrap();
        let found = tree.walk().last().unwrap().unwrap();
        assert_eq!(found.meta.xattrs, []);
        assert_eq!(found.meta.mode, 0o640);
    }
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

/// A sink on a folder, with the folder `d` made by it.
fn sink_with_folder(target: &std::path::Path, overwrite: Overwrite) -> FileSink {
    let options = SinkOptions {
        overwrite,
        ..ALWAYS
    };
    let sink = FileSink::create(target, options).unwrap();
    sink.make_directory(&key("d"), &directory_meta()).unwrap();
    sink
}

fn put(sink: &FileSink, path: &str, content: &[u8]) -> Result<Made, SinkError> {
    let meta = file_meta(u64::try_from(content.len()).unwrap());
    sink.put(&key(path), &meta, content)
}

#[test]
fn a_file_put_at_once_has_all_that_one_written_in_pieces_has() {
    let target = tempfile::tempdir().unwrap();
    let sink = sink_with_folder(target.path(), Overwrite::Always);
    let large = vec![7; 600_000];
    write(&sink, "d/pieces", &large);
    assert!(sink.is_new(&key("d/once")) && !sink.is_new(&key("top")));
    for path in ["d/once", "top"] {
        assert_eq!(put(&sink, path, &large).unwrap(), Made::Created);
        let [once, pieces] = [path, "d/pieces"].map(|path| target.path().join(path));
        assert_eq!(fs::read(&once).unwrap(), fs::read(&pieces).unwrap());
        let [once, pieces] = [once, pieces].map(|path| fs::metadata(path).unwrap());
        let all = |meta: &fs::Metadata| {
            let time = (meta.mtime(), meta.mtime_nsec());
            (meta.mode(), meta.uid(), meta.gid(), time)
        };
        assert_eq!(all(&once), all(&pieces));
    }
    let other = Meta {
        mode: 0o4755,
        uid: file_meta(0).uid + 1,
        ..file_meta(0)
    };
    let keep = SinkOptions {
        owners: Owners::Keep,
        ..ALWAYS
    };
    let sink = FileSink::create(target.path(), keep).unwrap();
    sink.make_directory(&key("e"), &directory_meta()).unwrap();
    sink.put(&key("e/program"), &other, b"").unwrap();
    let program = fs::metadata(target.path().join("e/program")).unwrap();
    assert_eq!(program.mode() & 0o7777, 0o755);
    assert_eq!(fs::read_dir(target.path().join("d")).unwrap().count(), 2);
}

#[test]
fn what_a_killed_restore_left_half_is_made_anew_whatever_may_be_overwritten() {
    let whole = b"whole";
    for overwrite in [Overwrite::Always, Overwrite::IfChanged, Overwrite::Never] {
        let target = tempfile::tempdir().unwrap();
        let sink = sink_with_folder(target.path(), overwrite);
        let half = target.path().join("d/file");
        fs::write(&half, b"who").unwrap();
        fs::set_permissions(&half, fs::Permissions::from_mode(0o1000)).unwrap();
        drop(sink);
        // In the next restore the folder is not new.
        let sink = sink_with_folder(target.path(), overwrite);
        assert_eq!(put(&sink, "d/file", whole).unwrap(), Made::Created);
        assert_eq!(fs::read(&half).unwrap(), whole);
        assert_eq!(fs::metadata(&half).unwrap().mode() & 0o7777, 0o640);
        let expected = match overwrite {
            Overwrite::Always => Made::Created,
            Overwrite::IfChanged | Overwrite::Never => Made::Kept,
        };
        assert_eq!(put(&sink, "d/file", whole).unwrap(), expected);
    }
}

#[test]
fn a_file_put_where_one_appeared_meanwhile_replaces_it_or_is_refused() {
    for overwrite in [Overwrite::Always, Overwrite::Never] {
        let target = tempfile::tempdir().unwrap();
        let sink = sink_with_folder(target.path(), overwrite);
        let file = target.path().join("d/file");
        fs::write(&file, b"mine").unwrap();
        let done = put(&sink, "d/file", b"stored");
        match overwrite {
            Overwrite::Never => assert!(matches!(done, Err(SinkError::InTheWay { .. }))),
            _ => assert_eq!(done.unwrap(), Made::Created),
        }
        let expected: &[u8] = match overwrite {
            Overwrite::Never => b"mine",
            _ => b"stored",
        };
        assert_eq!(fs::read(&file).unwrap(), expected);
    }
}

#[test]
fn a_file_put_without_all_of_its_bytes_is_refused_and_leaves_nothing() {
    let target = tempfile::tempdir().unwrap();
    let sink = sink_with_folder(target.path(), Overwrite::Always);
    let short = sink.put(&key("d/file"), &file_meta(9), b"short");
    assert!(matches!(short, Err(SinkError::Incomplete { .. })));
    assert_eq!(fs::read_dir(target.path().join("d")).unwrap().count(), 0);
}
