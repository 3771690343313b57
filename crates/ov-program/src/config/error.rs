//! Why a configuration cannot be used.

use std::fmt;
use std::path::{Path, PathBuf};

use thiserror::Error;

/// Why a configuration cannot be used.
#[derive(Debug, Error)]
pub enum ConfigError {
    /// A file that cannot be read.
    #[error("cannot read {file}: {source}")]
    Unread {
        /// The file.
        file: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A key that nobody knows.
    #[error("{at}: the key `{key}` is not known{}", meant(.nearest.as_deref(), .known))]
    UnknownKey {
        /// Where.
        at: Line,
        /// The key.
        key: String,
        /// The known key that is most like it.
        nearest: Option<String>,
        /// All that are known there.
        known: Vec<String>,
    },
    /// A value that means nothing, or no TOML at all.
    #[error("{at}: {}{why}", key.as_ref().map(|key| format!("`{key}`: ")).unwrap_or_default())]
    Value {
        /// Where.
        at: Line,
        /// The key, if it is about one.
        key: Option<String>,
        /// Why.
        why: String,
    },
    /// A table that stands in two files.
    #[error("[{table}] stands in {first} and in {second}: it may stand in one file only")]
    Twice {
        /// The table.
        table: &'static str,
        /// The first file.
        first: PathBuf,
        /// The second file.
        second: PathBuf,
    },
    /// A file that includes itself, if over others.
    #[error("{file} is included more than once")]
    IncludedTwice {
        /// The file.
        file: PathBuf,
    },
    /// Two things of the same name.
    #[error("there are two {kind} of the name {name}")]
    NameTwice {
        /// Datasets or copies.
        kind: &'static str,
        /// The name.
        name: String,
    },
    /// A dataset that makes no sense.
    #[error("dataset {name}: {problem}")]
    Dataset {
        /// Which.
        name: String,
        /// Why.
        problem: DatasetProblem,
    },
    /// A vault with two passphrases.
    #[error("[vault] has passphrase-file and passphrase-command: one of them is enough")]
    TwoPassphrases,
    /// No vault.
    #[error("{file} and what it includes name no vault: a table [vault] with a url is missing")]
    NoVault {
        /// The file that was asked for.
        file: PathBuf,
    },
}

/// What is wrong with a dataset.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum DatasetProblem {
    /// Nothing to back up.
    #[error("nothing to back up is named: give it paths, or a command with stdin-name")]
    Nothing,
    /// Files and a command.
    #[error("it has both files and a command: make two datasets of them")]
    Both,
    /// A command without a name for its output, or the other way round.
    #[error("command and stdin-name belong together: the output needs a name to be stored under")]
    Unnamed,
    /// A hook without a program.
    #[error("a hook names no program; with shell = true, run is one text: [\"…\"]")]
    Hook,
}

/// A line of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// The file.
    pub file: PathBuf,
    /// The line, from 1.
    pub line: usize,
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file.display(), self.line)
    }
}

fn meant(nearest: Option<&str>, known: &[String]) -> String {
    match nearest {
        Some(nearest) => format!("; did you mean `{nearest}`?"),
        None => format!("; known here are {}", known.join(", ")),
    }
}

impl ConfigError {
    /// From what the reader of TOML says about a file's text.
    pub(super) fn of(error: &toml::de::Error, file: &Path, text: &str) -> Self {
        let start = error.span().map_or(0, |span| span.start);
        let before = text.get(..start).unwrap_or(text);
        let at = Line {
            file: file.to_owned(),
            line: before.matches('\n').count() + 1,
        };
        match unknown(error.message()) {
            Some((key, known)) => Self::UnknownKey {
                nearest: nearest(&key, &known),
                at,
                key,
                known,
            },
            None => Self::Value {
                key: key_at(text, at.line),
                at,
                why: error.message().trim().replace('\n', "; "),
            },
        }
    }
}

/// The key and what is known, from serde's sentence about a field that it does not know. Its words
/// are held by a test.
fn unknown(message: &str) -> Option<(String, Vec<String>)> {
    let rest = message.strip_prefix("unknown field `")?;
    let (key, rest) = rest.split_once('`')?;
    let known = rest.split('`').skip(1).step_by(2);
    Some((key.to_owned(), known.map(str::to_owned).collect()))
}

fn nearest(key: &str, known: &[String]) -> Option<String> {
    let key = key.to_ascii_lowercase().replace('_', "-");
    let likeness = |name: &String| strsim::jaro_winkler(&key, name);
    let best = known
        .iter()
        .max_by(|a, b| likeness(a).total_cmp(&likeness(b)))?;
    (likeness(best) > 0.75).then(|| best.clone())
}

/// The key that a line sets.
fn key_at(text: &str, line: usize) -> Option<String> {
    let (key, _) = text.lines().nth(line.checked_sub(1)?)?.split_once('=')?;
    let key = key.trim();
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    (!key.is_empty() && key.chars().all(plain)).then(|| key.to_owned())
}
