//! A server that speaks WebDAV.

use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const READY_WITHIN: Duration = Duration::from_secs(60);

/// Waits for its input to end, which happens even if the test is killed; then ends the server and
/// removes its files.
const KEEPER: &str = r#"dir=$1; shift; "$@" >"$dir/log" 2>&1 </dev/null & server=$!
read -r _; kill -9 "$server"; wait "$server" 2>/dev/null; rm -rf -- "$dir""#;

/// A WsgiDAV server that lets everybody in.
pub struct WsgiDav {
    keeper: Child,
    folder: PathBuf,
    port: u16,
}

impl WsgiDav {
    /// Starts a server. Without the program it says so and returns `None`, so that the test is
    /// skipped by name; where `CI` is set, nothing is skipped.
    ///
    /// # Panics
    /// If the server does not start, or is missing under `CI`.
    pub fn start() -> Option<Self> {
        let Some(program) = find() else {
            assert!(
                std::env::var_os("CI").is_none(),
                "wsgidav is missing: pip install wsgidav cheroot"
            );
            eprintln!("skipped: no wsgidav program; pip install wsgidav cheroot");
            return None;
        };
        // Another process may take the port between the look and the start.
        let started = (0..3).find_map(|_| Self::try_start(&program));
        assert!(started.is_some(), "{} did not start", program.display());
        started
    }

    /// The port of 127.0.0.1 where it listens.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The folder that it shows.
    pub fn root(&self) -> PathBuf {
        self.folder.join("root")
    }

    fn try_start(program: &Path) -> Option<Self> {
        let folder = tempfile::Builder::new()
            .prefix("wsgidav-")
            .tempdir()
            .ok()?
            .keep();
        std::fs::create_dir(folder.join("root")).ok()?;
        let port = TcpListener::bind("127.0.0.1:0").ok()?.local_addr().ok()?;
        let port = port.port();
        let keeper = Command::new("sh")
            .args(["-c", KEEPER, "keeper"])
            .arg(&folder)
            .arg(program)
            .args(["--host", "127.0.0.1", "--auth", "anonymous", "-q"])
            .arg(format!("--port={port}"))
            .arg("--root")
            .arg(folder.join("root"))
            .stdin(Stdio::piped())
            .spawn()
            .ok()?;
        let server = Self {
            keeper,
            folder,
            port,
        };
        server.is_ready().then_some(server)
    }

    fn is_ready(&self) -> bool {
        let deadline = Instant::now() + READY_WITHIN;
        while Instant::now() < deadline {
            if TcpStream::connect(("127.0.0.1", self.port)).is_ok() {
                return true;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        let log = std::fs::read_to_string(self.folder.join("log"));
        eprintln!("{}", log.unwrap_or_default());
        false
    }
}

impl Drop for WsgiDav {
    fn drop(&mut self) {
        if let Some(mut input) = self.keeper.stdin.take() {
            let _ = input.write_all(b"\n");
        }
        let _ = self.keeper.wait();
    }
}

/// On the path, or where the test command installs it.
fn find() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let installed =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/test-tools/venv/bin/wsgidav");
    std::env::split_paths(&path)
        .map(|folder| folder.join("wsgidav"))
        .chain([installed])
        .find(|file| file.is_file())
}
