//! Who maintains a vault, and who listens.

use ov_format::audience::SegmentContext;
use ov_format::statement::Role;
use ov_seal::entropy::Entropy;
use ov_seal::segment::{SegmentError, SegmentOpener};

use crate::append::Writer;
use crate::clock::Clock;
use crate::error::VaultError;
use crate::secrets::Secrets;
use crate::vault::Vault;

/// What a long operation is at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Reading what snapshots need.
    Reading,
    /// Reading objects and comparing their hashes.
    Checking,
    /// Moving frames to new packs.
    Moving,
    /// Deleting.
    Deleting,
    /// Copying to another target.
    Copying,
    /// Fetching from another target.
    Repairing,
    /// Renewing locks.
    Locking,
}

/// How far a step has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// The step.
    pub step: Step,
    /// Objects or snapshots dealt with.
    pub done: u64,
    /// Of so many.
    pub total: u64,
    /// Bytes dealt with.
    pub bytes: u64,
}

/// Listens to an operation, also from several threads.
pub trait Monitor: Sync {
    /// The operation goes on.
    fn progress(&self, _progress: Progress) {}

    /// Something that a person should know.
    fn notice(&self, _text: &str) {}
}

/// Listens to nothing.
pub struct Silence;

impl Monitor for Silence {}

/// A member that maintains a vault: it says what is done, and knows what snapshots need, but
/// opens no compartment.
#[derive(Clone, Copy)]
pub struct Keeper<'a> {
    /// Signs its statements.
    pub writer: &'a Writer,
    /// Opens structure sections.
    pub secrets: &'a Secrets,
    /// Randomness.
    pub entropy: &'a dyn Entropy,
    /// Time.
    pub clock: &'a dyn Clock,
    /// Who listens.
    pub monitor: &'a dyn Monitor,
}

impl Keeper<'_> {
    /// Refuses by name what this key cannot do.
    pub(crate) fn require(&self, vault: &Vault, what: &'static str) -> Result<(), VaultError> {
        require_role(vault, self.writer, &[Role::Keeper], what)?;
        match self.secrets.structure.is_empty() {
            true => Err(VaultError::NoStructure { what }),
            false => Ok(()),
        }
    }

    /// Opens segments of the structure audience.
    pub(crate) fn open(
        &self,
        context: &SegmentContext,
        head: &[u8],
    ) -> Result<SegmentOpener, SegmentError> {
        self.secrets.open(context, head)
    }
}

/// Refuses a writer that has none of the roles.
pub(crate) fn require_role(
    vault: &Vault,
    writer: &Writer,
    roles: &[Role],
    what: &'static str,
) -> Result<(), VaultError> {
    let member = vault.head().member(writer.member)?;
    match roles.iter().any(|role| member.may(*role)) {
        true => Ok(()),
        false => Err(VaultError::Forbidden {
            what,
            role: roles.first().map_or("keeper", |role| role.name()),
        }),
    }
}

/// How many members write into the vault: whoever is alone needs neither grace nor floor.
pub fn writing_members(vault: &Vault) -> usize {
    let head = vault.head();
    let writes = |role: &Role| matches!(role, Role::Agent | Role::Keeper);
    let counted = head.members.iter().filter(|(id, member)| {
        member.roles.iter().any(writes)
            && head.member(**id).is_ok()
            && head.recovery.as_ref() != Some(&member.keys)
    });
    counted.count()
}
