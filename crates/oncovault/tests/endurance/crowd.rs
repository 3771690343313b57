//! Four agents back up at once into one vault while a keeper prunes: nothing needed is lost, and
//! something is really deleted.

use std::path::{Path, PathBuf};
use std::process::Child;

use crate::site::{Site, demand, noise, same};

struct Machine {
    name: String,
    key: PathBuf,
    data: PathBuf,
}

fn appoint(site: &Site, role: &str, name: &str) -> PathBuf {
    let key = site.path(&format!("{name}.key"));
    let out = key.to_str().unwrap();
    let mut arguments = vec!["key", "add", "--role", role, "--name", name, "--out", out];
    arguments.push("--unprotected-key");
    if role == "agent" {
        arguments.extend(["--compartment", "clinical"]);
    }
    site.ok(&arguments);
    key
}

fn start(site: &Site, machine: &Machine) -> Child {
    let mut command = site.command_with(&machine.key, &machine.name);
    command
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped());
    command
        .arg("backup")
        .arg(&machine.data)
        .args(["--dataset", &machine.name])
        .spawn()
        .unwrap()
}

fn change(data: &Path, round: u64, seed: u64) {
    // Half comes and goes each round, half comes back from an earlier round.
    for n in 0..10 {
        let name = data.join(format!("{n}"));
        let which = if n % 2 == 0 { round } else { round % 2 };
        std::fs::write(name, noise(which * 1000 + seed * 100 + n, 300_000)).unwrap();
    }
}

fn packs(vault: &Path) -> u64 {
    let mut bytes = 0;
    let mut folders = vec![vault.join("pack")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let entry = entry.unwrap();
            match entry.file_type().unwrap().is_dir() {
                true => folders.push(entry.path()),
                false => bytes += entry.metadata().unwrap().len(),
            }
        }
    }
    bytes
}

fn crowd(site: &Site, rounds: u64) {
    let keeper = appoint(site, "keeper", "keeper");
    let machines: Vec<Machine> = (0..4)
        .map(|n| {
            let name = format!("agent{n}");
            let data = site.path(&format!("{name}-data"));
            std::fs::create_dir(&data).unwrap();
            Machine {
                key: appoint(site, "agent", &name),
                data,
                name,
            }
        })
        .collect();
    for round in 1..=rounds {
        for (seed, machine) in (0..).zip(&machines) {
            change(&machine.data, round, seed);
        }
        let running: Vec<Child> = machines
            .iter()
            .map(|machine| start(site, machine))
            .collect();
        let prune = site
            .command_with(&keeper, "keeper")
            .args(["prune", "--grace", "0d", "--max-unused", "0%"])
            .output()
            .unwrap();
        demand(prune, 0, &["prune"]);
        for child in running {
            demand(child.wait_with_output().unwrap(), 0, &["backup"]);
        }
        demand(
            site.command_with(&keeper, "keeper")
                .args(["accept", "--grace", "0d"])
                .output()
                .unwrap(),
            0,
            &["accept"],
        );
        site.ok(&["check", "--read-data", "--with-keys"]);
        for machine in &machines {
            let out = format!("{}-{round}", machine.name);
            let to = site.path(&out);
            let dataset = ["--dataset", &machine.name];
            site.ok(&[
                &["restore", "latest", "--to", to.to_str().unwrap()],
                &dataset[..],
            ]
            .concat());
            same(
                &machine.data,
                &to.join(machine.data.strip_prefix("/").unwrap()),
            );
            std::fs::remove_dir_all(to).unwrap();
        }
        // Old rounds are forgotten by the owner, who names them.
        let old = old_snapshots(site);
        let old: Vec<&str> = old.iter().map(String::as_str).collect();
        if !old.is_empty() {
            site.ok(&[&["forget"], &old[..]].concat());
        }
    }
}

/// All snapshots but the newest of each dataset.
fn old_snapshots(site: &Site) -> Vec<String> {
    let list = site.json(&["snapshots"]);
    let mut newest = std::collections::BTreeMap::new();
    let mut old = Vec::new();
    for snapshot in list["snapshots"].as_array().unwrap() {
        let text = |key: &str| snapshot[key].as_str().unwrap().to_owned();
        old.extend(newest.insert(text("dataset"), text("id")));
    }
    old
}

#[test]
fn nothing_needed_is_lost_and_something_is_deleted() {
    let site = Site::new();
    crowd(&site, 4);
    let before = packs(Path::new(&site.vault));
    site.ok(&["prune", "--grace", "0d", "--max-unused", "0%"]);
    let after = packs(Path::new(&site.vault));
    assert!(after < before, "{after} of {before} bytes are left");
    site.ok(&["check", "--read-data", "--with-keys"]);
}

#[test]
fn the_same_on_a_bucket() {
    let Some(server) = ov_store::testing::Seaweed::shared() else {
        return;
    };
    server.bucket("crowd");
    let environment = server.environment(ov_store::testing::Identity::Admin);
    crowd(&Site::at("s3://crowd/vault", environment), 2);
}
