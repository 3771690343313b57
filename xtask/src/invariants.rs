//! Invariants, losses and faults: every test that a document names as holding something exists.
//!
//! A test is named `crate::test_name`; a check of this program `tidy: name`.

use crate::architecture::{self, Architecture};
use crate::finding::{Chore, Finding};
use crate::tracked::Tracked;

/// The documents in which every row may name the test that forbids a loss, or shows a fault.
const TABLES: [&str; 2] = ["docs/losses.md", "docs/faults.md"];

/// Look up every name in ARCHITECTURE.md's invariants and in the lists of losses and faults.
pub fn check(
    files: &Tracked,
    document: &Architecture,
    checks: &[&str],
) -> Result<Vec<Finding>, Chore> {
    let mut faults = Vec::new();
    for invariant in document.invariants() {
        if invariant.held_by.is_empty() {
            let fault = format!("no test holds this invariant: {}", invariant.opening);
            faults.push(Finding::on_line(
                architecture::FILE,
                invariant.line_index,
                fault,
            ));
        }
        for name in &invariant.held_by {
            if !exists(files, name, checks)? {
                let fault = format!("`{name}` holds an invariant and does not exist");
                faults.push(Finding::on_line(
                    architecture::FILE,
                    invariant.line_index,
                    fault,
                ));
            }
        }
    }
    for table in TABLES {
        faults.extend(check_table(files, table, checks)?);
    }
    Ok(faults)
}

fn check_table(files: &Tracked, table: &str, checks: &[&str]) -> Result<Vec<Finding>, Chore> {
    let mut faults = Vec::new();
    let text = if files.holds(table) {
        files.text(table)?
    } else {
        None
    };
    for (line_index, line) in text.unwrap_or_default().lines().enumerate() {
        let quoted = line.split('`').skip(1).step_by(2);
        for name in quoted.filter(|name| is_test_name(name) || name.starts_with("tidy: ")) {
            if !exists(files, name, checks)? {
                let fault = format!("`{name}` is named as a test and does not exist");
                faults.push(Finding::on_line(table, line_index, fault));
            }
        }
    }
    Ok(faults)
}

fn exists(files: &Tracked, name: &str, checks: &[&str]) -> Result<bool, Chore> {
    if let Some(check) = name.strip_prefix("tidy: ") {
        return Ok(checks.contains(&check));
    }
    let Some((owner, test)) = name.split_once("::") else {
        return Ok(false);
    };
    let test = test.rsplit("::").next().unwrap_or(test);
    let folders = [format!("crates/{owner}/"), format!("{owner}/")];
    for path in files
        .ending(".rs")
        .filter(|path| folders.iter().any(|f| path.starts_with(f)))
    {
        if files.text(path)?.is_some_and(|text| has_test(&text, test)) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// `ov-store::a_refused_overwrite_…`, not a type such as `ov-store::Store`.
fn is_test_name(name: &str) -> bool {
    name.split_once("::").is_some_and(|(owner, test)| {
        let is_ours = owner.starts_with("ov-") || ["oncovault", "xtask"].contains(&owner);
        is_ours && test.starts_with(|c: char| c.is_ascii_lowercase())
    })
}

/// A function of that name with `#[test]` among the few lines above it.
fn has_test(text: &str, test: &str) -> bool {
    let signature = format!("fn {test}(");
    let lines: Vec<&str> = text.lines().collect();
    lines
        .iter()
        .enumerate()
        .filter(|(_, line)| line.trim_start().starts_with(&signature))
        .any(|(line_index, _)| {
            let above = &lines[line_index.saturating_sub(5)..line_index];
            above
                .iter()
                .rev()
                .take_while(|line| !line.trim().is_empty())
                .any(|line| line.trim() == "#[test]")
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_test_is_a_function_under_the_test_attribute() {
        assert!(has_test("    #[test]\n    fn it_holds() {\n", "it_holds"));
        assert!(has_test(
            "#[test]\n/// Why.\nfn it_holds(x in 0..3u8) {\n",
            "it_holds"
        ));
        assert!(!has_test("fn it_holds() {\n", "it_holds"));
        assert!(!has_test(
            "#[test]\nfn other() {}\n\nfn it_holds() {\n",
            "it_holds"
        ));
        assert!(!has_test("#[test]\nfn it_holds_more() {\n", "it_holds"));
    }

    #[test]
    fn types_are_not_taken_for_tests() {
        assert!(is_test_name("ov-store::a_failed_sync_is_final"));
        assert!(!is_test_name("ov-store::Store"));
        assert!(!is_test_name("std::fs::rename"));
    }
}
