//! Links: every relative link in a document leads to a file, and to a heading where it names one.

use crate::finding::{Chore, Finding};
use crate::tracked::Tracked;
use std::collections::BTreeSet;

/// Follow the relative links of every Markdown file.
pub fn check(files: &Tracked) -> Result<Vec<Finding>, Chore> {
    let mut faults = Vec::new();
    for path in files.ending(".md") {
        let text = files.text(path)?.unwrap_or_default();
        for (line_index, link) in links(&text) {
            if let Some(fault) = follow(files, path, &text, link)? {
                faults.push(Finding::on_line(path, line_index, fault));
            }
        }
    }
    Ok(faults)
}

fn follow(files: &Tracked, from: &str, own: &str, link: &str) -> Result<Option<String>, Chore> {
    let (file, heading) = link.split_once('#').unwrap_or((link, ""));
    let leads_to = join(from, file);
    if !file.is_empty() && !files.holds(&leads_to) {
        return Ok(Some(format!("the link `{link}` leads to no file")));
    }
    if heading.is_empty() {
        return Ok(None);
    }
    let other = if file.is_empty() {
        None
    } else {
        files.text(&leads_to)?
    };
    let known = headings(other.as_deref().unwrap_or(own));
    Ok((!known.contains(heading)).then(|| format!("the link `{link}` leads to no heading")))
}

/// The targets of inline links that are not addresses of other sites, with their line.
fn links(text: &str) -> Vec<(usize, &str)> {
    let mut found = Vec::new();
    for (line_index, line) in prose(text) {
        let even_parts = line.split('`').step_by(2);
        for part in even_parts {
            let targets = part
                .split("](")
                .skip(1)
                .filter_map(|rest| rest.split([')', ' ']).next());
            found.extend(
                targets
                    .filter(|link| is_relative(link))
                    .map(|link| (line_index, link)),
            );
        }
    }
    found
}

fn is_relative(link: &str) -> bool {
    !link.is_empty() && !link.contains("://") && !link.starts_with("mailto:")
}

/// Lines outside fenced blocks.
fn prose(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut fenced = false;
    text.lines().enumerate().filter(move |(_, line)| {
        let is_fence = line.trim_start().starts_with("```");
        fenced ^= is_fence;
        !fenced && !is_fence
    })
}

/// Headings as links name them: lower case, blanks as `-`, other signs dropped.
fn headings(text: &str) -> BTreeSet<String> {
    let marked = prose(text).filter(|(_, line)| line.starts_with('#'));
    marked
        .map(|(_, line)| slug(line.trim_start_matches('#').trim()))
        .collect()
}

fn slug(heading: &str) -> String {
    let kept = heading
        .chars()
        .filter(|c| c.is_alphanumeric() || " -_".contains(*c));
    kept.flat_map(char::to_lowercase)
        .map(|c| if c == ' ' { '-' } else { c })
        .collect()
}

/// The path that a link in `from` leads to, from the root.
fn join(from: &str, link: &str) -> String {
    let mut parts: Vec<&str> = from.split('/').collect();
    parts.pop();
    for part in link.split('/') {
        match part {
            ".." => drop(parts.pop()),
            "." | "" => {}
            other => parts.push(other),
        }
    }
    parts.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_found_in_prose_and_not_in_code() {
        let text = "[a](x.md) `[b](y.md)` [c](https://e.org)\n```\n[d](z.md)\n```\n[e](#here)\n";
        assert_eq!(links(text), [(0, "x.md"), (4, "#here")]);
    }

    #[test]
    fn a_link_is_resolved_from_the_folder_of_its_document() {
        assert_eq!(join("docs/a.md", "../README.md"), "README.md");
        assert_eq!(
            join("docs/a.md", "decisions/0001-x.md"),
            "docs/decisions/0001-x.md"
        );
        assert_eq!(join("README.md", "./docs/"), "docs");
    }

    #[test]
    fn headings_become_the_anchors_that_readers_click() {
        let known = headings("# What cannot be done\n```\n# no heading\n```\n## `S3`, and more\n");
        let known: Vec<_> = known.into_iter().collect();
        assert_eq!(known, ["s3-and-more", "what-cannot-be-done"]);
    }
}
