//! What is special about a bucket, on a real server.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::time::{Duration, Instant};

use ov_format::id::ObjectHash;
use ov_format::name::ObjectName;
use ov_store::testing::{Identity, Seaweed};
use ov_store::{
    Credentials, Finding, Grade, Listing, OpenOptions, Put, Retries, S3, Secret, Store, StoreError,
    TargetUrl, open, probe,
};

fn pack(bytes: &[u8]) -> ObjectName {
    ObjectName::Pack(ObjectHash(*blake3::hash(bytes).as_bytes()))
}

#[test]
fn a_bucket_is_opened_by_its_url_and_keeps_what_it_gets() {
    let Some(server) = Seaweed::shared() else {
        return;
    };
    server.bucket("opened");
    let url = TargetUrl::parse("s3://opened/site/vault").unwrap();
    let options = server.options(Identity::Admin);
    open(&url, &options)
        .unwrap()
        .put_new(&pack(b"x"), b"x")
        .unwrap();
    let again = open(&url, &options).unwrap();
    assert_eq!(again.get(&pack(b"x")).unwrap(), b"x");
    assert_eq!(
        again.describe(),
        format!("s3://opened/site/vault at {}", server.endpoint())
    );
    let beside = open(&TargetUrl::parse("s3://opened/site").unwrap(), &options).unwrap();
    assert_eq!(beside.length(&pack(b"x")).unwrap(), None);
}

#[test]
fn a_plain_bucket_and_a_locked_bucket_get_their_grades() {
    let Some(server) = Seaweed::shared() else {
        return;
    };
    server.bucket("plain");
    let store = S3::open("plain", "", &server.options(Identity::Admin)).unwrap();
    let found = probe(&store, [1; 16]).unwrap();
    assert_eq!(found.grade, Grade::Plain);
    assert!(found.lists_at_once());
    assert_eq!(found.create_only_put, Finding::Yes);
    server.locked_bucket("locked");
    let store = S3::open("locked", "", &server.options(Identity::Admin)).unwrap();
    let found = probe(&store, [2; 16]).unwrap();
    assert_eq!(found.grade, Grade::Locked, "{found}");
}

#[test]
fn who_may_only_write_can_store_and_store_again_but_not_read() {
    let Some(server) = Seaweed::shared() else {
        return;
    };
    server.bucket("writeonly");
    let agent = S3::open("writeonly", "", &server.options(Identity::Agent)).unwrap();
    let reader = S3::open("writeonly", "", &server.options(Identity::Reader)).unwrap();
    let name = pack(b"sealed");
    assert_eq!(agent.put_new(&name, b"sealed").unwrap().put(), Put::Created);
    assert_eq!(
        agent.put_new(&name, b"sealed").unwrap().put(),
        Put::AlreadyThere
    );
    assert!(matches!(agent.get(&name), Err(StoreError::Denied { .. })));
    assert!(matches!(
        agent.list(Listing::Packs, &mut |_| Ok(())),
        Err(StoreError::Denied { .. })
    ));
    assert_eq!(reader.get(&name).unwrap(), b"sealed");
    assert!(matches!(
        reader.put_new(&pack(b"y"), b"y"),
        Err(StoreError::Denied { .. })
    ));
    assert!(matches!(
        reader.delete(&name),
        Err(StoreError::Denied { .. })
    ));
}

#[test]
fn long_listings_come_whole() {
    let Some(server) = Seaweed::shared() else {
        return;
    };
    server.bucket("long");
    let store = S3::open("long", "v", &server.options(Identity::Admin)).unwrap();
    let count = 1100u32;
    std::thread::scope(|scope| {
        for part in 0..4 {
            let store = &store;
            scope.spawn(move || {
                for number in (part..count).step_by(4) {
                    let bytes = number.to_le_bytes();
                    store.put_new(&pack(&bytes), &bytes).unwrap();
                }
            });
        }
    });
    let mut seen = std::collections::BTreeSet::new();
    let mut insert = |listed: ov_store::Listed| {
        assert!(listed.modified.is_some());
        seen.insert(listed.name);
        Ok(())
    };
    store.list(Listing::Packs, &mut insert).unwrap();
    assert_eq!(seen.len(), 1100);
}

#[test]
fn a_wrong_secret_is_denied_and_a_missing_bucket_is_no_store() {
    let Some(server) = Seaweed::shared() else {
        return;
    };
    server.bucket("guarded");
    let mut options = server.options(Identity::Admin);
    let missing = S3::open("not-there", "", &server.options(Identity::Reader)).unwrap();
    let got = missing.list(Listing::Packs, &mut |_| Ok(()));
    assert!(matches!(got, Err(StoreError::NotAStore { .. })), "{got:?}");
    options.credentials = Credentials::Given {
        access_key_id: "oncoadmin".into(),
        secret_access_key: Secret::new("wrong"),
        session_token: None,
    };
    let store = S3::open("guarded", "", &options).unwrap();
    let put = store.put_new(&pack(b"x"), b"x");
    assert!(matches!(put, Err(StoreError::Denied { .. })), "{put:?}");
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
            let mut request = Vec::new();
            let mut block = [0; 4096];
            while !request.windows(4).any(|part| part == b"\r\n\r\n") {
                match stream.read(&mut block) {
                    Ok(0) | Err(_) => return served,
                    Ok(length) => request.extend_from_slice(&block[..length]),
                }
            }
            stream.write_all(answer.as_bytes()).unwrap();
        }
        answers.len()
    });
    (port, server)
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
