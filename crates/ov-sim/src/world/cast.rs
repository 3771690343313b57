//! Who there is: a founded vault with its members, the same for every seed.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use ov_format::entry::Time;
use ov_format::id::{CompartmentId, GroupId, InstanceId, MemberId, ObjectHash, TargetId, VaultId};
use ov_format::keys::{KeysTable, Recipient, SealedSecret, SecretKind, encode_secret};
use ov_format::name::{LogId, ObjectName, RecordName};
use ov_format::record::Record;
use ov_format::statement::{Change, Role, Statement, StoredObject};
use ov_format::target::{encode_target, target_id};
use ov_open::compartment::CompartmentSecret;
use ov_seal::entropy::SeededEntropy;
use ov_seal::kdf::Key32;
use ov_seal::member::MemberSecret;
use ov_seal::structure::StructureSecret;
use ov_vault::append::{Writer, found, sign};

const COMPARTMENT: CompartmentId = CompartmentId([5; 8]);
const GROUP: GroupId = GroupId([6; 8]);

/// When the vault was founded.
pub const FOUNDED: i64 = 1_800_000_000;

/// One member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Appoints, forgets, reads everything.
    Owner,
    /// Backs up. Both agents share a dedup group, so that they use each other's chunks.
    Agent(u8),
    /// Maintains.
    Keeper(u8),
}

impl Part {
    /// All members.
    pub const ALL: [Self; 5] = [
        Self::Owner,
        Self::Agent(0),
        Self::Agent(1),
        Self::Keeper(0),
        Self::Keeper(1),
    ];

    /// Its number on the stage.
    pub fn actor(self) -> usize {
        usize::from(self.byte())
    }

    /// Its member id.
    pub fn member(self) -> MemberId {
        MemberId([0x10 + self.byte(); 8])
    }

    fn byte(self) -> u8 {
        match self {
            Self::Owner => 0,
            Self::Agent(number) => 1 + number,
            Self::Keeper(number) => 3 + number,
        }
    }

    /// Its keys, which sign the same bytes in the same way each time.
    pub fn secret(self) -> MemberSecret {
        MemberSecret::simulated(Key32::new([0x20 + self.byte(); 32]))
    }

    /// Its hand.
    pub fn writer(self) -> Writer {
        Writer {
            member: self.member(),
            secret: self.secret(),
            instance: InstanceId([0x30 + self.byte(); 16]),
            lock: None,
        }
    }

    fn roles(self) -> Vec<Role> {
        match self {
            Self::Owner => vec![Role::Reader, Role::Admin],
            Self::Agent(_) => vec![Role::Agent],
            Self::Keeper(_) => vec![Role::Keeper],
        }
    }
}

/// The founded vault.
pub struct Founded {
    /// Its id.
    pub vault: VaultId,
    /// Its objects.
    pub objects: BTreeMap<ObjectName, Vec<u8>>,
}

/// The identity of a target.
pub fn identity(number: u8) -> (ObjectName, Vec<u8>) {
    let bytes = encode_target(&[number; 32]);
    let hash = ObjectHash(*blake3::hash(&bytes).as_bytes());
    (ObjectName::Target(hash), bytes)
}

/// The founded vault. Made once: every world begins with a copy.
pub fn founded() -> &'static Founded {
    static FOUNDED: OnceLock<Founded> = OnceLock::new();
    FOUNDED.get_or_init(found_vault)
}

fn found_vault() -> Founded {
    let (name, bytes) = identity(9);
    let target = target_id(&name.hash());
    let mut objects = BTreeMap::from([(name, bytes)]);

    let owner = Part::Owner.secret();
    let kit = MemberSecret::simulated(Key32::new([0x40; 32]))
        .public()
        .keys();
    let changes = vec![Change::Recovery(kit), appoint(Part::Owner)];
    let root = record(
        VaultId([0; 32]),
        target,
        0,
        Vec::new(),
        Statement::Head(changes),
    );
    let (vault, name, bytes) = found(root, &owner);
    objects.insert(ObjectName::Record(name), bytes);

    let (table, changes) = keys(vault);
    let hash = ObjectHash(*blake3::hash(&table).as_bytes());
    let length = table.len().try_into().unwrap_or(u64::MAX);
    objects.insert(ObjectName::Table(hash), table);
    let changes = changes
        .into_iter()
        .chain([Change::Keys(StoredObject { hash, length })]);
    let second = record(
        vault,
        target,
        1,
        vec![name.hash],
        Statement::Head(changes.collect()),
    );
    let log = second.log;
    let bytes = sign(second, &owner).encode();
    let hash = ObjectHash(*blake3::hash(&bytes).as_bytes());
    let name = RecordName {
        log,
        number: 1,
        hash,
    };
    objects.insert(ObjectName::Record(name), bytes);
    Founded { vault, objects }
}

fn record(
    vault: VaultId,
    target: TargetId,
    number: u64,
    previous: Vec<ObjectHash>,
    statement: Statement,
) -> Record {
    Record {
        vault,
        log: LogId {
            member: Part::Owner.member(),
            target,
        },
        number,
        previous,
        seen: Vec::new(),
        instance: InstanceId([0x30; 16]),
        time: Time {
            seconds: FOUNDED,
            nanos: 0,
        },
        statement,
        sections: Vec::new(),
    }
}

fn appoint(part: Part) -> Change {
    Change::Appoint {
        member: part.member(),
        roles: part.roles(),
        keys: part.secret().public().keys(),
        group: GROUP,
        compartments: vec![COMPARTMENT],
    }
}

/// The table of sealed secrets, and what the head says of them.
fn keys(vault: VaultId) -> (Vec<u8>, Vec<Change>) {
    let entropy = SeededEntropy::new(1);
    let structure = StructureSecret::generate(&entropy);
    let compartment = CompartmentSecret::generate(&entropy);
    let mut table = KeysTable::default();
    for part in Part::ALL {
        let structure = (SecretKind::Structure, structure.bytes().bytes().to_vec());
        let whole = (
            SecretKind::Compartment(COMPARTMENT),
            compartment.to_bytes().to_vec(),
        );
        let agent = compartment.agent_secret(GROUP).bytes().bytes().to_vec();
        let secrets = match part {
            Part::Owner => vec![structure, whole],
            Part::Agent(_) => vec![(SecretKind::Agent(COMPARTMENT, GROUP), agent)],
            Part::Keeper(_) => vec![structure],
        };
        for (kind, bytes) in secrets {
            let recipient = Recipient::Member(part.member());
            let aad = SealedSecret::associated_data(vault, recipient, kind, 0);
            let plain = encode_secret("clinical", &bytes);
            let sealed = part.secret().public().seal_secret(&aad, &plain, &entropy);
            table.secrets.push(SealedSecret {
                recipient,
                kind,
                epoch: 0,
                sealed,
            });
        }
    }
    let others = Part::ALL.into_iter().filter(|part| *part != Part::Owner);
    let mut changes: Vec<Change> = others.map(appoint).collect();
    let kem = Box::new(structure.public().kem.to_bytes());
    changes.push(Change::Structure { epoch: 0, kem });
    let kem = Box::new(compartment.public().kem.to_bytes());
    changes.push(Change::Compartment {
        compartment: COMPARTMENT,
        epoch: 0,
        kem,
    });
    (table.encode(vault), changes)
}
