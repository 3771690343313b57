//! Prints in bytes per second what one processor reaches with each primitive through which every
//! stored byte goes: `cargo run --release --package ov-backup --example primitives`.
#![allow(clippy::print_stdout, reason = "printing is what it is for")]

use std::hint::black_box;
use std::time::Instant;

use ov_coding::{CutKey, Cutter, Profile};
use ov_seal::aead::AeadKey;
use ov_seal::kdf::Key32;

const TOTAL: usize = 64 << 20;
const CHUNK: usize = 1 << 20;
const ROUNDS: u32 = 9;

fn main() {
    let mut noise = vec![0; TOTAL];
    let key = [7; 32];
    blake3::Hasher::new_keyed(&key)
        .finalize_xof()
        .fill(&mut noise);
    let cutter = Cutter::new(&CutKey::new(key), Profile::DEFAULT);
    let seal = AeadKey::new(&Key32::new(key));
    print_rate("cut", || {
        black_box(cutter.chunks(&noise).count());
    });
    print_rate("chunk id", || {
        for chunk in noise.chunks(CHUNK) {
            black_box(blake3::keyed_hash(&key, chunk));
        }
    });
    print_rate("seal", || {
        for chunk in noise.chunks(CHUNK) {
            black_box(seal.seal(0, b"", chunk));
        }
    });
    print_rate("frame hash", || {
        for chunk in noise.chunks(CHUNK) {
            black_box(blake3::hash(chunk));
        }
    });
    print_rate("pack name", || {
        black_box(blake3::hash(&noise));
    });
}

/// The best of some rounds: what disturbs can only make it slower.
fn print_rate(name: &str, mut work: impl FnMut()) {
    let mut best = f64::INFINITY;
    for _ in 0..ROUNDS {
        let start = Instant::now();
        work();
        best = best.min(start.elapsed().as_secs_f64());
    }
    println!("{name} {:.0}", TOTAL as f64 / best);
}
