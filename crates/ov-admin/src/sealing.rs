//! Who must be able to open what, and the table that gives it to them.

use std::collections::BTreeSet;

use ov_format::id::{CompartmentId, GroupId, ObjectHash, VaultId};
use ov_format::keys::{KeysTable, Recipient, SealedSecret, SecretKind, encode_secret};
use ov_format::name::{ObjectName, RecordName};
use ov_format::record::Section;
use ov_format::statement::{Change, KEM_PUBLIC_BYTES, PublicKeys, Role, Statement, StoredObject};
use ov_seal::entropy::Entropy;
use ov_seal::kem::KemPublic;
use ov_seal::member::MemberPublic;
use ov_store::{Durable, Store};
use ov_vault::append::Writer;
use ov_vault::head::{Head, Member};
use ov_vault::{Clock, Vault};
use zeroize::Zeroizing;

use crate::access::{AdminAccess, OpenCompartment};
use crate::error::AdminError;

/// Somebody to whom secrets are sealed.
pub(crate) struct Party {
    pub(crate) recipient: Recipient,
    pub(crate) public: MemberPublic,
    pub(crate) member: Member,
}

/// Everybody who is a member now, and the recovery kit.
pub(crate) fn parties(head: &Head) -> Result<Vec<Party>, AdminError> {
    let kit = head.recovery.as_ref().ok_or(AdminError::NotTheKit)?;
    let mut parties = vec![recovery_party(kit)?];
    for (id, member) in &head.members {
        if head.revoked.contains_key(id) || member.keys == *kit {
            continue;
        }
        let public = MemberPublic::try_from(&member.keys);
        parties.push(Party {
            recipient: Recipient::Member(*id),
            public: public.map_err(|_| AdminError::BadKeys(*id))?,
            member: member.clone(),
        });
    }
    Ok(parties)
}

/// The kit opens what an admin opens.
pub(crate) fn recovery_party(keys: &PublicKeys) -> Result<Party, AdminError> {
    Ok(Party {
        recipient: Recipient::Recovery,
        public: MemberPublic::try_from(keys).map_err(|_| AdminError::NotTheKit)?,
        member: Member {
            roles: BTreeSet::from([Role::Admin]),
            keys: keys.clone(),
            group: GroupId([0; GroupId::BYTES]),
            compartments: BTreeSet::new(),
        },
    })
}

/// A secret that somebody needs.
pub(crate) struct Needed<'a> {
    kind: SecretKind,
    epoch: u32,
    name: &'a str,
    bytes: Zeroizing<Vec<u8>>,
}

/// What a member's roles need of `access`:
///
/// | role | secrets |
/// |---|---|
/// | agent | of its group, in its compartments: those of the newest ids |
/// | keeper | structure |
/// | reader | structure, its compartments |
/// | auditor | none |
/// | admin | structure, all compartments |
pub(crate) fn needed<'a>(access: &'a AdminAccess, member: &Member) -> Vec<Needed<'a>> {
    let mut all = Vec::new();
    let roles = [Role::Keeper, Role::Reader, Role::Admin];
    if roles.into_iter().any(|role| member.may(role)) {
        all.extend(access.structure.iter().map(|(epoch, secret)| Needed {
            kind: SecretKind::Structure,
            epoch: *epoch,
            name: "",
            bytes: Zeroizing::new(secret.bytes().bytes().to_vec()),
        }));
    }
    for (id, compartment) in &access.compartments {
        let bound = member.compartments.contains(id);
        if member.may(Role::Admin) || (bound && member.may(Role::Reader)) {
            all.extend(opening(*id, compartment));
        }
        if bound && member.may(Role::Agent) {
            all.extend(naming(*id, compartment, member.group));
        }
    }
    all
}

fn opening(id: CompartmentId, of: &OpenCompartment) -> impl Iterator<Item = Needed<'_>> {
    of.epochs.iter().map(move |(epoch, secret)| Needed {
        kind: SecretKind::Compartment(id),
        epoch: *epoch,
        name: &of.name,
        bytes: Zeroizing::new(secret.to_bytes().to_vec()),
    })
}

/// All epochs with the newest ids: what the group stored there is found again. Older ids name
/// nothing that could be used, so a new agent does not get them.
fn naming(
    id: CompartmentId,
    of: &OpenCompartment,
    group: GroupId,
) -> impl Iterator<Item = Needed<'_>> {
    let newest = of.epochs.values().next_back();
    let newest = newest.map(|secret| secret.agent_secret(group));
    let same = move |(epoch, secret): (&u32, &_)| {
        let secret: &ov_open::compartment::CompartmentSecret = secret;
        let secret = secret.agent_secret(group);
        (Some(&secret) == newest.as_ref()).then_some((*epoch, secret))
    };
    of.epochs
        .iter()
        .filter_map(same)
        .map(move |(epoch, secret)| Needed {
            kind: SecretKind::Agent(id, group),
            epoch,
            name: &of.name,
            bytes: Zeroizing::new(secret.bytes().bytes().to_vec()),
        })
}

/// A table of sealed secrets in the making.
pub(crate) struct Sealing<'a> {
    vault: VaultId,
    entropy: &'a dyn Entropy,
    table: KeysTable,
}

impl<'a> Sealing<'a> {
    pub(crate) fn new(vault: VaultId, entropy: &'a dyn Entropy) -> Self {
        let table = KeysTable::default();
        Self {
            vault,
            entropy,
            table,
        }
    }

    /// Seals what a party needs of `access`.
    pub(crate) fn give(&mut self, access: &AdminAccess, to: &Party) {
        for needed in needed(access, &to.member) {
            let Needed {
                kind, epoch, name, ..
            } = needed;
            let plain = Zeroizing::new(encode_secret(name, &needed.bytes));
            let aad = SealedSecret::associated_data(self.vault, to.recipient, kind, epoch);
            let sealed = to.public.seal_secret(&aad, &plain, self.entropy);
            self.table.secrets.push(SealedSecret {
                recipient: to.recipient,
                kind,
                epoch,
                sealed,
            });
        }
    }

    fn put(self, store: &dyn Store) -> Result<(Change, Durable<ObjectName>), AdminError> {
        let bytes = self.table.encode(self.vault);
        let hash = ObjectHash(*blake3::hash(&bytes).as_bytes());
        let length = bytes.len().try_into().unwrap_or(u64::MAX);
        let durable = store.put_new(&ObjectName::Table(hash), &bytes)?;
        Ok((Change::Keys(StoredObject { hash, length }), durable))
    }
}

/// Says the changes in one record of the head, after the secrets of it are durable: a table
/// without its record opens nothing that matters, a record without its table would lock people
/// out.
pub(crate) fn publish(
    vault: &mut Vault,
    writer: &Writer,
    mut changes: Vec<Change>,
    sections: Vec<Section>,
    sealing: Sealing<'_>,
    clock: &dyn Clock,
) -> Result<RecordName, AdminError> {
    let mut published = Vec::new();
    if !sealing.table.secrets.is_empty() {
        let (keys, durable) = sealing.put(&**vault.store())?;
        changes.push(keys);
        published.push(durable);
    }
    say(vault, writer, changes, sections, &published, clock)
}

/// Says the changes in one record of the head, and looks whether another admin spoke meanwhile:
/// two who do not see each other begin the same epoch twice, or seal a new epoch to all but a new
/// member. Whoever is second sees both records.
pub(crate) fn say(
    vault: &mut Vault,
    writer: &Writer,
    changes: Vec<Change>,
    sections: Vec<Section>,
    published: &[Durable<ObjectName>],
    clock: &dyn Clock,
) -> Result<RecordName, AdminError> {
    let statement = Statement::Head(changes);
    let record = vault.append(writer, clock, statement, sections, published)?;
    let known = head_records(vault);
    vault.refresh()?;
    match head_records(vault).is_subset(&known) {
        true => Ok(record),
        false => Err(AdminError::Raced),
    }
}

fn head_records(vault: &Vault) -> BTreeSet<RecordName> {
    let heads = vault.logs().all();
    heads
        .filter(|said| matches!(said.statement, Statement::Head(_)))
        .map(|said| said.name)
        .collect()
}

/// A public key as the head keeps it.
pub(crate) fn boxed(kem: &KemPublic) -> Box<[u8; KEM_PUBLIC_BYTES]> {
    Box::new(kem.to_bytes())
}

/// A fresh random id.
pub(crate) fn random<const N: usize>(entropy: &dyn Entropy) -> [u8; N] {
    let mut bytes = [0; N];
    entropy.fill(&mut bytes);
    bytes
}
