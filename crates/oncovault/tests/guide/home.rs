//! A home of its own: a folder of sample files, and the program on the path.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What would be typed where a passphrase is asked for.
pub const PASSPHRASE: &str = "correct horse battery staple";

/// Somebody's home.
pub struct Home {
    folder: tempfile::TempDir,
    environment: Vec<(&'static str, String)>,
}

impl Home {
    /// With the folder `plans`, as the guide describes it.
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        for (name, length) in [
            ("plans/patient-1/plan.dcm", 9_000),
            ("plans/patient-1/dose.dcm", 300_000),
            ("plans/patient-2/plan.dcm", 9_500),
            ("plans/patient-2/dose.dcm", 280_000),
            ("plans/machine.txt", 400),
        ] {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, noise(length)).unwrap();
        }
        Self {
            folder,
            environment: Vec::new(),
        }
    }

    /// With more variables.
    pub fn with(self, environment: Vec<(&'static str, String)>) -> Self {
        Self {
            environment,
            ..self
        }
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// A shell at home. Of the test's own variables it has none but the folder for temporary files.
    pub fn shell(&self) -> Command {
        let program = PathBuf::from(env!("CARGO_BIN_EXE_oncovault"));
        let bin = program.parent().unwrap().display().to_string();
        let mut shell = Command::new("sh");
        shell
            .env_clear()
            .env("PATH", format!("{bin}:/usr/local/bin:/usr/bin:/bin"))
            .env("HOME", self.path())
            .env("USER", "physics")
            .env("ONCOVAULT_PASSPHRASE", PASSPHRASE)
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .current_dir(self.path())
            .arg("-eu");
        if let Some(folder) = std::env::var_os("TMPDIR") {
            shell.env("TMPDIR", folder);
        }
        shell
    }
}

/// Bytes that do not compress.
fn noise(length: usize) -> Vec<u8> {
    let mut state = u64::try_from(length).unwrap() | 1;
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
