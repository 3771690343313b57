//! What can be wrong with a selection.

/// Why a selection cannot be used. Names the thing that is wrong.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SelectionError {
    /// A pattern that cannot be understood.
    #[error("the pattern \"{pattern}\" cannot be understood: {reason}")]
    BadPattern {
        /// The pattern as given.
        pattern: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A line of a list is not UTF-8; patterns are text.
    #[error("line {line} is not UTF-8 text")]
    NotText {
        /// Its number, from 1.
        line: usize,
    },
    /// The patterns together are too large.
    #[error("the patterns together are too large: {reason}")]
    TooLarge {
        /// What the matcher says.
        reason: String,
    },
    /// A marker file's name that no file can have.
    #[error("\"{name}\" is not the name of a marker file (NAME or NAME:HEADER)")]
    BadMarker {
        /// The text as given.
        name: String,
    },
    /// A size that cannot be understood.
    #[error("\"{text}\" is not a size; write a number and k, M, G or T, as in 500M")]
    BadSize {
        /// The text as given.
        text: String,
    },
}
