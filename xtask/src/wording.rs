//! Wording: no tracked file names a path of the machine on which it was written.

use crate::finding::{Chore, Finding};
use crate::tracked::Tracked;

/// Cut in two so that this file does not hold what it looks for.
const MACHINE_PATHS: &[&str] = &[
    concat!("/wo", "rk/"),
    concat!("/ro", "ot/"),
    concat!("/Us", "ers/"),
    concat!("C:\\", "Users"),
];

/// Search every text file.
pub fn check(files: &Tracked) -> Result<Vec<Finding>, Chore> {
    let mut faults = Vec::new();
    for path in &files.paths {
        if let Some(text) = files.text(path)? {
            faults.extend(search(path, &text));
        }
    }
    Ok(faults)
}

fn search(path: &str, text: &str) -> Vec<Finding> {
    let mut faults = Vec::new();
    for (line_index, line) in text.lines().enumerate() {
        for word in MACHINE_PATHS
            .iter()
            .filter(|word| starts_a_path(line, word))
        {
            faults.push(Finding::on_line(
                path,
                line_index,
                format!("names a machine path, {word}"),
            ));
        }
    }
    faults
}

/// True where the word stands at the beginning of a path, not inside a longer one.
fn starts_a_path(line: &str, word: &str) -> bool {
    line.match_indices(word).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        !before.is_some_and(|c| c.is_alphanumeric() || "._-*)}>~".contains(c))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_path_is_found_and_a_longer_path_is_not() {
        let path = MACHINE_PATHS[0];
        assert_eq!(search("a.md", &format!("one\nsee {path}main\n")).len(), 1);
        assert_eq!(
            search("a.md", &format!("`{path}x` and \"{path}y\"")).len(),
            1
        );
        assert_eq!(search("a.md", &format!("home{path}main ../art{path}x")), []);
    }
}
