//! One test per rule.

use serde_json::Value;

use crate::site::{DAY, HOUR, MINUTE, Site, noise, succeeded};

fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or_else(|| panic!("{value}"))
}

/// Two snapshots of the owner, the older of which is forgotten.
fn with_something_to_free(site: &Site) {
    site.write("data/a", &noise(1, 300_000));
    let old = site.backup("owner", "data");
    site.write("data/a", &noise(2, 300_000));
    site.backup("owner", "data");
    site.ok("owner", &["forget", &old]);
}

#[test]
fn what_is_condemned_is_deleted_when_the_grace_is_over() {
    let site = Site::of_several();
    with_something_to_free(&site);
    let prune = || site.json("keeper", &["prune"])["done"].clone();
    let done = prune();
    assert!(number(&done["condemned"]) > 0, "{done}");
    assert_eq!(number(&done["deleted"]), 0, "{done}");

    site.wait(7 * DAY - 2 * MINUTE);
    let done = prune();
    assert_eq!(number(&done["deleted"]), 0, "{done}");
    assert!(number(&done["waiting"]) > 0, "{done}");

    site.wait(3 * MINUTE);
    let done = prune();
    assert!(number(&done["deleted"]) > 0, "{done}");
    assert_eq!(number(&done["waiting"]), 0, "{done}");
    site.ok("owner", &["check", "--read-data", "--with-keys"]);
}

#[test]
fn a_grace_that_was_asked_for_is_waited_for() {
    let site = Site::of_several();
    with_something_to_free(&site);
    let prune = || site.json("keeper", &["prune", "--grace", "2d"])["done"].clone();
    prune();
    site.wait(2 * DAY - 2 * MINUTE);
    assert_eq!(number(&prune()["deleted"]), 0);
    site.wait(3 * MINUTE);
    assert!(number(&prune()["deleted"]) > 0);
}

#[test]
fn rules_forget_nothing_that_is_younger_than_thirty_days() {
    let site = Site::of_several();
    site.write("data/a", b"one");
    let old = site.backup("owner", "data");
    site.write("data/a", b"two");
    site.backup("owner", "data");
    let going = || {
        let rule = ["forget", "--keep-last", "1", "--dry-run"];
        site.json("keeper", &rule)["forget"].clone()
    };
    site.wait(30 * DAY - 2 * MINUTE);
    assert_eq!(going(), serde_json::json!([]));
    site.wait(3 * MINUTE);
    assert_eq!(going(), serde_json::json!([old]));
}

#[test]
fn a_keeper_who_names_a_young_snapshot_waits_for_thirty_days_too() {
    let site = Site::of_several();
    site.write("data/a", b"one");
    let old = site.backup("owner", "data");
    site.write("data/a", b"two");
    site.backup("owner", "data");
    let going = || site.json("keeper", &["forget", &old, "--dry-run"])["forget"].clone();
    site.wait(30 * DAY - 2 * MINUTE);
    assert_eq!(going(), serde_json::json!([]));
    site.wait(3 * MINUTE);
    assert_eq!(going(), serde_json::json!([old]));
}

#[test]
fn packs_are_read_again_when_they_were_not_read_for_longer_than_asked() {
    let site = Site::of_one();
    site.write("data/a", &noise(1, 300_000));
    site.backup("owner", "data");
    let read = |how: &[&str]| {
        let check = [&["check"], how].concat();
        number(&site.json("owner", &check)["packs_read"])
    };
    assert!(read(&["--read-data"]) > 0);
    site.wait(30 * DAY - 2 * MINUTE);
    assert_eq!(read(&["--older-than", "30d"]), 0);
    site.wait(3 * MINUTE);
    assert!(read(&["--older-than", "30d"]) > 0);
    assert_eq!(read(&["--older-than", "30d"]), 0);
}

#[test]
fn what_a_dead_run_left_is_removed_after_a_day() {
    let site = Site::of_one();
    site.write("data/a", &noise(1, 300_000));
    site.backup("owner", "data");
    // A run elsewhere stores a pack, and its record never comes.
    let before = site.copy_vault("elsewhere");
    site.write("more/a", &noise(2, 300_000));
    let mut run = site.command_at("owner", "elsewhere", "another machine");
    succeeded(run.args(["backup", "more"]).output().unwrap(), &["backup"]);
    site.bring_news("elsewhere", &before, "pack");

    let removed = || {
        let done = site.json("owner", &["prune"]);
        let going = done["plan"]["going"].as_array().unwrap().clone();
        assert!(
            going.iter().all(|one| one["fate"] == "unpublished"),
            "{done}"
        );
        number(&done["done"]["deleted"])
    };
    site.wait(DAY - 2 * MINUTE);
    assert_eq!(removed(), 0);
    site.wait(3 * MINUTE);
    assert!(removed() > 0);
    site.ok("owner", &["check", "--read-data", "--with-keys"]);
}

#[test]
fn a_snapshot_that_came_too_late_is_rejected_when_the_grace_after_the_deletion_is_over() {
    let site = Site::of_several();
    site.write("data/a", &noise(1, 300_000));
    let old = site.backup("agent", "data");
    site.ok("keeper", &["accept"]);
    // A run that relies on what is there, and whose record hangs.
    let before = site.copy_vault("hanging");
    let mut run = site.command_at("agent", "hanging", "agent");
    let args = ["backup", "data", "--dataset", "data"];
    succeeded(run.args(args).output().unwrap(), &args);

    site.ok("owner", &["forget", &old, "--allow-empty"]);
    site.ok("keeper", &["prune"]);
    site.wait(7 * DAY + MINUTE);
    let done = site.json("keeper", &["prune"]);
    assert!(number(&done["done"]["deleted"]) > 0, "{done}");
    site.bring_news("hanging", &before, "");

    let judged = |how: &str| {
        let report = site.command("keeper").args(["--json", "accept"]).output();
        let report: Value = serde_json::from_slice(&report.unwrap().stdout).unwrap();
        report[how].as_array().unwrap().len()
    };
    assert_eq!(judged("waiting"), 1);
    site.wait(7 * DAY - 3 * MINUTE);
    assert_eq!(judged("rejected"), 0);
    site.wait(5 * MINUTE);
    assert_eq!(judged("rejected"), 1);
}

/// How many checkpoints a run of some seconds leaves where so many seconds pass in each.
fn checkpoints(rate: &str) -> usize {
    let site = Site::of_one();
    for n in 0..40 {
        site.write(&format!("data/{n}"), &noise(n, 1_000_000));
    }
    let now = std::time::UNIX_EPOCH.elapsed().unwrap().as_secs();
    let mut command = site.command("owner");
    command.env("ONCOVAULT_TEST_CLOCK_RATE", rate);
    command.env("ONCOVAULT_TEST_CLOCK_SINCE", now.to_string());
    let args = ["backup", "data"];
    succeeded(command.args(args).output().unwrap(), &args);
    site.wait(HOUR);
    let all = site.json("owner", &["snapshots", "--all"]);
    let all = all["snapshots"].as_array().unwrap();
    all.iter().filter(|one| one["state"] == "partial").count()
}

#[test]
fn a_run_that_takes_longer_than_fifteen_minutes_leaves_checkpoints() {
    assert_eq!(checkpoints("5"), 0);
    assert!(checkpoints("100000") > 0);
}

#[test]
fn in_ninety_days_everything_is_read_again_and_not_before() {
    let read_again = |seconds| {
        let site = Site::of_one();
        for n in 0..64 {
            site.write(&format!("data/{n}"), &noise(n, 1000));
        }
        site.wait(MINUTE);
        site.backup("owner", "data");
        site.wait(seconds);
        let again = site.json("owner", &["backup", "data", "--dataset", "data"]);
        number(&again["files_reread"])
    };
    assert!(read_again(45 * DAY) < 64);
    assert_eq!(read_again(90 * DAY + MINUTE), 64);
}

#[test]
fn a_file_that_changed_less_than_two_seconds_before_a_run_is_read_in_the_next() {
    let read_in_the_next = |seconds| {
        let site = Site::of_one();
        site.write("data/a", &noise(1, 1000));
        site.wait(seconds);
        site.backup("owner", "data");
        let next = ["backup", "data", "--dataset", "data", "--reread", "0"];
        number(&site.json("owner", &next)["bytes_read"])
    };
    assert!(read_in_the_next(0) > 0);
    assert_eq!(read_in_the_next(4), 0);
}

#[test]
fn the_program_says_that_its_clock_is_not_the_true_one() {
    let site = Site::of_one();
    let output = site.command("owner").arg("version").output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.starts_with("TEST CLOCK"), "{said}");
}
