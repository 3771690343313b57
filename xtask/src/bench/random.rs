//! Numbers that look random and are the same for one seed, on every machine.
//!
//! The bytes are BLAKE3's output stream. Everything is whole numbers: what a system's mathematics
//! library makes of a sine or a logarithm may differ between machines.

use std::ops::RangeInclusive;

const BLOCK_BYTES: usize = 4096;

/// A stream of numbers that one text determines.
pub struct Random {
    stream: blake3::OutputReader,
    block: [u8; BLOCK_BYTES],
    used: usize,
}

impl Random {
    /// The stream of this seed.
    pub fn of(seed: &str) -> Self {
        let mut hasher = blake3::Hasher::new_derive_key("oncovault bench corpora 1");
        hasher.update(seed.as_bytes());
        Self {
            stream: hasher.finalize_xof(),
            block: [0; BLOCK_BYTES],
            used: BLOCK_BYTES,
        }
    }

    /// The next 64 bits.
    pub fn bits(&mut self) -> u64 {
        if self.used == BLOCK_BYTES {
            self.stream.fill(&mut self.block);
            self.used = 0;
        }
        let mut word = [0; 8];
        word.copy_from_slice(&self.block[self.used..self.used + 8]);
        self.used += 8;
        u64::from_le_bytes(word)
    }

    /// A number below `bound`; 0 if that is 0.
    pub fn below(&mut self, bound: u64) -> u64 {
        let wide = u128::from(self.bits()) * u128::from(bound);
        u64::try_from(wide >> 64).unwrap_or_default()
    }

    /// A number of this range, its ends included.
    pub fn within(&mut self, range: RangeInclusive<u64>) -> u64 {
        range.start() + self.below(range.end() - range.start() + 1)
    }

    /// An index below `length`; small ones much more often than large ones, as with words in a text.
    pub fn skewed(&mut self, length: usize) -> usize {
        let share = u128::from(self.bits() >> 32);
        let cube = share * share * share;
        let length = u128::try_from(length).unwrap_or_default();
        usize::try_from((cube * length) >> 96).unwrap_or_default()
    }

    /// How often something happens that goes on with this chance, in thousandths; at most `most`.
    pub fn repeats(&mut self, per_mille: u64, most: u64) -> u64 {
        let mut count = 0;
        while count < most && self.chance(per_mille) {
            count += 1;
        }
        count
    }

    /// True in so many cases of a thousand.
    pub fn chance(&mut self, per_mille: u64) -> bool {
        self.below(1000) < per_mille
    }

    /// One of these. Panics if there is none.
    pub fn pick<T: Copy>(&mut self, choices: &[T]) -> T {
        let length = u64::try_from(choices.len()).unwrap_or_default();
        choices[usize::try_from(self.below(length)).unwrap_or_default()]
    }

    /// So many bytes.
    pub fn bytes(&mut self, length: usize) -> Vec<u8> {
        let mut bytes = vec![0; length];
        self.fill(&mut bytes);
        bytes
    }

    /// Bytes into all of `bytes`.
    pub fn fill(&mut self, bytes: &mut [u8]) {
        self.stream.fill(bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_seed_gives_one_stream_and_another_seed_another() {
        let three = |seed: &str| {
            let mut random = Random::of(seed);
            [random.bits(), random.below(1000), random.within(5..=9)]
        };
        assert_eq!(three("a"), three("a"));
        assert_ne!(three("a"), three("b"));
    }

    #[test]
    fn numbers_stay_in_their_range_and_reach_its_ends() {
        let mut random = Random::of("range");
        let drawn: Vec<u64> = (0..1000).map(|_| random.within(3..=5)).collect();
        assert_eq!(drawn.iter().min(), Some(&3));
        assert_eq!(drawn.iter().max(), Some(&5));
        assert!((0..1000).all(|_| random.skewed(7) < 7));
        assert_eq!(random.below(0), 0);
    }

    #[test]
    fn half_of_all_skewed_draws_fall_into_the_first_eighth() {
        let mut random = Random::of("skew");
        let first = (0..10_000).filter(|_| random.skewed(800) < 100).count();
        assert!((4_700..5_300).contains(&first), "{first}");
    }
}
