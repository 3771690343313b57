//! The specification lock: docs/FORMAT.md carries the hash of every source of `ov-format`.
//!
//! So nobody changes an encoding without opening the specification: the hashes differ until somebody
//! has compared both and says so with `cargo xtask tidy --lock-format`.

use crate::finding::{Chore, Finding, read};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

const DOCUMENT: &str = "docs/FORMAT.md";
const SOURCES: &str = "crates/ov-format/src";
const OPENING: &str = "<!-- format-lock: reviewed against these sources of ov-format (BLAKE3)";
const CLOSING: &str = "-->";
const WAY_OUT: &str =
    "compare it with docs/FORMAT.md, correct the document, then `cargo xtask tidy --lock-format`";

/// Hashes by path below the sources.
type Hashes = BTreeMap<String, String>;

/// Compare the lock with the sources.
pub fn check(root: &Path) -> Result<Vec<Finding>, Chore> {
    let document = match read(&root.join(DOCUMENT)) {
        Ok(document) => document,
        Err(Chore::File { cause, .. }) => {
            return Ok(vec![Finding::at(DOCUMENT, cause.to_string())]);
        }
        Err(error) => return Err(error),
    };
    let Some(locked) = parse(&document) else {
        return Ok(vec![Finding::at(
            DOCUMENT,
            format!("carries no lock; {WAY_OUT}"),
        )]);
    };
    Ok(compare(&locked, &hashes(&root.join(SOURCES))?))
}

/// Write the lock anew at the end of the document.
pub fn rewrite(root: &Path) -> Result<(), Chore> {
    let path = root.join(DOCUMENT);
    let document = read(&path)?;
    let sources = hashes(&root.join(SOURCES))?;
    std::fs::write(&path, relocked(&document, &sources))
        .map_err(|cause| Chore::File { path, cause })?;
    println!(
        "{DOCUMENT} is locked to {} files of {SOURCES}",
        sources.len()
    );
    Ok(())
}

fn compare(locked: &Hashes, sources: &Hashes) -> Vec<Finding> {
    let mut faults = Vec::new();
    for (file, hash) in sources {
        let fault = match locked.get(file) {
            Some(known) if known == hash => continue,
            Some(_) => "changed since the specification was reviewed",
            None => "is new since the specification was reviewed",
        };
        faults.push(Finding::at(
            format!("{SOURCES}/{file}"),
            format!("{fault}; {WAY_OUT}"),
        ));
    }
    let gone = locked.keys().filter(|file| !sources.contains_key(*file));
    faults.extend(gone.map(|file| {
        Finding::at(
            format!("{SOURCES}/{file}"),
            format!("is locked and gone; {WAY_OUT}"),
        )
    }));
    faults
}

fn parse(document: &str) -> Option<Hashes> {
    let (_, rest) = document.split_once(OPENING)?;
    let (body, _) = rest.split_once(CLOSING)?;
    Some(
        body.lines()
            .filter_map(|line| line.split_once(' '))
            .map(|(hash, file)| (file.trim().to_owned(), hash.to_owned()))
            .collect(),
    )
}

fn relocked(document: &str, sources: &Hashes) -> String {
    let prose = document
        .split_once(OPENING)
        .map_or(document, |(prose, _)| prose);
    let mut text = format!("{}\n\n{OPENING}\n", prose.trim_end());
    for (file, hash) in sources {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{hash} {file}");
    }
    text.push_str(CLOSING);
    text.push('\n');
    text
}

fn hashes(folder: &Path) -> Result<Hashes, Chore> {
    let mut found = Hashes::new();
    let mut open = vec![folder.to_path_buf()];
    let failed = |path: &Path, cause| Chore::File {
        path: path.to_path_buf(),
        cause,
    };
    while let Some(next) = open.pop() {
        for entry in std::fs::read_dir(&next).map_err(|cause| failed(&next, cause))? {
            let path = entry.map_err(|cause| failed(&next, cause))?.path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|end| end == "rs") {
                let bytes = std::fs::read(&path).map_err(|cause| failed(&path, cause))?;
                let name = path.strip_prefix(folder).unwrap_or(&path).to_string_lossy();
                found.insert(name.into_owned(), blake3::hash(&bytes).to_hex().to_string());
            }
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hashes_of(files: &[(&str, &str)]) -> Hashes {
        files
            .iter()
            .map(|(file, hash)| ((*file).to_owned(), (*hash).to_owned()))
            .collect()
    }

    #[test]
    fn a_lock_that_was_written_is_read_again_and_the_prose_stays() {
        let sources = hashes_of(&[("id.rs", "aa"), ("pack/trailer.rs", "bb")]);
        let once = relocked("# Format\n\nBytes.\n", &sources);
        assert!(once.starts_with("# Format\n\nBytes.\n"));
        assert_eq!(parse(&once), Some(sources.clone()));
        assert_eq!(relocked(&once, &sources), once);
    }

    #[test]
    fn changed_new_and_removed_sources_are_each_named() {
        let locked = hashes_of(&[("id.rs", "aa"), ("gone.rs", "bb"), ("same.rs", "cc")]);
        let sources = hashes_of(&[("id.rs", "xx"), ("new.rs", "dd"), ("same.rs", "cc")]);
        let text: Vec<_> = compare(&locked, &sources)
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(text.len(), 3);
        assert!(text[0].contains("id.rs: changed") && text[0].contains("--lock-format"));
        assert!(text[1].contains("new.rs: is new"));
        assert!(text[2].contains("gone.rs: is locked and gone"));
    }

    #[test]
    fn a_document_without_a_lock_fails() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(folder.path().join(SOURCES)).unwrap();
        std::fs::create_dir_all(folder.path().join("docs")).unwrap();
        std::fs::write(folder.path().join(SOURCES).join("id.rs"), "a").unwrap();
        assert_eq!(check(folder.path()).unwrap().len(), 1);
        std::fs::write(folder.path().join(DOCUMENT), "# Format\n").unwrap();
        assert_eq!(check(folder.path()).unwrap().len(), 1);
        rewrite(folder.path()).unwrap();
        assert_eq!(check(folder.path()).unwrap(), []);
        std::fs::write(folder.path().join(SOURCES).join("id.rs"), "b").unwrap();
        assert_eq!(check(folder.path()).unwrap().len(), 1);
    }
}
