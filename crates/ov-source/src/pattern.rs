//! One exclude pattern.

use std::sync::atomic::AtomicBool;

use globset::{Glob, GlobBuilder};

use crate::selection_error::SelectionError;

/// Whether upper and lower case are the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Case {
    /// `A` and `a` differ (`--exclude`).
    Sensitive,
    /// `A` and `a` are the same (`--iexclude`).
    Ignored,
}

/// What a matching pattern means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Effect {
    Exclude,
    Include,
}

/// What a pattern can match.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    Anything,
    Folders,
}

/// A pattern as the user wrote it, understood.
#[derive(Debug)]
pub(crate) struct Pattern {
    pub text: String,
    pub effect: Effect,
    pub target: Target,
    pub matched: AtomicBool,
}

impl Pattern {
    /// Reads one pattern. `!` in front takes it back in; `/` at the end means folders only;
    /// `\` takes a special character's meaning away.
    pub fn parse(text: &str, case: Case) -> Result<(Self, Glob), SelectionError> {
        let bad = |reason: &str| SelectionError::BadPattern {
            pattern: text.to_owned(),
            reason: reason.to_owned(),
        };
        let (effect, body) = match text.strip_prefix('!') {
            Some(body) => (Effect::Include, body),
            None => (Effect::Exclude, text),
        };
        let trimmed = body.trim_end_matches('/');
        let target = match trimmed.len() == body.len() {
            true => Target::Anything,
            false => Target::Folders,
        };
        if trimmed.is_empty() {
            return Err(bad("it is empty"));
        }
        let parts = trimmed.strip_prefix('/').unwrap_or(trimmed);
        if parts.split('/').any(|part| matches!(part, "" | "." | "..")) {
            return Err(bad("no path has \"\", \".\" or \"..\" between its slashes"));
        }
        let glob = GlobBuilder::new(&anchored(trimmed))
            .literal_separator(true)
            .backslash_escape(true)
            .case_insensitive(case == Case::Ignored)
            .build()
            .map_err(|error| bad(&error.kind().to_string()))?;
        let pattern = Self {
            text: text.to_owned(),
            effect,
            target,
            matched: AtomicBool::new(false),
        };
        Ok((pattern, glob))
    }
}

/// The glob over whole paths without their leading slash. A pattern that begins with `/` starts
/// at the top; any other one, with or without further slashes, may begin at any component.
fn anchored(pattern: &str) -> String {
    let literal = without_alternatives(pattern);
    match literal.strip_prefix('/') {
        Some(rest) => rest.to_owned(),
        None if literal.starts_with("**/") => literal,
        None => format!("**/{literal}"),
    }
}

/// Braces are plain characters, as in `.gitignore` files.
fn without_alternatives(pattern: &str) -> String {
    let mut out = String::with_capacity(pattern.len() + 4);
    let mut chars = pattern.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\\' => {
                out.push(c);
                out.extend(chars.next());
            }
            '{' | '}' => out.extend(['\\', c]),
            '[' => {
                out.push(c);
                // A class: `]` right after the bracket, or after its `!` or `^`, is a member.
                out.extend(chars.next_if(|&c| c == '!' || c == '^'));
                out.extend(chars.next_if_eq(&']'));
                for member in chars.by_ref() {
                    out.push(member);
                    if member == ']' {
                        break;
                    }
                }
            }
            other => out.push(other),
        }
    }
    out
}
