//! Broken, hostile and mutated files: every reader answers, soon, and takes little memory.

use std::time::{Duration, Instant};

use ov_clinical::{
    Category, Facts, Kind, Warning, Window, bam, cda, cram, crypt4gh, dataset_json, dicom, fasta,
    fastq, fhir, hl7, identify, odm, read, vcf, xport,
};

use crate::samples;

/// Far more than any reader needs for a file of this size on a slow machine.
const PATIENCE: Duration = Duration::from_secs(20);

type Reader = fn(&Window) -> (Facts, Vec<Warning>);

const READERS: [(&str, Reader); 18] = [
    ("bam", bam::read),
    ("sam", bam::read_text),
    ("cda", cda::read),
    ("cram", cram::read),
    ("crypt4gh", crypt4gh::read),
    ("dataset-json", dataset_json::read),
    ("dicom", dicom::read),
    ("fai", fasta::read_index),
    ("fasta", fasta::read),
    ("fastq", fastq::read),
    ("fhir-json", fhir::read_json),
    ("fhir-ndjson", fhir::read_ndjson),
    ("fhir-xml", fhir::read_xml),
    ("hl7", hl7::read),
    ("odm", odm::read),
    ("vcf", vcf::read),
    ("bcf", vcf::read_binary),
    ("xport", xport::read),
];

fn all_readers(bytes: &[u8]) {
    for (name, reader) in READERS {
        let begun = Instant::now();
        let whole = Window::whole(bytes);
        check(name, &reader(&whole));
        let middle = bytes.len() / 2;
        let (head, tail) = bytes.split_at(middle);
        let length = u64::try_from(bytes.len()).unwrap();
        check(name, &reader(&Window::parts(head, tail, length)));
        assert!(begun.elapsed() < PATIENCE, "{name}");
    }
    let found = identify("name.dcm", &Window::whole(bytes));
    let (facts, warnings) = read(found.kind, &Window::whole(bytes));
    check(found.kind.label(), &(facts, warnings));
}

/// What is taken out of a file is bounded, however it lies.
fn check(name: &str, (facts, warnings): &(Facts, Vec<Warning>)) {
    assert!(warnings.len() <= 32, "{name}");
    let lists = facts.patients.len() + facts.subjects.len() + facts.resources.len();
    assert!(lists <= (8 << 20) / 64, "{name}");
}

/// A generator of numbers that needs no crate and repeats itself.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % u64::try_from(bound.max(1)).unwrap()).unwrap()
    }

    /// Flips, cuts, repeats, moves and overwrites, where headers lie most of all.
    fn mutate(&mut self, bytes: &mut Vec<u8>) {
        if bytes.is_empty() {
            return;
        }
        for _ in 0..=self.below(4) {
            let near = bytes.len().min(2048);
            let range = if self.below(4) == 0 {
                bytes.len()
            } else {
                near
            };
            let at = self.below(range);
            match self.below(7) {
                0 => bytes[at] ^= 1 << self.below(8),
                1 => bytes[at] = 0xff,
                2 => bytes.truncate(at.max(1)),
                3 => {
                    let end = (at + self.below(64)).min(bytes.len());
                    let piece = bytes[at..end].to_vec();
                    let to = self.below(bytes.len());
                    bytes.splice(to..to, piece);
                }
                4 => {
                    let end = (at + 4).min(bytes.len());
                    bytes[at..end].fill([0, 0xff, 0x7f, 0x80][self.below(4)]);
                }
                5 => {
                    let end = (at + self.below(16)).min(bytes.len());
                    bytes.drain(at..end);
                    if bytes.is_empty() {
                        bytes.push(0);
                    }
                }
                _ => bytes[at] = u8::try_from(self.below(256)).unwrap(),
            }
        }
    }
}

/// Two files of each format, and for each a hundred mutants.
#[test]
fn mutated_real_files_break_no_reader() {
    let mut seen = std::collections::BTreeMap::new();
    let mut dice = Dice(0x0dd_c0ffee);
    let mut mutants = 0;
    for sample in samples::all() {
        let count = seen.entry(sample.format.clone()).or_insert(0);
        let mut bytes = sample.bytes();
        if *count >= 2 || bytes.is_empty() {
            continue;
        }
        *count += 1;
        bytes.truncate(64 << 10);
        for _ in 0..100 {
            let mut mutant = bytes.clone();
            dice.mutate(&mut mutant);
            let window = Window::whole(&mutant);
            let kind = identify(&sample.name, &window).kind;
            let begun = Instant::now();
            check(kind.label(), &read(kind, &window));
            // The reader of the true kind gets the mutant too, whatever it looks like now.
            let truth = identify(&sample.name, &Window::whole(&bytes)).kind;
            check(truth.label(), &read(truth, &window));
            assert!(begun.elapsed() < PATIENCE, "{}", sample.name);
            mutants += 1;
        }
    }
    println!("{mutants} mutants");
}

#[test]
fn no_bytes_break_identification_or_any_reader() {
    bolero::check!().for_each(all_readers);
}

/// Bytes with the beginnings that lead deeper.
#[test]
fn no_bytes_behind_a_true_beginning_break_a_reader() {
    let mut dicom = vec![0; 128];
    dicom.extend(b"DICM\x02\0\x10\0UI\x14\x001.2.840.10008.1.2.1\0");
    let beginnings: [&[u8]; 10] = [
        &dicom,
        b"BAM\x01",
        b"CRAM\x03\0",
        b"BCF\x02\x02",
        b"##fileformat=VCFv4.3\n",
        b"{\"resourceType\":\"Patient\",",
        b"<ClinicalDocument xmlns=\"urn:hl7-org:v3\">",
        b"MSH|^~\\&|",
        b"HEADER RECORD*******LIBRARY HEADER RECORD!!!!!!!000000000000000000000000000000  ",
        b"crypt4gh\x01\0\0\0",
    ];
    bolero::check!()
        .with_type::<(u8, Vec<u8>)>()
        .for_each(|(choice, rest)| {
            let beginning = beginnings[usize::from(*choice) % beginnings.len()];
            all_readers(&[beginning, rest].concat());
        });
}

/// What inflates is fuzzed behind a true wrapping: no random bytes would get through it.
#[test]
fn no_bytes_inside_gzip_break_a_reader() {
    bolero::check!().for_each(|bytes: &[u8]| {
        for beginning in [
            &b""[..],
            b"BAM\x01",
            b"BCF\x02\x02",
            b"@r/1\nACGT\n+\n",
            b">s\n",
        ] {
            let squeezed = miniz_oxide::deflate::compress_to_vec(&[beginning, bytes].concat(), 1);
            let mut file = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];
            file.extend(squeezed);
            file.extend([0; 8]);
            all_readers(&file);
        }
    });
}

/// Elements of a DICOM data set: a group and element that are read, a VR, a length that may lie,
/// a value.
#[test]
fn no_data_set_breaks_the_walk_through_it() {
    const TAGS: [&[u8; 4]; 10] = [
        b"\x08\0\x15\x11",
        b"\x08\0\x99\x11",
        b"\x08\0\x55\x11",
        b"\x10\0\x20\0",
        b"\x0c\x30\x60\0",
        b"\xfe\xff\0\xe0",
        b"\xfe\xff\x0d\xe0",
        b"\xfe\xff\xdd\xe0",
        b"\xe0\x7f\x10\0",
        b"\x20\0\x0e\0",
    ];
    const FORMS: [&[u8]; 5] = [
        b"SQ\0\0\xff\xff\xff\xff",
        b"SQ\0\0\x20\0\0\0",
        b"UN\0\0\xff\xff\xff\xff",
        b"UI\x08\0",
        b"OB\0\0\x04\0\0\0",
    ];
    bolero::check!()
        .with_type::<Vec<(u8, u8, u32)>>()
        .for_each(|elements| {
            for syntax in [
                "1.2.840.10008.1.2",
                "1.2.840.10008.1.2.1",
                "1.2.840.10008.1.2.2",
            ] {
                let mut bytes = dicom_head(syntax);
                for (tag, form, value) in elements {
                    bytes.extend(TAGS[usize::from(*tag) % TAGS.len()]);
                    bytes.extend(FORMS[usize::from(*form) % FORMS.len()]);
                    bytes.extend(value.to_le_bytes());
                }
                check("dicom", &dicom::read(&Window::whole(&bytes)));
            }
        });
}

/// The fuzz targets find what they look for: a reader that trusts a length is caught by its canary.
#[test]
fn a_reader_that_trusts_a_length_would_be_found() {
    let caught = std::panic::catch_unwind(|| {
        bolero::check!()
            .with_iterations(4096)
            .for_each(|bytes: &[u8]| {
                if let Some((&length, rest)) = bytes.split_first() {
                    let _trusting = &rest[..usize::from(length)];
                }
            });
    });
    assert!(caught.is_err());
}

fn soon<T>(what: impl FnOnce() -> T) -> T {
    let begun = Instant::now();
    let result = what();
    assert!(begun.elapsed() < PATIENCE);
    result
}

#[test]
fn nests_of_a_hundred_thousand_are_refused_in_every_format() {
    let json = "{\"resourceType\":\"Bundle\",\"a\":".to_owned() + &"[".repeat(100_000);
    let (_, warnings) = soon(|| fhir::read_json(&Window::whole(json.as_bytes())));
    assert!(warnings.contains(&Warning::TooDeep));
    let xml = "<ClinicalDocument>".to_owned() + &"<a>".repeat(100_000);
    let (_, warnings) = soon(|| cda::read(&Window::whole(xml.as_bytes())));
    assert!(warnings.contains(&Warning::TooDeep));
    let mut nest = dicom_head("1.2.840.10008.1.2.1");
    for _ in 0..100_000 {
        // A sequence and an item, both of undefined length.
        nest.extend(b"\x08\0\x15\x11SQ\0\0\xff\xff\xff\xff\xfe\xff\0\xe0\xff\xff\xff\xff");
    }
    let (_, warnings) = soon(|| dicom::read(&Window::whole(&nest)));
    assert!(warnings.contains(&Warning::TooDeep), "{warnings:?}");
}

fn dicom_head(syntax: &str) -> Vec<u8> {
    let mut syntax = syntax.as_bytes().to_vec();
    if syntax.len() % 2 == 1 {
        syntax.push(0);
    }
    let mut bytes = vec![0; 128];
    bytes.extend(b"DICM\x02\0\x10\0UI");
    bytes.extend(u16::try_from(syntax.len()).unwrap().to_le_bytes());
    bytes.extend(syntax);
    bytes
}

/// So many MiB of zeros, deflated: after a full flush the same bytes may follow any number of times.
fn endless_zeros(mebibytes: usize) -> Vec<u8> {
    use miniz_oxide::deflate::core::{CompressorOxide, create_comp_flags_from_zip_params};
    let flags = create_comp_flags_from_zip_params(6, -15, 0);
    let mut out = vec![0; 64 << 10];
    let step = miniz_oxide::deflate::stream::deflate(
        &mut CompressorOxide::new(flags),
        &vec![0; 1 << 20],
        &mut out,
        miniz_oxide::MZFlush::Full,
    );
    out.truncate(step.bytes_written);
    out.repeat(mebibytes)
}

#[test]
fn a_deflate_bomb_stops_at_its_bound() {
    let zeros = vec![0_u8; 64 << 20];
    let squeezed = miniz_oxide::deflate::compress_to_vec(&zeros, 6);
    let mut gzip = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];
    gzip.extend(&squeezed);
    gzip.extend([0; 8]);
    for reader in [bam::read, vcf::read, fastq::read, fasta::read] {
        let bomb = gzip.repeat(20);
        soon(|| check("bomb", &reader(&Window::whole(&bomb))));
    }
    let mut object = dicom_head("1.2.840.10008.1.2.1.99");
    object.extend(endless_zeros(600));
    let (facts, warnings) = dicom::read(&Window::whole(&object));
    assert!(warnings.contains(&Warning::Bomb), "{warnings:?}");
    assert_eq!(facts.dicom.unwrap().digests.unwrap().data_set, None);
}

#[test]
fn lying_lengths_take_no_memory() {
    let mut lie = dicom_head("1.2.840.10008.1.2.1");
    lie.extend(b"\x10\0\x20\0UN\0\0\xfe\xff\xff\xffshort");
    let (facts, warnings) = dicom::read(&Window::whole(&lie));
    assert_eq!(warnings, [Warning::Truncated]);
    assert!(facts.patients.is_empty());
    // An item that is longer than its sequence.
    let mut outside = dicom_head("1.2.840.10008.1.2.1");
    outside.extend(b"\x08\0\x15\x11SQ\0\0\x08\0\0\0\xfe\xff\0\xe0\xff\0\0\0");
    let (_, warnings) = dicom::read(&Window::whole(&outside));
    assert!(
        matches!(warnings[..], [Warning::Malformed { .. }]),
        "{warnings:?}"
    );
}

/// References are many in lists and groups: their number must not cost its square.
#[test]
fn resources_with_very_many_references_are_read_soon() {
    let mut json = "{\"resourceType\":\"List\",\"entry\":[".to_owned();
    for number in 0..200_000 {
        json.push_str(&format!(
            "{{\"item\":{{\"reference\":\"Patient/{number}\"}}}},"
        ));
    }
    json.push_str("{}]}");
    let (facts, warnings) = soon(|| fhir::read_json(&Window::whole(json.as_bytes())));
    assert_eq!(
        warnings,
        [Warning::TooMany {
            what: "references".into()
        }]
    );
    assert_eq!(facts.resources[0].references.len(), 65_536);
    assert_eq!(facts.patients.len(), 65_536);
}

#[test]
fn very_many_small_elements_take_no_more_than_the_bound() {
    let documents = format!("<ODM>{}</ODM>", "<ODM/>".repeat(300_000));
    let (facts, warnings) = soon(|| odm::read(&Window::whole(documents.as_bytes())));
    assert!(warnings.contains(&Warning::TooMany {
        what: "facts".into()
    }));
    assert!(facts.documents.len() < 100_000);
    let identifiers = "{\"value\":\"1\"},".repeat(100_000);
    let json = format!("{{\"resourceType\":\"Patient\",\"identifier\":[{identifiers}{{}}]}}");
    let (_, warnings) = soon(|| fhir::read_json(&Window::whole(json.as_bytes())));
    assert_eq!(
        warnings,
        [Warning::TooMany {
            what: "identifiers".into()
        }]
    );
}

/// A million patients in one file: what does not fit is said, not dropped in silence.
#[test]
fn more_facts_than_the_bound_are_told() {
    let mut lines = String::new();
    for number in 0..200_000 {
        lines.push_str(&format!(
            "{{\"resourceType\":\"Patient\",\"id\":\"{number:064}\"}}\n"
        ));
    }
    let (facts, warnings) = soon(|| fhir::read_ndjson(&Window::whole(lines.as_bytes())));
    assert!(warnings.contains(&Warning::TooMany {
        what: "facts".into()
    }));
    assert!(facts.patients.len() > 20_000);
}

/// Identifiers of real files do not show, whatever their format.
#[test]
fn facts_of_real_files_do_not_show_in_debug() {
    for sample in samples::all().iter().step_by(11) {
        let bytes = sample.bytes();
        let kind = identify(&sample.name, &Window::whole(&bytes)).kind;
        let (facts, warnings) = read(kind, &Window::whole(&bytes));
        let shown = format!("{facts:?} {warnings:?}");
        let long = |id: &&str| id.len() > 5;
        for id in facts
            .patients
            .iter()
            .map(|patient| patient.id.as_str())
            .filter(long)
        {
            assert!(!shown.contains(id), "{}", sample.name);
        }
        if let Some(study) = facts.dicom.and_then(|object| object.study) {
            assert!(!shown.contains(study.as_str()), "{}", sample.name);
        }
    }
}

#[test]
fn every_category_of_the_mission_has_kinds() {
    for category in [
        Category::Records,
        Category::Images,
        Category::Plans,
        Category::Genomes,
        Category::Trials,
        Category::Research,
        Category::Administration,
        Category::Support,
    ] {
        assert!(Kind::ALL.iter().any(|kind| kind.category() == category));
    }
}
