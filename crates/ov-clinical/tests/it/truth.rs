//! Precision and recall of each kind over all real files.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;

use ov_clinical::{Kind, Need, Window, Wrapping, identify};

use crate::samples::{self, Sample};

/// What the truth list says, as a kind.
fn expected(sample: &Sample) -> Option<Kind> {
    let format = sample.format.as_str();
    if let Some(kind) = dicom(sample) {
        return Some(kind);
    }
    let plain = format.trim_end_matches("-gz").trim_end_matches("-bgzf");
    Some(match plain {
        "fhir-json" => Kind::FhirJson,
        "fhir-ndjson" => Kind::FhirNdjson,
        "cda-xml" => Kind::Cda,
        "va-bluebutton-text" | "cms-bluebutton-text" => Kind::BlueButton,
        "hl7v2" | "hl7v2-multi" => Kind::Hl7,
        "hl7v2-batch" => Kind::Hl7Batch,
        "hl7v2-xml" => Kind::Hl7Xml,
        "x12-820" | "x12-834" | "x12-837" => Kind::X12,
        "csv" => Kind::Csv,
        "tsv" => Kind::Tsv,
        "sam" => Kind::Sam,
        "bam" => Kind::Bam,
        "cram" => Kind::Cram,
        "vcf" => Kind::Vcf,
        "bcf" => Kind::Bcf,
        "fastq" => Kind::Fastq,
        "fasta" => Kind::Fasta,
        "qual" => Kind::Qual,
        "bed" => Kind::Bed,
        "gff" => Kind::Gff,
        "gtf" => Kind::Gtf,
        "genbank" => Kind::GenBank,
        "abi-trace" => Kind::AbiTrace,
        "2bit" => Kind::TwoBit,
        "bam-index" => Kind::Bai,
        "csi-index" => Kind::Csi,
        "tabix-index" => Kind::Tbi,
        "cram-index" => Kind::Crai,
        "fasta-index" => Kind::Fai,
        "bgzf-index" => Kind::Gzi,
        "svs" => Kind::Svs,
        "tiff" => Kind::Tiff,
        "nifti" => Kind::Nifti,
        "analyze/nifti-pair.hdr" => Kind::NiftiHeader,
        "nrrd" => Kind::Nrrd,
        "minc" => Kind::Minc,
        "mgh" => Kind::Mgh,
        "gifti" => Kind::Gifti,
        "philips-par" => Kind::PhilipsPar,
        "afni-head" => Kind::AfniHead,
        "ecat7" => Kind::Ecat,
        "trackvis" => Kind::TrackVis,
        "mrtrix-tck" => Kind::MrtrixTracks,
        "edf" | "bdf" => Kind::Edf,
        "odm-xml" => Kind::OdmXml,
        "define-xml" => Kind::DefineXml,
        "sas-xport" => Kind::XptV5,
        "sas7bdat" => Kind::Sas7bdat,
        "h5ad" => Kind::Hdf5,
        "zarr-zip" => Kind::ZarrZip,
        "phyloxml" => Kind::PhyloXml,
        "pdf" => Kind::Pdf,
        "docx" => Kind::Docx,
        "odt" => Kind::OpenDocument,
        "eml" => Kind::Mail,
        "outlook-msg" => Kind::OutlookMsg,
        "zip" => Kind::Zip,
        "png" => Kind::Png,
        "jpeg" => Kind::Jpeg,
        "icc-profile" => Kind::IccProfile,
        "json" => Kind::Json,
        "xml" => Kind::Xml,
        "text" | "fasta-m10-report" => Kind::Text,
        "empty" => Kind::Empty,
        // Bare numbers: nothing in them says what they are, so nothing is the right answer.
        "philips-rec" | "afni-brik" if plain == format => Kind::Unknown,
        "afni-brik" => Kind::Gzip,
        _ => return None,
    })
}

fn dicom(sample: &Sample) -> Option<Kind> {
    Some(match sample.format.as_str() {
        "dicom-image" | "dicom-gz" => match sample.field("sop").unwrap_or("MR Image") {
            "CT Image" | "Enhanced CT Image" => Kind::DicomCt,
            "MR Image" | "Enhanced MR Image" => Kind::DicomMr,
            "Positron Emission Tomography Image" => Kind::DicomPt,
            _ => Kind::DicomImage,
        },
        "dicom-rtplan" => Kind::DicomRtPlan,
        "dicom-rtstruct" => Kind::DicomRtStruct,
        "dicom-rtdose" => Kind::DicomRtDose,
        "dicom-rtimage" => Kind::DicomRtImage,
        "dicom-seg" => Kind::DicomSeg,
        "dicom-sr" => Kind::DicomSr,
        "dicom-wsi" => Kind::DicomSlide,
        "dicom-waveform" => Kind::DicomWaveform,
        "dicom-no-sop-class" => Kind::DicomOther,
        "dicomdir" => Kind::Dicomdir,
        _ => return None,
    })
}

/// Of one kind: how often it was right, said wrongly, and missed.
#[derive(Default)]
struct Score {
    right: u32,
    wrong: u32,
    missed: u32,
}

impl Score {
    fn precision(&self) -> f64 {
        ratio(self.right, self.wrong)
    }

    fn recall(&self) -> f64 {
        ratio(self.right, self.missed)
    }
}

fn ratio(good: u32, bad: u32) -> f64 {
    match good + bad {
        0 => 1.0,
        all => f64::from(good) / f64::from(all),
    }
}

/// What a program sees of a file: a beginning, an end, a length.
fn shown(bytes: &[u8]) -> Window<'_> {
    let head = usize::try_from(Need::TO_IDENTIFY.head).unwrap();
    let tail = usize::try_from(Need::TO_IDENTIFY.tail).unwrap();
    let head = bytes.get(..head).unwrap_or(bytes);
    let tail = &bytes[bytes.len().saturating_sub(tail)..];
    Window::parts(head, tail, u64::try_from(bytes.len()).unwrap())
}

#[test]
fn kinds_are_found_with_the_stated_precision_and_recall() {
    let mut scores: BTreeMap<Kind, Score> = BTreeMap::new();
    let mut notes = String::new();
    let (mut right, mut all) = (0, 0);
    for sample in samples::all() {
        let truth = expected(&sample).unwrap_or_else(|| panic!("no kind for {}", sample.format));
        let found = identify(&sample.name, &shown(&sample.bytes()));
        all += 1;
        if found.kind == truth {
            scores.entry(truth).or_default().right += 1;
            right += 1;
        } else {
            scores.entry(truth).or_default().missed += 1;
            scores.entry(found.kind).or_default().wrong += 1;
            let (truth, said) = (truth.label(), found.kind.label());
            writeln!(
                notes,
                "{}: {truth}, said {said} ({})",
                sample.name, found.why
            )
            .unwrap();
        }
        check_wrapping(&sample, found.wrapping);
    }
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/kinds.md");
    let page = std::fs::read_to_string(page).unwrap();
    let mut stale = Vec::new();
    for (kind, score) in &scores {
        let files = score.right + score.missed;
        let (precision, recall) = (score.precision(), score.recall());
        let label = kind.label();
        let row = format!("| `{label}` | {files} | {precision:.3} | {recall:.3} |");
        println!("{row}");
        stale.extend((!page.contains(&row)).then_some(row));
    }
    println!("{right} of {all} right\n{notes}");
    assert!(
        stale.is_empty(),
        "docs/kinds.md does not say what is measured: {stale:#?}"
    );
    for (kind, score) in &scores {
        // One odd file of a small kind, or one in a hundred.
        let allowed = 1 + (score.right + score.missed) / 100;
        assert!(score.missed <= allowed, "recall of {}", kind.label());
        let vague = matches!(kind, Kind::Text | Kind::Unknown);
        assert!(
            vague || score.wrong <= allowed,
            "precision of {}",
            kind.label()
        );
    }
    assert!(f64::from(right) >= 0.997 * f64::from(all));
}

fn check_wrapping(sample: &Sample, found: Wrapping) {
    let truth = match sample.format.as_str() {
        format if format.ends_with("-gz") => Wrapping::Gzip,
        format if format.ends_with("-bgzf") => Wrapping::Bgzf,
        _ => return,
    };
    assert_eq!(found, truth, "{}", sample.name);
}
