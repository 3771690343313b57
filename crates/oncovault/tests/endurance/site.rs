//! A vault, its owner's key, and a machine of its own to run the program on.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// Folders of one machine.
pub struct Site {
    pub root: tempfile::TempDir,
    pub vault: String,
    environment: Vec<(&'static str, String)>,
}

impl Site {
    /// A machine without a vault yet, whose vault will be a folder.
    pub fn empty() -> Self {
        let root = tempfile::tempdir().unwrap();
        let vault = root.path().join("vault").display().to_string();
        Self {
            root,
            vault,
            environment: Vec::new(),
        }
    }

    /// A vault in a folder.
    pub fn new() -> Self {
        let site = Self::empty();
        site.init();
        site
    }

    /// A vault elsewhere, reached with more variables.
    pub fn at(vault: &str, environment: Vec<(&'static str, String)>) -> Self {
        let site = Self {
            vault: vault.to_owned(),
            environment,
            ..Self::empty()
        };
        site.init();
        site
    }

    fn init(&self) {
        self.ok(&["init", "--compartment", "clinical", "--unprotected-key"]);
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    pub fn owner(&self) -> PathBuf {
        self.path("owner.key")
    }

    /// The program with the owner's key.
    pub fn command(&self) -> Command {
        self.command_with(&self.owner(), "machine")
    }

    /// The program with a key, on a machine of that name: local state is apart from others'.
    pub fn command_with(&self, key: &Path, machine: &str) -> Command {
        self.command_at(&self.vault, key, machine)
    }

    fn command_at(&self, vault: &str, key: &Path, machine: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_oncovault"));
        command.env_clear();
        for name in ["PATH", "HOME", "TMPDIR"] {
            if let Some(value) = std::env::var_os(name) {
                command.env(name, value);
            }
        }
        for kind in ["STATE", "CACHE", "CONFIG"] {
            command.env(format!("XDG_{kind}_HOME"), self.path(machine).join(kind));
        }
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command.arg("--vault").arg(vault).arg("--key").arg(key);
        command
    }

    pub fn run(&self, arguments: &[&str]) -> Output {
        self.command().args(arguments).output().unwrap()
    }

    /// Runs the program, demands success and gives what it printed.
    pub fn ok(&self, arguments: &[&str]) -> String {
        demand(self.run(arguments), 0, arguments)
    }

    /// Runs the program on another vault, or another place of this one.
    pub fn ok_at(&self, vault: &str, arguments: &[&str]) -> String {
        let elsewhere = self.command_at(vault, &self.owner(), "machine");
        demand(
            { elsewhere }.args(arguments).output().unwrap(),
            0,
            arguments,
        )
    }

    /// Runs the program and demands an exit code.
    pub fn fails(&self, code: i32, arguments: &[&str]) -> String {
        demand(self.run(arguments), code, arguments)
    }

    pub fn json(&self, arguments: &[&str]) -> serde_json::Value {
        let mut all = vec!["--json"];
        all.extend(arguments);
        serde_json::from_str(&self.ok(&all)).unwrap()
    }

    /// Ids of all snapshots, oldest first.
    pub fn snapshots(&self) -> Vec<String> {
        let list = self.json(&["snapshots"]);
        let id = |snapshot: &serde_json::Value| snapshot["id"].as_str().unwrap().to_owned();
        list["snapshots"]
            .as_array()
            .unwrap()
            .iter()
            .map(id)
            .collect()
    }

    pub fn backup(&self, path: &Path) -> serde_json::Value {
        self.json(&["backup", path.to_str().unwrap(), "--host", "test"])
    }

    /// Restores a snapshot into a new folder and gives the path of what was backed up there.
    pub fn restore(&self, snapshot: &str, original: &Path, name: &str) -> PathBuf {
        let to = self.path(name);
        self.ok(&["restore", snapshot, "--to", to.to_str().unwrap()]);
        to.join(original.strip_prefix("/").unwrap())
    }

    pub fn write(&self, name: &str, bytes: &[u8]) {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }
}

pub fn demand(output: Output, code: i32, what: &[&str]) -> String {
    let (out, err) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    assert_eq!(output.status.code(), Some(code), "{what:?}\n{out}\n{err}");
    format!("{out}{}", if code == 0 { "" } else { &err })
}

/// Demands that two folders are the same in content and metadata, by the word of another program.
pub fn same(original: &Path, restored: &Path) {
    let slash = |path: &Path| format!("{}/", path.display());
    let rsync = Command::new("rsync")
        .args(["-naAXHci", "--delete", &slash(original), &slash(restored)])
        .output()
        .expect("because the tests need rsync: cargo xtask setup installs it");
    let found = String::from_utf8_lossy(&rsync.stdout);
    assert!(
        rsync.status.success() && found.is_empty(),
        "{found}{rsync:?}"
    );
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

/// Real sample files, where there are any.
pub fn samples() -> Option<PathBuf> {
    let folder = std::env::var_os("ONCOVAULT_TEST_DATA").map(PathBuf::from);
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/testdata");
    let found = folder.unwrap_or(beside);
    match found.join("MANIFEST.tsv").is_file() {
        true => Some(std::fs::canonicalize(found).unwrap()),
        false => {
            eprintln!("skipped: no sample files (cargo xtask data fetches them)");
            None
        }
    }
}

/// Copies a folder with all its metadata.
pub fn copy(from: &Path, to: &Path) {
    let status = Command::new("cp")
        .arg("-a")
        .arg(from)
        .arg(to)
        .status()
        .unwrap();
    assert!(status.success());
}
