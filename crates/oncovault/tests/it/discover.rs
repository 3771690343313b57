//! What `discover` finds in folders, on real files where they are there.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::json::{documented, keys};
use crate::world::{Said, World};

const PLANS: &str = "radiotherapy/dicompyler/example_data";
const CT: &str =
    "dicom/dcm-classifier/testing_data/anonymized_testing_data/anonymized_data/1/DICOM";
const GENOMES: &str = "genomics/htslib";

/// The folder of real files, if it is there.
fn real_files() -> Option<PathBuf> {
    let named = std::env::var_os("ONCOVAULT_TEST_DATA").map(PathBuf::from);
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/testdata");
    let folder = named.unwrap_or_else(beside);
    if folder.is_dir() {
        return Some(folder);
    }
    eprintln!("skipped: no sample files (cargo xtask data fetches them)");
    None
}

/// A world with copies of some real files in the folder `data`.
fn with_copies(files: &[(&str, &str)]) -> Option<World> {
    let real = real_files()?;
    let world = World::empty();
    for (from, to) in files {
        world.write(&format!("data/{to}"), fs::read(real.join(from)).unwrap());
    }
    Some(world)
}

fn discovered(world: &World, args: &[&str]) -> Value {
    let said = run(world, args);
    assert_eq!(said.code, 0, "{}", said.err);
    serde_json::from_str(&said.out).unwrap()
}

fn run(world: &World, args: &[&str]) -> Said {
    let mut command = world.command();
    command.args(["--json", "discover"]).args(args);
    Said::of(command.output().unwrap())
}

/// Gaps of the folder `data`, as gap and the name of the first file that tells of it.
fn gaps(world: &World) -> BTreeSet<(String, String)> {
    let document = discovered(world, &["data"]);
    let told = document["incomplete"].as_array().unwrap().iter();
    let pairs = told.map(|one| {
        let path = one["files"][0].as_str().unwrap();
        let name = path.rsplit('/').next().unwrap();
        (one["gap"].as_str().unwrap().to_owned(), name.to_owned())
    });
    pairs.collect()
}

fn gap(gap: &str, file: &str) -> (String, String) {
    (gap.to_owned(), file.to_owned())
}

fn remove(world: &World, name: &str) {
    fs::remove_file(world.path(&format!("data/{name}"))).unwrap();
}

/// As many files of each kind as the page on kinds says that are recognised as it, right or wrong.
#[test]
fn every_real_file_is_classified_as_the_page_on_kinds_says() {
    let Some(real) = real_files() else { return };
    let world = World::empty();
    let folder = real.to_str().unwrap();
    // Of the folder itself, in no list of what its files are.
    let own = ["--exclude=MANIFEST.tsv", "--exclude=.lock"];
    let document = discovered(&world, &[folder, own[0], own[1]]);
    let mut found: BTreeMap<&str, f64> = BTreeMap::new();
    for kind in document["kinds"].as_array().unwrap() {
        let files = kind["files"].as_f64().unwrap();
        found.insert(kind["kind"].as_str().unwrap(), files);
    }
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/kinds.md");
    let page = fs::read_to_string(page).unwrap();
    let (_, table) = page.split_once("## The table").unwrap();
    let mut rows = 0;
    for row in table.lines().filter(|line| line.contains("| `")) {
        let cells: Vec<&str> = row.split('|').map(str::trim).rev().collect();
        let [_, recall, precision, files, kind, ..] = &cells[..] else {
            panic!("{row}");
        };
        let number = |text: &str| text.parse::<f64>().unwrap_or(0.0);
        // Right ones, and what else was taken for this kind.
        let right = number(files) * number(recall);
        let said = match number(precision) {
            0.0 => 0.0,
            precision => right / precision,
        };
        let kind = kind.trim_matches('`');
        let found = found.remove(kind).unwrap_or(0.0);
        assert!(
            (found - said).abs() < 0.5,
            "{kind}: {found}, the page says {said}"
        );
        rows += 1;
    }
    assert!(rows > 100 && found.is_empty(), "not on the page: {found:?}");
    let unread = document["unreadable_count"].as_u64();
    assert_eq!(unread, Some(0));
}

#[test]
fn a_structure_set_that_is_deleted_is_named_by_the_plan_and_the_dose_that_need_it() {
    let names = ["rtplan.dcm", "rtss.dcm", "rtdose.dcm", "ct.0.dcm"];
    let paths: Vec<String> = names.iter().map(|name| format!("{PLANS}/{name}")).collect();
    let files: Vec<_> = paths.iter().map(String::as_str).zip(names).collect();
    let Some(world) = with_copies(&files) else {
        return;
    };
    // The public set has one slice of its CT: that the others are missing is true.
    let whole = BTreeSet::from([
        gap("plan-without-images", "rtplan.dcm"),
        gap("structure-set-without-images", "rtss.dcm"),
    ]);
    assert_eq!(gaps(&world), whole);
    remove(&world, "rtss.dcm");
    let told = gaps(&world);
    assert!(
        told.contains(&gap("plan-without-structure-set", "rtplan.dcm")),
        "{told:?}"
    );
}

#[test]
fn a_slice_that_is_deleted_is_named_with_its_place() {
    let Some(real) = real_files() else { return };
    let world = World::empty();
    let mut names = Vec::new();
    for entry in fs::read_dir(real.join(CT)).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        world.write(&format!("data/{name}"), fs::read(entry.path()).unwrap());
        names.push(name);
    }
    names.sort();
    assert_eq!(gaps(&world), BTreeSet::new(), "the whole series");
    // One in the middle: a series that ends earlier looks whole.
    let middle = names.iter().find(|name| name.contains("-1-49-")).unwrap();
    remove(&world, middle);
    let document = discovered(&world, &["data"]);
    let [one] = &document["incomplete"].as_array().unwrap()[..] else {
        panic!("{}", document["incomplete"]);
    };
    assert_eq!(one["gap"], "series-with-a-gap");
    assert!(
        one["missing"][0]
            .as_str()
            .unwrap()
            .starts_with("1 slice after number")
    );
}

#[test]
fn a_mate_that_is_deleted_is_named_by_its_file() {
    let reads = "genomics/biopython/Quality";
    let first = format!("{reads}/example.fastq.gz");
    let second = format!("{reads}/example_dos.fastq.bgz");
    let (one, two) = ("S1_L001_R1_001.fastq.gz", "S1_L001_R2_001.fastq.gz");
    let Some(world) = with_copies(&[(&first, one), (&second, two)]) else {
        return;
    };
    assert_eq!(gaps(&world), BTreeSet::new());
    remove(&world, two);
    let document = discovered(&world, &["data"]);
    let told = &document["incomplete"][0];
    assert_eq!(told["gap"], "mate-missing");
    assert!(
        told["missing"][0].as_str().unwrap().ends_with(two),
        "{told}"
    );
}

#[test]
fn a_reference_an_index_and_the_end_of_an_alignment_that_are_gone_are_named() {
    let names = [
        "range.bam",
        "range.bam.bai",
        "range.cram",
        "range.cram.crai",
        "ce.fa",
        "ce.fa.fai",
    ];
    let paths: Vec<String> = names
        .iter()
        .map(|name| format!("{GENOMES}/{name}"))
        .collect();
    let files: Vec<_> = paths.iter().map(String::as_str).zip(names).collect();
    let Some(world) = with_copies(&files) else {
        return;
    };
    assert_eq!(gaps(&world), BTreeSet::new(), "the whole set");
    remove(&world, "ce.fa");
    remove(&world, "ce.fa.fai");
    assert_eq!(
        gaps(&world),
        BTreeSet::from([gap("cram-without-reference", "range.cram")])
    );
    let bytes = fs::read(world.path("data/range.bam")).unwrap();
    world.write("data/range.bam", &bytes[..bytes.len() - 40]);
    remove(&world, "range.cram.crai");
    let wanted = [
        gap("cram-without-reference", "range.cram"),
        gap("end-missing", "range.bam"),
        gap("index-missing", "range.cram"),
    ];
    assert_eq!(gaps(&world), BTreeSet::from(wanted));
}

#[test]
fn the_same_data_set_under_another_header_is_found_when_files_are_read_whole() {
    let plan = format!("{PLANS}/rtplan.dcm");
    let Some(world) = with_copies(&[(&plan, "a.dcm"), (&plan, "b.dcm")]) else {
        return;
    };
    // Archives rewrite the preamble and the meta group.
    let mut bytes = fs::read(world.path("data/b.dcm")).unwrap();
    bytes[..6].copy_from_slice(b"rewrit");
    world.write("data/b.dcm", bytes);
    world.write("data/c.dcm", fs::read(world.path("data/a.dcm")).unwrap());
    let shallow = discovered(&world, &["data"]);
    assert_eq!(
        shallow["duplicates"][0]["files"].as_array().unwrap().len(),
        2
    );
    let has = |document: &Value, gap: &str| {
        let told = document["incomplete"].as_array().unwrap();
        told.iter().any(|one| one["gap"] == gap)
    };
    assert!(!has(&shallow, "same-data-set"));
    assert!(has(
        &discovered(&world, &["data", "--digests"]),
        "same-data-set"
    ));
}

/// A department: plans with images, genomes, trial data, letters, and something odd.
fn department(world: &World) {
    let Some(real) = real_files() else { return };
    for name in ["rtplan.dcm", "rtss.dcm", "rtdose.dcm", "ct.0.dcm"] {
        let file = real.join(PLANS).join(name);
        world.write(&format!("data/tps/[1] A*B/{name}"), fs::read(file).unwrap());
    }
    for name in ["range.bam", "range.bam.bai", "ce.fa"] {
        let file = real.join(GENOMES).join(name);
        world.write(&format!("data/seq/run-1/{name}"), fs::read(file).unwrap());
    }
    for at in 0..40 {
        world.write(
            &format!("data/office/{at}.csv"),
            format!("a,b\n1,{at}\n2,{at}\n"),
        );
    }
    world.write(
        "data/odd.bin",
        [0x93, 0x11, 0xfe, 0, 0x81, 7, 0xc3, 0x28, 0, 1],
    );
}

#[test]
fn what_is_proposed_is_sound_and_leaves_no_file_out() {
    let world = World::empty();
    department(&world);
    if real_files().is_none() {
        return;
    }
    let document = discovered(&world, &["data", "--propose", "oncovault.toml"]);
    let names = document["proposal"].as_array().unwrap().iter();
    let names: BTreeSet<&str> = names.map(|one| one["name"].as_str().unwrap()).collect();
    assert_eq!(names.len(), 4, "{names:?}");
    let mut check = world.command();
    check.args(["--config", "oncovault.toml", "--json", "config", "check"]);
    let said = Said::of(check.output().unwrap());
    assert_eq!(said.code, 0, "{}", said.err);
    let text = fs::read_to_string(world.path("oncovault.toml")).unwrap();
    assert!(text.contains("compartment = \"genomic\""), "{text}");
    // Whatever comes new is in one of them too.
    world.write("data/new/unseen.txt", "new");
    let mut again = world.command();
    let config = world.arg("oncovault.toml");
    again.args(["--config", &config, "--json", "discover", "data"]);
    let said = Said::of(again.output().unwrap());
    let compared: Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!(
        compared["protection"]["open_files"], 0,
        "{}",
        compared["protection"]
    );
}

#[test]
fn what_no_dataset_protects_is_named_by_folder_and_excludes_count() {
    let world = World::empty();
    for name in [
        "plans/a/1.csv",
        "plans/a/2.csv",
        "plans/tmp/3.csv",
        "other/x/4.csv",
        "other/5.csv",
    ] {
        world.write(&format!("data/{name}"), "a,b\n1,2\n3,4\n");
    }
    let paths = "paths = [\"data/plans\"]\nexclude = [\"tmp\"]\n";
    world.write(
        "oncovault.toml",
        format!("[vault]\nurl = \"vault\"\n[[dataset]]\nname = \"plans\"\n{paths}"),
    );
    let mut command = world.command();
    command.args(["--config", "oncovault.toml", "--json", "discover", "data"]);
    let said = Said::of(command.output().unwrap());
    let document: Value = serde_json::from_str(&said.out).unwrap();
    let protection = &document["protection"];
    assert_eq!(protection["open_files"], 3);
    let folders = protection["open_folders"].as_array().unwrap().iter();
    let folders: BTreeSet<String> = folders
        .map(|one| {
            one["path"]
                .as_str()
                .unwrap()
                .rsplit("data")
                .next()
                .unwrap()
                .to_owned()
        })
        .collect();
    let wanted = ["/other", "/plans/tmp"].map(str::to_owned);
    assert_eq!(folders, BTreeSet::from(wanted));
}

#[test]
fn identifiers_are_shown_only_to_who_asks_for_them() {
    let plan = format!("{PLANS}/rtplan.dcm");
    let Some(world) = with_copies(&[(&plan, "plan.dcm")]) else {
        return;
    };
    let shown = |args: &[&str]| {
        let mut command = world.command();
        let said = Said::of(
            command
                .args(["discover", "data"])
                .args(args)
                .output()
                .unwrap(),
        );
        [said.out, said.err].concat()
    };
    let quiet = [shown(&[]), run(&world, &["data"]).out].concat();
    // The patient's id, and the UID of the structure set that is missing.
    assert!(
        !quiet.contains("123456") && !quiet.contains("1.2.826"),
        "{quiet}"
    );
    assert!(quiet.contains("They name 1 patient"));
    assert!(shown(&["--identifiers"]).contains("patient 123456 (DICOM)"));
}

#[test]
fn what_cannot_be_read_is_named_and_does_not_stop_it() {
    let world = World::empty();
    world.write("data/a.csv", "a,b\n1,2\n3,4\n");
    world.write("data/shut/b.csv", "a,b\n1,2\n3,4\n");
    std::os::unix::fs::symlink("/nowhere", world.path("data/link")).unwrap();
    let missing = run(&world, &["data", "nowhere"]);
    missing.fails(2, &["nowhere", "does not exist"]);
    let document = discovered(&world, &["data"]);
    assert_eq!(
        (&document["files"], &document["others"]),
        (&2.into(), &1.into())
    );
    if rustix::process::geteuid().is_root() {
        return;
    }
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(world.path("data/shut"), fs::Permissions::from_mode(0o000)).unwrap();
    let said = run(&world, &["data"]);
    fs::set_permissions(world.path("data/shut"), fs::Permissions::from_mode(0o700)).unwrap();
    assert_eq!(said.code, 3, "{}", said.err);
    let document: Value = serde_json::from_str(&said.out).unwrap();
    assert!(
        document["unreadable"][0]["path"]
            .as_str()
            .unwrap()
            .ends_with("shut")
    );
}

#[test]
fn files_that_are_written_are_for_the_owner_alone_and_replace_nothing() {
    use std::os::unix::fs::PermissionsExt;
    let world = World::empty();
    world.write("data/<script>alert(1)<!--\n.csv", "a,b\n1,2\n3,4\n");
    world.write("data/&\"' x/y.csv", "a,b\n1,2\n3,4\n5,6\n");
    discovered(
        &world,
        &["data", "--html", "page.html", "--propose", "p.toml"],
    );
    for file in ["page.html", "p.toml"] {
        let mode = fs::metadata(world.path(file)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let said = run(&world, &["data", "--html", file]);
        said.fails(2, &[file, "already there"]);
    }
    let page = fs::read_to_string(world.path("page.html")).unwrap();
    assert!(!page.contains("<script") && !page.contains("<!--"));
}

#[test]
fn the_document_has_the_keys_of_the_manual_and_no_others() {
    let world = World::empty();
    department(&world);
    if real_files().is_none() {
        return;
    }
    for (name, content) in [("data/twice.csv", "a,b\n1,0\n2,0\n"), ("data/tps/x", "")] {
        world.write(name, content);
    }
    // No patient in it, and the data set is cut.
    let whole = fs::read(world.path("data/tps/[1] A*B/ct.0.dcm")).unwrap();
    world.write("data/tps/cut.dcm", &whole[..whole.len() - 100]);
    world.write(
        "data/nobody.hl7",
        "MSH|^~\\&|A|B|C|D|20260101||ACK^A01|1|P|2.5\rMSA|AA|1\r",
    );
    world.write(
        "oncovault.toml",
        "[vault]\nurl = \"vault\"\n[[dataset]]\nname = \"a\"\npaths = [\"data/tps\"]\n",
    );
    let mut command = world.command();
    command.args([
        "--config",
        "oncovault.toml",
        "--json",
        "discover",
        "data",
        "--digests",
    ]);
    command.arg("--identifiers");
    let said = Said::of(command.output().unwrap());
    let mut document: Value = serde_json::from_str(&said.out).unwrap();
    // Only where something could not be read, which root always can.
    document["unreadable"] = serde_json::json!([{"path": "", "reason": ""}]);
    assert_eq!(keys(&document), documented("discover"));
}
