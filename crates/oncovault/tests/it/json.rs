//! Documents for programs: the keys that docs/cli/json.md lists, for every verb that is there.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::world::World;

const MANUAL: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/cli/json.md");

/// The keys of the table under a heading of the manual.
pub fn documented(heading: &str) -> BTreeSet<String> {
    let manual = std::fs::read_to_string(MANUAL).unwrap();
    let mark = format!("## {heading}\n");
    let (_, section) = manual
        .split_once(&mark)
        .unwrap_or_else(|| panic!("no section {heading}"));
    let section = section.split("\n## ").next().unwrap();
    let rows = section.lines().filter_map(|line| line.strip_prefix("| `"));
    rows.map(|row| row.split('`').next().unwrap().to_owned())
        .collect()
}

/// All keys of a document: `a`, `a.b` in objects, `a[].b` in lists of objects.
pub fn keys(document: &Value) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    gather(document, "", &mut found);
    found
}

fn gather(value: &Value, path: &str, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) => {
            for (name, field) in fields {
                let path = match path {
                    "" => name.clone(),
                    _ => format!("{path}.{name}"),
                };
                found.insert(path.clone());
                gather(field, &path, found);
            }
        }
        Value::Array(items) => {
            items
                .iter()
                .for_each(|item| gather(item, &format!("{path}[]"), found));
        }
        _ => {}
    }
}

/// A status of which something is short, with an agent that is watched.
fn standing(world: &World) -> Value {
    let config = std::fs::read_to_string(world.path("oncovault.toml")).unwrap();
    let watch = "[[watch]]\nname = \"linac\"\nagent = \"0123456789ab\"\nrpo = \"1d\"\n";
    let copy = "[[copy]]\nname = \"copy\"\nurl = \"copy\"\n";
    let dataset = "schedule = \"daily at 02:00\"\nrpo = \"1d\"\n";
    world.write("oncovault.toml", format!("{config}{dataset}{copy}{watch}"));
    let said = world.run(["--json", "--config", "oncovault.toml", "status"]);
    assert_eq!(said.code, 21, "{}", said.err);
    serde_json::from_str(&said.out).unwrap()
}

#[test]
fn every_document_has_the_keys_of_the_manual_and_no_others() {
    let world = World::empty();
    let mut documents = vec![("init", world.json(["init"]))];
    let kit = &documents[0].1["recovery_kit"]["text"];
    world.write("kit", kit.as_str().unwrap());
    world.write("data/a", "one");
    world.write("data/b", "b");
    documents.push(("backup", world.json(["backup", "data"])));
    world.write("data/a", "two");
    std::fs::remove_file(world.path("data/b")).unwrap();
    world.backup("data");
    let data = world.arg("data");
    let dataset = "[[dataset]]\nname = \"data\"\ncompartment = \"clinical\"\npaths = [\"data\"]\n";
    let site = format!("[vault]\nurl = \"vault\"\n{dataset}");
    world.write("oncovault.toml", site);
    let verbs: Vec<(&str, Vec<&str>)> = vec![
        ("snapshots", vec!["snapshots"]),
        ("ls", vec!["ls", "latest"]),
        ("find", vec!["find", "a"]),
        ("restore", vec!["restore", "latest", "--to", "out"]),
        (
            "restore --dry-run",
            vec!["restore", "latest", "--to", "o", "--dry-run"],
        ),
        ("diff", vec!["diff", "latest~1", "latest"]),
        ("stats", vec!["stats"]),
        ("stats --mode raw", vec!["stats", "--mode", "raw"]),
        ("tag", vec!["tag", "add", "latest", "x"]),
        (
            "patient link",
            vec!["patient", "link", "1@a", "2@b", "--reason", "known"],
        ),
        ("patient links", vec!["patient", "links"]),
        ("patient unlink", vec!["patient", "unlink", "1@a", "2@b"]),
        ("target test", vec!["target", "test"]),
        ("key show", vec!["key", "show"]),
        ("key list", vec!["key", "list"]),
        (
            "key add",
            vec![
                "key",
                "add",
                "--role",
                "agent",
                "--name",
                "n",
                "--out",
                "n.key",
                "--unprotected-key",
            ],
        ),
        ("key grant", vec!["key", "grant", "n", "--role", "reader"]),
        (
            "key add-compartment",
            vec!["key", "add-compartment", "genomic"],
        ),
        ("key rotate", vec!["key", "rotate"]),
        ("key revoke", vec!["key", "revoke", "n"]),
        (
            "key kit",
            vec!["key", "kit", "--kit-file", "kit", "--out", "kit.html"],
        ),
        (
            "key recover --test",
            vec!["key", "recover", "--test", "--kit-file", "kit"],
        ),
        ("version", vec!["version"]),
        ("check", vec!["check", "--read-data"]),
        ("accept", vec!["accept"]),
        ("rescan", vec!["rescan"]),
        ("run", vec!["--config", "oncovault.toml", "run"]),
        (
            "config check",
            vec!["--config", "oncovault.toml", "config", "check"],
        ),
        (
            "service install",
            vec![
                "--config",
                "oncovault.toml",
                "service",
                "install",
                "--root",
                "image",
            ],
        ),
        ("copy", vec!["copy", "--to", "copy"]),
        ("repair plan", vec!["repair", "plan"]),
        (
            "hold add",
            vec!["hold", "add", "latest", "--reason", "audit"],
        ),
        ("hold list", vec!["hold", "list"]),
        (
            "forget --dry-run",
            vec!["forget", "--keep-last", "1", "--dry-run"],
        ),
        ("prune --dry-run", vec!["prune", "--dry-run"]),
    ];
    for (heading, args) in verbs {
        documents.push((heading, world.json(args)));
    }
    documents.push(("status", standing(&world)));
    let diagnose = ["--config", "oncovault.toml", "diagnose"];
    let mut bundle = world.json(diagnose);
    assert_eq!(keys(&bundle["status"].take()), documented("status"));
    documents.push(("diagnose", bundle));
    for (heading, document) in documents {
        assert_eq!(keys(&document), documented(heading), "{heading}");
    }
    assert!(data.starts_with('/'));
}

#[test]
fn snapshots_are_listed_oldest_first_with_rfc_3339_times() {
    let world = World::new();
    world.write("data/a", "x");
    let (first, second) = (world.backup("data"), world.backup("data"));
    let listed = world.json(["snapshots"]);
    let ids: Vec<&str> = listed["snapshots"]
        .as_array()
        .unwrap()
        .iter()
        .map(|s| s["id"].as_str().unwrap())
        .collect();
    assert_eq!(ids, [&*first, &*second]);
    let time = listed["snapshots"][0]["time"].as_str().unwrap();
    assert!(
        time.starts_with("20") && time.ends_with('Z') && time.contains('T'),
        "{time}"
    );
}

#[test]
fn progress_as_json_lines_has_the_keys_of_the_manual_and_names_no_path() {
    let world = World::new();
    world.write("data/Anna Muster.dcm", vec![7; 3_000_000]);
    let backup = ["--progress", "json", "--quiet", "backup", "data"];
    let restore = ["--progress", "json", "restore", "latest", "--to", "out"];
    for args in [&backup[..], &restore[..]] {
        let said = world.run(args);
        assert_eq!(said.code, 0, "{}", said.err);
        assert!(!said.err.contains("Anna"), "{}", said.err);
        let lines = said.err.lines().filter(|line| line.starts_with('{'));
        let lines: Vec<Value> = lines.map(|l| serde_json::from_str(l).unwrap()).collect();
        assert!(!lines.is_empty(), "{}", said.err);
        for line in lines {
            assert_eq!(keys(&line), documented("--progress json"));
        }
    }
    let silent = world.run(["backup", "data"]);
    assert!(!silent.err.contains("progress"), "{}", silent.err);
    world
        .run(["--progress", "loud", "snapshots"])
        .fails(2, &["loud"]);
}
