//! The shelves against a model, damaged, cut short and bounded.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ov_format::id::{MemberId, TargetId};
use ov_format::name::LogId;
use ov_policy::prune::{Cause, Condemn, Drops};
use ov_seal::entropy::SeededEntropy;
use ov_seal::kdf::Key32;
use proptest::prelude::*;

use super::*;
use crate::index::list;

const TINY: Bounds = Bounds {
    delta_chunks: 300,
    blocks: 3,
};

fn hash(number: u64) -> [u8; 32] {
    *blake3::hash(&number.to_le_bytes()).as_bytes()
}

/// Every third tag shares its first eight bytes with many others: somebody may look for such.
fn tag(number: u64) -> ChunkTag {
    let mut tag = [0; 16];
    tag.copy_from_slice(&hash(number)[..16]);
    if number.is_multiple_of(3) {
        tag[..8].fill(7);
    }
    ChunkTag(tag)
}

fn chunk(number: u64, segment: u64) -> GroupChunk {
    GroupChunk {
        tag: tag(number),
        at: FrameRef {
            segment: SegmentId(hash(segment)),
            frame: u16::try_from(number % 5).unwrap(),
        },
        index: u16::try_from(number % 100).unwrap(),
    }
}

fn commit(number: u64) -> RecordName {
    RecordName {
        log: LogId {
            member: MemberId([1; 8]),
            target: TargetId([2; 8]),
        },
        number,
        hash: ObjectHash(hash(number)),
    }
}

fn dropping(frames: &[FrameRef]) -> Condemned<ObjectHash, FrameRef> {
    let condemn = Condemn {
        pack: ObjectHash([0; 32]),
        cause: Cause::Unused,
        drops: Drops::Frames(frames.iter().copied().collect()),
    };
    [condemn].into_iter().collect()
}

struct Place {
    folder: tempfile::TempDir,
    files: LocalFiles,
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let entropy = Arc::new(SeededEntropy::new(1));
        let files = LocalFiles::open(Some(folder.path()), &Key32::new([1; 32]), entropy);
        Self {
            files: files.unwrap(),
            folder,
        }
    }

    fn open(&self) -> Opened {
        self.open_with(TINY, &[], &|_| true)
    }

    fn open_with(
        &self,
        bounds: Bounds,
        dropped: &[FrameRef],
        counts: &dyn Fn(&RecordName) -> bool,
    ) -> Opened {
        Shelves::open(&self.files, "index/x", bounds, dropping(dropped), counts).unwrap()
    }

    fn index(&self) -> PathBuf {
        self.folder.path().join("index/x")
    }

    fn shelf_files(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.index()).unwrap();
        let paths = entries.map(|entry| entry.unwrap().path());
        let mut paths: Vec<_> = paths.filter(|path| is_of_a_shelf(path)).collect();
        paths.sort();
        paths
    }
}

fn is_of_a_shelf(path: &Path) -> bool {
    path.file_name()
        .unwrap()
        .to_str()
        .unwrap()
        .starts_with(PREFIX)
}

/// Adds a commit of 1000 chunks in ten segments, and folds as a run does.
fn add_commit(place: &Place, shelves: &mut Shelves, number: u64) {
    let chunks: Vec<_> = (number * 1000..(number + 1) * 1000)
        .map(|n| chunk(n, number * 10 + n % 10))
        .collect();
    list::keep(&place.files, "index/x", &commit(number), chunks.clone());
    shelves.add(commit(number), &chunks);
    if shelves.is_full() {
        shelves.fold(Keep::Named).unwrap();
    }
}

/// What a run does with a damaged shelf: reads its lists again.
fn find(place: &Place, shelves: &mut Shelves, tag: &ChunkTag) -> Option<GroupChunk> {
    loop {
        match shelves.find(tag) {
            Ok(found) => return found,
            Err(damaged) => {
                for commit in shelves.take_away(damaged) {
                    let chunks = list::local(&place.files, "index/x", &commit).unwrap();
                    shelves.add(commit, &chunks);
                }
            }
        }
    }
}

#[derive(Clone, Debug)]
enum Step {
    Commit {
        first: u64,
        chunks: u64,
        segment: u64,
    },
    Insert {
        number: u64,
        segment: u64,
    },
    Fold,
    Reopen,
    Drop {
        number: u64,
        segment: u64,
    },
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0u64..2000, 0u64..900, 0u64..20)
            .prop_map(|(first, chunks, segment)| Step::Commit { first, chunks, segment }),
        2 => (0u64..2000, 20u64..25).prop_map(|(number, segment)| Step::Insert { number, segment }),
        2 => Just(Step::Fold),
        1 => Just(Step::Reopen),
        1 => (0u64..5, 0u64..20).prop_map(|(number, segment)| Step::Drop { number, segment }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn shelves_answer_as_a_map_in_memory_would(steps in prop::collection::vec(step(), 1..12)) {
        let place = Place::new();
        let mut dropped: Vec<FrameRef> = Vec::new();
        let mut model: HashMap<ChunkTag, GroupChunk> = HashMap::new();
        let mut segments = HashSet::new();
        let mut shelves = place.open().shelves;
        // A run's own chunks are not named by contents, so all are of commits here but for the end.
        for (number, step) in (0u64..).zip(steps) {
            match step {
                Step::Commit { first, chunks, segment } => {
                    let chunks: Vec<_> = (first..first + chunks).map(|n| chunk(n, segment)).collect();
                    shelves.add(commit(number), &chunks);
                    let live = chunks.iter().filter(|chunk| !dropped.contains(&chunk.at));
                    segments.extend(live.clone().map(|chunk| chunk.at.segment));
                    model.extend(live.map(|chunk| (chunk.tag, *chunk)));
                }
                Step::Insert { number: n, segment } => {
                    shelves.add(commit(number), &[chunk(n, segment)]);
                    model.insert(tag(n), chunk(n, segment));
                    segments.insert(SegmentId(hash(segment)));
                }
                Step::Fold => shelves.fold(Keep::Named).unwrap(),
                Step::Reopen => {
                    shelves.fold(Keep::Named).unwrap();
                    let opened = place.open_with(TINY, &dropped, &|_| true);
                    prop_assert_eq!(opened.lost, 0);
                    shelves = opened.shelves;
                }
                Step::Drop { number, segment } => {
                    shelves.fold(Keep::Named).unwrap();
                    dropped.push(chunk(number, segment).at);
                    shelves = place.open_with(TINY, &dropped, &|_| true).shelves;
                    model.retain(|_, chunk| !dropped.contains(&chunk.at));
                }
            }
            // A chunk whose newest place was dropped may be found where it was before.
            for n in 0..3000 {
                let found = shelves.find(&tag(n)).unwrap();
                prop_assert!(found.is_none_or(|found| !dropped.contains(&found.at)));
                if dropped.is_empty() || model.contains_key(&tag(n)) {
                    prop_assert_eq!(found, model.get(&tag(n)).copied());
                }
            }
            for segment in 0..30 {
                let id = SegmentId(hash(segment));
                let has = shelves.has_segment(&id).unwrap();
                prop_assert_eq!(has, segments.contains(&id));
            }
        }
    }
}

#[test]
fn a_damaged_block_anywhere_changes_no_answer() {
    let place = Place::new();
    let mut shelves = place.open().shelves;
    (0..3).for_each(|number| add_commit(&place, &mut shelves, number));
    drop(shelves);
    let names = place.shelf_files();
    assert_eq!(
        names.len(),
        5,
        "rows and segments with their fences, and a filter"
    );
    for path in names {
        let whole = fs::read(&path).unwrap();
        let contents = fs::read(place.index().join("shelves")).unwrap();
        let others: Vec<_> = place
            .shelf_files()
            .iter()
            .map(|p| (p.clone(), fs::read(p).unwrap()))
            .collect();
        for at in [0, 40, whole.len() / 2, whole.len() - 30] {
            let mut broken = whole.clone();
            broken[at] ^= 1;
            fs::write(&path, &broken).unwrap();
            check_that_all_is_found(&place);
            for (path, bytes) in &others {
                fs::write(path, bytes).unwrap();
            }
            fs::write(place.index().join("shelves"), &contents).unwrap();
        }
        for length in [0, whole.len() / 2, whole.len() - 1] {
            fs::write(&path, &whole[..length]).unwrap();
            check_that_all_is_found(&place);
            for (path, bytes) in &others {
                fs::write(path, bytes).unwrap();
            }
            fs::write(place.index().join("shelves"), &contents).unwrap();
        }
    }
    fs::write(place.index().join("shelves"), b"junk").unwrap();
    check_that_all_is_found(&place);
}

fn check_that_all_is_found(place: &Place) {
    let mut shelves = place.open().shelves;
    let held: HashSet<_> = shelves.commits().copied().collect();
    for number in (0..3).filter(|number| !held.contains(&commit(*number))) {
        add_commit(place, &mut shelves, number);
    }
    for n in 0..4000 {
        let expected = (n < 3000).then(|| chunk(n, n / 1000 * 10 + n % 10));
        assert_eq!(find(place, &mut shelves, &tag(n)), expected);
    }
    for segment in 0..40 {
        let has = shelves.has_segment(&SegmentId(hash(segment)));
        // Damage of the segments alone is seen by whoever asks for them.
        assert!(has.is_err() || has == Ok(segment < 30));
    }
}

#[test]
fn a_damaged_shelf_is_found_when_it_is_merged() {
    let place = Place::new();
    let mut shelves = place.open().shelves;
    add_commit(&place, &mut shelves, 0);
    let names = place.shelf_files();
    let is_rows = |path: &&PathBuf| path.to_str().unwrap().ends_with("-rows");
    let rows = names.iter().find(is_rows).unwrap();
    let mut bytes = fs::read(rows).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(rows, bytes).unwrap();
    (5000..5200).for_each(|n| shelves.insert(&chunk(n, 60)));
    assert_eq!(shelves.fold(Keep::Named), Err(Damaged(0)));
    let again = shelves.take_away(Damaged(0));
    assert_eq!(again.into_iter().collect::<Vec<_>>(), [commit(0)]);
    assert_eq!(shelves.find(&tag(5000)), Ok(Some(chunk(5000, 60))));
    assert!(
        place
            .shelf_files()
            .iter()
            .all(|path| path.extension().is_some())
    );
}

#[test]
fn whatever_dies_between_a_shelf_and_its_contents_leaves_what_was() {
    let place = Place::new();
    let mut shelves = place.open().shelves;
    add_commit(&place, &mut shelves, 0);
    let before = fs::read(place.index().join("shelves")).unwrap();
    let old: Vec<_> = place
        .shelf_files()
        .iter()
        .map(|path| (path.clone(), fs::read(path).unwrap()))
        .collect();
    add_commit(&place, &mut shelves, 1);
    assert_eq!(shelves.lengths(), [2000]);
    drop(shelves);
    // Contents were written, the merged files not yet removed.
    for (path, bytes) in &old {
        fs::write(path, bytes).unwrap();
    }
    let mut shelves = place.open().shelves;
    assert_eq!(shelves.lengths(), [2000]);
    assert_eq!(shelves.find(&tag(1500)), Ok(Some(chunk(1500, 10))));
    assert_eq!(place.shelf_files().len(), 5, "the others were swept away");
    drop(shelves);
    // The new shelf was written, its contents were not.
    for (path, bytes) in &old {
        fs::write(path, bytes).unwrap();
    }
    fs::write(place.index().join("shelves"), before).unwrap();
    let opened = place.open();
    assert_eq!((opened.lost, opened.shelves.lengths()), (0, vec![1000]));
    let old: Vec<_> = old.into_iter().map(|(path, _)| path).collect();
    assert_eq!(place.shelf_files(), old);
}

#[test]
fn a_shelf_of_a_commit_that_no_longer_counts_is_not_used() {
    let place = Place::new();
    let mut shelves = place.open().shelves;
    add_commit(&place, &mut shelves, 0);
    drop(shelves);
    let opened = place.open_with(TINY, &[], &|name| *name != commit(0));
    assert_eq!((opened.lost, opened.shelves.commits().count()), (0, 0));
    assert_eq!(place.shelf_files().len(), 0);
    // Not for the moment only.
    assert_eq!(place.open().shelves.commits().count(), 0);
}

#[test]
fn a_dropped_frame_is_neither_found_nor_merged() {
    let place = Place::new();
    let mut shelves = place.open().shelves;
    add_commit(&place, &mut shelves, 0);
    let gone = chunk(21, 1);
    let mut shelves = place.open_with(TINY, &[gone.at], &|_| true).shelves;
    assert_eq!(shelves.find(&gone.tag), Ok(None));
    assert!(shelves.drops(&gone.at));
    let kept = (0..1000).filter(|n| shelves.find(&tag(*n)).unwrap().is_some());
    let kept = u64::try_from(kept.count()).unwrap();
    assert!(kept < 1000);
    (5000..5200).for_each(|n| shelves.insert(&chunk(n, 60)));
    shelves.fold(Keep::Named).unwrap();
    assert_eq!(shelves.lengths(), [kept + 200]);
}

#[test]
fn what_is_in_memory_stays_within_its_bounds_however_much_is_known() {
    let place = Place::new();
    let mut shelves = place.open().shelves;
    for n in 0..60_000 {
        shelves.insert(&chunk(n, n / 50));
        if shelves.is_full() {
            shelves.fold(Keep::Unnamed).unwrap();
        }
        let resident = shelves.resident();
        assert!(resident.delta_chunks <= TINY.delta_chunks && resident.blocks <= TINY.blocks);
    }
    for n in (0..120_000).step_by(37) {
        let found = shelves.find(&tag(n)).unwrap();
        assert_eq!(found, (n < 60_000).then(|| chunk(n, n / 50)));
        assert!(shelves.resident().blocks <= TINY.blocks);
    }
    assert!(
        shelves.resident().fences < 600,
        "8 bytes for 157 rows and for 255 segments"
    );
    assert!(shelves.lengths().len() <= 4, "{:?}", shelves.lengths());
    assert_eq!(place.shelf_files().len(), 0, "they go with the process");
}

#[test]
fn commits_that_stored_nothing_do_not_pile_up_shelves() {
    let place = Place::new();
    let mut shelves = place.open().shelves;
    for number in 0..100 {
        shelves.add(commit(number), &[]);
        if shelves.is_scattered() {
            shelves.fold(Keep::Named).unwrap();
        }
    }
    assert_eq!(shelves.lengths(), [0]);
    let shelves = place.open().shelves;
    assert_eq!(shelves.commits().count(), 99);
}

#[test]
fn without_a_folder_all_stays_in_memory() {
    let entropy = Arc::new(SeededEntropy::new(1));
    let files = LocalFiles::open(None, &Key32::new([1; 32]), entropy).unwrap();
    let opened = Shelves::open(&files, "index/x", TINY, dropping(&[]), &|_| true);
    let mut shelves = opened.unwrap().shelves;
    for n in 0..2000 {
        shelves.insert(&chunk(n, 1));
        if shelves.is_full() {
            shelves.fold(Keep::Unnamed).unwrap();
        }
    }
    assert_eq!(shelves.resident().delta_chunks, 2000);
    assert_eq!(shelves.find(&tag(1999)), Ok(Some(chunk(1999, 1))));
}
