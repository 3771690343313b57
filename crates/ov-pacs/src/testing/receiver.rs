//! A receiver of C-STORE for tests that writes down what came, byte for byte: storescp of DCMTK.

use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const READY_WITHIN: Duration = Duration::from_secs(30);

/// A receiver that takes every transfer syntax and rewrites nothing.
pub struct Receiver {
    server: Child,
    folder: tempfile::TempDir,
    port: u16,
}

impl Receiver {
    /// Starts one. Without the program it says so and returns `None`, so that the test is skipped
    /// by name; where `CI` is set, nothing is skipped.
    ///
    /// # Panics
    /// If it does not start, or is missing under `CI`.
    pub fn start() -> Option<Self> {
        if !Path::new("/usr/bin/storescp").is_file() {
            assert!(
                std::env::var_os("CI").is_none(),
                "storescp is missing: install dcmtk"
            );
            eprintln!("skipped: no storescp; install dcmtk");
            return None;
        }
        let started = (0..3).find_map(|_| Self::try_start());
        assert!(started.is_some(), "storescp did not start");
        started
    }

    /// Its address.
    pub fn peer(&self) -> String {
        format!("dimse://RECEIVER@127.0.0.1:{}", self.port)
    }

    /// The files that it wrote.
    ///
    /// # Panics
    /// If they cannot be read.
    pub fn files(&self) -> Vec<Vec<u8>> {
        let names = std::fs::read_dir(self.folder.path());
        let names = names.unwrap_or_else(|error| panic!("the received files: {error}"));
        let paths = names.filter_map(|name| Some(name.ok()?.path()));
        paths.filter_map(|path| std::fs::read(path).ok()).collect()
    }

    fn try_start() -> Option<Self> {
        let folder = tempfile::tempdir().ok()?;
        let port = TcpListener::bind("127.0.0.1:0").ok()?.local_addr().ok()?;
        let port = port.port();
        let server = Command::new("/usr/bin/storescp")
            .args(["--bit-preserving", "+xa", "-od"])
            .arg(folder.path())
            .arg(port.to_string())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .ok()?;
        let mut receiver = Self {
            server,
            folder,
            port,
        };
        receiver.is_ready().then_some(receiver)
    }

    fn is_ready(&mut self) -> bool {
        let deadline = Instant::now() + READY_WITHIN;
        while Instant::now() < deadline && matches!(self.server.try_wait(), Ok(None)) {
            if TcpStream::connect(("127.0.0.1", self.port)).is_ok() {
                return true;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        false
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}
