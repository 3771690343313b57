//! Where the pixels of a file lie, and where they are cut.

use crate::shape::Raster;

/// Fewer bytes are not worth chunks of their own.
const PIXELS_MIN: u64 = 8 << 10;

/// Small images are cut together up to this many bytes.
const IMAGES_MAX: u64 = 256 << 10;

/// Large images are cut at rows, into pieces of at most this many bytes or of one row.
const IMAGE_PIECE_MAX: u64 = 1 << 20;

/// Where the pixels of a file lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Pixels {
    /// Their first byte.
    pub(crate) at: usize,
    /// What they look like; `None` if they are compressed.
    pub(crate) native: Option<Native>,
}

/// Pixels as they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Native {
    length: u64,
    frame: u64,
    raster: Raster,
}

impl Native {
    /// Pixels of `length` bytes, `frame` in each image. `None` if they are too few.
    pub(crate) fn new(length: u64, frame: u64, raster: Raster) -> Option<Self> {
        (frame > 0 && length >= PIXELS_MIN).then_some(Self {
            length,
            frame,
            raster,
        })
    }

    /// How many bytes they have, as the file says.
    pub(crate) const fn length(&self) -> u64 {
        self.length
    }

    /// Their rows.
    pub(crate) const fn raster(&self) -> Raster {
        self.raster
    }

    /// How long the chunk at this offset of the pixels is: whole images if they are small, else
    /// rows of one. What is left at the end and less than a row goes with the last.
    pub(crate) fn piece(&self, at: u64) -> u64 {
        let row = self.raster.row_bytes();
        let step = match self.frame {
            small if small <= IMAGES_MAX => small * (IMAGES_MAX / small),
            image if image <= IMAGE_PIECE_MAX => image,
            _ => row * (IMAGE_PIECE_MAX / row).max(1),
        };
        let period = step.max(self.frame);
        let piece = step.min(period - at % period);
        let left = self.length - at;
        if left < piece + row { left } else { piece }
    }
}
