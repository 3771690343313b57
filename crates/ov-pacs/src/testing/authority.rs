//! Certificates for tests: an authority, and a server for which it vouches.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Makes an authority (`ca.pem`) in this folder, and a server for which it vouches, under the name
/// 127.0.0.1 alone. Returns the file with the server's certificate and its key.
///
/// # Panics
/// If openssl cannot be run, or the folder cannot be written.
pub fn certify(folder: &Path) -> PathBuf {
    let file = |name: &str| folder.join(name);
    let (authority, authority_key) = (file("ca.pem"), file("ca.key"));
    let (server, server_key) = (file("server.crt"), file("server.key"));
    let mut own = request("/CN=authority of a test", &authority_key, &authority);
    own.args(["-addext", "keyUsage=critical,keyCertSign"]);
    run(&mut own);
    let mut signed = request("/CN=pacs", &server_key, &server);
    signed.args(["-addext", "subjectAltName=IP:127.0.0.1"]);
    signed.args(["-addext", "basicConstraints=critical,CA:FALSE"]);
    signed.arg("-CA").arg(&authority);
    signed.arg("-CAkey").arg(&authority_key);
    run(&mut signed);
    let both = file("server.pem");
    let read = |path: &Path| std::fs::read(path).unwrap_or_else(|error| panic!("{error}"));
    let content = [read(&server), read(&server_key)].concat();
    let written = std::fs::write(&both, content);
    assert!(written.is_ok(), "{written:?}");
    both
}

/// A certificate that its own key signs, unless an authority is named.
fn request(subject: &str, key: &Path, certificate: &Path) -> Command {
    let mut command = Command::new("openssl");
    command
        .args(["req", "-x509", "-nodes", "-days", "2", "-subj", subject])
        .args(["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"])
        .arg("-keyout")
        .arg(key)
        .arg("-out")
        .arg(certificate)
        .stderr(Stdio::null());
    command
}

fn run(command: &mut Command) {
    let done = command.status();
    let made = done.as_ref().is_ok_and(std::process::ExitStatus::success);
    assert!(made, "openssl makes certificates for tests: {done:?}");
}
