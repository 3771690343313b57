//! A PACS for tests: Orthanc, which speaks DICOMweb and DIMSE.

#![allow(
    clippy::print_stderr,
    reason = "a test that is skipped says so, and so does a server that does not start"
)]

mod authority;
mod front;
mod receiver;
mod sample;

use std::io::Write;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

pub use authority::certify;
pub use front::Front;
pub use receiver::Receiver;
pub use sample::{CLASS, data_set, file};

const READY_WITHIN: Duration = Duration::from_secs(60);
/// Debian installs it where only root looks.
const PROGRAM: &str = "Orthanc";
const FOLDERS: [&str; 2] = ["/usr/sbin", "/usr/bin"];
const PLUGIN: &str = "/usr/share/orthanc/plugins/libOrthancDicomWeb.so";
/// Answers are at most so long, in bytes.
const ANSWER_MAX: u64 = 256 << 20;

/// Waits for its input to end, which happens even if the test is killed; then ends the server and
/// removes its files.
const KEEPER: &str = r#"dir=$1; shift; "$@" >"$dir/log" 2>&1 </dev/null & server=$!
read -r _; kill -9 "$server"; wait "$server" 2>/dev/null; rm -rf -- "$dir""#;

/// An empty PACS. It keeps the first object of an identifier.
pub struct Orthanc {
    keeper: Child,
    folder: PathBuf,
    http: u16,
    dimse: u16,
}

impl Orthanc {
    /// Starts a server that lets everybody in. Without the program it says so and returns `None`,
    /// so that the test is skipped by name; where `CI` is set, nothing is skipped.
    ///
    /// # Panics
    /// If the server does not start, or is missing under `CI`.
    pub fn start() -> Option<Self> {
        Self::start_with("\"AuthenticationEnabled\":false")
    }

    /// Starts a server with more members in its configuration, in JSON.
    ///
    /// # Panics
    /// As [`Orthanc::start`].
    pub fn start_with(more: &str) -> Option<Self> {
        let Some(program) = find() else {
            assert!(
                std::env::var_os("CI").is_none(),
                "Orthanc is missing: install orthanc and orthanc-dicomweb"
            );
            eprintln!("skipped: no Orthanc with DICOMweb; install orthanc and orthanc-dicomweb");
            return None;
        };
        // Another process may take a port between the look and the start.
        let started = (0..3).find_map(|_| Self::try_start(&program, more));
        assert!(started.is_some(), "{} did not start", program.display());
        started
    }

    /// Its address for STOW-RS.
    pub fn web(&self) -> String {
        format!("dicomweb+http://127.0.0.1:{}/dicom-web", self.http)
    }

    /// The port of its web service, for what stands before it.
    pub fn web_port(&self) -> u16 {
        self.http
    }

    /// Its address for C-STORE.
    pub fn peer(&self) -> String {
        format!("dimse://ONCO@127.0.0.1:{}", self.dimse)
    }

    /// What it answers to a question, with its own address taken out.
    ///
    /// # Panics
    /// If it does not answer, or refuses.
    pub fn get(&self, path: &str) -> Vec<u8> {
        let asked = ureq::get(self.url(path)).header("Accept", "*/*").call();
        let mut answer = asked.unwrap_or_else(|error| panic!("GET {path}: {error}"));
        let body = answer.body_mut().with_config().limit(ANSWER_MAX);
        body.read_to_vec()
            .unwrap_or_else(|error| panic!("GET {path}: {error}"))
    }

    /// Gives it a file by its own interface, as its web page does.
    ///
    /// # Panics
    /// If it does not take it.
    pub fn upload(&self, file: &[u8]) {
        let told = ureq::post(self.url("/instances")).send(file);
        assert!(told.is_ok(), "{told:?}");
    }

    /// Its address, as it stands in its answers.
    pub fn authority(&self) -> String {
        format!("127.0.0.1:{}", self.http)
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.authority())
    }

    fn try_start(program: &Path, more: &str) -> Option<Self> {
        let folder = tempfile::Builder::new()
            .prefix("orthanc-")
            .tempdir()
            .ok()?
            .keep();
        let (http, dimse) = (free_port()?, free_port()?);
        let config = folder.join("orthanc.json");
        std::fs::write(&config, configuration(&folder, http, dimse, more)).ok()?;
        let keeper = Command::new("sh")
            .args(["-c", KEEPER, "keeper"])
            .arg(&folder)
            .arg(program)
            .arg(&config)
            .stdin(Stdio::piped())
            .spawn()
            .ok()?;
        let server = Self {
            keeper,
            folder,
            http,
            dimse,
        };
        server.is_ready().then_some(server)
    }

    /// An open port says nothing: it may be another server's, if both chose the same.
    fn is_ready(&self) -> bool {
        let deadline = Instant::now() + READY_WITHIN;
        let said = || std::fs::read_to_string(self.folder.join("log")).unwrap_or_default();
        while Instant::now() < deadline {
            let said = said();
            if said.contains("Orthanc has started") {
                return true;
            }
            if said.contains("Orthanc has stopped") || said.contains("\nE") {
                break;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        eprintln!("{}", said());
        false
    }
}

impl Drop for Orthanc {
    fn drop(&mut self) {
        if let Some(mut input) = self.keeper.stdin.take() {
            let _ = input.write_all(b"\n");
        }
        let _ = self.keeper.wait();
    }
}

fn configuration(folder: &Path, http: u16, dimse: u16, more: &str) -> String {
    let folder = folder.display();
    format!(
        r#"{{"Name":"TEST","StorageDirectory":"{folder}/db","IndexDirectory":"{folder}/db",
"HttpPort":{http},"HttpBindAddresses":["127.0.0.1"],"DicomPort":{dimse},"DicomAet":"ONCO",
"DicomAlwaysAllowStore":true,"DicomCheckCalledAet":true,"RemoteAccessAllowed":false,
"OverwriteInstances":false,"Plugins":["{PLUGIN}"],"DicomWeb":{{"Enable":true,"Root":"/dicom-web/"}},
{more}}}"#
    )
}

fn free_port() -> Option<u16> {
    let listener = TcpListener::bind("127.0.0.1:0").ok()?;
    Some(listener.local_addr().ok()?.port())
}

/// The program, if its plugin is there too.
fn find() -> Option<PathBuf> {
    if !Path::new(PLUGIN).is_file() {
        return None;
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(FOLDERS.map(PathBuf::from))
        .map(|folder| folder.join(PROGRAM))
        .find(|file| file.is_file())
}
