//! Coder *image*: what is left of each sample when its neighbours have foretold it.
//!
//! The prediction is that of JPEG-LS (ITU-T T.87 §A.4.1, also called MED). What is left are small
//! numbers, whose high bytes are nearly always zero: so they are written byte by byte into planes,
//! which zstd codes.

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
        1 => split_samples::<i8, 1>(plain, raster, parts),
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
        plain.clear();
        match self.raster.bytes() {
            1 => join_samples::<i8, 1>(planes, self.raster, plain),
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
    let samples: Vec<S> = samples.iter().map(|&s| S::read(s, raster.sign())).collect();
    let mut left = vec![S::Folded::default(); samples.len()];
    take_neighbours(&samples, raster, &mut left);
    parts.head().extend_from_slice(rest);
    for plane in 0..N {
        let plane = left.iter().map(|left| S::byte(*left, plane));
        parts.bytes().extend(plane);
        parts.end();
    }
}

/// What is left of each sample, folded.
fn take_neighbours<S: Sample<N>, const N: usize>(
    samples: &[S],
    raster: Raster,
    left: &mut [S::Folded],
) {
    let (row, step) = distances(raster);
    let row = row.min(samples.len());
    let (top, rest) = left.split_at_mut(row);
    for (n, left) in top.iter_mut().enumerate() {
        let a = n.checked_sub(step).map_or(S::default(), |n| samples[n]);
        *left = samples[n].minus(a).fold();
    }
    for (n, left) in rest.chunks_mut(row.max(1)).enumerate() {
        let x = &samples[(n + 1) * row..][..left.len()];
        let above = &samples[n * row..][..left.len()];
        let (begin, left) = left.split_at_mut(step.min(x.len()));
        for (n, left) in begin.iter_mut().enumerate() {
            *left = x[n].minus(above[n]).fold();
        }
        // Windows of one length: nothing in the loop waits or is checked, and the compiler makes
        // vectors of it.
        let count = left.len();
        let start = x.len() - count;
        let (a, b, c) = (&x[..count], &above[start..], &above[..count]);
        for (n, left) in left.iter_mut().enumerate() {
            *left = x[start + n].minus(S::foretell(a[n], b[n], c[n])).fold();
        }
    }
}

fn join_samples<S: Sample<N>, const N: usize>(planes: &[u8], raster: Raster, plain: &mut Vec<u8>) {
    let count = planes.len() / N;
    let mut left = vec![S::Folded::default(); count];
    for (plane, bytes) in planes.chunks_exact(count.max(1)).enumerate() {
        for (left, byte) in left.iter_mut().zip(bytes) {
            *left = S::with_byte(*left, plane, *byte);
        }
    }
    let mut samples: Vec<S> = left.into_iter().map(S::unfold).collect();
    let (row, step) = distances(raster);
    match step {
        1 => add_neighbours::<S, N, 1>(&mut samples, row),
        2 => add_neighbours::<S, N, 2>(&mut samples, row),
        3 => add_neighbours::<S, N, 3>(&mut samples, row),
        _ => add_neighbours::<S, N, 4>(&mut samples, row),
    }
    plain.resize(count * N, 0);
    let (bytes, _) = plain.as_chunks_mut::<N>();
    for (bytes, sample) in bytes.iter_mut().zip(samples) {
        *bytes = sample.write(raster.sign());
    }
}

/// Two rows at a time while there are whole ones; the first and the last for themselves.
fn add_neighbours<S: Sample<N>, const N: usize, const STEP: usize>(samples: &mut [S], row: usize) {
    let (top, mut rest) = samples.split_at_mut(row.min(samples.len()));
    for n in STEP..top.len() {
        top[n] = top[n].plus(top[n - STEP]);
    }
    let mut above: &[S] = top;
    while rest.len() >= 2 * row && row.is_multiple_of(STEP) {
        let (pair, behind) = rest.split_at_mut(2 * row);
        let (first, second) = pair.split_at_mut(row);
        add_two_rows::<S, N, STEP>(above, first, second);
        (above, rest) = (second, behind);
    }
    for below in rest.chunks_mut(row.max(1)) {
        add_row(above, below, STEP);
        above = below;
    }
}

fn add_row<S: Sample<N>, const N: usize>(above: &[S], below: &mut [S], step: usize) {
    for n in 0..below.len() {
        let foretold = match n.checked_sub(step) {
            None => above[n],
            Some(back) => S::foretell_one(below[back], above[n], above[back]),
        };
        below[n] = below[n].plus(foretold);
    }
}

/// Each sample waits for the one on its left, so the second row goes one group of samples behind
/// the first, and the processor does both at once.
fn add_two_rows<S: Sample<N>, const N: usize, const STEP: usize>(
    above: &[S],
    first: &mut [S],
    second: &mut [S],
) {
    let (above, _) = above.as_chunks::<STEP>();
    let (first, _) = first.as_chunks_mut::<STEP>();
    let (second, _) = second.as_chunks_mut::<STEP>();
    let groups = above.len().min(first.len()).min(second.len());
    let (above, first, second) = (
        &above[..groups],
        &mut first[..groups],
        &mut second[..groups],
    );
    let none = [S::default(); STEP];
    // The group before in each row, and in the first one the group before that.
    let (mut left, mut lefter, mut left_below) = (none, none, none);
    for n in 0..groups {
        let mut group = first[n];
        for k in 0..STEP {
            let foretold = match n {
                0 => above[0][k],
                _ => S::foretell_one(left[k], above[n][k], above[n - 1][k]),
            };
            group[k] = group[k].plus(foretold);
        }
        if n > 0 {
            add_group(
                &mut left_below,
                &mut second[n - 1],
                left,
                (n > 1).then_some(lefter),
            );
        }
        first[n] = group;
        (lefter, left) = (left, group);
    }
    if let Some(last) = second.last_mut() {
        add_group(&mut left_below, last, left, (groups > 1).then_some(lefter));
    }
}

/// `a` is the group on the left, and becomes this one.
#[inline(always)]
fn add_group<S: Sample<N>, const N: usize, const STEP: usize>(
    a: &mut [S; STEP],
    group: &mut [S; STEP],
    b: [S; STEP],
    c: Option<[S; STEP]>,
) {
    for k in 0..STEP {
        let foretold = match c {
            None => b[k],
            Some(c) => S::foretell_one(a[k], b[k], c[k]),
        };
        a[k] = group[k].plus(foretold);
    }
    *group = *a;
}

/// Samples to the one above, and to the one on the left.
fn distances(raster: Raster) -> (usize, usize) {
    let row = usize::try_from(raster.row()).unwrap_or(usize::MAX);
    (row, usize::from(raster.step()))
}

/// A sample of `N` bytes; its arithmetic is modulo 2^(8 N).
trait Sample<const N: usize>: Copy + Ord + Default {
    /// What is left of one, without a sign.
    type Folded: Copy + Default;

    /// From what is stored. Unsigned ones are moved so that their order is kept.
    fn read(bytes: [u8; N], sign: Sign) -> Self;
    fn write(self, sign: Sign) -> [u8; N];
    fn plus(self, other: Self) -> Self;
    fn minus(self, other: Self) -> Self;
    /// The sample that its neighbours make likely: `a` on the left, `b` above, `c` above on the
    /// left. An edge goes on, and where there is none the four lie in one plane.
    fn foretell(a: Self, b: Self, c: Self) -> Self;
    /// The same, where each waits for the one before: without branches, which noise would make
    /// guess wrong.
    fn foretell_one(a: Self, b: Self, c: Self) -> Self;
    /// 0, -1, 1, -2, 2 … to 0, 1, 2, 3, 4 …
    fn fold(self) -> Self::Folded;
    fn unfold(folded: Self::Folded) -> Self;
    /// Byte `plane` of it, 0 being the lowest.
    fn byte(folded: Self::Folded, plane: usize) -> u8;
    /// It with this byte, which was 0.
    fn with_byte(folded: Self::Folded, plane: usize, byte: u8) -> Self::Folded;
}

macro_rules! sample {
    ($signed:ty, $unsigned:ty, $wide:ty, $bytes:literal) => {
        impl Sample<$bytes> for $signed {
            type Folded = $unsigned;

            #[inline(always)]
            fn read(bytes: [u8; $bytes], sign: Sign) -> Self {
                Self::from_le_bytes(bytes) ^ if sign == Sign::Signed { 0 } else { Self::MIN }
            }

            #[inline(always)]
            fn write(self, sign: Sign) -> [u8; $bytes] {
                (self ^ if sign == Sign::Signed { 0 } else { Self::MIN }).to_le_bytes()
            }

            #[inline(always)]
            fn plus(self, other: Self) -> Self {
                self.wrapping_add(other)
            }

            #[inline(always)]
            fn minus(self, other: Self) -> Self {
                self.wrapping_sub(other)
            }

            #[inline(always)]
            fn foretell(a: Self, b: Self, c: Self) -> Self {
                let (low, high) = (a.min(b), a.max(b));
                if c >= high {
                    low
                } else if c <= low {
                    high
                } else {
                    a.wrapping_add(b).wrapping_sub(c)
                }
            }

            #[inline(always)]
            fn foretell_one(a: Self, b: Self, c: Self) -> Self {
                let (a, b, c) = (<$wide>::from(a), <$wide>::from(b), <$wide>::from(c));
                let slope = b - c;
                let foretold = (a + slope.min(0)).max(b.min(a + slope.max(0)));
                // It lies between `a` and `b`: nothing is cut off.
                foretold as Self
            }

            #[inline(always)]
            fn fold(self) -> $unsigned {
                ((self << 1) ^ (self >> (Self::BITS - 1))).cast_unsigned()
            }

            #[inline(always)]
            fn unfold(folded: $unsigned) -> Self {
                ((folded >> 1) ^ (folded & 1).wrapping_neg()).cast_signed()
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

sample!(i8, u8, i32, 1);
sample!(i16, u16, i32, 2);
sample!(i32, u32, i64, 4);

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
