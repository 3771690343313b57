//! What somebody learns who sees a copy grow and can put files onto a machine that is backed up:
//! the attacks on content-defined chunking of eprint 2025/532 and 2025/558, which read lengths of
//! chunks. Such an observer sees names, lengths, order and times of stored objects, and no key.
//!
//! `docs/THREATS.md` tells in words what is shown here.

use std::collections::{BTreeMap, BTreeSet};

use ov_backup::Threads;
use ov_format::name::ObjectName;

use crate::site::{Site, noise};

/// As many vaults with secrets of their own.
const VAULTS: u64 = 8;

/// A file that the observer knows to the last byte, and another of its length.
const KNOWN: (u8, u8) = (21, 22);

/// In the middle of a step of Padmé with all that lies beside it, so that names of folders, which move
/// cuts of pages, change no length of a pack.
const LENGTH: usize = (6 << 20) - (64 << 10);

/// What became visible in a run: the lengths of new objects, by kind.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
struct View {
    packs: Vec<usize>,
    tables: Vec<usize>,
    records: Vec<usize>,
}

impl View {
    fn of(before: &BTreeMap<ObjectName, Vec<u8>>, after: &BTreeMap<ObjectName, Vec<u8>>) -> Self {
        let mut view = Self::default();
        for (name, bytes) in after.iter().filter(|(name, _)| !before.contains_key(name)) {
            match name {
                ObjectName::Pack(_) => view.packs.push(bytes.len()),
                ObjectName::Table(_) => view.tables.push(bytes.len()),
                _ => view.records.push(bytes.len()),
            }
        }
        for lengths in [&mut view.packs, &mut view.tables, &mut view.records] {
            lengths.sort_unstable();
        }
        view
    }
}

/// Runs a backup and gives what an observer of the copy sees of it.
fn watched(site: &mut Site) -> View {
    let before = site.memory.snapshot();
    site.run();
    View::of(&before, &site.memory.snapshot())
}

/// A machine with some work on it, and one more file.
fn with_file(secrets: u64, bytes: &[u8]) -> (Site, View) {
    let mut site = Site::keyed(Threads::Inline, secrets);
    for n in 0..20u8 {
        site.write(&format!("work/{n}.txt"), &noise(n, 5_000));
    }
    site.write("file.bin", bytes);
    let view = watched(&mut site);
    (site, view)
}

#[test]
fn lengths_tell_neither_which_of_two_files_is_stored_nor_how_it_was_cut() {
    let views: Vec<(View, View)> = (0..VAULTS)
        .map(|secrets| {
            let known = with_file(secrets, &noise(KNOWN.0, LENGTH)).1;
            let other = with_file(secrets, &noise(KNOWN.1, LENGTH)).1;
            (known, other)
        })
        .collect();
    // Each vault cuts both files in other places: 6 MiB are about 20 chunks of 64 KiB to 1 MiB.
    let packs: BTreeSet<_> = views
        .iter()
        .flat_map(|(known, other)| [&known.packs, &other.packs])
        .collect();
    println!("lengths of packs: {packs:?}");
    assert_eq!(packs.len(), 1, "{packs:?}");
    // What remains: a record says how many frames a run made. Known and other files give the same
    // numbers, but whoever knew the cut points could tell some files from others by it.
    let records = |pick: fn(&(View, View)) -> &View| -> BTreeSet<_> {
        views.iter().map(|pair| &pick(pair).records).collect()
    };
    let (known, other) = (records(|pair| &pair.0), records(|pair| &pair.1));
    println!("lengths of records: {known:?} and {other:?}");
    assert!(!known.is_disjoint(&other), "{known:?} and {other:?}");
}

#[test]
fn whether_a_small_file_was_there_before_does_not_show() {
    let there = noise(KNOWN.0, 20_000);
    let (mut site, _) = with_file(1, &there);
    site.write("letter.bin", &there);
    let again = watched(&mut site);
    let (mut site, _) = with_file(1, &there);
    site.write("letter.bin", &noise(KNOWN.1, 20_000));
    let new = watched(&mut site);
    assert_eq!(again.packs, new.packs);
    assert_eq!(again.packs, [64 * 1024]);
}

/// What remains: nothing is stored twice, so whoever can have a machine back up a large file sees
/// by the volume of the run whether its group had it already.
#[test]
fn whether_a_large_file_was_there_before_shows_in_the_volume_of_the_run_that_brings_it_again() {
    let there = noise(KNOWN.0, LENGTH);
    let (mut site, _) = with_file(2, &there);
    site.write("letter.bin", &there);
    let again: usize = watched(&mut site).packs.iter().sum();
    site.write("letter.bin", &noise(KNOWN.1, LENGTH));
    let new: usize = watched(&mut site).packs.iter().sum();
    assert!(again <= 128 * 1024, "{again}");
    assert!(new >= LENGTH, "{new}");
}

/// What remains: how often a block that repeats is stored depends on where it is cut. So chosen
/// files give equations about the cut key, as in the papers, one small number for each run; what
/// they are used for there, telling chunks by their lengths, is what the first test shows to fail.
#[test]
fn a_block_that_repeats_is_stored_in_a_volume_that_depends_on_the_cut_key() {
    let chosen = noise(KNOWN.0, 150_000).repeat(60);
    let volume = |secrets| -> usize { with_file(secrets, &chosen).1.packs.iter().sum() };
    let volumes: BTreeSet<usize> = (0..VAULTS).map(volume).collect();
    println!("volumes: {volumes:?}");
    assert!(volumes.len() > 1, "{volumes:?}");
    assert!(volumes.iter().all(|volume| *volume < chosen.len()));
}
