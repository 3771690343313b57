//! A configuration, and `run` by it.

use std::fs::{self, File};
use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;

use crate::world::{Said, World, files};

const SITE: &str = r#"
[vault]
url = "vault"
key = "owner.key"
passphrase-command = ["cat", "pw"]
state-dir = "state"

[policy]
tick = "1min"

[[dataset]]
name = "plans"
paths = ["plans"]
exclude = ["*.tmp"]
rpo = "4h"

[[dataset]]
name = "by-hand"
command = ["echo", "hello"]
stdin-name = "hello.txt"
"#;

/// A vault that a configuration describes, and something to back up.
fn site() -> World {
    let world = World::empty();
    world.write("plans/a", "one");
    world.write("plans/b.tmp", "left out");
    world.write("oncovault.toml", SITE);
    assert_eq!(said(&world, &["init"]).code, 0);
    world
}

/// The program, told nothing but where the configuration is.
fn said(world: &World, args: &[&str]) -> Said {
    let mut command = world.command();
    command.args(["--config", "oncovault.toml"]).args(args);
    Said::of(command.output().unwrap())
}

fn document(world: &World, args: &[&str]) -> Value {
    let said = said(world, &[&["--json"], args].concat());
    assert_eq!(said.code, 0, "{}", said.err);
    serde_json::from_str(&said.out).unwrap()
}

/// What was done, as `task: outcome`.
fn done(document: &Value) -> Vec<String> {
    let tasks = document["tasks"].as_array().unwrap().iter();
    tasks
        .map(|task| format!("{}: {}", task["task"], task["outcome"]).replace('"', ""))
        .collect()
}

fn datasets(world: &World) -> Vec<String> {
    let document = document(world, &["snapshots"]);
    let snapshots = document["snapshots"].as_array().unwrap().iter();
    snapshots
        .map(|snapshot| snapshot["dataset"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn what_is_due_is_done_once_and_restores() {
    let world = site();
    let first = document(&world, &["run", "--due"]);
    let expected = [
        "dataset:plans: done",
        "accept: done",
        "prune: done",
        "check: done",
    ];
    assert_eq!(done(&first), expected);
    assert_eq!(first["tasks"][0]["measures"]["files_new"], 1);
    assert!(done(&document(&world, &["run", "--due"])).is_empty());
    assert_eq!(datasets(&world), ["plans"]);
    assert_eq!(said(&world, &["restore", "latest", "--to", "out"]).code, 0);
    let restored = files(&world.path("out"));
    assert_eq!(restored.len(), 1);
    assert!(restored[0].0.ends_with("plans/a"));
}

#[test]
fn a_dataset_is_backed_up_by_name_and_with_none_named_all_are() {
    let world = site();
    let one = document(&world, &["run", "by-hand"]);
    assert_eq!(done(&one)[0], "dataset:by-hand: done");
    assert_eq!(datasets(&world), ["by-hand"]);
    document(&world, &["run"]);
    assert_eq!(datasets(&world), ["by-hand", "plans", "by-hand"]);
    said(&world, &["run", "plane"]).fails(2, &["no dataset plane", "plans, by-hand"]);
}

/// The folder of the owner's local state.
fn state(world: &World) -> PathBuf {
    let vault = fs::read_dir(world.path("state")).unwrap().next();
    let member = fs::read_dir(vault.unwrap().unwrap().path()).unwrap().next();
    member.unwrap().unwrap().path()
}

#[test]
fn a_dataset_at_which_another_run_is_at_work_is_11() {
    let world = site();
    let lock = File::create(state(&world).join("dataset-plans.lock")).unwrap();
    lock.lock().unwrap();
    let busy = said(&world, &["run", "plans"]);
    busy.fails(11, &["another run is at work: Back up plans"]);
    drop(lock);
    assert_eq!(said(&world, &["run", "plans"]).code, 0);
}

#[test]
fn what_happened_is_written_down_without_a_path() {
    let world = site();
    document(&world, &["run", "--due"]);
    let history = fs::read_to_string(state(&world).join("history.jsonl")).unwrap();
    assert_eq!(history.lines().count(), 4);
    assert!(history.contains("dataset:plans"));
    assert!(!history.contains('/'), "{history}");
}

const COPY: &str = "\n[[copy]]\nname = \"second\"\nurl = \"second\"\n";

#[test]
fn a_copy_is_brought_up_to_date_after_a_run() {
    let world = site();
    world.write("oncovault.toml", format!("{SITE}{COPY}"));
    assert_eq!(said(&world, &["copy", "--to", "second"]).code, 0);
    let done = done(&document(&world, &["run", "plans"]));
    assert!(done.contains(&"copy:second: done".to_owned()), "{done:?}");
    let restored = said(
        &world,
        &["--vault", "second", "restore", "latest", "--to", "out"],
    );
    assert_eq!(restored.code, 0, "{}", restored.err);
    assert_eq!(files(&world.path("out")).len(), 1);
}

#[test]
fn no_copy_is_made_where_there_is_none() {
    let world = site();
    world.write("oncovault.toml", format!("{SITE}{COPY}"));
    // This is what lies under the name of a drive that is not there.
    fs::create_dir(world.path("second")).unwrap();
    let refused = said(&world, &["run", "plans"]);
    refused.fails(10, &["copy --to"]);
    assert!(
        refused
            .out
            .contains("Copy to second: failed with exit code 10")
    );
    assert!(files(&world.path("second")).is_empty());
    assert_eq!(datasets(&world), ["plans"]);
}

#[test]
fn an_offline_copy_that_is_away_is_no_failure() {
    let world = site();
    world.write("oncovault.toml", format!("{SITE}{COPY}offline = true\n"));
    let away = said(&world, &["run", "plans"]);
    assert_eq!(away.code, 0, "{}", away.err);
    assert!(away.out.contains("Copy to second: it is not there now."));
}

#[test]
fn datasets_are_let_go_each_by_its_own_rules() {
    let world = site();
    let own = SITE.replace("rpo = \"4h\"", "rpo = \"4h\"\nretention = { last = 1 }");
    let own = own.replace("tick =", "retention = { last = 2 }\ntick =");
    for _ in 0..3 {
        document(&world, &["run"]);
    }
    world.write("oncovault.toml", own);
    let done = done(&document(&world, &["run", "--due"]));
    assert!(done.contains(&"forget: done".to_owned()), "{done:?}");
    let mut left = datasets(&world);
    left.sort();
    assert_eq!(left, ["by-hand", "by-hand", "plans"]);
}

#[test]
fn a_configuration_is_checked_and_shown_without_secrets() {
    let world = site();
    let checked = document(&world, &["config", "check"]);
    assert_eq!(checked["datasets"], 2);
    let warnings = checked["warnings"].to_string();
    assert!(warnings.contains("by hand alone"), "{warnings}");
    let shown = said(&world, &["config", "show", "--resolved"]);
    assert!(shown.out.contains("check-cycle = \"30d\""), "{}", shown.out);
    assert!(!shown.out.contains("correct horse"));
    // What is shown is a configuration itself.
    world.write("oncovault.toml", &shown.out);
    assert_eq!(
        said(&world, &["config", "show", "--resolved"]).out,
        shown.out
    );
    world.write("oncovault.toml", SITE.replace("rpo", "rp0"));
    let misspelt = said(&world, &["run", "--due"]);
    misspelt.fails(2, &["oncovault.toml:15", "`rp0`", "did you mean `rpo`?"]);
}

#[test]
fn the_command_line_outranks_the_configuration() {
    let world = site();
    let other = said(&world, &["--vault", "elsewhere", "snapshots"]);
    other.fails(10, &["elsewhere"]);
}

#[test]
fn a_service_is_written_and_removed() {
    let world = site();
    let installed = document(&world, &["service", "install", "--root", "image"]);
    assert_eq!(installed["files"].as_array().unwrap().len(), 2);
    let unit = world.path("image/etc/systemd/system/oncovault.service");
    let unit = fs::read_to_string(unit).unwrap();
    assert!(unit.contains("run --due"), "{unit}");
    assert!(unit.contains(&world.arg("vault")), "{unit}");
    document(&world, &["service", "remove", "--root", "image"]);
    assert!(files(&world.path("image")).is_empty());
}

/// As systemd itself reads them, where it is installed.
#[test]
fn systemd_accepts_the_units() {
    let world = site();
    world.write(
        "odd name/oncovault.toml",
        SITE.replace("\"vault\"", "\"../a vault\""),
    );
    for config in ["oncovault.toml", "odd name/oncovault.toml"] {
        let mut command = world.command();
        command.args(["--config", config, "service", "install", "--root", "image"]);
        assert!(command.output().unwrap().status.success());
        let units = ["service", "timer"];
        let units =
            units.map(|kind| world.path(&format!("image/etc/systemd/system/oncovault.{kind}")));
        let mut verify = Command::new("systemd-analyze");
        verify
            .args(["verify", "--recursive-errors=no", "--man=no"])
            .args(units);
        let Ok(output) = verify.output() else {
            eprintln!("skipped: no systemd-analyze here");
            return;
        };
        let said = Said::of(output);
        let ours = said.err.lines().filter(|line| line.contains("oncovault"));
        let ours: Vec<&str> = ours.collect();
        assert!(
            said.code == 0 && ours.is_empty(),
            "{} {}",
            said.code,
            said.err
        );
    }
}

#[test]
fn a_bundle_for_strangers_holds_no_name_no_path_and_no_secret() {
    let world = site();
    let secrets = "[[copy]]\nname = \"basement-of-Muster\"\nurl = \"basement\"\nmedium = \"tape-7\"\n\
                   [[notify.ping]]\nurl = \"http://127.0.0.1:9/5ecret\"\n\
                   [[watch]]\nname = \"linac-2\"\nagent = \"0123456789ab\"\nrpo = \"1d\"\n";
    let config = SITE.replace("\"plans\"", "\"plans-of-Muster\"");
    world.write("oncovault.toml", format!("{config}{secrets}"));
    world.write("plans-of-Muster/Mueller^Anna.dcm", "a plan");
    said(&world, &["run", "by-hand"]);
    let bundle = said(&world, &["diagnose"]);
    assert_eq!(bundle.code, 0, "{}", bundle.err);
    let host = rustix::system::uname();
    let host = format!("\"{}\"", host.nodename().to_string_lossy());
    let folder = world.arg("");
    for name in [
        "Muster",
        "Mueller",
        "by-hand",
        "tape-7",
        "linac-2",
        "0123456789ab",
        "5ecret",
    ] {
        assert!(!bundle.out.contains(name), "{name}: {}", bundle.out);
    }
    for name in [
        "correct horse",
        "owner.key",
        &host,
        folder.trim_end_matches('/'),
    ] {
        assert!(!bundle.out.contains(name), "{name}: {}", bundle.out);
    }
    let bundle: Value = serde_json::from_str(&bundle.out).unwrap();
    assert_eq!(bundle["config"]["watches"], 1);
    assert_eq!(bundle["status"]["datasets"].as_array().unwrap().len(), 2);
    assert_eq!(bundle["status"]["level"], "short");
}

#[test]
fn a_configuration_whose_places_are_too_few_is_told_before_status_tells_it() {
    let world = site();
    let warned = |world: &World| document(world, &["config", "check"])["warnings"].to_string();
    let warning = warned(&world);
    assert!(
        warning.contains("policy.copies is 3-2-1-1-0, and these places are 2 of 3 copies"),
        "{warning}"
    );
    document(&world, &["run"]);
    assert_eq!(said(&world, &["status"]).code, 21);
    // Who wants no more says so.
    world.write(
        "oncovault.toml",
        SITE.replace("tick =", "copies = \"2-1-0-0-0\"\ntick ="),
    );
    assert!(!warned(&world).contains("policy.copies"));
    assert_eq!(said(&world, &["status"]).code, 0);
}
