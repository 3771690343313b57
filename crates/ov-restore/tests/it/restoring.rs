//! What was backed up comes back, and what cannot is told.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::os::unix::fs::{FileExt, PermissionsExt, symlink};
use std::path::Path;
use std::sync::Arc;

use ov_format::name::ObjectName;
use ov_restore::{
    Deleting, Ending, EntryError, Filter, Part, Report, RestoreOptions, Verifying, Void, plan,
    restore, would_delete,
};
use ov_source::{FileTree, Item, OpenFile, Overwrite, Selection, ShownPath, Source, SourceError};
use ov_store::faulty::nth_where;
use ov_store::{Fault, Flaky, Operation};

use crate::site::{Opened, Site, look, noise, wanted};

const PAGED: usize = 24 << 20;

/// Every kind of content: inline, extents, pages of extents, holes, hard links, and more.
fn filled() -> Site {
    let site = Site::new();
    site.write("empty", b"");
    site.write("plans/small.txt", b"36 x 2 Gy");
    site.write("plans/middle.bin", &noise(1, 300_000));
    site.write("big.bin", &noise(2, PAGED));
    for n in 0..400 {
        let text = format!("patient {n}\n").repeat(n);
        site.write(&format!("many/{:02}/{n}.txt", n % 20), text.as_bytes());
    }
    let data = site.data();
    let sparse = File::create(data.join("sparse")).unwrap();
    sparse.set_len(5 << 20).unwrap();
    sparse.write_at(&noise(3, 100_000), 2 << 20).unwrap();
    fs::hard_link(data.join("plans/middle.bin"), data.join("linked.bin")).unwrap();
    fs::hard_link(data.join("plans/middle.bin"), data.join("zlinked.bin")).unwrap();
    symlink("plans/small.txt", data.join("pointer")).unwrap();
    fs::create_dir(data.join("hollow")).unwrap();
    fs::set_permissions(data.join("plans"), fs::Permissions::from_mode(0o750)).unwrap();
    site
}

fn restored(opened: &Opened<'_>, part: &Part, target: &Path, options: &RestoreOptions) -> Report {
    let reader = opened.reader();
    let filter = Filter::default();
    let wanted = wanted(&reader, opened.latest(), part, &filter);
    restore(&wanted, target, options, &Void).unwrap()
}

fn below(site: &Site) -> Part {
    Part::Below(site.root())
}

#[test]
fn everything_comes_back_and_reads_back() {
    let mut site = filled();
    site.run();
    let opened = site.open();
    let target = tempfile::tempdir().unwrap();
    let options = RestoreOptions {
        verifying: Verifying::Yes,
        ..RestoreOptions::default()
    };
    let report = restored(&opened, &below(&site), target.path(), &options);
    assert!(report.is_whole(), "{:?}", report.failures);
    assert_eq!(look(target.path()), look(&site.data()));
    // empty, small, middle, big, sparse and 400 more; two further names; link, folders.
    assert_eq!((report.files_written, report.links), (405, 2));
    assert_eq!(report.verified, 405);
    let holes = fs::metadata(target.path().join("sparse")).unwrap();
    assert!(std::os::unix::fs::MetadataExt::blocks(&holes) * 512 < 1 << 20);
}

#[test]
fn a_whole_snapshot_recreates_the_paths_that_were_backed_up() {
    let mut site = filled();
    site.run();
    let target = tempfile::tempdir().unwrap();
    let options = RestoreOptions::default();
    restored(&site.open(), &Part::Whole, target.path(), &options);
    let inside = target.path().join(site.data().strip_prefix("/").unwrap());
    assert_eq!(look(&inside), look(&site.data()));
}

#[test]
fn one_file_goes_right_into_the_target() {
    let mut site = filled();
    site.run();
    let opened = site.open();
    let reader = opened.reader();
    let tree = ov_restore::Tree::of(&reader, &opened.latest().snapshot);
    let path = [&site.root()[..], b"/plans/small.txt"].concat();
    let part = Part::at(&tree, &path).unwrap().unwrap();
    let target = tempfile::tempdir().unwrap();
    let options = RestoreOptions::default();
    restored(&opened, &part, target.path(), &options);
    let names: Vec<String> = look(target.path()).into_keys().collect();
    assert_eq!(names, ["small.txt"]);
    let above = Part::at(&tree, b"no/such/thing").unwrap();
    assert_eq!(above, None);
    let folder = Part::at(&tree, &site.root()).unwrap();
    assert_eq!(folder, Some(below(&site)));
}

#[test]
fn the_same_restore_again_writes_nothing_and_a_broken_one_is_taken_up() {
    let mut site = filled();
    site.run();
    let opened = site.open();
    let target = tempfile::tempdir().unwrap();
    let options = RestoreOptions::default();
    restored(&opened, &below(&site), target.path(), &options);
    let again = restored(&opened, &below(&site), target.path(), &options);
    assert_eq!((again.files_written, again.bytes_written), (0, 0));

    // The time says that it changed; most of its bytes are right.
    let big = File::options()
        .write(true)
        .open(target.path().join("big.bin"))
        .unwrap();
    big.write_at(b"other", 3 << 20).unwrap();
    let third = restored(&opened, &below(&site), target.path(), &options);
    assert_eq!(third.files_written, 1);
    assert!(third.bytes_written > 0 && third.bytes_written <= 4 << 20);
    assert!(third.bytes_found > 20 << 20);
    assert_eq!(look(target.path()), look(&site.data()));
}

#[test]
fn a_damaged_frame_fails_its_files_alone() {
    let mut site = filled();
    site.run();
    let opened = site.open();
    let reader = opened.reader();
    let tree = ov_restore::Tree::of(&reader, &opened.latest().snapshot);
    let key = [&site.root()[..], b"/plans/middle.bin"].concat();
    let key = ov_format::entry::EntryKey::from_path(&key).unwrap();
    let entry = tree.find(&key).unwrap().unwrap();
    let (_, first) = ov_restore::Extents::of(&reader, &entry.content)
        .next()
        .unwrap()
        .unwrap();
    let ov_restore::Stretch::Data { chunk, .. } = first else {
        panic!("its content is in chunks");
    };
    let place = opened.graph.places(&chunk.at)[0];
    site.memory.tamper(&ObjectName::Pack(place.pack), |bytes| {
        bytes[usize::try_from(place.offset).unwrap() + 7] ^= 1;
    });

    let target = tempfile::tempdir().unwrap();
    let options = RestoreOptions::default();
    let report = restored(&opened, &below(&site), target.path(), &options);
    let lost: Vec<String> = report
        .failures
        .kept
        .iter()
        .map(|failure| {
            failure
                .path
                .to_string()
                .rsplit('/')
                .next()
                .unwrap()
                .to_owned()
        })
        .collect();
    for name in ["middle.bin", "linked.bin", "zlinked.bin"] {
        assert!(lost.contains(&name.to_owned()), "{lost:?}");
    }
    let mut expected = look(&site.data());
    expected.retain(|path, _| !lost.iter().any(|name| path.ends_with(name.as_str())));
    assert!(expected.len() > 400);
    let mut found = look(target.path());
    found.retain(|path, _| expected.contains_key(path));
    assert_eq!(
        without_times_of_folders(found),
        without_times_of_folders(expected)
    );
}

/// A folder in which an unfinished file was left has another time.
fn without_times_of_folders(mut found: BTreeMap<String, String>) -> BTreeMap<String, String> {
    found.retain(|_, line| line.contains("is_dir: false"));
    found
}

#[test]
fn another_place_is_used_when_the_first_pack_is_gone() {
    let mut site = filled();
    site.run();
    let mut opened = site.open();
    let by = opened.latest().commit;
    let old: Vec<_> = opened.graph.all_placements().cloned().collect();
    for placement in old {
        // A copy of the pack under another name, of which the newest placement tells, is lost.
        let mut lost = placement.clone();
        lost.pack.0[0] ^= 1;
        opened.graph.add_placement(lost, &by);
    }
    let target = tempfile::tempdir().unwrap();
    let options = RestoreOptions::default();
    let report = restored(&opened, &below(&site), target.path(), &options);
    assert!(report.is_whole(), "{:?}", report.failures);
    assert_eq!(look(target.path()), look(&site.data()));
}

#[test]
fn a_pack_whose_bytes_moved_is_damage_and_not_content() {
    let mut site = Site::new();
    site.write("a", &noise(1, 2000));
    site.run();
    let opened = site.open();
    for pack in site.packs() {
        site.memory.tamper(&pack, |bytes| bytes.rotate_left(1));
    }
    let target = tempfile::tempdir().unwrap();
    let options = RestoreOptions::default();
    let report = restored(&opened, &below(&site), target.path(), &options);
    assert_eq!((report.entries, report.failures.count), (0, 1));
    assert!(look(target.path()).is_empty());
}

#[test]
fn what_the_snapshot_does_not_hold_is_deleted_when_asked_for_and_below_roots_alone() {
    let mut site = filled();
    site.run();
    let opened = site.open();
    let target = tempfile::tempdir().unwrap();
    let options = RestoreOptions::default();
    restored(&opened, &Part::Whole, target.path(), &options);
    let inside = target.path().join(site.data().strip_prefix("/").unwrap());
    fs::write(target.path().join("mine"), b"stays").unwrap();
    fs::write(inside.join("many/foreign"), b"goes").unwrap();
    fs::create_dir_all(inside.join("hollow/deep/er")).unwrap();

    let reader = opened.reader();
    let filter = Filter::default();
    let all = wanted(&reader, opened.latest(), &Part::Whole, &filter);
    assert_eq!(would_delete(&all, target.path(), &Void).unwrap(), 2);
    assert!(inside.join("many/foreign").exists());

    let options = RestoreOptions {
        deleting: Deleting::Others,
        ..options
    };
    let report = restored(&opened, &Part::Whole, target.path(), &options);
    assert_eq!((report.deleted, report.failures.count), (2, 0));
    assert_eq!(look(&inside), look(&site.data()));
    assert!(target.path().join("mine").exists());
}

/// A tree in which the names in one folder cannot be listed, which shows after its entry was made.
struct BreaksOff(FileTree);

impl Source for BreaksOff {
    fn walk(&self) -> Box<dyn Iterator<Item = Result<Item, SourceError>> + Send + '_> {
        let listed = self.0.walk().filter(|item| {
            let inside = |item: &Item| item.key.parent.ends_with(b"/many");
            !item.as_ref().is_ok_and(inside)
        });
        let failed = SourceError::Unreadable {
            path: ShownPath::new(b"/data/many".to_vec()),
            source: std::io::Error::from_raw_os_error(5),
        };
        Box::new(listed.chain([Err(failed)]))
    }

    fn open(&self, item: &Item) -> Result<Box<dyn OpenFile>, SourceError> {
        self.0.open(item)
    }
}

#[test]
fn a_folder_whose_names_could_not_be_listed_is_not_emptied_by_a_restore() {
    let mut site = filled();
    let tree = FileTree::new(vec![site.data()], Selection::everything()).unwrap();
    site.run_from(&BreaksOff(tree), &[]);
    let opened = site.open();
    assert_eq!(opened.latest().snapshot.counts.troubled, 1);
    let part = below(&site);
    let options = RestoreOptions {
        deleting: Deleting::Others,
        ..RestoreOptions::default()
    };
    let before = look(&site.data().join("many"));
    let report = restored(&opened, &part, &site.data(), &options);
    assert_eq!((report.deleted, report.failures.count), (0, 0));
    assert_eq!(look(&site.data().join("many")), before);
}

#[test]
fn filters_take_a_part_and_the_folders_on_the_way_keep_their_modes() {
    let mut site = filled();
    site.run();
    let opened = site.open();
    let reader = opened.reader();
    let (part, target) = (below(&site), tempfile::tempdir().unwrap());
    let include = ["*.bin".to_owned()];
    let exclude = ["/**/data/big*".to_owned(), "zlinked.bin".to_owned()];
    let filter = Filter::new(&include, &exclude).unwrap();
    let some = wanted(&reader, opened.latest(), &part, &filter);
    let planned = plan(&some, &Void);
    assert_eq!(
        (planned.entries, planned.files, planned.bytes),
        (2, 1, 300_000)
    );
    assert!(planned.frames >= 1 && planned.packs >= 1);
    let report = restore(&some, target.path(), &RestoreOptions::default(), &Void).unwrap();
    assert!(report.is_whole());
    let found = look(target.path());
    let names: Vec<&String> = found.keys().collect();
    assert_eq!(names, ["linked.bin", "plans", "plans/middle.bin"]);
    assert_eq!(found["plans"], look(&site.data())["plans"]);
}

#[test]
fn a_target_that_goes_away_stops_the_restore_and_the_next_one_goes_on() {
    let mut site = Site::new();
    // Five times what may be asked for and not yet decoded: late requests follow the first files.
    for n in 0..8 {
        site.write(&format!("scan{n}"), &noise(n, 10_000_000));
    }
    site.run();
    let target = tempfile::tempdir().unwrap();
    let options = RestoreOptions {
        // One worker: how much is done before each stop does not depend on the machine's load.
        workers: 1,
        ..RestoreOptions::default()
    };
    let mut whole = 0;
    for calls in (0..).step_by(7) {
        let is_range = |call: &Operation| matches!(call, Operation::GetRange { .. });
        let script = nth_where(calls, is_range, Fault::Stop);
        let flaky = Arc::new(Flaky::new(site.memory.clone(), script));
        let vault = site.vault_on(flaky.clone());
        let opened = Opened::of(&vault, &site.keys);
        let report = restored(&opened, &below(&site), target.path(), &options);
        if !flaky.stopped() {
            assert!(report.is_whole());
            break;
        }
        assert_eq!(report.ending, Ending::Stopped);
        assert!(
            report
                .failures
                .kept
                .iter()
                .all(|failure| match &*failure.error {
                    EntryError::Read(error) => error.is_unreachable(),
                    EntryError::Tree(error) => error.source.is_unreachable(),
                    _ => false,
                })
        );
        whole += report.entries;
    }
    assert!(whole > 0);
    assert_eq!(look(target.path()), look(&site.data()));
}

#[test]
fn files_that_are_there_stay_where_nothing_may_be_overwritten() {
    let mut site = Site::new();
    site.write("a", b"theirs");
    site.write("b", b"new");
    site.run();
    let target = tempfile::tempdir().unwrap();
    fs::write(target.path().join("a"), b"mine").unwrap();
    let options = RestoreOptions {
        overwrite: Overwrite::Never,
        ..RestoreOptions::default()
    };
    let report = restored(&site.open(), &below(&site), target.path(), &options);
    assert_eq!((report.files_written, report.kept), (1, 1));
    assert_eq!(fs::read(target.path().join("a")).unwrap(), b"mine");
    assert_eq!(fs::read(target.path().join("b")).unwrap(), b"new");
}

#[test]
fn few_open_files_and_one_worker_are_enough() {
    let mut site = filled();
    site.run();
    let target = tempfile::tempdir().unwrap();
    let options = RestoreOptions {
        workers: 1,
        open_files: 3,
        ..RestoreOptions::default()
    };
    let report = restored(&site.open(), &below(&site), target.path(), &options);
    assert!(report.is_whole());
    assert_eq!(look(target.path()), look(&site.data()));
}
