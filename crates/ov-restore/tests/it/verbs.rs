//! Comparing, finding, dumping and checking.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Cursor, Read};
use std::os::unix::fs::symlink;

use ov_format::entry::EntryKey;
use ov_format::name::ObjectName;
use ov_restore::{
    Change, Filter, Part, Touched, Tree, Void, check_content, diff, dump_file, dump_tar, dump_zip,
    find,
};

use crate::site::{Site, look, noise, wanted};

fn two_runs() -> Site {
    let mut site = Site::new();
    for n in 0..2000 {
        let text = format!("patient {n}").repeat(100);
        site.write(&format!("{:02}/{n}", n % 50), text.as_bytes());
    }
    site.write("scan.dcm", &noise(1, 200_000));
    site.run();
    site.write("03/3", b"changed");
    site.write("07/new", b"new");
    fs::remove_file(site.data().join("11/11")).unwrap();
    fs::remove_file(site.data().join("12/12")).unwrap();
    symlink("13", site.data().join("12/12")).unwrap();
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o600);
    fs::set_permissions(site.data().join("49/49"), mode).unwrap();
    site.run();
    site
}

#[test]
fn a_comparison_names_what_changed_and_passes_over_equal_pages() {
    let site = two_runs();
    let opened = site.open();
    let reader = opened.reader();
    let listed = &opened.snapshots.listed;
    let [before, after] = [&listed[0], &listed[1]].map(|info| Tree::of(&reader, &info.snapshot));
    let mut found = BTreeMap::new();
    let root = site.root();
    diff(&before, &after, &root, &mut |difference| {
        let path = String::from_utf8(difference.key.path()[root.len() + 1..].to_vec()).unwrap();
        if path.contains('/') {
            found.insert(path, difference.change);
        }
    })
    .unwrap();
    let expected = [
        ("03/3", Change::Content),
        ("07/new", Change::Added),
        ("11/11", Change::Removed),
        ("12/12", Change::Kind),
        ("49/49", Change::Meta),
    ];
    let expected = expected.map(|(path, change)| (path.to_owned(), change));
    assert_eq!(found, BTreeMap::from(expected));
    diff(&before, &before, b"", &mut |_| panic!("it is the same")).unwrap();
}

#[test]
fn names_are_found_in_every_snapshot_that_holds_them() {
    let site = two_runs();
    let opened = site.open();
    let reader = opened.reader();
    let count = |pattern: &str| {
        let mut counts = BTreeMap::new();
        let listed = &opened.snapshots.listed;
        let failed = find(&reader, listed, pattern, &mut |hit| {
            *counts.entry(hit.snapshot.short_id()).or_insert(0) += 1;
        });
        assert!(failed.unwrap().is_empty());
        let of = |n: usize| counts.get(&listed[n].short_id()).copied().unwrap_or(0);
        (of(0), of(1))
    };
    assert_eq!(count("new"), (0, 1));
    assert_eq!(count("1999"), (1, 1));
    // Ten files and the ten folders of these names, less one file.
    assert_eq!(count("1?"), (20, 19));
    assert_eq!(count("nothing"), (0, 0));
    assert!(find(&reader, &opened.snapshots.listed, "[", &mut |_| {}).is_err());
}

#[test]
fn one_file_is_dumped_byte_for_byte() {
    let mut site = Site::new();
    let mut content = noise(4, 3 << 20);
    content.extend(vec![0; 1 << 20]);
    site.write("scan", &content);
    site.run();
    let opened = site.open();
    let reader = opened.reader();
    let tree = Tree::of(&reader, &opened.latest().snapshot);
    let path = [&site.root()[..], b"/scan"].concat();
    let entry = tree
        .find(&EntryKey::from_path(&path).unwrap())
        .unwrap()
        .unwrap();
    let mut out = Vec::new();
    let length = dump_file(&reader, &entry, 4, &mut out).unwrap();
    assert_eq!(length, 4 << 20);
    assert!(out == content);
    let folder = tree
        .find(&EntryKey::from_path(&site.root()).unwrap())
        .unwrap()
        .unwrap();
    assert!(dump_file(&reader, &folder, 4, &mut Vec::new()).is_err());
}

#[test]
fn a_tar_stream_unpacks_to_what_was_there() {
    let mut site = Site::new();
    let long = "d".repeat(120);
    site.write(&format!("{long}/{long}.txt"), b"long names");
    site.write("a/scan", &noise(5, 100_000));
    fs::hard_link(site.data().join("a/scan"), site.data().join("again")).unwrap();
    symlink("a/scan", site.data().join("pointer")).unwrap();
    site.run();
    let opened = site.open();
    let reader = opened.reader();
    let (part, filter) = (Part::Below(site.root()), Filter::default());
    let wanted = wanted(&reader, opened.latest(), &part, &filter);
    let mut stream = Vec::new();
    assert!(dump_tar(&wanted, 2, &mut stream).unwrap().is_empty());
    let target = tempfile::tempdir().unwrap();
    let mut archive = tar::Archive::new(Cursor::new(stream));
    archive.set_preserve_permissions(true);
    archive.unpack(target.path()).unwrap();
    let plain = |folder: &std::path::Path| {
        let lines = look(folder).into_iter();
        // The unpacker knows no nanoseconds.
        lines
            .map(|(path, line)| {
                let words = line.split(' ').filter(|word| !word.contains('.'));
                (path, words.map(str::to_owned).collect::<Vec<_>>())
            })
            .collect::<BTreeMap<_, _>>()
    };
    assert_eq!(plain(target.path()), plain(&site.data()));
}

#[test]
fn a_zip_stream_holds_what_was_there() {
    let mut site = Site::new();
    let scan = noise(6, 100_000);
    site.write("a/scan", &scan);
    site.write("text", b"hello");
    symlink("a/scan", site.data().join("pointer")).unwrap();
    site.run();
    let opened = site.open();
    let reader = opened.reader();
    let (part, filter) = (Part::Below(site.root()), Filter::default());
    let wanted = wanted(&reader, opened.latest(), &part, &filter);
    let mut stream = Vec::new();
    assert!(dump_zip(&wanted, 2, &mut stream).unwrap().is_empty());
    let mut zip = zip::ZipArchive::new(Cursor::new(stream)).unwrap();
    let mut names: Vec<String> = zip.file_names().map(str::to_owned).collect();
    names.sort();
    assert_eq!(names, ["a/", "a/scan", "pointer", "text"]);
    let mut found = Vec::new();
    zip.by_name("a/scan")
        .unwrap()
        .read_to_end(&mut found)
        .unwrap();
    assert!(found == scan);
}

#[test]
fn a_whole_vault_is_found_whole_and_shared_frames_are_read_once() {
    let site = two_runs();
    let opened = site.open();
    let reader = opened.reader();
    let both = check_content(&reader, &opened.snapshots.listed, 2, &Void);
    assert_eq!(both.findings.count, 0, "{:?}", both.findings);
    assert_eq!(both.snapshots, 2);
    let one = check_content(&reader, &opened.snapshots.listed[..1], 2, &Void);
    assert!(
        both.frames <= one.frames + 2,
        "{} {}",
        both.frames,
        one.frames
    );
    assert!(one.bytes > 200_000);
}

#[test]
fn damage_is_found_and_named_in_every_snapshot_that_it_touches() {
    let site = two_runs();
    let opened = site.open();
    let reader = opened.reader();
    let tree = Tree::of(&reader, &opened.latest().snapshot);
    let path = [&site.root()[..], b"/scan.dcm"].concat();
    let entry = tree
        .find(&EntryKey::from_path(&path).unwrap())
        .unwrap()
        .unwrap();
    let (_, stretch) = ov_restore::Extents::of(&reader, &entry.content)
        .last()
        .unwrap()
        .unwrap();
    let ov_restore::Stretch::Data { chunk, .. } = stretch else {
        panic!("its content is in chunks");
    };
    let place = opened.graph.places(&chunk.at)[0];
    site.memory.tamper(&ObjectName::Pack(place.pack), |bytes| {
        bytes[usize::try_from(place.offset).unwrap()] ^= 0x80;
    });
    let reader = opened.reader();
    let check = check_content(&reader, &opened.snapshots.listed, 2, &Void);
    let touched: Vec<_> = check
        .findings
        .kept
        .iter()
        .filter_map(|finding| match &finding.touched {
            Touched::Entry(path, _) => Some((finding.commit, path.to_string())),
            Touched::Account(..) | Touched::Tree(_) | Touched::Refs(_) => None,
        })
        .filter(|(_, path)| path.ends_with("/scan.dcm"))
        .collect();
    let commits: Vec<_> = touched.iter().map(|(commit, _)| *commit).collect();
    let listed: Vec<_> = opened.snapshots.listed.iter().map(|i| i.commit).collect();
    assert_eq!(commits, listed);
}
