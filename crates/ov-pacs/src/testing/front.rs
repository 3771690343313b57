//! TLS before a PACS, as sites have it: Orthanc's own manual wants a server before it that speaks
//! HTTPS, and Debian's Orthanc 1.10 dies of the first TLS connection to itself.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use super::authority::certify;

/// Takes TLS connections and passes on what is in them. Ends with its input, which ends even if the
/// test is killed.
const PROGRAM: &str = r#"
import os, select, socket, ssl, sys, threading
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(sys.argv[1])
target = int(sys.argv[2])
listener = socket.create_server(("127.0.0.1", 0))
print(listener.getsockname()[1], flush=True)

def serve(plain):
    try:
        client = context.wrap_socket(plain, server_side=True)
        server = socket.create_connection(("127.0.0.1", target))
        while True:
            ready = [client] if client.pending() else select.select([client, server], [], [])[0]
            for one, other in ((client, server), (server, client)):
                if one in ready:
                    piece = one.recv(65536)
                    if not piece:
                        return
                    other.sendall(piece)
    except OSError:
        pass
    finally:
        plain.close()

def accept():
    while True:
        threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()

threading.Thread(target=accept, daemon=True).start()
sys.stdin.read()
os._exit(0)
"#;

/// Speaks TLS with a certificate for 127.0.0.1, by an authority of its own, before a web service.
pub struct Front {
    child: Child,
    folder: tempfile::TempDir,
    port: u16,
}

impl Front {
    /// Before the web service at this port.
    ///
    /// # Panics
    /// If openssl or python3 cannot be run.
    pub fn before(port: u16) -> Self {
        let folder = tempfile::tempdir().unwrap_or_else(|error| panic!("{error}"));
        let started = Command::new("python3")
            .args(["-c", PROGRAM])
            .arg(certify(folder.path()))
            .arg(port.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn();
        let mut child = started.unwrap_or_else(|error| panic!("python3: {error}"));
        let mut line = String::new();
        if let Some(output) = child.stdout.take() {
            let _ = BufReader::new(output).read_line(&mut line);
        }
        let port = line.trim().parse();
        Self {
            port: port.unwrap_or_else(|error| panic!("python3 says {line:?}: {error}")),
            child,
            folder,
        }
    }

    /// Its address for STOW-RS.
    pub fn web(&self) -> String {
        format!("dicomweb+https://127.0.0.1:{}/dicom-web", self.port)
    }

    /// The certificate of the authority that vouches for it.
    pub fn authority_file(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }
}

impl Drop for Front {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
