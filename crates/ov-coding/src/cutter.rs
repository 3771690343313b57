//! Where content is cut: a keyed rolling hash over the last 64 bytes.
//!
//! This is part of the format: other cut points would store everything once more. It is a gear
//! hash with normalised chunking (Xia et al., FastCDC, 2016 and 2020), with a secret table and a
//! window that is full at the first place where a cut may be.
//!
//! **Table.** 256 numbers of 64 bits: the first 2048 bytes of the extendable output of BLAKE3 in
//! keyed mode, with the cut key as key and [`GEAR_CONTEXT`] as the whole input; number `n` is bytes
//! `8n..8n+8`, little endian.
//!
//! **Hash.** `h` starts at 0 and takes each byte `b` by `h = 2h + table[b]` modulo 2^64, so a byte
//! has left it after 64 steps.
//!
//! **Cut.** Within a chunk that starts at offset 0, bytes before `min - 64` are skipped; `h` takes
//! the bytes from there on. A cut that makes the chunk `L` bytes long, `min <= L < max`, is made at
//! the first `L` where `h`, having taken byte `L - 1`, has zeros under the mask: the *strict* mask
//! for `L < normal`, the *loose* one from `L = normal`. If there is none the chunk has `max` bytes,
//! or what the stream still holds.
//!
//! **Masks.** With `normal = 2^k` the strict mask has `k + 2` bits and the loose one `k - 2`. A mask
//! of `n` bits has bits 63, 61, 59, … `65 - 2n`: the high bits have seen most of the window, and
//! the loose mask is part of the strict one.

use std::array;
use std::fmt;
use std::ops::Range;

use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::profile::Profile;

/// Input of the keyed BLAKE3 that makes the gear table.
pub const GEAR_CONTEXT: &[u8] = b"oncovault 1 gear table";

/// How many bytes before a place decide whether it is a cut.
pub const WINDOW: usize = 64;

const TABLE_BYTES: usize = 256 * 8;

/// How many runs are hashed side by side, and how long each is.
const LANES: usize = 4;
const LANE: usize = 2 << 10;
const STRETCH: usize = LANES * LANE;

/// The secret that chooses the cut points.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct CutKey([u8; 32]);

impl CutKey {
    /// Takes the derived key.
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
}

impl fmt::Debug for CutKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CutKey(secret)")
    }
}

/// Whether the stream goes on behind the bytes at hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Input {
    /// More bytes may follow.
    More,
    /// These are the last.
    End,
}

/// Finds the end of the next chunk. Keeps no state between calls: one serves all threads.
pub struct Cutter {
    gear: Box<[u64; 256]>,
    profile: Profile,
    strict: u64,
    loose: u64,
}

impl Cutter {
    /// Makes the table of `key`.
    pub fn new(key: &CutKey, profile: Profile) -> Self {
        let bits = profile.normal().ilog2();
        Self {
            gear: gear_table(key),
            profile,
            strict: spread_mask(bits + 2),
            loose: spread_mask(bits - 2),
        }
    }

    /// The sizes it cuts to.
    pub const fn profile(&self) -> Profile {
        self.profile
    }

    /// The length of the chunk at the start of `data`, or `None` if more bytes are needed to know
    /// (or, at the end of the stream, if there are no bytes left).
    ///
    /// `data` must start where the last chunk ended. How a stream is split into calls does not
    /// change its chunks. With at least [`Profile::max`] bytes the answer is never `None`; shorter
    /// buffers are scanned again when they have grown.
    pub fn cut(&self, data: &[u8], input: Input) -> Option<usize> {
        let max = self.profile.max();
        let within = data.get(..max).unwrap_or(data);
        match (self.find(within), input) {
            (Some(length), _) => Some(length),
            (None, _) if within.len() == max => Some(max),
            (None, Input::End) if !within.is_empty() => Some(within.len()),
            (None, _) => None,
        }
    }

    /// Cuts a whole content that is at hand.
    pub const fn chunks<'a>(&'a self, data: &'a [u8]) -> Chunks<'a> {
        Chunks { cutter: self, data }
    }

    fn find(&self, data: &[u8]) -> Option<usize> {
        // A cut may follow byte `first`; from byte `turn` on the loose mask counts.
        let first = self.profile.min() - 1;
        let turn = data.len().min(self.profile.normal() - 1);
        self.scan(data, first..turn, self.strict)
            .or_else(|| self.scan(data, turn.max(first)..data.len(), self.loose))
    }

    /// The length up to the first byte of `range` that a cut follows.
    fn scan(&self, data: &[u8], range: Range<usize>, mask: u64) -> Option<usize> {
        range.clone().step_by(STRETCH).find_map(|at| {
            let end = range.end.min(at + STRETCH);
            if end - at == STRETCH && !self.holds_cut(data, at, mask) {
                return None;
            }
            let mut hash = self.hash_before(data, at);
            let found = data[at..end].iter().position(|&byte| {
                hash = self.step(hash, byte);
                hash & mask == 0
            });
            found.map(|before| at + before + 1)
        })
    }

    /// Whether a cut follows any byte of the stretch from `at` on. A hash must wait for the one
    /// before it, and needs no more than the 63 bytes before it: so four runs are hashed side by
    /// side, which more than doubles the speed.
    fn holds_cut(&self, data: &[u8], at: usize, mask: u64) -> bool {
        let starts: [usize; LANES] = array::from_fn(|lane| at + lane * LANE);
        let lanes = starts.map(|start| data[start..start + LANE].as_chunks::<8>().0);
        let mut hashes = starts.map(|start| self.hash_before(data, start));
        (0..LANE / 8).any(|block| {
            let bytes = lanes.map(|lane| &lane[block]);
            let mut hit = false;
            for step in 0..8 {
                for (hash, eight) in hashes.iter_mut().zip(bytes) {
                    *hash = self.step(*hash, eight[step]);
                    hit |= *hash & mask == 0;
                }
            }
            hit
        })
    }

    /// The hash of the window that byte `at` will complete.
    fn hash_before(&self, data: &[u8], at: usize) -> u64 {
        let window = &data[at + 1 - WINDOW..at];
        window.iter().fold(0, |hash, &byte| self.step(hash, byte))
    }

    #[inline(always)]
    fn step(&self, hash: u64, byte: u8) -> u64 {
        (hash << 1).wrapping_add(self.gear[usize::from(byte)])
    }
}

impl fmt::Debug for Cutter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Cutter({:?}, secret)", self.profile)
    }
}

impl Drop for Cutter {
    fn drop(&mut self) {
        self.gear.zeroize();
    }
}

/// The chunks of a content, in order; none of an empty one. Made by [`Cutter::chunks`].
#[derive(Clone, Debug)]
pub struct Chunks<'a> {
    cutter: &'a Cutter,
    data: &'a [u8],
}

impl<'a> Iterator for Chunks<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let length = self.cutter.cut(self.data, Input::End)?;
        let (chunk, rest) = self.data.split_at(length);
        self.data = rest;
        Some(chunk)
    }
}

fn gear_table(key: &CutKey) -> Box<[u64; 256]> {
    let mut bytes = [0u8; TABLE_BYTES];
    let mut hasher = blake3::Hasher::new_keyed(&key.0);
    hasher.update(GEAR_CONTEXT).finalize_xof().fill(&mut bytes);
    let mut table = Box::new([0u64; 256]);
    let (numbers, _) = bytes.as_chunks::<8>();
    for (entry, number) in table.iter_mut().zip(numbers) {
        *entry = u64::from_le_bytes(*number);
    }
    bytes.zeroize();
    hasher.zeroize();
    table
}

fn spread_mask(bits: u32) -> u64 {
    (0..bits).fold(0, |mask, n| mask | (1 << (63 - 2 * n)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn masks_lie_in_the_high_bits_and_the_loose_one_in_the_strict_one() {
        assert_eq!(spread_mask(3), 0xA800_0000_0000_0000);
        for profile in Profile::ALL {
            let cutter = Cutter::new(&CutKey::new([7; 32]), profile);
            let bits = profile.normal().ilog2();
            assert_eq!(cutter.strict.count_ones(), bits + 2);
            assert_eq!(cutter.loose.count_ones(), bits - 2);
            assert_eq!(cutter.loose & cutter.strict, cutter.loose);
        }
    }

    #[test]
    fn debug_output_shows_no_secret() {
        let key = CutKey::new([0xAB; 32]);
        let cutter = Cutter::new(&key, Profile::TEXT);
        let shown = format!("{key:?} {cutter:?}").to_lowercase();
        assert!(!shown.contains("171") && !shown.contains("ab,") && !shown.contains("gear"));
        assert!(!shown.contains(&cutter.gear[0].to_string()));
    }

    #[test]
    fn an_empty_stream_has_no_chunks() {
        let cutter = Cutter::new(&CutKey::new([1; 32]), Profile::TEXT);
        assert_eq!(cutter.cut(&[], Input::End), None);
        assert_eq!(cutter.cut(&[], Input::More), None);
        assert_eq!(cutter.chunks(&[]).count(), 0);
    }

    #[test]
    fn a_short_stream_is_one_chunk_once_its_end_is_known() {
        let cutter = Cutter::new(&CutKey::new([1; 32]), Profile::TEXT);
        for length in [1, 63, 64, 65, Profile::TEXT.min() - 1] {
            let data = vec![5; length];
            assert_eq!(cutter.cut(&data, Input::More), None);
            assert_eq!(cutter.cut(&data, Input::End), Some(length));
        }
    }
}
