//! What is no patient's: all that a vault holds but for what other programs find a patient in.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::department::Department;
use crate::patients::samples;
use crate::world::World;

/// Files of which it is known why they are nobody's.
const ODD: [(&str, &str); 6] = [
    ("odd/blank.dcm", "names-nobody"),
    ("odd/empty.dcm", "empty"),
    ("odd/letter.txt", "not-searched"),
    ("odd/noise.dcm", "unknown"),
    ("odd/cut.json", "not-whole"),
    ("odd/variants.vcf", "samples"),
];

/// Backs up the odd ones too.
fn add_odd(department: &Department) {
    let world = &department.world;
    let sample = samples().unwrap().join("dicom/pydicom/test_files");
    let mut blank = fs::read(sample.join("MR_small.dcm")).unwrap();
    let at = blank.windows(4).position(|at| at == b"4MR1").unwrap();
    blank[at..at + 4].fill(b' ');
    world.write("odd/blank.dcm", blank);
    world.write("odd/empty.dcm", "");
    world.write("odd/letter.txt", "Patient 98890234 came on Monday.\n");
    world.write("odd/noise.dcm", [0x93, 0x11, 0xfe, 0, 0x81, 7, 0xc3, 0x28]);
    world.write("odd/cut.json", r#"{"resourceType":"Observation","id":"#);
    let columns = "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\t98890234\n";
    world.write(
        "odd/variants.vcf",
        format!("##fileformat=VCFv4.2\n{columns}"),
    );
    department
        .run(["backup", "odd", "--dataset", "odd"])
        .worked();
}

/// Why the files of a document are nobody's.
fn reasons(department: &Department, document: &Value) -> BTreeMap<PathBuf, String> {
    let folder = department.world.path("").canonicalize().unwrap();
    let holdings = document["holdings"].as_array().unwrap().iter();
    let reason = |one: &Value| {
        let path = Path::new(one["path"].as_str().unwrap());
        let why = one["versions"][0]["unassigned"].as_str().unwrap();
        (
            path.strip_prefix(&folder).unwrap().to_owned(),
            why.to_owned(),
        )
    };
    holdings.map(reason).collect()
}

#[test]
fn all_and_only_what_names_no_patient_is_unassigned_with_its_reason() {
    let Some(department) = Department::new() else {
        return;
    };
    let Some(dicom) = department.dicom_truth() else {
        return;
    };
    add_odd(&department);
    let somebodys = dicom
        .into_values()
        .chain(department.fhir_truth().into_values());
    let somebodys: BTreeSet<PathBuf> = somebodys.flatten().collect();
    let datasets = ["records", "plans", "images", "pet", "reads", "trial", "odd"];
    let all: BTreeSet<PathBuf> = datasets
        .iter()
        .flat_map(|dataset| department.files(dataset))
        .collect();
    let document = department.json(["find", "--unassigned"]);
    let found = reasons(&department, &document);
    let listed: BTreeSet<PathBuf> = found.keys().cloned().collect();
    let nobodys: BTreeSet<PathBuf> = all.difference(&somebodys).cloned().collect();
    assert!(somebodys.len() > 100 && nobodys.len() > 50, "{nobodys:?}");
    let missed: Vec<_> = nobodys.difference(&listed).collect();
    let wrong: Vec<_> = listed.difference(&nobodys).collect();
    assert!(
        missed.is_empty() && wrong.is_empty(),
        "{missed:?} {wrong:?}"
    );
    for (name, why) in ODD {
        assert_eq!(found[Path::new(name)], why, "{name}");
    }
    let subjects = found.values().filter(|why| *why == "trial-subjects");
    assert!(subjects.count() > 0, "{found:?}");
    let said = department.run(["find", "--unassigned", "--dataset", "odd"]);
    said.worked();
    for text in [
        "6 files, held from",
        "letter.txt  (such files are not searched",
    ] {
        assert!(said.out.contains(text), "{text}: {}", said.out);
    }
}

#[test]
fn what_nobody_looked_at_is_unassigned_until_somebody_did() {
    let world = World::new();
    let patient = r#"{"resourceType":"Patient","id":"p1"}"#;
    world.write("records/patient.json", patient);
    world.json(["backup", "records", "--no-catalog"]);
    let unknown = world.json(["find", "--unassigned"]);
    let version = &unknown["holdings"][0]["versions"][0];
    assert_eq!(version["unassigned"], "no-catalog", "{unknown}");
    world.json(["backup", "records", "--force"]);
    let known = world.json(["find", "--unassigned"]);
    assert_eq!(known["holdings"], serde_json::json!([]), "{known}");
    // Other bytes at the same place are another version, of which nobody knows anything.
    world.write("records/patient.json", patient.replace("p1", "p2"));
    world.json(["backup", "records", "--no-catalog"]);
    let again = world.json(["find", "--unassigned"]);
    let versions = again["holdings"][0]["versions"].as_array().unwrap();
    assert_eq!(versions.len(), 1, "{again}");
}
