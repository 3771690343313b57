//! Files of which something is not known: whose they are, or what they are.

use std::collections::BTreeMap;

use ov_clinical::Kind;

use crate::file::{FoundFile, Whose};

/// Files of a folder that could name a patient and name none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unassigned {
    /// The absolute path of the folder.
    pub folder: Vec<u8>,
    /// How many.
    pub files: u64,
}

/// Files of a folder that nothing recognises, with one ending of their names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unknown {
    /// What follows the last dot of their names, in lower case; `None` without one.
    pub ending: Option<String>,
    /// The absolute path of the folder.
    pub folder: Vec<u8>,
    /// How many.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// Longer endings are none.
const ENDING_MAX: usize = 16;

/// By folder, in their order.
pub(crate) fn unassigned(files: &[FoundFile]) -> Vec<Unassigned> {
    let mut found: Vec<Unassigned> = Vec::new();
    let blank = |file: &&FoundFile| {
        file.seen
            .as_ref()
            .is_some_and(|seen| seen.whose == Whose::Nobody)
    };
    for file in files.iter().filter(blank) {
        let folder = folder_of(file);
        match found.last_mut().filter(|last| last.folder == folder) {
            Some(last) => last.files += 1,
            None => found.push(Unassigned { folder, files: 1 }),
        }
    }
    found
}

/// By ending and folder, those that take most space first.
pub(crate) fn unknown(files: &[FoundFile]) -> Vec<Unknown> {
    let mut sums: BTreeMap<(Option<String>, Vec<u8>), (u64, u64)> = BTreeMap::new();
    for file in files
        .iter()
        .filter(|file| file.kind() == Some(Kind::Unknown))
    {
        let sum = sums
            .entry((ending(&file.name), folder_of(file)))
            .or_default();
        sum.0 += 1;
        sum.1 = sum.1.saturating_add(file.size);
    }
    let mut found: Vec<Unknown> = sums
        .into_iter()
        .map(|((ending, folder), (files, bytes))| Unknown {
            ending,
            folder,
            files,
            bytes,
        })
        .collect();
    found.sort_by_key(|unknown| std::cmp::Reverse(unknown.bytes));
    found
}

fn folder_of(file: &FoundFile) -> Vec<u8> {
    [b"/", &file.folder[..]].concat()
}

fn ending(name: &[u8]) -> Option<String> {
    let name = std::str::from_utf8(name).ok()?;
    let (stem, ending) = name.rsplit_once('.')?;
    let plain = ending.chars().all(|c| c.is_ascii_alphanumeric());
    let sound = !stem.is_empty() && !ending.is_empty() && ending.len() <= ENDING_MAX && plain;
    sound.then(|| ending.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ending_is_short_and_plain_or_none() {
        assert_eq!(ending(b"a.tar.GZ").as_deref(), Some("gz"));
        assert_eq!(ending(b".profile"), None);
        assert_eq!(ending(b"a."), None);
        assert_eq!(ending(b"a.<script>"), None);
        assert_eq!(ending(b"1.2.840.113619.2.55"), Some("55".to_owned()));
    }
}
