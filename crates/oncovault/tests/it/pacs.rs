//! Everything of one patient: found, and given to a real PACS, from real files.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;

use ov_pacs::testing::{Front, Orthanc, Receiver, certify};
use serde_json::Value;

use crate::department::{Department, dumped};
use crate::json::{documented, keys};
use crate::patients::samples;

/// Patients with a plan, with CT and MR, and with PET.
const PATIENTS: [&str; 3] = ["123456", "98890234", "PD-1-Lung-00033"];
const TINY: &str = "dicom/pydicom/test_files";

#[test]
fn what_is_found_of_each_patient_is_all_and_only_his() {
    let Some(department) = Department::new() else {
        return;
    };
    let Some(dicom) = department.dicom_truth() else {
        return;
    };
    let fhir = department.fhir_truth();
    assert!(fhir.len() >= 20 && dicom.len() >= 20, "{fhir:?} {dicom:?}");
    for (truth, issuer) in [(&fhir, "urn:hospital"), (&dicom, "urn:archive")] {
        for (id, files) in truth.iter().filter(|(id, _)| is_telling(id)) {
            let found = department.json(["find", "--patient", &format!("{id}@{issuer}")]);
            assert_eq!(
                department.paths(&found, "holdings"),
                *files,
                "{id} of {issuer}"
            );
        }
    }
}

/// Short identifiers are also values of other elements.
fn is_telling(id: &str) -> bool {
    id.len() > 2
}

#[test]
fn a_patient_in_a_pacs_answers_as_if_the_pacs_had_been_fed_from_the_source() {
    let Some(department) = Department::imaging() else {
        return;
    };
    let (Some(source), Some(web), Some(peer)) =
        (Orthanc::start(), Orthanc::start(), Orthanc::start())
    else {
        return;
    };
    let Some(truth) = department.dicom_truth() else {
        return;
    };
    for id in PATIENTS {
        let objects = objects(&department, &truth[id]);
        assert!(objects.len() >= 4, "{id}");
        for object in &objects {
            source.upload(&fs::read(object).unwrap());
        }
        for pacs in [web.web(), peer.peer()] {
            let said = department.run_json(&["restore", "--patient", id, "--to", &pacs]);
            assert_eq!(said.code, 0, "{}{}", said.out, said.err);
            let document: Value = serde_json::from_str(&said.out).unwrap();
            assert_eq!(document["failed"], 0);
            said_as_the_manual_has_it(&document);
            let stored = document["stored"].as_u64().unwrap();
            assert_eq!(stored, u64::try_from(objects.len()).unwrap(), "{id}");
        }
    }
    let expected = answers(&source);
    assert!(expected["instances"].len() > 20, "{expected:?}");
    for pacs in [&web, &peer] {
        assert_eq!(answers(pacs), expected);
    }
    // Not assert_eq: what differs would fill the screen.
    assert!(stored(&web) == stored(&source), "files came as they were");
}

#[test]
fn by_c_store_the_data_sets_of_a_patient_come_byte_for_byte() {
    let Some(department) = Department::imaging() else {
        return;
    };
    let (Some(truth), Some(receiver)) = (department.dicom_truth(), Receiver::start()) else {
        return;
    };
    let mut originals = BTreeSet::new();
    for id in PATIENTS {
        let objects = objects(&department, &truth[id]).into_iter();
        originals.extend(objects.map(|file| data_set(&fs::read(file).unwrap())));
        let args = ["restore", "--patient", id, "--to", &receiver.peer()];
        department.run(args).worked();
    }
    let received = receiver.files();
    assert_eq!(received.len(), originals.len());
    let received: BTreeSet<Vec<u8>> = received.iter().map(|file| data_set(file)).collect();
    // Not assert_eq: what differs would fill the screen.
    assert!(received == originals);
}

/// Nothing but what the manual says of a restore into a PACS.
fn said_as_the_manual_has_it(document: &Value) {
    let mut expected = documented("restore --patient into a PACS");
    let of_folder = [
        "files[].restored",
        "files_written",
        "kept",
        "bytes_written",
        "verified",
    ];
    let common = documented("restore --patient").into_iter();
    expected.extend(common.filter(|key| !of_folder.contains(&&**key)));
    let mut document = document.clone();
    for (list, words) in [("gaps", "check --closure"), ("linked", "find --patient")] {
        let part = serde_json::json!({ list: document[list].take() });
        assert!(keys(&part).is_subset(&documented(words)), "{list}");
    }
    for by_kind in ["kinds", "not_sendable"] {
        document[by_kind].take();
    }
    assert_eq!(document["referred_to"].take(), serde_json::json!([]));
    assert_eq!(keys(&document), expected);
}

/// Those of these files that are objects: directories of objects have no identifier.
fn objects(department: &Department, files: &BTreeSet<PathBuf>) -> Vec<PathBuf> {
    let files = files
        .iter()
        .map(|path| department.world.path("").join(path));
    files
        .filter(|file| !dumped(file, "0008,0018").unwrap().is_empty())
        .collect()
}

/// What stands behind the header of a file, whose length is in its first element (PS3.10 section
/// 7.1).
fn data_set(file: &[u8]) -> Vec<u8> {
    let length = u32::from_le_bytes(file[140..144].try_into().unwrap());
    file[144 + usize::try_from(length).unwrap()..].to_vec()
}

/// What a PACS answers to QIDO-RS with all that it knows, in an order of its own.
fn answers(pacs: &Orthanc) -> BTreeMap<&'static str, BTreeSet<String>> {
    let mut answers = BTreeMap::new();
    for level in ["studies", "series", "instances"] {
        let path = format!("/dicom-web/{level}?includefield=all&limit=100000");
        let said: Value = serde_json::from_slice(&pacs.get(&path)).unwrap();
        let rows = said.as_array().unwrap().iter();
        // Each names its own address in what it says.
        let rows = rows.map(|row| row.to_string().replace(&pacs.authority(), "pacs"));
        answers.insert(level, rows.collect());
    }
    answers
}

/// The files that a PACS holds, by SOP instance UID.
fn stored(pacs: &Orthanc) -> BTreeMap<String, Vec<u8>> {
    let ids: Vec<String> = serde_json::from_slice(&pacs.get("/instances")).unwrap();
    let of = |id: &String| {
        let told: Value = serde_json::from_slice(&pacs.get(&format!("/instances/{id}"))).unwrap();
        let uid = told["MainDicomTags"]["SOPInstanceUID"].as_str().unwrap();
        (uid.to_owned(), pacs.get(&format!("/instances/{id}/file")))
    };
    ids.iter().map(of).collect()
}

/// A vault with some of the samples.
fn with_samples(names: &[&str]) -> Option<Department> {
    let folder = samples()?;
    let department = Department {
        world: crate::world::World::empty(),
    };
    department.run(["init", "--unprotected-key"]).worked();
    for name in names {
        let bytes = fs::read(folder.join(TINY).join(name)).unwrap();
        department.world.write(&format!("images/{name}"), bytes);
    }
    department.run(["backup", "images"]).worked();
    Some(department)
}

fn outcomes(said: &str) -> BTreeMap<String, String> {
    let document: Value = serde_json::from_str(said).unwrap();
    let files = document["files"].as_array().unwrap().iter();
    files
        .map(|file| {
            let path = PathBuf::from(file["path"].as_str().unwrap());
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            (name, file["outcome"].as_str().unwrap().to_owned())
        })
        .collect()
}

#[test]
fn of_two_files_that_claim_one_identifier_one_goes_and_the_other_is_named() {
    let Some(pacs) = Orthanc::start() else { return };
    let Some(department) = with_samples(&["CT_small.dcm"]) else {
        return;
    };
    let mut other = fs::read(department.world.path("images/CT_small.dcm")).unwrap();
    department.world.write("images/copy.dcm", &other);
    let last = other.len() - 200;
    other[last] ^= 1;
    department.world.write("images/later.dcm", other);
    department.run(["backup", "images"]).worked();
    let said = department.run_json(&["restore", "--patient", "1CT1", "--to", &pacs.web()]);
    assert_eq!(said.code, 1, "{}{}", said.out, said.err);
    let outcomes = outcomes(&said.out);
    let words: Vec<&str> = outcomes.values().map(String::as_str).collect();
    assert_eq!(words, ["other_content", "other_content", "stored"]);
    let to = pacs.web();
    let said = department.run(["restore", "--patient", "1CT1", "--to", &to]);
    said.fails(
        1,
        &["copy.dcm", "has the same SOP instance UID", "later.dcm"],
    );
}

#[test]
fn a_syntax_that_the_pacs_does_not_take_is_named_and_nothing_is_transcoded() {
    let taken = "\"AcceptedTransferSyntaxes\":[\"1.2.840.10008.1.2.1\"]";
    let Some(pacs) = Orthanc::start_with(taken) else {
        return;
    };
    let Some(department) = with_samples(&["MR_small.dcm", "MR_small_RLE.dcm"]) else {
        return;
    };
    let file = department.world.path("images/MR_small_RLE.dcm");
    let mut bytes = fs::read(&file).unwrap();
    // An object of its own: the sample has the identifier of the other.
    let uid = dumped(&file, "0008,0018").unwrap().pop_first().unwrap();
    let at = bytes
        .windows(uid.len())
        .rposition(|at| at == uid.as_bytes());
    let end = at.unwrap() + uid.len() - 1;
    bytes[end] = if bytes[end] == b'1' { b'2' } else { b'1' };
    fs::write(&file, bytes).unwrap();
    department.run(["backup", "images"]).worked();
    let to = pacs.peer();
    let said = department.run(["restore", "--patient", "4MR1", "--to", &to]);
    said.fails(1, &["MR_small_RLE.dcm", "1.2.840.10008.1.2.5"]);
    assert!(said.out.contains("1 object ("), "{}", said.out);
    assert!(!said.out.contains("Complete"), "{}", said.out);
    assert_eq!(stored(&pacs).len(), 1);
}

#[test]
fn what_is_no_object_is_counted_as_not_restored_and_an_account_comes_from_the_environment() {
    let closed = "\"AuthenticationEnabled\":true,\"RegisteredUsers\":{\"ada\":\"hunter2\"}";
    let Some(pacs) = Orthanc::start_with(closed) else {
        return;
    };
    let Some(department) = with_samples(&["CT_small.dcm"]) else {
        return;
    };
    let world = &department.world;
    let record = r#"{"resourceType":"Patient","id":"1CT1"}"#;
    world.write("records/patient.json", record);
    for (folder, more) in [("records", "records"), ("images", "images")] {
        let args = [
            "backup",
            folder,
            "--dataset",
            more,
            "--issuer",
            "urn:site",
            "--force",
        ];
        department.run(args).worked();
    }
    let restore = [
        "restore",
        "--patient",
        "1CT1@urn:site",
        "--dataset",
        "records",
        "--dataset",
        "images",
        "--to",
        &pacs.web(),
    ];
    let said = department.run(restore);
    said.fails(1, &["refuses our account", "ONCOVAULT_DICOMWEB_USER"]);
    let mut command = world.command();
    command
        .args(["--vault", "vault", "--key", "bare.key"])
        .args(restore);
    command.env("ONCOVAULT_DICOMWEB_USER", "ada");
    command.env("ONCOVAULT_DICOMWEB_PASSWORD", "hunter2");
    let said = crate::world::Said::of(command.output().unwrap());
    assert_eq!(said.code, 0, "{}{}", said.out, said.err);
    assert!(
        said.err.contains("1 file cannot go into a PACS"),
        "{}",
        said.err
    );
    assert!(said.out.contains("fhir-json"), "{}", said.out);
    assert!(said.out.contains("1 object ("), "{}", said.out);
    let all = format!("{}{}", said.out, said.err);
    assert!(!all.contains("hunter2"));
}

#[test]
fn what_leaves_this_machine_in_clear_is_refused_or_said() {
    let Some(department) = with_samples(&["CT_small.dcm"]) else {
        return;
    };
    let http = "dicomweb+http://192.0.2.1/dicom-web";
    let said = department.run(["restore", "--patient", "1CT1", "--to", http]);
    said.fails(1, &["speaks without encryption", "--allow-http"]);
    let usage = department.run(["restore", "latest", "--to", http]);
    usage.fails(2, &["one patient"]);
    let folder = department.run(["restore", "--patient", "1CT1", "--to", "dimse://nobody"]);
    folder.fails(2, &["1 to 16 characters"]);
}

#[test]
fn over_tls_a_patient_goes_to_the_pacs_for_which_a_named_authority_vouches_and_to_no_other() {
    let Some(department) = Department::imaging() else {
        return;
    };
    let (Some(truth), Some(pacs)) = (department.dicom_truth(), Orthanc::start()) else {
        return;
    };
    let id = PATIENTS[0];
    let front = Front::before(pacs.web_port());
    let to = front.web();
    assert!(to.starts_with("dicomweb+https://"), "{to}");
    let other = tempfile::tempdir().unwrap();
    certify(other.path());
    let strange = other.path().join("ca.pem");
    let strange = strange.to_str().unwrap();
    let restore = ["restore", "--patient", id, "--to", &to];
    let unknown = department.run(restore);
    unknown.fails(1, &["certificate of the PACS is not trusted", "--ca-file"]);
    let [verb, rest @ ..] = restore;
    let mut args = vec!["--ca-file", strange, verb];
    args.extend(rest);
    let unknown = department.world.run_as("bare.key", &args);
    unknown.fails(1, &["certificate of the PACS is not trusted"]);
    // The certificate is for the number, not for the name.
    let own = front.authority_file();
    let named = to.replace("127.0.0.1", "localhost");
    args[1] = own.to_str().unwrap();
    *args.last_mut().unwrap() = &named;
    let wrong = department.world.run_as("bare.key", &args);
    wrong.fails(1, &["certificate of the PACS is not trusted"]);
    assert_eq!(stored(&pacs).len(), 0, "nothing went before it was trusted");
    *args.last_mut().unwrap() = &to;
    let said = department.world.run_as("bare.key", &args);
    said.worked();
    let warned = said.err.contains("without encryption");
    assert!(!warned, "{}", said.err);
    let originals = objects(&department, &truth[id]).into_iter();
    let originals: BTreeSet<Vec<u8>> = originals.map(|file| fs::read(file).unwrap()).collect();
    let there: BTreeSet<Vec<u8>> = stored(&pacs).into_values().collect();
    // Not assert_eq: what differs would fill the screen.
    assert!(there == originals);
    let studies = &answers(&pacs)["studies"];
    assert!(
        studies.iter().all(|study| study.contains(id)),
        "{studies:?}"
    );
}

#[test]
fn a_pacs_that_knows_whom_it_speaks_to_takes_objects_under_the_title_that_it_knows_alone() {
    // Titles that it does not know may do nothing at all.
    let closed = "\"AuthenticationEnabled\":false,\"DicomAlwaysAllowStore\":false,\
                  \"DicomAlwaysAllowEcho\":false,\"DicomAlwaysAllowFind\":false,\
                  \"DicomAlwaysAllowGet\":false,\"DicomAlwaysAllowMove\":false,\
                  \"DicomModalities\":{\"us\":[\"OURS\",\"127.0.0.1\",104]}";
    let Some(pacs) = Orthanc::start_with(closed) else {
        return;
    };
    let Some(department) = with_samples(&["CT_small.dcm"]) else {
        return;
    };
    let peer = pacs.peer();
    for stranger in [peer.clone(), format!("{peer}?calling=THEIRS")] {
        let said = department.run(["restore", "--patient", "1CT1", "--to", &stranger]);
        said.fails(1, &["title"]);
        assert_eq!(stored(&pacs).len(), 0, "{stranger}");
    }
    let known = format!("{peer}?calling=OURS");
    department
        .run(["restore", "--patient", "1CT1", "--to", &known])
        .worked();
    let there: Vec<Vec<u8>> = stored(&pacs).into_values().collect();
    let original = fs::read(department.world.path("images/CT_small.dcm")).unwrap();
    assert_eq!(there.len(), 1);
    assert!(data_set(&there[0]) == data_set(&original));
}
