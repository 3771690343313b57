//! The keeper's program, run on a vault that others made.
#![allow(clippy::unwrap_used, reason = "a test may fail")]

mod site;

use site::Site;

#[test]
fn forgotten_snapshots_are_listed_with_all_and_without_names() {
    let site = Site::new();
    let (old, new) = (site.backup("one"), site.backup("two"));
    assert_eq!(site.run(&["forget", &old]).0, 0);
    let states = |args: &[&str]| -> Vec<(String, String)> {
        let document = site.json(args);
        let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
        let listed = document["snapshots"].as_array().unwrap().iter();
        listed
            .map(|one| (text(&one["id"]), text(&one["state"])))
            .collect()
    };
    let state = |id: &String, state: &str| (id.clone(), state.to_owned());
    assert_eq!(states(&["snapshots"]), [state(&new, "listed")]);
    assert_eq!(
        states(&["snapshots", "--all"]),
        [state(&old, "forgotten"), state(&new, "listed")]
    );
    let (code, said) = site.run(&["snapshots", "--all"]);
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("forgotten, accepted"), "{said}");
    assert!(!said.contains("secret name"), "{said}");
}

#[test]
fn what_needs_a_reader_is_refused_by_name() {
    let site = Site::new();
    site.backup("one");
    let (code, said) = site.run(&["forget", "--keep-tag", "x"]);
    assert!(code == 2 && said.contains("reads tags"), "{said}");
    let by = ["forget", "--keep-last", "1", "--group-by", "dataset,host"];
    let (code, said) = site.run(&by);
    assert!(code == 12 && said.contains("a reader's key"), "{said}");
    let (code, said) = site.run(&["restore", "latest", "--to", "out"]);
    assert!(code == 2 && said.contains("restore"), "{said}");
}

#[test]
fn what_is_forgotten_is_freed_and_the_rest_is_whole() {
    let site = Site::new();
    let old = site.backup("one");
    site.backup("two");
    assert_eq!(site.run(&["forget", &old[..12]]).0, 0);
    let pruned = site.json(&["prune"]);
    assert_eq!(pruned["plan"]["blocked"], serde_json::json!([]));
    assert!(pruned["done"]["deleted"].as_u64() > Some(0), "{pruned}");
    assert_eq!(site.json(&["check", "--read-data"])["clean"], true);
    let (code, said) = site.run(&["version"]);
    assert!(code == 0 && said.starts_with("oncovault-keeper "), "{said}");
}

#[test]
fn an_agent_that_fell_silent_is_noticed() {
    let site = Site::new();
    site.write(
        "keeper.toml",
        &format!(
            "[vault]\nurl = \"vault\"\n[policy]\ncopies = \"2-1-0-0-0\"\n\
             [[watch]]\nname = \"linac\"\nagent = \"{}\"\nrpo = \"24h\"\ngrace = \"2h\"\n",
            &site.member()[..12]
        ),
    );
    let by_config = |args: &[&str]| site.run(&[&["--config", "keeper.toml"], args].concat());
    let hour = 3600;
    site.backup_ago("one", 27 * hour);
    let (code, said) = by_config(&["status"]);
    assert_eq!(code, 21, "{said}");
    assert!(
        said.contains("linac nothing arrived for 27 h, allowed are 26 h"),
        "{said}"
    );
    assert!(said.contains("switched on"), "{said}");

    site.backup_ago("two", 25 * hour);
    let (_, said) = by_config(&["status"]);
    assert!(!said.contains("linac nothing"), "{said}");
    assert_eq!(by_config(&["run", "--due"]).0, 0);
    let (code, said) = by_config(&["status"]);
    assert_eq!(code, 0, "{said}");
}
