//! The prediction of a sample, and samples from what it left, eight rows at once.

use std::array;
use std::ops::{Add, Range, Sub};

use wide::{i16x8, i32x8, u16x8, u32x8};

/// Rows that are done at once.
pub(super) const ROWS: usize = 8;

/// The sample that its neighbours make likely: `a` on the left, `b` above, `c` above on the left.
/// An edge goes on, and where there is none the four lie in one plane.
#[inline(always)]
pub(super) fn foretell<S: Number>(a: S, b: S, c: S) -> S {
    let between = c.lower(a.higher(b)).higher(a.lower(b));
    a.plus(b).minus(between)
}

/// Makes samples of what is left of them: rows of `row`, the last of which may be shorter. `above`
/// are the samples of the row before, zeros before the first; on the left of a row are zeros too,
/// and on the left of those above, so that the first of a row are foretold from above alone.
pub(super) fn add<S: Number, const STEP: usize>(above: &[S], rows: &mut [S], row: usize) {
    if rows.len() == ROWS * row && row >= LEAD + STEP + ROWS {
        return add_eight::<S, STEP>(above, rows, row);
    }
    let mut above = above;
    for below in rows.chunks_mut(row) {
        let columns = 0..below.len();
        add_some(above, below, columns, STEP);
        above = below;
    }
}

/// So many samples the last row is behind the first.
const LEAD: usize = ROWS - 1;

/// A sample waits for the one on its left, and that for the one on its left. So each row goes one
/// sample behind the row above it, and the eight samples of a step, one of each row, are one
/// vector. Corners at the beginning and the end of the rows are done by themselves.
fn add_eight<S: Number, const STEP: usize>(above: &[S], rows: &mut [S], row: usize) {
    let begin = LEAD + STEP;
    for n in 0..ROWS {
        add_part(above, rows, row, n, 0..begin - n, STEP);
    }
    // The samples of row `n` at a step, and those above them.
    let at = |step: usize| S::eight(array::from_fn(|n| rows[n * row + step - n]));
    let over = |step: usize| {
        S::eight(array::from_fn(|n| match n.checked_sub(1) {
            Some(higher) => rows[higher * row + step - n],
            None => above[step],
        }))
    };
    // Those of the last steps, the earliest first.
    let mut done: [S::Eight; STEP] = array::from_fn(|n| at(begin - STEP + n));
    let mut over: [S::Eight; STEP] = array::from_fn(|n| over(begin - STEP + n));
    let mut step = begin;
    while step + ROWS <= row {
        let part = |n: usize| n * row + step - n;
        let mut block = array::from_fn(|n| S::eight(eight_of(&rows[part(n)..])));
        block = S::transpose(block);
        for (samples, above) in block.iter_mut().zip(&above[step..]) {
            let [a, b, c, d, e, f, g, _] = S::each(done[STEP - 1]);
            let higher = S::eight([*above, a, b, c, d, e, f, g]);
            *samples = *samples + foretell_eight::<S>(done[0], higher, over[0]);
            done.rotate_left(1);
            over.rotate_left(1);
            (done[STEP - 1], over[STEP - 1]) = (*samples, higher);
        }
        for (n, samples) in S::transpose(block).into_iter().enumerate() {
            rows[part(n)..][..ROWS].copy_from_slice(&S::each(samples));
        }
        step += ROWS;
    }
    for n in 0..ROWS {
        add_part(above, rows, row, n, step - n..row, STEP);
    }
}

#[inline(always)]
fn eight_of<S: Number>(samples: &[S]) -> [S; ROWS] {
    samples
        .first_chunk()
        .copied()
        .unwrap_or([S::default(); ROWS])
}

/// As [`foretell`].
#[inline(always)]
fn foretell_eight<S: Number>(a: S::Eight, b: S::Eight, c: S::Eight) -> S::Eight {
    let between = S::highest(S::lowest(c, S::highest(a, b)), S::lowest(a, b));
    a + b - between
}

/// These columns of row `n`.
fn add_part<S: Number>(
    above: &[S],
    rows: &mut [S],
    row: usize,
    n: usize,
    columns: Range<usize>,
    step: usize,
) {
    let (higher, below) = rows.split_at_mut(n * row);
    let above = higher.rchunks_exact(row).next().unwrap_or(above);
    add_some(above, &mut below[..row], columns, step);
}

fn add_some<S: Number>(above: &[S], below: &mut [S], columns: Range<usize>, step: usize) {
    for n in columns {
        let left = n.checked_sub(step).map(|n| (below[n], above[n]));
        let (a, c) = left.unwrap_or_default();
        below[n] = below[n].plus(foretell(a, above[n], c));
    }
}

/// What samples are computed with: whole numbers that wrap, one or eight at once.
pub(super) trait Number: Copy + Default {
    /// Eight of them.
    type Eight: Copy + Add<Output = Self::Eight> + Sub<Output = Self::Eight>;

    fn plus(self, other: Self) -> Self;
    fn minus(self, other: Self) -> Self;
    fn lower(self, other: Self) -> Self;
    fn higher(self, other: Self) -> Self;
    fn eight(of: [Self; ROWS]) -> Self::Eight;
    fn each(eight: Self::Eight) -> [Self; ROWS];
    fn lowest(a: Self::Eight, b: Self::Eight) -> Self::Eight;
    fn highest(a: Self::Eight, b: Self::Eight) -> Self::Eight;
    /// Rows to columns.
    fn transpose(rows: [Self::Eight; ROWS]) -> [Self::Eight; ROWS];
}

macro_rules! number {
    ($number:ty, $eight:ty, $unsigned:ty) => {
        impl Number for $number {
            type Eight = $eight;

            #[inline(always)]
            fn plus(self, other: Self) -> Self {
                self.wrapping_add(other)
            }

            #[inline(always)]
            fn minus(self, other: Self) -> Self {
                self.wrapping_sub(other)
            }

            #[inline(always)]
            fn lower(self, other: Self) -> Self {
                self.min(other)
            }

            #[inline(always)]
            fn higher(self, other: Self) -> Self {
                self.max(other)
            }

            #[inline(always)]
            fn eight(of: [Self; ROWS]) -> Self::Eight {
                <$eight>::new(of)
            }

            #[inline(always)]
            fn each(eight: Self::Eight) -> [Self; ROWS] {
                eight.to_array()
            }

            #[inline(always)]
            fn lowest(a: Self::Eight, b: Self::Eight) -> Self::Eight {
                a.min(b)
            }

            #[inline(always)]
            fn highest(a: Self::Eight, b: Self::Eight) -> Self::Eight {
                a.max(b)
            }

            #[inline(always)]
            fn transpose(rows: [Self::Eight; ROWS]) -> [Self::Eight; ROWS] {
                bytemuck::cast(<$unsigned>::transpose(bytemuck::cast(rows)))
            }
        }
    };
}

number!(i16, i16x8, u16x8);
number!(i32, i32x8, u32x8);
