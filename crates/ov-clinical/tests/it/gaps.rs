//! Sets of real files from which something is taken away: what is missing is named.

use std::collections::BTreeSet;

use ov_clinical::{
    Facts, Finding, Gap, Kind, Member, Missing, Need, Role, Window, find_gaps, identify, read,
};

use crate::samples::{self, Sample};

struct Known {
    name: String,
    kind: Kind,
    facts: Facts,
    digest: [u8; 32],
}

fn know(name: &str, bytes: &[u8]) -> Known {
    let window = Window::whole(bytes);
    let kind = identify(name, &window).kind;
    let (facts, _) = read(kind, &window);
    Known {
        name: name.to_owned(),
        kind,
        facts,
        digest: *blake3::hash(bytes).as_bytes(),
    }
}

fn set(filter: impl Fn(&Sample) -> bool) -> Vec<Known> {
    let all = samples::all();
    all.iter()
        .filter(|s| filter(s))
        .map(|s| know(&s.name, &s.bytes()))
        .collect()
}

fn gaps(known: &[Known]) -> Vec<Finding> {
    let members: Vec<Member> = known
        .iter()
        .map(|k| Member {
            name: &k.name,
            kind: k.kind,
            facts: &k.facts,
            digest: Some(k.digest),
        })
        .collect();
    find_gaps(&members)
}

fn kinds(findings: &[Finding]) -> BTreeSet<Gap> {
    findings.iter().map(|finding| finding.gap).collect()
}

fn uid_of(known: &[Known], kind: Kind) -> Option<String> {
    let found = known.iter().find(|k| k.kind == kind)?;
    Some(
        found
            .facts
            .dicom
            .as_ref()?
            .instance
            .as_ref()?
            .as_str()
            .to_owned(),
    )
}

/// CT slice, structure set, plan and dose of one treatment planning system.
fn plan_set() -> Vec<Known> {
    set(|sample| sample.name.contains("dicompyler"))
}

#[test]
fn a_plan_without_its_structure_set_is_named_with_the_patient() {
    let mut known = plan_set();
    let Some(uid) = uid_of(&known, Kind::DicomRtStruct) else {
        return;
    };
    let whole = kinds(&gaps(&known));
    assert!(!whole.contains(&Gap::PlanWithoutStructureSet), "{whole:?}");
    assert!(!whole.contains(&Gap::DoseWithoutPlan));
    assert!(!whole.contains(&Gap::PlanWithoutDose));
    known.retain(|k| k.kind != Kind::DicomRtStruct);
    let findings = gaps(&known);
    let finding = findings
        .iter()
        .find(|f| f.gap == Gap::PlanWithoutStructureSet)
        .unwrap();
    assert_eq!(finding.patients[0].id.as_str(), "123456");
    assert!(matches!(&finding.missing[..],
        [Missing::Instance { uid: missing, role: Role::StructureSet }] if missing.as_str() == uid));
}

#[test]
fn a_dose_without_its_plan_and_a_plan_without_dose_are_named() {
    let mut known = plan_set();
    if known.is_empty() {
        return;
    }
    known.retain(|k| k.kind != Kind::DicomRtPlan);
    assert!(kinds(&gaps(&known)).contains(&Gap::DoseWithoutPlan));
    let mut known = plan_set();
    known.retain(|k| k.kind != Kind::DicomRtDose);
    assert!(kinds(&gaps(&known)).contains(&Gap::PlanWithoutDose));
}

/// The set has one slice of many: the structure set says which are not there.
#[test]
fn images_of_a_structure_set_that_are_missing_are_counted() {
    let known = plan_set();
    let findings = gaps(&known);
    let images = |gap: Gap| {
        let finding = findings.iter().find(|f| f.gap == gap);
        finding.map_or(0, |finding| finding.missing.len())
    };
    let missing = images(Gap::StructureSetWithoutImages);
    assert_eq!(missing, images(Gap::PlanWithoutImages));
    let structures = known.iter().find(|k| k.kind == Kind::DicomRtStruct);
    let Some(object) = structures.and_then(|k| k.facts.dicom.as_ref()) else {
        return;
    };
    let slices = object
        .references
        .iter()
        .filter(|r| r.role == Role::Contour)
        .count();
    let there = known.iter().filter(|k| k.kind == Kind::DicomCt).count();
    assert_eq!(missing, slices - there);
}

#[test]
fn a_slice_taken_out_of_a_series_is_named() {
    let mut known = set(|sample| sample.name.contains("anonymized_data/1/DICOM"));
    if known.is_empty() {
        return;
    }
    assert!(
        !kinds(&gaps(&known)).contains(&Gap::SeriesGap),
        "{:?}",
        gaps(&known)
    );
    let number = |k: &Known| k.facts.dicom.as_ref().and_then(|object| object.number);
    known.sort_by_key(number);
    let taken = known.remove(known.len() / 2);
    let object = taken.facts.dicom.as_ref().expect("a slice");
    let series = object.series.clone().expect("a series");
    let findings = gaps(&known);
    let finding = findings
        .iter()
        .find(|f| f.gap == Gap::SeriesGap)
        .expect("the gap");
    let after = object.number.map(|taken| taken - 1);
    let one = Missing::Slices {
        series,
        count: 1,
        after,
    };
    assert_eq!(finding.missing, [one]);
}

#[test]
fn a_reference_to_another_patients_images_is_an_alarm() {
    let mut known = plan_set();
    let Some(slice) = known.iter_mut().find(|k| k.kind == Kind::DicomCt) else {
        return;
    };
    let mut other = slice.facts.patients[0].clone();
    other.id = ov_clinical::Ident::new("somebody else").unwrap();
    slice.facts.patients = vec![other];
    assert!(kinds(&gaps(&known)).contains(&Gap::OtherPatient));
}

#[test]
fn reads_of_one_mate_alone_are_named_by_the_file_that_is_missing() {
    let reads = |mate: u8| format!("@M1:9:FC:1:2:3:4 {mate}:N:0:A\nACGT\n+\nIIII\n");
    let first = know("run/a_R1_001.fastq", reads(1).as_bytes());
    let second = know("run/a_R2_001.fastq", reads(2).as_bytes());
    let both = [first, second];
    assert_eq!(gaps(&both), []);
    let findings = gaps(&both[..1]);
    assert_eq!(kinds(&findings), BTreeSet::from([Gap::MateMissing]));
    let [Missing::File { names }] = &findings[0].missing[..] else {
        panic!("a file")
    };
    assert_eq!(names[0].as_str(), "run/a_R2_001.fastq");
    let unpaired = know("run/single.fastq", reads(1).as_bytes());
    assert_eq!(gaps(&[unpaired]), [], "unpaired reads are complete");
}

#[test]
fn a_cram_needs_its_reference_and_a_cut_one_its_end() {
    let mut known =
        set(|s| s.name.ends_with("htslib/range.cram") || s.name.ends_with("htslib/ce.fa"));
    let Some(cram) = known.iter().position(|k| k.kind == Kind::Cram) else {
        return;
    };
    let complete = kinds(&gaps(&known));
    assert!(
        !complete.contains(&Gap::CramWithoutReference),
        "{complete:?}"
    );
    let bytes = samples::all()
        .iter()
        .find(|s| s.name.ends_with("htslib/range.cram"))
        .map(Sample::bytes)
        .unwrap();
    // Two containers close this file.
    known[cram] = know("range.cram", &bytes[..bytes.len() - 80]);
    known.retain(|k| k.kind == Kind::Cram);
    let without = kinds(&gaps(&known));
    assert!(without.contains(&Gap::CramWithoutReference));
    assert!(without.contains(&Gap::EndMissing));
}

#[test]
fn alignments_sorted_by_position_want_their_index() {
    let known = set(|s| s.name.contains("htslib/range."));
    if known.is_empty() {
        return;
    }
    assert!(
        !kinds(&gaps(&known)).contains(&Gap::IndexMissing),
        "{:?}",
        gaps(&known)
    );
    let without: Vec<Known> = known
        .into_iter()
        .filter(|k| !matches!(k.kind, Kind::Bai | Kind::Crai))
        .collect();
    assert!(kinds(&gaps(&without)).contains(&Gap::IndexMissing));
}

#[test]
fn versions_of_one_image_are_all_told_and_copies_are_told_apart() {
    let known = set(|s| s.name.contains("pydicom/test_files/MR_small"));
    if known.is_empty() {
        return;
    }
    assert!(kinds(&gaps(&known)).contains(&Gap::Versions));
    let twice: Vec<Known> = ["a.dcm", "b.dcm"]
        .iter()
        .map(|name| Known {
            name: (*name).to_owned(),
            facts: known[0].facts.clone(),
            ..known[0]
        })
        .collect();
    assert_eq!(kinds(&gaps(&twice)), BTreeSet::from([Gap::SameBytes]));
}

#[test]
fn a_beginning_is_enough_for_the_graph() {
    for k in set(|s| s.name.contains("dicompyler")) {
        let need = k.kind.need();
        assert!(need.head >= Need::TO_IDENTIFY.head);
    }
}
