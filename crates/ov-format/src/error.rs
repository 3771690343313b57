//! What can be wrong with bytes.

use thiserror::Error;

/// Why bytes could not be read. Says where, never what they held.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum FormatError {
    /// The bytes end too early.
    #[error("ends too early, at byte {at}")]
    Truncated {
        /// Offset in bytes.
        at: usize,
    },
    /// Something else stands where a value was expected.
    #[error("expected {expected} at byte {at}")]
    Malformed {
        /// What was expected there.
        expected: &'static str,
        /// Offset in bytes.
        at: usize,
    },
    /// A value breaks a rule of the format.
    #[error("breaks the rule: {0}")]
    Rule(&'static str),
    /// The magic is not ours.
    #[error("is not an OncoVault object")]
    NotOurs,
    /// Written by a newer program.
    #[error(
        "has format version {found}; this program reads up to version {known}: use a newer one"
    )]
    NewerVersion {
        /// The version found.
        found: u16,
        /// The newest version that this program reads.
        known: u16,
    },
    /// A draft of the format, from before version 1 was frozen. Drafts are not read.
    #[error("has format version {0}, a draft that no released program wrote")]
    Draft(u16),
    /// A suite of algorithms that this program does not have.
    #[error("uses suite {0} of algorithms, which this program does not have: use a newer one")]
    UnknownSuite(u8),
    /// An object of one kind where another was expected.
    #[error("is a {found}, not a {expected}")]
    WrongKind {
        /// What was expected.
        expected: &'static str,
        /// What it is.
        found: &'static str,
    },
    /// An object of another vault.
    #[error("belongs to another vault ({found:?})")]
    OtherVault {
        /// The vault that it names.
        found: crate::id::VaultId,
    },
    /// A reserved kind of value that this program does not read yet.
    #[error("holds {what} number {number}, which this program does not know: use a newer one")]
    Unknown {
        /// What kind of value.
        what: &'static str,
        /// Its number.
        number: u64,
    },
}
