//! Backing up: what is read, what is left out, what is said.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use crate::world::{Said, World};

fn paths(world: &World) -> Vec<String> {
    let listed = world.json(["ls", "latest", "-R"]);
    let folder = format!("{}/", world.arg("data"));
    let entries = listed["entries"].as_array().unwrap().iter();
    entries
        .map(|entry| entry["path"].as_str().unwrap().replace(&folder, ""))
        .collect()
}

#[test]
fn a_second_run_reads_only_what_changed() {
    let world = World::new();
    world.write("data/a", vec![7; 100_000]);
    world.write("data/b", "b");
    // What changed just before a run may change again without a trace, and is read again.
    std::thread::sleep(std::time::Duration::from_secs(4));
    world.backup("data");
    let again = world.json(["backup", "data", "--reread", "0"]);
    assert_eq!(again["files_unmodified"], 2);
    assert_eq!(again["bytes_read"], 0);
    world.write("data/b", "changed");
    let changed = world.json(["backup", "data", "--reread", "0"]);
    assert_eq!(changed["files_changed"], 1);
    assert_eq!(changed["bytes_read"], 7);
}

#[test]
fn nothing_new_makes_no_snapshot_if_that_was_asked_for() {
    let world = World::new();
    world.write("data/a", "a");
    world.backup("data");
    let again = world.json(["backup", "data", "--skip-if-unchanged"]);
    assert!(again["snapshot_id"].is_null());
    assert_eq!(
        world.json(["snapshots"])["snapshots"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
}

#[test]
fn a_dry_run_stores_nothing() {
    let world = World::new();
    world.write("data/a", "a");
    let dry = world.json(["backup", "data", "--dry-run"]);
    assert!(dry["snapshot_id"].is_null());
    assert_eq!(dry["files_new"], 1);
    assert!(
        world.json(["snapshots"])["snapshots"]
            .as_array()
            .unwrap()
            .is_empty()
    );
}

#[test]
fn what_is_excluded_is_left_out_and_a_pattern_without_effect_is_named() {
    let world = World::new();
    for name in [
        "keep.dcm",
        "x.tmp",
        "Y.TMP",
        "big",
        "cache/CACHEDIR.TAG",
        "cache/x",
        "no/.skip",
    ] {
        world.write(
            &format!("data/{name}"),
            "Signature: 8a477f597d28d172789f06886806bc55",
        );
    }
    world.write("data/no/x", "");
    world.write("data/big", vec![0; 3000]);
    world.write("patterns", "# comment\n*.nothing\n");
    let said = world.run([
        "backup",
        "data",
        "--iexclude",
        "*.tmp",
        "--exclude-file",
        "patterns",
        "--exclude-caches",
        "--exclude-if-present",
        ".skip",
        "--exclude-larger-than",
        "2k",
    ]);
    assert_eq!(said.code, 0, "{}", said.err);
    assert!(said.err.contains("*.nothing"), "{}", said.err);
    assert_eq!(
        paths(&world),
        ["cache", "keep.dcm", "no", "cache/CACHEDIR.TAG", "no/.skip"]
    );
}

#[test]
fn a_stream_is_stored_under_its_name_and_a_failed_command_leaves_no_snapshot() {
    let world = World::new();
    let said = world.run([
        "backup",
        "--stdin-name",
        "db/dump.sql",
        "--",
        "echo",
        "rows",
    ]);
    assert_eq!(said.code, 0, "{}", said.err);
    assert_eq!(world.run(["dump", "latest:/db/dump.sql"]).out, "rows\n");
    let failing = [
        "backup",
        "--stdin-name",
        "bad.sql",
        "--",
        "sh",
        "-c",
        "echo half; exit 3",
    ];
    world.run(failing).fails(1, &["sh", "3"]);
    assert_eq!(
        world.json(["snapshots"])["snapshots"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
}

#[test]
fn lists_of_paths_are_read() {
    let world = World::new();
    world.write("data/a", "");
    world.write("data/b\nc", "");
    world.write("lines", format!("{}\n", world.arg("data/a")));
    world.write("zeros", format!("{}\0", world.arg("data/b\nc")));
    let said = world.run([
        "backup",
        "--files-from",
        "lines",
        "--files-from-raw",
        "zeros",
    ]);
    assert_eq!(said.code, 0, "{}", said.err);
    assert_eq!(paths(&world), ["a", "b\nc"]);
}

#[test]
fn a_missing_path_is_named_and_the_others_are_stored() {
    let world = World::new();
    world.write("data/a", "a");
    world
        .run(["backup", "data", "dataa"])
        .fails(3, &["dataa", "does not exist"]);
    assert_eq!(
        world.json(["snapshots"])["snapshots"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
    world
        .run(["backup", "dataa"])
        .fails(1, &["dataa", "does not exist"]);
}

#[test]
fn a_file_that_cannot_be_read_is_named_and_recorded() {
    let world = World::new();
    world.write("data/good", "x");
    world.write("data/locked", "x");
    fs::set_permissions(world.path("data/locked"), PermissionsExt::from_mode(0o000)).unwrap();
    // Root reads everything: a test of it shows nothing.
    if fs::read(world.path("data/locked")).is_ok() {
        return;
    }
    world.run(["backup", "data"]).fails(3, &["locked"]);
    let listed = world.json(["ls", "latest"]);
    assert!(listed["entries"][1]["unreadable"].is_string());
}

#[test]
fn tags_are_given_found_and_taken_away() {
    let world = World::new();
    world.write("data/a", "");
    assert_eq!(world.run(["backup", "data", "--tag", "weekly"]).code, 0);
    world.backup("data");
    let tagged = |tag: &str| {
        let found = world.json(["snapshots", "--tag", tag]);
        found["snapshots"].as_array().unwrap().len()
    };
    assert_eq!(tagged("weekly"), 1);
    assert_eq!(
        world.run(["tag", "add", "latest", "weekly", "trial"]).code,
        0
    );
    assert_eq!((tagged("weekly"), tagged("trial")), (2, 1));
    assert_eq!(world.run(["tag", "remove", "latest~1", "weekly"]).code, 0);
    assert_eq!(tagged("weekly"), 1);
}

#[test]
fn what_differs_is_listed() {
    let world = World::new();
    world.write("data/same", "same");
    world.write("data/gone", "gone");
    world.write("data/other", "one");
    world.backup("data");
    fs::remove_file(world.path("data/gone")).unwrap();
    world.write("data/other", "other");
    world.write("data/new", "new");
    world.backup("data");
    let diff = world.json(["diff", "latest~1", "latest", "--content"]);
    assert_eq!(
        (&diff["added"], &diff["removed"], &diff["changed"]),
        (&1.into(), &1.into(), &1.into())
    );
    let said = world.run(["diff", "latest~1", "latest", "--content"]);
    let data = world.arg("data");
    assert_eq!(
        said.out,
        format!("- {data}/gone\n+ {data}/new\nM {data}/other\n")
    );
}

#[test]
fn names_are_found_in_all_snapshots() {
    let world = World::new();
    world.write("data/plan.dcm", "");
    world.backup("data");
    world.write("data/more/plan.dcm", "");
    world.backup("data");
    let hits = world.json(["find", "plan.dcm"]);
    assert_eq!(hits["hits"].as_array().unwrap().len(), 3);
    let hits = world.json(["find", "pl*.dcm", "--snapshot", "latest"]);
    assert_eq!(hits["hits"].as_array().unwrap().len(), 2);
}

#[test]
fn an_interrupted_backup_ends_with_130_and_the_next_one_succeeds() {
    let world = World::new();
    let mut command = world.command();
    command.args([
        "--vault",
        "vault",
        "--key",
        "owner.key",
        "--passphrase-file",
        "pw",
    ]);
    command.args(["backup", "--stdin-name", "endless", "--", "sh", "-c"]);
    command.arg("while :; do echo data; sleep 0.01; done");
    command
        .stderr(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped());
    let child = command.spawn().unwrap();
    let pid = rustix::process::Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap();
    // The first one waits for a good moment, which a stream never has; the second one does not.
    for _ in 0..2 {
        std::thread::sleep(std::time::Duration::from_millis(2500));
        rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
    }
    let said = Said::of(child.wait_with_output().unwrap());
    said.fails(130, &[]);
    world.write("data/a", "a");
    world.backup("data");
}

#[test]
fn what_a_stopped_run_stored_is_listed_with_all_as_partial() {
    use std::io::{BufRead, BufReader};
    let world = World::new();
    for number in 0..300_u32 {
        let noise = (0..50_000_u32).flat_map(|n| {
            let mixed = (n ^ (number << 16)).wrapping_mul(2_654_435_761);
            mixed.rotate_left(n % 32).to_le_bytes()
        });
        world.write(&format!("data/{number:03}"), noise.collect::<Vec<u8>>());
    }
    let mut command = world.command();
    command.args([
        "--vault",
        "vault",
        "--key",
        "owner.key",
        "--passphrase-file",
        "pw",
    ]);
    command.args([
        "--progress",
        "json",
        "--progress-fps",
        "60",
        "backup",
        "data",
    ]);
    command
        .stderr(std::process::Stdio::piped())
        .stdout(std::process::Stdio::null());
    let mut child = command.spawn().unwrap();
    let pid = rustix::process::Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    // Enough is stored that there is something to publish, and much remains.
    let bytes = |line: &str| {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        line["progress"]["bytes"].as_u64().unwrap()
    };
    assert!(lines.any(|line| bytes(&line.unwrap()) > 4_000_000));
    rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
    lines.for_each(drop);
    assert_eq!(child.wait().unwrap().code(), Some(130));
    let states = |args: &[&str]| -> Vec<String> {
        let snapshots = world.json(args);
        let snapshots = snapshots["snapshots"].as_array().unwrap().iter();
        let state = snapshots.map(|one| one["state"].as_str().unwrap().to_owned());
        state.collect()
    };
    assert_eq!(states(&["snapshots"]), [""; 0]);
    let all = states(&["snapshots", "--all"]);
    assert!(!all.is_empty() && all.iter().all(|state| state == "partial"));
}
