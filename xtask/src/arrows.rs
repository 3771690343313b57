//! Arrows: which of our crates may depend directly on which.
//!
//! Only what is linked counts. Tests may use more: they prove nothing about what a program can do.

use crate::architecture::{FILE, Rules};
use crate::finding::Finding;
use crate::workspace::Workspace;

/// Compare the workspace with the `arrows` block.
pub fn check(workspace: &Workspace, rules: &Rules) -> Vec<Finding> {
    let mut faults = unknown_names(workspace, rules);
    for (name, member) in &workspace.members {
        let Some(allowed) = rules.get(name) else {
            faults.push(Finding::at(name, format!("is not in the arrows of {FILE}")));
            continue;
        };
        let internal = member
            .linked
            .iter()
            .filter(|other| workspace.members.contains_key(*other));
        faults.extend(
            internal
                .filter(|other| !allowed.contains(other))
                .map(|other| {
                    Finding::at(
                        name,
                        format!("depends on {other}, and {FILE} has no such arrow"),
                    )
                }),
        );
    }
    faults.extend(upward(rules));
    faults
}

fn unknown_names(workspace: &Workspace, rules: &Rules) -> Vec<Finding> {
    let named = rules
        .iter()
        .flat_map(|(name, others)| std::iter::once(name).chain(others));
    let mut unknown: Vec<_> = named
        .filter(|name| !workspace.members.contains_key(*name))
        .collect();
    unknown.sort();
    unknown.dedup();
    unknown
        .into_iter()
        .map(|name| {
            Finding::at(
                FILE,
                format!("the arrows name {name}, which is no crate here"),
            )
        })
        .collect()
}

/// Arrows run downwards only: a crate may point to crates that stand above it in no chain of its own.
fn upward(rules: &Rules) -> Vec<Finding> {
    rules
        .keys()
        .filter(|name| reaches(rules, name, name))
        .map(|name| Finding::at(FILE, format!("the arrows lead from {name} back to itself")))
        .collect()
}

fn reaches(rules: &Rules, from: &str, wanted: &str) -> bool {
    let mut seen = std::collections::BTreeSet::new();
    let mut open = vec![from];
    while let Some(name) = open.pop() {
        for next in rules.get(name).into_iter().flatten() {
            if next == wanted {
                return true;
            }
            if seen.insert(next.as_str()) {
                open.push(next);
            }
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workspace::Member;

    fn workspace(members: &[(&str, &[&str])]) -> Workspace {
        let member = |linked: &[&str]| Member {
            linked: linked.iter().map(|name| (*name).to_owned()).collect(),
            ..Member::default()
        };
        Workspace {
            members: members
                .iter()
                .map(|(n, l)| ((*n).to_owned(), member(l)))
                .collect(),
            licences: Vec::new(),
        }
    }

    fn rules(rules: &[(&str, &[&str])]) -> Rules {
        let words = |l: &[&str]| l.iter().map(|w| (*w).to_owned()).collect();
        rules
            .iter()
            .map(|(n, l)| ((*n).to_owned(), words(l)))
            .collect()
    }

    #[test]
    fn an_arrow_that_the_document_does_not_draw_is_named() {
        let found = check(
            &workspace(&[("ov-backup", &["ov-open", "serde"]), ("ov-open", &[])]),
            &rules(&[("ov-backup", &[]), ("ov-open", &[])]),
        );
        assert_eq!(found.len(), 1);
        assert!(
            found[0]
                .to_string()
                .starts_with("ov-backup: depends on ov-open")
        );
    }

    #[test]
    fn allowed_arrows_and_outside_crates_pass() {
        let found = check(
            &workspace(&[("b", &["a", "serde"]), ("a", &[])]),
            &rules(&[("b", &["a"]), ("a", &[])]),
        );
        assert_eq!(found, []);
    }

    #[test]
    fn crates_missing_on_either_side_and_cycles_are_named() {
        let found = check(
            &workspace(&[("a", &[]), ("b", &[]), ("new", &[])]),
            &rules(&[("a", &["b"]), ("b", &["a"]), ("gone", &[])]),
        );
        let text: Vec<String> = found.iter().map(ToString::to_string).collect();
        assert!(
            text.iter()
                .any(|t| t.starts_with("new: is not in the arrows"))
        );
        assert!(
            text.iter()
                .any(|t| t.contains("name gone, which is no crate here"))
        );
        assert!(text.iter().any(|t| t.contains("from a back to itself")));
    }
}
