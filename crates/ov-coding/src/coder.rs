//! The coders by number, and how hard to try.

use crate::error::CodingError;

/// How a frame's payload is coded. The number is part of the format; it stands before the frame,
/// under its encryption.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Coder {
    /// The plain bytes.
    Store,
    /// One zstd frame (RFC 8878) that states its content size, with no dictionary.
    Zstd,
    /// As [`Coder::Zstd`]; its content is samples less what their neighbours foretell, in planes
    /// of bytes.
    Image,
    /// As [`Coder::Zstd`]; its content is records of FASTQ, taken apart.
    Reads,
}

impl Coder {
    /// Every coder, in the order of its number.
    pub const ALL: [Self; 4] = [Self::Store, Self::Zstd, Self::Image, Self::Reads];

    /// The coder of a number read from the format.
    pub const fn from_id(id: u8) -> Result<Self, CodingError> {
        match id {
            0 => Ok(Self::Store),
            1 => Ok(Self::Zstd),
            2 => Ok(Self::Image),
            3 => Ok(Self::Reads),
            unknown => Err(CodingError::UnknownCoder(unknown)),
        }
    }

    /// Its number in the format.
    pub const fn id(self) -> u8 {
        match self {
            Self::Store => 0,
            Self::Zstd => 1,
            Self::Image => 2,
            Self::Reads => 3,
        }
    }
}

/// How much time to spend on size. Not part of the format.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Effort {
    /// None: store.
    None,
    /// Speed first.
    Fast,
    /// The usual balance.
    #[default]
    Normal,
    /// Size first.
    High,
}

impl Effort {
    pub(crate) const fn zstd_level(self) -> Option<i32> {
        match self {
            Self::None => None,
            Self::Fast => Some(1),
            Self::Normal => Some(3),
            Self::High => Some(9),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn coders_keep_their_numbers_and_unknown_ones_are_refused_by_number() {
        for id in 0..=255 {
            match Coder::from_id(id) {
                Ok(coder) => assert_eq!(coder.id(), id),
                Err(error) => assert_eq!(error, CodingError::UnknownCoder(id)),
            }
        }
        assert_eq!(Coder::from_id(0), Ok(Coder::Store));
        assert_eq!(Coder::from_id(1), Ok(Coder::Zstd));
        let message = CodingError::UnknownCoder(77).to_string();
        assert!(message.contains("coder 77"));
    }
}
