//! BLAKE3 of bytes that come in pieces of any size.

/// So many bytes are hashed at once. The hash is a tree over pieces of 1 KiB, and many of them are
/// worked on side by side only where what is given begins and ends at a multiple of a power of two.
const BLOCK: usize = 64 << 10;

/// A digest under way.
#[derive(Clone, Default)]
pub(crate) struct Digest {
    hasher: blake3::Hasher,
    /// What came since the last multiple of a block.
    rest: Vec<u8>,
}

impl Digest {
    /// The next bytes.
    pub(crate) fn update(&mut self, mut bytes: &[u8]) {
        if !self.rest.is_empty() {
            let (now, later) = bytes.split_at(bytes.len().min(BLOCK - self.rest.len()));
            self.rest.extend_from_slice(now);
            bytes = later;
            if self.rest.len() < BLOCK {
                return;
            }
            self.hasher.update(&self.rest);
            self.rest.clear();
        }
        let (whole, rest) = bytes.split_at(bytes.len() - bytes.len() % BLOCK);
        self.hasher.update(whole);
        self.rest.extend_from_slice(rest);
    }

    /// The digest of all bytes so far.
    pub(crate) fn finish(mut self) -> [u8; 32] {
        self.hasher.update(&self.rest);
        *self.hasher.finalize().as_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn pieces_make_no_difference(
            lengths in proptest::collection::vec(0_usize..3 * BLOCK, 0..9),
            small in proptest::collection::vec(0_usize..40, 0..9),
        ) {
            let bytes: Vec<u8> = (0..=u8::MAX).cycle().take(27 * BLOCK + 400).collect();
            let mut digest = Digest::default();
            let mut at = 0;
            for length in lengths.into_iter().chain(small) {
                digest.update(&bytes[at..at + length]);
                at += length;
            }
            prop_assert_eq!(digest.finish(), *blake3::hash(&bytes[..at]).as_bytes());
        }
    }
}
