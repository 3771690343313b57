//! Agents back up while a keeper prunes with the usual grace, for months.

use std::process::{Child, Stdio};

use crate::site::{DAY, Site, files, noise, succeeded};

const AGENTS: [&str; 4] = ["one", "two", "three", "four"];

fn change(site: &Site, agent: &str, seed: u64, round: u64) {
    // Half comes and goes each round, half comes back from an earlier round.
    for n in 0..6 {
        let which = if n % 2 == 0 { round } else { round % 2 };
        let content = noise(which * 1000 + seed * 100 + n, 200_000);
        site.write(&format!("{agent}/{n}"), &content);
    }
}

fn start(site: &Site, agent: &str) -> Child {
    let mut command = site.command(agent);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let backup = ["backup", agent, "--dataset", agent];
    command.args(backup).spawn().unwrap()
}

/// All snapshots but the newest of each dataset.
fn old_snapshots(site: &Site) -> Vec<String> {
    let list = site.json("owner", &["snapshots"]);
    let mut newest = std::collections::BTreeMap::new();
    let mut old = Vec::new();
    for snapshot in list["snapshots"].as_array().unwrap() {
        let text = |key: &str| snapshot[key].as_str().unwrap().to_owned();
        old.extend(newest.insert(text("dataset"), text("id")));
    }
    old
}

#[test]
fn months_of_agents_and_a_keeper_lose_nothing_and_free_what_goes() {
    months(&Site::of_one(), 6);
}

#[test]
fn months_of_agents_and_a_keeper_lose_nothing_in_a_bucket_either() {
    let Some(server) = ov_store::testing::Seaweed::shared() else {
        return;
    };
    server.bucket("months");
    let environment = server.environment(ov_store::testing::Identity::Admin);
    // What the first snapshots alone need is condemned after eight days, and goes after fifteen.
    months(&Site::at("s3://months/vault", environment), 6);
}

fn months(site: &Site, rounds: u64) {
    site.appoint("keeper", "keeper");
    AGENTS.iter().for_each(|agent| site.appoint("agent", agent));
    let mut deleted = 0;
    for round in 1..=rounds {
        for (seed, agent) in (0..).zip(AGENTS) {
            change(site, agent, seed, round);
        }
        let running: Vec<Child> = AGENTS.iter().map(|agent| start(site, agent)).collect();
        let done = site.json("keeper", &["prune", "--max-unused", "0%"]);
        deleted += done["done"]["deleted"].as_u64().unwrap();
        for child in running {
            succeeded(child.wait_with_output().unwrap(), &["backup"]);
        }
        site.ok("keeper", &["accept"]);
        site.ok("owner", &["check", "--read-data", "--with-keys"]);
        for agent in AGENTS {
            come_back(site, agent);
        }
        let old = old_snapshots(site);
        let old: Vec<&str> = old.iter().map(String::as_str).collect();
        if !old.is_empty() {
            site.ok("owner", &[&["forget"], &old[..]].concat());
        }
        site.wait(4 * DAY);
    }
    assert!(deleted > 0, "nothing was freed");
}

/// What was backed up last is what comes back.
fn come_back(site: &Site, agent: &str) {
    let restore = ["restore", "latest", "--dataset", agent, "--to", "back"];
    site.ok("owner", &restore);
    let original = site.path(agent);
    let back = site.path("back");
    let back = back.join(original.strip_prefix("/").unwrap());
    for file in files(&original) {
        let twin = back.join(file.strip_prefix(&original).unwrap());
        assert!(
            std::fs::read(&file).unwrap() == std::fs::read(&twin).unwrap(),
            "{} differs",
            twin.display()
        );
    }
    std::fs::remove_dir_all(site.path("back")).unwrap();
}
