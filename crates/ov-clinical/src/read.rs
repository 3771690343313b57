//! The reader of each kind.

use crate::facts::Facts;
use crate::kind::Kind;
use crate::warning::Warning;
use crate::window::{Need, Window};
use crate::{bam, dicom, fastq, fhir, vcf};

/// Reads the facts of a file of this kind. Kinds without a reader have no facts: nothing in them
/// says whose they are.
#[must_use]
pub fn read(kind: Kind, window: &Window) -> (Facts, Vec<Warning>) {
    match kind {
        kind if kind.is_dicom() => dicom::read(window),
        Kind::FhirJson => fhir::read_json(window),
        Kind::FhirNdjson => fhir::read_ndjson(window),
        Kind::FhirXml => fhir::read_xml(window),
        Kind::Bam => bam::read(window),
        Kind::Sam => bam::read_text(window),
        Kind::Vcf => vcf::read(window),
        Kind::Bcf => vcf::read_binary(window),
        Kind::Fastq => fastq::read(window),
        _ => (Facts::default(), Vec::new()),
    }
}

impl Kind {
    /// How much of a file of this kind its reader wants, in bytes.
    #[must_use]
    pub fn need(self) -> Need {
        const KIB: u64 = 1 << 10;
        const MIB: u64 = 1 << 20;
        let (head, tail) = match self {
            // All of it, where it fits.
            Self::FhirJson | Self::FhirNdjson | Self::FhirXml => (64 * MIB, 0),
            kind if kind.is_dicom() => (16 * MIB, 0),
            Self::Bam | Self::Cram | Self::Vcf | Self::Bcf | Self::Sam => (4 * MIB, KIB),
            Self::Fastq => (256 * KIB, KIB),
            _ => (64 * KIB, 4 * KIB),
        };
        Need { head, tail }
    }
}
