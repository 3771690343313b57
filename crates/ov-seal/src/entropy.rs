//! Randomness comes in through one seam, so that a simulated world can run everything twice.

/// A source of bytes that nobody can guess.
pub trait Entropy: Send + Sync {
    /// Fills `out`.
    fn fill(&self, out: &mut [u8]);
}

/// The operating system's generator, and nothing between it and the caller: a generator kept in
/// the process would repeat itself when a machine is rolled back to a snapshot.
#[derive(Clone, Copy, Debug, Default)]
pub struct OsEntropy;

impl Entropy for OsEntropy {
    /// # Panics
    ///
    /// If the operating system gives no randomness. Nothing may be sealed then, so stopping is
    /// the only safe answer.
    fn fill(&self, out: &mut [u8]) {
        if let Err(error) = getrandom::fill(out) {
            panic!("the operating system gives no randomness: {error}");
        }
    }
}

/// The same bytes for the same seed: for simulations, vectors and tests, never for real data.
#[cfg(any(test, feature = "seeded"))]
#[doc(hidden)]
pub struct SeededEntropy(std::sync::Mutex<blake3::OutputReader>);

#[cfg(any(test, feature = "seeded"))]
impl SeededEntropy {
    /// A stream that `seed` alone decides: the BLAKE3 extended output of its eight bytes.
    pub fn new(seed: u64) -> Self {
        let mut hasher = blake3::Hasher::new_derive_key(crate::kdf::purpose::SEEDED_ENTROPY);
        hasher.update(&seed.to_le_bytes());
        Self(std::sync::Mutex::new(hasher.finalize_xof()))
    }
}

#[cfg(any(test, feature = "seeded"))]
impl Entropy for SeededEntropy {
    fn fill(&self, out: &mut [u8]) {
        let mut reader = self
            .0
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner());
        reader.fill(out);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_seed_gives_one_stream_and_the_stream_moves_on() {
        let (a, b, other) = (
            SeededEntropy::new(1),
            SeededEntropy::new(1),
            SeededEntropy::new(2),
        );
        let draw = |from: &SeededEntropy| {
            let mut out = [0; 40];
            from.fill(&mut out);
            out
        };
        let first = draw(&a);
        assert_eq!(first, draw(&b));
        assert_ne!(first, draw(&a));
        assert_ne!(first, draw(&other));
    }

    #[test]
    fn the_operating_system_does_not_repeat_itself() {
        let (mut a, mut b) = ([0; 32], [0; 32]);
        OsEntropy.fill(&mut a);
        OsEntropy.fill(&mut b);
        assert_ne!(a, b);
    }
}
