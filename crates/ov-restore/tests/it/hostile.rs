//! Pages that no honest agent writes are refused, and what is beside them is still read.

use ov_format::content::{ChunkRef, Content, Extent, ExtentPage};
use ov_format::entry::{Entry, EntryKey, Kind, Meta, ReadState, Time};
use ov_format::extents::ExtentList;
use ov_format::page::{Page, PagePointer};
use ov_restore::{
    EntryError, Filter, PageFault, Part, ReadError, RestoreOptions, Tree, Void, check_content,
    restore,
};

use crate::forge::Forge;
use crate::site::{Site, look, wanted};

fn file(name: &str, content: Content, size: u64) -> Entry {
    Entry {
        key: EntryKey::new(*b"", name),
        meta: Meta {
            kind: Kind::File,
            mode: 0o600,
            uid: 0,
            gid: 0,
            user: Vec::new(),
            group: Vec::new(),
            mtime: Time::default(),
            size,
            xattrs: Vec::new(),
            link_group: None,
        },
        content,
        state: ReadState::Clean,
    }
}

pub fn inline(name: &str) -> Entry {
    let content = Content::Inline(name.as_bytes().to_vec());
    file(name, content, u64::try_from(name.len()).unwrap())
}

fn leaf(names: &[&str]) -> Vec<u8> {
    Page::Leaf(names.iter().map(|name| inline(name)).collect()).encode()
}

fn pointer(first: &str, chunk: ChunkRef) -> PagePointer {
    PagePointer {
        first: EntryKey::new(*b"", first),
        chunk,
        entries: 2,
        bytes: 2,
    }
}

fn index(level: u8, children: Vec<PagePointer>) -> Vec<u8> {
    Page::Index { level, children }.encode()
}

/// Names that a walk gives, and why pages were refused.
fn walked(site: &Site) -> (Vec<String>, Vec<PageFault>) {
    let opened = site.open();
    let reader = opened.reader();
    let (mut names, mut faults) = (Vec::new(), Vec::new());
    for entry in Tree::of(&reader, &opened.latest().snapshot).entries() {
        match entry.map_err(|error| *error.source) {
            Ok(entry) => names.push(String::from_utf8(entry.key.name).unwrap()),
            Err(ReadError::Page { why, .. }) => faults.push(why),
            Err(other) => panic!("{other}"),
        }
    }
    (names, faults)
}

#[test]
fn pages_that_do_not_stand_where_they_say_are_refused_and_the_others_read() {
    for (bad, first, fault) in [
        (leaf(&["b", "c"]), "a1", PageFault::First),
        (leaf(&["b", "y"]), "b", PageFault::Order),
        (leaf(&[]), "b", PageFault::Empty),
    ] {
        let mut site = Site::new();
        let mut forge = Forge::new(&mut site);
        let before = forge.page(leaf(&["a"]));
        let bad = forge.page(bad);
        let after = forge.page(leaf(&["x", "z"]));
        let children = vec![
            pointer("a", before),
            pointer(first, bad),
            pointer("x", after),
        ];
        let root = forge.page(index(1, children));
        forge.commit(root, 1);
        let (names, faults) = walked(&site);
        assert_eq!(names, ["a", "x", "z"]);
        assert_eq!(faults, [fault]);
    }
}

#[test]
fn a_page_of_another_level_is_refused_so_no_tree_is_endless() {
    let mut site = Site::new();
    let mut forge = Forge::new(&mut site);
    let a = forge.page(leaf(&["a"]));
    let inner = forge.page(index(1, vec![pointer("a", a)]));
    let root = forge.page(index(1, vec![pointer("a", inner)]));
    forge.commit(root, 1);
    assert_eq!(walked(&site), (Vec::new(), vec![PageFault::Level]));
    let mut forge = Forge::new(&mut site);
    let root = forge.page(leaf(&["a"]));
    forge.commit(root, 7);
    assert_eq!(walked(&site), (Vec::new(), vec![PageFault::Level]));
}

#[test]
fn junk_where_a_page_should_be_is_refused() {
    let mut site = Site::new();
    let mut forge = Forge::new(&mut site);
    let root = forge.page(b"no page at all".to_vec());
    forge.commit(root, 0);
    let (names, faults) = walked(&site);
    assert!(names.is_empty());
    assert!(matches!(faults[..], [PageFault::Format(_)]));
}

fn failures(site: &Site) -> (Vec<String>, Vec<String>) {
    let opened = site.open();
    let reader = opened.reader();
    let (part, filter) = (Part::Whole, Filter::default());
    let wanted = wanted(&reader, opened.latest(), &part, &filter);
    let target = tempfile::tempdir().unwrap();
    let options = RestoreOptions::default();
    let report = restore(&wanted, target.path(), &options, &Void).unwrap();
    let shown = |error: &EntryError| match error {
        EntryError::Read(error) => match &**error {
            ReadError::Page { why, .. } => format!("{why:?}"),
            ReadError::Chunk { .. } => "Chunk".to_owned(),
            other => format!("{other:?}"),
        },
        EntryError::Size { .. } => "Size".to_owned(),
        other => format!("{other:?}"),
    };
    let failed = report.failures.kept.iter();
    let failed = failed.map(|failure| format!("{} {}", failure.path, shown(&failure.error)));
    let mut failed: Vec<String> = failed.collect();
    failed.sort();
    let mut names: Vec<String> = look(target.path()).into_keys().collect();
    names.retain(|name| name.len() == 1);
    (names, failed)
}

#[test]
fn content_that_lies_fails_its_file_alone() {
    let mut site = Site::new();
    let mut forge = Forge::new(&mut site);
    let good = forge.content(b"good");
    let junk = forge.junk(b"junk");
    let data = |chunk, length| Extent::Data { chunk, length };
    let list = |extents: Vec<Extent>| ExtentList::Extents(extents).encode();
    let four = forge.page(list(vec![data(good, 4)]));
    let nothing = forge.page(list(vec![data(good, 4), Extent::Hole { length: 0 }]));
    let paged = |level, chunk, length| Content::Paged {
        level,
        pages: vec![ExtentPage { chunk, length }],
    };
    let entries = vec![
        file("a", Content::Extents(vec![data(good, 4)]), 4),
        file("b", Content::Extents(vec![data(junk, 4)]), 4),
        file("c", Content::Extents(vec![data(good, 5)]), 5),
        file("d", Content::Extents(vec![data(good, 4)]), 5),
        file("e", paged(1, four, 4), 4),
        file("f", paged(1, four, 8), 8),
        file("g", paged(2, four, 4), 4),
        file("h", paged(1, nothing, 4), 4),
        file("i", Content::Extents(vec![data(good, 4); 3]), 8),
        inline("j"),
    ];
    let root = forge.page(Page::Leaf(entries).encode());
    forge.commit(root, 0);
    let (names, failed) = failures(&site);
    assert_eq!(names, ["a", "e", "j"]);
    let expected = [
        "/b Chunk",
        "/c ChunkLength",
        "/d Size",
        "/f Sum",
        "/g Level",
        "/h Sum",
        "/i Size",
    ];
    assert_eq!(failed, expected);
}

#[test]
fn a_check_tells_of_needs_that_keepers_do_not_know() {
    let mut site = Site::new();
    let mut forge = Forge::new(&mut site);
    let root = forge.page(leaf(&["a"]));
    forge.commit(root, 0);
    let opened = site.open();
    let reader = opened.reader();
    let check = check_content(&reader, &opened.snapshots.listed, 1, &Void);
    assert_eq!(check.findings.count, 1);
    let told = check.findings.kept[0].to_string();
    assert!(told.contains("published refs"), "{told}");
}
