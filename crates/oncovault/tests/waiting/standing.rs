//! How things stand, as time passes: what was checked where, who fell silent, and what it grows by.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::sink::Sink;
use crate::site::{DAY, HOUR, MINUTE, Site, files, noise};

const VAULT: &str = "[vault]\nurl = \"vault\"\nstate-dir = \"state of NAME\"\n";

/// A member's own configuration.
fn configure(site: &Site, member: &str, text: &str) {
    let vault = VAULT.replace("NAME", member);
    site.write(
        &format!("{member}.toml"),
        format!("{vault}{text}").as_bytes(),
    );
}

/// What `status` says: the exit code, what is short, and all else.
fn status(site: &Site, member: &str) -> (i32, Vec<String>, Value) {
    let (exit, document, _) = site.configured(member, &["status"]);
    let worries = document["worries"].as_array().unwrap().iter();
    let short = worries.filter(|worry| worry["level"] == "short");
    let said = |worry: &Value| {
        let text = |key: &str| worry[key].as_str().unwrap().to_owned();
        format!("{} {}", text("about"), text("what"))
    };
    (exit, short.map(said).collect(), document)
}

/// What `run --due` did: each task with its outcome.
fn run_due(site: &Site, member: &str) -> BTreeMap<String, String> {
    let (_, document, said) = site.configured(member, &["run", "--due"]);
    let text = |value: &Value| {
        value
            .as_str()
            .unwrap_or_else(|| panic!("{said}"))
            .to_owned()
    };
    let tasks = document["tasks"].as_array().unwrap().iter();
    tasks
        .map(|task| (text(&task["task"]), text(&task["outcome"])))
        .collect()
}

fn member_id(site: &Site, name: &str) -> String {
    let document = site.json("owner", &["key", "list"]);
    let members = document["members"].as_array().unwrap();
    let member = members
        .iter()
        .find(|member| member["name"] == name)
        .unwrap();
    member["id"].as_str().unwrap().to_owned()
}

const COPIED: &str = r#"
[policy]
copies = "2-1-0-0-0"
[[copy]]
name = "basement"
url = "basement"
[[dataset]]
name = "plans"
paths = ["plans"]
rpo = "1d"
"#;

/// An owner with a vault, a copy of it, and a plan in both.
fn copied() -> Site {
    let site = Site::of_one();
    configure(&site, "owner", COPIED);
    site.write("plans/a", &noise(1, 300_000));
    site.ok(
        "owner",
        &[
            "--config",
            "owner.toml",
            "backup",
            "plans",
            "--dataset",
            "plans",
        ],
    );
    site.ok(
        "owner",
        &["--config", "owner.toml", "copy", "--to", "basement"],
    );
    site
}

#[test]
fn that_the_vault_was_read_says_nothing_of_its_copy() {
    let site = copied();
    site.wait(3 * DAY);
    let read = ["--config", "owner.toml", "check", "--read-data"];
    site.ok("owner", &read);
    let (_, short, document) = status(&site, "owner");
    let place = |number: usize, key: &str| document["places"][number][key].as_str();
    assert!(place(0, "last_check") > place(1, "oldest_unverified"));
    assert!(place(0, "oldest_unverified") > place(1, "oldest_unverified"));
    assert_eq!(place(1, "last_check"), None);
    assert!(
        short.contains(&"plans basement was never checked".to_owned()),
        "{short:?}"
    );
    let mut command = site.command_at("owner", "basement", "owner");
    command.args(read);
    assert_eq!(command.output().unwrap().status.code(), Some(0));
    let (_, short, document) = status(&site, "owner");
    let place = |number: usize, key: &str| document["places"][number][key].as_str();
    assert!(place(1, "oldest_unverified") >= place(0, "oldest_unverified"));
    assert!(
        !short.iter().any(|line| line.contains("basement")),
        "{short:?}"
    );
}

#[test]
fn damage_in_a_copy_is_found_by_the_run_and_told_until_it_is_mended() {
    let site = copied();
    assert_eq!(run_due(&site, "owner")["check:basement"], "done");
    assert_eq!(status(&site, "owner").0, 0);
    for pack in files(&site.path("basement/pack")) {
        let mut bytes = std::fs::read(&pack).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        std::fs::write(&pack, bytes).unwrap();
    }
    // All of it is read within the cycle.
    for _ in 0..31 {
        site.wait(DAY);
        run_due(&site, "owner");
    }
    let (exit, short, _) = status(&site, "owner");
    assert_eq!(exit, 21);
    assert!(
        short
            .iter()
            .any(|line| line.contains("the last check of basement found")),
        "{short:?}"
    );
    let at_copy = |args: &[&str]| {
        let mut command = site.command_at("owner", "basement", "owner");
        command.args(["--config", "owner.toml"]).args(args);
        let output = command.output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{args:?} {output:?}");
    };
    at_copy(&["repair", "apply", "--from", "vault"]);
    at_copy(&["check", "--read-data"]);
    let (exit, short, _) = status(&site, "owner");
    assert_eq!((exit, short), (0, Vec::new()));
}

#[test]
fn what_a_target_protects_is_shown_once_it_was_tried() {
    let site = copied();
    let grade = |site: &Site| status(site, "owner").2["places"][1]["grade"].clone();
    assert_eq!(grade(&site), Value::Null);
    site.ok(
        "owner",
        &["--config", "owner.toml", "target", "test", "basement"],
    );
    assert_eq!(grade(&site), "plain");
}

const KEPT: &str = r#"
[policy]
copies = "2-1-0-0-0"
[[watch]]
name = "linac"
agent = "AGENT"
rpo = "24h"
grace = "2h"
[[notify.webhook]]
url = "http://127.0.0.1:PORT/hook"
"#;

const LINAC: &str = r#"
[policy]
copies = "2-1-0-0-0"
[[dataset]]
name = "plans"
paths = ["plans"]
rpo = "24h"
"#;

#[test]
fn a_keeper_notices_an_agent_that_stopped_within_its_rpo_and_grace() {
    let site = Site::of_several();
    let id = member_id(&site, "agent");
    let sink = Sink::http();
    let kept = KEPT.replace("AGENT", &id[..12]);
    configure(
        &site,
        "keeper",
        &kept.replace("PORT", &sink.port.to_string()),
    );
    let told = || -> Vec<String> {
        let titles = sink.all().into_iter().map(|heard| {
            let told: Value = serde_json::from_str(&heard.body).unwrap();
            told["title"].as_str().unwrap().to_owned()
        });
        titles
            .map(|title| title.split(" (").next().unwrap().to_owned())
            .collect()
    };
    configure(&site, "agent", LINAC);
    site.write("plans/a", b"a plan");
    assert_eq!(run_due(&site, "agent")["dataset:plans"], "done");
    assert_eq!(run_due(&site, "keeper")["accept"], "done");
    assert_eq!(status(&site, "keeper").0, 0);
    // The timer of the keeper goes on; that of the agent does not.
    site.wait(26 * HOUR - 5 * MINUTE);
    run_due(&site, "keeper");
    let (exit, short, document) = status(&site, "keeper");
    assert_eq!((exit, short), (0, Vec::new()));
    assert_eq!(document["agents"][0]["silent"], false);
    assert_eq!(told(), Vec::<String>::new());

    site.wait(6 * MINUTE);
    run_due(&site, "keeper");
    assert_eq!(told(), ["linac: silent"]);
    let (exit, short, document) = status(&site, "keeper");
    assert_eq!(exit, 21);
    assert_eq!(short, ["linac nothing arrived for 26 h, allowed are 26 h"]);
    assert_eq!(document["agents"][0]["silent"], true);
    // And so does the agent, where somebody asks there.
    let (exit, short, _) = status(&site, "agent");
    assert_eq!(exit, 21);
    assert!(
        short[0].starts_with("plans newest snapshot is 26 h"),
        "{short:?}"
    );

    run_due(&site, "agent");
    run_due(&site, "keeper");
    assert_eq!(told(), ["linac: heard of again"]);
    for member in ["keeper", "agent"] {
        let (exit, short, _) = status(&site, member);
        assert_eq!((exit, short), (0, Vec::new()), "{member}");
    }
}

#[test]
fn what_another_agent_stores_does_not_hide_that_a_dataset_is_late() {
    let site = Site::of_several();
    site.appoint("agent", "other");
    configure(&site, "agent", LINAC);
    site.write("plans/a", b"a plan");
    run_due(&site, "agent");
    site.wait(30 * HOUR);
    site.ok("other", &["backup", "plans", "--dataset", "plans"]);
    site.ok("keeper", &["accept"]);
    let (exit, short, _) = status(&site, "agent");
    assert_eq!(exit, 21);
    assert!(
        short[0].starts_with("plans newest snapshot is 30 h"),
        "{short:?}"
    );
}

const RULES: &str = r#"
[policy]
copies = "2-1-0-0-0"
retention = { daily = 3 }
[[dataset]]
name = "plans"
paths = ["plans"]
rpo = "1d"
retention = { weekly = 2 }
[[dataset]]
name = "scans"
paths = ["plans"]
rpo = "1d"
"#;

/// One file for all machines: what the keeper's key does not tell apart, it keeps by all rules.
#[test]
fn a_keeper_with_rules_for_some_datasets_keeps_what_any_rule_keeps() {
    let site = Site::of_several();
    site.write("plans/a", b"a plan");
    configure(&site, "agent", RULES);
    configure(&site, "keeper", RULES);
    for _ in 0..60 {
        run_due(&site, "agent");
        let (exit, _, said) = site.configured("keeper", &["run", "--due"]);
        assert_eq!(exit, 0, "{said}");
        site.wait(DAY);
    }
    let (_, short, document) = status(&site, "keeper");
    assert_eq!(
        (short, &document["datasets"]),
        (Vec::new(), &serde_json::json!([]))
    );
    let listed = site.json("owner", &["snapshots"]);
    let listed = listed["snapshots"].as_array().unwrap().len();
    // Of each dataset all of the last 30 days, and no week of before.
    assert!((60..=66).contains(&listed), "{listed}");
}

#[test]
fn forecasts_are_tried_every_night_for_every_place() {
    let site = copied();
    for day in 0..26 {
        site.write(&format!("plans/{day}"), &noise(day + 2, 20_000));
        run_due(&site, "owner");
        // The same night: nothing is written down twice.
        site.wait(HOUR);
        run_due(&site, "owner");
        site.wait(5 * DAY - HOUR);
    }
    let state = files(&site.path("state of owner"));
    let file = state
        .iter()
        .find(|file| file.ends_with("forecasts.json"))
        .unwrap();
    let nights: Vec<Value> = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
    for place in ["vault", "basement"] {
        let of_it = nights
            .iter()
            .filter(|night| night["target"] == place && night["days"] == 30);
        let mut days: Vec<&str> = of_it
            .map(|night| &night["at"].as_str().unwrap()[..10])
            .collect();
        let all = days.len();
        days.dedup();
        assert!(all > 3 && days.len() == all, "{place}: {days:?}");
    }
    let (_, _, document) = status(&site, "owner");
    for place in 0..2 {
        let growth = &document["places"][place]["growth_month"];
        let (low, middle, high) = (&growth["low"], &growth["middle"], &growth["high"]);
        let number = |value: &Value| value.as_i64().unwrap();
        // Six files of 20 kB a month, with the records and the padding that come with them.
        assert!((120_000..1_200_000).contains(&number(middle)), "{growth}");
        assert!(number(low) <= number(middle) && number(middle) <= number(high));
    }
}
