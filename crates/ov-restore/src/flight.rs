//! How many requests are in flight, and how many threads decode what they brought.
//!
//! A request waits for the target and costs nothing here; decoding takes a core. So the two are
//! counted apart: requests grow in number while those who decode have nothing to do, and are
//! bounded by the bytes that they bring; decoding is bounded by the cores.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use ov_store::Reach;

use crate::reader::lock;
use crate::run::RUN_BYTES;

/// Bytes that a far target is asked for and that are not decoded yet, at most; a single request may
/// be larger.
const FAR_BYTES_MAX: u64 = 16 << 20;

/// Who decodes has nothing to do for so long before requests grow in number: less is no latency.
const PATIENCE: Duration = Duration::from_millis(5);

/// How many requests a target deserves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Requests {
    /// At first.
    pub least: usize,
    /// At most.
    pub most: usize,
    /// Bytes that were asked for and are not decoded yet; a single request may be larger.
    pub bytes: u64,
    /// Whether one waits for the other.
    pub order: Order,
}

/// Whether requests are answered side by side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    /// They are.
    SideBySide,
    /// Each is made when the one before was answered. What they brought is decoded side by side.
    OneByOne,
}

impl Requests {
    /// Of a target at this distance, for so many threads that decode. What is near answers at
    /// once: there more requests only take memory.
    pub fn of(reach: Reach, decoders: usize) -> Self {
        let decoders = decoders.max(1);
        let near = |order| Self {
            least: decoders + 1,
            most: 2 * (decoders + 1),
            bytes: RUN_BYTES * u64::try_from(decoders + 2).unwrap_or(u64::MAX),
            order,
        };
        match reach {
            Reach::Far => Self {
                least: 32,
                most: 64,
                bytes: FAR_BYTES_MAX,
                order: Order::SideBySide,
            },
            Reach::Turning => near(Order::OneByOne),
            Reach::Near => near(Order::SideBySide),
        }
    }
}

/// The books of one row of requests.
pub(crate) struct Flight {
    counts: Mutex<Counts>,
    changed: Condvar,
    row: usize,
    bounds: Requests,
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
    /// For a row of so many requests, begun by `threads` threads.
    pub fn new(row: usize, threads: usize, decoders: usize, bounds: Requests) -> Self {
        Self {
            counts: Mutex::new(Counts {
                next: 0,
                bytes: 0,
                decoding: 0,
                idle: None,
                threads,
            }),
            changed: Condvar::new(),
            row,
            bounds,
            decoders: decoders.max(1),
        }
    }

    /// The next request that may be made; waits until its bytes fit. `None` when all were made.
    /// `length` gives the bytes of each.
    pub fn next(&self, length: impl Fn(usize) -> u64) -> Option<usize> {
        let mut counts = lock(&self.counts);
        while counts.next < self.row {
            let bytes = counts.bytes.saturating_add(length(counts.next));
            if counts.bytes == 0 || bytes <= self.bounds.bytes {
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
        let left = self.row.saturating_sub(counts.next);
        let room = self.bounds.most.saturating_sub(counts.threads);
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
        lock(&self.counts).next = self.row;
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

    const BYTES_MAX: u64 = FAR_BYTES_MAX;

    fn flight(row: usize, threads: usize, decoders: usize) -> Flight {
        Flight::new(row, threads, decoders, Requests::of(Reach::Far, decoders))
    }

    #[test]
    fn a_disk_that_turns_gets_one_request_after_the_other_and_a_line_gets_many() {
        let of = |reach| Requests::of(reach, 2);
        assert_eq!(of(Reach::Turning).order, Order::OneByOne);
        assert_eq!(of(Reach::Near).order, Order::SideBySide);
        assert_eq!((of(Reach::Near).least, of(Reach::Near).most), (3, 6));
        assert_eq!((of(Reach::Far).least, of(Reach::Far).most), (32, 64));
        assert!(of(Reach::Near).bytes < of(Reach::Far).bytes);
    }

    #[test]
    fn requests_are_given_in_order_until_their_bytes_are_too_many() {
        let flight = flight(9, 4, 2);
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
        let flight = flight(1, 1, 1);
        assert_eq!(flight.next(|_| 2 * BYTES_MAX), Some(0));
    }

    #[test]
    fn requests_double_when_nobody_had_anything_to_decode_and_not_else() {
        let flight = flight(100, 4, 2);
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
