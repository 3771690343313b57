//! What was backed up comes back.

use std::fs;
use std::os::unix::fs::{FileExt, MetadataExt, PermissionsExt, symlink};
use std::path::Path;
use std::time::{Duration, UNIX_EPOCH};

use crate::world::{World, files};

/// Files as they really are.
fn plans(world: &World) {
    let noise: Vec<u8> = (0..700_000_u32)
        .flat_map(|n| n.wrapping_mul(n ^ 77).to_le_bytes())
        .collect();
    world.write("plans/ct/series.dcm", &noise);
    world.write("plans/empty", "");
    world.write("plans/odd \u{1b}[31m name", "x");
    world.write("plans/text.txt", "radiotherapy plan\n".repeat(5000));
    fs::create_dir(world.path("plans/nothing here")).unwrap();
    symlink("ct/series.dcm", world.path("plans/link")).unwrap();
    fs::hard_link(world.path("plans/text.txt"), world.path("plans/again.txt")).unwrap();
    let sparse = fs::File::create(world.path("plans/sparse")).unwrap();
    sparse.write_at(b"end", 5_000_000).unwrap();
    fs::set_permissions(world.path("plans/empty"), PermissionsExt::from_mode(0o640)).unwrap();
    let old = UNIX_EPOCH + Duration::new(1_000_000_000, 123_456_789);
    fs::File::open(world.path("plans/empty"))
        .unwrap()
        .set_modified(old)
        .unwrap();
    fs::File::open(world.path("plans/ct"))
        .unwrap()
        .set_modified(old)
        .unwrap();
}

fn same_metadata(a: &Path, b: &Path) {
    let (x, y) = (
        fs::symlink_metadata(a).unwrap(),
        fs::symlink_metadata(b).unwrap(),
    );
    let facts = |m: &fs::Metadata| (m.mode(), m.uid(), m.gid(), m.mtime(), m.mtime_nsec());
    assert_eq!(facts(&x), facts(&y), "{}", a.display());
}

#[test]
fn a_restore_is_the_same_bit_for_bit_with_metadata_links_and_holes() {
    let world = World::new();
    plans(&world);
    world.backup("plans");
    let said = world.run(["restore", "latest", "--to", "out", "--verify"]);
    assert_eq!(said.code, 0, "{}", said.err);
    // The paths that were backed up are made again below the folder.
    let from = world.path("plans");
    let to = world.path("out").join(from.strip_prefix("/").unwrap());
    assert_eq!(files(&from), files(&to));
    for name in [
        "ct",
        "ct/series.dcm",
        "empty",
        "nothing here",
        "text.txt",
        "sparse",
        ".",
    ] {
        same_metadata(&from.join(name), &to.join(name));
    }
    assert_eq!(
        fs::read_link(to.join("link")).unwrap(),
        Path::new("ct/series.dcm")
    );
    let inode = |name| fs::metadata(to.join(name)).unwrap().ino();
    assert_eq!(inode("text.txt"), inode("again.txt"));
    assert!(fs::metadata(to.join("sparse")).unwrap().blocks() * 512 < 1_000_000);
}

#[test]
fn a_path_behind_the_snapshot_goes_right_into_the_folder() {
    let world = World::new();
    plans(&world);
    world.backup("plans");
    let wanted = format!("latest:{}", world.arg("plans/ct"));
    assert_eq!(world.run(["restore", &wanted, "--to", "out"]).code, 0);
    assert!(world.path("out/series.dcm").exists());
}

#[test]
fn earlier_snapshots_stay_as_they_were() {
    let world = World::new();
    world.write("data/a", "one");
    let first = world.backup("data");
    world.write("data/a", "two, longer");
    world.backup("data");
    let restored = |spec: &str, to: &str| {
        let wanted = format!("{spec}:{}", world.arg("data"));
        assert_eq!(world.run(["restore", &wanted, "--to", to]).code, 0);
        fs::read_to_string(world.path(to).join("a")).unwrap()
    };
    assert_eq!(restored(&first[..12], "one"), "one");
    assert_eq!(restored("latest~1", "back"), "one");
    assert_eq!(restored("latest", "two"), "two, longer");
}

#[test]
fn a_folder_that_is_not_empty_is_not_touched_unless_that_was_said() {
    let world = World::new();
    world.write("data/a", "backed up");
    world.backup("data");
    let wanted = format!("latest:{}", world.arg("data"));
    world.write("out/a", "mine");
    let restore = ["restore", &wanted, "--to", "out"];
    world
        .run(restore)
        .fails(1, &["out", "not empty", "--overwrite"]);
    let a = || fs::read_to_string(world.path("out/a")).unwrap();
    assert_eq!(a(), "mine");
    assert_eq!(
        world
            .run(restore.iter().chain(&["--overwrite", "never"]))
            .code,
        0
    );
    assert_eq!(a(), "mine");
    assert_eq!(
        world
            .run(restore.iter().chain(&["--overwrite", "always"]))
            .code,
        0
    );
    assert_eq!(a(), "backed up");
}

#[test]
fn a_dry_run_restores_nothing() {
    let world = World::new();
    world.write("data/a", "x");
    world.backup("data");
    let said = world.run(["restore", "latest", "--to", "out", "--dry-run"]);
    assert_eq!(said.code, 0);
    assert!(said.out.contains("1 files"), "{}", said.out);
    assert!(!world.path("out").exists());
}

#[test]
fn a_damaged_pack_costs_the_files_in_it_and_no_others() {
    let world = World::new();
    let noise = |salt: u32| -> Vec<u8> {
        (0..300_000_u32)
            .flat_map(|n| (n ^ salt).wrapping_mul(2_654_435_761).to_le_bytes())
            .collect()
    };
    world.write("data/first", noise(1));
    world.backup("data");
    let packs = files(&world.path("vault/pack"));
    world.write("data/second", noise(2));
    world.backup("data");
    // The first pack, in the middle of its content.
    let path = world.path("vault/pack").join(&packs[0].0);
    let mut bytes = packs[0].1.clone();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::set_permissions(&path, PermissionsExt::from_mode(0o600)).unwrap();
    fs::write(&path, bytes).unwrap();
    let wanted = format!("latest:{}", world.arg("data"));
    world
        .run(["restore", &wanted, "--to", "out"])
        .fails(20, &["first"]);
    assert_eq!(fs::read(world.path("out/second")).unwrap(), noise(2));
    assert!(!world.path("out/first").exists());
}

#[test]
fn a_file_is_dumped_and_a_folder_becomes_an_archive() {
    let world = World::new();
    world.write("data/a", "content");
    world.backup("data");
    let said = world.run(["dump", &format!("latest:{}", world.arg("data/a"))]);
    assert_eq!((said.code, &*said.out), (0, "content"));
    let folder = format!("latest:{}", world.arg("data"));
    world.run(["dump", &folder]).fails(2, &["--archive"]);
    let said = world.run(["dump", &folder, "--archive", "tar", "--to", "a.tar"]);
    assert_eq!(said.code, 0, "{}", said.err);
    let tar = fs::read(world.path("a.tar")).unwrap();
    assert!(tar.windows(7).any(|bytes| bytes == b"content"));
    world
        .run(["dump", &folder, "--archive", "zip", "--to", "a.tar"])
        .fails(1, &["a.tar"]);
    assert_eq!(fs::read(world.path("a.tar")).unwrap(), tar);
}
