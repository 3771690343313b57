//! A guess which profile suits a file. A starting value, not format: it may be tuned at any time,
//! at the price that a file whose guess changes is stored once more.

use crate::profile::Profile;

/// From here on a text or dump is cut finely; below it has few chunks in any case.
const TEXT_MIN: u64 = 256 << 10;

/// From here on imaging and genomics files are cut coarsely.
const LARGE_MIN: u64 = 64 << 20;

/// Endings of files that change by small edits. Compressed ones are not among them.
const TEXT_ENDINGS: [&[u8]; 10] = [
    b".sql", b".dump", b".csv", b".tsv", b".ndjson", b".json", b".xml", b".txt", b".vcf", b".hl7",
];

/// Endings of imaging and genomics files, which are written once.
const LARGE_ENDINGS: [&[u8]; 12] = [
    b".dcm",
    b".nii",
    b".nii.gz",
    b".nrrd",
    b".fastq",
    b".fastq.gz",
    b".fq",
    b".fq.gz",
    b".bam",
    b".cram",
    b".svs",
    b".vcf.gz",
];

/// First bytes of text and dumps.
const TEXT_STARTS: [&[u8]; 6] = [
    b"-- MySQL dump",
    b"--\n-- PostgreSQL database",
    b"##fileformat=VCF",
    b"<?xml",
    b"MSH|",
    b"PRAGMA foreign_keys",
];

enum Kind {
    Text,
    Large,
    Other,
}

impl Profile {
    /// The profile for a file of this name and size that begins with `head` (4 KiB are enough).
    /// A stream of unknown length counts as long: pass `u64::MAX`.
    pub fn for_file(name: &[u8], size: u64, head: &[u8]) -> Self {
        match kind_of_content(head).unwrap_or_else(|| kind_of_name(name)) {
            Kind::Text if size >= TEXT_MIN => Self::TEXT,
            Kind::Large if size >= LARGE_MIN => Self::LARGE,
            _ => Self::DEFAULT,
        }
    }
}

fn kind_of_content(head: &[u8]) -> Option<Kind> {
    if is_imaging_or_genomics(head) {
        Some(Kind::Large)
    } else if TEXT_STARTS.iter().any(|start| head.starts_with(start)) {
        Some(Kind::Text)
    } else {
        None
    }
}

fn is_imaging_or_genomics(head: &[u8]) -> bool {
    let at = |offset: usize, magic: &[u8]| {
        head.get(offset..)
            .is_some_and(|rest| rest.starts_with(magic))
    };
    // DICOM PS3.10 §7.1; NIfTI-1 and -2 headers; CRAM 3; BGZF (SAM specification §4.1).
    at(128, b"DICM")
        || at(344, b"n+1\0")
        || at(4, b"n+2\0\r\n\x1A\n")
        || at(0, b"CRAM")
        || (at(0, b"\x1F\x8B\x08\x04") && at(12, b"BC\x02\0"))
}

fn kind_of_name(name: &[u8]) -> Kind {
    let ends = |ending: &&[u8]| {
        let tail = name.len().checked_sub(ending.len());
        tail.is_some_and(|at| name[at..].eq_ignore_ascii_case(ending))
    };
    if LARGE_ENDINGS.iter().any(ends) {
        Kind::Large
    } else if TEXT_ENDINGS.iter().any(ends) {
        Kind::Text
    } else {
        Kind::Other
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GIB: u64 = 1 << 30;

    #[test]
    fn dumps_and_text_are_cut_finely_unless_they_are_small() {
        for name in ["clinic.sql", "LAB.CSV", "a.ndjson", "calls.vcf", "x.dump"] {
            assert_eq!(Profile::for_file(name.as_bytes(), GIB, b""), Profile::TEXT);
            assert_eq!(
                Profile::for_file(name.as_bytes(), 9000, b""),
                Profile::DEFAULT
            );
        }
    }

    #[test]
    fn large_images_and_reads_are_cut_coarsely_unless_they_are_small() {
        for name in [
            "ct.dcm",
            "t1.NII",
            "t1.nii.gz",
            "r1.fastq.gz",
            "tumour.bam",
            "c.vcf.gz",
        ] {
            assert_eq!(Profile::for_file(name.as_bytes(), GIB, b""), Profile::LARGE);
            assert_eq!(
                Profile::for_file(name.as_bytes(), 1 << 20, b""),
                Profile::DEFAULT
            );
        }
    }

    #[test]
    fn content_outweighs_the_name() {
        let mut dicom = vec![0; 132];
        dicom[128..].copy_from_slice(b"DICM");
        assert_eq!(Profile::for_file(b"IM0001", GIB, &dicom), Profile::LARGE);
        assert_eq!(
            Profile::for_file(b"IM0001.txt", GIB, &dicom),
            Profile::LARGE
        );
        let dump = b"--\n-- PostgreSQL database dump\n";
        assert_eq!(Profile::for_file(b"backup", u64::MAX, dump), Profile::TEXT);
    }

    #[test]
    fn anything_else_gets_the_default() {
        for name in [
            &b""[..],
            b"sql",
            b".",
            b"\xFF\xFE",
            b"disk.qcow2",
            b"archive.sql.gz",
        ] {
            assert_eq!(Profile::for_file(name, GIB, b"\x1F\x8B"), Profile::DEFAULT);
        }
    }
}
