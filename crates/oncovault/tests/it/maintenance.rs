//! What keepers do.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use crate::world::{Said, World, files};

fn two_snapshots() -> World {
    let world = World::new();
    let noise = |salt: u32| -> Vec<u8> {
        (0..200_000_u32)
            .flat_map(|n| (n ^ salt).wrapping_mul(2_654_435_761).to_le_bytes())
            .collect()
    };
    world.write("data/a", noise(1));
    world.backup("data");
    world.write("data/a", noise(2));
    world.backup("data");
    world
}

fn damage(world: &World) {
    let packs = files(&world.path("vault/pack"));
    let (name, mut bytes) = packs
        .into_iter()
        .max_by_key(|(_, bytes)| bytes.len())
        .unwrap();
    let path = world.path("vault/pack").join(name);
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::set_permissions(&path, PermissionsExt::from_mode(0o600)).unwrap();
    fs::write(path, bytes).unwrap();
}

#[test]
fn forgotten_snapshots_are_freed_and_the_others_restore() {
    let world = two_snapshots();
    let size = || {
        files(&world.path("vault"))
            .iter()
            .map(|(_, bytes)| bytes.len())
            .sum::<usize>()
    };
    let before = size();
    let said = world.run(["forget", "--keep-last", "1", "--prune"]);
    assert_eq!(said.code, 0, "{}", said.err);
    assert!(said.out.contains("among the last 1"), "{}", said.out);
    assert!(size() < before - 700_000);
    assert_eq!(
        world.json(["snapshots"])["snapshots"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
    assert_eq!(world.run(["check", "--read-data", "--with-keys"]).code, 0);
    assert_eq!(
        world
            .run(["restore", "latest", "--to", "out", "--verify"])
            .code,
        0
    );
}

#[test]
fn a_plan_changes_nothing_until_it_is_applied() {
    let world = two_snapshots();
    let count = || {
        world.json(["snapshots"])["snapshots"]
            .as_array()
            .unwrap()
            .len()
    };
    assert_eq!(
        world.run(["forget", "--keep-last", "1", "--dry-run"]).code,
        0
    );
    assert_eq!(
        world
            .run(["forget", "--keep-last", "1", "--plan", "p"])
            .code,
        0
    );
    assert_eq!(count(), 2);
    assert_eq!(world.run(["forget", "--apply", "p"]).code, 0);
    assert_eq!(count(), 1);
    world.write("p", "nonsense");
    world.run(["forget", "--apply", "p"]).fails(2, &["plan"]);
}

#[test]
fn a_rule_that_says_nothing_is_2_and_one_that_keeps_nothing_is_30() {
    let world = two_snapshots();
    world.run(["forget"]).fails(2, &["--keep-daily"]);
    world
        .run(["forget", "--keep-tag", "typo"])
        .fails(30, &["--allow-empty"]);
    assert_eq!(
        world.json(["snapshots"])["snapshots"]
            .as_array()
            .unwrap()
            .len(),
        2
    );
}

#[test]
fn what_is_held_is_not_forgotten() {
    let world = two_snapshots();
    assert_eq!(
        world
            .run(["hold", "add", "latest~1", "--reason", "trial audit"])
            .code,
        0
    );
    assert_eq!(world.run(["forget", "--keep-last", "1"]).code, 0);
    let listed = world.json(["snapshots"]);
    assert_eq!(listed["snapshots"][0]["held"], true);
    let hold = world.json(["hold", "list"])["holds"][0]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    assert_eq!(world.run(["hold", "release", &hold[..8]]).code, 0);
    assert_eq!(world.run(["forget", "--keep-last", "1"]).code, 0);
    assert_eq!(
        world.json(["snapshots"])["snapshots"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
}

fn ids(world: &World, args: &[&str]) -> Vec<(String, String)> {
    let document = world.json(args);
    let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    let snapshots = document["snapshots"].as_array().unwrap().iter();
    snapshots
        .map(|s| (text(&s["id"]), text(&s["state"])))
        .collect()
}

#[test]
fn rules_count_by_dataset_or_finer_and_never_coarser() {
    let world = World::new();
    world.write("data/a", "x");
    for host in ["one", "two", "two"] {
        let said = world.run(["backup", "data", "--host", host, "--tag", "same"]);
        assert_eq!(said.code, 0, "{}", said.err);
    }
    let going = |by: &str| {
        let document = world.json(["forget", "--keep-last", "1", "--group-by", by, "--dry-run"]);
        document["forget"].as_array().unwrap().len()
    };
    assert_eq!(going("dataset"), 2);
    assert_eq!(going("dataset,tags"), 2);
    assert_eq!(going("host,dataset"), 1);
    assert_eq!(going("dataset,host,paths"), 1);
    world
        .run(["forget", "--keep-last", "1", "--group-by", "host"])
        .fails(2, &["dataset", "host, tags and paths"]);
    world
        .run(["forget", "--keep-last", "1", "--group-by", "moon"])
        .fails(2, &["moon"]);
}

#[test]
fn a_key_that_reads_nothing_groups_by_dataset_alone() {
    let world = World::new();
    world.write("data/a", "x");
    world.backup("data");
    world.backup("data");
    let add = [
        "key", "add", "--role", "keeper", "--name", "k", "--out", "k.key",
    ];
    let add = add.into_iter().chain(["--unprotected-key"]);
    assert_eq!(world.run(add).code, 0);
    let rule = ["forget", "--keep-last", "1", "--group-by"];
    let by = |list| world.run_as("k.key", rule.into_iter().chain([list]));
    by("dataset,host").fails(12, &["reader", "--group-by dataset"]);
    assert_eq!(ids(&world, &["snapshots"]).len(), 2);
    let said = by("dataset");
    assert_eq!(said.code, 0, "{}", said.err);
}

#[test]
fn forgotten_snapshots_are_listed_with_all() {
    let world = World::new();
    world.write("data/a", "x");
    let (old, new) = (world.backup("data"), world.backup("data"));
    assert_eq!(world.run(["forget", &old]).code, 0);
    let state = |id: &String, state: &str| (id.clone(), state.to_owned());
    assert_eq!(ids(&world, &["snapshots"]), [state(&new, "listed")]);
    assert_eq!(
        ids(&world, &["snapshots", "--all"]),
        [state(&old, "forgotten"), state(&new, "listed")]
    );
    let said = world.run(["snapshots", "--all"]);
    assert!(said.out.contains("State") && said.out.contains("forgotten"));
    assert!(!world.run(["snapshots"]).out.contains("State"));
}

#[test]
fn damage_is_found_and_a_copy_heals_it() {
    let world = two_snapshots();
    assert_eq!(world.run(["copy", "--to", "copy"]).code, 0);
    damage(&world);
    world
        .run(["check", "--read-data"])
        .fails(20, &["damaged", "snapshot"]);
    assert_eq!(world.run(["repair", "plan", "--from", "copy"]).code, 20);
    assert_eq!(world.run(["repair", "apply", "--from", "copy"]).code, 0);
    assert_eq!(world.run(["check", "--read-data", "--with-keys"]).code, 0);
}

#[test]
fn a_copy_restores_alone() {
    let world = two_snapshots();
    assert_eq!(world.run(["copy", "--to", "copy"]).code, 0);
    fs::remove_dir_all(world.path("vault")).unwrap();
    fs::rename(world.path("copy"), world.path("vault")).unwrap();
    assert_eq!(
        world
            .run(["restore", "latest", "--to", "out", "--verify"])
            .code,
        0
    );
}

#[test]
fn the_demo_plays_through() {
    let world = World::empty();
    let said = world.run(["demo", "--dir", "play"]);
    assert_eq!(said.code, 0, "{}{}", said.out, said.err);
    assert!(said.out.contains("bit for bit"), "{}", said.out);
}

#[test]
fn a_vault_that_was_set_back_is_noticed_and_a_copy_brings_the_rest_again() {
    let world = World::new();
    world.write("data/a", "first");
    world.backup("data");
    copy_folder(&world.path("vault"), &world.path("earlier"));
    world.write("data/a", "second");
    let second = world.backup("data");
    assert_eq!(world.run(["copy", "--to", "elsewhere"]).code, 0);
    fs::rename(world.path("vault"), world.path("newest")).unwrap();
    fs::rename(world.path("earlier"), world.path("vault")).unwrap();

    let said = world.run(["snapshots"]);
    assert!(
        said.err.contains("set back to an earlier state"),
        "{}",
        said.err
    );
    world.run(["check"]).fails(20, &["set back"]);
    world.run(["prune"]).fails(20, &["is missing"]);
    let mended = world.run(["repair", "apply", "--from", "elsewhere"]);
    assert_eq!(mended.code, 0, "{}{}", mended.out, mended.err);
    let said = world.run(["check", "--read-data", "--with-keys"]);
    assert_eq!((said.code, said.err.as_str()), (0, ""), "{}", said.out);
    assert_eq!(
        world.json(["snapshots"])["snapshots"][1]["id"],
        second.as_str()
    );
}

fn copy_folder(from: &std::path::Path, to: &std::path::Path) {
    let done = std::process::Command::new("cp")
        .arg("-a")
        .args([from, to])
        .status();
    assert!(done.unwrap().success());
}

#[test]
fn anyone_can_check_a_vault_without_a_key() {
    let world = two_snapshots();
    let anyone = |args: &[&str]| {
        let mut command = world.command();
        command.args(["--vault", "vault", "check", "--without-key"]);
        Said::of(command.args(args).output().unwrap())
    };
    let said = anyone(&["--read-data"]);
    assert_eq!(said.code, 0, "{}", said.err);
    assert!(said.out.contains("No damage found"), "{}", said.out);
    damage(&world);
    assert_eq!(anyone(&[]).code, 0, "its length is right: it was not read");
    anyone(&["--read-data"]).fails(20, &["damaged"]);
}
