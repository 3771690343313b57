//! Who is who across systems: said, followed, taken back, and kept.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::world::{World, files};

const CLINIC: &str = "MRN-4711@urn:clinic";
const REGISTRY: &str = "REG-0815@urn:registry";

/// Two systems, each with a patient.
fn two_systems() -> World {
    let world = World::new();
    for (dataset, id) in [("clinic", "MRN-4711"), ("registry", "REG-0815")] {
        let text = format!(
            r#"{{"resourceType":"Patient","id":"x-{dataset}","identifier":[{{"system":"urn:{dataset}","value":"{id}"}}]}}"#
        );
        world.write(&format!("{dataset}/patient-{dataset}.json"), text);
        world.json(["backup", dataset, "--dataset", dataset]);
    }
    world
}

fn found(world: &World, patient: &str) -> Vec<String> {
    let document = world.json(["find", "--patient", patient]);
    let holdings = document["holdings"].as_array().unwrap().iter();
    let names = holdings.map(|one| Path::new(one["path"].as_str().unwrap()).file_name());
    names
        .map(|name| name.unwrap().to_str().unwrap().to_owned())
        .collect()
}

const BOTH: [&str; 2] = ["patient-clinic.json", "patient-registry.json"];

#[test]
fn links_are_followed_and_said_and_taken_back() {
    let world = two_systems();
    assert_eq!(found(&world, CLINIC), ["patient-clinic.json"]);
    world.json(["patient", "link", CLINIC, REGISTRY, "--reason", "letter"]);
    assert_eq!(found(&world, CLINIC), BOTH);
    assert_eq!(found(&world, REGISTRY), BOTH);
    let said = world.run(["find", "--patient", CLINIC]);
    assert!(said.out.contains("one patient"), "{}", said.out);
    assert!(said.out.contains(REGISTRY), "{}", said.out);
    let restored = world.json(["restore", "--patient", REGISTRY, "--to", "back"]);
    assert_eq!(restored["linked"][0]["id"], "MRN-4711");
    assert_eq!(files(&world.path("back")).len(), 2);
    world.json(["patient", "unlink", REGISTRY, CLINIC]);
    assert_eq!(found(&world, CLINIC), ["patient-clinic.json"]);
    let restored = world.json(["restore", "--patient", REGISTRY, "--to", "alone"]);
    assert_eq!(restored["linked"], json!([]));
    assert_eq!(files(&world.path("alone")).len(), 1);
    let list = world.json(["patient", "links", "--all"]);
    assert_eq!(list["links"][0]["linked"]["reason"], "letter");
    assert!(list["links"][0]["retracted"]["time"].is_string());
    assert_eq!(world.json(["patient", "links"])["links"], json!([]));
}

#[test]
fn links_need_nothing_but_the_vault_and_go_with_its_copy() {
    let world = two_systems();
    world.json(["patient", "link", CLINIC, REGISTRY]);
    world.json(["copy", "--to", "copy"]);
    assert_eq!(found(&world, CLINIC), BOTH);
    let home = world.path("home");
    for (_, bytes) in files(&home).into_iter().chain(files(&world.path("vault"))) {
        for secret in ["MRN-4711", "REG-0815", "urn:clinic"] {
            let mut at = bytes.windows(secret.len());
            assert!(!at.any(|at| at == secret.as_bytes()), "{secret}");
        }
    }
    fs::remove_dir_all(&home).unwrap();
    fs::remove_dir_all(world.path("vault")).unwrap();
    fs::rename(world.path("copy"), world.path("vault")).unwrap();
    assert_eq!(found(&world, CLINIC), BOTH);
}

#[test]
fn a_list_is_linked_at_once_and_what_is_known_is_not_said_again() {
    let world = two_systems();
    world.write("list", format!("{CLINIC}\t{REGISTRY}\n1@a\t2@b\n"));
    let first = world.json(["patient", "link", "--from", "list"]);
    assert_eq!(first["linked"].as_array().map(Vec::len), Some(2));
    let again = world.json(["patient", "link", "--from", "list"]);
    assert_eq!(
        (&again["record"], &again["known"]),
        (&Value::Null, &json!(2))
    );
    assert_eq!(found(&world, REGISTRY), BOTH);
}

#[test]
fn who_cannot_read_links_nobody_and_nobody_links_without_an_issuer() {
    let world = two_systems();
    let agent = [
        "key", "add", "--role", "agent", "--name", "a", "--out", "a.key",
    ];
    let said = world.run(agent.into_iter().chain(["--unprotected-key"]));
    assert_eq!(said.code, 0, "{}", said.err);
    let link = ["patient", "link", CLINIC, REGISTRY];
    world.run_as("a.key", link).fails(12, &["reader"]);
    let unclear = ["patient", "link", "MRN-4711", REGISTRY];
    world.run(unclear).fails(2, &["issuer"]);
    // Who may know of a link is said where there is a choice.
    world.json(["key", "add-compartment", "trial"]);
    world.run(link).fails(2, &["clinical", "trial"]);
    world.json([&link[..], &["--compartment", "trial"]].concat());
    assert_eq!(found(&world, CLINIC), BOTH);
}
