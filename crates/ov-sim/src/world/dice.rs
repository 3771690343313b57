//! Randomness that a seed and a name decide.

/// A stream of random numbers. Each actor and each kind of fault has its own, so that leaving one
/// event out does not shift the others.
#[derive(Clone, Debug)]
pub struct Dice(u64);

impl Dice {
    /// The stream of a seed and a name.
    pub fn new(seed: u64, name: &str) -> Self {
        let fold = |state: u64, byte: u8| mix(state ^ u64::from(byte));
        Self(name.bytes().fold(mix(seed), fold))
    }

    /// The next number (SplitMix64).
    pub fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(self.0)
    }

    /// A number below `limit`; 0 if that is 0.
    pub fn below(&mut self, limit: u64) -> u64 {
        self.roll() % limit.max(1)
    }

    /// An index into something of this length.
    pub fn index(&mut self, length: usize) -> usize {
        let limit = u64::try_from(length).unwrap_or(u64::MAX);
        usize::try_from(self.below(limit)).unwrap_or(0)
    }

    /// A moment or a span below `limit`.
    pub fn seconds(&mut self, limit: i64) -> i64 {
        let limit = u64::try_from(limit).unwrap_or(0);
        i64::try_from(self.below(limit)).unwrap_or(0)
    }

    /// True in `permille` of 1000 cases.
    pub fn hits(&mut self, permille: u64) -> bool {
        self.below(1000) < permille
    }

    /// One of them.
    pub fn pick<'a, T>(&mut self, from: &'a [T]) -> Option<&'a T> {
        from.get(self.index(from.len()))
    }

    /// Bytes that do not compress.
    pub fn bytes(&mut self, length: usize) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(length.next_multiple_of(8));
        while bytes.len() < length {
            bytes.extend_from_slice(&self.roll().to_le_bytes());
        }
        bytes.truncate(length);
        bytes
    }
}

fn mix(mut state: u64) -> u64 {
    state = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    state = (state ^ (state >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    state ^ (state >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_and_a_name_decide_the_stream() {
        let rolls = |seed, name| -> Vec<u64> {
            let mut dice = Dice::new(seed, name);
            (0..4).map(|_| dice.roll()).collect()
        };
        assert_eq!(rolls(1, "crashes"), rolls(1, "crashes"));
        assert_ne!(rolls(1, "crashes"), rolls(2, "crashes"));
        assert_ne!(rolls(1, "crashes"), rolls(1, "listings"));
    }
}
