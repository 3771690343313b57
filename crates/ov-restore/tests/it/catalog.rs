//! What is said of files: a second tree beside theirs.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use ov_backup::{Extraction, Extractor, Told};
use ov_format::entry::Kind;
use ov_format::name::ObjectName;
use ov_restore::{FrameReader, SnapshotInfo, Touched, Tree, Void, check_content, dump_file};

use crate::site::{Opened, Site, noise};

/// Repeats a file's bytes backwards, and counts the files that it saw.
struct Backwards(Arc<AtomicUsize>);

impl Extractor for Backwards {
    fn begin(&self, name: &[u8], _: Option<u64>) -> Option<Box<dyn Extraction>> {
        self.0.fetch_add(1, Ordering::Relaxed);
        (!name.ends_with(b".txt")).then(|| Box::new(Seen(Vec::new())) as Box<dyn Extraction>)
    }
}

struct Seen(Vec<u8>);

impl Extraction for Seen {
    fn bytes(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    fn hole(&mut self, _: u64) {}

    fn end(mut self: Box<Self>) -> Told {
        self.0.reverse();
        match self.0.len() % 3 {
            0 => Told::Now(Some(self.0)),
            // Whoever sees many files together says so later.
            _ => Told::Later(Box::new(|| Some(self.0))),
        }
    }
}

/// What a snapshot says of its files, by their last names.
fn said(reader: &FrameReader<'_>, info: &SnapshotInfo) -> BTreeMap<String, Vec<u8>> {
    let mut said = BTreeMap::new();
    for entry in Tree::catalog_of(reader, &info.snapshot).entries() {
        let entry = entry.unwrap();
        assert_eq!(entry.meta.kind, Kind::File);
        assert_eq!((entry.meta.mode, entry.meta.mtime.seconds), (0, 0));
        let mut account = Vec::new();
        dump_file(reader, &entry, 1, &mut account).unwrap();
        assert_eq!(entry.meta.size, u64::try_from(account.len()).unwrap());
        let before = said.insert(String::from_utf8(entry.key.name).unwrap(), account);
        assert!(before.is_none());
    }
    said
}

fn backwards(bytes: &[u8]) -> Vec<u8> {
    bytes.iter().rev().copied().collect()
}

fn observed() -> (Site, Arc<AtomicUsize>) {
    let mut site = Site::new();
    let count = Arc::new(AtomicUsize::new(0));
    site.extractor = Some(Box::new(Backwards(Arc::clone(&count))));
    site.write("a/short", b"short");
    site.write("a/b/middle", &noise(1, 15_000));
    site.write("long", &noise(2, 700_000));
    site.write("unseen.txt", b"nothing is said of this");
    for number in 0..300 {
        site.write(&format!("many/{number}"), &noise(3, 100 + number));
    }
    site.run();
    (site, count)
}

#[test]
fn what_is_said_of_files_stands_at_their_paths_whatever_its_length() {
    let (site, _) = observed();
    let opened = site.open();
    let said = said(&opened.reader(), opened.latest());
    assert_eq!(said.len(), 303);
    assert_eq!(said["short"], b"trohs");
    assert!(said["middle"] == backwards(&noise(1, 15_000)));
    assert!(said["long"] == backwards(&noise(2, 700_000)));
    for number in 0..300 {
        let account = backwards(&noise(3, 100 + number));
        assert!(said[&number.to_string()] == account, "{number}");
    }
    assert!(!said.contains_key("unseen.txt"));
}

#[test]
fn an_unchanged_file_keeps_what_is_said_of_it_without_being_read() {
    let (mut site, count) = observed();
    let first = count.load(Ordering::Relaxed);
    site.write("a/short", b"another");
    site.run();
    assert_eq!(count.load(Ordering::Relaxed), first + 1);
    let opened = site.open();
    let reader = opened.reader();
    let [mut before, after] = [0, 1].map(|at| said(&reader, &opened.snapshots.listed[at]));
    before.insert("short".to_owned(), b"rehtona".to_vec());
    assert!(before == after);
}

#[test]
fn a_snapshot_of_which_nothing_is_said_has_no_catalog() {
    let mut site = Site::new();
    site.write("plain", b"plain");
    site.run();
    let opened = site.open();
    assert_eq!(opened.latest().snapshot.catalog, None);
    assert_eq!(said(&opened.reader(), opened.latest()), BTreeMap::new());
}

/// Flips a byte of the frame that holds the start of an account.
fn damage(site: &Site, opened: &Opened<'_>, name: &str) {
    let reader = opened.reader();
    let mut accounts = Tree::catalog_of(&reader, &opened.latest().snapshot).entries();
    let entry = accounts.find_map(|entry| entry.ok().filter(|e| e.key.name == name.as_bytes()));
    let content = entry.unwrap().content;
    let (_, stretch) = ov_restore::Extents::of(&reader, &content)
        .next()
        .unwrap()
        .unwrap();
    let ov_restore::Stretch::Data { chunk, .. } = stretch else {
        panic!("its account is in chunks");
    };
    let place = opened.graph.places(&chunk.at)[0];
    site.memory.tamper(&ObjectName::Pack(place.pack), |bytes| {
        bytes[usize::try_from(place.offset).unwrap()] ^= 0x80;
    });
}

#[test]
fn keepers_know_what_the_catalog_needs_and_its_damage_is_named() {
    let (site, _) = observed();
    let opened = site.open();
    let whole = check_content(&opened.reader(), &opened.snapshots.listed, 2, &Void);
    assert!(whole.findings.kept.is_empty(), "{:?}", whole.findings.kept);
    assert!(whole.bytes >= 1_400_000, "accounts were read too");
    damage(&site, &opened, "long");
    let check = check_content(&opened.reader(), &opened.snapshots.listed, 2, &Void);
    let touched = check
        .findings
        .kept
        .iter()
        .map(|found| match &found.touched {
            Touched::Account(path, _) => path.to_string(),
            other => panic!("{other:?}"),
        });
    let touched: Vec<String> = touched.collect();
    assert_eq!(touched.len(), 1);
    assert!(touched[0].ends_with("/long"));
}
