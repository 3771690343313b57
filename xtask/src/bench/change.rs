//! What happens to a tree between two runs: one file in a hundred is edited, renamed or written anew.
//!
//! The changed files are prepared once and moved into place and back, so that all other files keep
//! their inode and their time of change of state, by which engines know them.

use super::corpus::tree;
use super::place::{failed, make_folder};
use super::random::Random;
use crate::finding::{Chore, read, write};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// One file in this many changes.
const ONE_OF: usize = 100;
/// Large files are edited at one place in so many bytes.
const BYTES_PER_EDIT: usize = 32 << 20;
/// Changed files are younger than all others.
const LATER: u64 = 10_000_000;

/// A change that can be made and undone.
pub struct Change {
    root: PathBuf,
    /// The new files, while the old ones are in place.
    fresh: PathBuf,
    /// The old files, while the new ones are in place.
    kept: PathBuf,
    moves: Vec<Move>,
}

/// One file that changes.
#[derive(Debug, Serialize, Deserialize)]
struct Move {
    /// Where it is before, relative to the tree.
    from: PathBuf,
    /// Where it is afterwards.
    to: PathBuf,
    /// Whether only its name changes.
    renamed: bool,
}

impl Change {
    /// The change of the tree at `root`, prepared beside it unless it is there. What an interrupted
    /// run left in place is undone.
    pub fn prepare(root: &Path) -> Result<Self, Chore> {
        let beside = |more: &str| {
            let mut name = root.file_name().unwrap_or_default().to_owned();
            name.push(more);
            root.with_file_name(name)
        };
        let (fresh, kept) = (beside(".change"), beside(".kept"));
        let journal = fresh.join("journal.json");
        let moves = if journal.is_file() {
            serde_json::from_str(&read(&journal)?)?
        } else {
            let moves = draw(root, &fresh)?;
            write(&journal, &serde_json::to_vec(&moves)?)?;
            moves
        };
        let root = root.to_path_buf();
        let change = Self {
            root,
            fresh,
            kept,
            moves,
        };
        change.undo()?;
        Ok(change)
    }

    /// Make it.
    pub fn make(&self) -> Result<(), Chore> {
        make_folder(&self.kept)?;
        for (number, moved) in self.moves.iter().enumerate() {
            let (from, to) = (self.root.join(&moved.from), self.root.join(&moved.to));
            if moved.renamed {
                rename(&from, &to)?;
            } else {
                rename(&from, &self.kept.join(number.to_string()))?;
                rename(&self.fresh.join(number.to_string()), &to)?;
            }
        }
        Ok(())
    }

    /// Undo it, also where it was made in part or not at all.
    pub fn undo(&self) -> Result<(), Chore> {
        if !self.kept.exists() {
            return Ok(());
        }
        for (number, moved) in self.moves.iter().enumerate() {
            let (from, to) = (self.root.join(&moved.from), self.root.join(&moved.to));
            let number = number.to_string();
            if moved.renamed {
                rename_back(&to, &from)?;
            } else if self.kept.join(&number).exists() {
                rename_back(&to, &self.fresh.join(&number))?;
                rename(&self.kept.join(&number), &from)?;
            }
        }
        std::fs::remove_dir(&self.kept).map_err(|cause| failed(&self.kept, cause))
    }
}

fn rename(from: &Path, to: &Path) -> Result<(), Chore> {
    std::fs::rename(from, to).map_err(|cause| failed(from, cause))
}

fn rename_back(from: &Path, to: &Path) -> Result<(), Chore> {
    match from.exists() {
        true => rename(from, to),
        false => Ok(()),
    }
}

/// Choose the files and write what becomes of them.
fn draw(root: &Path, fresh: &Path) -> Result<Vec<Move>, Chore> {
    make_folder(fresh)?;
    let mut files = tree::files(root)?;
    let wanted = (files.len() / ONE_OF).max(1).min(files.len());
    let mut random = Random::of(&format!("change of {} files", files.len()));
    let mut moves = Vec::with_capacity(wanted);
    for number in 0..wanted {
        let left = u64::try_from(files.len()).unwrap_or_default();
        let chosen = usize::try_from(random.below(left)).unwrap_or_default();
        let from = files.swap_remove(chosen);
        let kind = random.below(10);
        let renamed = kind == 9;
        if !renamed {
            let old = root.join(&from);
            let mut bytes = std::fs::read(&old).map_err(|cause| failed(&old, cause))?;
            edit(&mut bytes, kind, &mut random);
            let new = fresh.join(number.to_string());
            let second = LATER + u64::try_from(number).unwrap_or_default();
            tree::write_at(&new, &bytes, second).map_err(|cause| failed(&new, cause))?;
        }
        let to = if renamed {
            new_name(&from)
        } else {
            from.clone()
        };
        moves.push(Move { from, to, renamed });
    }
    Ok(moves)
}

fn new_name(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".renamed");
    path.with_file_name(name)
}

/// Half of all files are overwritten in places, others grow at their end or inside, few are all new.
fn edit(bytes: &mut Vec<u8>, kind: u64, random: &mut Random) {
    let places = bytes.len() / BYTES_PER_EDIT + 1;
    for _ in 0..places {
        let end = u64::try_from(bytes.len()).unwrap_or_default();
        let at = usize::try_from(random.below(end)).unwrap_or_default();
        let piece = letters(random, 24);
        match kind {
            0..5 => {
                let upto = (at + piece.len()).min(bytes.len());
                bytes[at..upto].copy_from_slice(&piece[..upto - at]);
            }
            5..7 => bytes.extend_from_slice(&letters(random, 120)),
            7 => drop(bytes.splice(at..at, piece)),
            _ => *bytes = letters(random, bytes.len().max(200) / 4 * 3),
        }
    }
}

fn letters(random: &mut Random, length: usize) -> Vec<u8> {
    let mut bytes = random.bytes(length);
    for byte in &mut bytes {
        *byte = b'a' + *byte % 26;
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::corpus::tree::{Tree, digest};

    fn tree_of(files: usize) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        let mut tree = Tree::below(&folder.path().join("data"));
        for number in 0..files {
            let text = format!("file {number}\n").repeat(number % 50 + 1);
            tree.put(&format!("{}/{number}.txt", number % 10), text.as_bytes())
                .unwrap();
        }
        folder
    }

    #[test]
    fn one_file_in_a_hundred_changes_and_all_is_undone() {
        let folder = tree_of(2000);
        let root = folder.path().join("data");
        let before = digest(&root).unwrap();
        let change = Change::prepare(&root).unwrap();
        assert_eq!(change.moves.len(), 20);
        change.make().unwrap();
        let after = digest(&root).unwrap();
        assert_ne!(before.hash, after.hash);
        assert_eq!(before.files, after.files);
        change.undo().unwrap();
        assert_eq!(before, digest(&root).unwrap());
        change.make().unwrap();
        assert_eq!(after, digest(&root).unwrap());
    }

    #[test]
    fn a_change_that_was_made_in_part_is_undone_when_it_is_prepared_again() {
        let folder = tree_of(500);
        let root = folder.path().join("data");
        let before = digest(&root).unwrap();
        let change = Change::prepare(&root).unwrap();
        change.make().unwrap();
        // As if it had been killed before the second move.
        let (first, kept) = (&change.moves[1], change.kept.join("1"));
        assert!(!first.renamed, "the seed draws an edit here");
        rename(&root.join(&first.to), &change.fresh.join("1")).unwrap();
        rename(&kept, &root.join(&first.from)).unwrap();
        Change::prepare(&root).unwrap();
        assert_eq!(before, digest(&root).unwrap());
    }

    #[test]
    fn a_single_file_changes_too() {
        let folder = tree_of(1);
        let change = Change::prepare(&folder.path().join("data")).unwrap();
        assert_eq!(change.moves.len(), 1);
    }
}
