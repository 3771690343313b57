//! Writes the vectors that freeze the format: `--example vectors -- cut|frame`.
//!
//! Committed vectors are never rewritten, only added to: stored data depends on them.
#![allow(clippy::print_stdout, reason = "printing is what it is for")]

use std::error::Error;

use data_encoding::HEXLOWER;
use ov_coding::{
    Coder, CutKey, Cutter, Effort, Encoder, GEAR_CONTEXT, PlainFrame, Profile, Raster, Shape, Sign,
};
use serde_json::{Value, json};

/// Input of the keyed BLAKE3 whose extendable output is the material to cut.
const MATERIAL_CONTEXT: &[u8] = b"oncovault test material";

fn main() -> Result<(), Box<dyn Error>> {
    let vectors = match std::env::args().nth(1).as_deref() {
        Some("cut") => cut_vectors(),
        Some("frame") => frame_vectors()?,
        _ => return Err("say which: cut or frame".into()),
    };
    println!("{}", serde_json::to_string_pretty(&vectors)?);
    Ok(())
}

fn cut_vectors() -> Value {
    const MIB: usize = 1 << 20;
    let cases = [
        (Profile::DEFAULT, 1, "noise", 4 * MIB + 17),
        (Profile::TEXT, 1, "noise", MIB + 1),
        (Profile::LARGE, 1, "noise", 12 * MIB),
        (Profile::TEXT, 2, "noise", MIB + 1),
        (Profile::TEXT, 3, "acgt", MIB),
        (Profile::DEFAULT, 4, "zeros", 2 * MIB + 5),
        (Profile::TEXT, 5, "noise", 16 << 10),
        (Profile::TEXT, 5, "noise", 100),
        (Profile::TEXT, 5, "noise", 0),
    ];
    json!({
        "about": "Cut points. noise: the first length bytes of keyed BLAKE3 (key: seed, 32 equal \
                  bytes; input: material_context) in extendable output mode; acgt: each byte b of \
                  noise becomes ACGT[b & 3]; zeros: zeros. ends: where each chunk ends.",
        "gear_context": text(GEAR_CONTEXT),
        "material_context": text(MATERIAL_CONTEXT),
        "cases": cases.map(cut_case),
    })
}

fn cut_case((profile, seed, material, length): (Profile, u8, &str, usize)) -> Value {
    let (key, seed) = ([0x40 + seed; 32], [seed; 32]);
    let data = make(material, seed, length);
    let cutter = Cutter::new(&CutKey::new(key), profile);
    let ends = cutter.chunks(&data).scan(0, |end, chunk| {
        *end += chunk.len();
        Some(*end)
    });
    json!({
        "profile": profile.id(),
        "min": profile.min(),
        "normal": profile.normal(),
        "max": profile.max(),
        "key": HEXLOWER.encode(&key),
        "gear_first": HEXLOWER.encode(&first_of_gear(key)),
        "material": material,
        "seed": HEXLOWER.encode(&seed),
        "length": length,
        "ends": ends.collect::<Vec<_>>(),
    })
}

/// The first two numbers of the table, as they come out of BLAKE3.
fn first_of_gear(key: [u8; 32]) -> [u8; 16] {
    let mut first = [0; 16];
    let mut hasher = blake3::Hasher::new_keyed(&key);
    hasher.update(GEAR_CONTEXT).finalize_xof().fill(&mut first);
    first
}

fn make(material: &str, seed: [u8; 32], length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    if material != "zeros" {
        let mut hasher = blake3::Hasher::new_keyed(&seed);
        let mut xof = hasher.update(MATERIAL_CONTEXT).finalize_xof();
        xof.fill(&mut bytes);
    }
    if material == "acgt" {
        for byte in &mut bytes {
            *byte = b"ACGT"[usize::from(*byte & 3)];
        }
    }
    bytes
}

fn frame_vectors() -> Result<Value, Box<dyn Error>> {
    let text = b"OBX|1|NM|2160-0^Creatinine||0.9|mg/dL\r".repeat(20);
    let noise = make("noise", [7; 32], 300);
    let accepted = [
        frame_case("one chunk, stored", &[&noise])?,
        frame_case("three chunks, stored", &[b"a", &noise, b"bc"])?,
        frame_case("one empty chunk", &[b""])?,
        frame_case("one chunk, zstd", &[&text])?,
        frame_case(
            "four chunks, zstd, one of them empty",
            &[&text, b"", b"x", &text],
        )?,
        image_case(
            "an image of 16 bits, unsigned",
            &[&pixels(600, 2, 900)],
            (30, 1, 2, Sign::Unsigned),
        )?,
        image_case(
            "two images of 16 bits, signed, in rows that their ends cut",
            &[&pixels(500, 2, -3), &pixels(333, 2, 40)],
            (30, 1, 2, Sign::Signed),
        )?,
        image_case(
            "an image of three colours of 8 bits",
            &[&pixels(900, 1, 130)],
            (60, 3, 1, Sign::Unsigned),
        )?,
        image_case(
            "an image of 32 bits, and three bytes more",
            &[&pixels(400, 4, 70_000), b"abc"],
            (25, 1, 4, Sign::Unsigned),
        )?,
        image_case(
            "an image of less than a row",
            &[&pixels(200, 2, 5)],
            (1000, 4, 2, Sign::Signed),
        )?,
        reads_case("reads", &[&fastq(40, "")])?,
        reads_case(
            "reads in two chunks, with names behind the plus, cut at both ends",
            &[&fastq(30, "+")[33..], &fastq(25, "+")[..2000]],
        )?,
    ];
    Ok(json!({
        "about": "Coded frames. accepted: frame, decoded with coder, gives exactly chunks. A \
                  writer may code otherwise, a reader must read these. refused: error by name.",
        "accepted": accepted,
        "refused": refused_cases(&text)?,
    }))
}

/// Samples that go up and down around `middle`, of this many bytes each.
fn pixels(count: i64, bytes: usize, middle: i64) -> Vec<u8> {
    let sample = |n: i64| middle + n % 30 - (n / 30) % 7 * 3 + n * n % 5;
    let samples = (0..count).flat_map(|n| sample(n).to_le_bytes()[..bytes].to_vec());
    samples.collect()
}

/// Records with some odd names and bases, and lengths that differ.
fn fastq(records: usize, plus: &str) -> Vec<u8> {
    let noise = make("acgt", [9; 32], 61 * records);
    let noise = String::from_utf8_lossy(&noise);
    let record = |n: usize| {
        let mut bases = noise[50 * n..50 * n + 50 + n * n % 11].to_owned();
        if n % 7 == 3 {
            bases.replace_range(5..8, "NNr");
        }
        let quality: String = (0..bases.len())
            .map(|k| ["FFFFFF:F,", "FFFFFF:F#5+"][n % 2].as_bytes()[(k * k + n) % 9] as char)
            .collect();
        let name = match n % 9 {
            4 => format!("SRR007.{n} odd"),
            _ => format!("A0:45:H2:{}:{} 1:N:0:ACGT", 1000 + 3 * n, n * 7919 % 5000),
        };
        let behind = if plus.is_empty() { "" } else { &name };
        format!("@{name}\n{bases}\n+{behind}\n{quality}\n")
    };
    (0..records).map(record).collect::<String>().into_bytes()
}

fn frame(content: &[u8]) -> Result<Vec<u8>, std::io::Error> {
    zstd::bulk::compress(content, 3)
}

/// The first part of reads that hold no records, only these bytes before them.
fn no_reads(head: &[u8], plus: u8, bits: u8) -> Vec<u8> {
    let mut facts = vec![0; 20];
    facts[0] = u8::try_from(head.len()).unwrap_or(u8::MAX);
    facts.extend([plus, bits]);
    facts.extend(head);
    facts
}

fn reads_case(name: &str, chunks: &[&[u8]]) -> Result<Value, Box<dyn Error>> {
    let case = shaped_case(name, chunks, Shape::Reads)?;
    if case["coder"] != Coder::Reads.id() {
        return Err(format!("{name}: another coder is better").into());
    }
    Ok(case)
}

fn image_case(
    name: &str,
    chunks: &[&[u8]],
    (row, step, bytes, sign): (u32, u8, u8, Sign),
) -> Result<Value, Box<dyn Error>> {
    let raster = Raster::new(row, step, bytes, sign).ok_or("no raster")?;
    let case = shaped_case(name, chunks, Shape::Raster(raster))?;
    if case["coder"] != Coder::Image.id() {
        return Err(format!("{name}: another coder is better").into());
    }
    Ok(case)
}

fn frame_case(name: &str, chunks: &[&[u8]]) -> Result<Value, Box<dyn Error>> {
    shaped_case(name, chunks, Shape::Unknown)
}

fn shaped_case(name: &str, chunks: &[&[u8]], shape: Shape) -> Result<Value, Box<dyn Error>> {
    let coded = Encoder::new()?
        .code(shape, &PlainFrame::of(chunks)?, Effort::Normal)
        .to_frame();
    let chunks = chunks
        .iter()
        .map(|plain| json!({ "plain": HEXLOWER.encode(plain) }));
    Ok(json!({
        "name": name,
        "coder": coded.coder.id(),
        "frame": HEXLOWER.encode(&coded.bytes),
        "chunks": chunks.collect::<Vec<_>>(),
    }))
}

fn refused_cases(text: &[u8]) -> Result<Vec<Value>, Box<dyn Error>> {
    let [store, zstd, image, reads] = Coder::ALL.map(Coder::id);
    let packed = zstd::bulk::compress(text, 3)?;
    let unsized_frame = zstd::stream::encode_all(text, 3)?;
    let length = u32::try_from(text.len())?;
    let one = |length: u32, payload: &[u8]| [&[1, 0], &length.to_le_bytes()[..], payload].concat();
    let head = &b"\x05\0\0\0\x01\x01\0"[..];
    let cut_short = &packed[..packed.len() - 1];
    let case = |name: &str, coder: u8, frame: Vec<u8>, error: &str| {
        json!({
            "name": name,
            "coder": coder,
            "frame": HEXLOWER.encode(&frame),
            "error": error,
        })
    };
    Ok(vec![
        case("no bytes", store, vec![], "TooShort"),
        case("no chunks", store, vec![0, 0], "NoChunks"),
        case(
            "the table ends early",
            store,
            vec![2, 0, 1, 2, 3],
            "TableCut",
        ),
        case("a byte too few", store, one(3, b"ab"), "LengthMismatch"),
        case("a byte too many", store, one(3, b"abcd"), "LengthMismatch"),
        case(
            "above 8 MiB",
            store,
            one((8 << 20) + 1, b""),
            "PlainTooLarge",
        ),
        case(
            "zstd of another length",
            zstd,
            one(length + 1, &packed),
            "LengthMismatch",
        ),
        case(
            "zstd without its size",
            zstd,
            one(length, &unsized_frame),
            "NotOneZstdFrame",
        ),
        case(
            "zstd cut short",
            zstd,
            one(length, cut_short),
            "NotOneZstdFrame",
        ),
        case(
            "two zstd frames",
            zstd,
            one(2 * length, &[&packed[..], &packed].concat()),
            "NotOneZstdFrame",
        ),
        case("not zstd", zstd, one(3, b"abc"), "NotOneZstdFrame"),
        case(
            "an image without its parameters",
            image,
            one(length, &packed),
            "DamagedImage",
        ),
        case(
            "an image with a plane too short",
            image,
            one(4, &[head, &frame(b"abc")?].concat()),
            "LengthMismatch",
        ),
        case(
            "an image with a plane too many",
            image,
            one(4, &[head, &frame(b"abcd")?, &frame(b"abcd")?].concat()),
            "NotOneZstdFrame",
        ),
        case(
            "reads of two parts",
            reads,
            one(4, &[frame(b"abcd")?, frame(b"")?].concat()),
            "NotOneZstdFrame",
        ),
        case(
            "reads with a part too long",
            reads,
            one(4, &[frame(&[0; 69])?, frame(b"")?, frame(b"")?].concat()),
            "LengthMismatch",
        ),
        case(
            "reads that give too few bytes",
            reads,
            one(
                4,
                &[frame(&no_reads(b"abc", 0, 8))?, frame(b"")?, frame(b"")?].concat(),
            ),
            "DamagedReads",
        ),
        case(
            "reads with three bits for a quality",
            reads,
            one(
                4,
                &[frame(&no_reads(b"abcd", 0, 3))?, frame(b"")?, frame(b"")?].concat(),
            ),
            "DamagedReads",
        ),
        case(
            "reads with something else behind the plus",
            reads,
            one(
                4,
                &[frame(&no_reads(b"abcd", 2, 8))?, frame(b"")?, frame(b"")?].concat(),
            ),
            "DamagedReads",
        ),
        case(
            "reads with more bases than their lengths say",
            reads,
            one(
                4,
                &[frame(&no_reads(b"abcd", 0, 8))?, frame(b"x")?, frame(b"")?].concat(),
            ),
            "DamagedReads",
        ),
        case(
            "an image of rows of no samples",
            image,
            one(4, b"\0\0\0\0\x01\x02\0"),
            "DamagedImage",
        ),
        case(
            "an image of samples of three bytes",
            image,
            one(4, b"\x05\0\0\0\x01\x03\0"),
            "DamagedImage",
        ),
        case(
            "an image with an unknown flag",
            image,
            one(4, b"\x05\0\0\0\x01\x02\x02"),
            "DamagedImage",
        ),
        case("an unknown coder", 9, one(3, b"abc"), "UnknownCoder"),
    ])
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
