//! Why a file that was looked at names no patient.

use crate::account::Said;
use crate::identify::Wrapping;
use crate::kind::Kind;
use crate::warning::Warning;

/// Why a file names no patient, as far as it was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Silence {
    /// It names subjects of a trial: whose they are, only the trial knows.
    Subjects,
    /// It names samples: of whom they are, only a laboratory knows.
    Samples,
    /// Such a file usually names a patient, was read whole, and names none.
    Nobody,
    /// Such a file usually names a patient, and this one could not be read whole.
    NotWhole,
    /// Nothing in such files is searched for a patient, or not as this one is compressed.
    NotSearched,
}

impl Silence {
    /// Of a file; `None` if it names a patient.
    #[must_use]
    pub fn of(said: &Said) -> Option<Self> {
        let facts = &said.facts;
        if !facts.patients.is_empty() {
            return None;
        }
        let subjects = facts.subjects.iter().any(|one| one.subject.is_some());
        let samples = facts.sequencing.as_ref();
        let samples = samples.is_some_and(|one| !one.samples.is_empty());
        let searched = said.wrapping == Wrapping::Plain && said.kind.is_searched_for_patients();
        Some(match (subjects, samples, searched) {
            (true, _, _) => Self::Subjects,
            (_, true, _) => Self::Samples,
            (_, _, false) => Self::NotSearched,
            (_, _, true) if said.warnings.iter().any(hides) => Self::NotWhole,
            (_, _, true) => Self::Nobody,
        })
    }
}

/// Whether something in the file may not have been read.
fn hides(warning: &Warning) -> bool {
    match warning {
        Warning::Truncated
        | Warning::EndMarkerMissing
        | Warning::Malformed { .. }
        | Warning::TooDeep
        | Warning::TooMany { .. }
        | Warning::TooLong { .. }
        | Warning::Bomb
        | Warning::Partial
        | Warning::UnknownSyntax => true,
        Warning::Executable | Warning::IdentityDiffers => false,
    }
}

impl Kind {
    /// Whether a reader looks for patients in files of this kind.
    #[must_use]
    pub fn is_searched_for_patients(self) -> bool {
        let records = [
            Self::FhirJson,
            Self::FhirNdjson,
            Self::FhirXml,
            Self::Hl7,
            Self::Hl7Batch,
            Self::Cda,
        ];
        self.is_dicom() || records.contains(&self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Account, Window};

    fn silence(name: &str, text: &str) -> Option<Silence> {
        match Account::of(name, &Window::whole(text.as_bytes())) {
            Account::Read(said) => Silence::of(&said),
            Account::Opaque(_) => panic!("it can be read"),
        }
    }

    #[test]
    fn who_is_named_is_not_silent() {
        let patient = r#"{"resourceType":"Patient","id":"p1"}"#;
        assert_eq!(silence("a.json", patient), None);
    }

    #[test]
    fn each_silence_has_its_reason() {
        let laboratory = r#"{"resourceType":"Organization","id":"lab"}"#;
        let cases = [
            ("a.json", laboratory, Silence::Nobody),
            ("a.json", &laboratory[..40], Silence::NotWhole),
            ("a.txt", "A letter about p1.\n", Silence::NotSearched),
            (
                "a.vcf",
                "##fileformat=VCFv4.2\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\tS1\n",
                Silence::Samples,
            ),
            (
                "a.vcf",
                "##fileformat=VCFv4.2\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n",
                Silence::NotSearched,
            ),
        ];
        for (name, text, expected) in cases {
            assert_eq!(silence(name, text), Some(expected), "{text}");
        }
    }
}
