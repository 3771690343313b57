//! A vault of one person over a store in memory, whose backups say what files are.

use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use ov_admin::AdminAccess;
use ov_admin::appoint::{Appointment, GroupChoice, appoint};
use ov_admin::compartment::add_compartment;
use ov_admin::found::{Founding, init};
use ov_backup::{
    Agent, BackupOptions, Extraction, Extractor, Reread, Seams, Threads, Told, Void, backup,
};
use ov_catalog::{Cache, Found, Question, find};
use ov_clinical::{Account, Window};
use ov_format::crosswalk::CrosswalkChange;
use ov_format::entry::Time;
use ov_format::id::{InstanceId, MemberId, VaultId};
use ov_format::name::RecordName;
use ov_format::record::Section;
use ov_format::statement::{Role, Statement};
use ov_restore::{FrameReader, Limits, Links, ReaderKeys, SnapshotInfo, Snapshots, load_graph};
use ov_seal::entropy::{Entropy, SeededEntropy};
use ov_source::{FileTree, Selection};
use ov_store::Memory;
use ov_vault::append::Writer;
use ov_vault::graph::Graph;
use ov_vault::secrets::Secrets;
use ov_vault::section::{SealTo, seal_section};
use ov_vault::{Clock, State, Vault};

pub struct SetClock(AtomicI64);

impl Clock for SetClock {
    fn now(&self) -> Time {
        Time {
            seconds: self.0.load(Ordering::Relaxed),
            nanos: 0,
        }
    }
}

/// Looks at whole files.
struct Looking;

impl Extractor for Looking {
    fn begin(&self, name: &[u8], _: Option<u64>) -> Option<Box<dyn Extraction>> {
        let name = String::from_utf8_lossy(name).into_owned();
        Some(Box::new(Seen(name, Vec::new())))
    }
}

struct Seen(String, Vec<u8>);

impl Extraction for Seen {
    fn bytes(&mut self, bytes: &[u8]) {
        self.1.extend_from_slice(bytes);
    }

    fn hole(&mut self, _: u64) {}

    fn end(self: Box<Self>) -> Told {
        let account = Account::of(&self.0, &Window::whole(&self.1));
        Told::Now(account.is_telling().then(|| account.encode()))
    }
}

pub struct Site {
    vault: Vault,
    agent: Agent,
    pub keys: ReaderKeys,
    clock: SetClock,
    entropy: Arc<dyn Entropy>,
    folder: tempfile::TempDir,
}

impl Site {
    pub fn new() -> Self {
        let memory = Arc::new(Memory::new());
        let entropy: Arc<dyn Entropy> = Arc::new(SeededEntropy::new(5));
        let clock = SetClock(AtomicI64::new(4_000_000_000));
        let founding = Founding {
            compartments: vec!["clinical".to_owned()],
            owner: "owner".to_owned(),
        };
        let founded = init(memory.clone(), founding, &*entropy, &clock).unwrap();
        let vault = founded.vault;
        let (id, head, secret) = (vault.id(), vault.head(), &founded.secret);
        let secrets = Secrets::unlock(&*memory, id, head, founded.member, secret).unwrap();
        let keys = ReaderKeys::unlock(&vault, founded.member, secret).unwrap();
        let writer = Writer {
            member: founded.member,
            secret: founded.secret,
            instance: founded.instance,
            lock: None,
        };
        Self {
            vault,
            agent: Agent::new(writer, secrets, Some("clinical")).unwrap(),
            keys,
            clock,
            entropy,
            folder: tempfile::tempdir().unwrap(),
        }
    }

    fn data(&self, dataset: &str) -> PathBuf {
        self.folder.path().join("data").join(dataset)
    }

    pub fn copy(&self) -> PathBuf {
        self.folder.path().join("cache/catalog.sqlite")
    }

    pub fn id(&self) -> VaultId {
        self.vault.id()
    }

    pub fn write(&self, dataset: &str, name: &str, text: &str) {
        let path = self.data(dataset).join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    pub fn write_bytes(&self, dataset: &str, name: &str, bytes: &[u8]) {
        self.write(dataset, name, "");
        std::fs::write(self.data(dataset).join(name), bytes).unwrap();
    }

    pub fn remove(&self, dataset: &str, name: &str) {
        std::fs::remove_file(self.data(dataset).join(name)).unwrap();
    }

    /// Backs a dataset up, a day after the last run.
    pub fn run(&mut self, dataset: &str, issuer: &str) {
        let folder = self.data(dataset);
        self.run_from(dataset, issuer, &folder);
    }

    /// Backs a folder up.
    pub fn run_folder(&mut self, dataset: &str, folder: &Path) {
        self.run_from(dataset, "", folder);
    }

    fn run_from(&mut self, dataset: &str, issuer: &str, folder: &Path) {
        self.clock.0.fetch_add(86_400, Ordering::Relaxed);
        let source = FileTree::new(vec![folder.to_owned()], Selection::everything()).unwrap();
        let options = BackupOptions {
            dataset: dataset.to_owned(),
            host: "host".to_owned(),
            paths: vec![folder.as_os_str().as_bytes().to_vec()],
            issuer: issuer.to_owned(),
            reread: Reread::Share(0.0),
            ..BackupOptions::default()
        };
        let state = self.folder.path().join("state");
        let seams = Seams {
            entropy: Arc::clone(&self.entropy),
            clock: &self.clock,
            monitor: &Void,
            state: Some(&state),
            threads: Threads::Inline,
            extractor: Some(&Looking),
        };
        backup(&mut self.vault, &self.agent, &source, &options, &seams).unwrap();
    }

    /// Says who is who, for the readers of the compartment, and gives the record that says it.
    pub fn say(&mut self, change: &CrosswalkChange) -> RecordName {
        let section = self.sealed(change, self.agent.writer.member);
        let said = Statement::Link;
        let (vault, writer) = (&mut self.vault, &self.agent.writer);
        let record = vault.append(writer, &self.clock, said, vec![section], &[]);
        record.unwrap()
    }

    /// The same by a reader of another compartment, who seals to this one all the same.
    pub fn say_from_outside(&mut self, change: &CrosswalkChange) {
        let (clock, entropy) = (&self.clock, Arc::clone(&self.entropy));
        let (vault, writer) = (&mut self.vault, &self.agent.writer);
        let mut access = AdminAccess::unlock(vault, writer.member, &writer.secret).unwrap();
        let other = add_compartment(vault, writer, &mut access, "other", &*entropy, clock);
        let appointment = Appointment {
            name: "outsider".to_owned(),
            roles: vec![Role::Reader],
            compartments: vec![other.unwrap()],
            group: GroupChoice::New,
        };
        let appointed = appoint(vault, writer, &access, appointment, &*entropy, clock).unwrap();
        let section = self.sealed(change, appointed.member);
        let outsider = Writer {
            member: appointed.member,
            secret: appointed.secret,
            instance: InstanceId([9; 16]),
            lock: None,
        };
        let said = Statement::Link;
        let record = self
            .vault
            .append(&outsider, &self.clock, said, vec![section], &[]);
        record.unwrap();
    }

    fn sealed(&self, change: &CrosswalkChange, member: MemberId) -> Section {
        let compartment = self.agent.compartment;
        let (epoch, key) = self.vault.head().compartment_key(compartment).unwrap();
        let to = SealTo::Compartment(compartment, epoch, &key);
        seal_section(change, to, self.vault.id(), member, &*self.entropy)
    }

    pub fn open(&self) -> Opened<'_> {
        let state = State::of(&self.vault);
        Opened {
            graph: load_graph(&self.vault, &state, &self.keys).unwrap(),
            snapshots: Snapshots::load(&self.vault, &state, &self.keys).unwrap(),
            site: self,
            state,
        }
    }
}

/// What a reader needs.
pub struct Opened<'s> {
    pub site: &'s Site,
    state: State,
    graph: Graph,
    pub snapshots: Snapshots,
}

impl Opened<'_> {
    pub fn reader(&self) -> FrameReader<'_> {
        FrameReader::new(
            &self.site.vault,
            &self.state,
            &self.graph,
            &self.site.keys,
            Limits::default(),
        )
    }

    pub fn listed(&self) -> Vec<&SnapshotInfo> {
        self.snapshots.listed.iter().collect()
    }

    /// All records of links.
    pub fn links(&self) -> Links {
        Links::load(&self.site.vault, &self.state, &self.site.keys).unwrap()
    }

    /// Asks all snapshots, without a local copy.
    pub fn ask(&self, question: &Question) -> Found<'_> {
        find(&self.reader(), &self.listed(), question, None)
    }

    /// Asks all snapshots by way of the local copy; also how many pages it calls worth reading.
    pub fn ask_copy(&self, question: &Question) -> (Found<'_>, usize) {
        self.ask_cache(&mut Cache::open(&self.site.copy()).unwrap(), question)
    }

    /// The same by way of any copy.
    pub fn ask_cache(&self, cache: &mut Cache, question: &Question) -> (Found<'_>, usize) {
        let reader = self.reader();
        let updated = cache.update(&reader, &self.listed(), &self.site.keys);
        assert_eq!(updated.unwrap().incomplete, 0);
        let pages = cache.pages(question, &self.listed(), &self.site.keys);
        let pages = pages.unwrap().unwrap();
        let found = find(&reader, &self.listed(), question, Some(&pages));
        (found, pages.len())
    }
}

/// The last names of the files that were found, with how many versions of each.
pub fn names(found: &Found<'_>) -> Vec<(String, usize)> {
    assert!(found.failed.is_empty());
    let holdings = found.holdings.iter();
    let mut names: Vec<_> = holdings
        .map(|one| {
            let name = String::from_utf8(one.key.name.clone()).unwrap();
            (name, one.versions.len())
        })
        .collect();
    names.sort();
    names
}

pub fn patient(id: &str) -> String {
    format!(r#"{{"resourceType":"Patient","id":"{id}"}}"#)
}

pub fn observation(id: &str, patient: &str, value: u32) -> String {
    format!(
        r#"{{"resourceType":"Observation","id":"{id}","subject":{{"reference":"Patient/{patient}"}},
        "performer":[{{"reference":"Organization/lab"}}],"valueInteger":{value}}}"#
    )
}

/// All files below a folder.
pub fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in std::fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true => folders.push(path),
                false => files.push(path),
            }
        }
    }
    files
}
