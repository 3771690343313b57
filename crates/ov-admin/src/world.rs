//! A small vault in memory for tests.

use std::collections::BTreeSet;
use std::sync::Arc;

use ov_format::entry::Time;
use ov_format::id::{CompartmentId, InstanceId, MemberId};
use ov_format::keys::{KeysTable, Recipient, SealedSecret, SecretKind};
use ov_format::name::{ObjectName, RecordName};
use ov_format::statement::{Role, Statement};
use ov_open::recovery::RecoveryKit;
use ov_seal::entropy::SeededEntropy;
use ov_seal::keyfile::KeyFacts;
use ov_seal::member::MemberSecret;
use ov_store::{Memory, Store};
use ov_vault::append::Writer;
use ov_vault::secrets::Secrets;
use ov_vault::{Clock, Vault, VaultError};

use crate::access::AdminAccess;
use crate::appoint::{Appointed, Appointment, GroupChoice, appoint};
use crate::error::AdminError;
use crate::found::{Founding, init};
use crate::rotate::{What, Which, rotate};

pub(crate) const OWNER: &str = "Ada Lovelace";
pub(crate) const IMAGING: &str = "imaging";
pub(crate) const GENOMES: &str = "genomes";

pub(crate) struct Noon;

impl Clock for Noon {
    fn now(&self) -> Time {
        Time {
            seconds: 1_800_000_000,
            nanos: 0,
        }
    }
}

pub(crate) fn founding() -> Founding {
    Founding {
        compartments: vec![IMAGING.into(), GENOMES.into()],
        owner: OWNER.into(),
    }
}

pub(crate) struct World {
    pub(crate) store: Arc<Memory>,
    pub(crate) entropy: SeededEntropy,
    pub(crate) vault: Vault,
    pub(crate) owner: Writer,
    pub(crate) access: AdminAccess,
    pub(crate) kit: RecoveryKit,
    pub(crate) facts: KeyFacts,
}

impl World {
    pub(crate) fn new() -> Self {
        Self::seeded(1)
    }

    pub(crate) fn seeded(seed: u64) -> Self {
        let store = Arc::new(Memory::new());
        let entropy = SeededEntropy::new(seed);
        let target: Arc<dyn Store> = store.clone();
        let founded = init(target, founding(), &entropy, &Noon).unwrap();
        let access = AdminAccess::unlock(&founded.vault, founded.member, &founded.secret).unwrap();
        Self {
            store,
            entropy,
            vault: founded.vault,
            owner: Writer {
                member: founded.member,
                secret: founded.secret,
                instance: founded.instance,
                lock: None,
            },
            access,
            kit: founded.kit,
            facts: founded.facts,
        }
    }

    /// The vault as somebody else finds it now.
    pub(crate) fn fresh(&self) -> Vault {
        Vault::open(self.store.clone(), self.vault.id()).unwrap()
    }

    pub(crate) fn id(&self, compartment: &str) -> CompartmentId {
        self.access.find(compartment).unwrap()
    }

    pub(crate) fn appoint(&mut self, role: Role, compartments: &[&str]) -> Appointed {
        self.appoint_in(role, compartments, GroupChoice::New)
    }

    pub(crate) fn appoint_in(
        &mut self,
        role: Role,
        compartments: &[&str],
        group: GroupChoice,
    ) -> Appointed {
        let appointment = Appointment {
            roles: vec![role],
            name: format!("a new {}", role.name()),
            compartments: compartments.iter().map(|name| self.id(name)).collect(),
            group,
        };
        self.try_appoint(appointment).unwrap()
    }

    pub(crate) fn try_appoint(&mut self, who: Appointment) -> Result<Appointed, AdminError> {
        let (vault, owner) = (&mut self.vault, &self.owner);
        appoint(vault, owner, &self.access, who, &self.entropy, &Noon)
    }

    pub(crate) fn rotate(&mut self, what: What, which: Which) -> RecordName {
        let (vault, access) = (&mut self.vault, &mut self.access);
        rotate(
            vault,
            &self.owner,
            access,
            what,
            which,
            &self.entropy,
            &Noon,
        )
        .unwrap()
    }

    pub(crate) fn secrets(&self, member: MemberId, secret: &MemberSecret) -> Secrets {
        let vault = self.fresh();
        Secrets::unlock(&*self.store, vault.id(), vault.head(), member, secret).unwrap()
    }

    /// Every secret of every table on the target that a key opens, whoever it was meant for.
    pub(crate) fn opens(&self, secret: &MemberSecret) -> BTreeSet<(SecretKind, u32)> {
        let all = self.sealed().into_iter();
        let opened = all.filter(|(aad, sealed)| secret.open_secret(aad, &sealed.sealed).is_ok());
        opened
            .map(|(_, sealed)| (sealed.kind, sealed.epoch))
            .collect()
    }

    fn sealed(&self) -> Vec<(Vec<u8>, SealedSecret)> {
        let id = self.vault.id();
        let mut all = Vec::new();
        for (name, bytes) in self.store.snapshot() {
            if let ObjectName::Table(_) = name {
                all.extend(KeysTable::decode(&bytes, id).unwrap().secrets);
            }
        }
        let with_aad = |sealed: SealedSecret| {
            let SealedSecret {
                recipient,
                kind,
                epoch,
                ..
            } = sealed;
            let aad = SealedSecret::associated_data(id, recipient, kind, epoch);
            (aad, sealed)
        };
        all.into_iter().map(with_aad).collect()
    }

    /// Tables that hold something for the kit.
    pub(crate) fn kit_tables(&self) -> Vec<ObjectName> {
        let id = self.vault.id();
        let for_kit = |(name, bytes): (ObjectName, Vec<u8>)| {
            let table = KeysTable::decode(&bytes, id).ok()?;
            let mut secrets = table.secrets.iter();
            secrets
                .any(|sealed| sealed.recipient == Recipient::Recovery)
                .then_some(name)
        };
        let all = self.store.snapshot().into_iter();
        all.filter(|(name, _)| matches!(name, ObjectName::Table(_)))
            .filter_map(for_kit)
            .collect()
    }
}

pub(crate) fn writer(appointed: Appointed) -> Writer {
    Writer {
        member: appointed.member,
        secret: appointed.secret,
        instance: InstanceId([7; 16]),
        lock: None,
    }
}

/// An empty snapshot: what an agent says.
pub(crate) fn commit(vault: &mut Vault, writer: &Writer) -> Result<RecordName, VaultError> {
    let statement = Statement::Commit {
        packs: Vec::new(),
        tables: Vec::new(),
        partial: false,
        accepted: None,
    };
    vault.append(writer, &Noon, statement, Vec::new(), &[])
}
