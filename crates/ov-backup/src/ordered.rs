//! Work spread over threads whose results come back in the order of submission.
//!
//! With no threads the work is done at once by the caller, in the same order: so a simulated run
//! and a threaded one give the same bytes.

use std::collections::VecDeque;
use std::thread::Scope;

use crossbeam_channel::{Receiver, Sender, bounded};

use crate::error::BackupError;

/// How many threads a stage gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Threads {
    /// None: the caller does the work.
    Inline,
    /// This many.
    Count(usize),
}

/// One stage of work.
pub struct Ordered<'w, I, O> {
    workers: Workers<'w, I, O>,
    results: VecDeque<Receiver<O>>,
    done: VecDeque<O>,
    limit: usize,
}

enum Workers<'w, I, O> {
    Inline(Box<dyn FnMut(I) -> O + 'w>),
    Threads(Sender<(I, Sender<O>)>),
}

impl<'w, I: Send + 'w, O: Send + 'w> Ordered<'w, I, O> {
    /// Starts a stage. `make` gives each thread its own worker; at most `limit` items are
    /// submitted and not yet taken.
    pub fn start<'s, W>(
        scope: &'s Scope<'s, 'w>,
        threads: Threads,
        limit: usize,
        make: impl Fn() -> W,
    ) -> Self
    where
        W: FnMut(I) -> O + Send + 'w,
        'w: 's,
    {
        let workers = match threads {
            Threads::Inline => Workers::Inline(Box::new(make())),
            Threads::Count(count) => {
                let (sender, receiver) = bounded::<(I, Sender<O>)>(limit);
                for _ in 0..count.max(1) {
                    let (mut worker, receiver) = (make(), receiver.clone());
                    scope.spawn(move || {
                        while let Ok((item, result)) = receiver.recv() {
                            // The submitter is gone only when the whole run has failed.
                            let _ = result.send(worker(item));
                        }
                    });
                }
                Workers::Threads(sender)
            }
        };
        Self {
            workers,
            results: VecDeque::new(),
            done: VecDeque::new(),
            limit: limit.max(1),
        }
    }

    /// Submits an item. If the stage is full it first waits for the oldest result and returns it.
    pub fn submit(&mut self, item: I) -> Result<Option<O>, BackupError> {
        let oldest = match self.results.len() + self.done.len() >= self.limit {
            true => self.take()?,
            false => None,
        };
        match &mut self.workers {
            Workers::Inline(work) => self.done.push_back(work(item)),
            Workers::Threads(sender) => {
                let (result, receiver) = bounded(1);
                sender
                    .send((item, result))
                    .map_err(|_| BackupError::Worker)?;
                self.results.push_back(receiver);
            }
        }
        Ok(oldest)
    }

    /// Waits for the oldest result; `None` if nothing is under way.
    pub fn take(&mut self) -> Result<Option<O>, BackupError> {
        if let Some(done) = self.done.pop_front() {
            return Ok(Some(done));
        }
        match self.results.pop_front() {
            Some(result) => result.recv().map(Some).map_err(|_| BackupError::Worker),
            None => Ok(None),
        }
    }

    /// The oldest result, if it is there already.
    pub fn take_ready(&mut self) -> Option<O> {
        if let Some(done) = self.done.pop_front() {
            return Some(done);
        }
        let ready = self.results.front()?.try_recv().ok()?;
        self.results.pop_front();
        Some(ready)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn squares(threads: Threads) -> Vec<u64> {
        std::thread::scope(|scope| {
            let mut stage = Ordered::start(scope, threads, 4, || |n: u64| n * n);
            let mut results = Vec::new();
            for n in 0..100 {
                results.extend(stage.submit(n).unwrap());
            }
            while let Some(result) = stage.take().unwrap() {
                results.push(result);
            }
            results
        })
    }

    #[test]
    fn results_come_in_order_with_and_without_threads() {
        let expected: Vec<u64> = (0..100).map(|n| n * n).collect();
        assert_eq!(squares(Threads::Inline), expected);
        assert_eq!(squares(Threads::Count(3)), expected);
    }
}
