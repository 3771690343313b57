//! Files that want to crash whoever reads them: every one is backed up and comes back.
//!
//! `ONCOVAULT_TEST_MUTANTS` says how many; a few hundred without it.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::site::{Site, same, samples};

/// Of these kinds of sample files.
const KINDS: [&str; 6] = [
    "dicom",
    "radiotherapy",
    "fhir",
    "hl7v2",
    "genomics",
    "trials",
];

/// Of files no longer than this, in bytes.
const LONGEST: u64 = 200_000;

/// How deep a nest is.
const DEPTH: usize = 100_000;

fn wanted() -> usize {
    let said = std::env::var("ONCOVAULT_TEST_MUTANTS").ok();
    said.and_then(|said| said.parse().ok()).unwrap_or(300)
}

fn originals(samples: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders: Vec<PathBuf> = KINDS.iter().map(|kind| samples.join(kind)).collect();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let entry = entry.unwrap();
            let kind = entry.file_type().unwrap();
            if kind.is_dir() {
                folders.push(entry.path());
            } else if kind.is_file() && entry.metadata().unwrap().len() <= LONGEST {
                found.push(entry.path());
            }
        }
    }
    found.sort();
    found
}

/// Numbers that look random and are the same each time (xorshift64).
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % u64::try_from(bound.max(1)).unwrap()).unwrap()
    }
}

/// Flips, cuts, overwrites and repeats, near the beginning most of all.
fn mutate(bytes: &mut Vec<u8>, numbers: &mut Numbers) {
    for _ in 0..=numbers.below(4) {
        let range = match numbers.below(3) {
            0 => bytes.len(),
            _ => bytes.len().min(2048),
        };
        if range == 0 {
            return;
        }
        let at = numbers.below(range);
        match numbers.below(4) {
            0 => bytes[at] ^= 1 << numbers.below(8),
            1 => bytes.truncate(at.max(1)),
            2 => {
                let end = (at + numbers.below(16) + 1).min(bytes.len());
                bytes[at..end].fill(0xff);
            }
            _ => {
                let again = bytes[at..(at + 40).min(bytes.len())].to_vec();
                bytes.splice(at..at, again);
            }
        }
    }
}

/// Two hundred megabytes of nothing in two hundred kilobytes.
fn bomb(path: &Path) {
    let file = std::fs::File::create(path).unwrap();
    let mut gzip = Command::new("gzip")
        .arg("-c")
        .stdin(Stdio::piped())
        .stdout(file)
        .spawn()
        .unwrap();
    let mut into = gzip.stdin.take().unwrap();
    let nothing = vec![0; 1 << 20];
    for _ in 0..200 {
        std::io::Write::write_all(&mut into, &nothing).unwrap();
    }
    drop(into);
    assert!(gzip.wait().unwrap().success());
}

#[test]
fn files_that_want_to_crash_their_reader_are_all_backed_up() {
    let Some(samples) = samples() else { return };
    let site = Site::new();
    let data = site.path("data");
    std::fs::create_dir_all(&data).unwrap();
    let originals = originals(&samples);
    let mut numbers = Numbers(0x9e37_79b9_7f4a_7c15);
    for (number, path) in originals.iter().cycle().take(wanted()).enumerate() {
        let mut bytes = std::fs::read(path).unwrap();
        mutate(&mut bytes, &mut numbers);
        let name = path.file_name().unwrap().to_string_lossy();
        std::fs::write(data.join(format!("{number}-{name}")), bytes).unwrap();
    }
    std::fs::write(data.join("nest.json"), "[".repeat(DEPTH)).unwrap();
    std::fs::write(data.join("nest.xml"), "<a>".repeat(DEPTH)).unwrap();
    bomb(&data.join("bomb.vcf.gz"));
    bomb(&data.join("bomb.bam"));
    let said = site.backup(&data);
    assert_eq!(said["files_new"], wanted() + 4, "{said}");
    let snapshot = site.snapshots().pop().unwrap();
    same(&data, &site.restore(&snapshot, &data, "back"));
    site.ok(&["find", "--unassigned"]);
}
