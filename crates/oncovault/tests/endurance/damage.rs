//! Objects damaged in every way: named, gone around, and made whole from a copy.

use std::path::{Path, PathBuf};

use crate::site::{Site, noise, same};

fn objects(vault: &Path, kind: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![vault.join(kind)];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let entry = entry.unwrap();
            match entry.file_type().unwrap().is_dir() {
                true => folders.push(entry.path()),
                false => found.push(entry.path()),
            }
        }
    }
    found.sort();
    found
}

fn write(path: &Path, bytes: &[u8]) {
    std::fs::remove_file(path).unwrap();
    std::fs::write(path, bytes).unwrap();
}

#[derive(Clone, Copy, Debug)]
enum Harm {
    Flip(usize),
    Cut,
    Empty,
    Gone,
}

fn harm(path: &Path, harm: Harm) {
    let bytes = std::fs::read(path).unwrap();
    match harm {
        Harm::Flip(eighth) => {
            let mut bytes = bytes;
            let at = (bytes.len() - 1) * eighth / 8;
            bytes[at] ^= 0x10;
            write(path, &bytes);
        }
        Harm::Cut => write(path, &bytes[..bytes.len() / 2]),
        Harm::Empty => write(path, b""),
        Harm::Gone => std::fs::remove_file(path).unwrap(),
    }
}

fn filled() -> (Site, PathBuf) {
    let site = Site::new();
    let data = site.path("data");
    for n in 0..60 {
        site.write(&format!("data/small/{n}"), &noise(n, 3000));
    }
    for n in 0..4 {
        site.write(&format!("data/large/{n}"), &noise(100 + n, 2_000_000));
    }
    site.backup(&data);
    site.write("data/small/new", &noise(999, 5000));
    site.backup(&data);
    (site, data)
}

const HARMS: [Harm; 8] = [
    Harm::Flip(0),
    Harm::Flip(2),
    Harm::Flip(4),
    Harm::Flip(6),
    Harm::Flip(8),
    Harm::Cut,
    Harm::Empty,
    Harm::Gone,
];

#[test]
fn check_names_every_damaged_object_and_repair_makes_it_whole_from_a_copy() {
    let (site, data) = filled();
    let copy = site.path("copy").display().to_string();
    site.ok(&["copy", "--to", &copy]);
    let vault = PathBuf::from(&site.vault);
    for kind in ["pack", "log"] {
        let all = objects(&vault, kind);
        // The first record is what the vault is known by: its loss has a test of its own.
        let skip = if kind == "log" { 1 } else { 0 };
        for (object, harmed) in all.iter().skip(skip).zip(HARMS.iter().cycle()) {
            harm(object, *harmed);
            let named = object.file_name().unwrap().to_str().unwrap();
            let hash = named.rsplit('-').next().unwrap();
            let said = site.fails(20, &["check", "--read-data"]);
            assert!(
                said.contains(&hash[..8]),
                "{kind} {harmed:?} {named}: {said}"
            );
            site.ok(&["repair", "--from", &copy]);
            site.ok(&["check", "--read-data", "--with-keys"]);
        }
    }
    same(&data, &site.restore("latest", &data, "out"));
}

#[test]
fn files_that_are_not_touched_by_damage_still_come_back() {
    let (site, data) = filled();
    let vault = PathBuf::from(&site.vault);
    let largest = objects(&vault, "pack")
        .into_iter()
        .max_by_key(|path| path.metadata().unwrap().len());
    harm(&largest.unwrap(), Harm::Flip(4));
    let to = site.path("out");
    let said = site.fails(20, &["restore", "latest", "--to", to.to_str().unwrap()]);
    assert!(said.contains("data/"), "it names no file: {said}");
    let restored = to.join(data.strip_prefix("/").unwrap());
    let mut whole = 0;
    for entry in std::fs::read_dir(restored.join("large")).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name();
        if entry.metadata().unwrap().len() == 2_000_000 && !name.to_string_lossy().starts_with('.')
        {
            let original = std::fs::read(data.join("large").join(&name)).unwrap();
            assert_eq!(
                std::fs::read(entry.path()).unwrap(),
                original,
                "{name:?} came back wrong"
            );
            whole += 1;
        }
    }
    assert!(
        (2..4).contains(&whole),
        "{whole} of 4 large files came back whole"
    );
}
