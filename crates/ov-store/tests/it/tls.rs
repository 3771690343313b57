//! Certificates are verified, and an own one is trusted only when it is named.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use ov_format::id::ObjectHash;
use ov_format::name::ObjectName;
use ov_store::{Credentials, OpenOptions, OptionsError, Retries, S3, Secret, Store, StoreError};

const SERVER: &str = r#"
import http.server, ssl, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", "5")
        self.send_header("ETag", '"e"')
        self.send_header("Last-Modified", "Thu, 01 Jan 2026 00:00:00 GMT")
        self.end_headers()
        self.wfile.write(b"hello")
    def log_message(self, *args):
        pass
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(sys.argv[1], sys.argv[2])
server.socket = context.wrap_socket(server.socket, server_side=True)
print(server.server_address[1], flush=True)
server.serve_forever()
"#;

struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn start(certificate: &Path, key: &Path) -> (Server, u16) {
    let mut child = Command::new("python3")
        .args(["-c", SERVER])
        .args([certificate, key])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    let mut output = BufReader::new(child.stdout.take().unwrap());
    let server = Server(child);
    output.read_line(&mut line).unwrap();
    (server, line.trim().parse().unwrap())
}

fn make_certificate(certificate: &Path, key: &Path) -> bool {
    let made = Command::new("openssl")
        .args(["req", "-x509", "-nodes", "-days", "2", "-subj", "/CN=test"])
        .args(["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"])
        .args(["-addext", "subjectAltName=IP:127.0.0.1"])
        .args(["-addext", "basicConstraints=critical,CA:FALSE"])
        .arg("-keyout")
        .arg(key)
        .arg("-out")
        .arg(certificate)
        .stderr(Stdio::null())
        .status();
    made.is_ok_and(|status| status.success())
}

fn options(port: u16, ca_file: Option<&Path>) -> OpenOptions {
    OpenOptions {
        endpoint: Some(format!("https://127.0.0.1:{port}")),
        ca_file: ca_file.map(Path::to_owned),
        credentials: Credentials::Given {
            access_key_id: "a".into(),
            secret_access_key: Secret::new("b"),
            session_token: None,
        },
        retries: Retries {
            attempts: 2,
            first_pause: Duration::from_millis(1),
            longest_pause: Duration::from_millis(1),
            ..Retries::default()
        },
        ..OpenOptions::default()
    }
}

#[test]
fn a_server_with_its_own_certificate_is_trusted_only_when_the_certificate_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let (certificate, key) = (
        folder.path().join("cert.pem"),
        folder.path().join("key.pem"),
    );
    if !make_certificate(&certificate, &key) {
        assert!(std::env::var_os("CI").is_none(), "openssl is missing");
        eprintln!("skipped: certificates for tests are made with openssl");
        return;
    }
    let (_server, port) = start(&certificate, &key);
    let name = ObjectName::Pack(ObjectHash(*blake3::hash(b"hello").as_bytes()));
    let strange = S3::open("onco", "", &options(port, None)).unwrap();
    let error = strange.get(&name).unwrap_err();
    assert!(matches!(error, StoreError::Unreachable { .. }), "{error:?}");
    assert!(
        format!("{error:?}").to_lowercase().contains("certificate"),
        "{error:?}"
    );
    let trusted = S3::open("onco", "", &options(port, Some(&certificate))).unwrap();
    assert_eq!(trusted.get(&name).unwrap(), b"hello");
}

#[test]
fn a_file_without_certificates_is_an_error_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let empty = folder.path().join("empty.pem");
    std::fs::write(&empty, "no certificate").unwrap();
    for file in [empty, folder.path().join("missing.pem")] {
        let opened = S3::open("onco", "", &options(1, Some(&file)));
        let error = opened.map(drop).unwrap_err();
        let expected = OptionsError::Certificates {
            file: file.clone(),
            source: "".into(),
        };
        assert_eq!(error.to_string(), expected.to_string());
    }
}
