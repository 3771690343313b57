//! What those see who are not root. Under root, each test runs in a thread that is not.

#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::Path;

use ov_format::entry::{EntryKey, Kind, Meta, Time};
use ov_source::{
    FileSink, FileStart, FileTree, Item, Notice, Owners, Selection, SinkError, SinkOptions, Source,
    SourceError,
};
use rustix::process::{Gid, Uid};
use rustix::thread::{set_thread_groups, set_thread_res_gid, set_thread_res_uid};
use tempfile::TempDir;

const NOBODY: u32 = 65_534;

/// Runs `test` in a folder of its own as a user without privileges.
fn without_privileges(test: impl FnOnce(&Path) + Send) {
    let dir = TempDir::new().unwrap();
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let root = rustix::process::geteuid().is_root();
    if root {
        chown(dir.path(), Some(NOBODY), Some(NOBODY)).unwrap();
    }
    let drop_privileges = || {
        let (uid, gid) = (Uid::from_raw(NOBODY), Gid::from_raw(NOBODY));
        set_thread_groups(&[gid]).unwrap();
        set_thread_res_gid(gid, gid, gid).unwrap();
        set_thread_res_uid(uid, uid, uid).unwrap();
    };
    std::thread::scope(|scope| {
        let running = scope.spawn(|| {
            if root {
                drop_privileges();
            }
            test(dir.path());
        });
        running.join().unwrap();
    });
}

fn mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

fn tree(root: &Path) -> FileTree {
    FileTree::new(vec![root.to_path_buf()], Selection::everything()).unwrap()
}

fn named<'a>(items: &'a [Item], name: &str) -> &'a Item {
    let found = items.iter().find(|item| item.key.name == name.as_bytes());
    found.unwrap()
}

fn meta(mode: u32) -> Meta {
    Meta {
        kind: Kind::File,
        mode,
        uid: 1,
        gid: 1,
        user: Vec::new(),
        group: Vec::new(),
        mtime: Time {
            seconds: 7,
            nanos: 7,
        },
        size: 0,
        xattrs: Vec::new(),
        link_group: None,
    }
}

fn key(path: &str) -> EntryKey {
    EntryKey::from_path(path.as_bytes()).unwrap()
}

fn put(sink: &FileSink, path: &str, meta: &Meta) -> Result<(), SinkError> {
    match sink.file(&key(path), meta)? {
        FileStart::Write(file) => file.finish(meta),
        FileStart::Kept => Ok(()),
    }
}

#[test]
fn a_folder_that_may_not_be_listed_is_an_item_with_a_problem() {
    without_privileges(|dir| {
        for name in ["closed", "no-search", "open"] {
            fs::create_dir(dir.join(name)).unwrap();
            fs::write(dir.join(name).join("inside"), name).unwrap();
        }
        mode(&dir.join("closed"), 0o000);
        mode(&dir.join("no-search"), 0o400);
        let items: Vec<Item> = tree(dir).walk().map(Result::unwrap).collect();
        let closed = named(&items, "closed");
        assert_eq!(closed.meta.kind, Kind::Directory);
        assert!(closed.problem.as_ref().unwrap().contains("denied"));
        assert_eq!(named(&items, "open").problem, None);
        let inside = items.iter().filter(|item| item.key.name == b"inside");
        let problems: Vec<bool> = inside.map(|item| item.problem.is_some()).collect();
        // One could not be looked at and is recorded with the reason; one is well.
        assert_eq!(problems, [true, false]);
        mode(&dir.join("closed"), 0o700);
        mode(&dir.join("no-search"), 0o700);
    });
}

#[test]
fn a_file_that_may_not_be_read_says_so_when_opened() {
    without_privileges(|dir| {
        let path = dir.join("secret");
        fs::write(&path, b"x").unwrap();
        mode(&path, 0o000);
        let tree = tree(dir);
        let items: Vec<Item> = tree.walk().map(Result::unwrap).collect();
        let error = tree.open(named(&items, "secret")).err().unwrap();
        assert!(matches!(error, SourceError::Unreadable { .. }));
        assert!(error.to_string().contains("secret"));
    });
}

#[test]
fn files_of_others_are_read_though_their_access_time_cannot_be_kept() {
    without_privileges(|_| {
        let tree = tree(Path::new("/etc/passwd"));
        let items: Vec<Item> = tree.walk().map(Result::unwrap).collect();
        assert!(tree.open(named(&items, "passwd")).is_ok());
    });
}

#[test]
fn owners_that_cannot_be_set_are_told_and_privileges_left_off() {
    without_privileges(|dir| {
        let sink = FileSink::create(dir, SinkOptions::default()).unwrap();
        put(&sink, "file", &meta(0o6755)).unwrap();
        let found = fs::metadata(dir.join("file")).unwrap();
        assert_eq!(found.mode() & 0o7777, 0o755);
        assert_eq!(found.mtime(), 7);
        let notices = sink.take_notices().kept;
        assert!(matches!(notices[0], Notice::OwnerNotSet { .. }));
        assert!(matches!(notices[1], Notice::PrivilegeDropped { .. }));
        assert_eq!(notices.len(), 2);
    });
}

#[test]
fn owners_that_are_required_and_cannot_be_set_fail_the_item_and_leave_no_file() {
    without_privileges(|dir| {
        let options = SinkOptions {
            owners: Owners::Require,
            ..SinkOptions::default()
        };
        let sink = FileSink::create(dir, options).unwrap();
        let error = put(&sink, "file", &meta(0o644)).unwrap_err();
        assert!(error.to_string().contains("set the owner of file"));
        assert!(!dir.join("file").exists());
    });
}

#[test]
fn read_only_files_and_closed_folders_are_restored_over_themselves() {
    without_privileges(|dir| {
        let attribute = (b"user.note".to_vec(), b"x".to_vec());
        let file = Meta {
            xattrs: vec![attribute],
            ..meta(0o444)
        };
        let folder = Meta {
            kind: Kind::Directory,
            ..meta(0o000)
        };
        for _ in 0..2 {
            let sink = FileSink::create(dir, SinkOptions::default()).unwrap();
            sink.make_directory(&key("a"), &folder).unwrap();
            sink.make_directory(&key("a/b"), &folder).unwrap();
            put(&sink, "a/b/file", &file).unwrap();
            assert!(sink.finish_directories().is_empty());
            let other = |notice: &Notice| !matches!(notice, Notice::OwnerNotSet { .. });
            assert!(!sink.take_notices().kept.iter().any(other));
            assert_eq!(fs::metadata(dir.join("a")).unwrap().mode() & 0o7777, 0);
        }
        mode(&dir.join("a"), 0o700);
        mode(&dir.join("a/b"), 0o700);
        let found = fs::metadata(dir.join("a/b/file")).unwrap();
        assert_eq!(found.mode() & 0o7777, 0o444);
    });
}

#[test]
fn a_device_that_cannot_be_made_is_an_error_that_names_it() {
    without_privileges(|dir| {
        let sink = FileSink::create(dir, SinkOptions::default()).unwrap();
        let device = Meta {
            kind: Kind::CharDevice { major: 1, minor: 3 },
            ..meta(0o666)
        };
        let error = sink.make_special(&key("null"), &device).unwrap_err();
        assert!(error.to_string().contains("cannot create null"));
    });
}
