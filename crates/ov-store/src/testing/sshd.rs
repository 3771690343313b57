//! OpenSSH's server, with keys of its own.

use std::ffi::OsString;
use std::fs;
use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use crate::options::{OpenOptions, Retries};

const READY_WITHIN: Duration = Duration::from_secs(20);

/// Waits for its input to end, which happens even if the test is killed; then ends the server and
/// removes its files.
const KEEPER: &str = r#"dir=$1; shift; "$@" >"$dir/log" 2>&1 </dev/null & server=$!
read -r _; kill -9 "$server"; wait "$server" 2>/dev/null; rm -rf -- "$dir""#;

/// A server that lets the account of the test in.
pub struct Sshd {
    keeper: Child,
    folder: PathBuf,
    port: u16,
}

impl Sshd {
    /// Starts a server. Without the program it says so and returns `None`, so that the test is
    /// skipped by name; where `CI` is set, nothing is skipped.
    ///
    /// # Panics
    /// If the server does not start, or is missing under `CI`.
    pub fn start() -> Option<Self> {
        Self::start_with("")
    }

    /// As [`Sshd::start`], with more lines for the server's configuration.
    ///
    /// # Panics
    /// If the server does not start, or is missing under `CI`.
    pub fn start_with(settings: &str) -> Option<Self> {
        let Some(program) = find("sshd") else {
            assert!(
                std::env::var_os("CI").is_none(),
                "sshd is missing: install openssh-server"
            );
            eprintln!("skipped: no sshd program; install openssh-server");
            return None;
        };
        // Another process may take the port between the look and the start.
        let started = (0..3).find_map(|_| Self::try_start(&program, settings));
        assert!(started.is_some(), "{} did not start", program.display());
        started
    }

    /// One server for all tests of this process.
    pub fn shared() -> Option<&'static Self> {
        static SHARED: OnceLock<Option<Sshd>> = OnceLock::new();
        SHARED.get_or_init(Self::start).as_ref()
    }

    /// How to reach it: the host is called `nas`.
    pub fn options(&self) -> OpenOptions {
        self.options_through(self.port)
    }

    /// How to reach it through another port.
    ///
    /// # Panics
    /// If the file cannot be written.
    pub fn options_through(&self, port: u16) -> OpenOptions {
        let config = self.folder.join(format!("config-{port}"));
        fs::write(&config, self.client_through("nas", port)).expect("a file for ssh");
        self.options_with(&config)
    }

    /// What a configuration of `ssh` says about it, under another name.
    pub fn client(&self, host: &str) -> String {
        self.client_through(host, self.port)
    }

    fn client_through(&self, host: &str, port: u16) -> String {
        format!(
            "Host {host}\n HostName 127.0.0.1\n Port {port}\n HostKeyAlias nas\n \
             IdentityFile {0}/user\n IdentitiesOnly yes\n IdentityAgent none\n \
             UserKnownHostsFile {0}/known_hosts\n GlobalKnownHostsFile none\n \
             StrictHostKeyChecking yes\n",
            self.folder.display()
        )
    }

    /// How to reach it by another configuration of `ssh`.
    pub fn options_with(&self, config: &Path) -> OpenOptions {
        let ssh: [OsString; 3] = ["ssh".into(), "-F".into(), config.into()];
        OpenOptions {
            ssh: ssh.into(),
            retries: Retries {
                attempts: 4,
                first_pause: Duration::from_millis(20),
                longest_pause: Duration::from_millis(200),
                ..Retries::default()
            },
            ..OpenOptions::default()
        }
    }

    /// The port of 127.0.0.1 where it listens.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// A folder for files of the server, gone when it is.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    fn try_start(program: &Path, settings: &str) -> Option<Self> {
        let folder = tempfile::Builder::new()
            .prefix("sshd-")
            .tempdir()
            .ok()?
            .keep();
        let port = TcpListener::bind("127.0.0.1:0").ok()?.local_addr().ok()?;
        let port = port.port();
        write_keys(&folder)?;
        fs::write(
            folder.join("config"),
            configuration(&folder, port, settings),
        )
        .ok()?;
        if rustix::process::getuid().is_root() {
            // Where the server's unprivileged half is locked in.
            let _ = fs::create_dir("/run/sshd");
        }
        let keeper = Command::new("sh")
            .args(["-c", KEEPER, "keeper"])
            .arg(&folder)
            .arg(program)
            .args(["-D", "-e", "-f"])
            .arg(folder.join("config"))
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
            std::thread::sleep(Duration::from_millis(20));
        }
        let log = fs::read_to_string(self.folder.join("log"));
        eprintln!("{}", log.unwrap_or_default());
        false
    }
}

impl Drop for Sshd {
    fn drop(&mut self) {
        if let Some(mut input) = self.keeper.stdin.take() {
            let _ = input.write_all(b"\n");
        }
        let _ = self.keeper.wait();
    }
}

fn configuration(folder: &Path, port: u16, settings: &str) -> String {
    format!(
        "Port {port}\nListenAddress 127.0.0.1\nHostKey {0}/host\nPidFile none\n\
         AuthorizedKeysFile {0}/authorized_keys\nStrictModes no\nUsePAM no\n\
         PasswordAuthentication no\nKbdInteractiveAuthentication no\nPermitRootLogin yes\n\
         MaxStartups 100\nSubsystem sftp internal-sftp\n{settings}\n",
        folder.display()
    )
}

fn write_keys(folder: &Path) -> Option<()> {
    for name in ["host", "user"] {
        let made = Command::new("ssh-keygen")
            .args(["-q", "-t", "ed25519", "-N", "", "-C", name, "-f"])
            .arg(folder.join(name))
            .status();
        made.ok()?.success().then_some(())?;
    }
    let public = |name: &str| fs::read_to_string(folder.join(name).with_extension("pub")).ok();
    fs::write(
        folder.join("known_hosts"),
        format!("nas {}", public("host")?),
    )
    .ok()?;
    fs::write(folder.join("authorized_keys"), public("user")?).ok()?;
    fs::set_permissions(folder, fs::Permissions::from_mode(0o755)).ok()
}

/// On the path, or where servers are that are not.
fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(["/usr/sbin".into(), "/usr/local/sbin".into()])
        .map(|folder| folder.join(program))
        .find(|file| file.is_file())
}
