//! Licences: everything that is linked in or helps to build may be used under terms we accept.

use crate::exceptions::LICENCES;
use crate::finding::Finding;
use crate::workspace::{Licence, Workspace};

/// Permissive licences; one of them must be enough for each part of a package.
const ACCEPTED: &[&str] = &[
    "0BSD",
    "Apache-2.0",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    "BlueOak-1.0.0",
    "CC0-1.0",
    "CDLA-Permissive-2.0",
    "ISC",
    "MIT",
    "MIT-0",
    "Unicode-3.0",
    "Unlicense",
    "Zlib",
];

/// Judge every package of the lock file.
pub fn check(workspace: &Workspace) -> Vec<Finding> {
    workspace.licences.iter().filter_map(judge).collect()
}

fn judge(licence: &Licence) -> Option<Finding> {
    let accept = |id: &str| {
        let listed =
            |(package, name, _): &&(&str, &str, &str)| *package == licence.package && *name == id;
        ACCEPTED.contains(&id) || LICENCES.iter().any(|entry| listed(&entry))
    };
    let place = format!("{} {}", licence.package, licence.version);
    match Expression::new(&licence.expression).met_by(accept) {
        Some(true) => None,
        Some(false) => Some(Finding::at(
            place,
            format!("licence not accepted: {}", licence.expression),
        )),
        None => Some(Finding::at(
            place,
            format!("no licence understood: `{}`", licence.expression),
        )),
    }
}

/// An SPDX licence expression (SPDX 2.3, annex D); the old `/` counts as OR.
struct Expression {
    /// In reverse, so that the next word is the last.
    words: Vec<String>,
}

impl Expression {
    fn new(text: &str) -> Self {
        let spaced = text
            .replace('(', " ( ")
            .replace(')', " ) ")
            .replace('/', " OR ");
        Self {
            words: spaced.split_whitespace().rev().map(str::to_owned).collect(),
        }
    }

    /// `None` for what is no expression.
    fn met_by(mut self, accept: impl Fn(&str) -> bool) -> Option<bool> {
        let met = self.any(&accept)?;
        self.words.is_empty().then_some(met)
    }

    fn any(&mut self, accept: &impl Fn(&str) -> bool) -> Option<bool> {
        let mut met = self.all(accept)?;
        while self.take("OR") {
            met |= self.all(accept)?;
        }
        Some(met)
    }

    fn all(&mut self, accept: &impl Fn(&str) -> bool) -> Option<bool> {
        let mut met = self.one(accept)?;
        while self.take("AND") {
            met &= self.one(accept)?;
        }
        Some(met)
    }

    fn one(&mut self, accept: &impl Fn(&str) -> bool) -> Option<bool> {
        if self.take("(") {
            let met = self.any(accept)?;
            return self.take(")").then_some(met);
        }
        let id = self
            .words
            .pop()
            .filter(|word| !["OR", "AND", "WITH", ")"].contains(&&**word))?;
        if self.take("WITH") {
            // An exception only adds permissions to the licence that it follows.
            self.words.pop()?;
        }
        Some(accept(&id))
    }

    fn take(&mut self, word: &str) -> bool {
        let next = self.words.last().is_some_and(|last| last == word);
        if next {
            self.words.pop();
        }
        next
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn met(expression: &str) -> Option<bool> {
        Expression::new(expression).met_by(|id| ["MIT", "ISC"].contains(&id))
    }

    #[test]
    fn either_side_of_or_is_enough_and_both_of_and_are_needed() {
        assert_eq!(met("MIT OR GPL-3.0"), Some(true));
        assert_eq!(met("GPL-3.0/MIT"), Some(true));
        assert_eq!(met("MIT AND GPL-3.0"), Some(false));
        assert_eq!(met("ISC AND (GPL-3.0 OR MIT)"), Some(true));
        assert_eq!(
            met("GPL-3.0 WITH Classpath-exception-2.0 OR MIT"),
            Some(true)
        );
    }

    #[test]
    fn what_is_no_expression_is_not_taken_for_one() {
        for broken in ["", "MIT OR", "(MIT", "MIT ISC", "OR MIT", "MIT WITH"] {
            assert_eq!(met(broken), None, "{broken}");
        }
    }

    #[test]
    fn a_package_without_an_accepted_licence_is_named_with_its_version() {
        let licence = |expression: &str| Licence {
            package: "p".to_owned(),
            version: "1.0.0".to_owned(),
            expression: expression.to_owned(),
        };
        assert!(judge(&licence("MIT")).is_none());
        let fault = judge(&licence("GPL-3.0-or-later")).unwrap().to_string();
        assert_eq!(fault, "p 1.0.0: licence not accepted: GPL-3.0-or-later");
        assert!(
            judge(&licence(""))
                .unwrap()
                .to_string()
                .contains("no licence")
        );
    }
}
