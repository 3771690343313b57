//! Generated trees.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileExt, PermissionsExt, symlink};
use std::path::Path;
use std::time::{Duration, SystemTime};

use ov_format::entry::EntryKey;
use proptest::prelude::*;
use rustix::fs::{CWD, FileType, Mode, XattrFlags, mknodat, setxattr};

use crate::round_trip::is_root;

#[derive(Clone, Debug)]
pub struct Planted {
    path: Vec<Vec<u8>>,
    thing: Thing,
    mode: u32,
    mtime: (i32, u32),
    attribute: Option<Vec<u8>>,
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

pub fn forest() -> impl Strategy<Value = Vec<Planted>> {
    prop::collection::vec(planted(), 0..25)
}

/// Makes a tree; things whose place is taken are left out.
pub fn plant(base: &Path, plan: &[Planted]) {
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

fn name() -> impl Strategy<Value = Vec<u8>> {
    let plain = prop::sample::select(vec![&b"a"[..], b"b", b"a-b", b"a.b", b"\xff", b"\n"]);
    let odd = prop::collection::vec(any::<u8>(), 1..12).prop_filter("a name", |name| {
        EntryKey::new(*b"", name.clone()).is_clean()
    });
    prop_oneof![4 => plain.prop_map(<[u8]>::to_vec), 1 => odd]
}
