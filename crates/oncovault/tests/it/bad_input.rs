//! Bad input gets a clear error that names the thing and the way out, and nothing is lost.

use std::fs;

use crate::world::{Said, World, files};

#[test]
fn a_wrong_passphrase_is_12() {
    let world = World::new();
    world.write("pw", "wrong\n");
    world
        .run(["snapshots"])
        .fails(12, &["owner.key", "wrong passphrase"]);
}

#[test]
fn no_passphrase_where_one_is_needed_is_12_and_does_not_wait() {
    let world = World::new();
    let said = world.run_as("owner.key", ["snapshots"]);
    said.fails(12, &["--passphrase-file"]);
}

#[test]
fn a_place_without_a_vault_is_10() {
    let world = World::new();
    fs::rename(world.path("vault"), world.path("elsewhere")).unwrap();
    world.run(["snapshots"]).fails(10, &["vault", "init"]);
    fs::create_dir(world.path("vault")).unwrap();
    world.run(["snapshots"]).fails(10, &["vault", "init"]);
}

#[test]
fn the_key_of_another_vault_is_12() {
    let (world, other) = (World::new(), World::new());
    fs::copy(other.path("owner.key"), world.path("owner.key")).unwrap();
    world.run(["snapshots"]).fails(12, &["another vault"]);
}

#[test]
fn a_missing_or_damaged_key_file_is_12() {
    let world = World::new();
    world
        .run_as("no.key", ["snapshots"])
        .fails(12, &["no.key", "--key"]);
    world.write("no.key", "hello");
    world
        .run_as("no.key", ["snapshots"])
        .fails(12, &["no.key", "no OncoVault key file"]);
}

#[test]
fn a_second_init_changes_nothing() {
    let world = World::new();
    let before = files(&world.path("vault"));
    world.run(["init"]).fails(2, &["owner.key"]);
    let mut command = world.command();
    command.args([
        "--vault",
        "vault",
        "--key",
        "new.key",
        "init",
        "--unprotected-key",
    ]);
    Said::of(command.output().unwrap()).fails(1, &["already"]);
    assert!(!world.path("new.key").exists());
    assert_eq!(files(&world.path("vault")), before);
}

#[test]
fn a_key_without_passphrase_must_be_asked_for() {
    let world = World::empty();
    world
        .run_as("bare.key", ["init"])
        .fails(2, &["--unprotected-key"]);
    assert!(!world.path("bare.key").exists() && !world.path("vault").exists());
    assert_eq!(
        world.run_as("bare.key", ["init", "--unprotected-key"]).code,
        0
    );
}

#[test]
fn a_misspelt_variable_is_2_and_the_nearest_is_named() {
    let world = World::new();
    let mut command = world.command();
    command.env("ONCOVAULT_VALT", "x").args(["version"]);
    let said = Said::of(command.output().unwrap());
    said.fails(2, &["ONCOVAULT_VALT", "ONCOVAULT_VAULT"]);
    let mut command = world.command();
    command
        .env("ONCOVAULT_NO_CACHE", "perhaps")
        .args(["version"]);
    Said::of(command.output().unwrap()).fails(2, &["perhaps"]);
}

#[test]
fn a_misspelt_option_is_2() {
    let world = World::new();
    world
        .run(["backup", "--exlude", "x", "data"])
        .fails(2, &["--exlude", "--exclude"]);
    world.run(["bakup"]).fails(2, &["backup"]);
    world.run(["backup"]).fails(2, &["PATH"]);
    world.run(["restore", "latest"]).fails(2, &["--to"]);
}

#[test]
fn two_passphrases_at_once_are_2() {
    let world = World::new();
    let mut command = world.command();
    command.env("ONCOVAULT_PASSPHRASE", "correct horse");
    command.args([
        "--vault",
        "vault",
        "--key",
        "owner.key",
        "--passphrase-file",
        "pw",
        "snapshots",
    ]);
    let said = Said::of(command.output().unwrap());
    said.fails(2, &["--passphrase-file", "ONCOVAULT_PASSPHRASE"]);
}

#[test]
fn each_way_to_give_a_passphrase_works() {
    let world = World::new();
    let base = ["--vault", "vault", "--key", "owner.key"];
    type Way = (
        &'static [&'static str],
        &'static [(&'static str, &'static str)],
    );
    let runs: [Way; 4] = [
        (&["--passphrase-command", "cat 'pw'"], &[]),
        (&[], &[("ONCOVAULT_PASSPHRASE", "correct horse")]),
        (&[], &[("ONCOVAULT_PASSPHRASE_FILE", "pw")]),
        (&[], &[("ONCOVAULT_PASSPHRASE_COMMAND", "/bin/cat pw")]),
    ];
    for (args, variables) in runs {
        let mut command = world.command();
        command
            .args(base)
            .args(args)
            .arg("snapshots")
            .env("PATH", "/bin:/usr/bin");
        command.envs(variables.iter().copied());
        let said = Said::of(command.output().unwrap());
        assert_eq!(said.code, 0, "{args:?} {variables:?} {}", said.err);
    }
}

#[test]
fn snapshots_that_are_unknown_ambiguous_or_none_at_all_are_told_apart() {
    let world = World::new();
    world
        .run(["ls", "latest"])
        .fails(1, &["latest", "snapshots"]);
    world.write("data/a", "");
    // Seventeen ids: two of them begin with the same digit.
    let ids: Vec<String> = (0..17).map(|_| world.backup("data")).collect();
    let digit = |id: &String| id.chars().next();
    let twice = ids
        .iter()
        .find(|id| ids.iter().filter(|other| digit(other) == digit(id)).count() > 1);
    let prefix = &twice.unwrap()[..1];
    world
        .run(["ls", prefix])
        .fails(1, &[twice.unwrap(), "more digits"]);
    world.run(["ls", "zebra"]).fails(2, &["zebra", "latest"]);
    world.run(["ls", "1999-12-31"]).fails(1, &["1999-12-31"]);
    world.run(["ls", "latest:/no/such"]).fails(1, &["/no/such"]);
}

#[test]
fn a_target_that_cannot_be_understood_is_2() {
    let world = World::new();
    for (url, named) in [
        ("ftp://host/x", "ftp"),
        ("s3://key:secret@bucket", "credentials"),
    ] {
        let mut command = world.command();
        command.args(["--vault", url, "--key", "owner.key", "snapshots"]);
        Said::of(command.output().unwrap()).fails(2, &[named]);
    }
    let mut command = world.command();
    Said::of(command.arg("snapshots").output().unwrap()).fails(2, &["--vault"]);
}

#[test]
fn a_server_that_is_not_there_is_11() {
    let world = World::new();
    let mut command = world.command();
    command
        .env("AWS_ACCESS_KEY_ID", "a")
        .env("AWS_SECRET_ACCESS_KEY", "b");
    // A port that nobody listens on: refused at once, tried a few times.
    command.args([
        "--vault",
        "s3://bucket/x",
        "--s3-endpoint",
        "http://127.0.0.1:9",
    ]);
    command.args([
        "--key",
        "owner.key",
        "--passphrase-file",
        "pw",
        "target",
        "test",
    ]);
    Said::of(command.output().unwrap()).fails(11, &["run it again"]);
}

#[test]
fn errors_are_one_document_where_json_is_asked_for() {
    let world = World::new();
    for (args, code) in [
        (vec!["ls", "latest"], 1),
        (vec!["backup"], 2),
        (vec!["nonsense"], 2),
    ] {
        let said = world.run(args.iter().copied().chain(["--json"]));
        assert_eq!(said.code, code);
        let error: serde_json::Value = serde_json::from_str(&said.err).unwrap();
        assert_eq!(error["error"]["code"], code);
        assert!(error["error"]["message"].is_string());
        assert_eq!(said.out, "");
    }
}

#[test]
fn the_same_dataset_at_the_same_time_is_11() {
    let world = World::new();
    let slow = ["backup", "--stdin-name", "x", "--", "sleep", "3"];
    let mut command = world.command();
    command.args([
        "--vault",
        "vault",
        "--key",
        "owner.key",
        "--passphrase-file",
        "pw",
    ]);
    command.env("PATH", "/bin:/usr/bin");
    let mut first = command.args(slow).spawn().unwrap();
    std::thread::sleep(std::time::Duration::from_millis(1500));
    let said = world.run(["backup", "--stdin-name", "x", "--", "/bin/true"]);
    first.wait().unwrap();
    said.fails(11, &["dataset"]);
}
