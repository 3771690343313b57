//! How many requests are in flight, and how many threads decode what they brought.
//!
//! A request waits for the target and costs nothing here; decoding takes a core. So the two are
//! counted apart: requests grow in number while those who decode have nothing to do, and are
//! bounded by the bytes that they bring; decoding is bounded by the cores.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::reader::lock;

/// Requests in flight at first.
pub(crate) const REQUESTS_MIN: usize = 8;

/// Requests in flight at most.
pub(crate) const REQUESTS_MAX: usize = 64;

/// Bytes that were asked for and are not decoded yet, at most; a single request may be larger.
const BYTES_MAX: u64 = 16 << 20;

/// Who decodes has nothing to do for so long before requests grow in number: less is no latency.
const PATIENCE: Duration = Duration::from_millis(5);

/// The books of one row of requests.
pub(crate) struct Flight {
    counts: Mutex<Counts>,
    changed: Condvar,
    requests: usize,
    decoders: usize,
}

struct Counts {
    /// The next request of the row.
    next: usize,
    bytes: u64,
    decoding: usize,
    /// Since when nobody decodes, after somebody did.
    idle: Option<Instant>,
    /// Threads that ask.
    threads: usize,
}

impl Flight {
    /// For a row of `requests`, begun by `threads` threads.
    pub fn new(requests: usize, threads: usize, decoders: usize) -> Self {
        Self {
            counts: Mutex::new(Counts {
                next: 0,
                bytes: 0,
                decoding: 0,
                idle: None,
                threads,
            }),
            changed: Condvar::new(),
            requests,
            decoders: decoders.max(1),
        }
    }

    /// The next request that may be made; waits until its bytes fit. `None` when all were made.
    /// `length` gives the bytes of each.
    pub fn next(&self, length: impl Fn(usize) -> u64) -> Option<usize> {
        let mut counts = lock(&self.counts);
        while counts.next < self.requests {
            let bytes = counts.bytes.saturating_add(length(counts.next));
            if counts.bytes == 0 || bytes <= BYTES_MAX {
                let next = counts.next;
                (counts.next, counts.bytes) = (next + 1, bytes);
                return Some(next);
            }
            counts = self.wait(counts);
        }
        None
    }

    /// Waits for a turn to decode. Gives how many more threads should ask: as many again, if
    /// those who decode had nothing to do.
    pub fn begin_decoding(&self) -> usize {
        let mut counts = lock(&self.counts);
        while counts.decoding >= self.decoders {
            counts = self.wait(counts);
        }
        counts.decoding += 1;
        let idle = counts
            .idle
            .take()
            .is_some_and(|since| since.elapsed() >= PATIENCE);
        let left = self.requests.saturating_sub(counts.next);
        let room = REQUESTS_MAX.saturating_sub(counts.threads);
        let more = match idle {
            true => counts.threads.min(room).min(left),
            false => 0,
        };
        counts.threads += more;
        more
    }

    /// Gives the turn back, and the bytes.
    pub fn end_decoding(&self, bytes: u64) {
        let mut counts = lock(&self.counts);
        counts.decoding -= 1;
        if counts.decoding == 0 {
            counts.idle = Some(Instant::now());
        }
        counts.bytes = counts.bytes.saturating_sub(bytes);
        drop(counts);
        self.changed.notify_all();
    }

    /// Makes no more requests.
    pub fn stop(&self) {
        lock(&self.counts).next = self.requests;
        self.changed.notify_all();
    }

    /// Threads that ask by now: what the next row may begin with.
    pub fn threads(&self) -> usize {
        lock(&self.counts).threads
    }

    fn wait<'g>(&self, counts: MutexGuard<'g, Counts>) -> MutexGuard<'g, Counts> {
        self.changed
            .wait(counts)
            .unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_given_in_order_until_their_bytes_are_too_many() {
        let flight = Flight::new(9, 4, 2);
        let length = |_| BYTES_MAX / 8;
        let given: Vec<_> = (0..8).map(|_| flight.next(length)).collect();
        assert_eq!(given, (0..8).map(Some).collect::<Vec<_>>());
        flight.begin_decoding();
        std::thread::scope(|scope| {
            let ninth = scope.spawn(|| flight.next(length));
            std::thread::sleep(std::time::Duration::from_millis(20));
            assert!(!ninth.is_finished());
            flight.end_decoding(BYTES_MAX / 8);
            assert_eq!(ninth.join().unwrap(), Some(8));
        });
        assert_eq!(flight.next(length), None);
    }

    #[test]
    fn a_request_larger_than_the_bound_is_made_alone() {
        let flight = Flight::new(1, 1, 1);
        assert_eq!(flight.next(|_| 2 * BYTES_MAX), Some(0));
    }

    #[test]
    fn requests_double_when_nobody_had_anything_to_decode_and_not_else() {
        let flight = Flight::new(100, 4, 2);
        assert_eq!(flight.begin_decoding(), 0);
        assert_eq!(flight.begin_decoding(), 0);
        flight.end_decoding(0);
        flight.end_decoding(0);
        std::thread::sleep(2 * PATIENCE);
        assert_eq!((flight.begin_decoding(), flight.threads()), (4, 8));
        flight.end_decoding(0);
        flight.stop();
        std::thread::sleep(2 * PATIENCE);
        assert_eq!(flight.begin_decoding(), 0);
        assert_eq!(flight.next(|_| 0), None);
    }
}
