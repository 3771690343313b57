//! What can go wrong with an admin's work.

use ov_format::id::MemberId;
use ov_seal::keyfile::NAME_BYTES_MAX;
use ov_store::StoreError;
use ov_vault::VaultError;
use thiserror::Error;

/// Why an admin's work failed.
#[derive(Debug, Error)]
pub enum AdminError {
    /// The target holds a vault, or what is left of one.
    #[error("there is a vault at {place} already: choose an empty place for a new one")]
    AlreadyAVault {
        /// The target, for people.
        place: String,
    },
    /// An earlier set-up died half-way.
    #[error(
        "a set-up at {place} did not finish. Nothing was stored and no key was given out: empty \
         the place, or choose another, and set up again"
    )]
    Unfinished {
        /// The target, for people.
        place: String,
    },
    /// A name that cannot be shown or stored.
    #[error("{what} needs a name of 1 to {NAME_BYTES_MAX} bytes without control characters")]
    BadName {
        /// What was to be named.
        what: &'static str,
    },
    /// Two compartments of one name.
    #[error("there are two compartments called {0:?}: names are used once")]
    NameTaken(String),
    /// No compartment of this name.
    #[error("there is no compartment called {0:?}")]
    NoCompartment(String),
    /// A compartment that this key does not open, or that is not there.
    #[error("this key opens no compartment {0}")]
    UnknownCompartment(ov_format::id::CompartmentId),
    /// Nobody of this id.
    #[error("there is no member {0}")]
    NoMember(MemberId),
    /// Revoked, and that is for ever.
    #[error("member {0} was revoked: appoint a new one")]
    Revoked(MemberId),
    /// Without an admin only the recovery kit is left.
    #[error("{0} is the last admin: appoint another one first")]
    LastAdmin(MemberId),
    /// A revocation of oneself would take itself back.
    #[error("nobody can revoke himself: another admin must do it")]
    Yourself,
    /// The kit stays as long as the vault.
    #[error("the recovery kit cannot be revoked or changed: it belongs to the vault for ever")]
    TheKit,
    /// A kit of another vault.
    #[error("this recovery kit is not the one that this vault was founded with")]
    NotTheKit,
    /// A member without a role.
    #[error("a member needs at least one role")]
    NoRoles,
    /// A role that means nothing without a compartment.
    #[error("a member with the role {0} needs at least one compartment")]
    NeedsCompartment(&'static str),
    /// The head names a key, and nothing opened its secret half.
    #[error(
        "the keys of {what}, epoch {epoch}, do not open with this key: its table is missing or \
         they were never sealed to it"
    )]
    Missing {
        /// Whose keys.
        what: String,
        /// Which epoch.
        epoch: u32,
    },
    /// Two admins at once.
    #[error(
        "another admin changed the vault at the same moment, so that somebody may lack a key: do \
         it again"
    )]
    Raced,
    /// Nothing can be sealed to a member.
    #[error("the public keys of member {0} are no keys: revoke it")]
    BadKeys(MemberId),
    /// After four thousand million rotations.
    #[error("no epoch is left")]
    NoEpoch,
    /// The vault failed.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// The target failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}
