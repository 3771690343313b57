//! What readers take out of real files, against what independent tools say.

use std::collections::BTreeSet;

use ov_clinical::{Domain, EndMarker, Kind, Need, Window, dicom, identify, read};

use crate::samples;

/// Patient and study as pydicom or dcmdump read them.
#[test]
fn patient_and_study_of_every_dicom_file_are_right() {
    for sample in samples::all() {
        let (Some(patient), Some(study)) = (sample.field("pid"), sample.field("study")) else {
            continue;
        };
        let bytes = sample.bytes();
        let (facts, _) = dicom::read(&Window::whole(&bytes));
        let object = facts.dicom.unwrap();
        // Other ids of a patient and directories add more.
        let found = facts
            .patients
            .iter()
            .any(|found| found.id.as_str() == patient);
        let right = found || (patient.is_empty() && facts.patients.is_empty());
        assert!(
            right || sample.format == "dicomdir",
            "patient of {}",
            sample.name
        );
        let found = object.study.as_ref().map_or("", |study| study.as_str());
        assert_eq!(found, study, "study of {}", sample.name);
        assert_eq!(
            object.digests.map(|d| d.file),
            Some(*blake3::hash(&bytes).as_bytes())
        );
    }
}

/// The pieces in which a file arrives do not matter.
#[test]
fn a_dicom_file_in_pieces_is_the_same_as_whole() {
    for sample in samples::all()
        .iter()
        .filter(|s| s.format.starts_with("dicom-"))
        .step_by(7)
    {
        let bytes = sample.bytes();
        let whole = dicom::read(&Window::whole(&bytes));
        for size in [1013, 65_536, 99_991] {
            let mut stream = dicom::Stream::new();
            bytes.chunks(size).for_each(|piece| stream.feed(piece));
            assert_eq!(stream.finish(), whole, "{} by {size}", sample.name);
        }
    }
}

/// What follows once a stream is settled adds digests and nothing else.
#[test]
fn a_dicom_file_says_all_facts_before_its_pixels() {
    for sample in samples::all()
        .iter()
        .filter(|s| s.format.starts_with("dicom-") && s.format != "dicom-gz")
    {
        let bytes = sample.bytes();
        let (mut whole, _) = dicom::read(&Window::whole(&bytes));
        let mut stream = dicom::Stream::new();
        for piece in bytes.chunks(65_536) {
            stream.feed(piece);
            if stream.is_settled() {
                break;
            }
        }
        let (mut early, _) = stream.finish_early();
        for facts in [&mut whole, &mut early] {
            if let Some(object) = &mut facts.dicom {
                object.digests = None;
            }
        }
        assert!(early == whole, "{}", sample.name);
    }
}

#[test]
fn the_same_image_under_another_header_has_the_same_pixels() {
    let all = samples::all();
    let digests = |ending: &str| {
        let sample = all.iter().find(|sample| sample.name.ends_with(ending))?;
        dicom::read(&Window::whole(&sample.bytes()))
            .0
            .dicom?
            .digests
    };
    // The same MR slice, explicit little endian and with another transfer syntax of its header.
    let (Some(plain), Some(other)) = (
        digests("test_files/MR_small.dcm"),
        digests("test_files/MR_small_implicit.dcm"),
    ) else {
        return;
    };
    assert_eq!(plain.pixels, other.pixels);
    assert_ne!(plain.file, other.file);
    assert_ne!(plain.data_set, other.data_set);
}

/// `samtools quickcheck` knows which files are cut off.
#[test]
fn alignments_without_their_end_are_the_damaged_ones() {
    for sample in samples::all() {
        let aligned = ["bam", "cram"].contains(&sample.format.as_str());
        if !aligned || sample.name.contains("badheader") {
            continue;
        }
        let bytes = sample.bytes();
        let kind = if sample.format == "bam" {
            Kind::Bam
        } else {
            Kind::Cram
        };
        let (facts, _) = read(kind, &Window::whole(&bytes));
        let missing = facts.end == EndMarker::Missing;
        assert_eq!(missing, sample.state == "damaged", "{}", sample.name);
    }
}

/// Every mCODE and specification example that is about a patient names one.
#[test]
fn fhir_resources_have_their_type_and_subject() {
    let mut patients = BTreeSet::new();
    let mut resources = 0;
    for sample in samples::all()
        .iter()
        .filter(|sample| sample.format.starts_with("fhir-"))
    {
        let bytes = sample.bytes();
        let kind = identify(&sample.name, &Window::whole(&bytes)).kind;
        let (facts, warnings) = read(kind, &Window::whole(&bytes));
        assert!(warnings.is_empty(), "{}: {warnings:?}", sample.name);
        assert!(
            !facts.resources.is_empty() || sample.name.contains("Bundle"),
            "{}",
            sample.name
        );
        resources += facts.resources.len();
        patients.extend(facts.patients);
    }
    if resources > 0 {
        assert!(
            patients
                .iter()
                .filter(|p| p.domain == Domain::FhirPatient)
                .count()
                >= 20
        );
    }
    println!(
        "{resources} resources, {} identifiers of patients",
        patients.len()
    );
}

#[test]
fn trial_files_name_their_trials_and_subjects() {
    for sample in samples::all() {
        let kind = match sample.format.as_str() {
            "odm-xml" => Kind::OdmXml,
            "define-xml" => Kind::DefineXml,
            _ => continue,
        };
        let bytes = sample.bytes();
        let (facts, warnings) = read(kind, &Window::whole(&bytes));
        let said = facts.subjects.len() + facts.tables.len() + facts.documents.len();
        assert!(said > 0, "{}: {warnings:?}", sample.name);
    }
}

#[test]
fn every_document_and_message_has_an_identity() {
    for sample in samples::all() {
        let bytes = sample.bytes();
        let window = Window::whole(&bytes);
        match sample.format.as_str() {
            "cda-xml" => {
                let (facts, _) = read(Kind::Cda, &window);
                assert_eq!(facts.documents.len(), 1, "{}", sample.name);
                // Snippets of documents have no target and name nobody.
                let target = String::from_utf8_lossy(&bytes).contains("<patientRole");
                assert_eq!(!facts.patients.is_empty(), target, "{}", sample.name);
            }
            "hl7v2" | "hl7v2-multi" => {
                let (facts, _) = read(Kind::Hl7, &window);
                assert!(!facts.messages.is_empty(), "{}", sample.name);
            }
            _ => {}
        }
    }
}

/// A head of 64 KiB and a short tail are enough not to panic, and to find who a DICOM file is of.
#[test]
fn a_beginning_gives_the_same_patient_as_the_whole() {
    for sample in samples::all()
        .iter()
        .filter(|s| s.format.starts_with("dicom-"))
        .step_by(5)
    {
        let bytes = sample.bytes();
        let head = bytes
            .get(..usize::try_from(Need::TO_IDENTIFY.head).unwrap())
            .unwrap_or(&bytes);
        let part = Window::parts(head, b"", u64::try_from(bytes.len()).unwrap());
        let (whole, part) = (dicom::read(&Window::whole(&bytes)).0, dicom::read(&part).0);
        assert_eq!(whole.patients, part.patients, "{}", sample.name);
    }
}
