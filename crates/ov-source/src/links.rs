//! Numbers for hard-link groups.

use std::collections::HashMap;

/// Gives each file with several names a number that is the same for all of its names, and the
/// same in the next walk.
///
/// On the first device met, the number is the inode itself, so it is unique. Further devices
/// (mounts below a root) are numbered as they are met and mixed in: numbers of devices change
/// with a restart, their order in the tree does not. Two devices then share a number with the
/// probability of two random 64-bit values being equal; one device never does.
#[derive(Default)]
pub(crate) struct LinkGroups {
    devices: HashMap<u64, u64>,
}

impl LinkGroups {
    /// Notes a device; the order of first calls is what counts.
    pub fn meet(&mut self, device: u64) -> u64 {
        let next = u64::try_from(self.devices.len()).unwrap_or(u64::MAX);
        *self.devices.entry(device).or_insert(next)
    }

    /// The group of an inode.
    pub fn group(&mut self, device: u64, inode: u64) -> u64 {
        match self.meet(device) {
            0 => inode,
            number => mix(inode) ^ mix(number),
        }
    }
}

/// The finaliser of SplitMix64: a bijection that spreads every bit.
fn mix(value: u64) -> u64 {
    let mut z = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_do_not_depend_on_device_numbers_but_on_their_order() {
        let (mut before, mut after) = (LinkGroups::default(), LinkGroups::default());
        assert_eq!(before.group(8, 77), 77);
        assert_eq!(after.group(9, 77), 77);
        let second = before.group(40, 77);
        assert_ne!(second, 77);
        assert_eq!(second, after.group(41, 77));
    }
}
