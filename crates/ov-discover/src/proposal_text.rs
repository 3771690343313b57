//! A proposal as an `oncovault.toml`, with its reasons as comments.

use std::collections::BTreeSet;
use std::fmt::Write;

use crate::page::amount;
use crate::proposal::{Proposal, ProposedDataset};

/// Where a vault is proposed if nobody said where it is.
const VAULT: &str = "/srv/oncovault/vault";

pub(crate) fn text(proposal: &Proposal, vault: Option<&str>) -> String {
    let mut text = String::from(
        "# A proposal of `oncovault discover`, to be edited. It guards everything that was found, and\n\
         # what comes new beside it. Nothing is backed up before `oncovault run` or `service install`.\n\
         # `oncovault config check` tells whether it is sound, docs/config.md has every key.\n\n",
    );
    let compartments = compartments(proposal);
    let options = compartments.iter();
    let options = options.fold(String::new(), |line, name| {
        format!("{line} --compartment {name}")
    });
    let _ = write!(
        text,
        "# Whoever may read one compartment cannot read the others. The vault needs these:\n\
         #   oncovault init{options}\n\
         # or, in a vault that is there, `oncovault key add-compartment NAME`.\n[vault]\n"
    );
    if vault.is_none() {
        text.push_str(
            "# No vault was named: say where it shall be, on another disk than the data.\n",
        );
    }
    let _ = writeln!(text, "url = {}\n", quoted(vault.unwrap_or(VAULT)));
    text.push_str(
        "# Three copies with the original, on two media, one elsewhere, one that cannot be destroyed\n\
         # from here, no errors. `status` says what is short until there are more places:\n\
         # [[copy]]\n# name = \"elsewhere\"\n# url = \"sftp://host/path\"\n# site = \"away\"\n\
         [policy]\ncopies = \"3-2-1-1-0\"\n\
         # What no dataset says otherwise.\n\
         retention = { daily = 30, weekly = 8, monthly = 24, yearly = 10 }\n",
    );
    for dataset in &proposal.datasets {
        push(&mut text, dataset);
    }
    text
}

fn compartments(proposal: &Proposal) -> BTreeSet<&'static str> {
    let datasets = proposal.datasets.iter();
    datasets
        .map(|dataset| dataset.terms().compartment)
        .collect()
}

fn push(text: &mut String, dataset: &ProposedDataset) {
    let terms = dataset.terms();
    let held = held(dataset);
    let _ = write!(text, "\n# {}.\n", wrapped(&held));
    if dataset.except.is_empty() {
        let _ = writeln!(text, "# {}.", wrapped(&format!("Why: {}", terms.why)));
    } else {
        let _ = writeln!(
            text,
            "# What the other datasets leave, and whatever comes new."
        );
    }
    let _ = writeln!(text, "# Back within (RTO): {}.", terms.rto);
    let _ = writeln!(text, "[[dataset]]\nname = {}", quoted(&dataset.name));
    let _ = writeln!(text, "paths = {}", list(&dataset.paths));
    if !dataset.except.is_empty() {
        let patterns: Vec<String> = dataset.except.iter().map(|path| literal(path)).collect();
        let _ = writeln!(text, "exclude = {}", list(&patterns));
    }
    let _ = write!(
        text,
        "compartment = \"{}\"\nrpo = \"{}\"\nretention = {}\n",
        terms.compartment, terms.rpo, terms.retention
    );
}

fn held(dataset: &ProposedDataset) -> String {
    let parts = dataset.holds.iter().map(|(category, files, bytes)| {
        let noun = match files {
            1 => "file",
            _ => "files",
        };
        let size = amount(*bytes);
        format!("{} ({files} {noun}, {size})", category.label())
    });
    match dataset.holds.is_empty() {
        true => "Nothing yet".to_owned(),
        false => format!("Holds {}", parts.collect::<Vec<_>>().join(", ")),
    }
}

/// On lines of a comment.
fn wrapped(text: &str) -> String {
    const WIDTH: usize = 96;
    let mut lines = String::new();
    let mut width = 0;
    for word in text.split(' ') {
        if width > 0 && width + word.len() >= WIDTH {
            lines.push_str("\n# ");
            width = 0;
        } else if width > 0 {
            lines.push(' ');
            width += 1;
        }
        lines.push_str(word);
        width += word.len();
    }
    lines
}

fn list(texts: &[String]) -> String {
    let quoted: Vec<String> = texts.iter().map(|text| quoted(text)).collect();
    match &quoted[..] {
        [one] => format!("[{one}]"),
        all => format!("[\n    {},\n]", all.join(",\n    ")),
    }
}

/// As TOML quotes it, whatever is in it.
fn quoted(text: &str) -> String {
    toml::Value::from(text).to_string()
}

/// A pattern that matches this path and no other.
fn literal(path: &str) -> String {
    let mut pattern = String::new();
    for c in path.chars() {
        if matches!(c, '*' | '?' | '[' | ']' | '{' | '}' | '\\' | '!' | '#') {
            pattern.push('\\');
        }
        pattern.push(c);
    }
    pattern
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_names_stay_inside_their_quotes() {
        for name in ["a\"\n[vault]\nurl = \"x", "'''\n", "\u{7f}\u{1}", "\\", "ä"] {
            let text = format!("paths = {}", list(&[name.to_owned(), name.to_owned()]));
            let table: toml::Table = text.parse().unwrap();
            let read = table["paths"].as_array().unwrap()[1].as_str();
            assert_eq!(read, Some(name));
        }
    }

    #[test]
    fn a_long_reason_is_a_comment_on_each_of_its_lines() {
        let text = format!("# {}", wrapped(&"reason ".repeat(60)));
        assert!(
            text.lines()
                .all(|line| line.starts_with("# ") && line.len() <= 100)
        );
    }
}
