//! Chunk sizes. The number of a profile is part of the format: its sizes never change.

use crate::error::CodingError;

const KIB: usize = 1024;

/// Smallest, usual and largest length of a chunk. Only the constants here exist.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Profile {
    id: u8,
    min: usize,
    normal: usize,
    max: usize,
}

impl Profile {
    /// 64/256/1024 KiB: what nothing else fits. Number 1.
    pub const DEFAULT: Self = Self::sized(1, 64 * KIB);
    /// 16/64/256 KiB: dumps and text, where edits are small and spread. Number 2.
    pub const TEXT: Self = Self::sized(2, 16 * KIB);
    /// 256/1024/4096 KiB: large imaging and genomics files, written once. Number 3.
    pub const LARGE: Self = Self::sized(3, 256 * KIB);
    /// Every profile, in the order of its number.
    pub const ALL: [Self; 3] = [Self::DEFAULT, Self::TEXT, Self::LARGE];

    /// The profile of a number read from the format.
    pub fn from_id(id: u8) -> Result<Self, CodingError> {
        let known = Self::ALL.into_iter().find(|profile| profile.id == id);
        known.ok_or(CodingError::UnknownProfile(id))
    }

    /// Its number in the format.
    pub const fn id(self) -> u8 {
        self.id
    }

    /// No chunk but the last of a stream is shorter.
    pub const fn min(self) -> usize {
        self.min
    }

    /// Before this length a cut is made unlikely, from it on likely.
    pub const fn normal(self) -> usize {
        self.normal
    }

    /// No chunk is longer.
    pub const fn max(self) -> usize {
        self.max
    }

    const fn sized(id: u8, min: usize) -> Self {
        Self {
            id,
            min,
            normal: 4 * min,
            max: 16 * min,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn profiles_keep_their_numbers_and_sizes() {
        let rows = Profile::ALL.map(|p| (p.id(), p.min() / KIB, p.normal() / KIB, p.max() / KIB));
        assert_eq!(
            rows,
            [(1, 64, 256, 1024), (2, 16, 64, 256), (3, 256, 1024, 4096)]
        );
        for profile in Profile::ALL {
            assert_eq!(Profile::from_id(profile.id()), Ok(profile));
        }
    }

    #[test]
    fn an_unknown_profile_is_refused_by_number() {
        for id in [0, 4, 255] {
            let error = Profile::from_id(id).unwrap_err();
            assert_eq!(error, CodingError::UnknownProfile(id));
            assert!(error.to_string().contains(&id.to_string()));
        }
    }
}
