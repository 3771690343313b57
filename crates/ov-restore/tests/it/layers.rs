//! Files that layers cut and coders take apart come back as they were.

use std::fs;

use ov_restore::{Filter, Part, RestoreOptions, Verifying, Void, restore};

use crate::site::{Site, look, noise, wanted};

/// An image of 16 bits, 300 by 400 and smooth but for some noise, under a header of its own.
fn dicom(patient: &str) -> Vec<u8> {
    let mut file = [
        &[0; 128][..],
        b"DICM\x02\0\x10\0UI\x14\x001.2.840.10008.1.2.1\0",
    ]
    .concat();
    let length = u16::try_from(patient.len()).unwrap();
    file.extend([&[0x10, 0, 0x10, 0, b'P', b'N'][..], &length.to_le_bytes()].concat());
    file.extend(patient.as_bytes());
    for (element, value) in [(2u16, 1u16), (0x10, 400), (0x11, 300), (0x100, 16)] {
        let element = element.to_le_bytes();
        file.extend([&[0x28, 0], &element[..], b"US\x02\0", &value.to_le_bytes()].concat());
    }
    file.extend(b"\xE0\x7F\x10\0OW\0\0");
    file.extend(240_000u32.to_le_bytes());
    let noise = noise(4, 120_000);
    let pixel = |n: usize| 1000 + (n % 300 + n / 300) as u16 + u16::from(noise[n] & 15);
    file.extend((0..120_000).flat_map(|n| pixel(n).to_le_bytes()));
    file
}

fn fastq() -> Vec<u8> {
    let noise = noise(5, 900_000);
    let record = |(n, random): (usize, &[u8])| {
        let bases: String = random
            .iter()
            .map(|b| ['A', 'C', 'G', 'T'][usize::from(b & 3)])
            .collect();
        let quality: String = random
            .iter()
            .map(|b| if b >> 4 == 0 { ',' } else { 'F' })
            .collect();
        format!("@run:1:{n}:{}\n{bases}\n+\n{quality}\n", random[0])
    };
    noise
        .chunks(150)
        .enumerate()
        .map(record)
        .collect::<String>()
        .into_bytes()
}

fn sqlite() -> Vec<u8> {
    [&b"SQLite format 3\0\x10\0"[..], &noise(6, 200_000)].concat()
}

fn bgzf() -> Vec<u8> {
    let header = [
        0x1F, 0x8B, 8, 4, 0, 0, 0, 0, 0, 0xFF, 6, 0, b'B', b'C', 2, 0, 9, 0, 5,
    ];
    let block = |n: u8| [&header[..], &noise(n, 30_000)].concat();
    (0..20).flat_map(block).collect()
}

#[test]
fn images_reads_databases_and_blocks_come_back_and_pixels_are_stored_once() {
    let mut site = Site::new();
    site.write("ct/IM1", &dicom("DOE^JANE"));
    site.write("reads.fastq", &fastq());
    site.write("lab.db", &sqlite());
    site.write("tumour.bam", &bgzf());
    site.run();
    let first = site.memory.bytes();
    site.write("export/1.dcm", &dicom("ANONYMOUS^SOMEBODY^ELSE"));
    site.run();
    // A padded pack of header and tree, and the record; the pixels alone would take as much again.
    let added = site.memory.bytes() - first;
    assert!(added < 100_000, "{added}");

    let opened = site.open();
    let (reader, filter) = (opened.reader(), Filter::default());
    let part = Part::Below(site.root());
    let wanted = wanted(&reader, opened.latest(), &part, &filter);
    let target = tempfile::tempdir().unwrap();
    let options = RestoreOptions {
        verifying: Verifying::Yes,
        ..RestoreOptions::default()
    };
    let report = restore(&wanted, target.path(), &options, &Void).unwrap();
    assert!(report.is_whole(), "{:?}", report.failures);
    assert_eq!(look(target.path()), look(&site.data()));
    assert_eq!(
        fs::read(target.path().join("reads.fastq")).unwrap(),
        fastq()
    );
}
