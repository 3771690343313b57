//! How a bucket's client takes what a server may answer. The servers here follow a script.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::{Duration, Instant};

use ov_format::id::ObjectHash;
use ov_format::name::ObjectName;
use ov_store::{Credentials, OpenOptions, Put, Retries, S3, Secret, Store, StoreError};

fn pack(bytes: &[u8]) -> ObjectName {
    ObjectName::Pack(ObjectHash(*blake3::hash(bytes).as_bytes()))
}

fn options(port: u16) -> OpenOptions {
    OpenOptions {
        endpoint: Some(format!("http://127.0.0.1:{port}")),
        credentials: Credentials::Given {
            access_key_id: "a".into(),
            secret_access_key: Secret::new("b"),
            session_token: None,
        },
        retries: Retries {
            attempts: 3,
            first_pause: Duration::from_millis(1),
            longest_pause: Duration::from_millis(2),
            ..Retries::default()
        },
        ..OpenOptions::default()
    }
}

/// A server that answers each request with the next of these, and says how many it got.
fn scripted(answers: &'static [&'static str]) -> (u16, std::thread::JoinHandle<usize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = std::thread::spawn(move || {
        for (served, answer) in answers.iter().enumerate() {
            let (mut stream, _) = listener.accept().unwrap();
            stream
                .set_read_timeout(Some(Duration::from_secs(5)))
                .unwrap();
            if answer.is_empty() {
                // Hangs up without an answer.
                continue;
            }
            if read_request(&mut stream).is_err() {
                return served;
            }
            stream.write_all(answer.as_bytes()).unwrap();
        }
        answers.len()
    });
    (port, server)
}

/// Reads the whole request: a server that closes on unread bytes may take its answer back.
fn read_request(stream: &mut TcpStream) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream);
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let line = line.trim_end().to_ascii_lowercase();
        if let Some(value) = line.strip_prefix("content-length: ") {
            length = value.parse().unwrap();
        }
        if line.is_empty() {
            return reader.read_exact(&mut vec![0; length]);
        }
    }
}

const BUSY: &str = "HTTP/1.1 503 Slow Down\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
const HELLO: &str = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nETag: \"e\"\r\n\
    Last-Modified: Thu, 01 Jan 2026 00:00:00 GMT\r\nConnection: close\r\n\r\nhello";
const CUT: &str = "HTTP/1.1 200 OK\r\nContent-Length: 50\r\nETag: \"e\"\r\n\
    Last-Modified: Thu, 01 Jan 2026 00:00:00 GMT\r\nConnection: close\r\n\r\nhel";
const HUGE: &str = "HTTP/1.1 200 OK\r\nContent-Length: 5000000000\r\nETag: \"e\"\r\n\
    Last-Modified: Thu, 01 Jan 2026 00:00:00 GMT\r\nConnection: close\r\n\r\nhel";
const FORBIDDEN: &str = "HTTP/1.1 403 No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";

#[test]
fn what_passes_is_tried_again() {
    for first in [BUSY, "", CUT] {
        let answers: &'static [&'static str] = match first {
            BUSY => &[BUSY, BUSY, HELLO],
            "" => &["", HELLO],
            _ => &[CUT, HELLO],
        };
        let (port, server) = scripted(answers);
        let store = S3::open("onco", "", &options(port)).unwrap();
        assert_eq!(store.get(&pack(b"hello")).unwrap(), b"hello");
        assert_eq!(server.join().unwrap(), answers.len());
    }
}

#[test]
fn trying_again_ends() {
    let (port, server) = scripted(&[BUSY, BUSY, BUSY]);
    let store = S3::open("onco", "", &options(port)).unwrap();
    let error = store.get(&pack(b"hello")).unwrap_err();
    assert!(error.is_retryable(), "{error:?}");
    assert_eq!(server.join().unwrap(), 3);
}

#[test]
fn a_refusal_is_not_tried_again() {
    let (port, server) = scripted(&[FORBIDDEN]);
    let store = S3::open("onco", "", &options(port)).unwrap();
    assert!(matches!(
        store.get(&pack(b"x")),
        Err(StoreError::Denied { .. })
    ));
    assert_eq!(server.join().unwrap(), 1);
}

#[test]
fn an_object_that_claims_to_be_huge_is_not_read() {
    let (port, _server) = scripted(&[HUGE]);
    let store = S3::open("onco", "", &options(port)).unwrap();
    assert!(matches!(
        store.get(&pack(b"x")),
        Err(StoreError::TooLong { .. })
    ));
}

#[test]
fn a_server_that_is_not_there_is_unreachable_and_said_soon() {
    let port = {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap().port()
    };
    let store = S3::open("onco", "", &options(port)).unwrap();
    let started = Instant::now();
    let error = store.put_new(&pack(b"x"), b"x").unwrap_err();
    assert!(matches!(error, StoreError::Unreachable { .. }), "{error:?}");
    assert!(started.elapsed() < Duration::from_secs(5));
}

#[test]
fn a_server_without_conditions_is_asked_first_and_then_written_to() {
    const NOT_IMPLEMENTED: &str =
        "HTTP/1.1 501 Not Implemented\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    const ABSENT: &str = "HTTP/1.1 404 No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    const STORED: &str =
        "HTTP/1.1 200 OK\r\nETag: \"e\"\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    let (port, server) = scripted(&[NOT_IMPLEMENTED, ABSENT, STORED]);
    let store = S3::open("onco", "", &options(port)).unwrap();
    assert_eq!(
        store.put_new(&pack(b"x"), b"x").unwrap().put(),
        Put::Created
    );
    assert_eq!(server.join().unwrap(), 3);
}

#[test]
fn an_answer_that_was_lost_is_no_second_object_and_no_error() {
    const TAKEN: &str = "HTTP/1.1 412 No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    const THERE: &str = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nETag: \"e\"\r\n\
        Last-Modified: Thu, 01 Jan 2026 00:00:00 GMT\r\nConnection: close\r\n\r\n";
    let (port, server) = scripted(&["", TAKEN, THERE, HELLO]);
    let store = S3::open("onco", "", &options(port)).unwrap();
    let put = store.put_new(&pack(b"hello"), b"hello").unwrap();
    assert_eq!(put.put(), Put::AlreadyThere);
    assert_eq!(server.join().unwrap(), 4);
    let (port, _server) = scripted(&[TAKEN, THERE, HELLO]);
    let store = S3::open("onco", "", &options(port)).unwrap();
    let put = store.put_new(&pack(b"jello"), b"jello");
    assert!(matches!(put, Err(StoreError::Damaged { .. })), "{put:?}");
}

#[test]
fn a_writer_that_meets_another_waits_and_looks_again() {
    const CONFLICT: &str =
        "HTTP/1.1 409 Conflict\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    const STORED: &str =
        "HTTP/1.1 200 OK\r\nETag: \"e\"\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    let (port, server) = scripted(&[CONFLICT, STORED]);
    let store = S3::open("onco", "", &options(port)).unwrap();
    assert_eq!(
        store.put_new(&pack(b"x"), b"x").unwrap().put(),
        Put::Created
    );
    assert_eq!(server.join().unwrap(), 2);
}

#[test]
fn a_server_that_falls_silent_is_given_up_in_time() {
    // Takes connections and says nothing; then half an answer and nothing more.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let halting = TcpListener::bind("127.0.0.1:0").unwrap();
    let ports = [&silent, &halting].map(|listener| listener.local_addr().unwrap().port());
    let halting = std::thread::spawn(move || {
        let (mut stream, _) = halting.accept().unwrap();
        read_request(&mut stream).unwrap();
        stream.write_all(CUT.as_bytes()).unwrap();
        stream
    });
    for port in ports {
        let mut options = options(port);
        options.retries.attempts = 1;
        options.retries.patience = Duration::from_millis(300);
        let store = S3::open("onco", "", &options).unwrap();
        let started = Instant::now();
        let error = store.get(&pack(b"x")).unwrap_err();
        assert!(matches!(error, StoreError::Unreachable { .. }), "{error:?}");
        assert!(started.elapsed() < Duration::from_secs(5));
    }
    drop(halting.join().unwrap());
}
