//! What a layer knows of a chunk's bytes: a hint for the encoder. Nothing that is stored relies on
//! its truth.

/// Most samples from a sample to the one above it.
const ROW_MAX: u32 = 1 << 20;

/// What the bytes of a chunk look like.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Shape {
    /// Nothing is known.
    #[default]
    Unknown,
    /// Compressed already.
    Packed,
    /// Rows of samples.
    Raster(Raster),
    /// Records of sequencing reads: FASTQ.
    Reads,
}

/// Rows of samples: an image, or many images one behind the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Raster {
    row: u32,
    step: u8,
    bytes: u8,
    sign: Sign,
}

/// Whether the highest bit of a sample is its sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Sign {
    /// It is a bit like the others.
    Unsigned,
    /// Two's complement.
    Signed,
}

impl Raster {
    /// Samples of 1, 2 or 4 `bytes`, little endian. From a sample to the one above it are `row`
    /// samples, at most 2^20; to the one on its left are `step`, 1 to 4 and less than `row`.
    /// `None` for anything else.
    pub fn new(row: u32, step: u8, bytes: u8, sign: Sign) -> Option<Self> {
        let fits = matches!(step, 1..=4)
            && row > u32::from(step)
            && row <= ROW_MAX
            && matches!(bytes, 1 | 2 | 4);
        fits.then_some(Self {
            row,
            step,
            bytes,
            sign,
        })
    }

    /// Samples from one to the one above it.
    pub const fn row(self) -> u32 {
        self.row
    }

    /// Samples from one to the one on its left.
    pub const fn step(self) -> u8 {
        self.step
    }

    /// Bytes of a sample.
    pub const fn bytes(self) -> u8 {
        self.bytes
    }

    /// What its highest bit means.
    pub const fn sign(self) -> Sign {
        self.sign
    }

    /// Bytes of a row.
    pub(crate) fn row_bytes(self) -> u64 {
        u64::from(self.row) * u64::from(self.bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_rasters_that_the_coder_knows_can_be_made() {
        let of = |row, step, bytes| Raster::new(row, step, bytes, Sign::Signed).is_some();
        assert!(of(512, 1, 2) && of(2, 1, 1) && of(ROW_MAX, 4, 4) && of(15, 3, 1));
        for (row, step, bytes) in [
            (0, 1, 2),
            (1, 1, 2),
            (512, 0, 2),
            (512, 5, 2),
            (4, 4, 1),
            (ROW_MAX + 1, 1, 2),
            (512, 1, 0),
            (512, 1, 3),
            (512, 1, 8),
        ] {
            assert!(!of(row, step, bytes), "{row} {step} {bytes}");
        }
    }
}
