//! Genomics: reads as a sequencer writes them (FASTQ), and reads and variants in BGZF blocks
//! (SAM specification section 4.1), as aligners and callers write them.

use super::tree::Tree;
use crate::bench::random::Random;
use crate::finding::Chore;
use miniz_oxide::deflate::compress_to_vec;
use std::fmt::Write;

const READ_BASES: usize = 150;
const BASES: &[u8; 4] = b"ACGT";
/// Plain bytes of a block, as htslib cuts them.
const BLOCK_BYTES: usize = 65_280;
/// What a BGZF file ends with: an empty block.
const END: [u8; 28] = [
    0x1f, 0x8b, 8, 4, 0, 0, 0, 0, 0, 0xff, 6, 0, 0x42, 0x43, 2, 0, 0x1b, 0, 3, 0, 0, 0, 0, 0, 0, 0,
    0, 0,
];
/// What compressors of such files use unless told otherwise.
const DEFLATE_LEVEL: u8 = 6;

/// Write pairs of FASTQ files until there are about so many bytes.
pub fn write_reads(tree: &mut Tree, folder: &str, seed: &str, bytes: u64) -> Result<(), Chore> {
    let genome = genome(seed, bytes / 12);
    let until = tree.bytes() + bytes;
    let each = usize::try_from((bytes / 6).clamp(1 << 16, 100 << 20)).unwrap_or(1 << 20);
    let mut sample = 0;
    while tree.bytes() < until {
        sample += 1;
        let mut random = Random::of(&format!("{seed}/sample {sample}"));
        // Every third sample stems from an older machine with forty grades of quality.
        let grades = if sample % 3 == 0 {
            Grades::Many
        } else {
            Grades::Four
        };
        let [first, second] = pair(&mut random, &genome, grades, sample, each);
        tree.put(&format!("{folder}/S{sample:02}_R1.fastq"), &first)?;
        tree.put(&format!("{folder}/S{sample:02}_R2.fastq"), &second)?;
    }
    Ok(())
}

/// Random bases; one stretch in ten is a copy of an earlier one, as genomes have it.
fn genome(seed: &str, bases: u64) -> Vec<u8> {
    let mut random = Random::of(&format!("{seed}/genome"));
    let bases = usize::try_from(bases.max(200_000)).unwrap_or(200_000);
    let mut genome = Vec::with_capacity(bases + 2000);
    while genome.len() < bases {
        if genome.len() > 50_000 && random.chance(100) {
            let from = index(&mut random, genome.len() - 2000);
            genome.extend_from_within(from..from + 1500);
        } else {
            let drawn = random.bytes(1500);
            genome.extend(drawn.iter().map(|byte| BASES[usize::from(byte & 3)]));
        }
    }
    genome
}

/// The first mate of a pair and the second.
const STRANDS: [Strand; 2] = [Strand::This, Strand::Other];

#[derive(Clone, Copy)]
enum Grades {
    Four,
    Many,
}

fn pair(
    random: &mut Random,
    genome: &[u8],
    grades: Grades,
    sample: u64,
    bytes: usize,
) -> [Vec<u8>; 2] {
    let mut files = [
        Vec::with_capacity(bytes + 500),
        Vec::with_capacity(bytes + 500),
    ];
    let (mut row, lane) = (1000, sample % 4 + 1);
    while files[0].len() < bytes {
        row += random.below(4);
        let (tile, column) = (1101 + row / 36_000, random.within(1000..=32_000));
        let fragment = index(random, genome.len() - 700);
        let gap = index(random, 300);
        for (mate, (file, strand)) in files.iter_mut().zip(STRANDS).enumerate() {
            let from = fragment + mate * (READ_BASES + gap);
            let read = read(random, &genome[from..from + READ_BASES], strand);
            let name = format!(
                "@A00123:45:HXXYYDSX2:{lane}:{tile}:{column}:{} {}:N:0:ACGTACGT\n",
                row % 36_000,
                mate + 1
            );
            file.extend_from_slice(name.as_bytes());
            file.extend_from_slice(&read);
            file.extend_from_slice(b"\n+\n");
            file.extend_from_slice(&qualities(random, grades));
            file.push(b'\n');
        }
    }
    files
}

/// Which of the two strands a read stems from.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Strand {
    This,
    Other,
}

/// A stretch of the genome, sometimes with an error, the second mate from the other strand.
fn read(random: &mut Random, stretch: &[u8], strand: Strand) -> Vec<u8> {
    let mut read = stretch.to_vec();
    if strand == Strand::Other {
        read.reverse();
        for base in &mut read {
            *base = match *base {
                b'A' => b'T',
                b'C' => b'G',
                b'G' => b'C',
                _ => b'A',
            };
        }
    }
    for _ in 0..random.repeats(300, 4) {
        let at = index(random, READ_BASES);
        read[at] = match random.chance(50) {
            true => b'N',
            false => random.pick(BASES),
        };
    }
    read
}

/// Runs of one grade, worse towards the end of the read.
fn qualities(random: &mut Random, grades: Grades) -> Vec<u8> {
    let mut line = Vec::with_capacity(READ_BASES);
    while line.len() < READ_BASES {
        let late = u64::try_from(line.len()).unwrap_or_default();
        let (grade, longest) = match grades {
            Grades::Four if random.chance(780 - late) => (b'F', 60),
            Grades::Four => (random.pick(b":::,,#"), 3),
            Grades::Many => {
                let worse = random.below(6 + late / 6) + random.below(4);
                (b'I' - u8::try_from(worse.min(38)).unwrap_or(38), 2)
            }
        };
        let run = 1 + index(random, longest);
        line.extend(std::iter::repeat_n(grade, run.min(READ_BASES - line.len())));
    }
    line
}

/// Write alignments and variants in BGZF until there are about so many bytes.
pub fn write_blocks(tree: &mut Tree, folder: &str, seed: &str, bytes: u64) -> Result<(), Chore> {
    let genome = genome(seed, bytes / 12);
    let until = tree.bytes() + bytes;
    let each = usize::try_from((bytes / 5).clamp(1 << 16, 100 << 20)).unwrap_or(1 << 20);
    let mut sample = 0;
    while tree.bytes() < until {
        sample += 1;
        let mut random = Random::of(&format!("{seed}/sample {sample}"));
        let alignments = blocks(each, &bam_header(&genome), |plain, at| {
            alignment(plain, &mut random, &genome, at);
        });
        tree.put(&format!("{folder}/S{sample:02}.bam"), &alignments)?;
        let head =
            b"##fileformat=VCFv4.3\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\tS\n";
        let variants = blocks(each / 8, head, |plain, at| {
            variant(plain, &mut random, &genome, at);
        });
        tree.put(&format!("{folder}/S{sample:02}.vcf.gz"), &variants)?;
    }
    Ok(())
}

/// A BGZF file of about so many bytes: `next` adds a record to the plain bytes and moves on.
fn blocks(bytes: usize, head: &[u8], mut next: impl FnMut(&mut Vec<u8>, &mut u64)) -> Vec<u8> {
    let mut file = Vec::with_capacity(bytes + BLOCK_BYTES);
    let (mut plain, mut at) = (head.to_vec(), 10_000);
    while file.len() < bytes {
        while plain.len() < BLOCK_BYTES {
            next(&mut plain, &mut at);
        }
        file.extend_from_slice(&block(&plain[..BLOCK_BYTES]));
        plain.drain(..BLOCK_BYTES);
    }
    file.extend_from_slice(&block(&plain));
    file.extend_from_slice(&END);
    file
}

fn block(plain: &[u8]) -> Vec<u8> {
    let packed = compress_to_vec(plain, DEFLATE_LEVEL);
    let mut block = END[..16].to_vec();
    // The length of the block less one: header of 18 bytes, data, trailer of 8.
    let length = u16::try_from(packed.len() + 25).unwrap_or(u16::MAX);
    block.extend_from_slice(&length.to_le_bytes());
    block.extend_from_slice(&packed);
    block.extend_from_slice(&crc32fast::hash(plain).to_le_bytes());
    let size = u32::try_from(plain.len()).unwrap_or_default();
    block.extend_from_slice(&size.to_le_bytes());
    block
}

/// A header of BAM with one reference and no text.
fn bam_header(genome: &[u8]) -> Vec<u8> {
    let mut head = b"BAM\x01\0\0\0\0\x01\0\0\0\x05\0\0\0chr1\0".to_vec();
    let bases = u32::try_from(genome.len()).unwrap_or(u32::MAX);
    head.extend_from_slice(&bases.to_le_bytes());
    head
}

/// One record of BAM (SAM specification section 4.2), sorted by position.
fn alignment(plain: &mut Vec<u8>, random: &mut Random, genome: &[u8], at: &mut u64) {
    *at += random.below(6);
    let from = usize::try_from(*at).unwrap_or_default() % (genome.len() - 1000);
    let position = i32::try_from(from).unwrap_or_default();
    let name = format!(
        "A00123:45:HXXYYDSX2:1:{}:{}:{}\0",
        1101 + random.below(78),
        random.within(1000..=32_000),
        random.below(36_000)
    );
    let bases = read(random, &genome[from..from + READ_BASES], Strand::This);
    let qualities = qualities(random, Grades::Four);
    let mut record = Vec::with_capacity(320);
    record.extend_from_slice(&0i32.to_le_bytes());
    record.extend_from_slice(&position.to_le_bytes());
    record.extend_from_slice(&[u8::try_from(name.len()).unwrap_or_default(), 60]);
    for field in [4681u16, 1, if random.chance(500) { 99 } else { 147 }] {
        record.extend_from_slice(&field.to_le_bytes());
    }
    for field in [150, 0, position + 280, 430i32] {
        record.extend_from_slice(&field.to_le_bytes());
    }
    record.extend_from_slice(name.as_bytes());
    record.extend_from_slice(&(150u32 << 4).to_le_bytes());
    record.extend(
        bases
            .chunks(2)
            .map(|two| nibble(two[0]) << 4 | nibble(two[1])),
    );
    record.extend(qualities.iter().map(|quality| quality - 33));
    record.extend_from_slice(b"NMC\0MDZ150\0ASC\x96RGZgroup1\0");
    let length = u32::try_from(record.len()).unwrap_or_default();
    plain.extend_from_slice(&length.to_le_bytes());
    plain.extend_from_slice(&record);
}

fn nibble(base: u8) -> u8 {
    match base {
        b'A' => 1,
        b'C' => 2,
        b'G' => 4,
        b'T' => 8,
        _ => 15,
    }
}

fn variant(plain: &mut Vec<u8>, random: &mut Random, genome: &[u8], at: &mut u64) {
    *at += random.within(20..=1500);
    let from = usize::try_from(*at).unwrap_or_default() % (genome.len() - 1000);
    let (old, new) = (char::from(genome[from]), char::from(random.pick(BASES)));
    let (quality, depth) = (random.within(30..=3000), random.within(8..=90));
    let mut line = String::new();
    // Writing into a string does not fail.
    let _ = writeln!(
        line,
        "chr1\t{from}\t.\t{old}\t{new}\t{quality}\tPASS\tDP={depth};AF=0.{}\tGT:DP\t0/1:{depth}",
        random.below(1000)
    );
    plain.extend_from_slice(line.as_bytes());
}

fn index(random: &mut Random, length: usize) -> usize {
    let length = u64::try_from(length).unwrap_or_default();
    usize::try_from(random.below(length)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use miniz_oxide::inflate::decompress_to_vec;

    #[test]
    fn blocks_say_their_length_and_inflate_to_what_went_in() {
        let file = blocks(200_000, b"head", |plain, at| {
            *at += 1;
            plain.extend_from_slice(format!("record {at}\n").as_bytes());
        });
        let (mut at, mut plain) = (0, Vec::new());
        while at < file.len() {
            assert_eq!(&file[at..at + 4], [0x1f, 0x8b, 8, 4]);
            let length = usize::from(u16::from_le_bytes([file[at + 16], file[at + 17]])) + 1;
            plain.extend(decompress_to_vec(&file[at + 18..at + length - 8]).unwrap());
            at += length;
        }
        assert_eq!(at, file.len());
        assert!(file.ends_with(&END));
        assert!(plain.starts_with(b"headrecord 10001\nrecord 10002\n"));
    }

    #[test]
    fn reads_have_as_many_qualities_as_bases() {
        let mut random = Random::of("reads");
        let genome = genome("reads", 100_000);
        for grades in [Grades::Four, Grades::Many] {
            let [first, second] = pair(&mut random, &genome, grades, 1, 20_000);
            for file in [first, second] {
                let text = String::from_utf8(file).unwrap();
                let lines: Vec<&str> = text.lines().collect();
                assert_eq!(lines.len() % 4, 0);
                for record in lines.chunks(4) {
                    assert!(record[0].starts_with('@') && record[2] == "+");
                    assert_eq!((record[1].len(), record[3].len()), (READ_BASES, READ_BASES));
                }
            }
        }
    }
}
