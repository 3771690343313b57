//! Chunks to coded bytes: compress where it pays, prove that it can be undone, else store.

use std::fmt;

use zstd::zstd_safe::{CCtx, CParameter};

use crate::coder::{Coder, Effort};
use crate::decode::Decoder;
use crate::error::CodingError;
use crate::frame::PlainFrame;

/// A coded payload is kept if it saves at least one byte in this many (3 %).
const GAIN_SHARE: usize = 32;

/// Below this a trial costs as much as compressing all of it.
const SAMPLED_MIN: usize = 64 << 10;

const SAMPLES: usize = 8;
const SAMPLE_BYTES: usize = 2 << 10;

/// Level 1 and not a negative one: those skip the entropy coding of literals, and would take
/// 16-bit pixels for noise.
const SAMPLE_LEVEL: i32 = 1;

/// A coded frame: what is encrypted, and the coder that belongs beside it.
#[derive(Clone, PartialEq, Eq)]
pub struct CodedFrame {
    /// How the payload is coded.
    pub coder: Coder,
    /// Chunk table and coded payload.
    pub bytes: Vec<u8>,
}

/// Lengths only: stored payloads are plain bytes.
impl fmt::Debug for CodedFrame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "CodedFrame({:?}, {} bytes)",
            self.coder,
            self.bytes.len()
        )
    }
}

/// Codes frames and proves them; holds what zstd wants to use again. One per thread.
pub struct Encoder {
    compressor: CCtx<'static>,
    sampler: CCtx<'static>,
    prover: Decoder,
    sample: Vec<u8>,
    trial: Vec<u8>,
    proof: Vec<u8>,
}

impl Encoder {
    /// Makes the contexts.
    pub fn new() -> Result<Self, CodingError> {
        let context = || CCtx::try_create().ok_or(CodingError::NoMemory);
        Ok(Self {
            compressor: context()?,
            sampler: context()?,
            prover: Decoder::new()?,
            sample: Vec::new(),
            trial: Vec::new(),
            proof: Vec::new(),
        })
    }

    /// Codes a frame. Never fails: what cannot be coded with gain and proof is stored.
    pub fn encode(&mut self, frame: &PlainFrame, effort: Effort) -> CodedFrame {
        let plain = frame.plain();
        let zstd = match effort.zstd_level() {
            Some(level) if self.seems_to_shrink(plain) => self.zstd(frame, level),
            _ => None,
        };
        zstd.unwrap_or_else(|| store(frame))
    }

    fn zstd(&mut self, frame: &PlainFrame, level: i32) -> Option<CodedFrame> {
        let plain = frame.plain();
        let table = frame.table_bytes();
        let room = largest_gain(plain.len());
        let mut bytes = Vec::with_capacity(table + room);
        frame.write_table(&mut bytes);
        bytes.resize(table + room, 0);
        // zstd stops by itself where it finds no room, that is, no gain.
        let payload = bytes.get_mut(table..)?;
        let length = compress(&mut self.compressor, level, payload, plain)?;
        bytes.truncate(table + length);
        let proven = self.undoes(bytes.get(table..)?, plain);
        let coder = Coder::Zstd;
        proven.then_some(CodedFrame { coder, bytes })
    }

    /// The rule of every coder: its output is decoded and compared before it is kept.
    fn undoes(&mut self, payload: &[u8], plain: &[u8]) -> bool {
        let decoded = self.prover.unzstd(payload, plain.len(), &mut self.proof);
        decoded.is_ok() && self.proof == plain
    }

    /// A few blocks from all over the frame, tried together. Misses repeats that lie far apart in
    /// bytes that look random; those are rare, as whole chunks that repeat are never here twice.
    fn seems_to_shrink(&mut self, plain: &[u8]) -> bool {
        if plain.len() < SAMPLED_MIN {
            return true;
        }
        self.sample.clear();
        let last = plain.len() - SAMPLE_BYTES;
        for n in 0..SAMPLES {
            let at = last / (SAMPLES - 1) * n;
            self.sample.extend_from_slice(&plain[at..at + SAMPLE_BYTES]);
        }
        self.trial.resize(largest_gain(self.sample.len()), 0);
        let sampler = &mut self.sampler;
        compress(sampler, SAMPLE_LEVEL, &mut self.trial, &self.sample).is_some()
    }
}

impl fmt::Debug for Encoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Encoder")
    }
}

fn store(frame: &PlainFrame) -> CodedFrame {
    let mut bytes = Vec::with_capacity(frame.table_bytes() + frame.plain().len());
    frame.write_table(&mut bytes);
    bytes.extend_from_slice(frame.plain());
    let coder = Coder::Store;
    CodedFrame { coder, bytes }
}

/// The longest payload that is still worth decoding.
const fn largest_gain(plain: usize) -> usize {
    plain - plain.div_ceil(GAIN_SHARE)
}

fn compress(zstd: &mut CCtx<'_>, level: i32, out: &mut [u8], plain: &[u8]) -> Option<usize> {
    zstd.set_parameter(CParameter::CompressionLevel(level))
        .ok()?;
    zstd.compress2(out, plain).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noise(length: usize) -> Vec<u8> {
        let mut bytes = vec![0; length];
        let mut xof = blake3::Hasher::new_keyed(&[9; 32]).finalize_xof();
        xof.fill(&mut bytes);
        bytes
    }

    fn coder_of(plain: Vec<u8>, effort: Effort) -> Coder {
        let frame = PlainFrame::alone(plain).unwrap();
        let coded = Encoder::new().unwrap().encode(&frame, effort);
        let decoded = Decoder::new().unwrap().decode(coded.coder, &coded.bytes);
        assert_eq!(decoded, Ok(frame));
        coded.coder
    }

    #[test]
    fn text_is_compressed_and_noise_is_stored() {
        let text = b"OBX|1|NM|2160-0^Creatinine||0.9|mg/dL\r".repeat(9000);
        assert_eq!(coder_of(text.clone(), Effort::Fast), Coder::Zstd);
        assert_eq!(coder_of(text.clone(), Effort::Normal), Coder::Zstd);
        assert_eq!(coder_of(text.clone(), Effort::High), Coder::Zstd);
        assert_eq!(coder_of(text, Effort::None), Coder::Store);
        for length in [0, 1, 100, 5000, 65536, 300_000] {
            assert_eq!(coder_of(noise(length), Effort::High), Coder::Store);
        }
    }

    #[test]
    fn twelve_bits_in_sixteen_are_not_taken_for_noise() {
        let pixels: Vec<u8> = noise(400_000)
            .chunks_exact(2)
            .flat_map(|two| [two[0], two[1] & 0x0F])
            .collect();
        assert_eq!(coder_of(pixels, Effort::Fast), Coder::Zstd);
    }

    #[test]
    fn a_part_that_shrinks_among_noise_is_found() {
        let mut mixed = noise(256 << 10);
        mixed[100_000..180_000].fill(b' ');
        assert_eq!(coder_of(mixed, Effort::Normal), Coder::Zstd);
    }

    #[test]
    fn a_gain_below_three_percent_is_not_kept() {
        let mut plain = noise(60_000);
        plain[..1000].fill(0);
        assert_eq!(coder_of(plain.clone(), Effort::Normal), Coder::Store);
        plain[..6000].fill(0);
        assert_eq!(coder_of(plain, Effort::Normal), Coder::Zstd);
    }

    #[test]
    fn a_payload_that_does_not_decode_to_its_plain_bytes_is_not_proven() {
        let mut encoder = Encoder::new().unwrap();
        let plain = b"abcabcabc".repeat(100);
        let payload = zstd::bulk::compress(&plain, 3).unwrap();
        assert!(encoder.undoes(&payload, &plain));
        let mut other = plain.clone();
        other[450] ^= 1;
        assert!(!encoder.undoes(&payload, &other));
        assert!(!encoder.undoes(&payload, &plain[1..]));
        assert!(!encoder.undoes(&payload[1..], &plain));
    }

    #[test]
    fn a_used_encoder_gives_the_same_bytes_as_a_new_one() {
        let mut used = Encoder::new().unwrap();
        for (n, effort) in [Effort::High, Effort::Normal, Effort::Fast]
            .into_iter()
            .enumerate()
        {
            let text: Vec<u8> = noise(200_000)
                .iter()
                .map(|b| b"ACGT"[usize::from(b & 3)])
                .collect();
            let frame = PlainFrame::alone(text[n * 999..].to_vec()).unwrap();
            let fresh = Encoder::new().unwrap().encode(&frame, effort);
            assert_eq!(used.encode(&frame, effort), fresh);
        }
    }
}
