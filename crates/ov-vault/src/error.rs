//! What can go wrong with a vault as a whole. Damage found in data is a [`crate::Finding`].

use ov_format::FormatError;
use ov_format::id::VaultId;
use ov_format::name::ObjectName;
use ov_seal::segment::SegmentError;
use ov_store::StoreError;
use thiserror::Error;

use crate::finding::Finding;

/// Why an operation on a vault failed.
#[derive(Debug, Error)]
pub enum VaultError {
    /// The target holds no vault.
    #[error("there is no vault at {place}")]
    NoVault {
        /// The target, for people.
        place: String,
    },
    /// The target holds another vault than the key file was made for.
    #[error("{place} holds another vault than this key file was made for (key: {wanted:?})")]
    OtherVault {
        /// The target, for people.
        place: String,
        /// The vault of the key file.
        wanted: VaultId,
    },
    /// The target has no identity, or more than one.
    #[error(
        "{place} has {found} identities instead of one: were two vaults copied over each other?"
    )]
    Identity {
        /// The target, for people.
        place: String,
        /// How many were found.
        found: usize,
    },
    /// The key's member is not appointed here, or was revoked.
    #[error("this key belongs to no member of the vault, or it was revoked")]
    NotAMember,
    /// The key lacks what the operation needs.
    #[error("this key cannot {what}: it needs the role {role}")]
    Forbidden {
        /// What was asked for.
        what: &'static str,
        /// The role that it needs.
        role: &'static str,
    },
    /// The head names no key for an audience.
    #[error("the vault has no key for {0} yet: its set-up did not finish")]
    NoKey(&'static str),
    /// An object does not hold what it should.
    #[error("{name} {source}")]
    Object {
        /// The object.
        name: ObjectName,
        /// What is wrong with it.
        source: FormatError,
    },
    /// An object's bytes are not those that its name stands for.
    #[error("{0} is damaged: its bytes do not have the hash in its name")]
    Damaged(ObjectName),
    /// A sealed part does not open.
    #[error("a sealed part of {name} does not open: {source}")]
    Sealed {
        /// The object.
        name: ObjectName,
        /// Why.
        source: SegmentError,
    },
    /// Another process of this member is at work.
    #[error("another process is using this key on this machine ({0})")]
    Busy(&'static str),
    /// The local state could not be read or written.
    #[error("local state {path}: {source}")]
    State {
        /// The file.
        path: std::path::PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// No snapshot fits.
    #[error("no snapshot is called {0:?}")]
    NoSnapshot(String),
    /// A plan was made on another state than it should be carried out on.
    #[error("the plan is out of date: {0}")]
    PlanOutdated(&'static str),
    /// A frame that is needed is in no pack.
    #[error("{0}")]
    Incomplete(String),
    /// A list has more pages than a table can number.
    #[error("a list of {0} pages does not fit a table: back up in smaller parts")]
    ListTooLong(usize),
    /// The key file opens no structure sections.
    #[error("this key cannot {what}: it holds no structure secret, which keepers and readers have")]
    NoStructure {
        /// What was asked for.
        what: &'static str,
    },
    /// What snapshots need is not known completely, so nothing may be deleted.
    #[error("nothing may be deleted while it is not known what all snapshots need: {}", first(.0))]
    Blocked(Vec<Finding>),
    /// The target holds objects of another vault.
    #[error("{place} holds objects of another vault too, such as {name}: nothing was copied")]
    Foreign {
        /// The target, for people.
        place: String,
        /// One of them.
        name: ObjectName,
    },
    /// A vault should be copied onto itself.
    #[error("{place} is the vault's own target: choose another place for the copy")]
    SamePlace {
        /// The target, for people.
        place: String,
    },
    /// The bytes of a plan are none.
    #[error("this is no plan that this program can read: {0}")]
    NotAPlan(FormatError),
    /// The target failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

fn first(findings: &[Finding]) -> String {
    let rest = findings.len().saturating_sub(1);
    match findings.first() {
        Some(finding) if rest > 0 => format!("{finding} (and {rest} more)"),
        Some(finding) => finding.to_string(),
        None => "unknown".to_owned(),
    }
}
