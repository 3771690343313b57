//! A vault of one person, over a store in memory, and its reader.

use std::collections::BTreeMap;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use ov_admin::found::{Founding, init};
use ov_backup::{Agent, BackupOptions, Extractor, Reread, Reuse, Seams, Threads, Void, backup};
use ov_format::entry::Time;
use ov_format::name::ObjectName;
use ov_open::recovery::RecoveryKit;
use ov_restore::{
    Filter, FrameReader, Limits, Part, ReaderKeys, SnapshotInfo, Snapshots, Tree, Wanted,
    load_graph,
};
use ov_seal::entropy::{Entropy, SeededEntropy};
use ov_source::{FileTree, Selection, Source};
use ov_store::{Memory, Store};
use ov_vault::append::Writer;
use ov_vault::graph::Graph;
use ov_vault::secrets::Secrets;
use ov_vault::{Clock, State, Vault};

pub struct SetClock(pub AtomicI64);

impl Clock for SetClock {
    fn now(&self) -> Time {
        Time {
            seconds: self.0.load(Ordering::Relaxed),
            nanos: 0,
        }
    }
}

/// A vault, its owner, and a folder to back up.
pub struct Site {
    pub memory: Arc<Memory>,
    pub vault: Vault,
    pub agent: Agent,
    pub keys: ReaderKeys,
    pub kit: RecoveryKit,
    pub clock: SetClock,
    pub entropy: Arc<dyn Entropy>,
    /// Says something of files, where a test wants that.
    pub extractor: Option<Box<dyn Extractor>>,
    folder: tempfile::TempDir,
}

impl Site {
    pub fn new() -> Self {
        let memory = Arc::new(Memory::new());
        let entropy: Arc<dyn Entropy> = Arc::new(SeededEntropy::new(11));
        let clock = SetClock(AtomicI64::new(4_000_000_000));
        let founding = Founding {
            compartments: vec!["clinical".to_owned(), "imaging".to_owned()],
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
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("data")).unwrap();
        Self {
            memory,
            vault,
            agent: Agent::new(writer, secrets, Some("clinical")).unwrap(),
            keys,
            kit: founded.kit,
            clock,
            entropy,
            extractor: None,
            folder,
        }
    }

    pub fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// The path of the backed-up folder, as keys have it.
    pub fn root(&self) -> Vec<u8> {
        self.data().as_os_str().as_bytes()[1..].to_vec()
    }

    pub fn write(&self, name: &str, bytes: &[u8]) {
        let path = self.data().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }

    /// Backs the folder up, a day after the last time.
    pub fn run(&mut self) {
        self.run_tagged(&[]);
    }

    pub fn run_tagged(&mut self, tags: &[&str]) {
        let source = FileTree::new(vec![self.data()], Selection::everything()).unwrap();
        self.run_from(&source, tags);
    }

    pub fn run_from(&mut self, source: &dyn Source, tags: &[&str]) {
        let options = BackupOptions {
            tags: tags.iter().map(|tag| (*tag).to_owned()).collect(),
            ..self.options("files")
        };
        self.run_with(source, &options);
    }

    /// Backs a source up into a dataset, a day after the last time.
    pub fn run_of(&mut self, source: &dyn Source, dataset: &str, reuse: Reuse) {
        let options = BackupOptions {
            reuse,
            ..self.options(dataset)
        };
        self.run_with(source, &options);
    }

    fn options(&self, dataset: &str) -> BackupOptions {
        BackupOptions {
            dataset: dataset.to_owned(),
            host: "host".to_owned(),
            paths: vec![self.data().as_os_str().as_bytes().to_vec()],
            reread: Reread::Share(0.0),
            ..BackupOptions::default()
        }
    }

    fn run_with(&mut self, source: &dyn Source, options: &BackupOptions) {
        self.clock.0.fetch_add(86_400, Ordering::Relaxed);
        let state = self.folder.path().join("state");
        let seams = Seams {
            entropy: Arc::clone(&self.entropy),
            clock: &self.clock,
            monitor: &Void,
            state: Some(&state),
            threads: Threads::Inline,
            extractor: self.extractor.as_deref(),
        };
        backup(&mut self.vault, &self.agent, source, options, &seams).unwrap();
    }

    pub fn open(&self) -> Opened<'_> {
        self.open_with(&self.keys)
    }

    pub fn open_with<'s>(&'s self, keys: &'s ReaderKeys) -> Opened<'s> {
        Opened {
            graph: load_graph(&self.vault, &State::of(&self.vault), &self.keys).unwrap(),
            ..Opened::of(&self.vault, keys)
        }
    }

    /// The same vault, reached through another store.
    pub fn vault_on(&self, store: Arc<dyn Store>) -> Vault {
        Vault::open(store, self.vault.id()).unwrap()
    }

    /// Packs in the store.
    pub fn packs(&self) -> Vec<ObjectName> {
        let names = self.memory.snapshot().into_keys();
        names
            .filter(|name| matches!(name, ObjectName::Pack(_)))
            .collect()
    }
}

/// What a reader needs.
pub struct Opened<'s> {
    pub vault: &'s Vault,
    pub keys: &'s ReaderKeys,
    pub state: State,
    pub graph: Graph,
    pub snapshots: Snapshots,
}

impl<'s> Opened<'s> {
    pub fn of(vault: &'s Vault, keys: &'s ReaderKeys) -> Self {
        let state = State::of(vault);
        Self {
            graph: load_graph(vault, &state, keys).unwrap(),
            snapshots: Snapshots::load(vault, &state, keys).unwrap(),
            vault,
            keys,
            state,
        }
    }

    pub fn reader(&self) -> FrameReader<'_> {
        FrameReader::new(
            self.vault,
            &self.state,
            &self.graph,
            self.keys,
            Limits::default(),
        )
    }

    pub fn latest(&self) -> &SnapshotInfo {
        self.snapshots.listed.last().unwrap()
    }
}

/// All of a snapshot, or what is below a folder of it.
pub fn wanted<'w>(
    reader: &'w FrameReader<'w>,
    info: &'w SnapshotInfo,
    part: &'w Part,
    filter: &'w Filter,
) -> Wanted<'w> {
    Wanted {
        tree: Tree::of(reader, &info.snapshot),
        roots: &info.snapshot.paths,
        part,
        filter,
    }
}

/// Everything below a folder that a restore has to bring back, path by path.
pub fn look(folder: &Path) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(next) = folders.pop() {
        for entry in std::fs::read_dir(&next).unwrap() {
            let path = entry.unwrap().path();
            let meta = std::fs::symlink_metadata(&path).unwrap();
            let content = match meta.file_type() {
                kind if kind.is_symlink() => format!("{:?}", std::fs::read_link(&path).unwrap()),
                kind if kind.is_file() => blake3::hash(&std::fs::read(&path).unwrap()).to_string(),
                _ => String::new(),
            };
            let line = format!(
                "{:?} {:o} {}:{} {}.{} links {} size {} {content}",
                meta.file_type(),
                meta.permissions().mode(),
                meta.uid(),
                meta.gid(),
                meta.mtime(),
                meta.mtime_nsec(),
                if meta.is_dir() { 0 } else { meta.nlink() },
                if meta.is_file() { meta.len() } else { 0 },
            );
            let name = path.strip_prefix(folder).unwrap().to_string_lossy();
            found.insert(name.into_owned(), line);
            if meta.is_dir() {
                folders.push(path);
            }
        }
    }
    found
}

/// Bytes that do not compress, the same for one seed.
pub fn noise(seed: u8, length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    blake3::Hasher::new_keyed(&[seed; 32])
        .finalize_xof()
        .fill(&mut bytes);
    bytes
}
