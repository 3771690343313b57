//! A vault in memory with people around it.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use ov_admin::access::AdminAccess;
use ov_admin::appoint::{Appointment, GroupChoice, appoint};
use ov_admin::found::{Founding, init};
use ov_backup::{Agent, BackupOptions, BackupReport, Seams, Threads, Void, backup};
use ov_format::entry::Time;
use ov_format::id::{InstanceId, VaultId};
use ov_format::name::{ObjectName, RecordName};
use ov_format::statement::Role;
use ov_seal::entropy::{Entropy, SeededEntropy};
use ov_source::{FileTree, Selection};
use ov_store::{Memory, Store};
use ov_vault::append::Writer;
use ov_vault::check::{CheckReport, Checking, Depth, check};
use ov_vault::frames::fetch_frame;
use ov_vault::graph::{Graph, Needs};
use ov_vault::prune::PruneReport;
use ov_vault::prune::{Lists, PruneOptions, Timeless};
use ov_vault::secrets::Secrets;
use ov_vault::{Clock, Keeper, Silence, State, Vault, VaultError};

pub const DAY: i64 = 24 * 3600;

#[derive(Clone)]
pub struct SetClock(pub Arc<AtomicI64>);

impl SetClock {
    pub fn advance(&self, seconds: i64) {
        self.0.fetch_add(seconds, Ordering::Relaxed);
    }
}

impl Clock for SetClock {
    fn now(&self) -> Time {
        Time {
            seconds: self.0.load(Ordering::Relaxed),
            nanos: 0,
        }
    }
}

/// A person or machine with a key.
pub struct Person {
    pub agent: Option<Agent>,
    /// Of who is no agent.
    writer: Option<Writer>,
    pub secrets: Secrets,
    state: tempfile::TempDir,
    folder: tempfile::TempDir,
}

pub struct Site {
    pub memory: Arc<Memory>,
    pub id: VaultId,
    pub clock: SetClock,
    pub entropy: Arc<dyn Entropy>,
    pub owner: Person,
}

impl Site {
    pub fn new() -> Self {
        let memory = Arc::new(Memory::new());
        let entropy: Arc<dyn Entropy> = Arc::new(SeededEntropy::new(11));
        let clock = SetClock(Arc::new(AtomicI64::new(4_000_000_000)));
        let founding = Founding {
            compartments: vec!["clinical".to_owned()],
            owner: "owner".to_owned(),
        };
        let founded = init(memory.clone(), founding, &*entropy, &clock).unwrap();
        let id = founded.vault.id();
        let writer = Writer {
            member: founded.member,
            secret: founded.secret,
            instance: founded.instance,
            lock: None,
        };
        let owner = person(&founded.vault, writer);
        Self {
            memory,
            id,
            clock,
            entropy,
            owner,
        }
    }

    pub fn vault(&self) -> Vault {
        self.open(self.memory.clone())
    }

    pub fn open(&self, store: Arc<dyn Store>) -> Vault {
        Vault::open(store, self.id).unwrap()
    }

    pub fn appoint(&self, name: &str, roles: &[Role]) -> Person {
        let mut vault = self.vault();
        let owner = self.owner.writer();
        let access = AdminAccess::unlock(&vault, owner.member, &owner.secret).unwrap();
        let compartments = match roles.contains(&Role::Agent) {
            true => vec![access.find("clinical").unwrap()],
            false => Vec::new(),
        };
        let appointment = Appointment {
            roles: roles.to_vec(),
            name: name.to_owned(),
            compartments,
            group: GroupChoice::New,
        };
        let entropy = &*self.entropy;
        let new = appoint(
            &mut vault,
            owner,
            &access,
            appointment,
            entropy,
            &self.clock,
        )
        .unwrap();
        let mut instance = [0; 16];
        entropy.fill(&mut instance);
        let writer = Writer {
            member: new.member,
            secret: new.secret,
            instance: InstanceId(instance),
            lock: None,
        };
        person(&vault, writer)
    }

    pub fn keeper<'a>(&'a self, person: &'a Person) -> Keeper<'a> {
        Keeper {
            writer: person.writer(),
            secrets: &person.secrets,
            entropy: &*self.entropy,
            clock: &self.clock,
            monitor: &Silence,
        }
    }

    pub fn owner(&self) -> Keeper<'_> {
        self.keeper(&self.owner)
    }

    /// Backs up what lies in a person's folder.
    pub fn backup(&self, person: &Person) -> RecordName {
        self.try_backup(self.memory.clone(), person)
            .unwrap()
            .snapshot
            .unwrap()
    }

    pub fn try_backup(
        &self,
        store: Arc<dyn Store>,
        person: &Person,
    ) -> Result<BackupReport, ov_backup::BackupError> {
        let mut vault = Vault::open(store, self.id)?;
        self.backup_in(&mut vault, person)
    }

    /// Backs up into a vault that is open already.
    pub fn backup_in(
        &self,
        vault: &mut Vault,
        person: &Person,
    ) -> Result<BackupReport, ov_backup::BackupError> {
        self.clock.advance(60);
        let source = FileTree::new(vec![person.data()], Selection::everything()).unwrap();
        let seams = Seams {
            entropy: Arc::clone(&self.entropy),
            clock: &self.clock,
            monitor: &Void,
            state: Some(Path::new(person.state.path())),
            threads: Threads::Inline,
            extractor: None,
        };
        let options = BackupOptions {
            dataset: "files".to_owned(),
            ..Default::default()
        };
        backup(
            vault,
            person.agent.as_ref().unwrap(),
            &source,
            &options,
            &seams,
        )
    }

    pub fn check(&self, store: Arc<dyn Store>) -> CheckReport {
        self.check_to(store, Depth::Read)
    }

    pub fn check_to(&self, store: Arc<dyn Store>, depth: Depth) -> CheckReport {
        let checking = Checking {
            secrets: Some(&self.owner.secrets),
            clock: &self.clock,
            monitor: &Silence,
            verified: None,
        };
        check(&mut self.open(store), &checking, depth).unwrap()
    }

    /// Prunes at once, unpublished objects too.
    pub fn options(&self, vault: &Vault) -> PruneOptions {
        PruneOptions {
            grace_seconds: 0,
            timeless: Timeless::Old,
            ..PruneOptions::usual(vault, Lists::AtOnce)
        }
    }

    pub fn prune(&self, store: Arc<dyn Store>) -> Result<PruneReport, VaultError> {
        self.prune_as(store, self.owner())
    }

    pub fn prune_as(
        &self,
        store: Arc<dyn Store>,
        keeper: Keeper<'_>,
    ) -> Result<PruneReport, VaultError> {
        let mut vault = Vault::open(store, self.id)?;
        let options = self.options(&vault);
        let plan = ov_vault::prune::plan(&mut vault, &keeper, &options)?;
        ov_vault::prune::apply(&mut vault, &keeper, &plan)
    }

    /// Forgets by name, as the owner.
    pub fn forget(&self, store: Arc<dyn Store>, names: &[RecordName]) -> Result<(), VaultError> {
        let mut vault = Vault::open(store, self.id)?;
        let names: BTreeSet<RecordName> = names.iter().copied().collect();
        let options = ov_vault::forget::ForgetOptions::default();
        let plan = ov_vault::forget::plan_by_names(&mut vault, &self.owner(), &names, &options);
        let plan = match plan {
            Err(ov_vault::forget::ForgetError::Vault(error)) => return Err(error),
            plan => plan.unwrap(),
        };
        ov_vault::forget::apply(&mut vault, &self.owner(), &plan).map(|_| ())
    }

    /// Nothing is wrong, and every frame of every listed snapshot comes with its hash. Returns
    /// the snapshots.
    pub fn assert_whole(&self, memory: &Arc<Memory>) -> BTreeSet<RecordName> {
        let report = self.check(memory.clone());
        assert!(report.is_clean(), "{:#?}", report.findings);
        self.assert_frames(memory)
    }

    pub fn assert_frames(&self, memory: &Arc<Memory>) -> BTreeSet<RecordName> {
        let vault = self.open(memory.clone());
        let state = State::of(&vault);
        let secrets = &self.owner.secrets;
        let open = |context: &_, head: &[u8]| secrets.open(context, head);
        let graph = Graph::load(&vault, &state, &open, &|_| true).unwrap();
        let mut needs = Needs::default();
        let names: BTreeSet<_> = state.listed().map(|commit| commit.name).collect();
        for name in &names {
            graph.add_needs(name, &mut needs).unwrap();
        }
        let gone = |pack: &_| state.deleted.contains(pack);
        for frame in graph.needed(&needs) {
            fetch_frame(&**memory, &graph, &frame, &gone).unwrap();
        }
        names
    }
}

fn person(vault: &Vault, writer: Writer) -> Person {
    let unlock = || {
        let (id, head) = (vault.id(), vault.head());
        Secrets::unlock(&**vault.store(), id, head, writer.member, &writer.secret).unwrap()
    };
    let (secrets, again) = (unlock(), unlock());
    let (agent, writer) = match secrets.agent.is_empty() {
        true => (None, Some(writer)),
        false => (
            Some(Agent::new(writer, again, Some("clinical")).unwrap()),
            None,
        ),
    };
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("data")).unwrap();
    Person {
        agent,
        secrets,
        writer,
        state: tempfile::tempdir().unwrap(),
        folder,
    }
}

impl Person {
    pub fn writer(&self) -> &Writer {
        match (&self.agent, &self.writer) {
            (Some(agent), _) => &agent.writer,
            (None, writer) => writer.as_ref().unwrap(),
        }
    }

    pub fn data(&self) -> std::path::PathBuf {
        self.folder.path().join("data")
    }

    pub fn write(&self, name: &str, seed: u8, length: usize) {
        std::fs::write(self.data().join(name), noise(seed, length)).unwrap();
    }

    pub fn remove(&self, name: &str) {
        std::fs::remove_file(self.data().join(name)).unwrap();
    }

    pub fn forget_state(&self) {
        for entry in std::fs::read_dir(self.state.path()).unwrap() {
            let path = entry.unwrap().path();
            let _ = std::fs::remove_dir_all(&path);
            let _ = std::fs::remove_file(&path);
        }
    }
}

/// A second memory with the same objects.
pub fn fork(memory: &Memory) -> Arc<Memory> {
    let fork = Memory::new();
    for (name, bytes) in memory.snapshot() {
        fork.plant(name, bytes);
    }
    Arc::new(fork)
}

pub fn packs(memory: &Memory) -> BTreeSet<ObjectName> {
    let all = memory.snapshot().into_keys();
    all.filter(|name| matches!(name, ObjectName::Pack(_)))
        .collect()
}

pub fn noise(seed: u8, length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    blake3::Hasher::new_keyed(&[seed; 32])
        .finalize_xof()
        .fill(&mut bytes);
    bytes
}
