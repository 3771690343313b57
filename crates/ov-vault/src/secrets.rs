//! The secrets that a member's key file opens, without any compartment's.

use std::collections::BTreeMap;

use ov_format::audience::{Audience, SegmentContext};
use ov_format::id::{CompartmentId, GroupId, MemberId, VaultId};
use ov_format::keys::{KeysTable, Recipient, SealedSecret, SecretKind, decode_secret};
use ov_format::name::ObjectName;
use ov_seal::compartment::AgentSecret;
use ov_seal::kdf::Key32;
use ov_seal::member::MemberSecret;
use ov_seal::segment::{OpenKey, SegmentError, SegmentOpener};
use ov_seal::structure::StructureSecret;
use ov_store::{Store, StoreError};

use crate::error::VaultError;
use crate::head::Head;

/// What an agent works with in one compartment.
#[derive(Clone, Debug)]
pub struct AgentKeys {
    /// The compartment's name.
    pub name: String,
    /// The dedup group.
    pub group: GroupId,
    /// The epoch of the ids.
    pub epoch: u32,
    /// Names, cuts and finds chunks.
    pub secret: AgentSecret,
}

/// The secrets of a member.
#[derive(Debug, Default)]
pub struct Secrets {
    /// Opens structure sections, by epoch.
    pub structure: BTreeMap<u32, StructureSecret>,
    /// The agent's keys by compartment and epoch; the highest epoch is used for new data.
    pub agent: BTreeMap<CompartmentId, BTreeMap<u32, AgentKeys>>,
}

impl Secrets {
    /// Opens what the head's keys tables hold for a member.
    pub fn unlock(
        store: &dyn Store,
        vault: VaultId,
        head: &Head,
        member: MemberId,
        secret: &MemberSecret,
    ) -> Result<Self, VaultError> {
        let mut secrets = Self::default();
        for sealed in sealed_for(store, vault, head, Recipient::Member(member))? {
            secrets.add(vault, head, &sealed, secret);
        }
        Ok(secrets)
    }

    /// Takes a secret in. One that does not open, or is not the one that the head names, is passed
    /// over: whoever could write it into a table must not be able to shut the others out.
    fn add(
        &mut self,
        vault: VaultId,
        head: &Head,
        sealed: &SealedSecret,
        secret: &MemberSecret,
    ) -> Option<()> {
        let SealedSecret {
            recipient,
            kind,
            epoch,
            ..
        } = *sealed;
        if matches!(kind, SecretKind::Compartment(_)) {
            return None;
        }
        let aad = SealedSecret::associated_data(vault, recipient, kind, epoch);
        let opened = secret.open_secret(&aad, &sealed.sealed).ok()?;
        let (name, bytes) = decode_secret(&opened).ok()?;
        let key = Key32::from_slice(&bytes)?;
        match kind {
            SecretKind::Structure => {
                let structure = StructureSecret::from_bytes(key);
                let public = structure.public().kem.to_bytes();
                if head
                    .structure
                    .get(&epoch)
                    .is_some_and(|named| named[..] == public[..])
                {
                    self.structure.insert(epoch, structure);
                }
            }
            SecretKind::Agent(compartment, group) => {
                let keys = AgentKeys {
                    name,
                    group,
                    epoch,
                    secret: AgentSecret::from_bytes(key),
                };
                self.agent
                    .entry(compartment)
                    .or_default()
                    .entry(epoch)
                    .or_insert(keys);
            }
            SecretKind::Compartment(_) => {}
        }
        Some(())
    }

    /// The agent's newest keys in a compartment.
    pub fn agent_keys(&self, compartment: CompartmentId) -> Option<&AgentKeys> {
        Some(self.agent.get(&compartment)?.last_key_value()?.1)
    }

    /// Opens segments of the structure and group audiences.
    pub fn open(
        &self,
        context: &SegmentContext,
        head: &[u8],
    ) -> Result<SegmentOpener, SegmentError> {
        match context.audience {
            Audience::Structure => match self.structure.get(&context.epoch) {
                Some(secret) => SegmentOpener::open(*context, head, OpenKey::Structure(secret)),
                None => Err(SegmentError::NoSlot),
            },
            Audience::Group(compartment, group) => {
                let keys = self
                    .agent
                    .get(&compartment)
                    .and_then(|keys| keys.get(&context.epoch));
                match keys.filter(|keys| keys.group == group) {
                    Some(keys) => {
                        let key = keys.secret.group_key();
                        SegmentOpener::open(*context, head, OpenKey::Group(&key))
                    }
                    None => Err(SegmentError::NoSlot),
                }
            }
            Audience::Compartment(_) => Err(SegmentError::NoSlot),
        }
    }
}

/// The sealed secrets for one recipient, in the order of the head. A secret may stand in several
/// tables, so one that is damaged is passed over as long as another has something for the recipient;
/// `check` names it.
pub fn sealed_for(
    store: &dyn Store,
    vault: VaultId,
    head: &Head,
    recipient: Recipient,
) -> Result<Vec<SealedSecret>, VaultError> {
    let (mut found, mut damaged) = (Vec::new(), None);
    for table in &head.keys {
        let table = match read_keys(store, vault, ObjectName::Table(table.hash)) {
            Ok(table) => table,
            // A deleted keys table is how a compartment is erased; what it opened stays shut.
            Err(VaultError::Store(StoreError::NotFound { .. })) => continue,
            Err(VaultError::Store(error)) if error.is_retryable() => return Err(error.into()),
            Err(error) => {
                damaged.get_or_insert(error);
                continue;
            }
        };
        let secrets = table.secrets.into_iter();
        found.extend(secrets.filter(|sealed| sealed.recipient == recipient));
    }
    match damaged {
        Some(error) if found.is_empty() => Err(error),
        _ => Ok(found),
    }
}

fn read_keys(store: &dyn Store, vault: VaultId, name: ObjectName) -> Result<KeysTable, VaultError> {
    let bytes = store.get(&name)?;
    if !name.matches(&bytes) {
        return Err(VaultError::Damaged(name));
    }
    KeysTable::decode(&bytes, vault).map_err(|source| VaultError::Object { name, source })
}
