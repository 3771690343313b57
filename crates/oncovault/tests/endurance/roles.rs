//! Each key can do its part and no other.

use std::path::PathBuf;

use crate::site::{Site, demand, noise};

fn appoint(site: &Site, role: &str) -> PathBuf {
    let key = site.path(&format!("{role}.key"));
    let out = key.to_str().unwrap();
    let mut arguments = vec!["key", "add", "--role", role, "--name", role, "--out", out];
    arguments.push("--unprotected-key");
    if role != "keeper" {
        arguments.extend(["--compartment", "clinical"]);
    }
    site.ok(&arguments);
    key
}

#[test]
fn an_agent_writes_and_reads_nothing_and_a_keeper_keeps_and_names_nothing() {
    let site = Site::new();
    site.write("data/Mustermann^Erika.dcm", &noise(1, 200_000));
    let data = site.path("data").display().to_string();
    let (agent, keeper) = (appoint(&site, "agent"), appoint(&site, "keeper"));
    let as_agent = |arguments: &[&str], code| {
        demand(
            site.command_with(&agent, "agent")
                .args(arguments)
                .output()
                .unwrap(),
            code,
            arguments,
        )
    };
    let as_keeper = |arguments: &[&str], code| {
        demand(
            site.command_with(&keeper, "keeper")
                .args(arguments)
                .output()
                .unwrap(),
            code,
            arguments,
        )
    };
    as_agent(&["backup", &data], 0);
    as_agent(
        &[
            "restore",
            "latest",
            "--to",
            site.path("stolen").to_str().unwrap(),
        ],
        12,
    );
    as_agent(&["ls", "latest"], 12);
    as_agent(&["forget", "--keep-last", "1"], 12);
    as_agent(&["prune"], 12);
    as_keeper(&["accept"], 0);
    // Who cannot see tags cannot decide by them: an unseen tag must not count as a missing one.
    as_keeper(&["forget", "--keep-tag", "study"], 12);
    let said = [
        as_keeper(&["check", "--read-data"], 0),
        as_keeper(&["snapshots"], 0),
        as_keeper(&["--json", "snapshots"], 0),
        as_keeper(&["prune", "--dry-run"], 0),
    ];
    for said in said {
        assert!(
            !said.contains("Mustermann") && !said.contains("data"),
            "{said}"
        );
    }
    as_keeper(
        &[
            "restore",
            "latest",
            "--to",
            site.path("stolen").to_str().unwrap(),
        ],
        12,
    );
    let reader = appoint(&site, "reader");
    let to = site.path("read");
    let restore = ["restore", "latest", "--to", to.to_str().unwrap()];
    demand(
        site.command_with(&reader, "reader")
            .args(restore)
            .output()
            .unwrap(),
        0,
        &restore,
    );
}

#[test]
fn fifty_junk_snapshots_by_an_agent_expire_nothing() {
    let site = Site::new();
    site.write("good/record", &noise(1, 50_000));
    let agent = appoint(&site, "agent");
    let run = |arguments: &[&str]| {
        demand(
            site.command_with(&agent, "agent")
                .args(arguments)
                .output()
                .unwrap(),
            0,
            arguments,
        )
    };
    run(&[
        "backup",
        site.path("good").to_str().unwrap(),
        "--dataset",
        "records",
    ]);
    let good = site.snapshots();
    for n in 0..50 {
        site.write("junk/file", &noise(1000 + n, 100));
        let time = format!("20{:02}-01-01T00:00:00Z", 30 + n % 60);
        run(&[
            "backup",
            site.path("junk").to_str().unwrap(),
            "--dataset",
            "records",
            "--time",
            &time,
        ]);
    }
    let keeper = appoint(&site, "keeper");
    for rule in [
        ["--keep-last", "1"],
        ["--keep-daily", "7"],
        ["--keep-yearly", "3"],
    ] {
        let arguments = [&["forget"], &rule[..]].concat();
        let kept = site
            .command_with(&keeper, "keeper")
            .args(&arguments)
            .output()
            .unwrap();
        assert!(matches!(kept.status.code(), Some(0 | 30)), "{kept:?}");
        assert!(site.snapshots().contains(&good[0]));
    }
}
