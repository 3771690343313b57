//! Kinds with a signature, or with a header whose numbers must fit.

use crate::dicom;
use crate::dicom_class;
use crate::identify::{Identification, Name};
use crate::kind::Kind;
use crate::window::Window;

/// Offset, bytes, kind, why.
type Signature = (usize, &'static [u8], Kind, &'static str);

const SIGNATURES: &[Signature] = &[
    (0, b"BAM\x01", Kind::Bam, "magic BAM 1 (SAM section 4.2)"),
    (0, b"CRAM", Kind::Cram, "magic CRAM (CRAM section 6)"),
    (0, b"BCF\x02", Kind::Bcf, "magic BCF 2"),
    (0, b"BAI\x01", Kind::Bai, "magic BAI 1 (SAM section 5.2)"),
    (0, b"CSI\x01", Kind::Csi, "magic CSI 1"),
    (0, b"TBI\x01", Kind::Tbi, "magic TBI 1"),
    (0, b"crypt4gh", Kind::Crypt4gh, "magic crypt4gh"),
    (0, b"ABIF", Kind::AbiTrace, "magic ABIF"),
    (0, &[0x43, 0x27, 0x41, 0x1a], Kind::TwoBit, "magic of 2bit"),
    (
        0,
        &[0x1a, 0x41, 0x27, 0x43],
        Kind::TwoBit,
        "magic of 2bit, big endian",
    ),
    (344, b"n+1\0", Kind::Nifti, "magic n+1 (NIfTI-1)"),
    (4, b"n+2\0\r\n\x1a\n", Kind::Nifti, "magic n+2 (NIfTI-2)"),
    (344, b"ni1\0", Kind::NiftiHeader, "magic ni1 (NIfTI-1)"),
    (
        4,
        b"ni2\0\r\n\x1a\n",
        Kind::NiftiHeader,
        "magic ni2 (NIfTI-2)",
    ),
    (0, b"NRRD000", Kind::Nrrd, "magic NRRD"),
    (0, b"MATRIX72v", Kind::Ecat, "magic MATRIX72v"),
    (0, b"TRACK\0", Kind::TrackVis, "magic TRACK"),
    (
        0,
        b"mrtrix tracks",
        Kind::MrtrixTracks,
        "first line mrtrix tracks",
    ),
    (0, b"\xffBIOSEMI", Kind::Edf, "magic of BDF"),
    (
        0,
        b"HEADER RECORD*******LIBRARY HEADER RECORD!!!!!!!",
        Kind::XptV5,
        "library header, version 5",
    ),
    (
        0,
        b"HEADER RECORD*******LIBV8   HEADER RECORD!!!!!!!",
        Kind::XptV8,
        "library header, version 8",
    ),
    (
        12,
        b"\xc2\xea\x81\x60\xb3\x14\x11\xcf\xbd\x92\x08\0\x09\xc7\x31\x8c",
        Kind::Sas7bdat,
        "magic of sas7bdat",
    ),
    (0, b"PAR1", Kind::Parquet, "magic PAR1"),
    (0, b"\x93NUMPY", Kind::Numpy, "magic NUMPY"),
    (0, b"%PDF-", Kind::Pdf, "magic %PDF"),
    (0, b"{\\rtf", Kind::Rtf, "magic {\\rtf"),
    (0, b"!BDN", Kind::OutlookPst, "magic !BDN"),
    (
        0,
        b"SQLite format 3\0",
        Kind::Sqlite,
        "magic SQLite format 3",
    ),
    (
        0,
        b"\0\x01\0\0Standard Jet DB\0",
        Kind::Access,
        "magic Standard Jet DB",
    ),
    (
        0,
        b"\0\x01\0\0Standard ACE DB\0",
        Kind::Access,
        "magic Standard ACE DB",
    ),
    (0, b"PGDMP", Kind::PgDumpCustom, "magic PGDMP"),
    (
        0,
        b"TAPE",
        Kind::MssqlBackup,
        "magic TAPE (Microsoft Tape Format)",
    ),
    (0, b"MSSQLBAK", Kind::MssqlBackup, "magic MSSQLBAK"),
    (0, b"BZh", Kind::Bzip2, "magic BZh"),
    (0, b"\xfd7zXZ\0", Kind::Xz, "magic of xz"),
    (
        0,
        &[0x28, 0xb5, 0x2f, 0xfd],
        Kind::Zstd,
        "magic of Zstandard",
    ),
    (0, b"7z\xbc\xaf\x27\x1c", Kind::SevenZip, "magic 7z"),
    (0, b"Rar!\x1a\x07", Kind::Rar, "magic Rar!"),
    (257, b"ustar", Kind::Tar, "magic ustar"),
    (0x8001, b"CD001", Kind::Iso9660, "magic CD001"),
    (0, b"\x89PNG\r\n\x1a\n", Kind::Png, "magic PNG"),
    (0, &[0xff, 0xd8, 0xff], Kind::Jpeg, "magic of JPEG"),
    (0, b"GIF87a", Kind::Gif, "magic GIF87a"),
    (0, b"GIF89a", Kind::Gif, "magic GIF89a"),
    (4, b"ftyp", Kind::Mp4, "box ftyp"),
    (0, b"\x7fELF", Kind::Executable, "magic ELF"),
];

/// Identifies what has a signature or a strict header.
pub(crate) fn identify(name: &Name, window: &Window) -> Option<Identification> {
    let head = window.head();
    if dicom::begins(head) {
        return Some(dicom(window));
    }
    let found = SIGNATURES
        .iter()
        .find(|(at, magic, ..)| head.get(*at..).is_some_and(|rest| rest.starts_with(magic)));
    if let Some((_, _, kind, why)) = found {
        return Some(Identification::signature(*kind, why));
    }
    header(name, window)
}

fn dicom(window: &Window) -> Identification {
    let (facts, _) = dicom::read(window);
    let object = facts.dicom.unwrap_or_default();
    let kind = dicom_class::kind(object.class.as_deref(), object.modality.as_deref());
    let why = match (&object.class, &object.modality) {
        (Some(_), _) => "DICOM, by its SOP class",
        (None, Some(_)) => "DICOM, by its modality",
        (None, None) => "DICOM without class and modality",
    };
    Identification::signature(kind, why)
}

/// Headers without a magic number, or with one that is too short to stand alone.
fn header(name: &Name, window: &Window) -> Option<Identification> {
    let head = window.head();
    if is_analyze(head) {
        return Some(Identification::shape(
            Kind::NiftiHeader,
            "header of Analyze: size and extents",
        ));
    }
    if is_edf(head) {
        return Some(Identification::signature(Kind::Edf, "fixed header of EDF"));
    }
    if head.get(36..40) == Some(b"acsp") {
        return Some(Identification::signature(
            Kind::IccProfile,
            "signature acsp",
        ));
    }
    if is_mgh(head) && name.ends(&["mgh", "mgz"]) {
        return Some(Identification::name(
            Kind::Mgh,
            "header of MGH: version, size and type",
        ));
    }
    if is_gzi(window) && name.ends(&["gzi"]) {
        return Some(Identification::name(
            Kind::Gzi,
            "count of pairs fits the length",
        ));
    }
    let program = head.starts_with(b"MZ") && head.get(2..64).is_some_and(|rest| rest.contains(&0));
    program.then(|| Identification::signature(Kind::Executable, "magic MZ"))
}

/// 348 bytes of header, `extents` 16384, `regular` `r` (Analyze 7.5); either byte order.
fn is_analyze(head: &[u8]) -> bool {
    let size = head.get(0..4);
    let sized = size == Some(&348_i32.to_le_bytes()) || size == Some(&348_i32.to_be_bytes());
    let dimensions = head.get(40..42).and_then(|n| n.first_chunk::<2>()).copied();
    let dimensions = dimensions.map_or(0, |n| i16::from_le_bytes(n).min(i16::from_be_bytes(n)));
    sized && head.len() >= 348 && (0..=7).contains(&dimensions)
}

/// Version `0`, then fields of fixed width: date, time, size of the header as digits.
fn is_edf(head: &[u8]) -> bool {
    let version = head.get(..8) == Some(b"0       ");
    let date = head
        .get(168..176)
        .is_some_and(|date| date.get(2) == Some(&b'.'));
    let size = head
        .get(184..192)
        .and_then(|size| std::str::from_utf8(size).ok());
    let size = size.and_then(|size| size.trim().parse::<u32>().ok());
    version && date && size.is_some_and(|size| size >= 256 && size % 256 == 0)
}

/// Version 1, dimensions, a type of 0 to 4; big endian.
fn is_mgh(head: &[u8]) -> bool {
    let numbers: Vec<i32> = head
        .chunks_exact(4)
        .take(6)
        .filter_map(|n| n.first_chunk::<4>())
        .map(|n| i32::from_be_bytes(*n))
        .collect();
    match numbers.as_slice() {
        [1, sizes @ .., kind] => {
            sizes.iter().all(|size| (1..=1 << 20).contains(size)) && (0..=4).contains(kind)
        }
        _ => false,
    }
}

/// A count, then as many pairs of numbers (htslib's bgzf index).
fn is_gzi(window: &Window) -> bool {
    let count = window
        .head()
        .first_chunk::<8>()
        .map(|count| u64::from_le_bytes(*count));
    let length = count
        .and_then(|count| count.checked_mul(16))
        .and_then(|n| n.checked_add(8));
    length == Some(window.length())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_signature_hides_another() {
        for (at, magic, kind, _) in SIGNATURES {
            let mut file = vec![0; at + magic.len() + 16];
            file[*at..at + magic.len()].copy_from_slice(magic);
            let found = SIGNATURES
                .iter()
                .find(|(at, magic, ..)| file[*at.min(&file.len())..].starts_with(magic));
            assert_eq!(found.map(|(_, _, kind, _)| *kind), Some(*kind));
        }
    }
}
