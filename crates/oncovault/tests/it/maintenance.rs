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
fn forgetting_a_held_snapshot_by_name_is_30_and_names_the_hold() {
    let world = World::new();
    world.write("data/a", "x");
    let (held, free) = (world.backup("data"), world.backup("data"));
    world.backup("data");
    let hold = world.json(["hold", "add", &held, "--reason", "trial audit"]);
    let hold = hold["hold"].as_str().unwrap();
    let names = [&held[..8], &hold[..8], "trial audit", "hold release"];
    world.run(["forget", &held, &free]).fails(30, &names);
    world
        .run(["forget", &held, "--plan", "p"])
        .fails(30, &names);
    assert!(!world.path("p").exists());
    assert_eq!(ids(&world, &["snapshots"]).len(), 3);
    assert_eq!(world.run(["forget", &free]).code, 0);
    assert_eq!(ids(&world, &["snapshots"]).len(), 2);
}

#[test]
fn a_plan_that_forgets_what_is_held_since_is_30_and_forgets_nothing() {
    let world = two_snapshots();
    let plan = ["forget", "--keep-last", "1", "--plan", "p"];
    assert_eq!(world.run(plan).code, 0);
    let hold = world.json(["hold", "add", "latest~1", "--reason", "trial audit"]);
    let hold = hold["hold"].as_str().unwrap();
    let apply = || world.run(["forget", "--apply", "p"]);
    apply().fails(30, &[&hold[..8], "trial audit"]);
    assert_eq!(ids(&world, &["snapshots"]).len(), 2);
    assert_eq!(world.run(["hold", "release", hold]).code, 0);
    assert_eq!(apply().code, 0);
    assert_eq!(ids(&world, &["snapshots"]).len(), 1);
}

/// A vault with three packs of noise, of which two are needed no more.
fn mostly_unneeded() -> World {
    let world = World::new();
    for seed in 1..=3 {
        world.write("data/a", noise(seed));
        world.backup("data");
    }
    assert_eq!(world.run(["forget", "--keep-last", "1"]).code, 0);
    world
}

fn noise(seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let word = |_| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    };
    (0..40_000).flat_map(word).collect()
}

fn stored_bytes(world: &World) -> u64 {
    let stats = world.json(["stats", "--mode", "raw"]);
    stats["packs_bytes"].as_u64().unwrap()
}

#[test]
fn a_prune_carries_out_the_plan_that_it_is_given_and_nothing_more() {
    let world = mostly_unneeded();
    let before = stored_bytes(&world);
    assert_eq!(world.run(["prune", "--plan", "p"]).code, 0);
    assert_eq!(stored_bytes(&world), before);
    world.write("data/a", noise(4));
    world.backup("data");
    assert_eq!(world.run(["forget", "--keep-last", "1"]).code, 0);

    let planned = world.json(["prune", "--apply", "p", "--dry-run"]);
    let done = world.json(["prune", "--apply", "p"]);
    assert_eq!(done["plan"], planned["plan"]);
    let going = done["plan"]["going"].as_array().unwrap().len();
    assert_eq!(done["done"]["condemned"], going);
    // What became free after the plan was made is still there.
    assert!(stored_bytes(&world) > 2 * 320_000);
    let rest = world.json(["prune"]);
    assert!(rest["done"]["deleted"].as_u64() > Some(0), "{rest}");
    assert!(stored_bytes(&world) < 2 * 320_000);
    assert_eq!(world.run(["check", "--read-data", "--with-keys"]).code, 0);

    let elsewhere = mostly_unneeded();
    let plan = fs::read(world.path("p")).unwrap();
    elsewhere.write("p", plan);
    let other = elsewhere.run(["prune", "--apply", "p"]);
    other.fails(1, &["made for another vault"]);
    world.write("p", "nonsense");
    world.run(["prune", "--apply", "p"]).fails(2, &["plan"]);
}

/// Runs a verb with a terminal as its standard input, on which somebody has typed this.
fn at_a_terminal(world: &World, typed: &str, args: &[&str]) -> Said {
    use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
    let person = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&person).unwrap();
    unlockpt(&person).unwrap();
    let name = ptsname(&person, Vec::new()).unwrap();
    let name = name.to_str().unwrap();
    let program = fs::OpenOptions::new().read(true).write(true).open(name);
    rustix::io::write(&person, typed.as_bytes()).unwrap();
    let mut command = world.command();
    command.args(["--vault", "vault", "--key", "owner.key"]);
    command.args(["--passphrase-file", "pw"]).args(args);
    Said::of(command.stdin(program.unwrap()).output().unwrap())
}

#[test]
fn a_person_is_asked_before_a_prune_frees_much_and_a_job_is_not() {
    let world = mostly_unneeded();
    let before = stored_bytes(&world);
    let refused = at_a_terminal(&world, "n\n", &["prune"]);
    refused.fails(130, &["Go on?", "nothing was done", "--yes"]);
    assert_eq!(stored_bytes(&world), before);
    let shown = at_a_terminal(&world, "", &["prune", "--dry-run"]);
    assert_eq!(shown.code, 0, "{}", shown.err);

    let agreed = at_a_terminal(&world, "y\n", &["prune"]);
    assert_eq!(agreed.code, 0, "{}", agreed.err);
    assert!(stored_bytes(&world) < before / 2);
    let little = at_a_terminal(&world, "", &["prune"]);
    assert_eq!(little.code, 0, "{}", little.err);

    let said = at_a_terminal(&mostly_unneeded(), "", &["prune", "--yes"]);
    assert_eq!(said.code, 0, "{}", said.err);
    let unwatched = mostly_unneeded().run(["prune"]);
    assert!(!unwatched.err.contains("Go on?"));
    assert_eq!(unwatched.code, 0, "{}", unwatched.err);
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
fn a_repair_carries_out_the_plan_that_it_is_given() {
    let world = two_snapshots();
    assert_eq!(world.run(["copy", "--to", "copy"]).code, 0);
    damage(&world);
    let plan = ["repair", "--from", "copy", "--plan", "p"];
    assert_eq!(world.run(plan).code, 20);
    world.run(["check", "--read-data"]).fails(20, &["damaged"]);
    let done = world.json(["repair", "--apply", "p"]);
    assert_eq!(done["done"]["fetched"], 1, "{done}");
    assert_eq!(world.run(["check", "--read-data", "--with-keys"]).code, 0);

    let elsewhere = two_snapshots();
    elsewhere.write("p", fs::read(world.path("p")).unwrap());
    let other = elsewhere.run(["repair", "--apply", "p"]);
    other.fails(1, &["made for another vault"]);
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
    let mended = world.run(["repair", "--from", "elsewhere"]);
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
