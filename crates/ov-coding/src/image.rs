//! Coder *image*: what is left of each sample when its neighbours have foretold it.
//!
//! The prediction is that of JPEG-LS (ITU-T T.87 §A.4.1, also called MED). What is left are small
//! numbers, whose high bytes are nearly always zero: so they are written byte by byte into planes,
//! which zstd codes.

mod rows;

use self::rows::{Number, ROWS, foretell};
use crate::error::CodingError;
use crate::parts::Parts;
use crate::shape::{Raster, Sign};

const PARAMETERS: usize = 7;

/// Splits `plain` into parameters and the bytes that make no sample, and planes.
pub(crate) fn split(plain: &[u8], raster: Raster, parts: &mut Parts) {
    parts.clear();
    let head = parts.head();
    head.extend_from_slice(&raster.row().to_le_bytes());
    head.extend_from_slice(&[raster.step(), raster.bytes(), raster.sign().flag()]);
    match raster.bytes() {
        1 => split_samples::<i16, 1>(plain, raster, parts),
        2 => split_samples::<i16, 2>(plain, raster, parts),
        _ => split_samples::<i32, 4>(plain, raster, parts),
    }
}

/// What stands before the planes.
pub(crate) struct Head<'a> {
    raster: Raster,
    samples: usize,
    rest: &'a [u8],
}

impl<'a> Head<'a> {
    /// Reads it from the start of a payload that stands for `stated` bytes; and what is behind.
    pub(crate) fn read(payload: &'a [u8], stated: usize) -> Result<(Self, &'a [u8]), CodingError> {
        let read = || {
            let (&[a, b, c, d, step, bytes, flag], behind) =
                payload.split_first_chunk::<PARAMETERS>()?;
            let row = u32::from_le_bytes([a, b, c, d]);
            let raster = Raster::new(row, step, bytes, Sign::from_flag(flag)?)?;
            let (samples, rest) = (stated / usize::from(bytes), stated % usize::from(bytes));
            let (rest, behind) = behind.split_at_checked(rest)?;
            let head = Self {
                raster,
                samples,
                rest,
            };
            Some((head, behind))
        };
        read().ok_or(CodingError::DamagedImage)
    }

    /// How many planes there are, and how long each is.
    pub(crate) const fn planes(&self) -> (u8, usize) {
        (self.raster.bytes(), self.samples)
    }

    /// Replaces `plain` by what these planes stand for.
    pub(crate) fn join(&self, planes: &[u8], plain: &mut Vec<u8>) {
        match self.raster.bytes() {
            1 => join_samples::<i16, 1>(planes, self.raster, plain),
            2 => join_samples::<i16, 2>(planes, self.raster, plain),
            _ => join_samples::<i32, 4>(planes, self.raster, plain),
        }
        plain.extend_from_slice(self.rest);
    }
}

impl Sign {
    const fn flag(self) -> u8 {
        match self {
            Self::Unsigned => 0,
            Self::Signed => 1,
        }
    }

    const fn from_flag(flag: u8) -> Option<Self> {
        match flag {
            0 => Some(Self::Unsigned),
            1 => Some(Self::Signed),
            _ => None,
        }
    }
}

fn split_samples<S: Sample<N>, const N: usize>(plain: &[u8], raster: Raster, parts: &mut Parts) {
    let (samples, rest) = plain.as_chunks::<N>();
    parts.head().extend_from_slice(rest);
    let (row, step) = distances(raster, samples.len());
    let planes = parts.equal(N, samples.len());
    let mut left = vec![S::Folded::default(); row];
    let mut above: &[[u8; N]] = &[];
    for (n, below) in samples.chunks(row).enumerate() {
        let left = &mut left[..below.len()];
        match n {
            0 => take_left::<S, N>(below, step, raster.sign(), left),
            _ => take_neighbours::<S, N>(above, below, step, raster.sign(), left),
        }
        for (plane, bytes) in planes.chunks_exact_mut(samples.len()).enumerate() {
            let bytes = bytes[n * row..].iter_mut();
            bytes
                .zip(&*left)
                .for_each(|(byte, left)| *byte = S::byte(*left, plane));
        }
        above = below;
    }
}

/// What is left of the samples of the first row, folded.
fn take_left<S: Sample<N>, const N: usize>(
    row: &[[u8; N]],
    step: usize,
    sign: Sign,
    left: &mut [S::Folded],
) {
    for (n, left) in left.iter_mut().enumerate() {
        let a = n.checked_sub(step).map(|n| S::read(row[n], sign));
        *left = S::read(row[n], sign).minus(a.unwrap_or_default()).fold();
    }
}

/// What is left of the samples of any other row, folded.
fn take_neighbours<S: Sample<N>, const N: usize>(
    above: &[[u8; N]],
    below: &[[u8; N]],
    step: usize,
    sign: Sign,
    left: &mut [S::Folded],
) {
    let read = |bytes| S::read(bytes, sign);
    let (begin, left) = left.split_at_mut(step.min(below.len()));
    for (n, left) in begin.iter_mut().enumerate() {
        *left = read(below[n]).minus(read(above[n])).fold();
    }
    // Windows of one length: nothing in the loop waits or is checked, and the compiler makes
    // vectors of it.
    let count = left.len();
    let start = below.len() - count;
    let (x, a) = (&below[start..], &below[..count]);
    let (b, c) = (&above[start..][..count], &above[..count]);
    for (n, left) in left.iter_mut().enumerate() {
        let foretold = foretell(read(a[n]), read(b[n]), read(c[n]));
        *left = read(x[n]).minus(foretold).fold();
    }
}

fn join_samples<S: Sample<N>, const N: usize>(planes: &[u8], raster: Raster, plain: &mut Vec<u8>) {
    let count = planes.len() / N;
    // What it held is overwritten, and need not be cleared.
    plain.resize(count * N, 0);
    let (row, step) = distances(raster, count);
    let mut above = vec![S::default(); row];
    let mut rows = vec![S::default(); row * ROWS.min(count.div_ceil(row))];
    let (bytes, _) = plain.as_chunks_mut::<N>();
    for (n, bytes) in bytes.chunks_mut(row * ROWS).enumerate() {
        let rows = &mut rows[..bytes.len()];
        unfold::<S, N>(planes, n * row * ROWS, rows);
        match step {
            1 => rows::add::<S, 1>(&above, rows, row),
            2 => rows::add::<S, 2>(&above, rows, row),
            3 => rows::add::<S, 3>(&above, rows, row),
            _ => rows::add::<S, 4>(&above, rows, row),
        }
        for (bytes, sample) in bytes.iter_mut().zip(&*rows) {
            *bytes = sample.write(raster.sign());
        }
        if let Some(last) = rows.rchunks_exact(row).next() {
            above.copy_from_slice(last);
        }
    }
}

/// What is left of the samples from `start` on, from its bytes in the planes.
fn unfold<S: Sample<N>, const N: usize>(planes: &[u8], start: usize, left: &mut [S]) {
    let count = planes.len() / N;
    let mut folded = [S::Folded::default(); 512];
    for (n, left) in left.chunks_mut(folded.len()).enumerate() {
        let start = start + n * folded.len();
        let folded = &mut folded[..left.len()];
        folded.fill(S::Folded::default());
        for (plane, bytes) in planes.chunks_exact(count).enumerate() {
            for (folded, byte) in folded.iter_mut().zip(&bytes[start..]) {
                *folded = S::with_byte(*folded, plane, *byte);
            }
        }
        for (left, folded) in left.iter_mut().zip(folded) {
            *left = S::unfold(*folded);
        }
    }
}

/// Samples to the one above, or all there are, and to the one on the left.
fn distances(raster: Raster, samples: usize) -> (usize, usize) {
    let row = usize::try_from(raster.row()).unwrap_or(usize::MAX);
    (row.min(samples).max(1), usize::from(raster.step()))
}

/// A sample of `N` bytes. Its arithmetic is modulo 2^(8 N): those of one byte are computed with in
/// the upper half of two.
trait Sample<const N: usize>: Number {
    /// What is left of one, without a sign.
    type Folded: Copy + Default;

    /// From what is stored. Unsigned ones are moved so that their order is kept.
    fn read(bytes: [u8; N], sign: Sign) -> Self;
    fn write(self, sign: Sign) -> [u8; N];
    /// 0, -1, 1, -2, 2 … to 0, 1, 2, 3, 4 …
    fn fold(self) -> Self::Folded;
    fn unfold(folded: Self::Folded) -> Self;
    /// Byte `plane` of it, 0 being the lowest.
    fn byte(folded: Self::Folded, plane: usize) -> u8;
    /// It with this byte, which was 0.
    fn with_byte(folded: Self::Folded, plane: usize, byte: u8) -> Self::Folded;
}

macro_rules! sample {
    ($bytes:literal, $number:ty, $unsigned:ty) => {
        impl Sample<$bytes> for $number {
            type Folded = $unsigned;

            #[inline(always)]
            fn read(bytes: [u8; $bytes], sign: Sign) -> Self {
                let mut wide = [0; size_of::<Self>()];
                wide[size_of::<Self>() - $bytes..].copy_from_slice(&bytes);
                Self::from_le_bytes(wide) ^ if sign == Sign::Signed { 0 } else { Self::MIN }
            }

            #[inline(always)]
            fn write(self, sign: Sign) -> [u8; $bytes] {
                let moved = self ^ if sign == Sign::Signed { 0 } else { Self::MIN };
                let wide = moved.to_le_bytes();
                std::array::from_fn(|n| wide[size_of::<Self>() - $bytes + n])
            }

            #[inline(always)]
            fn fold(self) -> $unsigned {
                let left = self >> (Self::BITS - 8 * $bytes);
                ((left << 1) ^ (left >> (Self::BITS - 1))).cast_unsigned()
            }

            #[inline(always)]
            fn unfold(folded: $unsigned) -> Self {
                let left = ((folded >> 1) ^ (folded & 1).wrapping_neg()).cast_signed();
                left << (Self::BITS - 8 * $bytes)
            }

            #[inline(always)]
            fn byte(folded: $unsigned, plane: usize) -> u8 {
                (folded >> (8 * plane)) as u8
            }

            #[inline(always)]
            fn with_byte(folded: $unsigned, plane: usize, byte: u8) -> $unsigned {
                folded | <$unsigned>::from(byte) << (8 * plane)
            }
        }
    };
}

sample!(1, i16, u16);
sample!(2, i16, u16);
sample!(4, i32, u32);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn raster() -> impl Strategy<Value = Raster> {
        let sign = prop::sample::select(vec![Sign::Unsigned, Sign::Signed]);
        let bytes = prop::sample::select(vec![1, 2, 4]);
        let row = prop_oneof![1..40u32, 1..=1u32 << 20];
        (row, 1..=4u8, bytes, sign).prop_map(|(row, step, bytes, sign)| {
            Raster::new(row + u32::from(step), step, bytes, sign)
                .unwrap_or_else(|| Raster::new(512, step, bytes, sign).unwrap())
        })
    }

    fn there_and_back(plain: &[u8], raster: Raster) -> Vec<u8> {
        let (mut parts, mut back) = (Parts::default(), vec![1, 2, 3]);
        split(plain, raster, &mut parts);
        let (head, behind) = Head::read(parts.read_head(), plain.len()).unwrap();
        assert!(behind.is_empty());
        let (planes, samples) = head.planes();
        assert_eq!(parts.iter().count(), usize::from(planes));
        assert!(parts.iter().all(|plane| plane.len() == samples));
        head.join(parts.read_bytes(), &mut back);
        back
    }

    proptest! {
        #[test]
        fn any_bytes_in_any_raster_come_back(
            plain in prop::collection::vec(any::<u8>(), 0..3000),
            raster in raster(),
        ) {
            prop_assert_eq!(there_and_back(&plain, raster), plain);
        }
    }

    #[test]
    fn samples_at_the_ends_of_their_range_come_back() {
        let plain: Vec<u8> = (0..600u32)
            .flat_map(|n| [[0, 0x80], [0xFF, 0x7F], [0, 0], [0xFF, 0xFF]][(n * n) as usize % 4])
            .collect();
        for sign in [Sign::Unsigned, Sign::Signed] {
            for bytes in [1, 2, 4] {
                for step in 1..=4 {
                    let raster = Raster::new(25, step, bytes, sign).unwrap();
                    assert_eq!(there_and_back(&plain, raster), plain);
                }
            }
        }
    }

    /// The whole of the specification by hand: a row of 4, unsigned, two bytes, and a rest.
    #[test]
    fn content_is_what_the_specification_says() {
        let samples = [10u16, 12, 12, 12, 11, 13, 300, 12, 65535];
        let mut plain: Vec<u8> = samples.iter().flat_map(|s| s.to_le_bytes()).collect();
        plain.push(77);
        let raster = Raster::new(4, 1, 2, Sign::Unsigned).unwrap();
        let mut parts = Parts::default();
        split(&plain, raster, &mut parts);
        // Foretold: 0 (moved: -32768), then the left one, in the first row; above: 10; then from
        // (left, above, above left): (11, 12, 10) 12; (13, 12, 12) 13; (300, 12, 12) 300; above: 11.
        let left: [i32; 9] = [10 - 32768, 2, 0, 0, 1, 1, 287, -288, 65535 - 11];
        let folded = left.map(|r| {
            let r = r as i16;
            ((r << 1) ^ (r >> 15)) as u16
        });
        assert_eq!(parts.read_head(), [4, 0, 0, 0, 1, 2, 0, 77]);
        let low: Vec<u8> = folded.iter().map(|f| *f as u8).collect();
        let high: Vec<u8> = folded.iter().map(|f| (f >> 8) as u8).collect();
        assert_eq!(parts.iter().collect::<Vec<_>>(), [low, high]);
    }

    #[test]
    fn damaged_parameters_are_refused() {
        let good = [4, 0, 0, 0, 1, 2, 0, 77];
        assert!(Head::read(&good, 41).is_ok());
        for (at, byte) in [(0, 0), (0, 1), (3, 1), (4, 0), (4, 5), (5, 3), (6, 2)] {
            let mut damaged = good;
            damaged[at] = byte;
            let refused = Head::read(&damaged, 41).err();
            assert_eq!(refused, Some(CodingError::DamagedImage));
        }
        for length in 0..good.len() {
            let refused = Head::read(&good[..length], 41).err();
            assert_eq!(refused, Some(CodingError::DamagedImage));
        }
    }
}
