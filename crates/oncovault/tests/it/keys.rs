//! Roles, passphrases and the paper kit.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use crate::world::{Said, World, files};

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
    let test = ["key", "recover", "--test", "--kit-file", "kit.html"];
    assert_eq!(world.run(test).code, 0);
}

/// `key recover --test` or another use of the kit, with these pages.
fn with_pages(world: &World, args: &[&str], pages: &[u8], folder: &str) -> Said {
    let mut command = world.command();
    command.args(["--vault", "vault", "key"]).args(args);
    for page in pages {
        command.args(["--kit-file", &format!("{folder}/share-{page}-of-5.html")]);
    }
    Said::of(command.output().unwrap())
}

#[test]
fn three_of_five_shares_restore_and_two_or_mixed_ones_are_told_what_is_missing() {
    let world = World::empty();
    let kit = world.json(["init"])["recovery_kit"]["text"].clone();
    world.write("line", kit.as_str().unwrap());
    world.write("data/a", "after the kit");
    world.backup("data");
    for folder in ["one", "two"] {
        let split = [
            "key",
            "kit",
            "--split",
            "3-of-5",
            "--kit-file",
            "line",
            "--out",
            folder,
        ];
        let said = world.run(split);
        assert_eq!(said.code, 0, "{}", said.err);
        assert!(said.out.contains("share-5-of-5.html"), "{}", said.out);
    }
    let drill = ["recover", "--test"];
    with_pages(&world, &drill, &[2, 5], "one").fails(12, &["3 shares are needed; there are 2"]);
    with_pages(&world, &drill, &[4, 1, 4], "one").fails(12, &["1 and 3", "the same one, number 4"]);
    fs::copy(
        world.path("two/share-3-of-5.html"),
        world.path("one/share-0-of-5.html"),
    )
    .unwrap();
    let said = with_pages(&world, &drill, &[1, 0, 2], "one");
    said.fails(
        12,
        &["share 2 of those given is of another kit", "same two words"],
    );
    let new = ["recover", "--out", "new.key", "--unprotected-key"];
    let said = with_pages(&world, &new, &[5, 1, 3], "one");
    assert_eq!(said.code, 0, "{}", said.err);
    let restored = world.run_as("new.key", ["restore", "latest", "--to", "out"]);
    assert_eq!(restored.code, 0, "{}", restored.err);
}

#[test]
fn a_vault_can_be_founded_with_shares_alone_and_shows_no_whole_kit() {
    let world = World::empty();
    let said = world.run(["init", "--kit", "sheets", "--split-kit", "3-of-5"]);
    assert_eq!(said.code, 0, "{}", said.err);
    assert!(
        !said.out.contains("ONCOVAULT1-") && !said.out.contains(" 24. "),
        "{}",
        said.out
    );
    assert!(said.out.contains("sheets/share-1-of-5.html"));
    assert_eq!(
        with_pages(&world, &["recover", "--test"], &[1, 2, 3], "sheets").code,
        0
    );
}

#[test]
fn a_kit_that_cannot_be_written_in_shares_is_shown_whole() {
    let world = World::empty();
    world.write("sheets", "a file stands in the way");
    let said = world.run(["init", "--kit", "sheets", "--split-kit", "3-of-5"]);
    said.fails(1, &["sheets"]);
    assert!(said.out.contains("ONCOVAULT1-"), "{}", said.out);
}

#[test]
fn a_test_of_the_kit_leaves_its_record_and_changes_nothing_in_the_vault() {
    let world = World::empty();
    let init = world.json(["init"]);
    world.write("line", init["recovery_kit"]["text"].as_str().unwrap());
    let before = files(&world.path("vault"));
    let mut test = world.command();
    test.args(["--vault", "vault", "--state-dir", "state"]);
    test.args(["key", "recover", "--test", "--kit-file", "line"]);
    assert_eq!(Said::of(test.output().unwrap()).code, 0);
    assert_eq!(files(&world.path("vault")), before);
    let record = format!("state/{}/kit-test.json", init["vault_id"].as_str().unwrap());
    let record = fs::read_to_string(world.path(&record)).unwrap();
    let record: serde_json::Value = serde_json::from_str(&record).unwrap();
    assert_eq!(record["opens_all"], true);
    assert_eq!(record["keys"], 2);
    assert!(record["shares"].is_null());
    assert!(record["time"].as_str().unwrap().ends_with('Z'));
}

#[test]
fn the_kit_of_another_vault_is_neither_split_nor_tried() {
    let (world, other) = (World::new(), World::empty());
    let kit = other.json(["init"])["recovery_kit"]["text"].clone();
    world.write("line", kit.as_str().unwrap());
    let split = [
        "key",
        "kit",
        "--split",
        "2-of-3",
        "--kit-file",
        "line",
        "--out",
        "sheets",
    ];
    world.run(split).fails(12, &["kit"]);
    assert!(!world.path("sheets").exists());
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
