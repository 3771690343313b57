//! Documents of what is held of whom: the keys that docs/cli/json.md lists, and no others.

use std::collections::BTreeSet;
use std::fs;

use serde_json::{Value, json};

use crate::json::{documented, keys};
use crate::patients::samples;
use crate::world::{Said, World, files};

const PLANNED: &str = "123456@urn:archive";
const REGISTERED: &str = "r-9@urn:registry";

/// A plan whose structure set is not there, and a record of the same person in another system.
fn two_systems() -> Option<World> {
    let sample = samples()?.join("radiotherapy/dicompyler/example_data");
    let world = World::new();
    for name in ["rtplan.dcm", "rtdose.dcm"] {
        world.write(
            &format!("plans/{name}"),
            fs::read(sample.join(name)).unwrap(),
        );
    }
    let identifier = r#"[{"system":"urn:registry","value":"r-9"}]"#;
    let patient = format!(
        r#"{{"resourceType":"Patient","id":"p","identifier":{identifier},
        "managingOrganization":{{"reference":"Organization/lab"}},
        "generalPractitioner":[{{"reference":"Practitioner/gone"}}]}}"#
    );
    world.write("registry/p.json", patient);
    let laboratory = r#"{"resourceType":"Organization","id":"lab"}"#;
    world.write("registry/lab.json", laboratory);
    for (dataset, issuer) in [("plans", "urn:archive"), ("registry", "urn:site")] {
        world.json(["backup", dataset, "--dataset", dataset, "--issuer", issuer]);
    }
    world.json(["patient", "link", PLANNED, REGISTERED, "--reason", "letter"]);
    Some(world)
}

fn said(world: &World, args: &[&str]) -> (i32, Value) {
    let said: Said = world.run(["--json"].iter().chain(args));
    let document = serde_json::from_str(&said.out);
    (
        said.code,
        document.unwrap_or_else(|_| panic!("{}{}", said.out, said.err)),
    )
}

/// The keys of one list of a document, as they stand below it.
fn below(list: &str, part: Value) -> BTreeSet<String> {
    keys(&json!({ list: part }))
}

fn described_below(heading: &str, list: &str) -> BTreeSet<String> {
    let mut all = documented(heading);
    all.retain(|key| key == list || key.starts_with(&format!("{list}[]")));
    all
}

#[test]
fn what_is_found_is_said_as_the_manual_has_it() {
    let Some(world) = two_systems() else { return };
    let (_, found) = said(&world, &["find", "--patient", PLANNED]);
    let (_, nobodys) = said(&world, &["find", "--unassigned"]);
    assert_eq!(nobodys["holdings"].as_array().unwrap().len(), 1);
    // A pack that is gone takes a part of a snapshot with it.
    let before: BTreeSet<_> = packs(&world);
    world.write("more/a.json", r#"{"resourceType":"Organization","id":"a"}"#);
    world.json(["backup", "more", "--dataset", "more"]);
    for pack in packs(&world).difference(&before) {
        fs::remove_file(world.path("vault").join(pack)).unwrap();
    }
    let (code, damaged) = said(&world, &["--no-cache", "find", "--unassigned"]);
    assert_eq!(code, 20, "{damaged}");
    let mut all = keys(&found);
    for document in [&nobodys, &damaged] {
        all.extend(keys(document));
    }
    assert_eq!(all, documented("find --patient"));
}

fn packs(world: &World) -> BTreeSet<std::path::PathBuf> {
    let all = files(&world.path("vault")).into_iter();
    let names = all.map(|(name, _)| name);
    names
        .filter(|name| name.components().any(|part| part.as_os_str() == "pack"))
        .collect()
}

#[test]
fn what_is_missing_is_said_as_the_manual_has_it() {
    let Some(world) = two_systems() else { return };
    let (code, document) = said(&world, &["check", "--closure"]);
    assert_eq!(code, 21);
    assert_eq!(keys(&document), documented("check --closure"));
}

#[test]
fn what_is_restored_of_a_patient_is_said_as_the_manual_has_it() {
    let Some(world) = two_systems() else { return };
    let (_, mut document) = said(&world, &["restore", "--patient", PLANNED, "--to", "back"]);
    let gaps = below("gaps", document["gaps"].take());
    assert_eq!(gaps, described_below("check --closure", "gaps"));
    let linked = below("linked", document["linked"].take());
    assert_eq!(linked, described_below("find --patient", "linked"));
    let referred_to = below("files", document["referred_to"].take());
    assert_eq!(referred_to, described_below("restore --patient", "files"));
    let kinds = document["kinds"].take();
    for (kind, sums) in kinds.as_object().unwrap() {
        let names: Vec<&String> = sums.as_object().unwrap().keys().collect();
        assert_eq!(names, ["bytes", "files"], "{kind}");
    }
    assert_eq!(keys(&document), documented("restore --patient"));
}

#[test]
fn a_link_that_was_taken_back_is_said_as_the_manual_has_it() {
    let Some(world) = two_systems() else { return };
    world.json([
        "patient", "unlink", PLANNED, REGISTERED, "--reason", "an error",
    ]);
    let mut document = world.json(["patient", "links", "--all"]);
    let retracted = document["links"][0]["retracted"].take();
    let linked = document["links"][0]["linked"].clone();
    assert_eq!(keys(&retracted), keys(&linked));
    assert_eq!(keys(&document), documented("patient links"));
}
