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

use std::fmt;

use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::profile::Profile;

/// Input of the keyed BLAKE3 that makes the gear table.
pub const GEAR_CONTEXT: &[u8] = b"oncovault 1 gear table";

/// How many bytes before a place decide whether it is a cut.
pub const WINDOW: usize = 64;

const TABLE_BYTES: usize = 256 * 8;

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
    /// The table times two, so that two bytes are one step for the chain of hashes.
    twice: Box<[u64; 256]>,
    profile: Profile,
    strict: u64,
    loose: u64,
}

impl Cutter {
    /// Makes the table of `key`.
    pub fn new(key: &CutKey, profile: Profile) -> Self {
        let bits = profile.normal().ilog2();
        let gear = gear_table(key);
        Self {
            twice: Box::new(gear.map(|number| number << 1)),
            gear,
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
        // The first byte that a cut may follow; the window ends with it.
        let first = self.profile.min() - 1;
        let turn = self.profile.normal() - 1;
        let filled = data.get(first + 1 - WINDOW..first)?;
        let hash = filled.iter().fold(0, |hash, &byte| self.step(hash, byte));

        let strict = data.get(first..turn).or_else(|| data.get(first..))?;
        let hash = match self.scan(hash, strict, self.strict) {
            Scan::Hit(taken) => return Some(first + taken),
            Scan::Passed(hash) => hash,
        };
        match self.scan(hash, data.get(turn..)?, self.loose) {
            Scan::Hit(taken) => Some(turn + taken),
            Scan::Passed(_) => None,
        }
    }

    fn scan(&self, mut hash: u64, data: &[u8], mask: u64) -> Scan {
        // Two bytes a step: the next hash waits for one shifted sum per pair. Eight steps a block:
        // the compiler unrolls it without bounds checks.
        let (blocks, rest) = data.as_chunks::<16>();
        for (block, bytes) in blocks.iter().enumerate() {
            let (pairs, _) = bytes.as_chunks::<2>();
            for (pair, &[first, second]) in pairs.iter().enumerate() {
                let one = self.step(hash, first);
                let both =
                    self.twice[usize::from(first)].wrapping_add(self.gear[usize::from(second)]);
                hash = (hash << 2).wrapping_add(both);
                if one & mask == 0 {
                    return Scan::Hit(block * 16 + pair * 2 + 1);
                }
                if hash & mask == 0 {
                    return Scan::Hit(block * 16 + pair * 2 + 2);
                }
            }
        }
        for (at, &byte) in rest.iter().enumerate() {
            hash = self.step(hash, byte);
            if hash & mask == 0 {
                return Scan::Hit(blocks.len() * 16 + at + 1);
            }
        }
        Scan::Passed(hash)
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
        self.twice.zeroize();
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

/// What a scan came to: the bytes taken up to a cut, or the hash after all of them.
enum Scan {
    Hit(usize),
    Passed(u64),
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
