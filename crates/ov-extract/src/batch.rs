//! Small files that are shown together: to begin an exchange costs more than to read one of them.
//!
//! They gather in a batch until it is full or somebody wants an account of one of them; who finds
//! that shows all of them to one worker. Where a worker fails over a batch, what it did not answer
//! is shown once more, each file alone: so a file costs no other its account, as if there were no
//! batches.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::extractors::{Shared, Use};
use crate::file::{Kept, account, kept};
use crate::message::Begin;

/// Files in a batch.
const FILES_MAX: usize = 32;

/// Bytes in a batch, beside its last file.
const BYTES_MAX: usize = 128 << 10;

/// A file of which all is at hand.
pub(crate) struct Small {
    pub(crate) begin: Begin,
    pub(crate) bytes: Vec<u8>,
}

/// What will be known of a small file.
pub struct Later {
    shared: Arc<Shared>,
    batch: Arc<Batch>,
    at: usize,
}

impl Later {
    /// Puts a file into the batch that is open.
    pub(crate) fn of(shared: &Arc<Shared>, file: Small) -> Self {
        let mut open = lock(shared.batch());
        let (at, full) = open.put(file);
        let batch = Arc::clone(&open);
        if full {
            *open = Arc::default();
            drop(open);
            batch.show(shared);
        }
        Self {
            shared: Arc::clone(shared),
            batch,
            at,
        }
    }

    /// The encoded account, or `None` if there is nothing to say. Waits for a worker where that is
    /// needed.
    #[must_use]
    pub fn account(self) -> Option<Vec<u8>> {
        let mut open = lock(self.shared.batch());
        if Arc::ptr_eq(&open, &self.batch) {
            *open = Arc::default();
        }
        drop(open);
        self.batch.show(&self.shared);
        self.batch.take(self.at)
    }
}

/// Files that are shown together. Whoever shows them holds the lock, so that all others wait for
/// the answers.
#[derive(Default)]
pub(crate) struct Batch {
    state: Mutex<State>,
}

enum State {
    Gathering(Vec<Small>),
    Told(Vec<Kept>),
}

impl Default for State {
    fn default() -> Self {
        Self::Gathering(Vec::new())
    }
}

impl Batch {
    /// Adds a file: its place, and whether the batch is full now.
    fn put(&self, file: Small) -> (usize, bool) {
        match &mut *lock(&self.state) {
            State::Gathering(files) => {
                files.push(file);
                let bytes: usize = files.iter().map(|file| file.bytes.len()).sum();
                let full = files.len() >= FILES_MAX || bytes >= BYTES_MAX;
                (files.len() - 1, full)
            }
            // Nobody puts a file into one that is not open.
            State::Told(told) => {
                told.push(None);
                (told.len() - 1, false)
            }
        }
    }

    fn show(&self, shared: &Arc<Shared>) {
        let mut state = lock(&self.state);
        if let State::Gathering(files) = &mut *state {
            let files = std::mem::take(files);
            *state = State::Told(show(shared, &files));
        }
    }

    fn take(&self, at: usize) -> Kept {
        match &mut *lock(&self.state) {
            State::Gathering(_) => None,
            State::Told(told) => told.get_mut(at).and_then(Option::take),
        }
    }
}

/// What is sound after every step is sound after a panic of another thread.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The accounts of all of them.
fn show(shared: &Arc<Shared>, files: &[Small]) -> Vec<Kept> {
    let mut told = match files.len() {
        0 | 1 => Vec::new(),
        _ => together(shared, files),
    };
    let untold = files.get(told.len()..).unwrap_or_default();
    told.extend(untold.iter().map(|file| alone(shared, file)));
    told
}

/// The accounts of the first of them, until something failed.
fn together(shared: &Arc<Shared>, files: &[Small]) -> Vec<Kept> {
    let mut told = Vec::with_capacity(files.len());
    let Ok(mut lease) = shared.lease(Use::Batch) else {
        return told;
    };
    // Whatever went wrong, each file is blamed for itself alone.
    let _ = lease.with_many(|worker, patience| {
        worker.show(files, patience)?;
        for _ in files {
            told.push(account(worker.said(patience)?)?);
        }
        Ok(())
    });
    told
}

fn alone(shared: &Arc<Shared>, file: &Small) -> Kept {
    if shared.is_off() {
        return None;
    }
    let lease = shared.lease(Use::Batch);
    kept(lease.and_then(|mut lease| {
        lease.with(|worker, patience| {
            worker.show(std::slice::from_ref(file), patience)?;
            account(worker.said(patience)?)
        })
    }))
}
