//! Chunks to coded bytes: compress where it pays, prove that it can be undone, else store.

use std::{fmt, iter, mem};

use zstd::zstd_safe::{CCtx, CParameter, ParamSwitch, ResetDirective};

use crate::coder::{Coder, Effort};
use crate::decode::Decoder;
use crate::error::CodingError;
use crate::frame::PlainFrame;
use crate::image;
use crate::parts::Parts;
use crate::reads;
use crate::shape::{Raster, Shape};

/// A coded payload is kept if it saves at least one byte in this many (3 %).
const GAIN_SHARE: usize = 32;

/// Below this a trial costs as much as compressing all of it.
const SAMPLED_MIN: usize = 64 << 10;

const SAMPLES: usize = 8;
const SAMPLE_BYTES: usize = 2 << 10;

/// Level 1 and not a negative one: those skip the entropy coding of literals, and would take
/// 16-bit pixels for noise.
const SAMPLE_LEVEL: i32 = 1;

/// What an encoder made of a frame, where it lies: the parts of what is encrypted, one behind the
/// other, and the coder that belongs beside them.
pub struct Coded<'a> {
    /// How the payload is coded.
    pub coder: Coder,
    /// The chunk table.
    pub table: &'a [u8],
    /// The coded payload.
    pub payload: &'a [u8],
}

impl Coded<'_> {
    /// In one piece.
    pub fn to_frame(&self) -> CodedFrame {
        CodedFrame {
            coder: self.coder,
            bytes: [self.table, self.payload].concat(),
        }
    }
}

/// Lengths only: stored payloads are plain bytes.
impl fmt::Debug for Coded<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Coded({:?}, {} bytes)", self.coder, self.payload.len())
    }
}

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
    parts: Parts,
    streams: reads::Streams,
    proof: Vec<u8>,
    table: Vec<u8>,
    /// Coded as its shape says.
    shaped: Vec<u8>,
    /// Coded as bytes.
    plain: Vec<u8>,
}

/// A payload at the start of a buffer.
#[derive(Clone, Copy)]
struct Payload {
    coder: Coder,
    length: usize,
}

/// What is kept of a frame.
enum Kept {
    Stored,
    Shaped(Payload),
    Plain(Payload),
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
            parts: Parts::default(),
            streams: reads::Streams::default(),
            proof: Vec::new(),
            table: Vec::new(),
            shaped: Vec::new(),
            plain: Vec::new(),
        })
    }

    /// Codes a frame of which nothing is known, in one piece: see [`Encoder::code`].
    pub fn encode(&mut self, frame: &PlainFrame, effort: Effort) -> CodedFrame {
        self.code(Shape::Unknown, frame, effort).to_frame()
    }

    /// Codes a frame whose bytes are said to have this shape. If they have not, it costs time, and
    /// never more than a few bytes. Never fails: what cannot be coded with gain and proof is
    /// stored, and then lies where it was.
    pub fn code<'a>(
        &'a mut self,
        shape: Shape,
        frame: &'a PlainFrame,
        effort: Effort,
    ) -> Coded<'a> {
        self.table.clear();
        frame.write_table(&mut self.table);
        let (coder, payload) = match self.choose(shape, frame.plain(), effort) {
            Kept::Stored => (Coder::Store, frame.plain()),
            Kept::Shaped(kept) => (kept.coder, &self.shaped[..kept.length]),
            Kept::Plain(kept) => (kept.coder, &self.plain[..kept.length]),
        };
        Coded {
            coder,
            table: &self.table,
            payload,
        }
    }

    fn choose(&mut self, shape: Shape, plain: &[u8], effort: Effort) -> Kept {
        let Some(level) = effort.zstd_level() else {
            return Kept::Stored;
        };
        let shaped = match shape {
            Shape::Unknown => None,
            Shape::Packed => return Kept::Stored,
            Shape::Raster(raster) => self.image(plain, raster, effort),
            Shape::Reads => self.reads(plain, effort),
        };
        if let Some(shaped) = shaped
            && self.is_clearly_smaller(shaped, plain)
        {
            return Kept::Shaped(shaped);
        }
        let coded = match self.shrinks(plain) {
            true => self.zstd(plain, level),
            false => None,
        };
        match (shaped, coded) {
            (Some(shaped), Some(coded)) if shaped.length > coded.length => Kept::Plain(coded),
            (Some(shaped), _) => Kept::Shaped(shaped),
            (None, Some(coded)) => Kept::Plain(coded),
            (None, None) => Kept::Stored,
        }
    }

    fn image(&mut self, plain: &[u8], raster: Raster, effort: Effort) -> Option<Payload> {
        let mut parts = mem::take(&mut self.parts);
        let mut out = mem::take(&mut self.shaped);
        image::split(plain, raster, &mut parts);
        let tuned = parts.iter().zip(Tuning::of_residuals(effort));
        let kept = self.try_coder(Coder::Image, plain, parts.read_head(), tuned, &mut out);
        (self.parts, self.shaped) = (parts, out);
        kept
    }

    fn reads(&mut self, plain: &[u8], effort: Effort) -> Option<Payload> {
        let mut parts = mem::take(&mut self.parts);
        let mut out = mem::take(&mut self.shaped);
        let split = reads::split(plain, &mut self.streams, &mut parts);
        let tuned = parts.iter().zip(Tuning::of_reads(effort));
        let kept = split.and_then(|()| self.try_coder(Coder::Reads, plain, &[], tuned, &mut out));
        (self.parts, self.shaped) = (parts, out);
        kept
    }

    fn zstd(&mut self, plain: &[u8], level: i32) -> Option<Payload> {
        let mut out = mem::take(&mut self.plain);
        let tuned = [(plain, Tuning::of_level(level))];
        let kept = self.try_coder(Coder::Zstd, plain, &[], tuned, &mut out);
        self.plain = out;
        kept
    }

    /// Compresses the parts that stand for the plain bytes under `coder` into `out`, behind a head.
    /// Kept if there is a gain, and if it decodes. `out` never shrinks: clearing it anew for each
    /// frame would cost as much as a copy.
    fn try_coder<'a>(
        &mut self,
        coder: Coder,
        plain: &[u8],
        head: &[u8],
        parts: impl IntoIterator<Item = (&'a [u8], Tuning)>,
        out: &mut Vec<u8>,
    ) -> Option<Payload> {
        let room = largest_gain(plain.len());
        if out.len() < room {
            out.resize(room, 0);
        }
        out.get_mut(..room)?
            .get_mut(..head.len())?
            .copy_from_slice(head);
        let mut length = head.len();
        for (part, tuning) in parts {
            // zstd stops by itself where it finds no room, that is, no gain.
            let left = out.get_mut(length..room)?;
            length += compress(&mut self.compressor, tuning, left, part)?;
        }
        let proven = self.undoes(coder, out.get(..length)?, plain);
        proven.then_some(Payload { coder, length })
    }

    /// The rule of every coder: its output is decoded and compared before it is kept.
    fn undoes(&mut self, coder: Coder, payload: &[u8], plain: &[u8]) -> bool {
        let proof = &mut self.proof;
        let decoded = self
            .prover
            .decode_payload(coder, payload, plain.len(), proof);
        decoded.is_ok() && self.proof == plain
    }

    /// Whether a trial is enough to see that the plain bytes would not become so small.
    fn is_clearly_smaller(&mut self, coded: Payload, plain: &[u8]) -> bool {
        let tried = self.try_sample(plain, largest_sample());
        let sampled = self.sample.len();
        let expected = tried.map_or(plain.len(), |tried| tried * plain.len() / sampled.max(1));
        coded.length < expected / 8 * 7
    }

    /// A few blocks from all over the frame, tried together. Misses repeats that lie far apart in
    /// bytes that look random; those are rare, as whole chunks that repeat are never here twice.
    fn shrinks(&mut self, plain: &[u8]) -> bool {
        plain.len() < SAMPLED_MIN
            || self
                .try_sample(plain, largest_gain(largest_sample()))
                .is_some()
    }

    /// Compresses a sample to at most `room` bytes, and says how many it takes.
    fn try_sample(&mut self, plain: &[u8], room: usize) -> Option<usize> {
        self.sample.clear();
        let last = plain.len().saturating_sub(SAMPLE_BYTES);
        for n in 0..SAMPLES {
            let at = last / (SAMPLES - 1) * n;
            let block = &plain[at..plain.len().min(at + SAMPLE_BYTES)];
            self.sample.extend_from_slice(block);
        }
        self.trial.resize(room, 0);
        let tuning = Tuning::of_level(SAMPLE_LEVEL);
        compress(&mut self.sampler, tuning, &mut self.trial, &self.sample)
    }
}

/// How zstd goes about it. Free to change: what it gives is read all the same.
#[derive(Clone, Copy)]
struct Tuning {
    level: i32,
    literals: ParamSwitch,
}

impl Tuning {
    const fn of_level(level: i32) -> Self {
        let literals = ParamSwitch::Auto;
        Self { level, literals }
    }

    /// What prediction leaves, plane by plane. The lowest bytes hardly repeat: the time for finding
    /// repeats is saved, the entropy coding of single bytes is not. Those above are nearly all zero,
    /// and long repeats are found in no time.
    fn of_residuals(effort: Effort) -> impl Iterator<Item = Self> {
        let (lowest, above) = match effort {
            Effort::None | Effort::Fast => (-30, -5),
            Effort::Normal => (-10, 1),
            Effort::High => (1, 3),
        };
        let literals = ParamSwitch::Enable;
        let of = move |level| Self { level, literals };
        iter::once(of(lowest)).chain(iter::repeat(of(above)))
    }

    /// What the records are like, their bases, their qualities. Only the first gain from a search
    /// for repeats.
    fn of_reads(effort: Effort) -> [Self; reads::PARTS] {
        let levels = match effort {
            Effort::None | Effort::Fast => [1, -5, 1],
            Effort::Normal => [3, -5, 1],
            Effort::High => [9, 9, 1],
        };
        let literals = ParamSwitch::Enable;
        levels.map(|level| Self { level, literals })
    }
}

impl fmt::Debug for Encoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Encoder")
    }
}

const fn largest_sample() -> usize {
    SAMPLES * SAMPLE_BYTES
}

/// The longest payload that is still worth decoding.
const fn largest_gain(plain: usize) -> usize {
    plain - plain.div_ceil(GAIN_SHARE)
}

fn compress(zstd: &mut CCtx<'_>, tuning: Tuning, out: &mut [u8], content: &[u8]) -> Option<usize> {
    // One that found no room would take no parameters.
    zstd.reset(ResetDirective::SessionOnly).ok()?;
    zstd.set_parameter(CParameter::CompressionLevel(tuning.level))
        .ok()?;
    zstd.set_parameter(CParameter::LiteralCompressionMode(tuning.literals))
        .ok()?;
    zstd.compress2(out, content).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shape::Sign;

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
        assert!(encoder.undoes(Coder::Zstd, &payload, &plain));
        let mut other = plain.clone();
        other[450] ^= 1;
        assert!(!encoder.undoes(Coder::Zstd, &payload, &other));
        assert!(!encoder.undoes(Coder::Zstd, &payload, &plain[1..]));
        assert!(!encoder.undoes(Coder::Zstd, &payload[1..], &plain));
    }

    #[test]
    fn an_encoder_that_has_seen_noise_still_compresses() {
        let mut encoder = Encoder::new().unwrap();
        let of = |plain| PlainFrame::alone(plain).unwrap();
        let raster = Raster::new(500, 1, 2, Sign::Unsigned).unwrap();
        for shape in [Shape::Unknown, Shape::Raster(raster)] {
            let coded = encoder
                .code(shape, &of(noise(300_000)), Effort::Normal)
                .coder;
            assert_eq!(coded, Coder::Store);
            let coded = encoder
                .code(shape, &of(vec![b' '; 300_000]), Effort::Normal)
                .coder;
            assert_ne!(coded, Coder::Store);
        }
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
