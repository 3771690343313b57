//! How many people files speak of. Who they are is kept only where somebody asked for it.

use std::collections::{BTreeSet, HashSet};

use ov_clinical::{Domain, Facts, Ident, Patient, Subject};

/// Whether identifiers are kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Keep {
    /// They are counted.
    #[default]
    Counts,
    /// They are kept, to be shown to whoever asked for them.
    Identifiers,
}

/// At most so many identifiers are kept to be shown.
const SHOWN_MAX: usize = 100_000;

/// Distinct identifiers of people and samples.
///
/// The same person under two identifiers counts twice: nothing is guessed.
#[derive(Clone, Default)]
pub struct People {
    keep: Keep,
    known: [HashSet<[u8; 16]>; 3],
    shown: BTreeSet<String>,
}

/// One identifier in a file: its sort, and its text for people.
pub(crate) struct Named {
    sort: usize,
    text: String,
}

const PATIENT: usize = 0;
const SUBJECT: usize = 1;
const SAMPLE: usize = 2;

impl People {
    pub(crate) fn new(keep: Keep) -> Self {
        Self {
            keep,
            ..Self::default()
        }
    }

    pub(crate) fn add(&mut self, named: Named) {
        let mut digest = [0; 16];
        let hash = blake3::hash(named.text.as_bytes());
        digest.copy_from_slice(hash.as_bytes().split_at(16).0);
        if let Some(known) = self.known.get_mut(named.sort) {
            known.insert(digest);
        }
        if self.keep == Keep::Identifiers && self.shown.len() < SHOWN_MAX {
            self.shown.insert(named.text);
        }
    }

    /// Distinct identifiers of patients.
    #[must_use]
    pub fn patients(&self) -> usize {
        self.count(PATIENT)
    }

    /// Distinct subjects of trials.
    #[must_use]
    pub fn subjects(&self) -> usize {
        self.count(SUBJECT)
    }

    /// Distinct names of samples.
    #[must_use]
    pub fn samples(&self) -> usize {
        self.count(SAMPLE)
    }

    /// The identifiers, sorted; `None` where they were not to be kept.
    #[must_use]
    pub fn identifiers(&self) -> Option<impl Iterator<Item = &str>> {
        (self.keep == Keep::Identifiers).then(|| self.shown.iter().map(String::as_str))
    }

    fn count(&self, sort: usize) -> usize {
        self.known.get(sort).map_or(0, HashSet::len)
    }
}

/// Everybody whom a file names.
pub(crate) fn named(facts: &Facts) -> Vec<Named> {
    let patients = facts.patients.iter().map(patient);
    let subjects = facts.subjects.iter().filter_map(subject);
    let sequencing = facts.sequencing.iter();
    let samples = sequencing.flat_map(|s| &s.samples).map(|sample| Named {
        sort: SAMPLE,
        text: format!("sample {}", sample.as_str()),
    });
    patients.chain(subjects).chain(samples).collect()
}

/// One patient, for people.
pub(crate) fn patient_text(patient: &Patient) -> String {
    let system = match patient.domain {
        Domain::Dicom => "DICOM",
        Domain::FhirIdentifier => "FHIR identifier",
        Domain::FhirPatient => "FHIR",
        Domain::Hl7 => "HL7",
        Domain::Cda => "CDA",
    };
    let id = patient.id.as_str();
    match &patient.issuer {
        Some(issuer) => format!("patient {id} of {} ({system})", issuer.as_str()),
        None => format!("patient {id} ({system})"),
    }
}

fn patient(patient: &Patient) -> Named {
    Named {
        sort: PATIENT,
        text: patient_text(patient),
    }
}

fn subject(subject: &Subject) -> Option<Named> {
    let text = |ident: &Option<Ident>| ident.as_ref().map_or("?", Ident::as_str).to_owned();
    let key = subject.subject.as_ref()?.as_str();
    Some(Named {
        sort: SUBJECT,
        text: format!(
            "subject {key} of trial {}, site {}",
            text(&subject.trial),
            text(&subject.site)
        ),
    })
}
