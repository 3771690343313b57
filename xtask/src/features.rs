//! Features: which of our crates may ask for a feature that widens what another can do.
//!
//! Tests may ask for more, since what only tests ask for is not linked into a program.

use crate::architecture::{FILE, Rules};
use crate::finding::Finding;
use crate::workspace::Workspace;

/// Compare what is asked for with the `features` block.
pub fn check(workspace: &Workspace, rules: &Rules) -> Vec<Finding> {
    let mut faults = Vec::new();
    for (feature, askers) in rules {
        let asking = workspace
            .members
            .iter()
            .filter(|(_, member)| member.features.contains(feature));
        faults.extend(
            asking
                .filter(|(name, _)| !askers.contains(name))
                .map(|(name, _)| {
                    Finding::at(
                        name,
                        format!("asks for {feature}, and {FILE} does not allow it"),
                    )
                }),
        );
    }
    faults
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workspace::Member;

    #[test]
    fn a_crate_that_asks_for_more_than_it_may_is_named() {
        let asking = || Member {
            features: ["ov-seal/opening".to_owned()].into(),
            ..Member::default()
        };
        let workspace = Workspace {
            members: [
                ("ov-open".to_owned(), asking()),
                ("ov-vault".to_owned(), asking()),
            ]
            .into(),
            licences: Vec::new(),
        };
        let rules = [("ov-seal/opening".to_owned(), vec!["ov-open".to_owned()])].into();
        let found = check(&workspace, &rules);
        assert_eq!(found.len(), 1);
        assert!(
            found[0]
                .to_string()
                .starts_with("ov-vault: asks for ov-seal/opening")
        );
    }
}
