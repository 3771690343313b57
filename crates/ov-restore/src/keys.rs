//! What a reader holds: the secrets of its compartments, beside those of any member.

use std::collections::BTreeMap;

use ov_format::audience::{Audience, SegmentContext};
use ov_format::id::{CompartmentId, GroupId, MemberId};
use ov_format::keys::{Recipient, SealedSecret, SecretKind, decode_secret};
use ov_open::compartment::CompartmentSecret;
use ov_open::open::open_segment;
use ov_open::recovery::RecoveryKit;
use ov_seal::compartment::AgentSecret;
use ov_seal::kdf::Key32;
use ov_seal::member::MemberSecret;
use ov_seal::segment::{OpenKey, SegmentError, SegmentOpener};
use ov_seal::structure::StructureSecret;
use ov_vault::secrets::{Secrets, sealed_for};
use ov_vault::{Vault, VaultError};
use zeroize::Zeroizing;

/// A compartment's secret of one epoch, with the compartment's name.
#[derive(Debug)]
pub struct CompartmentKey {
    /// The name for people.
    pub name: String,
    /// Opens its segments.
    pub secret: CompartmentSecret,
}

/// What a reader can open.
#[derive(Debug, Default)]
pub struct ReaderKeys {
    /// What any member may open: structure and its own groups.
    pub secrets: Secrets,
    /// Its compartments, by epoch.
    pub compartments: BTreeMap<CompartmentId, BTreeMap<u32, CompartmentKey>>,
}

impl ReaderKeys {
    /// Opens what the vault's keys tables hold for a member.
    pub fn unlock(
        vault: &Vault,
        member: MemberId,
        secret: &MemberSecret,
    ) -> Result<Self, VaultError> {
        let store = &**vault.store();
        let secrets = Secrets::unlock(store, vault.id(), vault.head(), member, secret)?;
        let mut keys = Self {
            secrets,
            ..Self::default()
        };
        keys.take(vault, Recipient::Member(member), secret)?;
        Ok(keys)
    }

    /// Opens what the vault's keys tables hold for the recovery kit: everything.
    pub fn recover(vault: &Vault, kit: &RecoveryKit) -> Result<Self, VaultError> {
        let mut keys = Self::default();
        keys.take(vault, Recipient::Recovery, &kit.member())?;
        Ok(keys)
    }

    fn take(
        &mut self,
        vault: &Vault,
        recipient: Recipient,
        secret: &MemberSecret,
    ) -> Result<(), VaultError> {
        for sealed in sealed_for(&**vault.store(), vault.id(), vault.head(), recipient)? {
            let known = match sealed.kind {
                SecretKind::Compartment(_) => true,
                SecretKind::Structure => recipient == Recipient::Recovery,
                SecretKind::Agent(..) => false,
            };
            if known {
                self.add(vault, &sealed, secret);
            }
        }
        Ok(())
    }

    /// Takes a secret in. One that does not open, or is not the one that the head names, is passed
    /// over: two admins who renewed keys at once made two of one epoch, and nobody who can write
    /// into a table may shut the others out.
    fn add(&mut self, vault: &Vault, sealed: &SealedSecret, secret: &MemberSecret) -> Option<()> {
        let (kind, epoch) = (sealed.kind, sealed.epoch);
        let aad = SealedSecret::associated_data(vault.id(), sealed.recipient, kind, epoch);
        let opened = secret.open_secret(&aad, &sealed.sealed).ok()?;
        let (name, bytes) = decode_secret(&opened).ok()?;
        let bytes = Zeroizing::new(bytes);
        let head = vault.head();
        match kind {
            SecretKind::Compartment(compartment) => {
                let secret = CompartmentSecret::from_bytes(&bytes).ok()?;
                let named = head.compartments.get(&compartment)?.get(&epoch)?;
                if named[..] == secret.public().kem.to_bytes()[..] {
                    let epochs = self.compartments.entry(compartment).or_default();
                    epochs.insert(epoch, CompartmentKey { name, secret });
                }
            }
            SecretKind::Structure => {
                let secret = StructureSecret::from_bytes(Key32::from_slice(&bytes)?);
                if head.structure.get(&epoch)?[..] == secret.public().kem.to_bytes()[..] {
                    self.secrets.structure.insert(epoch, secret);
                }
            }
            SecretKind::Agent(..) => {}
        }
        Some(())
    }

    /// Opens a segment of any audience that these keys may open.
    pub fn open(
        &self,
        context: &SegmentContext,
        head: &[u8],
    ) -> Result<SegmentOpener, SegmentError> {
        match context.audience {
            Audience::Structure => self.secrets.open(context, head),
            Audience::Compartment(compartment) => {
                let secret = self.secret(compartment, context.epoch);
                open_segment(*context, head, secret.ok_or(SegmentError::NoSlot)?)
            }
            Audience::Group(compartment, group) => {
                match self.agent_secret(compartment, context.epoch, group) {
                    Some(agent) => {
                        let key = agent.group_key();
                        SegmentOpener::open(*context, head, OpenKey::Group(&key))
                    }
                    None => self.secrets.open(context, head),
                }
            }
        }
    }

    /// Whether these keys open anything of a compartment.
    pub fn reads(&self, compartment: CompartmentId) -> bool {
        self.compartments.contains_key(&compartment)
    }

    /// A compartment's name, if it can be opened.
    pub fn compartment_name(&self, compartment: CompartmentId) -> Option<&str> {
        let (_, newest) = self.compartments.get(&compartment)?.last_key_value()?;
        Some(&newest.name)
    }

    /// Key of the tokens of a compartment's catalog.
    pub fn catalog_key(&self, compartment: CompartmentId) -> Option<Key32> {
        let (_, newest) = self.compartments.get(&compartment)?.last_key_value()?;
        Some(newest.secret.catalog_key())
    }

    fn secret(&self, compartment: CompartmentId, epoch: u32) -> Option<&CompartmentSecret> {
        Some(&self.compartments.get(&compartment)?.get(&epoch)?.secret)
    }

    /// What names the chunks of a group in a compartment.
    pub(crate) fn agent_secret(
        &self,
        compartment: CompartmentId,
        epoch: u32,
        group: GroupId,
    ) -> Option<AgentSecret> {
        Some(self.secret(compartment, epoch)?.agent_secret(group))
    }
}
