//! A PostgreSQL server in a folder of its own, for as long as a test takes.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use ov_catalog::{Postgres, Server};
use ov_format::id::VaultId;
use postgres::{Client, NoTls};
use tempfile::TempDir;

/// How long a server may take to start on a machine that has much to do.
const PATIENCE: Duration = Duration::from_secs(60);

const PASSWORD: &str = "correct horse";

pub struct TestServer {
    process: Child,
    port: u16,
    folder: TempDir,
}

impl TestServer {
    /// Starts a server; `None` where there is none installed.
    pub fn start() -> Option<Self> {
        let Some(programs) = programs() else {
            assert!(
                std::env::var_os("CI").is_none(),
                "postgresql is missing: cargo xtask setup installs it"
            );
            eprintln!("skipped: no PostgreSQL server (cargo xtask setup installs it)");
            return None;
        };
        let folder = tempfile::tempdir().unwrap();
        let run = |program: &str| as_anybody(&programs.join(program));
        if is_root() {
            let given = Command::new("chown")
                .arg("nobody")
                .arg(folder.path())
                .status();
            assert!(given.unwrap().success());
        }
        let at = |name: &str| folder.path().join(name);
        fs::write(at("password"), PASSWORD).unwrap();
        fs::set_permissions(at("password"), fs::Permissions::from_mode(0o644)).unwrap();
        let made = run("initdb")
            .args([
                "-U",
                "onco",
                "-N",
                "-E",
                "UTF8",
                "--locale=C",
                "--auth-local=trust",
            ])
            .args(["--auth-host=scram-sha-256", "--pwfile"])
            .arg(at("password"))
            .arg("-D")
            .arg(at("data"))
            .stdout(Stdio::null())
            .status();
        assert!(made.unwrap().success());
        certify(&folder);
        let port = free_port();
        let process = run("postgres")
            .arg("-D")
            .arg(at("data"))
            .arg("-k")
            .arg(folder.path())
            .args(["-p", &port.to_string(), "-c", "fsync=off", "-c", "ssl=on"])
            .args(["-c", "listen_addresses=127.0.0.1"])
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let server = Self {
            process,
            port,
            folder,
        };
        server.wait();
        Some(server)
    }

    fn wait(&self) {
        let until = Instant::now() + PATIENCE;
        while Client::connect(&self.socket("postgres"), NoTls).is_err() {
            assert!(Instant::now() < until, "the server did not start");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    fn socket(&self, database: &str) -> String {
        let folder = self.folder.path().to_str().unwrap().replace('/', "%2F");
        format!("postgresql://onco@{folder}:{}/{database}", self.port)
    }

    fn network(&self) -> String {
        format!("postgresql://onco@127.0.0.1:{}/postgres", self.port)
    }

    /// An empty database, reached by a socket.
    pub fn database(&self, name: &str) -> Server {
        let mut client = Client::connect(&self.socket("postgres"), NoTls).unwrap();
        client
            .batch_execute(&format!("CREATE DATABASE {name}"))
            .unwrap();
        Server {
            url: self.socket(name),
            passfile: None,
            ca_file: None,
        }
    }

    /// Everything in a database, as text.
    pub fn dump(&self, server: &Server) -> String {
        let program = programs().unwrap().join("pg_dump");
        let dump = Command::new(program).arg(&server.url).output().unwrap();
        assert!(dump.status.success());
        String::from_utf8(dump.stdout).unwrap()
    }
}

impl Drop for TestServer {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The folder with the server's programs, which Debian keeps out of the path.
fn programs() -> Option<PathBuf> {
    let versions = fs::read_dir("/usr/lib/postgresql").ok()?;
    let folders = versions.filter_map(|version| Some(version.ok()?.path().join("bin")));
    folders
        .filter(|folder| folder.join("initdb").exists())
        .max()
}

fn is_root() -> bool {
    fs::metadata("/proc/self").unwrap().uid() == 0
}

/// The server refuses to be run by root.
fn as_anybody(program: &Path) -> Command {
    if !is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command
        .args(["--reuid", "nobody", "--regid", "nogroup", "--clear-groups"])
        .arg(program);
    command
}

/// The server's certificate, which it wants to own.
fn certify(folder: &TempDir) {
    let data = folder.path().join("data");
    let made = Command::new("openssl")
        .args(["req", "-x509", "-nodes", "-days", "2", "-subj", "/CN=test"])
        .args(["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"])
        .args(["-addext", "subjectAltName=IP:127.0.0.1"])
        .args(["-addext", "basicConstraints=critical,CA:FALSE", "-keyout"])
        .arg(data.join("server.key"))
        .arg("-out")
        .arg(data.join("server.crt"))
        .stderr(Stdio::null())
        .status();
    assert!(made.unwrap().success());
    let owner = fs::metadata(&data).unwrap();
    for name in ["server.key", "server.crt"] {
        let file = data.join(name);
        std::os::unix::fs::chown(&file, Some(owner.uid()), Some(owner.gid())).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    }
    fs::copy(data.join("server.crt"), folder.path().join("ca.pem")).unwrap();
}

fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

fn opens(server: &Server) -> Result<(), String> {
    let opened = Postgres::open(server, VaultId([1; 32]));
    opened.map(|_| ()).map_err(|error| error.to_string())
}

#[test]
fn passwords_come_from_a_file_that_nobody_else_reads() {
    let Some(running) = TestServer::start() else {
        return;
    };
    let file = running.folder.path().join("pass");
    let with = |password: &str, mode: u32| {
        let line = format!("*:*:*:onco:{password}\n");
        let _ = fs::remove_file(&file);
        fs::write(&file, line).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
        opens(&Server {
            url: running.network(),
            passfile: Some(file.clone()),
            ca_file: None,
        })
    };
    assert_eq!(with(PASSWORD, 0o600), Ok(()));
    let wrong = with("wrong horse", 0o600).unwrap_err();
    assert!(wrong.contains("password authentication failed"), "{wrong}");
    assert!(!wrong.contains("horse"), "{wrong}");
    let open = with(PASSWORD, 0o640).unwrap_err();
    assert!(open.contains("chmod 600"), "{open}");
}

#[test]
fn a_server_is_believed_only_with_a_certificate_that_is_trusted() {
    let Some(running) = TestServer::start() else {
        return;
    };
    let file = running.folder.path().join("pass");
    fs::write(&file, format!("*:*:*:*:{PASSWORD}\n")).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    let with = |ca_file: Option<PathBuf>| {
        opens(&Server {
            url: format!("{}?sslmode=require", running.network()),
            passfile: Some(file.clone()),
            ca_file,
        })
    };
    let own = running.folder.path().join("ca.pem");
    assert_eq!(with(Some(own)), Ok(()));
    let stranger = with(None).unwrap_err();
    assert!(stranger.contains("certificate"), "{stranger}");
}
