//! The parts of ARCHITECTURE.md that are checked: fenced blocks of rules, and the invariants.
//!
//! A rule is one line, `NAME MARK word word …`, in a block fenced with the block's kind. The document
//! is the one place where the rules stand; this file only reads it.

use crate::finding::{Chore, Finding, read};
use std::collections::BTreeMap;
use std::path::Path;

/// Where the rules stand.
pub const FILE: &str = "ARCHITECTURE.md";

/// The document, cut into lines.
pub struct Architecture {
    text: String,
}

/// Rules of one kind: a name and the words that belong to it.
pub type Rules = BTreeMap<String, Vec<String>>;

/// One invariant: its line and the tests that it says hold it.
#[derive(Debug, PartialEq, Eq)]
pub struct Invariant {
    /// Line in the document, from zero.
    pub line_index: usize,
    /// Its first words, for messages.
    pub opening: String,
    /// Names in code quotes after "Held by".
    pub held_by: Vec<String>,
}

impl Architecture {
    /// Read the document.
    pub fn read(root: &Path) -> Result<Self, Chore> {
        Ok(Self {
            text: read(&root.join(FILE))?,
        })
    }

    /// The rules in the blocks fenced with `kind`; each line is `name mark words`.
    pub fn rules(&self, kind: &str, mark: &str) -> Result<Rules, Vec<Finding>> {
        let mut rules = Rules::new();
        let mut faults = Vec::new();
        for (line_index, line) in self.block(kind) {
            let Some((name, words)) = line.split_once(mark) else {
                faults.push(Finding::on_line(
                    FILE,
                    line_index,
                    format!("no `{mark}` in a rule"),
                ));
                continue;
            };
            let words = words.split_whitespace().map(str::to_owned).collect();
            if rules.insert(name.trim().to_owned(), words).is_some() {
                let fault = format!("a second rule for {}", name.trim());
                faults.push(Finding::on_line(FILE, line_index, fault));
            }
        }
        if rules.is_empty() && faults.is_empty() {
            faults.push(Finding::at(
                FILE,
                format!("no block of rules fenced with `{kind}`"),
            ));
        }
        if faults.is_empty() {
            Ok(rules)
        } else {
            Err(faults)
        }
    }

    /// Every list item under the heading "Invariants".
    pub fn invariants(&self) -> Vec<Invariant> {
        let mut found: Vec<Invariant> = Vec::new();
        let mut inside = false;
        for (line_index, line) in self.text.lines().enumerate() {
            if line.starts_with('#') {
                inside = line.trim_start_matches('#').trim() == "Invariants";
            } else if inside && line.starts_with("- ") {
                found.push(Invariant::opened(line_index, line));
            } else if let (true, Some(last)) = (inside && line.starts_with("  "), found.last_mut())
            {
                last.extend(line);
            }
        }
        found
    }

    fn block<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = (usize, &'a str)> {
        let mut fenced_with = None;
        self.text.lines().enumerate().filter(move |(_, line)| {
            if let Some(opened) = line.strip_prefix("```") {
                fenced_with = fenced_with.is_none().then_some(opened.trim());
                return false;
            }
            fenced_with == Some(kind) && !line.trim().is_empty() && !line.starts_with('#')
        })
    }
}

impl Invariant {
    fn opened(line_index: usize, line: &str) -> Self {
        let opening = line.trim_start_matches("- ").chars().take(60).collect();
        let mut invariant = Self {
            line_index,
            opening,
            held_by: Vec::new(),
        };
        invariant.extend(line);
        invariant
    }

    /// "Held by" and the names after it stand on one line, so that they can be searched for.
    fn extend(&mut self, line: &str) {
        let Some((_, names)) = line.split_once("Held by") else {
            return;
        };
        let quoted = names.split('`').skip(1).step_by(2);
        self.held_by.extend(quoted.map(str::to_owned));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn architecture(text: &str) -> Architecture {
        Architecture {
            text: text.to_owned(),
        }
    }

    #[test]
    fn a_block_gives_its_rules_and_ignores_other_blocks_and_comments() {
        let document = "```text\nx -> y\n```\n```arrows\n# a comment\nb -> a c\n\na ->\n```\n";
        let rules = architecture(document).rules("arrows", "->").unwrap();
        assert_eq!(rules["b"], ["a", "c"]);
        assert!(rules["a"].is_empty());
        assert_eq!(rules.len(), 2);
    }

    #[test]
    fn a_rule_without_its_mark_or_stated_twice_is_named_by_line() {
        let faults = architecture("```arrows\na b\n```\n")
            .rules("arrows", "->")
            .unwrap_err();
        assert_eq!(
            faults[0].to_string(),
            "ARCHITECTURE.md:2: no `->` in a rule"
        );
        let faults = architecture("```arrows\na -> b\na ->\n```")
            .rules("arrows", "->")
            .unwrap_err();
        assert_eq!(
            faults[0].to_string(),
            "ARCHITECTURE.md:3: a second rule for a"
        );
    }

    #[test]
    fn a_document_that_lost_its_block_is_a_fault() {
        assert!(architecture("nothing").rules("arrows", "->").is_err());
    }

    #[test]
    fn invariants_gather_the_tests_that_hold_them_over_several_lines() {
        let document = "## Invariants\n- One thing.\n  Held by: `ov-a::x`, `tidy: arrows`.\n\
                        - Another.\n## Next\n- Not one. Held by `ov-b::y`\n";
        let found = architecture(document).invariants();
        assert_eq!(found.len(), 2);
        assert_eq!(found[0].held_by, ["ov-a::x", "tidy: arrows"]);
        assert!(found[1].held_by.is_empty());
        assert_eq!(found[1].line_index, 3);
    }
}
