//! Shape of sources: length, file names, `unsafe`, skipped tests, and that every crate takes our lints.

use crate::exceptions::{LONG_FILES, UNSAFE_FILES};
use crate::finding::{Chore, Finding};
use crate::tracked::Tracked;

const LINES_MAX: usize = 600;

/// Names under which everything ends up.
const VAGUE_NAMES: &[&str] = &[
    "utils", "util", "helpers", "helper", "common", "misc", "manager", "handler", "mod",
];

/// Check every Rust file and every manifest.
pub fn check(files: &Tracked) -> Result<Vec<Finding>, Chore> {
    let mut faults = Vec::new();
    for path in files.ending(".rs") {
        faults.extend(vague_name(path));
        let text = files.text(path)?.unwrap_or_default();
        faults.extend(too_long(path, text.lines().count(), LONG_FILES));
        faults.extend(forbidden_lines(path, &text, UNSAFE_FILES));
    }
    for path in files.ending("Cargo.toml").filter(|path| path.contains('/')) {
        faults.extend(own_lints(path, &files.text(path)?.unwrap_or_default()));
    }
    let listed = LONG_FILES.iter().chain(UNSAFE_FILES);
    faults.extend(
        listed
            .filter(|(path, _)| !files.holds(path))
            .map(|(path, _)| {
                Finding::at(
                    "xtask/src/exceptions.rs",
                    format!("{path} is listed and does not exist"),
                )
            }),
    );
    Ok(faults)
}

fn vague_name(path: &str) -> Option<Finding> {
    let name = path.rsplit('/').next()?.strip_suffix(".rs")?;
    VAGUE_NAMES
        .contains(&name)
        .then(|| Finding::at(path, "a file is named after the noun that it holds"))
}

fn too_long(path: &str, lines: usize, listed: &[(&str, &str)]) -> Option<Finding> {
    let is_listed = listed.iter().any(|(file, _)| *file == path);
    match (lines > LINES_MAX, is_listed) {
        (true, false) => Some(Finding::at(
            path,
            format!("{lines} lines, and the limit is {LINES_MAX}"),
        )),
        (false, true) => Some(Finding::at(path, "is listed as long and no longer is")),
        _ => None,
    }
}

fn forbidden_lines(path: &str, text: &str, may_be_unsafe: &[(&str, &str)]) -> Vec<Finding> {
    let may_be_unsafe = may_be_unsafe.iter().any(|(file, _)| *file == path);
    let mut faults = Vec::new();
    for (line_index, line) in text.lines().enumerate() {
        let code = line.split("//").next().unwrap_or_default();
        if code.trim_start().starts_with("#[ignore") {
            faults.push(Finding::on_line(
                path,
                line_index,
                "a test is skipped by attribute",
            ));
        }
        if !may_be_unsafe && is_unsafe(code) {
            faults.push(Finding::on_line(
                path,
                line_index,
                "unsafe code outside listed modules",
            ));
        }
    }
    faults
}

/// A use of `unsafe`, or the lint against it switched off.
fn is_unsafe(code: &str) -> bool {
    const WORD: &str = concat!("un", "safe");
    let is_used = code.match_indices(WORD).any(|(at, _)| {
        let starts_a_word = !code[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_');
        let after = code[at + WORD.len()..].trim_start();
        let opens = ["{", "fn ", "impl ", "impl<", "extern ", "trait "];
        starts_a_word && opens.iter().any(|word| after.starts_with(word))
    });
    let switched_off = |level: &str| code.contains(&format!("{level}({WORD}_code"));
    is_used
        || code.contains(&format!("[{WORD}("))
        || ["allow", "expect", "warn"]
            .iter()
            .any(|level| switched_off(level))
}

fn own_lints(path: &str, manifest: &str) -> Option<Finding> {
    let is_package = manifest.lines().any(|line| line.trim() == "[package]");
    let inherits = manifest.split("[lints]").nth(1).is_some_and(|rest| {
        rest.lines().map(str::trim).find(|line| !line.is_empty()) == Some("workspace = true")
    });
    (is_package && !inherits).then(|| Finding::at(path, "does not take the workspace's lints"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vague_file_names_are_refused_and_nouns_are_not() {
        assert!(vague_name("crates/ov-store/src/utils.rs").is_some());
        assert!(vague_name("crates/ov-store/src/folder/mod.rs").is_some());
        assert!(vague_name("crates/ov-store/src/folder.rs").is_none());
    }

    #[test]
    fn a_long_file_needs_a_reason_and_loses_it_when_it_shrinks() {
        assert!(too_long("a.rs", 601, &[]).is_some());
        assert!(too_long("a.rs", 600, &[]).is_none());
        assert!(too_long("a.rs", 601, &[("a.rs", "one table")]).is_none());
        assert!(too_long("a.rs", 20, &[("a.rs", "one table")]).is_some());
    }

    #[test]
    fn unsafe_code_and_skipped_tests_are_found_by_line() {
        let word = concat!("un", "safe");
        let text = format!("fn a() {{\n    {word} {{ b() }}\n}} // {word}\n#[ignore]\n");
        let found = forbidden_lines("x.rs", &text, &[]);
        let places: Vec<String> = found.iter().map(ToString::to_string).collect();
        assert_eq!(places.len(), 2);
        assert!(places[0].starts_with("x.rs:2: unsafe"));
        assert!(places[1].starts_with("x.rs:4: a test is skipped"));
        assert_eq!(forbidden_lines("x.rs", &text, &[("x.rs", "why")]).len(), 1);
    }

    #[test]
    fn the_lint_against_it_may_be_denied_and_not_allowed() {
        assert!(!is_unsafe(concat!("#![deny(un", "safe_code)]")));
        assert!(!is_unsafe(concat!("#![forbid(un", "safe_code)]")));
        assert!(is_unsafe(concat!(
            "#![allow(un",
            "safe_code, reason = \"\")]"
        )));
    }

    #[test]
    fn a_crate_that_does_not_take_our_lints_is_named() {
        assert!(own_lints("c/Cargo.toml", "[package]\nname = \"c\"\n").is_some());
        assert!(own_lints("c/Cargo.toml", "[package]\n\n[lints]\nworkspace = true\n").is_none());
        assert!(own_lints("Cargo.toml", "[workspace]\n").is_none());
    }
}
