//! How much of a run may wait in memory between its steps.

use std::num::NonZeroUsize;

use thiserror::Error;

const MIB: usize = 1 << 20;

/// What the program itself takes, what it knows of the target, and the frames in which small files
/// are gathered, one of each family.
const PROGRAM: usize = 28 * MIB;

/// What runs with one thread that reads and one that codes take beside their queues.
const ONE_PAIR: usize = 60 * MIB;

/// What one more thread that reads and one more that codes take.
const PAIR: usize = 16 * MIB;

/// More than this buys more threads, and no longer queues.
const QUEUES_MAX: usize = 64 * MIB;

/// The memory that a run may take at most, in bytes, the program's own among it. It decides how
/// many threads read and code, how long packs become, and how much waits between the steps.
///
/// It holds for data as it usually is. A run over nothing but chunks of the largest length, each
/// the longest of its kind, may take some 20 MiB more; one that knows of many million chunks takes
/// some more for the tables of those (`docs/decisions/0014-index-on-disk.md`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Memory {
    bytes: usize,
}

/// So little memory that no run would keep to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("a backup needs at least {} MiB of memory", Memory::LEAST / (1 << 20))]
pub struct TooLittleMemory;

impl Memory {
    /// The least that can be asked for, in bytes.
    pub const LEAST: u64 = 48 << 20;

    /// At most so many bytes.
    ///
    /// # Errors
    /// It is less than [`Self::LEAST`].
    pub fn at_most(bytes: u64) -> Result<Self, TooLittleMemory> {
        match bytes < Self::LEAST {
            true => Err(TooLittleMemory),
            false => Ok(Self {
                bytes: usize::try_from(bytes).unwrap_or(usize::MAX),
            }),
        }
    }

    /// What a machine with so many processors needs to keep all of them busy, and never less than
    /// for two.
    pub fn for_processors(count: NonZeroUsize) -> Self {
        let bytes = ONE_PAIR.saturating_add(PAIR.saturating_mul(count.get().max(2)));
        Self { bytes }
    }

    /// Threads that read, and as many that code, of `wanted`.
    pub(crate) fn pairs(self, wanted: usize) -> usize {
        let fitting = self.bytes.saturating_sub(ONE_PAIR) / PAIR;
        wanted.min(fitting).max(1)
    }

    /// Bytes of files that are read ahead of the one whose turn it is.
    pub(crate) fn ahead(self) -> u64 {
        u64::try_from(self.queues() / 4).unwrap_or(u64::MAX)
    }

    /// Plain bytes of frames that are being coded and sealed, beside one frame.
    pub(crate) fn sealing(self) -> usize {
        self.queues() / 8
    }

    /// Bytes of buffers that are kept for those who need one next.
    pub(crate) fn spares(self) -> usize {
        self.queues() / 8
    }

    /// Bytes of a pack. A target that takes packs whole has one in memory while pieces of the next
    /// come.
    pub(crate) fn pack(self) -> usize {
        self.queues() / 4
    }

    fn queues(self) -> usize {
        self.bytes.saturating_sub(PROGRAM).min(QUEUES_MAX)
    }
}

impl Default for Memory {
    fn default() -> Self {
        let processors = std::thread::available_parallelism();
        Self::for_processors(processors.unwrap_or(NonZeroUsize::MIN))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ov_format::pack::PACK_BYTES;

    fn of(mib: u64) -> Memory {
        Memory::at_most(mib << 20).unwrap()
    }

    #[test]
    fn less_than_a_run_needs_is_refused_with_what_it_needs() {
        let refused = Memory::at_most(Memory::LEAST - 1).unwrap_err();
        assert!(refused.to_string().contains("48 MiB"));
        assert_eq!(of(48).pairs(8), 1);
    }

    #[test]
    fn two_processors_get_usual_packs_and_all_threads_within_92_mebibytes() {
        let two = Memory::for_processors(NonZeroUsize::new(2).unwrap());
        assert_eq!(two, of(92));
        assert_eq!(two, Memory::for_processors(NonZeroUsize::MIN));
        assert_eq!((two.pairs(2), two.pack()), (2, PACK_BYTES));
        let eight = Memory::for_processors(NonZeroUsize::new(8).unwrap());
        assert_eq!((eight.pairs(8), eight.pack()), (8, PACK_BYTES));
    }

    #[test]
    fn queues_and_packs_and_the_program_are_never_more_than_what_was_given() {
        for mib in 48..200 {
            let memory = of(mib);
            let ahead = usize::try_from(memory.ahead()).unwrap();
            let waiting = ahead + memory.sealing() + memory.spares() + 2 * memory.pack();
            assert!(waiting + PROGRAM <= memory.bytes, "{mib}");
            assert!(memory.pack() <= PACK_BYTES);
        }
    }
}
