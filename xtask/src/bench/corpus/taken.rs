//! Files that were there already: the real ones of `cargo xtask data`, or anybody's own.

use super::tree;
use crate::bench::place::{failed, make_folder};
use crate::finding::Chore;
use std::path::Path;

/// Copy a share of the files of a folder, in thousandths. Which ones depends on their names alone.
pub fn copy(from: &Path, to: &Path, per_mille: u64) -> Result<(), Chore> {
    make_folder(to)?;
    let chosen = tree::files(from)?;
    for path in chosen.iter().filter(|path| is_chosen(path, per_mille)) {
        let (source, target) = (from.join(path), to.join(path));
        if let Some(folder) = target.parent() {
            make_folder(folder)?;
        }
        std::fs::copy(&source, &target).map_err(|cause| failed(&source, cause))?;
        let time = std::fs::metadata(&source).and_then(|about| about.modified());
        let file = std::fs::File::options().append(true).open(&target);
        time.and_then(|time| file?.set_modified(time))
            .map_err(|cause| failed(&target, cause))?;
    }
    Ok(())
}

fn is_chosen(path: &Path, per_mille: u64) -> bool {
    let hash = blake3::hash(path.as_os_str().as_encoded_bytes());
    let mut word = [0; 8];
    word.copy_from_slice(&hash.as_bytes()[..8]);
    u64::from_le_bytes(word) % 1000 < per_mille
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_of_the_files_is_taken_and_the_same_ones_each_time() {
        let folder = tempfile::tempdir().unwrap();
        let from = folder.path().join("from");
        let mut tree = tree::Tree::below(&from);
        for number in 0..200 {
            tree.put(&format!("{}/{number}.txt", number % 7), b"text")
                .unwrap();
        }
        let taken = |name: &str, per_mille| {
            let to = folder.path().join(name);
            copy(&from, &to, per_mille).unwrap();
            tree::files(&to).unwrap()
        };
        let (half, again) = (taken("a", 500), taken("b", 500));
        assert_eq!(half, again);
        assert!((70..130).contains(&half.len()), "{}", half.len());
        assert_eq!(taken("c", 1000).len(), 200);
    }
}
