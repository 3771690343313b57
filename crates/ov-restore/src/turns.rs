//! One reader of a frame at a time: who comes second finds it in memory.

use std::collections::HashSet;
use std::sync::{Condvar, Mutex, PoisonError};

use ov_format::content::FrameRef;

use crate::reader::lock;

/// Frames that are being read.
#[derive(Default)]
pub(crate) struct Turns {
    busy: Mutex<HashSet<FrameRef>>,
    freed: Condvar,
}

impl Turns {
    /// Waits until nobody else reads this frame. It is free again when the turn is dropped.
    pub fn take(&self, at: FrameRef) -> Turn<'_> {
        let mut busy = lock(&self.busy);
        while !busy.insert(at) {
            busy = self
                .freed
                .wait(busy)
                .unwrap_or_else(PoisonError::into_inner);
        }
        Turn { turns: self, at }
    }
}

/// The right to read a frame.
pub(crate) struct Turn<'t> {
    turns: &'t Turns,
    at: FrameRef,
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        lock(&self.turns.busy).remove(&self.at);
        self.turns.freed.notify_all();
    }
}
