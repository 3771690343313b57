//! Many requests at once, for what is small and needed whole.

use std::sync::atomic::{AtomicUsize, Ordering};

/// Requests in flight: enough to hide the latency of a remote target.
pub(crate) const FETCHES: usize = 32;

/// What `fetch` gives for every number below `count`, in order; it is called from several threads.
pub(crate) fn fetch_all<T: Send>(count: usize, fetch: &(dyn Fn(usize) -> T + Sync)) -> Vec<T> {
    let next = AtomicUsize::new(0);
    let work = || {
        let indices = std::iter::from_fn(|| {
            let index = next.fetch_add(1, Ordering::Relaxed);
            (index < count).then_some(index)
        });
        indices
            .map(|index| (index, fetch(index)))
            .collect::<Vec<_>>()
    };
    let mut fetched = std::thread::scope(|scope| {
        let others: Vec<_> = (1..FETCHES.min(count)).map(|_| scope.spawn(work)).collect();
        let mut fetched = work();
        for other in others {
            match other.join() {
                Ok(more) => fetched.extend(more),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        fetched
    });
    fetched.sort_unstable_by_key(|(index, _)| *index);
    fetched.into_iter().map(|(_, item)| item).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_come_in_order_whoever_fetched_them() {
        for count in [0, 1, 5, 1000] {
            let found = fetch_all(count, &|index| index * 3);
            assert_eq!(found, (0..count).map(|index| index * 3).collect::<Vec<_>>());
        }
    }
}
