//! Owners: which of our crates may depend directly on a heavy or dangerous crate from outside.

use crate::architecture::{FILE, Rules};
use crate::finding::Finding;
use crate::workspace::Workspace;

/// Compare direct dependencies, those of tests included, with the `owners` block.
pub fn check(workspace: &Workspace, rules: &Rules) -> Vec<Finding> {
    let mut faults = Vec::new();
    for (outsider, owners) in rules {
        let users = workspace.members.iter().filter(|(_, member)| {
            member.linked.contains(outsider) || member.tested_with.contains(outsider)
        });
        faults.extend(
            users
                .filter(|(name, _)| !owners.contains(name))
                .map(|(name, _)| {
                    let fault = format!(
                        "depends on {outsider}, whose owners in {FILE} are: {}",
                        said(owners)
                    );
                    Finding::at(name, fault)
                }),
        );
    }
    faults
}

fn said(owners: &[String]) -> String {
    if owners.is_empty() {
        "nobody".to_owned()
    } else {
        owners.join(", ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workspace::Member;

    #[test]
    fn a_crate_that_uses_what_it_does_not_own_is_named_even_for_tests() {
        let user = Member {
            tested_with: ["tokio".to_owned()].into(),
            ..Member::default()
        };
        let owner = Member {
            linked: ["tokio".to_owned()].into(),
            ..Member::default()
        };
        let workspace = Workspace {
            members: [
                ("ov-vault".to_owned(), user),
                ("ov-store".to_owned(), owner),
            ]
            .into(),
            licences: Vec::new(),
        };
        let rules = [("tokio".to_owned(), vec!["ov-store".to_owned()])].into();
        let found = check(&workspace, &rules);
        assert_eq!(found.len(), 1);
        assert!(
            found[0]
                .to_string()
                .starts_with("ov-vault: depends on tokio")
        );
    }
}
