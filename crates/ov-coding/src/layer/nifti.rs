//! NIfTI-1 (.nii): a header of 348 bytes, then voxels as they are.

use super::pixels::{Native, Pixels};
use crate::shape::{Raster, Sign};

const HEADER: u32 = 348;
const MAGIC: &[u8] = b"n+1\0";

// Where the fields of the header lie.
const DIMENSIONS: usize = 40;
const KIND: usize = 70;
const VOXELS: usize = 108;
const MAGIC_AT: usize = 344;

/// Finds the voxels of a file that begins with `head`.
pub(crate) fn find(head: &[u8]) -> Option<Pixels> {
    let first = head.first_chunk().copied().map(u32::from_le_bytes);
    if first != Some(HEADER) || !head.get(MAGIC_AT..)?.starts_with(MAGIC) {
        return None;
    }
    let number = |at: usize| {
        let bytes = head.get(at..)?.first_chunk()?;
        u32::try_from(i16::from_le_bytes(*bytes)).ok()
    };
    let count = usize::try_from(number(DIMENSIONS)?)
        .ok()
        .filter(|count| (2..=7).contains(count))?;
    let sizes = (1..=count).map(|n| number(DIMENSIONS + 2 * n));
    let sizes = sizes.collect::<Option<Vec<u32>>>()?;
    let raster = raster(number(KIND)?, *sizes.first()?)?;
    let frame = raster.row_bytes().checked_mul(u64::from(*sizes.get(1)?))?;
    let images = sizes
        .get(2..)?
        .iter()
        .try_fold(1u64, |all, size| all.checked_mul((*size).into()))?;
    let length = frame.checked_mul(images)?;
    let at = offset(head)?;
    let native = Some(Native::new(length, frame, raster)?);
    Some(Pixels { at, native })
}

/// Rows of voxels of this kind. Floating point numbers are taken for whole ones, whose order they
/// share.
fn raster(kind: u32, columns: u32) -> Option<Raster> {
    let (step, bytes, sign) = match kind {
        2 => (1, 1, Sign::Unsigned),
        256 => (1, 1, Sign::Signed),
        128 => (3, 1, Sign::Unsigned),
        4 => (1, 2, Sign::Signed),
        512 => (1, 2, Sign::Unsigned),
        8 | 16 => (1, 4, Sign::Signed),
        768 => (1, 4, Sign::Unsigned),
        _ => return None,
    };
    Raster::new(columns.checked_mul(step.into())?, step, bytes, sign)
}

/// Where the voxels begin: a whole number, written as a floating point one.
fn offset(head: &[u8]) -> Option<usize> {
    let stated = f32::from_le_bytes(*head.get(VOXELS..)?.first_chunk()?);
    let least = 352.0;
    let most = 65_535.0;
    let whole = (least..=most).contains(&stated) && stated.fract() == 0.0;
    // Within these bounds nothing is cut off.
    whole.then_some(stated as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(kind: i16, sizes: &[i16], offset: f32) -> Vec<u8> {
        let mut head = vec![0; 352];
        head[..4].copy_from_slice(&348u32.to_le_bytes());
        let count = i16::try_from(sizes.len()).unwrap();
        for (n, size) in [&[count], sizes].concat().iter().enumerate() {
            head[40 + 2 * n..][..2].copy_from_slice(&size.to_le_bytes());
        }
        head[70..72].copy_from_slice(&kind.to_le_bytes());
        head[108..112].copy_from_slice(&offset.to_le_bytes());
        head[344..348].copy_from_slice(MAGIC);
        head
    }

    #[test]
    fn voxels_are_found_behind_the_header() {
        let native = |row, step, bytes, sign, length, frame| {
            let raster = Raster::new(row, step, bytes, sign).unwrap();
            Native::new(length, frame, raster)
        };
        let found = find(&header(4, &[64, 60, 30, 2], 352.0)).unwrap();
        assert_eq!(found.at, 352);
        assert_eq!(found.native, native(64, 1, 2, Sign::Signed, 460_800, 7680));
        let found = find(&header(128, &[64, 60], 1000.0)).unwrap();
        assert_eq!(found.at, 1000);
        assert_eq!(
            found.native,
            native(192, 3, 1, Sign::Unsigned, 11_520, 11_520)
        );
    }

    #[test]
    fn what_cannot_be_is_left_alone() {
        for head in [
            header(4, &[], 352.0),
            header(4, &[64], 352.0),
            header(4, &[64, -1, 30], 352.0),
            header(4, &[64, 0, 30], 352.0),
            header(4, &[i16::MAX; 7], 352.0),
            header(64, &[64, 60, 30], 352.0),
            header(4, &[64, 60, 30], 0.0),
            header(4, &[64, 60, 30], 352.5),
            header(4, &[64, 60, 30], f32::NAN),
            header(4, &[64, 60, 30], 352.0)[..347].to_vec(),
            vec![0; 400],
        ] {
            assert_eq!(find(&head), None);
        }
    }
}
