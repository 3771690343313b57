//! A folder of its own for each test, with everything the program might touch inside.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;
use tempfile::TempDir;

/// A person with a vault, a key and some files.
pub struct World {
    folder: TempDir,
}

/// What a program said, and how it ended.
pub struct Said {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl World {
    /// No vault yet.
    pub fn empty() -> Self {
        let folder = TempDir::new().unwrap();
        fs::write(folder.path().join("pw"), "correct horse\n").unwrap();
        Self { folder }
    }

    /// A vault, founded with a passphrase.
    pub fn new() -> Self {
        let world = Self::empty();
        assert_eq!(world.run(["init"]).code, 0);
        world
    }

    /// A path in the folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A path in the folder, as an argument.
    pub fn arg(&self, name: &str) -> String {
        self.path(name).to_str().unwrap().to_owned()
    }

    /// Writes a file, with the folders above it.
    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    /// The program, in the folder, with nothing of this machine's settings.
    pub fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_oncovault"));
        command.env_clear().current_dir(self.folder.path());
        command
            .env("HOME", self.path("home"))
            .env("TZ", "UTC")
            .env("USER", "anna");
        command
    }

    /// Runs a verb on the vault with the owner's key.
    pub fn run<I: IntoIterator<Item = S>, S: AsRef<OsStr>>(&self, args: I) -> Said {
        let mut command = self.command();
        command.args([
            "--vault",
            "vault",
            "--key",
            "owner.key",
            "--passphrase-file",
            "pw",
        ]);
        Said::of(command.args(args).output().unwrap())
    }

    /// Runs a verb on the vault with another key, which has no passphrase.
    pub fn run_as<I: IntoIterator<Item = S>, S: AsRef<OsStr>>(&self, key: &str, args: I) -> Said {
        let mut command = self.command();
        command.args(["--vault", "vault", "--key", key]);
        Said::of(command.args(args).output().unwrap())
    }

    /// Runs a verb that must succeed, and reads its document.
    pub fn json<I: IntoIterator<Item = S>, S: AsRef<OsStr>>(&self, args: I) -> Value {
        let mut command = self.command();
        command.args([
            "--vault",
            "vault",
            "--key",
            "owner.key",
            "--passphrase-file",
            "pw",
        ]);
        let said = Said::of(command.arg("--json").args(args).output().unwrap());
        assert_eq!(said.code, 0, "{}", said.err);
        serde_json::from_str(&said.out).unwrap()
    }

    /// Backs up and gives the snapshot's id.
    pub fn backup(&self, path: &str) -> String {
        let document = self.json(["backup", path]);
        document["snapshot_id"].as_str().unwrap().to_owned()
    }
}

impl Said {
    /// What it said.
    pub fn of(output: Output) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// That it succeeded.
    #[track_caller]
    pub fn worked(&self) {
        assert_eq!(self.code, 0, "{}{}", self.out, self.err);
    }

    /// How it ended, with what it should have named.
    #[track_caller]
    pub fn fails(&self, code: i32, names: &[&str]) {
        assert_eq!(self.code, code, "{}{}", self.out, self.err);
        for name in names {
            assert!(self.err.contains(name), "{name:?} is not in: {}", self.err);
        }
    }
}

/// All files below a folder, as path and content.
pub fn files(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            let kind = fs::symlink_metadata(&path).unwrap().file_type();
            if kind.is_dir() {
                folders.push(path);
            } else if kind.is_file() {
                let content = fs::read(&path).unwrap();
                found.push((path.strip_prefix(folder).unwrap().to_owned(), content));
            }
        }
    }
    found.sort();
    found
}
