//! A vault of one person, over a store in memory.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use ov_admin::found::{Founding, init};
use ov_backup::{
    Agent, BackupError, BackupOptions, BackupReport, Monitor, Seams, Threads, Void, backup,
};
use ov_format::entry::Time;
use ov_seal::entropy::{Entropy, SeededEntropy};
use ov_source::{FileTree, Selection, Source};
use ov_store::Memory;
use ov_vault::append::Writer;
use ov_vault::secrets::Secrets;
use ov_vault::{Clock, Vault};

/// A clock that a test sets, and that goes on by so many seconds each time it is looked at.
pub struct SetClock(pub AtomicI64, pub AtomicI64);

impl Clock for SetClock {
    fn now(&self) -> Time {
        let step = self.1.load(Ordering::Relaxed);
        Time {
            seconds: self.0.fetch_add(step, Ordering::Relaxed),
            nanos: 0,
        }
    }
}

/// A vault, its owner and a folder to back up.
pub struct Site {
    pub memory: Arc<Memory>,
    pub vault: Vault,
    pub agent: Agent,
    pub clock: SetClock,
    pub entropy: Arc<dyn Entropy>,
    pub threads: Threads,
    folder: tempfile::TempDir,
    /// Apart from the data: the folders above those are entries too, and their times change.
    state: tempfile::TempDir,
}

impl Site {
    pub fn new(threads: Threads) -> Self {
        Self::keyed(threads, 7)
    }

    /// A vault of which all secrets follow from a number.
    pub fn keyed(threads: Threads, secrets: u64) -> Self {
        let memory = Arc::new(Memory::new());
        let entropy: Arc<dyn Entropy> = Arc::new(SeededEntropy::new(secrets));
        // Well after the files that the test makes, so that they count as settled.
        let clock = SetClock(AtomicI64::new(4_000_000_000), AtomicI64::new(0));
        let founding = Founding {
            compartments: vec!["clinical".to_owned()],
            owner: "owner".to_owned(),
        };
        let founded = init(memory.clone(), founding, &*entropy, &clock).unwrap();
        let vault = founded.vault;
        let secrets = Secrets::unlock(
            &*memory,
            vault.id(),
            vault.head(),
            founded.member,
            &founded.secret,
        );
        let writer = Writer {
            member: founded.member,
            secret: founded.secret,
            instance: founded.instance,
            lock: None,
        };
        let agent = Agent::new(writer, secrets.unwrap(), Some("clinical")).unwrap();
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("data")).unwrap();
        Self {
            memory,
            vault,
            agent,
            clock,
            entropy,
            threads,
            folder,
            state: tempfile::tempdir().unwrap(),
        }
    }

    pub fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    pub fn state(&self) -> PathBuf {
        self.state.path().join("state")
    }

    pub fn write(&self, name: &str, bytes: &[u8]) {
        let path = self.data().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }

    pub fn run(&mut self) -> BackupReport {
        self.run_with(BackupOptions {
            dataset: "files".to_owned(),
            ..Default::default()
        })
    }

    pub fn run_with(&mut self, options: BackupOptions) -> BackupReport {
        self.go(&options, &Void).unwrap()
    }

    pub fn try_run(&mut self, monitor: &dyn Monitor) -> Result<BackupReport, BackupError> {
        self.go(
            &BackupOptions {
                dataset: "files".to_owned(),
                ..Default::default()
            },
            monitor,
        )
    }

    fn go(
        &mut self,
        options: &BackupOptions,
        monitor: &dyn Monitor,
    ) -> Result<BackupReport, BackupError> {
        let source = FileTree::new(vec![self.data()], Selection::everything()).unwrap();
        self.back_up(&source, options, monitor)
    }

    pub fn back_up(
        &mut self,
        source: &dyn Source,
        options: &BackupOptions,
        monitor: &dyn Monitor,
    ) -> Result<BackupReport, BackupError> {
        let state = self.state();
        let seams = Seams {
            entropy: Arc::clone(&self.entropy),
            clock: &self.clock,
            monitor,
            state: Some(Path::new(&state)),
            threads: self.threads,
            extractor: None,
        };
        backup(&mut self.vault, &self.agent, source, options, &seams)
    }
}

/// Bytes that do not compress, the same for one seed.
pub fn noise(seed: u8, length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    blake3::Hasher::new_keyed(&[seed; 32])
        .finalize_xof()
        .fill(&mut bytes);
    bytes
}
