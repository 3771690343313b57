//! Any entry by position, any byte by offset, and how many requests that takes.

use std::sync::Arc;

use ov_format::content::Content;
use ov_format::entry::{Entry, EntryKey};
use ov_format::page::{Page, PagePointer};
use ov_restore::{EntryError, FrameReader, Limits, PageFault, RandomAccess, Seek, Tree};
use ov_store::Recording;

use crate::forge::Forge;
use crate::hostile::inline;
use crate::site::{Opened, Site, noise};

const PAGES: usize = 4 << 20;

/// The entry of a file of the site's folder.
fn entry(opened: &Opened<'_>, site: &Site, name: &str) -> Entry {
    let reader = opened.reader();
    let key = EntryKey::new(site.root(), name.as_bytes());
    let tree = Tree::of(&reader, &opened.latest().snapshot);
    tree.find(&key).unwrap().unwrap()
}

/// Numbers that look random and are the same each time.
fn offsets(count: u64, below: u64) -> impl Iterator<Item = u64> {
    let step = 0x9e37_79b9_7f4a_7c15u64;
    (1..=count).map(move |n| (n.wrapping_mul(step) >> 20) % below)
}

#[test]
fn every_entry_is_found_by_its_position_and_every_folder_by_its_first() {
    let mut site = Site::new();
    for n in 0..3000 {
        site.write(&format!("{:03}/{n}", n % 300), format!("{n}").as_bytes());
    }
    site.run();
    let opened = site.open();
    let reader = opened.reader();
    let snapshot = &opened.latest().snapshot;
    let all: Vec<Entry> = Tree::of(&reader, snapshot)
        .entries()
        .map(Result::unwrap)
        .collect();
    let access = RandomAccess::new(&reader, PAGES);
    let tree = access.tree(snapshot);
    for (position, expected) in (0u64..).zip(&all) {
        let found = tree.entry(position).unwrap().unwrap();
        assert_eq!(found.entry(), Some(expected));
        let found = tree.find(&expected.key).unwrap().unwrap();
        assert_eq!(
            (found.position(), found.entry()),
            (position, Some(expected))
        );
    }
    let end = u64::try_from(all.len()).unwrap();
    assert!(tree.entry(end).unwrap().is_none());
    assert!(tree.entry(u64::MAX).unwrap().is_none());
    for folder in ["", "/007", "/299", "/nothing"] {
        let folder = [&site.root()[..], folder.as_bytes()].concat();
        let key = EntryKey::new(folder.clone(), *b"");
        let expected = all.partition_point(|entry| entry.key < key);
        let found = tree.first_in(&folder).unwrap();
        assert_eq!(usize::try_from(found).unwrap(), expected);
    }
    let mut other = all[1500].key.clone();
    other.name.push(b'!');
    assert!(tree.find(&other).unwrap().is_none());
}

#[test]
fn any_stretch_of_a_file_is_read_as_it_is() {
    let mut site = Site::new();
    let large = noise(1, 40 << 20);
    site.write("large", &large);
    site.write("small", b"a few bytes");
    site.write("empty", b"");
    let sparse = std::fs::File::create(site.data().join("sparse")).unwrap();
    std::os::unix::fs::FileExt::write_all_at(&sparse, b"island", 3 << 20).unwrap();
    sparse.set_len(9 << 20).unwrap();
    site.run();
    let opened = site.open();
    let reader = opened.reader();
    let access = RandomAccess::new(&reader, PAGES);
    for name in ["large", "small", "empty", "sparse"] {
        let expected = std::fs::read(site.data().join(name)).unwrap();
        let entry = entry(&opened, &site, name);
        let size = entry.meta.size;
        for offset in offsets(60, size + 3).chain([0, size.saturating_sub(1), size, u64::MAX]) {
            for length in [1, 4096, 3 << 20] {
                let start = usize::try_from(offset).unwrap().min(expected.len());
                let end = start.saturating_add(length).min(expected.len());
                let found = access.read_at(&entry, offset, length).unwrap();
                assert!(found == expected[start..end], "{name} from {offset}");
            }
        }
    }
    let sparse = entry(&opened, &site, "sparse");
    let seek = |offset, wanted| access.seek(&sparse, offset, wanted).unwrap();
    assert_eq!(seek(0, Seek::Hole), Some(0));
    let island = seek(0, Seek::Data).unwrap();
    assert!((1..=3 << 20).contains(&island));
    let behind = seek(island, Seek::Hole).unwrap();
    assert!((3 << 20..9 << 20).contains(&behind));
    assert_eq!(seek(behind, Seek::Data), None);
    assert_eq!(seek(9 << 20, Seek::Hole), None);
}

#[test]
fn a_random_read_takes_one_request_at_most_once_the_file_is_open() {
    let mut site = Site::new();
    site.write("large", &noise(2, 96 << 20));
    site.run();
    let recording = Arc::new(Recording::new(site.memory.clone()));
    let vault = site.vault_on(recording.clone());
    let opened = Opened::of(&vault, &site.keys);
    let entry = entry(&opened, &site, "large");
    assert!(matches!(entry.content, Content::Paged { .. }));
    // Frames are not kept, so that every read has to fetch.
    let limits = Limits {
        frame_bytes: 0,
        ..Limits::default()
    };
    let reader = FrameReader::new(&vault, &opened.state, &opened.graph, &site.keys, limits);
    let access = RandomAccess::new(&reader, PAGES);
    access.prepare(&entry);
    let expected = noise(2, 96 << 20);
    let mut two = 0;
    for offset in offsets(300, (96 << 20) - 4096) {
        recording.take();
        let found = access.read_at(&entry, offset, 4096).unwrap();
        let from = usize::try_from(offset).unwrap();
        assert!(found == expected[from..from + 4096]);
        match recording.take().len() {
            1 => {}
            // It lies in two chunks.
            2 => two += 1,
            more => panic!("{more} requests"),
        }
    }
    assert!(two < 30, "{two} of 300");
}

#[test]
fn many_who_read_the_same_frame_at_once_fetch_it_once() {
    let mut site = Site::new();
    let bytes = noise(3, 1 << 20);
    site.write("file", &bytes);
    site.run();
    let recording = Arc::new(Recording::new(site.memory.clone()));
    let vault = site.vault_on(recording.clone());
    let opened = Opened::of(&vault, &site.keys);
    let entry = entry(&opened, &site, "file");
    let reader = opened.reader();
    let access = RandomAccess::new(&reader, PAGES);
    recording.take();
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| assert!(access.read_at(&entry, 0, 1 << 20).unwrap() == bytes));
        }
    });
    let mut calls = recording.take();
    let all = calls.len();
    calls.sort_by_key(|call| format!("{call:?}"));
    calls.dedup();
    assert_eq!(calls.len(), all);
}

#[test]
fn a_file_that_holds_less_than_it_says_is_an_error_and_no_zeros() {
    let mut site = Site::new();
    site.write("small", b"a few bytes");
    site.run();
    let opened = site.open();
    let reader = opened.reader();
    let access = RandomAccess::new(&reader, PAGES);
    let mut entry = entry(&opened, &site, "small");
    entry.meta.size = 100;
    let read = access.read_at(&entry, 5, 50);
    assert!(matches!(read, Err(EntryError::Size { size: 100, .. })));
}

#[test]
fn a_page_that_lies_about_how_many_entries_it_has_is_refused_and_the_others_are_read() {
    let mut site = Site::new();
    let mut forge = Forge::new(&mut site);
    let mut children = Vec::new();
    for (name, said) in [("a", 1), ("b", 2), ("c", 1)] {
        let leaf = Page::Leaf(vec![inline(name)]);
        children.push(PagePointer {
            first: inline(name).key,
            chunk: forge.page(leaf.encode()),
            entries: said,
            bytes: 0,
        });
    }
    let root = forge.page(Page::Index { level: 1, children }.encode());
    forge.commit(root, 1);
    let opened = site.open();
    let reader = opened.reader();
    let access = RandomAccess::new(&reader, PAGES);
    let tree = access.tree(&opened.latest().snapshot);
    let name = |position| {
        let found = tree.entry(position).unwrap().unwrap();
        found.entry().unwrap().key.name.clone()
    };
    assert_eq!((name(0), name(3)), (b"a".to_vec(), b"c".to_vec()));
    for position in [1, 2] {
        let gap = tree.entry(position).err().unwrap();
        assert_eq!(gap.behind, Some(3));
        let source = &*gap.error.source;
        assert!(matches!(
            source,
            ov_restore::ReadError::Page {
                why: PageFault::Count,
                ..
            }
        ));
    }
}
