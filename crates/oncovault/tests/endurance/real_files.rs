//! Real clinical and research files: back up, change, back up, restore each snapshot.

use std::os::unix::fs::{FileExt, symlink};
use std::path::Path;

use crate::site::{Site, copy, noise, same, samples};

/// Changes about one file in a hundred, in the middle; and adds, removes and renames some.
fn change(folder: &Path) -> usize {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let entry = entry.unwrap();
            match entry.file_type().unwrap() {
                kind if kind.is_dir() => folders.push(entry.path()),
                kind if kind.is_file() => files.push(entry.path()),
                _ => {}
            }
        }
    }
    files.sort();
    let changed: Vec<_> = files.iter().skip(7).step_by(100).collect();
    for file in &changed {
        let length = std::fs::metadata(file).unwrap().len();
        let open = std::fs::OpenOptions::new().write(true).open(file).unwrap();
        open.write_all_at(b"changed", length / 2).unwrap();
    }
    std::fs::remove_file(&files[0]).unwrap();
    std::fs::rename(&files[1], folder.join("renamed")).unwrap();
    std::fs::write(folder.join("added"), noise(1, 100_000)).unwrap();
    changed.len() + 2
}

fn lifecycle(site: &Site, original: &Path) {
    let data = site.path("data");
    copy(original, &data);
    // Files that are younger than two seconds when they are read may change again within the same
    // tick of their clock, so the next run reads them again: these are older.
    std::thread::sleep(std::time::Duration::from_secs(4));
    let first = site.backup(&data);
    let again = site.backup(&data);
    assert_eq!(again["bytes_read"], 0, "{again}");
    assert_eq!(again["files_unmodified"], first["files_new"]);
    let before = site.path("before");
    copy(&data, &before);
    let changed = change(&data);
    let third = site.backup(&data);
    let seen = |key: &str| third[key].as_u64().unwrap();
    assert_eq!(
        seen("files_new") + seen("files_changed"),
        changed as u64,
        "{third}"
    );

    let snapshots = site.snapshots();
    assert_eq!(snapshots.len(), 3);
    same(&before, &site.restore(&snapshots[0], &data, "first"));
    same(&before, &site.restore(&snapshots[1], &data, "second"));
    same(&data, &site.restore(&snapshots[2], &data, "third"));
    site.ok(&["check", "--read-data", "--with-keys"]);
}

#[test]
fn all_real_files_come_back_with_their_metadata() {
    let Some(samples) = samples() else { return };
    lifecycle(&Site::new(), &samples);
}

#[test]
fn real_files_come_back_from_a_bucket() {
    let Some(samples) = samples() else { return };
    let Some(server) = ov_store::testing::Seaweed::shared() else {
        return;
    };
    server.bucket("real-files");
    let environment = server.environment(ov_store::testing::Identity::Admin);
    let site = Site::at("s3://real-files/vault", environment);
    lifecycle(&site, &samples);
}

#[test]
fn files_as_they_really_are_come_back() {
    let site = Site::new();
    let data = site.path("data");
    std::fs::create_dir(&data).unwrap();
    let odd: &[&[u8]] = &[
        b"\xff\xfe not utf-8",
        b"new\nline",
        b"-dash",
        b" space ",
        "\u{e9}\u{1f9ec}".as_bytes(),
    ];
    for name in odd {
        let name = <std::ffi::OsStr as std::os::unix::ffi::OsStrExt>::from_bytes(name);
        std::fs::write(data.join(name), name.as_encoded_bytes()).unwrap();
    }
    std::fs::write(data.join("empty"), b"").unwrap();
    std::fs::write(data.join("linked"), noise(3, 700_000)).unwrap();
    std::fs::hard_link(data.join("linked"), data.join("other name")).unwrap();
    symlink("nowhere/at/all", data.join("dangling")).unwrap();
    symlink("/etc/passwd", data.join("absolute")).unwrap();
    let sparse = std::fs::File::create(data.join("sparse")).unwrap();
    sparse.write_all_at(b"begin", 0).unwrap();
    sparse.write_all_at(b"end", 50_000_000).unwrap();
    let mut deep = data.join("deep");
    for _ in 0..200 {
        deep.push("d");
    }
    std::fs::create_dir_all(&deep).unwrap();
    std::fs::write(deep.join("bottom"), b"reached").unwrap();
    site.backup(&data);
    let restored = site.restore("latest", &data, "out");
    same(&data, &restored);
    let blocks = std::os::unix::fs::MetadataExt::blocks(
        &std::fs::metadata(restored.join("sparse")).unwrap(),
    );
    assert!(blocks < 1000, "the hole was filled: {blocks} blocks");
}
