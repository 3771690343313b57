//! Inode numbers: what a number stands for follows from the number.

/// Bits for what is inside a snapshot; the others say which one.
const INSIDE_BITS: u32 = 40;

/// What an inode number stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Node {
    /// A folder or link above the snapshots; 0 is the top.
    Shelf(usize),
    /// The folder that holds a snapshot's tree.
    Snapshot(usize),
    /// The entry at a position of a snapshot's tree.
    Entry(usize, u64),
}

impl Node {
    /// What a number stands for. Whether it exists is another question.
    pub fn of(number: u64) -> Option<Self> {
        let inside = number & ((1 << INSIDE_BITS) - 1);
        let slot = usize::try_from(number >> INSIDE_BITS).ok()?;
        match (slot.checked_sub(1), inside.checked_sub(1)) {
            (None, shelf) => Some(Self::Shelf(usize::try_from(shelf?).ok()?)),
            (Some(snapshot), None) => Some(Self::Snapshot(snapshot)),
            (Some(snapshot), Some(position)) => Some(Self::Entry(snapshot, position)),
        }
    }

    /// The number of it: 1 for the top, as the kernel has it. `None` if there are more snapshots
    /// (2^24) or entries (2^40) than numbers.
    pub fn number(self) -> Option<u64> {
        let (slot, inside) = match self {
            Self::Shelf(shelf) => (0, to_u64(shelf)?.checked_add(1)?),
            Self::Snapshot(snapshot) => (to_u64(snapshot)?.checked_add(1)?, 0),
            Self::Entry(snapshot, position) => {
                (to_u64(snapshot)?.checked_add(1)?, position.checked_add(1)?)
            }
        };
        let fits = slot < 1 << (u64::BITS - INSIDE_BITS) && inside < 1 << INSIDE_BITS;
        fits.then_some(slot << INSIDE_BITS | inside)
    }
}

fn to_u64(number: usize) -> Option<u64> {
    u64::try_from(number).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_stands_for_what_it_was_made_of() {
        assert_eq!(Node::Shelf(0).number(), Some(1));
        assert_eq!(Node::of(0), None);
        let far = (1 << 40) - 2;
        for node in [
            Node::Shelf(0),
            Node::Shelf(77),
            Node::Snapshot(0),
            Node::Snapshot((1 << 24) - 2),
            Node::Entry(0, 0),
            Node::Entry(3, far),
        ] {
            assert_eq!(node.number().and_then(Node::of), Some(node));
        }
        assert_eq!(Node::Entry(0, far + 1).number(), None);
        assert_eq!(Node::Snapshot((1 << 24) - 1).number(), None);
    }
}
