//! Real files of many kinds in one vault, and who they belong to by other programs' account.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use ov_catalog::{Crosswalk, Question, as_of, gaps};
use ov_clinical::Gap;
use serde_json::Value;

use crate::site::{Site, files_below};

/// The sample files, where they are at hand.
pub fn samples() -> Option<PathBuf> {
    let named = std::env::var_os("ONCOVAULT_TEST_DATA").map(PathBuf::from);
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/testdata");
    let folder = named.unwrap_or(beside);
    if !folder.join("fhir").is_dir() {
        eprintln!("skipped: no sample files (cargo xtask data fetches them)");
        return None;
    }
    Some(folder.canonicalize().unwrap())
}

/// The ids of the patients whom a FHIR file is or refers to, by a reader of JSON that knows nothing
/// else.
fn patients_of(value: &Value, urls: &BTreeMap<String, String>, out: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) => {
            let text = |name: &str| fields.get(name).and_then(Value::as_str);
            if text("resourceType") == Some("Patient") {
                out.extend(text("id").map(str::to_owned));
            }
            if let Some(reference) = text("reference") {
                let reference = urls.get(reference).map_or(reference, |known| known);
                let at = reference.rsplit_once("Patient/");
                let whole = at.filter(|(server, _)| server.is_empty() || server.ends_with('/'));
                let id = whole.and_then(|(_, id)| id.split('/').next());
                out.extend(id.filter(|id| !id.is_empty()).map(str::to_owned));
            }
            for value in fields.values() {
                patients_of(value, urls, out);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| patients_of(item, urls, out)),
        _ => {}
    }
}

/// Patients by their temporary names in a bundle.
fn urls(value: &Value) -> BTreeMap<String, String> {
    let entries = value.get("entry").and_then(Value::as_array);
    let entries = entries.into_iter().flatten();
    let named = entries.filter_map(|entry| {
        let resource = entry.get("resource")?;
        let patient = resource.get("resourceType")?.as_str()? == "Patient";
        let url = entry.get("fullUrl")?.as_str()?.to_owned();
        let id = resource.get("id")?.as_str()?;
        patient.then(|| (url, format!("Patient/{id}")))
    });
    named.collect()
}

/// Files below a folder by the FHIR patient to whom they belong.
fn truth(folder: &Path) -> BTreeMap<String, BTreeSet<PathBuf>> {
    let mut truth: BTreeMap<String, BTreeSet<PathBuf>> = BTreeMap::new();
    for path in files_below(folder) {
        let text = std::fs::read_to_string(&path).unwrap_or_default();
        let documents: Vec<Value> = match path.extension().and_then(|ext| ext.to_str()) {
            Some("ndjson") => text
                .lines()
                .filter_map(|line| serde_json::from_str(line).ok())
                .collect(),
            Some("json") => serde_json::from_str(&text).into_iter().collect(),
            _ => Vec::new(),
        };
        let mut ids = BTreeSet::new();
        for document in &documents {
            let is_fhir = document.get("resourceType").is_some();
            if is_fhir {
                patients_of(document, &urls(document), &mut ids);
            }
        }
        for id in ids {
            truth.entry(id).or_default().insert(path.clone());
        }
    }
    truth
}

#[test]
fn real_patients_are_told_apart() {
    let Some(folder) = samples() else { return };
    let mut site = Site::new();
    site.run_folder("fhir", &folder.join("fhir"));
    site.run_folder("rt", &folder.join("radiotherapy"));
    site.run_folder("trials", &folder.join("trials"));
    let opened = site.open();
    let truth = truth(&folder.join("fhir"));
    assert!(truth.len() >= 20, "{} patients", truth.len());
    let mut wrong = Vec::new();
    for (id, files) in &truth {
        let found = opened.ask(&Question::patient(id).unwrap());
        assert!(found.failed.is_empty() && found.unreadable == 0);
        let fhir = found.holdings.iter().filter(|one| one.dataset == "fhir");
        let found: BTreeSet<PathBuf> = fhir
            .filter(|one| {
                let mut identities = one.versions[0].answer.identities.iter();
                identities.any(|one| one.domain == ov_clinical::Domain::FhirPatient)
            })
            .map(|one| Path::new("/").join(String::from_utf8(one.key.path()).unwrap()))
            .collect();
        if found != *files {
            wrong.push((
                id,
                files
                    .symmetric_difference(&found)
                    .cloned()
                    .collect::<Vec<_>>(),
            ));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    let found = opened.ask(&Question::patient("123456").unwrap());
    let mut names: Vec<_> = found
        .holdings
        .iter()
        .filter(|one| one.dataset == "rt")
        .map(|one| String::from_utf8(one.key.name.clone()).unwrap())
        .collect();
    names.sort();
    // As pydicom and dcmdump read (0010,0020).
    assert_eq!(names, ["ct.0.dcm", "rtdose.dcm", "rtplan.dcm", "rtss.dcm"]);
}

#[test]
fn a_structure_set_that_is_gone_is_named_by_patient() {
    let Some(folder) = samples() else { return };
    let mut site = Site::new();
    for name in ["rtdose.dcm", "rtplan.dcm", "rtss.dcm"] {
        let source = folder
            .join("radiotherapy/dicompyler/example_data")
            .join(name);
        site.write_bytes("plans", name, &std::fs::read(source).unwrap());
    }
    site.run("plans", "");
    let lacking = |site: &Site| {
        let opened = site.open();
        let newest = as_of(opened.listed(), None);
        let closure = gaps(&opened.reader(), &newest, &Crosswalk::default());
        let gaps = closure.gaps.into_iter();
        let strong = gaps.filter(ov_catalog::GapFound::is_strong);
        let named = strong.map(|one| {
            let patients: Vec<_> = one
                .patients
                .iter()
                .map(|p| p.id.as_str().to_owned())
                .collect();
            (one.gap, patients)
        });
        named.collect::<BTreeMap<_, _>>()
    };
    let before = lacking(&site);
    assert!(!before.contains_key(&Gap::PlanWithoutStructureSet));
    site.remove("plans", "rtss.dcm");
    site.run("plans", "");
    let after = lacking(&site);
    assert_eq!(after[&Gap::PlanWithoutStructureSet], ["123456"]);
}
