//! Closures: what a program must not be able to reach, whatever lies between.
//!
//! The arrows show direct dependencies; a permission is what can be *reached*. So cargo is asked for
//! the whole tree of each crate that ARCHITECTURE.md names, without default features.

use crate::architecture::{FILE, Rules};
use crate::command::{capture, cargo};
use crate::finding::{Chore, Finding};
use crate::workspace::Workspace;
use std::collections::BTreeSet;
use std::path::Path;

/// What the document may add to but never leave out, once the crate exists.
const LEAST: &[(&str, &[&str])] = &[
    ("oncovault-agent", &["ov-open", "ov-restore"]),
    (
        "oncovault-keeper",
        &[
            "ov-open",
            "ov-restore",
            "ov-coding",
            "ov-source",
            "ov-clinical",
            "ov-backup",
        ],
    ),
    (
        "ov-admin",
        &["ov-coding", "ov-source", "ov-backup", "ov-restore"],
    ),
    ("ov-backup", &["ov-open", "ov-restore"]),
    (
        "ov-terminal",
        &[
            "ov-open",
            "ov-restore",
            "ov-coding",
            "ov-source",
            "ov-backup",
        ],
    ),
    (
        "ov-vault",
        &["ov-open", "ov-coding", "ov-source", "ov-clinical"],
    ),
];

/// Ask cargo for the tree of each crate in the `closures` block and look for what it must not hold.
pub fn check(root: &Path, workspace: &Workspace, rules: &Rules) -> Result<Vec<Finding>, Chore> {
    let mut faults = left_out(workspace, rules);
    for (name, forbidden) in rules {
        if workspace.members.contains_key(name) {
            faults.extend(check_one(root, name, forbidden)?);
        } else {
            let fault = format!("the closures name {name}, which is no crate here");
            faults.push(Finding::at(FILE, fault));
        }
    }
    Ok(faults)
}

fn left_out(workspace: &Workspace, rules: &Rules) -> Vec<Finding> {
    let mut faults = Vec::new();
    for (name, least) in LEAST
        .iter()
        .filter(|(name, _)| workspace.members.contains_key(*name))
    {
        let stated = rules.get(*name).map(Vec::as_slice).unwrap_or_default();
        let missing = least
            .iter()
            .filter(|other| !stated.iter().any(|word| word == *other));
        faults.extend(missing.map(|other| {
            Finding::at(
                FILE,
                format!("the closures must forbid {name} to reach {other}"),
            )
        }));
    }
    faults
}

fn check_one(root: &Path, name: &str, forbidden: &[String]) -> Result<Vec<Finding>, Chore> {
    let tree = [
        "tree",
        "-p",
        name,
        "-e",
        "normal",
        "--no-default-features",
        "--prefix",
        "none",
    ];
    let output = capture(&mut cargo(
        &[&tree[..], &["--format", "{p}"]].concat(),
        root,
    ))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        return Ok(vec![Finding::at(
            name,
            format!("`cargo tree` failed: {said}"),
        )]);
    }
    let listing = String::from_utf8_lossy(&output.stdout);
    let reached = packages(&listing);
    Ok(forbidden
        .iter()
        .filter(|other| reached.contains(other.as_str()))
        .map(|other| {
            Finding::at(
                name,
                format!("reaches {other} (see `cargo tree -p {name} -i {other}`)"),
            )
        })
        .collect())
}

/// The package names in a flat listing of `cargo tree`.
fn packages(listing: &str) -> BTreeSet<&str> {
    listing
        .lines()
        .filter_map(|line| line.split_whitespace().next())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workspace::Member;

    #[test]
    fn a_flat_listing_gives_the_names_without_versions() {
        let names =
            packages("ov-vault v0.1.0 (/p/crates/ov-vault)\nblake3 v1.8.2\nov-seal v0.1.0 (*)\n");
        assert_eq!(
            names.into_iter().collect::<Vec<_>>(),
            ["blake3", "ov-seal", "ov-vault"]
        );
    }

    #[test]
    fn the_document_cannot_forget_what_an_existing_keeper_must_not_reach() {
        let members = [("oncovault-keeper".to_owned(), Member::default())].into();
        let workspace = Workspace {
            members,
            licences: Vec::new(),
        };
        let words = |all: &[&str]| {
            all.iter()
                .map(|word| (*word).to_owned())
                .collect::<Vec<_>>()
        };
        let rules = [(
            "oncovault-keeper".to_owned(),
            words(&["ov-open", "ov-restore"]),
        )]
        .into();
        let text: Vec<_> = left_out(&workspace, &rules)
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(text.len(), 4);
        assert!(text[0].ends_with("forbid oncovault-keeper to reach ov-coding"));
        assert_eq!(
            left_out(
                &Workspace {
                    members: [].into(),
                    licences: vec![]
                },
                &rules
            ),
            []
        );
    }
}
