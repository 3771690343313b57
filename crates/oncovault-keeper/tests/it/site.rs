//! A vault in a folder, made without the program under test, and its owner's key.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;

use ov_admin::found::{Founding, init};
use ov_backup::{Agent, BackupOptions, Seams, Threads, Void, backup};
use ov_format::entry::Time;
use ov_seal::entropy::OsEntropy;
use ov_seal::keyfile::{KeyFile, Wrap};
use ov_source::{FileTree, Selection};
use ov_store::{OpenOptions, TargetUrl};
use ov_vault::append::Writer;
use ov_vault::secrets::Secrets;
use ov_vault::{Clock, SystemClock, Vault};

/// A clock that is so many seconds behind.
struct Ago(i64);

impl Clock for Ago {
    fn now(&self) -> Time {
        let now = SystemClock.now();
        Time {
            seconds: now.seconds - self.0,
            ..now
        }
    }
}

pub struct Site {
    folder: tempfile::TempDir,
}

impl Site {
    pub fn new() -> Self {
        let site = Self {
            folder: tempfile::tempdir().unwrap(),
        };
        let url = TargetUrl::from_os(site.path("vault").as_os_str()).unwrap();
        let store = ov_store::create(&url, &OpenOptions::default()).unwrap();
        let founding = Founding {
            compartments: vec!["clinical".to_owned()],
            owner: "owner".to_owned(),
        };
        let founded = init(Arc::from(store), founding, &OsEntropy, &SystemClock).unwrap();
        let key = KeyFile::new(founded.facts, &founded.secret, Wrap::None, &OsEntropy).unwrap();
        fs::write(site.path("owner.key"), key.text().as_bytes()).unwrap();
        site
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file.
    pub fn write(&self, name: &str, content: &str) {
        fs::write(self.path(name), content).unwrap();
    }

    /// The owner's member id.
    pub fn member(&self) -> String {
        let file = KeyFile::parse(&fs::read_to_string(self.path("owner.key")).unwrap()).unwrap();
        file.facts().member.to_string()
    }

    /// Backs up a file of that content, and gives the snapshot's id.
    pub fn backup(&self, content: &str) -> String {
        self.backup_ago(content, 0)
    }

    /// The same, so many seconds ago.
    pub fn backup_ago(&self, content: &str, seconds: i64) -> String {
        let file = KeyFile::parse(&fs::read_to_string(self.path("owner.key")).unwrap()).unwrap();
        let url = TargetUrl::from_os(self.path("vault").as_os_str()).unwrap();
        let store = Arc::from(ov_store::open(&url, &OpenOptions::default()).unwrap());
        let mut vault = Vault::open(store, file.facts().vault).unwrap();
        let secret = file.unlock(None).unwrap();
        let member = file.facts().member;
        let secrets =
            Secrets::unlock(&**vault.store(), vault.id(), vault.head(), member, &secret).unwrap();
        let writer = Writer {
            member,
            secret,
            instance: ov_format::id::InstanceId([7; 16]),
            lock: None,
        };
        let agent = Agent::new(writer, secrets, None).unwrap();
        fs::create_dir_all(self.path("data")).unwrap();
        fs::write(self.path("data/secret name"), content.repeat(100_000)).unwrap();
        let source = FileTree::new(vec![self.path("data")], Selection::everything()).unwrap();
        let seams = Seams {
            entropy: Arc::new(OsEntropy),
            clock: &Ago(seconds),
            monitor: &Void,
            state: None,
            threads: Threads::Inline,
            extractor: None,
        };
        let options = BackupOptions {
            dataset: "files".to_owned(),
            ..Default::default()
        };
        let report = backup(&mut vault, &agent, &source, &options, &seams).unwrap();
        report.snapshot.unwrap().hash.to_string()
    }

    fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_oncovault-keeper"));
        command.env_clear().current_dir(self.folder.path());
        command.env("HOME", self.path("home")).env("TZ", "UTC");
        command.args(["--vault", "vault", "--key", "owner.key"]);
        command
    }

    /// Runs the program: its exit code, and all that it said.
    pub fn run(&self, args: &[&str]) -> (i32, String) {
        let output = self.command().args(args).output().unwrap();
        let said = [output.stdout, output.stderr].concat();
        let said = String::from_utf8(said).unwrap();
        (output.status.code().unwrap_or(-1), said)
    }

    /// Runs a verb that must succeed, and reads its document.
    pub fn json(&self, args: &[&str]) -> serde_json::Value {
        let output = self.command().arg("--json").args(args).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{args:?}: {said}");
        serde_json::from_slice(&output.stdout).unwrap()
    }
}
