//! What an admin's key or the recovery kit opens: every secret of the vault, by epoch.

use std::collections::BTreeMap;
use std::fmt;

use ov_format::audience::{Audience, SegmentContext};
use ov_format::id::{CompartmentId, MemberId};
use ov_format::keys::{Recipient, SealedSecret, SecretKind, decode_secret};
use ov_format::statement::Role;
use ov_open::compartment::CompartmentSecret;
use ov_open::recovery::RecoveryKit;
use ov_seal::kdf::Key32;
use ov_seal::member::MemberSecret;
use ov_seal::segment::{OpenKey, SegmentError, SegmentOpener};
use ov_seal::structure::StructureSecret;
use ov_vault::head::Head;
use ov_vault::secrets::sealed_for;
use ov_vault::{Vault, VaultError};
use zeroize::Zeroizing;

use crate::error::AdminError;

/// A compartment with its secrets.
pub struct OpenCompartment {
    /// Its name for people.
    pub name: String,
    /// Its secrets by epoch; the highest is used for new data.
    pub epochs: BTreeMap<u32, CompartmentSecret>,
}

/// All secrets of a vault. Only those whose public half the head names are kept.
#[derive(Default)]
pub struct AdminAccess {
    /// Of the structure audience, by epoch.
    pub structure: BTreeMap<u32, StructureSecret>,
    /// Of the compartments.
    pub compartments: BTreeMap<CompartmentId, OpenCompartment>,
}

/// A secret as it came out of its seal.
pub(crate) enum Opened {
    Structure(StructureSecret),
    Compartment(CompartmentId, String, CompartmentSecret),
}

impl AdminAccess {
    /// Opens what was sealed to an admin.
    pub fn unlock(
        vault: &Vault,
        member: MemberId,
        secret: &MemberSecret,
    ) -> Result<Self, AdminError> {
        require_admin(vault, member)?;
        if vault.head().member(member)?.keys != secret.public().keys() {
            return Err(VaultError::NotAMember.into());
        }
        Self::open_for(vault, Recipient::Member(member), secret)
    }

    /// Opens what was sealed to the recovery kit.
    pub fn unlock_with_kit(vault: &Vault, kit: &RecoveryKit) -> Result<Self, AdminError> {
        let member = kit.member();
        if vault.head().recovery.as_ref() != Some(&member.public().keys()) {
            return Err(AdminError::NotTheKit);
        }
        Self::open_for(vault, Recipient::Recovery, &member)
    }

    fn open_for(
        vault: &Vault,
        recipient: Recipient,
        secret: &MemberSecret,
    ) -> Result<Self, AdminError> {
        let mut access = Self::default();
        for sealed in sealed_for(&**vault.store(), vault.id(), vault.head(), recipient)? {
            // What does not open is left out: no admin can lock out another by sealing junk to him.
            if let Some(opened) = open_one(vault, &sealed, secret) {
                access.add(vault.head(), sealed.epoch, opened);
            }
        }
        Ok(access)
    }

    /// Two admins who rotated at once made two secrets of one epoch. The head knows which counts.
    fn add(&mut self, head: &Head, epoch: u32, opened: Opened) {
        if !opened.is_named(head, epoch) {
            return;
        }
        match opened {
            Opened::Structure(secret) => {
                self.structure.insert(epoch, secret);
            }
            Opened::Compartment(id, name, secret) => self.insert(id, &name, epoch, secret),
        }
    }

    pub(crate) fn insert(
        &mut self,
        id: CompartmentId,
        name: &str,
        epoch: u32,
        secret: CompartmentSecret,
    ) {
        let compartment = self
            .compartments
            .entry(id)
            .or_insert_with(|| OpenCompartment {
                name: name.to_owned(),
                epochs: BTreeMap::new(),
            });
        compartment.epochs.insert(epoch, secret);
    }

    /// Takes over newer secrets.
    pub(crate) fn absorb(&mut self, newer: Self) {
        self.structure.extend(newer.structure);
        for (id, compartment) in newer.compartments {
            for (epoch, secret) in compartment.epochs {
                self.insert(id, &compartment.name, epoch, secret);
            }
        }
    }

    /// The compartment of a name.
    pub fn find(&self, name: &str) -> Result<CompartmentId, AdminError> {
        let mut all = self.compartments.iter();
        let found = all.find(|(_, compartment)| compartment.name == name);
        found
            .map(|(id, _)| *id)
            .ok_or_else(|| AdminError::NoCompartment(name.to_owned()))
    }

    /// Opens segments of the structure audience; no others, for nothing here needs content.
    pub fn open(
        &self,
        context: &SegmentContext,
        head: &[u8],
    ) -> Result<SegmentOpener, SegmentError> {
        match (context.audience, self.structure.get(&context.epoch)) {
            (Audience::Structure, Some(secret)) => {
                SegmentOpener::open(*context, head, OpenKey::Structure(secret))
            }
            _ => Err(SegmentError::NoSlot),
        }
    }

    /// That the newest keys are here, of the structure audience and of `compartments`: whoever
    /// passes secrets on must have those. Older ones may have been erased.
    pub(crate) fn check_newest<'a>(
        &self,
        head: &Head,
        compartments: impl IntoIterator<Item = &'a CompartmentId>,
    ) -> Result<(), AdminError> {
        let (epoch, _) = head.structure_key()?;
        if !self.structure.contains_key(&epoch) {
            let what = "the structure audience".to_owned();
            return Err(AdminError::Missing { what, epoch });
        }
        for id in compartments {
            let (epoch, _) = head.compartment_key(*id)?;
            let open = self.compartments.get(id);
            if !open.is_some_and(|open| open.epochs.contains_key(&epoch)) {
                let what = label(*id, open.map(|open| open.name.as_str()));
                return Err(AdminError::Missing { what, epoch });
            }
        }
        Ok(())
    }
}

impl fmt::Debug for AdminAccess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AdminAccess(hidden)")
    }
}

impl Opened {
    /// Whether the head names the public half for this epoch.
    pub(crate) fn is_named(&self, head: &Head, epoch: u32) -> bool {
        let (named, public) = match self {
            Self::Structure(secret) => (head.structure.get(&epoch), secret.public().kem),
            Self::Compartment(id, _, secret) => {
                let epochs = head.compartments.get(id);
                (
                    epochs.and_then(|epochs| epochs.get(&epoch)),
                    secret.public().kem,
                )
            }
        };
        named.is_some_and(|named| named[..] == public.to_bytes()[..])
    }
}

/// Opens one secret. `None` for an agent's, which follows from the compartment's, and for what
/// does not open.
pub(crate) fn open_one(
    vault: &Vault,
    sealed: &SealedSecret,
    secret: &MemberSecret,
) -> Option<Opened> {
    let SealedSecret {
        recipient,
        kind,
        epoch,
        ..
    } = *sealed;
    let aad = SealedSecret::associated_data(vault.id(), recipient, kind, epoch);
    let opened = secret.open_secret(&aad, &sealed.sealed).ok()?;
    let (name, bytes) = decode_secret(&opened).ok()?;
    let bytes = Zeroizing::new(bytes);
    match kind {
        SecretKind::Structure => {
            let key = Key32::from_slice(&bytes)?;
            Some(Opened::Structure(StructureSecret::from_bytes(key)))
        }
        SecretKind::Compartment(id) => {
            let secret = CompartmentSecret::from_bytes(&bytes).ok()?;
            Some(Opened::Compartment(id, name, secret))
        }
        SecretKind::Agent(..) => None,
    }
}

/// A compartment in words.
pub(crate) fn label(id: CompartmentId, name: Option<&str>) -> String {
    match name {
        Some(name) => format!("the compartment {name:?}"),
        None => format!("the compartment {id}"),
    }
}

/// What a member who is no admin says of the head counts nowhere, so it is not said.
pub(crate) fn require_admin(vault: &Vault, member: MemberId) -> Result<(), AdminError> {
    match vault.head().member(member)?.may(Role::Admin) {
        true => Ok(()),
        false => Err(AdminError::Vault(VaultError::Forbidden {
            what: "change the vault's constitution",
            role: Role::Admin.name(),
        })),
    }
}
