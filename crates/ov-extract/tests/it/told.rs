//! What workers say of files is what the readers say.

use std::path::{Path, PathBuf};
use std::time::Duration;

use ov_clinical::{Account, Certainty, EndMarker, Kind, Mate, Warning, Window};

use ov_extract::message::{Begin, Showing, Wish};
use ov_extract::survey::{FIRST, Look, Survey};

use crate::site::{PATIENT, Site, long_patient, read};

const PATIENCE: Duration = Duration::from_secs(20);

/// All real files, where they are at hand.
pub fn samples() -> Vec<PathBuf> {
    let named = std::env::var_os("ONCOVAULT_TEST_DATA").map(PathBuf::from);
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/testdata");
    let mut folders = vec![named.unwrap_or(beside)];
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            match entry.file_type().unwrap().is_dir() {
                true => folders.push(entry.path()),
                false => files.push(entry.path()),
            }
        }
    }
    files.sort();
    if files.is_empty() {
        eprintln!("skipped: no sample files (cargo xtask data fetches them)");
    }
    files
}

#[test]
fn a_small_file_is_read_whole() {
    let site = Site::new(PATIENCE);
    for piece in [1, 7, 4096] {
        let account = site.show("p.json", PATIENT, piece);
        assert_eq!(
            account,
            Some(Account::of("p.json", &Window::whole(PATIENT)))
        );
    }
    assert_eq!(site.show("noise", b"\x93\x11\xfe\0\x81\x07\xc3", 4), None);
    assert_eq!(site.show("empty", b"", 4), None);
}

#[test]
fn a_file_of_which_all_is_wanted_is_shown_as_it_comes() {
    let site = Site::new(PATIENCE);
    let bytes = long_patient(3_000_000);
    for piece in [1 << 20, 65_536, 10_001] {
        let account = site.show("p.json", &bytes, piece);
        assert_eq!(account, Some(Account::of("p.json", &Window::whole(&bytes))));
    }
}

#[test]
fn a_file_of_which_both_ends_are_wanted_is_shown_in_the_end() {
    let record = "@SIM:1:FCX:1:15:6329:1045 1:N:0:2\nTCGCACTCAACGCCCTGC\n+\n<>;##=><9=AAAAAAAA\n";
    let bytes = record.repeat(20_000).into_bytes();
    let site = Site::new(PATIENCE);
    let said = read(site.show("a_R1.fastq", &bytes, 100_000));
    assert_eq!(said.kind, Kind::Fastq);
    assert_eq!(said.facts.sequencing.unwrap().mate, Some(Mate::First));
    let alignments = "@HD\tVN:1.6\n@SQ\tSN:chr1\tLN:1000\n@RG\tID:a\tSM:sample\n".to_owned()
        + &"r\t0\tchr1\t1\t60\t4M\t*\t0\t0\tACGT\tFFFF\n".repeat(5000);
    let said = read(site.show("a.sam", alignments.as_bytes(), 50_000));
    assert_eq!(said.facts.sequencing.unwrap().samples.len(), 1);
}

/// A block of BGZF that holds these bytes as they are.
fn block(bytes: &[u8]) -> Vec<u8> {
    let length = u16::try_from(bytes.len()).unwrap();
    let mut block = vec![
        0x1f, 0x8b, 8, 4, 0, 0, 0, 0, 0, 0xff, 6, 0, 0x42, 0x43, 2, 0,
    ];
    block.extend((length + 30).to_le_bytes());
    block.push(1);
    block.extend(length.to_le_bytes());
    block.extend((!length).to_le_bytes());
    block.extend(bytes);
    block.extend([0; 8]);
    block
}

#[test]
fn of_a_long_file_with_a_short_header_the_header_and_the_end_are_enough() {
    let header = b"BAM\x01\x14\0\0\0@RG\tID:rg\tSM:tumour\n\0\0\0\0";
    let long = [&b"##fileformat=VCFv4.3\n"[..], &b"##x=y\n".repeat(15_000)].concat();
    let columns =
        b"##source=x\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\tlate\nchr1\t1\n";
    let cases = [
        ("a.bam", block(header), 64 << 10),
        (
            "a.vcf.gz",
            [
                block(&long[..50_000]),
                block(&long[50_000..]),
                block(columns),
            ]
            .concat(),
            4 << 20,
        ),
        (
            "b.vcf.gz",
            block(&[&long[..21], columns].concat()),
            64 << 10,
        ),
    ];
    let site = Site::new(PATIENCE);
    for (name, mut bytes, shown) in cases {
        while bytes.len() < 6_000_000 {
            bytes.extend(block(&[b'x'; 60_000]));
        }
        bytes.extend(block(b""));
        let size = u64::try_from(bytes.len()).unwrap();
        let mut survey = Survey::new(&Begin {
            name: name.as_bytes().to_vec(),
            size: Some(size),
            showing: Showing::First,
        });
        survey.bytes(&bytes[..FIRST]);
        let Look::More(wish) = survey.look() else {
            panic!("{name}");
        };
        assert_eq!(
            wish,
            Wish {
                head: shown,
                tail: 1024
            },
            "{name}"
        );
        let (head, tail) = (&bytes[..4 << 20], &bytes[bytes.len() - 1024..]);
        let window = Window::parts(head, tail, size);
        assert_eq!(
            site.show(name, &bytes, 1 << 20),
            Some(Account::of(name, &window)),
            "{name}"
        );
    }
}

#[test]
fn of_a_file_without_facts_the_beginning_is_enough() {
    let site = Site::new(PATIENCE);
    let bytes = [&b"%PDF-1.7\n"[..], &vec![b'x'; 300_000]].concat();
    let said = read(site.show("a.pdf", &bytes, 100_000));
    assert_eq!(
        (said.kind, said.certainty),
        (Kind::Pdf, Certainty::Signature)
    );
    assert_eq!(said.facts.end, EndMarker::None);
}

#[test]
fn holes_count_and_a_stream_has_no_size() {
    let site = Site::new(PATIENCE);
    for size in [None, Some(1 << 40)] {
        let mut file = site.extractors.begin(b"a.pdf", size).unwrap();
        file.bytes(b"%PDF-1.7\n");
        file.hole(1 << 40);
        file.bytes(b"%%EOF");
        let account = file
            .end()
            .account()
            .map(|bytes| Account::decode(&bytes).unwrap());
        assert_eq!(read(account).kind, Kind::Pdf);
    }
    let mut file = site.extractors.begin(b"p.json", None).unwrap();
    file.bytes(&long_patient(200_000));
    let said = read(Some(
        Account::decode(&file.end().account().unwrap()).unwrap(),
    ));
    assert_eq!(said.kind, Kind::FhirJson);
    assert_eq!(said.facts.patients.len(), 1);
}

/// Whatever the pieces: what is seen of a file is the same, or less by what nobody needs.
#[test]
fn real_files_say_the_same_to_a_worker() {
    let site = Site::new(PATIENCE);
    let mut read_whole = 0;
    for (at, path) in samples().iter().enumerate().step_by(3) {
        let name = path.file_name().unwrap().to_string_lossy();
        let bytes = std::fs::read(path).unwrap();
        let here = Account::of(&name, &Window::whole(&bytes));
        let Account::Read(whole) = &here else {
            panic!("{here:?}");
        };
        let account = site.show(&name, &bytes, [4096, 1 << 20, 33_333][at % 3]);
        if !here.is_telling() {
            assert_eq!(account, None, "{name}");
            continue;
        }
        let said = read(account);
        assert_eq!(said.kind, whole.kind, "{name}");
        let seen = whole.kind.need().head >= u64::try_from(bytes.len()).unwrap();
        if seen || whole.kind.is_dicom() {
            assert_eq!(&said, whole, "{name}");
            read_whole += 1;
        } else {
            assert_eq!(said.facts.patients, whole.facts.patients, "{name}");
        }
    }
    assert!(read_whole > 500 || samples().is_empty(), "{read_whole}");
    assert_eq!(*site.told.lock().unwrap(), [] as [String; 0]);
}

#[test]
fn many_threads_share_few_workers() {
    let site = Site::new(PATIENCE);
    let long = long_patient(500_000);
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..20 {
                    assert_eq!(
                        read(site.show("a.json", &long, 70_000)).kind,
                        Kind::FhirJson
                    );
                    assert_eq!(
                        read(site.show("a.json", PATIENT, 70_000)).kind,
                        Kind::FhirJson
                    );
                }
            });
        }
    });
    assert!(site.signal(rustix::process::Signal::CONT) <= 3);
}

/// More facts than any other file that is not made to be so: the worker's memory is enough.
#[test]
fn the_fullest_file_fits_into_a_workers_memory() {
    let site = Site::new(PATIENCE);
    let line = |n: u32| {
        format!(
            "{{\"resourceType\":\"Patient\",\"id\":\"p{n}\",\"identifier\":[{{\"value\":\"{n}\"}}]}}\n"
        )
    };
    let lines: String = (0..900_000).map(line).collect();
    let said = read(site.show("p.ndjson", lines.as_bytes(), 1 << 20));
    assert!(said.facts.patients.len() > 10_000);
    let all = |warning: &Warning| matches!(warning, Warning::TooMany { .. });
    assert!(said.warnings.iter().any(all));
}
