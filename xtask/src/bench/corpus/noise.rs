//! Files that nothing makes smaller: what is encrypted or compressed already.

use super::tree::Tree;
use crate::bench::random::Random;
use crate::finding::Chore;

const SMALL: u64 = 1 << 20;

/// Write so many bytes: three quarters in a few large files, the rest in files of 1 MiB.
pub fn write(tree: &mut Tree, folder: &str, seed: &str, bytes: u64) -> Result<(), Chore> {
    let begun = tree.bytes();
    let mut number = 0;
    while tree.bytes() - begun < bytes {
        let written = tree.bytes() - begun;
        let wanted = match written < bytes / 4 * 3 {
            true => SMALL.max(bytes / 8),
            false => SMALL,
        };
        let length = usize::try_from(wanted.min(bytes - written)).unwrap_or_default();
        let content = Random::of(&format!("{seed}/{number}")).bytes(length);
        tree.put(
            &format!("{folder}/{:02}/{number:04}.bin", number / 64),
            &content,
        )?;
        number += 1;
    }
    Ok(())
}
