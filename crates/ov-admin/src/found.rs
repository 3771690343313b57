//! Founding a vault: the owner, the recovery kit, the first keys.

use std::collections::BTreeSet;
use std::sync::Arc;

use ov_format::id::{CompartmentId, GroupId, InstanceId, MemberId, ObjectHash, TargetId, VaultId};
use ov_format::keys::Recipient;
use ov_format::name::{LogId, ObjectName, RecordName};
use ov_format::record::Record;
use ov_format::statement::{Change, PublicKeys, Role, Statement};
use ov_format::target::{encode_target, target_id};
use ov_open::compartment::CompartmentSecret;
use ov_open::recovery::RecoveryKit;
use ov_seal::entropy::Entropy;
use ov_seal::keyfile::KeyFacts;
use ov_seal::member::MemberSecret;
use ov_seal::structure::StructureSecret;
use ov_store::{Listed, Listing, Store, StoreError};
use ov_vault::append::{Writer, found};
use ov_vault::head::Member;
use ov_vault::{Clock, Vault};

use crate::access::AdminAccess;
use crate::appoint::appointing;
use crate::error::AdminError;
use crate::names::{Named, Names, check_name, seal_names};
use crate::sealing::{Party, Sealing, boxed, publish, random, recovery_party};

/// What the recovery kit is called in the list of members.
pub const KIT_NAME: &str = "recovery kit";

/// What a new vault should be.
#[derive(Clone, Debug)]
pub struct Founding {
    /// Names of its compartments.
    pub compartments: Vec<String>,
    /// The owner's name for people.
    pub owner: String,
}

/// A new vault, and all the keys to it.
pub struct Founded {
    /// The vault.
    pub vault: Vault,
    /// The owner.
    pub member: MemberId,
    /// The owner's keys: nowhere else until the caller has stored them.
    pub secret: MemberSecret,
    /// The owner's installation here.
    pub instance: InstanceId,
    /// The recovery kit: nowhere else until somebody has written it down.
    pub kit: RecoveryKit,
    /// The vault's first record, whose hash is the vault's id.
    pub root: RecordName,
    /// What the owner's key file says.
    pub facts: KeyFacts,
}

/// Founds a vault in an empty place.
///
/// Order: the target's identity, the first record, the table of secrets, the second record. Only
/// the second record makes it a vault; whatever dies before it leaves an unfinished set-up, which
/// the next `init` names and leaves alone.
pub fn init(
    store: Arc<dyn Store>,
    options: Founding,
    entropy: &dyn Entropy,
    clock: &dyn Clock,
) -> Result<Founded, AdminError> {
    check_options(&options)?;
    check_empty(&*store)?;
    let founder = Founder::new(&options, entropy);
    let target = put_identity(&*store, entropy)?;
    let (id, root) = founder.put_root(&*store, target, clock)?;
    let mut vault = Vault::open(Arc::clone(&store), id)?;
    let head = founder.put_keys(&mut vault, options.owner.clone(), entropy, clock)?;
    let facts = KeyFacts {
        vault: id,
        root,
        head,
        member: founder.writer.member,
        name: options.owner,
        roles: Role::ALL.to_vec(),
    };
    let Writer {
        member,
        secret,
        instance,
        ..
    } = founder.writer;
    Ok(Founded {
        vault,
        member,
        secret,
        instance,
        kit: founder.kit,
        root,
        facts,
    })
}

/// Everything that is drawn at random before the first byte is written.
struct Founder {
    writer: Writer,
    kit: RecoveryKit,
    kit_member: MemberId,
    kit_keys: PublicKeys,
    owner: Member,
    access: AdminAccess,
}

impl Founder {
    fn new(options: &Founding, entropy: &dyn Entropy) -> Self {
        let writer = Writer {
            member: MemberId(random(entropy)),
            secret: MemberSecret::generate(entropy),
            instance: InstanceId(random(entropy)),
            lock: None,
        };
        let kit = RecoveryKit::generate(entropy);
        let mut access = AdminAccess::default();
        access
            .structure
            .insert(0, StructureSecret::generate(entropy));
        for name in &options.compartments {
            let id = CompartmentId(random(entropy));
            access.insert(id, name, 0, CompartmentSecret::generate(entropy));
        }
        let owner = Member {
            roles: Role::ALL.into(),
            keys: writer.secret.public().keys(),
            group: GroupId(random(entropy)),
            compartments: access.compartments.keys().copied().collect(),
        };
        Self {
            kit_member: MemberId(random(entropy)),
            kit_keys: kit.member().public().keys(),
            writer,
            kit,
            owner,
            access,
        }
    }

    /// Record 0: the kit, the owner, and the kit as a member, so that what it ever says counts by
    /// the same rule as all else and its use shows in the log for ever.
    fn put_root(
        &self,
        store: &dyn Store,
        target: TargetId,
        clock: &dyn Clock,
    ) -> Result<(VaultId, RecordName), AdminError> {
        let kit = Member {
            roles: BTreeSet::from([Role::Admin]),
            keys: self.kit_keys.clone(),
            group: GroupId(*self.kit_member.bytes()),
            compartments: BTreeSet::new(),
        };
        let record = Record {
            vault: VaultId([0; 32]),
            log: LogId {
                member: self.writer.member,
                target,
            },
            number: 0,
            previous: Vec::new(),
            seen: Vec::new(),
            instance: self.writer.instance,
            time: clock.now(),
            statement: Statement::Head(vec![
                Change::Recovery(self.kit_keys.clone()),
                appointing(self.writer.member, &self.owner),
                appointing(self.kit_member, &kit),
            ]),
            sections: Vec::new(),
        };
        let (id, name, bytes) = found(record, &self.writer.secret);
        store.put_new(&ObjectName::Record(name), &bytes)?;
        Ok((id, name))
    }

    /// Record 1: the first keys, and what the members are called.
    fn put_keys(
        &self,
        vault: &mut Vault,
        owner: String,
        entropy: &dyn Entropy,
        clock: &dyn Clock,
    ) -> Result<RecordName, AdminError> {
        let mut sealing = Sealing::new(vault.id(), entropy);
        sealing.give(&self.access, &recovery_party(&self.kit_keys)?);
        let owner_party = Party {
            recipient: Recipient::Member(self.writer.member),
            public: self.writer.secret.public(),
            member: self.owner.clone(),
        };
        sealing.give(&self.access, &owner_party);
        let mut sections = Vec::new();
        let names = self.names(owner);
        for (epoch, secret) in &self.access.structure {
            let to = (*epoch, &secret.public());
            sections.push(seal_names(
                &names,
                to,
                vault.id(),
                self.writer.member,
                entropy,
            ));
        }
        let changes = key_changes(&self.access);
        publish(vault, &self.writer, changes, sections, sealing, clock)
    }

    fn names(&self, owner: String) -> Names {
        let named = |member, name| Named { member, name };
        Names(vec![
            named(self.writer.member, owner),
            named(self.kit_member, KIT_NAME.to_owned()),
        ])
    }
}

/// The public halves of all secrets, for the head.
pub(crate) fn key_changes(access: &AdminAccess) -> Vec<Change> {
    let mut changes = Vec::new();
    for (epoch, secret) in &access.structure {
        changes.push(Change::Structure {
            epoch: *epoch,
            kem: boxed(&secret.public().kem),
        });
    }
    for (id, compartment) in &access.compartments {
        for (epoch, secret) in &compartment.epochs {
            changes.push(Change::Compartment {
                compartment: *id,
                epoch: *epoch,
                kem: boxed(&secret.public().kem),
            });
        }
    }
    changes
}

fn check_options(options: &Founding) -> Result<(), AdminError> {
    check_name("the owner", &options.owner)?;
    let mut names = BTreeSet::new();
    for name in &options.compartments {
        check_name("a compartment", name)?;
        if !names.insert(name) {
            return Err(AdminError::NameTaken(name.clone()));
        }
    }
    Ok(())
}

fn put_identity(store: &dyn Store, entropy: &dyn Entropy) -> Result<TargetId, AdminError> {
    let bytes = encode_target(&random(entropy));
    let hash = ObjectHash(*blake3::hash(&bytes).as_bytes());
    store.put_new(&ObjectName::Target(hash), &bytes)?;
    Ok(target_id(&hash))
}

/// Refuses every place that holds objects of ours. Foreign files do not count.
fn check_empty(store: &dyn Store) -> Result<(), AdminError> {
    let place = store.describe();
    let second = |name: &ObjectName| matches!(name, ObjectName::Record(name) if name.number > 0);
    if holds(store, Listing::Logs, &second)? || holds(store, Listing::Packs, &|_| true)? {
        return Err(AdminError::AlreadyAVault { place });
    }
    for listing in [Listing::Logs, Listing::Targets, Listing::Tables] {
        if holds(store, listing, &|_| true)? {
            return Err(AdminError::Unfinished { place });
        }
    }
    Ok(())
}

/// Whether a listing shows an object that `fits`; stops at the first.
fn holds(
    store: &dyn Store,
    what: Listing,
    fits: &dyn Fn(&ObjectName) -> bool,
) -> Result<bool, StoreError> {
    let mut found = false;
    let listed = store.list(what, &mut |Listed { name, .. }| {
        found |= fits(&name);
        if found {
            Err(StoreError::Stopped)
        } else {
            Ok(())
        }
    });
    if found {
        Ok(true)
    } else {
        listed.map(|()| false)
    }
}

#[cfg(test)]
#[path = "found_tests.rs"]
mod tests;
