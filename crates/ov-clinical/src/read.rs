//! The reader of each kind.

use crate::facts::Facts;
use crate::kind::Kind;
use crate::warning::Warning;
use crate::window::{Need, Window};
use crate::{
    bam, cda, cram, crypt4gh, dataset_json, dicom, fasta, fastq, fhir, hl7, odm, vcf, xport,
};

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
        Kind::Cram => cram::read(window),
        Kind::Fastq => fastq::read(window),
        Kind::Fasta => fasta::read(window),
        Kind::Fai => fasta::read_index(window),
        Kind::Crypt4gh => crypt4gh::read(window),
        Kind::Hl7 | Kind::Hl7Batch => hl7::read(window),
        Kind::Cda => cda::read(window),
        Kind::OdmXml | Kind::DefineXml => odm::read(window),
        Kind::DatasetJson => dataset_json::read(window),
        Kind::XptV5 | Kind::XptV8 => xport::read(window),
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
            Self::FhirJson | Self::FhirNdjson | Self::FhirXml | Self::Hl7 | Self::Hl7Batch => {
                (64 * MIB, 0)
            }
            Self::Cda | Self::OdmXml | Self::DefineXml | Self::DatasetJson => (64 * MIB, 0),
            Self::XptV5 | Self::XptV8 | Self::Fai => (64 * MIB, 0),
            kind if kind.is_dicom() => (16 * MIB, 0),
            Self::Bam | Self::Cram | Self::Vcf | Self::Bcf | Self::Sam => (4 * MIB, KIB),
            Self::Fasta => (16 * MIB, KIB),
            Self::Fastq => (256 * KIB, KIB),
            _ => (64 * KIB, 4 * KIB),
        };
        Need { head, tail }
    }

    /// Whether more of the beginning of a file tells its reader nothing: the header that it reads is
    /// in these bytes, and whole. Kinds of which more is read are never there.
    #[must_use]
    pub fn is_header_whole(self, head: &[u8]) -> bool {
        match self {
            Self::Bam => bam::is_header_whole(head),
            Self::Vcf | Self::Bcf => vcf::is_header_whole(head),
            _ => false,
        }
    }
}
