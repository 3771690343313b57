//! What a frozen version of the format left in `golden/` stays as it is, byte for byte.
//!
//! That old vaults are read is shown by vaults that old programs wrote. One that is made anew shows
//! only that today's program reads what today's program writes.

use crate::finding::{Chore, Finding, read, write};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

const LIST: &str = "golden/frozen.txt";
/// Frozen folders. New vectors, and vaults of new versions, go beside them.
const FOLDERS: [&str; 2] = ["golden/vault/v1", "golden/vectors"];

/// BLAKE3 hashes by path.
type Hashes = BTreeMap<String, String>;

/// Compare what is there with the list.
pub fn check(root: &Path) -> Result<Vec<Finding>, Chore> {
    let listed = parse(&read(&root.join(LIST))?);
    Ok(compare(&listed, &hashes(root)?))
}

/// Write the list.
pub fn freeze(root: &Path) -> Result<(), Chore> {
    let mut text = String::new();
    for (path, hash) in hashes(root)? {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{hash} {path}");
    }
    write(&root.join(LIST), text.as_bytes())
}

fn compare(listed: &Hashes, found: &Hashes) -> Vec<Finding> {
    let paths = listed.keys().chain(found.keys());
    let mut faults = BTreeMap::new();
    for path in paths {
        let fault = match (listed.get(path), found.get(path)) {
            (Some(one), Some(other)) if one == other => continue,
            (Some(_), Some(_)) => "is frozen and was changed",
            (Some(_), None) => "is frozen and is gone",
            (None, _) => "is not of the frozen version: put it beside it",
        };
        faults.insert(path, fault);
    }
    let faults = faults.into_iter();
    faults
        .map(|(path, fault)| Finding::at(path.clone(), fault.to_owned()))
        .collect()
}

fn parse(list: &str) -> Hashes {
    let lines = list.lines().filter_map(|line| line.split_once(' '));
    lines
        .map(|(hash, path)| (path.to_owned(), hash.to_owned()))
        .collect()
}

fn hashes(root: &Path) -> Result<Hashes, Chore> {
    let mut found = Hashes::new();
    let mut open: Vec<_> = FOLDERS.map(|folder| root.join(folder)).into();
    let failed = |path: &Path, cause| Chore::File {
        path: path.to_path_buf(),
        cause,
    };
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(&folder).map_err(|cause| failed(&folder, cause))? {
            let path = entry.map_err(|cause| failed(&folder, cause))?.path();
            if path.is_dir() {
                open.push(path);
                continue;
            }
            let bytes = std::fs::read(&path).map_err(|cause| failed(&path, cause))?;
            let name = path.strip_prefix(root).unwrap_or(&path).to_string_lossy();
            found.insert(name.into_owned(), blake3::hash(&bytes).to_hex().to_string());
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_changed_gone_or_new_is_named() {
        let listed = parse("aa golden/vault/v1/kit.txt\nbb golden/vectors/seal.json\n");
        assert_eq!(compare(&listed, &listed), []);
        let found = parse("cc golden/vault/v1/kit.txt\ndd golden/vectors/new one.json\n");
        let faults = compare(&listed, &found);
        let told: Vec<String> = faults.iter().map(ToString::to_string).collect();
        assert_eq!(told.len(), 3, "{told:?}");
        assert!(told[0].contains("kit.txt") && told[0].contains("changed"));
        assert!(told[1].contains("new one.json") && told[1].contains("beside"));
        assert!(told[2].contains("seal.json") && told[2].contains("gone"));
    }
}
