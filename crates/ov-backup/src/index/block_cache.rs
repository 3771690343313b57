//! Blocks of shelves that were opened lately, up to a fixed number.

use std::collections::HashMap;

/// Which block: the file's number in this process, and the block's in the file.
pub type BlockName = (u32, u64);

/// Keeps what was used since the hand last went by (the clock algorithm): a look-up costs no
/// reordering.
pub struct BlockCache {
    slots: Vec<Slot>,
    places: HashMap<BlockName, usize>,
    slots_max: usize,
    hand: usize,
    files: u32,
}

struct Slot {
    name: BlockName,
    block: Vec<u8>,
    since: Since,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Since {
    Used,
    Passed,
}

impl BlockCache {
    /// A cache of at most so many blocks, at least one.
    pub fn new(blocks_max: usize) -> Self {
        Self {
            slots: Vec::new(),
            places: HashMap::new(),
            slots_max: blocks_max.max(1),
            hand: 0,
            files: 0,
        }
    }

    /// A number for one more file.
    pub fn number_file(&mut self) -> u32 {
        self.files = self.files.wrapping_add(1);
        self.files
    }

    /// Blocks that are kept now.
    pub fn len(&self) -> usize {
        self.slots.len()
    }

    /// Whether none is kept.
    pub fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// The block, read by `read` if it is not here; `None` if that finds it damaged.
    pub fn get(
        &mut self,
        name: BlockName,
        read: impl FnOnce() -> Option<Vec<u8>>,
    ) -> Option<&[u8]> {
        let place = match self.places.get(&name) {
            Some(place) => {
                self.slots[*place].since = Since::Used;
                *place
            }
            None => self.put(name, read()?),
        };
        Some(&self.slots[place].block)
    }

    fn put(&mut self, name: BlockName, block: Vec<u8>) -> usize {
        let slot = Slot {
            name,
            block,
            // Used once is not used again: what only passes through goes first.
            since: Since::Passed,
        };
        let place = if self.slots.len() < self.slots_max {
            self.slots.push(slot);
            self.slots.len() - 1
        } else {
            let place = self.free();
            self.places.remove(&self.slots[place].name);
            self.slots[place] = slot;
            place
        };
        self.places.insert(name, place);
        place
    }

    fn free(&mut self) -> usize {
        loop {
            let place = self.hand;
            self.hand = (place + 1) % self.slots.len();
            if self.slots[place].since == Since::Passed {
                return place;
            }
            self.slots[place].since = Since::Passed;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_never_holds_more_than_it_may_and_always_answers_with_the_right_block() {
        let mut cache = BlockCache::new(3);
        let mut reads = 0;
        for round in 0..50u8 {
            let wanted = round.wrapping_mul(7) % 5;
            let block = cache.get((1, wanted.into()), || {
                reads += 1;
                Some(vec![wanted])
            });
            assert_eq!(block, Some(&[wanted][..]));
            assert!(cache.len() <= 3);
        }
        assert!(reads > 5, "five blocks do not fit into three places");
    }

    #[test]
    fn a_block_in_use_stays_while_others_pass_through() {
        let mut cache = BlockCache::new(4);
        cache.get((0, 0), || Some(vec![9]));
        for number in 1..100 {
            cache.get((1, number), || Some(Vec::new()));
            let kept = cache.get((0, 0), || None);
            assert_eq!(kept, Some(&[9][..]), "read again after {number} others");
        }
    }

    #[test]
    fn what_does_not_open_is_not_kept() {
        let mut cache = BlockCache::new(4);
        assert_eq!(cache.get((0, 0), || None), None);
        assert!(cache.is_empty());
        assert_eq!(cache.get((0, 0), || Some(vec![1])), Some(&[1][..]));
    }
}
