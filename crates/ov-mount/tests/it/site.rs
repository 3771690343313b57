//! A vault of one person over a store in memory, and its snapshots mounted.

use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ov_admin::found::{Founding, init};
use ov_backup::{Agent, BackupOptions, Seams, Threads, Void, backup};
use ov_format::entry::Time;
use ov_format::name::ObjectName;
use ov_mount::{Ending, Monitor, MountError, Options, Trouble, View, mount};
use ov_restore::{FrameReader, Limits, ReaderKeys, Snapshots, load_graph};
use ov_seal::entropy::{Entropy, SeededEntropy};
use ov_source::{FileTree, Selection};
use ov_store::{Memory, Recording};
use ov_vault::append::Writer;
use ov_vault::secrets::Secrets;
use ov_vault::{Clock, State, Vault};

/// 2026-11-22 05:00:00 UTC.
const BEGIN: i64 = 1_795_323_600;

struct SetClock(AtomicI64);

impl Clock for SetClock {
    fn now(&self) -> Time {
        Time {
            seconds: self.0.load(Ordering::Relaxed),
            nanos: 0,
        }
    }
}

/// A vault, its owner, a folder to back up and one to mount at.
pub struct Site {
    pub memory: Arc<Memory>,
    vault: Vault,
    agent: Agent,
    keys: ReaderKeys,
    clock: SetClock,
    entropy: Arc<dyn Entropy>,
    folder: tempfile::TempDir,
}

impl Site {
    pub fn new() -> Self {
        let memory = Arc::new(Memory::new());
        let entropy: Arc<dyn Entropy> = Arc::new(SeededEntropy::new(11));
        let clock = SetClock(AtomicI64::new(BEGIN));
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
        let folder = tempfile::tempdir().unwrap();
        for name in ["data", "mount"] {
            std::fs::create_dir(folder.path().join(name)).unwrap();
        }
        Self {
            memory,
            vault,
            agent: Agent::new(writer, secrets, Some("clinical")).unwrap(),
            keys,
            clock,
            entropy,
            folder,
        }
    }

    pub fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    pub fn write(&self, name: &str, bytes: &[u8]) {
        let path = self.data().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }

    /// Backs the folder up, a day after the last time.
    pub fn run(&mut self) {
        self.run_as("files", "host", 86_400);
    }

    pub fn run_as(&mut self, dataset: &str, host: &str, seconds: i64) {
        let data = self.data();
        self.back_up(&data, dataset, host, seconds);
    }

    pub fn back_up(&mut self, folder: &Path, dataset: &str, host: &str, seconds: i64) {
        self.clock.0.fetch_add(seconds, Ordering::Relaxed);
        let options = BackupOptions {
            dataset: dataset.to_owned(),
            host: host.to_owned(),
            paths: vec![folder.as_os_str().as_bytes().to_vec()],
            ..BackupOptions::default()
        };
        let source = FileTree::new(vec![folder.to_owned()], Selection::everything()).unwrap();
        let seams = Seams {
            entropy: Arc::clone(&self.entropy),
            clock: &self.clock,
            monitor: &Void,
            state: None,
            threads: Threads::Inline,
            extractor: None,
        };
        backup(&mut self.vault, &self.agent, &source, &options, &seams).unwrap();
    }

    /// Mounts all snapshots and calls `test`. Nothing, and a word, where there is no FUSE.
    pub fn mounted(&self, test: impl FnOnce(&Mounted<'_>)) {
        self.mounted_with(&Limits::default(), test);
    }

    pub fn mounted_with(&self, limits: &Limits, test: impl FnOnce(&Mounted<'_>)) {
        if !Path::new("/dev/fuse").exists() {
            eprintln!("skipped: no FUSE here (no /dev/fuse)");
            return;
        }
        let requests = Arc::new(Recording::new(self.memory.clone()));
        let vault = Vault::open(requests.clone(), self.vault.id()).unwrap();
        let state = State::of(&vault);
        let graph = load_graph(&vault, &state, &self.keys).unwrap();
        let snapshots = Snapshots::load(&vault, &state, &self.keys).unwrap();
        let reader = FrameReader::new(&vault, &state, &graph, &self.keys, *limits);
        let view = View {
            reader: &reader,
            snapshots: snapshots.listed.iter().collect(),
        };
        let mounted = Mounted {
            top: self.folder.path().join("mount"),
            data: self.data(),
            requests: &requests,
            watch: Watch::default(),
            ending: Mutex::default(),
        };
        std::thread::scope(|scope| {
            scope.spawn(|| mounted.serve(&view));
            // Ends it if the test fails, too.
            let _ended = Ends(&mounted.watch.end);
            mounted.wait(|| mounted.watch.mounted.load(Ordering::Relaxed) || mounted.is_over());
            test(&mounted);
        });
    }
}

struct Ends<'e>(&'e AtomicBool);

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Hears what happens, and says when it shall end.
#[derive(Default)]
pub struct Watch {
    pub end: AtomicBool,
    pub lingering: AtomicBool,
    mounted: AtomicBool,
    troubles: Mutex<Vec<String>>,
}

impl Monitor for Watch {
    fn mounted(&self) {
        self.mounted.store(true, Ordering::Relaxed);
    }

    fn trouble(&self, trouble: &Trouble) {
        self.troubles.lock().unwrap().push(trouble.to_string());
    }

    fn lingering(&self) {
        self.lingering.store(true, Ordering::Relaxed);
    }

    fn wants_end(&self) -> bool {
        self.end.load(Ordering::Relaxed)
    }
}

/// What is mounted.
pub struct Mounted<'m> {
    pub top: PathBuf,
    pub requests: &'m Recording<Arc<Memory>>,
    pub watch: Watch,
    data: PathBuf,
    ending: Mutex<Option<Result<Ending, MountError>>>,
}

impl Mounted<'_> {
    fn serve(&self, view: &View<'_>) {
        let ended = mount(view, &self.top, &Options::default(), &self.watch);
        *self.ending.lock().unwrap() = Some(ended);
    }

    /// The backed-up folder in the newest snapshot.
    pub fn data(&self) -> PathBuf {
        self.in_snapshot("files/latest")
    }

    /// The backed-up folder in a snapshot.
    pub fn in_snapshot(&self, snapshot: &str) -> PathBuf {
        let below = self.data.strip_prefix("/").unwrap();
        self.top.join(snapshot).join(below)
    }

    pub fn troubles(&self) -> Vec<String> {
        self.watch.troubles.lock().unwrap().clone()
    }

    pub fn is_over(&self) -> bool {
        self.ending.lock().unwrap().is_some()
    }

    pub fn ending(&self) -> Option<Result<Ending, MountError>> {
        self.ending.lock().unwrap().take()
    }

    pub fn wait(&self, until: impl Fn() -> bool) {
        for _ in 0..600 {
            if until() {
                return;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        panic!("it took too long");
    }
}

/// Everything below a folder, one line for each name, sorted.
pub fn look(folder: &Path) -> Vec<String> {
    let mut lines = Vec::new();
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
            lines.push(format!(
                "{:?} {:o} {}:{} {}.{} links {} size {} device {} {content} {}",
                path.strip_prefix(folder).unwrap(),
                meta.mode(),
                meta.uid(),
                meta.gid(),
                meta.mtime(),
                meta.mtime_nsec(),
                if meta.is_dir() { 0 } else { meta.nlink() },
                if meta.is_dir() { 0 } else { meta.len() },
                meta.rdev(),
                attributes(&path),
            ));
            if meta.is_dir() {
                folders.push(path);
            }
        }
    }
    lines.sort();
    lines
}

fn attributes(path: &Path) -> String {
    let shown = Command::new("getfattr")
        .args(["-d", "-h", "-m", "-", "--absolute-names", "-e", "hex"])
        .arg(path)
        .output();
    let shown = shown.expect("getfattr is installed");
    let text = String::from_utf8_lossy(&shown.stdout).into_owned();
    text.lines().skip(1).collect::<Vec<_>>().join(" ")
}

/// Runs a program and demands that it says nothing and succeeds.
pub fn silent(program: &str, arguments: &[&std::ffi::OsStr]) {
    let output = Command::new(program).args(arguments).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success() && said.is_empty() && errors.is_empty(),
        "{program}: {said}{errors}"
    );
}

/// Bytes that do not compress, the same for one seed.
pub fn noise(seed: u8, length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    blake3::Hasher::new_keyed(&[seed; 32])
        .finalize_xof()
        .fill(&mut bytes);
    bytes
}

/// Packs in a store, the largest first.
pub fn packs(memory: &Memory) -> Vec<ObjectName> {
    let mut packs: Vec<(usize, ObjectName)> = memory
        .snapshot()
        .into_iter()
        .filter(|(name, _)| matches!(name, ObjectName::Pack(_)))
        .map(|(name, bytes)| (bytes.len(), name))
        .collect();
    packs.sort_by_key(|(length, _)| std::cmp::Reverse(*length));
    packs.into_iter().map(|(_, name)| name).collect()
}
