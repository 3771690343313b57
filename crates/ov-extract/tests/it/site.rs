//! Workers under a name of their own, so that a test finds its own alone.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ov_clinical::{Account, Opaque, Said};
use ov_extract::{Extractors, Program, Settings};
use rustix::process::{Pid, Signal, kill_process};

/// The example beside this test.
pub fn captive() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let build = test.parent().and_then(Path::parent).unwrap();
    build.join("examples/captive")
}

pub struct Site {
    pub extractors: Extractors,
    pub told: Arc<Mutex<Vec<String>>>,
    folder: tempfile::TempDir,
}

impl Site {
    /// With real workers.
    pub fn new(stall: Duration) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("worker");
        std::os::unix::fs::symlink(captive(), &path).unwrap();
        let arguments = Vec::new();
        Self::with(folder, Program { path, arguments }, stall)
    }

    /// With workers that die over some files.
    pub fn mortal(stall: Duration) -> Self {
        let program = Program {
            path: captive().with_file_name("mortal"),
            arguments: vec![captive().into()],
        };
        Self::with(tempfile::tempdir().unwrap(), program, stall)
    }

    /// With a shell that is no worker.
    pub fn lying(script: &str) -> Self {
        let program = Program {
            path: PathBuf::from("/bin/sh"),
            arguments: vec!["-c".into(), script.into()],
        };
        let folder = tempfile::tempdir().unwrap();
        Self::with(folder, program, Duration::from_millis(500))
    }

    fn with(folder: tempfile::TempDir, program: Program, stall: Duration) -> Self {
        let told = Arc::new(Mutex::new(Vec::new()));
        let heard = Arc::clone(&told);
        let tell = move |text: &str| heard.lock().unwrap().push(text.to_owned());
        let settings = Settings { workers: 2, stall };
        Self {
            extractors: Extractors::new(program, settings, tell),
            told,
            folder,
        }
    }

    /// Sends a signal to the workers of this site. How many there were.
    pub fn signal(&self, signal: Signal) -> usize {
        let name = self.folder.path().join("worker");
        let name = name.to_str().unwrap().as_bytes();
        let ours = |pid: &i32| {
            std::fs::read(format!("/proc/{pid}/cmdline")).is_ok_and(|line| line.starts_with(name))
        };
        let all = std::fs::read_dir("/proc").unwrap().flatten();
        let pids = all.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
        let ours: Vec<i32> = pids.filter(ours).collect();
        for pid in &ours {
            kill_process(Pid::from_raw(*pid).unwrap(), signal).unwrap();
        }
        ours.len()
    }

    /// What is said of a file that is shown in pieces of so many bytes.
    pub fn show(&self, name: &str, bytes: &[u8], piece: usize) -> Option<Account> {
        let size = u64::try_from(bytes.len()).unwrap();
        let mut file = self.extractors.begin(name.as_bytes(), Some(size))?;
        bytes.chunks(piece).for_each(|piece| file.bytes(piece));
        file.end()
            .account()
            .map(|bytes| Account::decode(&bytes).unwrap())
    }
}

pub fn read(account: Option<Account>) -> Box<Said> {
    match account {
        Some(Account::Read(said)) => said,
        other => panic!("{other:?}"),
    }
}

pub fn opaque(account: Option<Account>) -> Opaque {
    match account {
        Some(Account::Opaque(reason)) => reason,
        other => panic!("{other:?}"),
    }
}

pub const PATIENT: &[u8] = br#"{"resourceType":"Patient","id":"p1","identifier":[{"value":"47"}]}"#;

/// A resource that is longer than what a worker is shown at first.
pub fn long_patient(length: usize) -> Vec<u8> {
    let text = "x".repeat(length);
    format!("{{\"resourceType\":\"Patient\",\"id\":\"p1\",\"text\":{{\"div\":\"{text}\"}}}}")
        .into_bytes()
}
