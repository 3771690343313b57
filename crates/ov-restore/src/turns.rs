//! One reader of a thing at a time: who comes second finds it in memory.

use std::collections::HashSet;
use std::hash::Hash;
use std::sync::{Condvar, Mutex, PoisonError};

use crate::reader::lock;

/// Things that are being read.
pub(crate) struct Turns<K> {
    busy: Mutex<HashSet<K>>,
    freed: Condvar,
}

impl<K> Default for Turns<K> {
    fn default() -> Self {
        Self {
            busy: Mutex::default(),
            freed: Condvar::default(),
        }
    }
}

impl<K: Copy + Eq + Hash> Turns<K> {
    /// Waits until nobody else reads this. It is free again when the turn is dropped.
    pub fn take(&self, key: K) -> Turn<'_, K> {
        let mut busy = lock(&self.busy);
        while !busy.insert(key) {
            busy = self
                .freed
                .wait(busy)
                .unwrap_or_else(PoisonError::into_inner);
        }
        Turn { turns: self, key }
    }
}

/// The right to read a thing.
pub(crate) struct Turn<'t, K: Copy + Eq + Hash> {
    turns: &'t Turns<K>,
    key: K,
}

impl<K: Copy + Eq + Hash> Drop for Turn<'_, K> {
    fn drop(&mut self) {
        lock(&self.turns.busy).remove(&self.key);
        self.turns.freed.notify_all();
    }
}
