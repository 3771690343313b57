//! A vault of several members, each on a machine of its own, and one clock for all.

use std::cell::Cell;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

pub const MINUTE: i64 = 60;
pub const HOUR: i64 = 60 * MINUTE;
pub const DAY: i64 = 24 * HOUR;

pub struct Site {
    root: tempfile::TempDir,
    vault: String,
    /// More variables, with which the vault is reached.
    environment: Vec<(&'static str, String)>,
    /// Seconds by which the clock of all programs is ahead.
    offset: Cell<i64>,
}

impl Site {
    /// A vault that its owner alone writes into.
    pub fn of_one() -> Self {
        Self::at("vault", Vec::new())
    }

    /// The same in any place.
    pub fn at(vault: &str, environment: Vec<(&'static str, String)>) -> Self {
        let site = Self {
            root: tempfile::tempdir().unwrap(),
            vault: vault.to_owned(),
            environment,
            offset: Cell::new(0),
        };
        site.ok("owner", &["init", "--unprotected-key"]);
        site
    }

    /// A vault that an agent writes into too, and a keeper maintains.
    pub fn of_several() -> Self {
        let site = Self::of_one();
        site.appoint("keeper", "keeper");
        site.appoint("agent", "agent");
        site
    }

    pub fn appoint(&self, role: &str, name: &str) {
        let out = format!("{name}.key");
        let add = ["key", "add", "--role", role, "--name", name, "--out", &out];
        self.ok("owner", &[&add[..], &["--unprotected-key"]].concat());
    }

    /// Lets time pass.
    pub fn wait(&self, seconds: i64) {
        self.offset.set(self.offset.get() + seconds);
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    pub fn write(&self, name: &str, content: &[u8]) {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }

    /// The program with the key of a member, on that member's machine.
    pub fn command(&self, member: &str) -> Command {
        self.command_at(member, &self.vault, member)
    }

    /// The same on another vault and machine.
    pub fn command_at(&self, member: &str, vault: &str, machine: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_oncovault"));
        command.env_clear().current_dir(self.root.path());
        command.env("HOME", self.path(&format!("home of {machine}")));
        command.env("TZ", "UTC").env("USER", machine);
        command.env("ONCOVAULT_TEST_CLOCK_OFFSET", self.offset.get().to_string());
        let more = self.environment.iter();
        command.envs(more.map(|(name, value)| (name, value)));
        command.args(["--vault", vault, "--key", &format!("{member}.key")]);
        command
    }

    /// Runs a verb that must succeed.
    pub fn ok(&self, member: &str, args: &[&str]) -> String {
        succeeded(self.command(member).args(args).output().unwrap(), args)
    }

    /// Runs a verb that must succeed, and reads its document.
    pub fn json(&self, member: &str, args: &[&str]) -> Value {
        let output = self.command(member).arg("--json").args(args).output();
        serde_json::from_str(&succeeded(output.unwrap(), args)).unwrap()
    }

    /// Runs a verb by the member's own configuration, MEMBER.toml; tells the exit code, the document
    /// and what was said beside it.
    pub fn configured(&self, member: &str, args: &[&str]) -> (i32, Value, String) {
        let config = format!("{member}.toml");
        let mut command = self.command(member);
        command.args(["--config", &config, "--json"]);
        let output = command.args(args).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        let document = serde_json::from_slice(&output.stdout);
        let document = document.unwrap_or_else(|error| panic!("{args:?} {error}: {said}"));
        (output.status.code().unwrap(), document, said)
    }

    /// Backs a folder up, and gives the snapshot's id.
    pub fn backup(&self, member: &str, folder: &str) -> String {
        let document = self.json(member, &["backup", folder, "--dataset", folder]);
        document["snapshot_id"].as_str().unwrap().to_owned()
    }

    /// Copies the vault as it is now, and says what is in it.
    pub fn copy_vault(&self, to: &str) -> Vec<PathBuf> {
        let there = relative(&self.path("vault"));
        self.copy_files("vault", to, &there);
        there
    }

    /// Brings what a copy of the vault has got since, of that kind.
    pub fn bring_news(&self, from: &str, before: &[PathBuf], kind: &str) {
        let mut news = relative(&self.path(from));
        news.retain(|file| file.starts_with(kind) && !before.contains(file));
        assert!(!news.is_empty());
        self.copy_files(from, "vault", &news);
    }

    fn copy_files(&self, from: &str, to: &str, files: &[PathBuf]) {
        for file in files {
            let twin = self.path(to).join(file);
            std::fs::create_dir_all(twin.parent().unwrap()).unwrap();
            std::fs::copy(self.path(from).join(file), twin).unwrap();
        }
    }
}

fn relative(folder: &Path) -> Vec<PathBuf> {
    let below = |file: PathBuf| file.strip_prefix(folder).unwrap().to_owned();
    files(folder).into_iter().map(below).collect()
}

pub fn succeeded(output: Output, args: &[&str]) -> String {
    let (out, err) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    assert!(
        err.contains("TEST CLOCK"),
        "{args:?} did not say what it is"
    );
    assert_eq!(output.status.code(), Some(0), "{args:?}\n{out}\n{err}");
    out.into_owned()
}

/// All files below a folder.
pub fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in std::fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true => folders.push(path),
                false => found.push(path),
            }
        }
    }
    found
}

/// Bytes that do not compress, the same for one seed.
pub fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(length);
    bytes
}
