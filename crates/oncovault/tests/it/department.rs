//! A department's data in one vault, and who says what of it: the truth is read from the files by
//! other programs than ours.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::patients::{copy, samples};
use crate::world::{Said, World};

/// Datasets: a name, whose identifiers of patients they have, where their samples are, and how the
/// names of those begin that are taken.
const RECORDS: &[Dataset] = &[
    ("records", "urn:hospital", "fhir/mcode", ""),
    ("records", "urn:hospital", "fhir/cql-exec-fhir/r4", ""),
    ("records", "urn:hospital", "fhir/r4-examples", "Patient-"),
    (
        "records",
        "urn:hospital",
        "fhir/r4-examples",
        "Immunization-",
    ),
];
const IMAGING: &[Dataset] = &[
    (
        "plans",
        "urn:archive",
        "radiotherapy/dicompyler/example_data",
        "",
    ),
    (
        "images",
        "urn:archive",
        "dicom/pydicom/test_files/dicomdirtests",
        "",
    ),
    ("pet", "urn:archive", "dicom/pysuv/idc_vendor_samples", ""),
];
const OTHERS: &[Dataset] = &[
    ("reads", "", "genomics/samtools/quickcheck", ""),
    ("trial", "", "trials/odmlib", ""),
];
type Dataset = (&'static str, &'static str, &'static str, &'static str);

/// What is of each patient, as paths below the folder of the test.
pub type Truth = BTreeMap<String, BTreeSet<PathBuf>>;

/// A department with a vault and a key without passphrase.
pub struct Department {
    pub world: World,
}

impl Department {
    /// With everything backed up; `None` where there are no sample files.
    pub fn new() -> Option<Self> {
        Self::of(&[RECORDS, IMAGING, OTHERS])
    }

    /// With plans and images alone.
    pub fn imaging() -> Option<Self> {
        Self::of(&[IMAGING])
    }

    fn of(parts: &[&[Dataset]]) -> Option<Self> {
        let folder = samples()?;
        let department = Self {
            world: World::empty(),
        };
        department.run(["init", "--unprotected-key"]).worked();
        let mut datasets = BTreeMap::new();
        for (at, (name, issuer, part, beginning)) in parts.iter().copied().flatten().enumerate() {
            let to = department.world.path(name).join(at.to_string());
            copy(&folder.join(part), &to, beginning);
            datasets.insert(*name, *issuer);
        }
        for (name, issuer) in datasets {
            let args = ["backup", name, "--dataset", name, "--issuer", issuer];
            let known = if issuer.is_empty() { 4 } else { args.len() };
            let said = department.world.run_as("bare.key", &args[..known]);
            said.worked();
        }
        Some(department)
    }

    /// Runs a verb.
    pub fn run<const N: usize>(&self, args: [&str; N]) -> Said {
        self.world.run_as("bare.key", args)
    }

    /// Runs a verb that must succeed, and reads its document.
    pub fn json<const N: usize>(&self, args: [&str; N]) -> Value {
        let said = self.run_json(&args);
        assert_eq!(said.code, 0, "{}{}", said.out, said.err);
        serde_json::from_str(&said.out).unwrap()
    }

    /// Runs a verb for its document.
    pub fn run_json(&self, args: &[&str]) -> Said {
        let all = ["--json"].iter().chain(args);
        self.world.run_as("bare.key", all)
    }

    /// The paths of a document, below the folder of the test.
    pub fn paths(&self, document: &Value, list: &str) -> BTreeSet<PathBuf> {
        let folder = self.world.path("").canonicalize().unwrap();
        let found = document[list].as_array().unwrap().iter();
        let paths = found.map(|one| Path::new(one["path"].as_str().unwrap()));
        paths
            .map(|path| path.strip_prefix(&folder).unwrap().to_owned())
            .collect()
    }

    /// Whose the DICOM files are, as dcmdump of DCMTK reads them; `None` without that program.
    pub fn dicom_truth(&self) -> Option<Truth> {
        let mut truth = Truth::new();
        let datasets = IMAGING.iter().map(|(name, ..)| name);
        for path in datasets.flat_map(|dataset| self.files(dataset)) {
            for id in dumped(&self.world.path("").join(&path), "0010,0020")? {
                truth.entry(id).or_default().insert(path.clone());
            }
        }
        Some(truth)
    }

    /// Whose the FHIR files are, by the id of the Patient: those of whom they hold the resource, or to whom they refer.
    pub fn fhir_truth(&self) -> Truth {
        let mut truth = Truth::new();
        for path in self.files("records") {
            let bytes = fs::read(self.world.path("").join(&path)).unwrap();
            let Ok(content) = serde_json::from_slice::<Value>(&bytes) else {
                continue;
            };
            let mut ids = BTreeSet::new();
            named(&content, &mut ids);
            for id in ids {
                truth.entry(id).or_default().insert(path.clone());
            }
        }
        truth
    }

    /// All files of a dataset.
    pub fn files(&self, dataset: &str) -> Vec<PathBuf> {
        let found = crate::world::files(&self.world.path(dataset));
        let paths = found.into_iter();
        paths
            .map(|(name, _)| Path::new(dataset).join(name))
            .collect()
    }
}

/// The values of an element, wherever it stands in a file.
pub fn dumped(file: &Path, tag: &str) -> Option<BTreeSet<String>> {
    let dump = Command::new("dcmdump")
        .args(["-q", "+P", tag])
        .arg(file)
        .output();
    let Ok(output) = dump else {
        assert!(
            std::env::var_os("CI").is_none(),
            "dcmdump is missing: install dcmtk"
        );
        eprintln!("skipped: no dcmdump; install dcmtk");
        return None;
    };
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let values = text.lines().filter_map(|line| {
        let (_, rest) = line.split_once('[')?;
        Some(rest.rsplit_once(']')?.0.trim().to_owned())
    });
    Some(values.filter(|value| !value.is_empty()).collect())
}

/// Which patients a resource is about or names.
fn named(value: &Value, ids: &mut BTreeSet<String>) {
    match value {
        Value::Object(members) => {
            let text = |name: &str| members.get(name).and_then(Value::as_str);
            if let (Some("Patient"), Some(id)) = (text("resourceType"), text("id")) {
                ids.insert(id.to_owned());
            }
            if let Some(reference) = text("reference") {
                let whole = reference.split("/_history/").next().unwrap();
                let mut parts = whole.rsplit('/');
                if let (Some(id), Some("Patient")) = (parts.next(), parts.next()) {
                    ids.insert(id.to_owned());
                }
            }
            members.values().for_each(|member| named(member, ids));
        }
        Value::Array(values) => values.iter().for_each(|value| named(value, ids)),
        _ => {}
    }
}
