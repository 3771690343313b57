//! The vault's constitution: who is a member, which keys are in force. A fold of admins' records.

use std::collections::{BTreeMap, BTreeSet};

use ov_format::id::{CompartmentId, GroupId, MemberId, VaultId};
use ov_format::name::{LogId, RecordName};
use ov_format::record::SIGNATURE_BYTES;
use ov_format::statement::{Change, PublicKeys, Role, Statement, StoredObject};
use ov_seal::compartment::CompartmentPublic;
use ov_seal::kem::KemPublic;
use ov_seal::sign::{Domain, Signature, VerifyingKey};
use ov_seal::structure::StructurePublic;

use crate::error::VaultError;
use crate::logs::KeptRecord;

/// One member.
#[derive(Clone, Debug)]
pub struct Member {
    /// What it may do.
    pub roles: BTreeSet<Role>,
    /// Its public keys.
    pub keys: PublicKeys,
    /// Its dedup group.
    pub group: GroupId,
    /// The compartments that it may write to or read.
    pub compartments: BTreeSet<CompartmentId>,
}

impl Member {
    /// Whether it may do something that needs this role.
    pub fn may(&self, role: Role) -> bool {
        self.roles.contains(&role)
    }
}

/// The constitution.
#[derive(Clone, Debug, Default)]
pub struct Head {
    /// The recovery kit's public keys.
    pub recovery: Option<PublicKeys>,
    /// All members, revoked ones too.
    pub members: BTreeMap<MemberId, Member>,
    /// Roles that each member ever had: its records are judged by these, so that a change of roles
    /// takes nothing back. Taking back is what a revocation is for.
    pub ever: BTreeMap<MemberId, BTreeSet<Role>>,
    /// Compartments that each member ever had.
    pub ever_in: BTreeMap<MemberId, BTreeSet<CompartmentId>>,
    /// For each revoked member, the last record of each of its logs that still counts.
    pub revoked: BTreeMap<MemberId, BTreeMap<LogId, u64>>,
    /// Public keys of compartments by epoch.
    pub compartments: BTreeMap<CompartmentId, BTreeMap<u32, Vec<u8>>>,
    /// Public keys of the structure audience by epoch.
    pub structure: BTreeMap<u32, Vec<u8>>,
    /// Tables of sealed secrets.
    pub keys: Vec<StoredObject>,
}

impl Head {
    /// Applies a change. The caller has verified that an admin said it.
    pub(crate) fn apply(&mut self, change: &Change) {
        match change {
            Change::Recovery(keys) => {
                self.recovery.get_or_insert_with(|| keys.clone());
            }
            Change::Appoint {
                member,
                roles,
                keys,
                group,
                compartments,
            } => {
                // Keys and group are what records and chunk ids hang on: they never change.
                let appointed = self.members.entry(*member).or_insert_with(|| Member {
                    roles: BTreeSet::new(),
                    keys: keys.clone(),
                    group: *group,
                    compartments: BTreeSet::new(),
                });
                appointed.roles = roles.iter().copied().collect();
                self.ever.entry(*member).or_default().extend(roles);
                self.ever_in
                    .entry(*member)
                    .or_default()
                    .extend(compartments);
                appointed.compartments = compartments.iter().copied().collect();
            }
            Change::Revoke { member, after } => {
                let after = after.iter().copied().collect();
                self.revoked.entry(*member).or_insert(after);
            }
            Change::Compartment {
                compartment,
                epoch,
                kem,
            } => {
                let epochs = self.compartments.entry(*compartment).or_default();
                epochs.entry(*epoch).or_insert_with(|| kem.to_vec());
            }
            Change::Structure { epoch, kem } => {
                self.structure.entry(*epoch).or_insert_with(|| kem.to_vec());
            }
            Change::Keys(table) => self.keys.push(*table),
        }
    }

    /// Whether a record of this name still counts.
    pub fn counts(&self, name: &RecordName) -> bool {
        match self.revoked.get(&name.log.member) {
            Some(after) => after
                .get(&name.log)
                .is_some_and(|last| name.number <= *last),
            None => true,
        }
    }

    /// A member that is not revoked.
    pub fn member(&self, id: MemberId) -> Result<&Member, VaultError> {
        match self.members.get(&id) {
            Some(member) if !self.revoked.contains_key(&id) => Ok(member),
            _ => Err(VaultError::NotAMember),
        }
    }

    /// The newest public key of a compartment, with its epoch.
    pub fn compartment_key(
        &self,
        compartment: CompartmentId,
    ) -> Result<(u32, CompartmentPublic), VaultError> {
        let newest = self
            .compartments
            .get(&compartment)
            .and_then(BTreeMap::last_key_value);
        let key = newest.and_then(|(epoch, kem)| {
            Some((
                *epoch,
                CompartmentPublic {
                    kem: KemPublic::from_bytes(kem).ok()?,
                },
            ))
        });
        key.ok_or(VaultError::NoKey("this compartment"))
    }

    /// The newest public key of the structure audience, with its epoch.
    pub fn structure_key(&self) -> Result<(u32, StructurePublic), VaultError> {
        let newest = self.structure.last_key_value();
        let key = newest.and_then(|(epoch, kem)| {
            Some((
                *epoch,
                StructurePublic {
                    kem: KemPublic::from_bytes(kem).ok()?,
                },
            ))
        });
        key.ok_or(VaultError::NoKey("the structure audience"))
    }

    /// The vault's first record: says who the owner is, and vouches for itself by its hash, which
    /// is the vault's id.
    pub(crate) fn found(vault: VaultId, name: &RecordName, root: &KeptRecord) -> Option<Self> {
        let mut head = Self::default();
        let Statement::Head(changes) = &root.record.statement else {
            return None;
        };
        changes.iter().for_each(|change| head.apply(change));
        let whole = name.hash.0 == vault.0 && name.number == 0 && head.recovery.is_some();
        (whole && root.holds(&head)).then_some(head)
    }

    /// Whether a signature over these bytes is a member's.
    pub(crate) fn verifies(
        &self,
        member: MemberId,
        signed: &[u8],
        signature: &[u8; SIGNATURE_BYTES],
    ) -> bool {
        let Some(member) = self.members.get(&member) else {
            return false;
        };
        let key = VerifyingKey::from_bytes(&member.keys.verify[..]);
        match (key, Signature::from_bytes(&signature[..])) {
            (Ok(key), Ok(signature)) => key.verify(Domain::Record, signed, &signature).is_ok(),
            _ => false,
        }
    }
}
