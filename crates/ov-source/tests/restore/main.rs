//! What is restored is what was there: the source's walk and the sink against each other.

#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod forest;
mod round_trip;
mod sample;

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use ov_format::entry::Kind;
use ov_source::{Notice, Overwrite, SinkOptions};
use proptest::prelude::*;
use rustix::fs::{Mode, OFlags};

use forest::{forest, plant};
use round_trip::{ALWAYS, assert_same, clear, compared, entries, in_memory, is_root, restore};
use sample::fill;

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
