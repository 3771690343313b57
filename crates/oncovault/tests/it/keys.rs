//! Roles, passphrases and the paper kit.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use crate::world::{Said, World};

fn add(world: &World, role: &str, name: &str) {
    let out = format!("{name}.key");
    let said = world.run([
        "key",
        "add",
        "--role",
        role,
        "--name",
        name,
        "--out",
        &out,
        "--unprotected-key",
    ]);
    assert_eq!(said.code, 0, "{}", said.err);
}

#[test]
fn key_files_are_for_the_owners_eyes_only() {
    let world = World::new();
    let mode = fs::metadata(world.path("owner.key"))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn an_agent_stores_and_sees_nothing() {
    let world = World::new();
    add(&world, "agent", "laptop");
    world.write("data/secret name", "x");
    assert_eq!(world.run_as("laptop.key", ["backup", "data"]).code, 0);
    let said = world.run_as("laptop.key", ["snapshots"]);
    assert_eq!(said.code, 0);
    assert!(
        !said.out.contains("data") && said.err.contains("does not open"),
        "{}",
        said.out
    );
    world
        .run_as("laptop.key", ["restore", "latest", "--to", "out"])
        .fails(12, &["reader"]);
    world
        .run_as("laptop.key", ["ls", "latest"])
        .fails(12, &["reader"]);
    let other = [
        "key",
        "add",
        "--role",
        "admin",
        "--name",
        "x",
        "--out",
        "x",
        "--unprotected-key",
    ];
    world.run_as("laptop.key", other).fails(12, &[]);
    assert_eq!(world.run(["restore", "latest", "--to", "out"]).code, 0);
}

#[test]
fn a_reader_restores_and_cannot_store() {
    let world = World::new();
    world.write("data/a", "x");
    world.backup("data");
    add(&world, "reader", "nurse");
    assert_eq!(
        world
            .run_as("nurse.key", ["restore", "latest", "--to", "out"])
            .code,
        0
    );
    world.run_as("nurse.key", ["backup", "data"]).fails(12, &[]);
}

#[test]
fn a_revoked_key_is_12_and_what_it_stored_stays() {
    let world = World::new();
    add(&world, "agent", "laptop");
    world.write("data/a", "x");
    assert_eq!(world.run_as("laptop.key", ["backup", "data"]).code, 0);
    assert_eq!(world.run(["key", "revoke", "laptop"]).code, 0);
    world
        .run_as("laptop.key", ["backup", "data"])
        .fails(12, &["revoked"]);
    assert_eq!(world.run(["restore", "latest", "--to", "out"]).code, 0);
}

#[test]
fn a_changed_passphrase_opens_and_the_old_one_does_not() {
    let world = World::new();
    world.write("new", "battery staple");
    assert_eq!(
        world
            .run(["key", "passwd", "--new-passphrase-file", "new"])
            .code,
        0
    );
    world.run(["snapshots"]).fails(12, &["passphrase"]);
    fs::rename(world.path("new"), world.path("pw")).unwrap();
    assert_eq!(world.run(["snapshots"]).code, 0);
    let mode = fs::metadata(world.path("owner.key"))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn rotated_keys_read_old_and_new_snapshots() {
    let world = World::new();
    world.write("data/a", "one");
    world.backup("data");
    assert_eq!(world.run(["key", "rotate", "--ids"]).code, 0);
    world.write("data/b", "two");
    world.backup("data");
    for (spec, to) in [("latest~1", "old"), ("latest", "new")] {
        let said = world.run(["restore", spec, "--to", to]);
        assert_eq!(said.code, 0, "{}", said.err);
    }
}

#[test]
fn the_paper_kit_of_day_one_restores_what_was_stored_after_it() {
    let world = World::empty();
    let kit = world.json(["init"])["recovery_kit"].clone();
    world.write("data/a", "after the kit");
    world.backup("data");
    let words: Vec<&str> = kit["words"]
        .as_array()
        .unwrap()
        .iter()
        .map(|word| word.as_str().unwrap())
        .collect();
    world.write("words", words.join(" "));
    world.write("line", kit["text"].as_str().unwrap());
    fs::remove_file(world.path("owner.key")).unwrap();
    fs::remove_dir_all(world.path("home")).unwrap();
    let recover = |args: &[&str]| {
        let mut command = world.command();
        command
            .args(["--vault", "vault", "key", "recover"])
            .args(args);
        Said::of(command.output().unwrap())
    };
    assert_eq!(recover(&["--test", "--kit-file", "line"]).code, 0);
    let new = [
        "--kit-file",
        "words",
        "--out",
        "new.key",
        "--unprotected-key",
    ];
    let said = recover(&new);
    assert_eq!(said.code, 0, "{}", said.err);
    assert_eq!(
        world
            .run_as("new.key", ["restore", "latest", "--to", "out"])
            .code,
        0
    );
    let restored = world
        .path("out")
        .join(world.path("data/a").strip_prefix("/").unwrap());
    assert_eq!(fs::read_to_string(restored).unwrap(), "after the kit");
    world.write("words", words[1..].join(" "));
    recover(&["--test", "--kit-file", "words"]).fails(12, &["24", "23"]);
}

#[test]
fn the_kit_can_be_printed_as_a_page() {
    let world = World::empty();
    let said = world.run(["init", "--kit", "kit.html"]);
    assert_eq!(said.code, 0, "{}", said.err);
    let page = fs::read_to_string(world.path("kit.html")).unwrap();
    assert!(page.contains("<svg") && page.contains("ONCOVAULT1-"));
    assert!(said.out.contains("ONCOVAULT1-") && said.out.contains(" 24. "));
}

#[test]
fn compartments_are_domains_of_reading() {
    let world = World::empty();
    let said = world.run([
        "init",
        "--compartment",
        "clinical",
        "--compartment",
        "genomic",
    ]);
    assert_eq!(said.code, 0, "{}", said.err);
    world.write("data/a", "x");
    world
        .run(["backup", "data"])
        .fails(2, &["clinical", "genomic", "--compartment"]);
    assert_eq!(
        world
            .run(["backup", "data", "--compartment", "genomic"])
            .code,
        0
    );
    world
        .run(["backup", "data", "--compartment", "other"])
        .fails(12, &["other"]);
    let said = world.run([
        "key",
        "add",
        "--role",
        "reader",
        "--name",
        "ward",
        "--out",
        "ward.key",
        "--unprotected-key",
        "--compartment",
        "clinical",
    ]);
    assert_eq!(said.code, 0, "{}", said.err);
    world
        .run_as("ward.key", ["restore", "latest", "--to", "out"])
        .fails(1, &["latest"]);
    assert_eq!(
        world
            .run(["key", "grant", "ward", "--compartment", "genomic"])
            .code,
        0
    );
    assert_eq!(
        world
            .run_as("ward.key", ["restore", "latest", "--to", "out"])
            .code,
        0
    );
}
