//! `cargo xtask tidy`: what can be checked without running the project's own code.

use crate::architecture::{Architecture, Rules};
use crate::command::{capture, cargo};
use crate::finding::{Chore, Finding};
use crate::tracked::Tracked;
use crate::workspace::Workspace;
use crate::{
    arrows, closure, features, format_lock, frozen, invariants, licence, links, owners,
    source_shape, wording,
};
use std::path::Path;
use std::time::Instant;

/// A check: its name, what it holds, and how.
struct Check {
    name: &'static str,
    holds: &'static str,
    run: fn(&Path) -> Result<Vec<Finding>, Chore>,
}

/// Cheap ones first.
const CHECKS: &[Check] = &[
    Check {
        name: "formatting",
        holds: "sources are formatted",
        run: formatting,
    },
    Check {
        name: "arrows",
        holds: "crates depend as ARCHITECTURE.md draws",
        run: check_arrows,
    },
    Check {
        name: "closures",
        holds: "no program reaches what it must not",
        run: check_closures,
    },
    Check {
        name: "owners",
        holds: "heavy crates have few owners",
        run: check_owners,
    },
    Check {
        name: "features",
        holds: "delicate features have few askers",
        run: check_features,
    },
    Check {
        name: "format-lock",
        holds: "docs/FORMAT.md fits ov-format",
        run: format_lock::check,
    },
    Check {
        name: "frozen",
        holds: "what a frozen format wrote is as it was",
        run: frozen::check,
    },
    Check {
        name: "sources",
        holds: "sources keep their shape",
        run: check_sources,
    },
    Check {
        name: "invariants",
        holds: "tests named in documents exist",
        run: check_invariants,
    },
    Check {
        name: "licences",
        holds: "everything may be used",
        run: check_licences,
    },
    Check {
        name: "links",
        holds: "links in documents lead somewhere",
        run: check_links,
    },
    Check {
        name: "wording",
        holds: "nothing names a machine's paths",
        run: check_wording,
    },
    Check {
        name: "clippy",
        holds: "no warning of compiler or clippy",
        run: clippy,
    },
];

/// Print the names of the checks.
pub fn list() {
    for check in CHECKS {
        println!("{:<12} {}", check.name, check.holds);
    }
}

/// Run the named checks, or all; faults are printed with their places.
pub fn run(root: &Path, wanted: &[&str]) -> Result<(), Chore> {
    if let Some(unknown) = wanted.iter().find(|name| !names().contains(*name)) {
        return Err(Chore::UnknownCheck((*unknown).to_owned()));
    }
    let chosen = CHECKS
        .iter()
        .filter(|check| wanted.is_empty() || wanted.contains(&check.name));
    let untidy: Vec<&str> = chosen
        .filter(|check| !passes(check, root))
        .map(|check| check.name)
        .collect();
    if untidy.is_empty() {
        Ok(())
    } else {
        Err(Chore::Untidy(untidy.join(", ")))
    }
}

fn names() -> Vec<&'static str> {
    CHECKS.iter().map(|check| check.name).collect()
}

fn passes(check: &Check, root: &Path) -> bool {
    let started = Instant::now();
    let mut faults =
        (check.run)(root).unwrap_or_else(|error| vec![Finding::at(check.name, error.to_string())]);
    faults.sort();
    let took = started.elapsed().as_secs_f64();
    if faults.is_empty() {
        println!("  ok     {:<12} {} ({took:.1} s)", check.name, check.holds);
    } else {
        println!(
            "  FAULT  {:<12} {} ({took:.1} s)",
            check.name,
            counted(faults.len())
        );
    }
    for fault in &faults {
        println!("           {fault}");
    }
    faults.is_empty()
}

fn counted(faults: usize) -> String {
    if faults == 1 {
        "1 fault".to_owned()
    } else {
        format!("{faults} faults")
    }
}

fn formatting(root: &Path) -> Result<Vec<Finding>, Chore> {
    let output = capture(&mut cargo(&["fmt", "--all", "--check", "--", "-l"], root))?;
    if output.status.success() {
        return Ok(Vec::new());
    }
    let prefix = format!("{}/", root.display());
    let listed = String::from_utf8_lossy(&output.stdout);
    let mut faults: Vec<Finding> = listed
        .lines()
        .map(|file| Finding::at(file.trim_start_matches(&prefix), "run `cargo fmt`"))
        .collect();
    if faults.is_empty() {
        faults.push(Finding::at(
            "cargo fmt",
            String::from_utf8_lossy(&output.stderr).trim(),
        ));
    }
    Ok(faults)
}

fn clippy(root: &Path) -> Result<Vec<Finding>, Chore> {
    let arguments = [
        "clippy",
        "--workspace",
        "--all-targets",
        "--message-format",
        "short",
    ];
    let output = capture(&mut cargo(
        &[&arguments[..], &["--", "-D", "warnings"]].concat(),
        root,
    ))?;
    if output.status.success() {
        return Ok(Vec::new());
    }
    Ok(compiler_faults(&String::from_utf8_lossy(&output.stderr)))
}

/// The lines of short compiler messages that name a fault.
fn compiler_faults(said: &str) -> Vec<Finding> {
    let mut faults: Vec<Finding> = said
        .lines()
        .filter_map(|line| {
            let at = line.find(": error").or_else(|| line.find(": warning"))?;
            Some(Finding::at(
                &line[..at],
                line[at..].trim_start_matches(": "),
            ))
        })
        .collect();
    if faults.is_empty() {
        faults.push(Finding::at("cargo clippy", said.trim()));
    }
    faults.dedup();
    faults
}

fn check_arrows(root: &Path) -> Result<Vec<Finding>, Chore> {
    with_rules(root, "arrows", "->", |rules| {
        Ok(arrows::check(&Workspace::read(root)?, rules))
    })
}

fn check_closures(root: &Path) -> Result<Vec<Finding>, Chore> {
    with_rules(root, "closures", "never", |rules| {
        closure::check(root, &Workspace::read(root)?, rules)
    })
}

fn check_owners(root: &Path) -> Result<Vec<Finding>, Chore> {
    with_rules(root, "owners", ":", |rules| {
        Ok(owners::check(&Workspace::read(root)?, rules))
    })
}

fn check_features(root: &Path) -> Result<Vec<Finding>, Chore> {
    with_rules(root, "features", ":", |rules| {
        Ok(features::check(&Workspace::read(root)?, rules))
    })
}

fn check_sources(root: &Path) -> Result<Vec<Finding>, Chore> {
    source_shape::check(&Tracked::read(root)?)
}

fn check_invariants(root: &Path) -> Result<Vec<Finding>, Chore> {
    invariants::check(&Tracked::read(root)?, &Architecture::read(root)?, &names())
}

fn check_licences(root: &Path) -> Result<Vec<Finding>, Chore> {
    Ok(licence::check(&Workspace::read(root)?))
}

fn check_links(root: &Path) -> Result<Vec<Finding>, Chore> {
    links::check(&Tracked::read(root)?)
}

fn check_wording(root: &Path) -> Result<Vec<Finding>, Chore> {
    wording::check(&Tracked::read(root)?)
}

fn with_rules(
    root: &Path,
    kind: &str,
    mark: &str,
    check: impl FnOnce(&Rules) -> Result<Vec<Finding>, Chore>,
) -> Result<Vec<Finding>, Chore> {
    match Architecture::read(root)?.rules(kind, mark) {
        Ok(rules) => check(&rules),
        Err(faults) => Ok(faults),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_compiler_messages_become_places_and_faults() {
        let said = "    Checking ov-store v0.1.0\n\
                    crates/ov-store/src/s3.rs:7:5: error: unused import: `x`\n\
                    error: could not compile `ov-store` (lib) due to 1 previous error\n";
        let faults = compiler_faults(said);
        assert_eq!(faults.len(), 1);
        assert_eq!(
            faults[0].to_string(),
            "crates/ov-store/src/s3.rs:7:5: error: unused import: `x`"
        );
    }

    #[test]
    fn a_failure_without_a_place_is_shown_whole() {
        assert!(compiler_faults("error: no such subcommand").len() == 1);
    }

    #[test]
    fn checks_have_different_names() {
        let mut all = names();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), CHECKS.len());
    }
}
