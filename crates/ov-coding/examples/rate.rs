//! Prints how fast this machine cuts and codes, on one thread: `cargo run --release --example rate`.
#![allow(clippy::print_stdout, reason = "printing is what it is for")]

use std::error::Error;
use std::hint::black_box;
use std::time::Instant;

use ov_coding::{CutKey, Cutter, Decoder, Effort, Encoder, PlainFrame, Profile};

const TOTAL: usize = 32 << 20;

fn main() -> Result<(), Box<dyn Error>> {
    let noise = noise(TOTAL);
    let text = text(TOTAL);
    rate_of("copy of noise", TOTAL, || {
        Ok(black_box(noise.to_vec()).len())
    })?;
    cutting(&noise)?;
    coding("noise", &noise)?;
    coding("table text", &text)
}

fn cutting(noise: &[u8]) -> Result<(), Box<dyn Error>> {
    for profile in Profile::ALL {
        let cutter = Cutter::new(&CutKey::new([1; 32]), profile);
        let label = format!("cut noise, normal {} KiB", profile.normal() >> 10);
        let chunks = rate_of(&label, noise.len(), || Ok(cutter.chunks(noise).count()))?;
        println!("    {} KiB on average", noise.len() / chunks / 1024);
    }
    Ok(())
}

fn coding(label: &str, plain: &[u8]) -> Result<(), Box<dyn Error>> {
    for (effort, size) in [
        (Effort::None, 256 << 10),
        (Effort::Fast, 256 << 10),
        (Effort::Normal, 256 << 10),
        (Effort::Normal, 1 << 20),
        (Effort::High, 256 << 10),
    ] {
        let frames = plain
            .chunks(size)
            .map(|part| PlainFrame::alone(part.to_vec()))
            .collect::<Result<Vec<_>, _>>()?;
        let mut encoder = Encoder::new()?;
        let mut decoder = Decoder::new()?;
        let mut coded = Vec::new();
        let label = format!("{label}, frames of {} KiB, {effort:?}", size >> 10);
        rate_of(&format!("encode {label}"), plain.len(), || {
            coded = frames
                .iter()
                .map(|frame| encoder.encode(frame, effort))
                .collect();
            Ok(0)
        })?;
        rate_of(&format!("decode {label}"), plain.len(), || {
            for frame in &coded {
                decoder.decode(frame.coder, &frame.bytes)?;
            }
            Ok(0)
        })?;
        let stored: usize = coded.iter().map(|frame| frame.bytes.len()).sum();
        println!("    {:.3} of the plain size", ratio(stored, plain.len()));
    }
    Ok(())
}

/// Runs nine times and prints the best.
fn rate_of(
    label: &str,
    bytes: usize,
    mut work: impl FnMut() -> Result<usize, Box<dyn Error>>,
) -> Result<usize, Box<dyn Error>> {
    let mut best = f64::INFINITY;
    let mut result = 0;
    for _ in 0..9 {
        let start = Instant::now();
        result = work()?;
        best = best.min(start.elapsed().as_secs_f64());
    }
    println!("{label:55} {:6.2} GB/s", bytes as f64 / best / 1e9);
    Ok(result)
}

fn ratio(part: usize, whole: usize) -> f64 {
    part as f64 / whole as f64
}

fn noise(length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    let mut xof = blake3::Hasher::new_keyed(&[2; 32]).finalize_xof();
    xof.fill(&mut bytes);
    bytes
}

fn text(length: usize) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(length + 80);
    let random = noise(length / 8);
    for (row, value) in random.chunks_exact(3).cycle().enumerate() {
        let [a, b, c] = [value[0], value[1], value[2]];
        let line = format!("{row}\tPAT{a:05}\t2160-0\tCreatinine\t{b}.{c}\tmg/dL\n");
        bytes.extend_from_slice(line.as_bytes());
        if bytes.len() >= length {
            break;
        }
    }
    bytes
}
