//! Kinds of which there are no real samples: made by hand after their specifications.

use ov_clinical::{Digests, Gap, Kind, Member, Window, Wrapping, find_gaps, identify, read};

fn kind(name: &str, bytes: &[u8]) -> Kind {
    identify(name, &Window::whole(bytes)).kind
}

#[test]
fn texts_are_known_by_their_first_lines() {
    let cases: [(&str, &str, Kind); 17] = [
        (
            "d.sql",
            "--\n-- PostgreSQL database dump\n--\n\nSET x = 0;\n",
            Kind::PgDump,
        ),
        (
            "d.sql",
            "--\n-- PostgreSQL database cluster dump\n--\n",
            Kind::PgDump,
        ),
        (
            "d.sql",
            "-- MySQL dump 10.13  Distrib 8.0.36\n--\n",
            Kind::MysqlDump,
        ),
        (
            "d.sql",
            "/*M!999999\\- enable the sandbox mode */ \n-- MariaDB dump\n",
            Kind::MysqlDump,
        ),
        (
            "a.ics",
            "BEGIN:VCALENDAR\r\nVERSION:2.0\r\n",
            Kind::ICalendar,
        ),
        (
            "a.vcf",
            "BEGIN:VCARD\r\nVERSION:4.0\r\nFN:X\r\n",
            Kind::VCard,
        ),
        (
            "a",
            "From a@b Thu Jan  1 00:00:00 1970\nFrom: a@b\nTo: c@d\n\nx\n",
            Kind::Mbox,
        ),
        ("a.mhd", "ObjectType = Image\nNDims = 3\n", Kind::MetaImage),
        ("a.html", "<!DOCTYPE html>\n<title>x</title>", Kind::Html),
        ("a.rtf", "{\\rtf1\\ansi x}", Kind::Rtf),
        (
            "p.xml",
            "<Patient xmlns=\"http://hl7.org/fhir\"><id value=\"1\"/></Patient>",
            Kind::FhirXml,
        ),
        (
            "m.xml",
            "<ADT_A01 xmlns=\"urn:hl7-org:v2xml\"/>",
            Kind::Hl7Xml,
        ),
        (
            "s.json",
            "{\"id\":\"1\",\"name\":\"Line\",\"status\":\"active\",\"organization\":{},\
          \"assured_date\":\"2026-01-01\"}",
            Kind::Hsds,
        ),
        (
            "d.json",
            "{\"datasetJSONVersion\":\"1.1.0\",\"name\":\"DM\",\"columns\":[]}",
            Kind::DatasetJson,
        ),
        (
            "d.ndjson",
            "{\"datasetJSONVersion\":\"1.1.0\",\"name\":\"DM\"}\n[\"a\",1]\n",
            Kind::DatasetJson,
        ),
        (
            "framed",
            "\u{b}MSH|^~\\&|A|B|||20260101||ADT^A01|1|P|2.5\r\u{1c}\r",
            Kind::Hl7,
        ),
        ("t.csv", "a;b\n1;2\n", Kind::Csv),
    ];
    for (name, text, expected) in cases {
        assert_eq!(kind(name, text.as_bytes()), expected, "{name}: {text}");
    }
}

#[test]
fn binaries_are_known_by_their_signatures() {
    let tar = [&[b'a'; 257][..], b"ustar\x0000"].concat();
    let mut ole = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1".to_vec();
    ole.resize(1024, 0);
    ole.extend("Workbook".encode_utf16().flat_map(u16::to_le_bytes));
    let zip = |entry: &str| [b"PK\x03\x04[Content_Types].xml ", entry.as_bytes()].concat();
    let ome = [b"II*\0\x08\0\0\0".as_slice(), b"<?xml?><OME xmlns=\"x\">"].concat();
    let aperio = [b"II*\0\x08\0\0\0".as_slice(), b"Aperio Image Library v12"].concat();
    let cases: [(&[u8], Kind); 14] = [
        (b"SQLite format 3\0\x10\0", Kind::Sqlite),
        (b"PGDMP\x01\x0e\0", Kind::PgDumpCustom),
        (b"TAPE\0\0\x03\0", Kind::MssqlBackup),
        (b"MSSQLBAK\x02\0", Kind::MssqlBackup),
        (b"\0\x01\0\0Standard ACE DB\0", Kind::Access),
        (b"crypt4gh\x01\0\0\0\0\0\0\0", Kind::Crypt4gh),
        (
            b"HEADER RECORD*******LIBV8   HEADER RECORD!!!!!!!00000000000000",
            Kind::XptV8,
        ),
        (&tar, Kind::Tar),
        (&ole, Kind::OfficeBinary),
        (&zip("xl/workbook.xml"), Kind::Xlsx),
        (&zip("ppt/slides"), Kind::Pptx),
        (&ome, Kind::OmeTiff),
        (&aperio, Kind::Svs),
        (b"\x28\xb5\x2f\xfd\x24\0", Kind::Zstd),
    ];
    for (bytes, expected) in cases {
        assert_eq!(kind("a.bin", bytes), expected);
    }
}

/// A DICOM object in explicit little endian.
struct Object(Vec<u8>);

impl Object {
    fn new(class: &str) -> Self {
        let mut bytes = vec![0; 128];
        bytes.extend(b"DICM");
        let mut object = Self(bytes);
        object.text(0x0002, 0x0010, b"UI", "1.2.840.10008.1.2.1");
        object.text(
            0x0008,
            0x0016,
            b"UI",
            &format!("1.2.840.10008.5.1.4.1.1.{class}"),
        );
        object
    }

    fn header(&mut self, group: u16, element: u16, vr: &[u8; 2]) {
        self.0.extend(group.to_le_bytes());
        self.0.extend(element.to_le_bytes());
        self.0.extend(vr);
    }

    fn text(&mut self, group: u16, element: u16, vr: &[u8; 2], text: &str) {
        let mut text = text.as_bytes().to_vec();
        if text.len() % 2 == 1 {
            text.push(if vr == b"UI" { 0 } else { b' ' });
        }
        self.header(group, element, vr);
        self.0
            .extend(u16::try_from(text.len()).unwrap().to_le_bytes());
        self.0.extend(text);
    }

    /// A sequence of one item, both of undefined length, with a reference in it.
    fn reference(&mut self, group: u16, element: u16, instance: &str) {
        self.header(group, element, b"SQ");
        self.0
            .extend(b"\0\0\xff\xff\xff\xff\xfe\xff\0\xe0\xff\xff\xff\xff");
        self.text(0x0008, 0x1155, b"UI", instance);
        self.0
            .extend(b"\xfe\xff\x0d\xe0\0\0\0\0\xfe\xff\xdd\xe0\0\0\0\0");
    }
}

#[test]
fn objects_of_radiotherapy_are_told_by_their_class() {
    for (class, expected) in [
        ("481.4", Kind::DicomRtRecord),
        ("481.9", Kind::DicomRtRecord),
        ("481.8", Kind::DicomRtPlan),
        ("481.12", Kind::DicomRtSecond),
        ("66.1", Kind::DicomReg),
        ("66.3", Kind::DicomReg),
        ("88.59", Kind::DicomSr),
        ("11.1", Kind::DicomPresentation),
        ("104.1", Kind::DicomDocument),
    ] {
        assert_eq!(kind("x", &Object::new(class).0), expected, "{class}");
    }
}

#[test]
fn a_record_names_the_plan_that_is_missing_and_the_patient() {
    let mut record = Object::new("481.4");
    record.text(0x0008, 0x0018, b"UI", "1.9");
    record.text(0x0010, 0x0020, b"LO", "P7");
    record.text(0x0010, 0x0021, b"LO", "HOSP");
    record.reference(0x300c, 0x0002, "1.5");
    let silent = Object::new("481.4");
    for (object, named) in [(&record, 1), (&silent, 0)] {
        let (facts, warnings) = read(Kind::DicomRtRecord, &Window::whole(&object.0));
        assert!(warnings.is_empty(), "{warnings:?}");
        let member = Member {
            name: "r",
            kind: Kind::DicomRtRecord,
            facts: &facts,
            digest: None,
        };
        let found = find_gaps(&[member]);
        assert_eq!(found[0].gap, Gap::RecordWithoutPlan);
        assert_eq!(found[0].missing.len(), named);
        assert_eq!(found[0].patients.len(), named);
    }
    let (facts, _) = read(Kind::DicomRtRecord, &Window::whole(&record.0));
    assert_eq!(facts.patients[0].issuer.as_ref().unwrap().as_str(), "HOSP");
}

/// UN of undefined length holds a sequence in implicit VR (CP-246).
#[test]
fn references_in_a_sequence_of_unknown_vr_are_found() {
    let mut plan = Object::new("481.5");
    plan.header(0x300c, 0x0060, b"UN");
    plan.0
        .extend(b"\0\0\xff\xff\xff\xff\xfe\xff\0\xe0\xff\xff\xff\xff");
    plan.0.extend(b"\x08\0\x55\x11\x04\0\0\x001.5\0");
    plan.0
        .extend(b"\xfe\xff\x0d\xe0\0\0\0\0\xfe\xff\xdd\xe0\0\0\0\0");
    plan.text(0x300e, 0x0002, b"CS", "APPROVED");
    let (facts, warnings) = read(Kind::DicomRtPlan, &Window::whole(&plan.0));
    assert!(warnings.is_empty(), "{warnings:?}");
    let references = facts.dicom.unwrap().references;
    assert_eq!(references.len(), 1);
    assert_eq!(references[0].instance.as_str(), "1.5");
}

fn digests(object: &Object) -> Digests {
    read(Kind::DicomMr, &Window::whole(&object.0))
        .0
        .dicom
        .unwrap()
        .digests
        .unwrap()
}

/// The pixels count, not how they are wrapped; meta group and preamble count only for the file.
#[test]
fn digests_are_those_of_file_data_set_and_pixels() {
    let mut native = Object::new("4");
    native.header(0x7fe0, 0x0010, b"OW");
    native.0.extend(b"\0\0\x04\0\0\0abcd");
    let mut fragments = Object::new("4");
    fragments.header(0x7fe0, 0x0010, b"OB");
    fragments.0.extend(b"\0\0\xff\xff\xff\xff");
    for piece in [&b"offs"[..], b"ab", b"cd"] {
        fragments.0.extend(b"\xfe\xff\0\xe0");
        fragments
            .0
            .extend(u32::try_from(piece.len()).unwrap().to_le_bytes());
        fragments.0.extend(piece);
    }
    fragments.0.extend(b"\xfe\xff\xdd\xe0\0\0\0\0");
    let pixels = *blake3::hash(b"abcd").as_bytes();
    assert_eq!(digests(&native).pixels, Some(pixels));
    assert_eq!(digests(&fragments).pixels, Some(pixels));
    assert_ne!(digests(&native).data_set, digests(&fragments).data_set);
    let mut other = Object(native.0.clone());
    other.0[5] = 9;
    assert_eq!(digests(&other).data_set, digests(&native).data_set);
    assert_ne!(digests(&other).file, digests(&native).file);
    let last = other.0.len() - 1;
    other.0[last] ^= 1;
    assert_ne!(digests(&other).data_set, digests(&native).data_set);
    other.0.truncate(last);
    assert_eq!(
        digests(&other).pixels,
        None,
        "what is cut off has no digest of pixels"
    );
}

#[test]
fn a_preamble_that_is_a_program_is_told() {
    let mut object = Object::new("2");
    object.0[..2].copy_from_slice(b"MZ");
    let (_, warnings) = read(Kind::DicomCt, &Window::whole(&object.0));
    assert_eq!(warnings, [ov_clinical::Warning::Executable]);
    assert_eq!(kind("x.exe", &object.0), Kind::DicomCt);
}

#[test]
fn wrapping_is_told_beside_the_kind() {
    let squeezed = miniz_oxide::deflate::compress_to_vec(b"##fileformat=VCFv4.2\n", 1);
    let mut file = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];
    file.extend(squeezed);
    file.extend([0; 8]);
    let found = identify("x", &Window::whole(&file));
    assert_eq!((found.kind, found.wrapping), (Kind::Vcf, Wrapping::Gzip));
}

#[test]
fn every_kind_stands_on_the_page_about_kinds() {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/kinds.md");
    let page = std::fs::read_to_string(page).unwrap();
    for kind in Kind::ALL {
        let row = format!("| {} | {} |", kind.category().label(), kind.title());
        assert!(page.contains(&row), "{row}");
        assert!(
            page.contains(&format!("| `{}` |", kind.label())),
            "{}",
            kind.label()
        );
    }
}
