//! Any tree of files that a generator thinks of comes back through the whole program.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use proptest::collection::vec;
use proptest::prelude::*;

use crate::site::{Site, noise, same};

#[derive(Clone, Debug)]
enum Thing {
    File {
        bytes: u64,
        length: usize,
        mode: u32,
    },
    Sparse {
        at: u64,
    },
    Folder,
    Link(Vec<u8>),
    SameAs(prop::sample::Index),
    Fifo,
    Attribute(Vec<u8>),
}

fn name() -> impl Strategy<Value = Vec<u8>> {
    let fine = |name: &Vec<u8>| name != b"." && name != b"..";
    let byte = prop_oneof![3 => b'a'..=b'z', 1 => any::<u8>()];
    vec(
        byte.prop_filter("no separator", |b| *b != 0 && *b != b'/'),
        1..12,
    )
    .prop_filter("no dots", fine)
}

fn thing() -> impl Strategy<Value = Thing> {
    let length = prop_oneof![0..600usize, 600..70_000usize, 250_000..600_000usize];
    prop_oneof![
        5 => (any::<u64>(), length, 0o400u32..0o1000).prop_map(|(bytes, length, mode)| Thing::File { bytes, length, mode }),
        1 => (1u64..40_000_000).prop_map(|at| Thing::Sparse { at }),
        3 => Just(Thing::Folder),
        1 => name().prop_map(Thing::Link),
        1 => any::<prop::sample::Index>().prop_map(Thing::SameAs),
        1 => Just(Thing::Fifo),
        1 => vec(any::<u8>(), 0..40).prop_map(Thing::Attribute),
    ]
}

/// Makes each thing in a folder that was made before it, by its choice.
fn build(root: &Path, things: &[(prop::sample::Index, Vec<u8>, Thing)]) {
    let mut folders = vec![root.to_owned()];
    let mut files: Vec<PathBuf> = Vec::new();
    for (folder, name, thing) in things {
        let path = folder.get(&folders).join(OsStr::from_bytes(name));
        if path.symlink_metadata().is_ok() {
            continue;
        }
        match thing {
            Thing::File {
                bytes,
                length,
                mode,
            } => {
                fs::write(&path, noise(*bytes, *length)).unwrap();
                fs::set_permissions(&path, fs::Permissions::from_mode(*mode)).unwrap();
                files.push(path);
            }
            Thing::Sparse { at } => {
                let file = fs::File::create(&path).unwrap();
                file.write_all_at(b"after the hole", *at).unwrap();
                files.push(path);
            }
            Thing::Folder => {
                fs::create_dir(&path).unwrap();
                folders.push(path);
            }
            Thing::Link(target) => symlink(OsStr::from_bytes(target), &path).unwrap(),
            Thing::SameAs(_) if files.is_empty() => {}
            Thing::SameAs(other) => fs::hard_link(other.get(&files), &path).unwrap(),
            Thing::Fifo => {
                let made = Command::new("mkfifo").arg(&path).status().unwrap();
                assert!(made.success());
            }
            Thing::Attribute(value) => {
                fs::write(&path, b"with an attribute").unwrap();
                let hex: String = value.iter().map(|byte| format!("{byte:02x}")).collect();
                // Where the file system has no such attributes the file is a plain one.
                let _ = Command::new("setfattr")
                    .args(["-n", "user.oncovault", "-v", &format!("0x{hex}")])
                    .arg(&path)
                    .output();
                files.push(path);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..Default::default() })]

    #[test]
    fn any_tree_comes_back(things in vec((any::<prop::sample::Index>(), name(), thing()), 0..40)) {
        let site = Site::new();
        let data = site.path("data");
        fs::create_dir(&data).unwrap();
        build(&data, &things);
        site.backup(&data);
        same(&data, &site.restore("latest", &data, "out"));
    }
}
