//! A small bounded map that drops what was not used for the longest time.

use std::collections::HashMap;
use std::hash::Hash;

/// Values with sizes, bounded by the sum of those. Made for some hundred values: what is dropped
/// is found by looking at all.
pub(crate) struct Cache<K, V> {
    held: HashMap<K, Held<V>>,
    size: usize,
    size_max: usize,
    tick: u64,
}

struct Held<V> {
    value: V,
    size: usize,
    used: u64,
}

impl<K: Copy + Eq + Hash, V: Clone> Cache<K, V> {
    pub fn new(size_max: usize) -> Self {
        Self {
            held: HashMap::new(),
            size: 0,
            size_max,
            tick: 0,
        }
    }

    pub fn get(&mut self, key: &K) -> Option<V> {
        self.tick += 1;
        let held = self.held.get_mut(key)?;
        held.used = self.tick;
        Some(held.value.clone())
    }

    /// Keeps a value, unless it alone is larger than the bound.
    pub fn insert(&mut self, key: K, value: V, size: usize) {
        if size > self.size_max {
            return;
        }
        self.tick += 1;
        let used = self.tick;
        if let Some(old) = self.held.insert(key, Held { value, size, used }) {
            self.size -= old.size;
        }
        self.size += size;
        while self.size > self.size_max {
            self.drop_oldest();
        }
    }

    fn drop_oldest(&mut self) {
        let oldest = self.held.iter().min_by_key(|(_, held)| held.used);
        let Some(key) = oldest.map(|(key, _)| *key) else {
            self.size = 0;
            return;
        };
        if let Some(held) = self.held.remove(&key) {
            self.size -= held.size;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_used_last_stays_and_the_bound_holds() {
        let mut cache = Cache::new(10);
        cache.insert(1, 'a', 4);
        cache.insert(2, 'b', 4);
        assert_eq!(cache.get(&1), Some('a'));
        cache.insert(3, 'c', 4);
        assert_eq!(cache.get(&2), None);
        assert_eq!((cache.get(&1), cache.get(&3)), (Some('a'), Some('c')));
        cache.insert(4, 'd', 11);
        assert_eq!(cache.get(&4), None);
        cache.insert(1, 'e', 6);
        assert_eq!((cache.get(&1), cache.size), (Some('e'), 10));
    }
}
