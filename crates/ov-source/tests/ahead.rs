//! What is looked at before the walk comes to it, and what is looked at only where it counts.

#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use ov_format::entry::{EntryKey, Kind};
use ov_source::{FileTree, Item, Selection, Source};
use tempfile::TempDir;

fn tree(root: &Path) -> FileTree {
    FileTree::new(vec![root.to_path_buf()], Selection::everything()).unwrap()
}

fn key(path: &Path) -> EntryKey {
    EntryKey::from_path(&path.as_os_str().as_bytes()[1..]).unwrap()
}

fn find<'a>(items: &'a [Item], path: &Path) -> &'a Item {
    items.iter().find(|item| item.key == key(path)).unwrap()
}

/// Large folders side by side are looked at by several threads before the walk comes to them.
#[test]
fn large_folders_side_by_side_come_in_order_and_as_they_are() {
    let dir = TempDir::new().unwrap();
    for (folder, files) in [
        ("a", 300),
        ("b", 1300),
        ("c", 200),
        ("d", 150),
        ("e", 3),
        ("f", 140),
    ] {
        for number in 0..files {
            let path = dir.path().join(format!("{folder}/{number:04}"));
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, vec![0; number % 17]).unwrap();
        }
    }
    fs::create_dir(dir.path().join("c/below")).unwrap();
    fs::write(dir.path().join("c/below/1"), b"1").unwrap();
    symlink("0001", dir.path().join("d/link")).unwrap();
    fs::set_permissions(dir.path().join("f/0077"), fs::Permissions::from_mode(0o600)).unwrap();
    let mut wanted: Vec<PathBuf> = Vec::new();
    let mut folders = vec![dir.path().to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            wanted.push(entry.unwrap().path());
            if wanted.last().unwrap().symlink_metadata().unwrap().is_dir() {
                folders.push(wanted.last().unwrap().clone());
            }
        }
    }
    wanted.sort_by_key(|path| key(path));
    let tree = tree(dir.path());
    for steps in [tree.walk(), tree.walk_briefly()] {
        let found: Vec<Item> = steps.map(Result::unwrap).collect();
        let found = &found[found.len() - wanted.len()..];
        for (item, path) in found.iter().zip(&wanted) {
            let meta = path.symlink_metadata().unwrap();
            assert_eq!(item.key, key(path));
            let size = if meta.is_file() { meta.len() } else { 0 };
            assert_eq!((item.fingerprint.inode, item.meta.size), (meta.ino(), size));
            assert_eq!(item.meta.mode, meta.mode() & 0o7777);
            assert_eq!(item.meta.kind == Kind::Directory, meta.is_dir());
        }
    }
}

#[test]
fn what_a_brief_look_leaves_out_a_closer_one_adds() {
    let dir = TempDir::new().unwrap();
    let file = dir.path().join("file");
    fs::write(&file, b"text").unwrap();
    symlink("file", dir.path().join("link")).unwrap();
    let set = rustix::fs::setxattr(&file, "user.note", b"n", rustix::fs::XattrFlags::empty());
    let tree = tree(dir.path());
    let closely: Vec<Item> = tree.walk().map(Result::unwrap).collect();
    let mut briefly: Vec<Item> = tree.walk_briefly().map(Result::unwrap).collect();
    let link = dir.path().join("link");
    assert_eq!(find(&briefly, &link).meta.kind, Kind::Symlink(Vec::new()));
    assert!(find(&briefly, &file).meta.xattrs.is_empty());
    briefly.iter_mut().for_each(|item| tree.look_closer(item));
    for (brief, close) in briefly.iter().zip(&closely) {
        assert_eq!((&brief.key, &brief.meta), (&close.key, &close.meta));
    }
    assert_eq!(
        find(&briefly, &link).meta.kind,
        Kind::Symlink(b"file".to_vec())
    );
    assert_eq!(
        find(&briefly, &file).meta.xattrs.len(),
        usize::from(set.is_ok())
    );
}
