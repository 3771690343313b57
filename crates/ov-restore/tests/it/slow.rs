//! Targets that answer late: requests wait side by side, and what is needed together is asked for
//! together.

use std::sync::Arc;
use std::time::Duration;

use ov_format::refs::PagePlace;
use ov_restore::{Filter, FrameReader, Limits, Part, RestoreOptions, Tree, Void, restore};
use ov_store::{Recording, Slow};

use crate::site::{Opened, Site, look, noise, wanted};

const LATENCY: Duration = Duration::from_millis(30);

#[test]
fn a_slow_target_gets_as_many_requests_at_once_as_memory_allows() {
    let mut site = Site::new();
    site.write("large", &noise(1, 48 << 20));
    site.run();
    let slow = Arc::new(Slow::new(site.memory.clone(), LATENCY));
    let vault = site.vault_on(slow.clone());
    let opened = Opened::of(&vault, &site.keys);
    let reader = opened.reader();
    let (part, filter) = (Part::Below(site.root()), Filter::default());
    let wanted = wanted(&reader, opened.latest(), &part, &filter);
    let target = tempfile::tempdir().unwrap();
    slow.take_most_in_flight();
    let options = RestoreOptions {
        workers: 1,
        ..RestoreOptions::default()
    };
    restore(&wanted, target.path(), &options, &Void).unwrap();
    assert_eq!(look(target.path()), look(&site.data()));
    // 16 MiB in requests of at most 2 MiB, whatever the number of those who decode.
    let most = slow.take_most_in_flight();
    assert!((7..=64).contains(&most), "{most} requests at once");
}

#[test]
fn small_frames_all_over_a_vault_are_asked_for_side_by_side() {
    let mut site = Site::new();
    // One small run each: what is wanted lies in as many packs.
    for n in 0..24u8 {
        site.write(&format!("{n:02}"), &noise(n, 20_000));
        site.run();
    }
    let slow = Arc::new(Slow::new(site.memory.clone(), LATENCY));
    let vault = site.vault_on(slow.clone());
    slow.take_most_in_flight();
    let opened = Opened::of(&vault, &site.keys);
    assert!(
        slow.take_most_in_flight() >= 16,
        "records are read together"
    );
    let reader = opened.reader();
    let (part, filter) = (Part::Below(site.root()), Filter::default());
    let wanted = wanted(&reader, opened.latest(), &part, &filter);
    let target = tempfile::tempdir().unwrap();
    restore(&wanted, target.path(), &RestoreOptions::default(), &Void).unwrap();
    assert_eq!(look(target.path()), look(&site.data()));
    let most = slow.take_most_in_flight();
    assert!(most >= 8, "{most} requests at once");
}

#[test]
fn a_walk_asks_for_many_pages_at_once_and_a_look_for_one_entry_does_not() {
    let mut site = Site::new();
    for n in 0..6000 {
        site.write(&format!("{:02}/{n:05}", n % 60), b"");
    }
    site.run();
    let recording = Arc::new(Recording::new(site.memory.clone()));
    let vault = site.vault_on(recording.clone());
    let opened = Opened::of(&vault, &site.keys);
    let snapshot = &opened.latest().snapshot;
    let requests = |limits: Limits| {
        let (state, graph) = (&opened.state, &opened.graph);
        let reader = FrameReader::new(&vault, state, graph, &site.keys, limits);
        let count = |work: &dyn Fn(Tree<'_>)| {
            recording.take();
            work(Tree::of(&reader, snapshot));
            recording.take().len()
        };
        let found = count(&|tree| {
            let key = ov_format::entry::EntryKey::new(site.root(), b"07".to_vec());
            assert!(tree.find(&key).unwrap().is_some());
        });
        let walked = count(&|tree| assert!(tree.entries().all(|entry| entry.is_ok())));
        (found, walked)
    };
    let (found, walked) = requests(Limits::default());
    // Where nothing stays in memory, nothing is read ahead.
    let nothing = Limits {
        frame_bytes: 0,
        ..Limits::default()
    };
    let (_, one_by_one) = requests(nothing);
    println!("find {found}, walk {walked}, page by page {one_by_one}");
    assert!(
        one_by_one >= 12,
        "{one_by_one} pages are too few to show it"
    );
    assert!(walked * 6 <= one_by_one, "{walked} of {one_by_one}");
    assert!(found <= 4, "{found} requests for one entry");
}

#[test]
fn a_walk_over_a_line_asks_for_the_whole_tree_at_once() {
    let mut site = Site::new();
    for n in 0..8000 {
        site.write(&format!("{:02}/{n:05}", n % 60), b"");
    }
    site.run();
    let recording = Arc::new(Recording::new(site.memory.clone()));
    let vault = site.vault_on(recording.clone());
    let opened = Opened::of(&vault, &site.keys);
    let reader = opened.reader();
    let snapshot = &opened.latest().snapshot;
    let root = PagePlace::from(&snapshot.root.unwrap());
    let pages = opened.graph.pages_below(&root, usize::MAX);
    assert!(pages.len() > 50, "{} pages are too few", pages.len());
    assert_eq!(pages.first(), Some(&root.at));
    let (runs, lost) = reader.runs(pages);
    assert!(lost.is_empty());
    recording.take();
    let tree = Tree::of(&reader, snapshot);
    assert!(tree.entries().all(|entry| entry.is_ok()));
    // Beside the pages only the head of their segment, where it does not lie at hand.
    let asked = recording.take().len();
    let frames: usize = runs.iter().map(|run| run.frames().count()).sum();
    assert!(frames > 1, "a tree in one frame shows nothing");
    assert!(asked <= runs.len() + 1, "{asked} for {} runs", runs.len());
}
