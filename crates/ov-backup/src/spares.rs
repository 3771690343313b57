//! Buffers that were used, kept for those who need one next.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Smaller ones are made anew: the allocator has them at hand.
const WORTH_KEEPING: usize = 64 << 10;

/// Buffers whose content is void. Memory that is new to a process costs about as much as filling
/// it, for the kernel clears it first: so chunks and sealed frames pass through the same few.
pub struct Spares {
    kept: Mutex<Vec<Vec<u8>>>,
    bytes_max: usize,
}

impl Spares {
    /// None yet, and never more than so many bytes of them.
    pub fn up_to(bytes_max: usize) -> Self {
        Self {
            kept: Mutex::default(),
            bytes_max,
        }
    }

    /// An empty buffer with room for so many bytes.
    pub fn take(&self, room: usize) -> Vec<u8> {
        if room < WORTH_KEEPING {
            return Vec::with_capacity(room);
        }
        let mut kept = self.kept();
        let fitting = (0..kept.len()).filter(|&at| kept[at].capacity() >= room);
        match fitting.min_by_key(|&at| kept[at].capacity()) {
            Some(at) => kept.remove(at),
            None => Vec::with_capacity(room),
        }
    }

    /// Takes a buffer back. What was not wanted for the longest time goes first.
    pub fn give(&self, mut buffer: Vec<u8>) {
        if buffer.capacity() < WORTH_KEEPING {
            return;
        }
        buffer.clear();
        let mut kept = self.kept();
        kept.push(buffer);
        while kept.iter().map(Vec::capacity).sum::<usize>() > self.bytes_max {
            kept.remove(0);
        }
    }

    fn kept(&self) -> MutexGuard<'_, Vec<Vec<u8>>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEPT_MAX: usize = 8 << 20;

    #[test]
    fn a_buffer_that_was_given_back_is_used_again_where_it_fits() {
        let spares = Spares::up_to(KEPT_MAX);
        let mut large = spares.take(1 << 20);
        large.extend_from_slice(b"a patient's");
        let address = large.as_ptr();
        spares.give(large);
        let larger = spares.take(2 << 20);
        assert_ne!(larger.as_ptr(), address);
        let again = spares.take(1 << 20);
        assert_eq!((again.as_ptr(), again.len()), (address, 0));
    }

    #[test]
    fn no_more_is_kept_than_the_bound_and_the_oldest_goes_first() {
        let spares = Spares::up_to(KEPT_MAX);
        for _ in 0..3 {
            spares.give(Vec::with_capacity(KEPT_MAX / 2));
        }
        spares.give(Vec::with_capacity(KEPT_MAX + 1));
        assert_eq!(spares.kept().len(), 0);
        spares.give(Vec::with_capacity(WORTH_KEEPING));
        spares.give(Vec::with_capacity(KEPT_MAX));
        let kept: Vec<usize> = spares.kept().iter().map(Vec::capacity).collect();
        assert_eq!(kept, [KEPT_MAX]);
    }
}
