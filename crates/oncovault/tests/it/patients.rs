//! What is held of whom: found, restored and checked by the program, from real files.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::world::{World, files};

/// The sample files, where they are at hand.
pub fn samples() -> Option<PathBuf> {
    let named = std::env::var_os("ONCOVAULT_TEST_DATA").map(PathBuf::from);
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/testdata");
    let folder = named.unwrap_or(beside);
    if !folder.join("radiotherapy").is_dir() {
        eprintln!("skipped: no sample files (cargo xtask data fetches them)");
        return None;
    }
    Some(folder)
}

/// A vault with records, plans, series, reads and trial files in datasets of their own.
fn department() -> Option<World> {
    let folder = samples()?;
    let world = World::new();
    copy(&folder.join("fhir/mcode"), &world.path("records"), "");
    copy(
        &folder.join("radiotherapy/dicompyler/example_data"),
        &world.path("plans"),
        "",
    );
    copy(
        &folder.join("dicom/pydicom/test_files/dicomdirtests/TINY_ALPHA"),
        &world.path("images"),
        "",
    );
    for dataset in ["records", "plans", "images"] {
        let document = world.json(["backup", dataset, "--dataset", dataset]);
        assert!(document["snapshot_id"].is_string());
    }
    Some(world)
}

/// Copies the files below a folder whose names begin so.
pub fn copy(from: &Path, to: &Path, beginning: &str) {
    let fits = |name: &Path| {
        name.file_name()
            .unwrap()
            .to_str()
            .unwrap()
            .starts_with(beginning)
    };
    for (name, content) in files(from).into_iter().filter(|(name, _)| fits(name)) {
        let path = to.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
}

/// The paths that were found, below the folder in which they were backed up.
pub fn found(world: &World, document: &Value) -> BTreeSet<PathBuf> {
    let folder = world.path("").canonicalize().unwrap();
    let holdings = document["holdings"].as_array().unwrap();
    let paths = holdings
        .iter()
        .map(|one| Path::new(one["path"].as_str().unwrap()));
    paths
        .map(|path| path.strip_prefix(&folder).unwrap().to_owned())
        .collect()
}

/// Files below a dataset's folder whose text names a FHIR patient in one of these forms.
fn naming(world: &World, id: &str) -> BTreeSet<PathBuf> {
    let forms = [format!("\"Patient/{id}\""), format!("/Patient/{id}\"")];
    let own = format!("\"id\":\"{id}\"");
    let all = files(&world.path("records")).into_iter();
    let fitting = all.filter(|(_, content)| {
        let text = String::from_utf8_lossy(content).replace(char::is_whitespace, "");
        let is_own = text.contains("\"resourceType\":\"Patient\"") && text.contains(&own);
        is_own || forms.iter().any(|form| text.contains(form.as_str()))
    });
    fitting
        .map(|(name, _)| Path::new("records").join(name))
        .collect()
}

#[test]
fn what_is_found_of_a_patient_is_what_names_him() {
    let Some(world) = department() else { return };
    let id = "cancer-patient-jenny-m";
    let truth = naming(&world, id);
    assert!(truth.len() > 10, "{truth:?}");
    let document = world.json(["find", "--patient", id]);
    assert_eq!(found(&world, &document), truth);
    let slow = world.json(["--no-cache", "find", "--patient", id]);
    assert_eq!(slow, document);
    let plan = world.json(["find", "--patient", "123456"]);
    let names = ["ct.0.dcm", "rtdose.dcm", "rtplan.dcm", "rtss.dcm"];
    let plans: BTreeSet<_> = names
        .iter()
        .map(|name| Path::new("plans").join(name))
        .collect();
    assert_eq!(found(&world, &plan), plans);
}

#[test]
fn everything_of_a_patient_comes_back_byte_for_byte() {
    let Some(world) = department() else { return };
    let document = world.json(["restore", "--patient", "123456", "--to", "back"]);
    let restored = files(&world.path("back"));
    assert_eq!(restored.len(), 4);
    for file in document["files"].as_array().unwrap() {
        let there = Path::new("back").join(file["restored"].as_str().unwrap());
        let bytes = fs::read(world.path(there.to_str().unwrap())).unwrap();
        assert!(bytes == fs::read(file["path"].as_str().unwrap()).unwrap());
    }
    assert_eq!(document["verified"], 4);
}

#[test]
fn a_structure_set_that_is_gone_is_named_with_its_patient() {
    let Some(world) = department() else { return };
    fs::remove_file(world.path("plans/rtss.dcm")).unwrap();
    world.json(["backup", "plans", "--dataset", "plans"]);
    let said = world.run(["check", "--closure"]);
    said.fails(21, &["patient 123456"]);
    assert!(said.out.contains("rtplan.dcm"), "{}", said.out);
}

#[test]
fn the_local_copy_holds_no_identifier_and_may_be_deleted() {
    let Some(world) = department() else { return };
    let before = world.json(["find", "--patient", "123456"]);
    let cache = world.path("home/.cache/oncovault");
    let copies: Vec<_> = files(&cache)
        .into_iter()
        .filter(|(name, _)| name.ends_with("catalog.sqlite"))
        .collect();
    assert_eq!(copies.len(), 1);
    for secret in ["123456", "rtplan", "cancer-patient-jenny-m", "1.2.826"] {
        let bytes = &copies[0].1;
        assert!(
            !bytes
                .windows(secret.len())
                .any(|at| at == secret.as_bytes()),
            "{secret}"
        );
    }
    fs::remove_dir_all(&cache).unwrap();
    assert_eq!(world.json(["find", "--patient", "123456"]), before);
}
