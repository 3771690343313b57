//! What is special about WebDAV, on a real server.

use std::fs;

use ov_format::id::ObjectHash;
use ov_format::name::ObjectName;
use ov_store::contract::Reach;
use ov_store::testing::WsgiDav;
use ov_store::{
    Finding, Folder, Grade, Listing, OpenOptions, OptionsError, Put, Store, StoreError, TargetUrl,
    create, open, probe,
};

use crate::suite::uphold;

fn pack(bytes: &[u8]) -> ObjectName {
    ObjectName::Pack(ObjectHash(*blake3::hash(bytes).as_bytes()))
}

fn url(server: &WsgiDav, path: &str) -> TargetUrl {
    TargetUrl::parse(&format!("dav://127.0.0.1:{}/{path}", server.port())).unwrap()
}

#[test]
fn a_folder_behind_webdav_keeps_the_contract() {
    let Some(server) = WsgiDav::start() else {
        return;
    };
    let store = create(&url(&server, "a/my%20vault"), &OpenOptions::default()).unwrap();
    uphold(&*store, Reach::Everything);
    let found = probe(&*store, [1; 16]).unwrap();
    assert_eq!(found.grade, Grade::Plain, "{found}");
    assert_eq!(
        (found.create_only_put, found.ranges),
        (Finding::Yes, Finding::Yes),
        "{found}"
    );
    assert!(found.lists_at_once());
}

#[test]
fn a_target_by_webdav_is_the_same_as_the_folder_that_it_is() {
    let Some(server) = WsgiDav::start() else {
        return;
    };
    let options = OpenOptions::default();
    let there = url(&server, "vault");
    let missing = open(&there, &options).map(drop);
    assert!(
        matches!(missing, Err(StoreError::NotAStore { .. })),
        "{missing:?}"
    );
    let far = create(&there, &options).unwrap();
    let near = Folder::open(&server.root().join("vault")).unwrap();
    let large = vec![5; (3 << 20) + 1];
    far.put_new(&pack(&large), &large).unwrap();
    near.put_new(&pack(b"near"), b"near").unwrap();
    assert_eq!(near.get(&pack(&large)).unwrap(), large);
    assert_eq!(far.get(&pack(&large)).unwrap(), large);
    assert_eq!(
        far.put_new(&pack(b"near"), b"near").unwrap().put(),
        Put::AlreadyThere
    );
    assert_eq!(near.sweep(std::time::Duration::ZERO).unwrap(), 0);
    fs::rename(server.root().join("vault"), server.root().join("gone")).unwrap();
    let gone = |result: Result<(), StoreError>| match result {
        Err(StoreError::NotAStore { .. }) => {}
        other => panic!("{other:?}"),
    };
    gone(far.list(Listing::Packs, &mut |_| Ok(())));
    gone(far.get(&pack(&large)).map(drop));
    gone(far.put_new(&pack(b"y"), b"y").map(drop));
}

#[test]
fn plain_http_to_another_machine_is_refused() {
    let elsewhere = TargetUrl::parse("dav://dav.example.org/v").unwrap();
    let refused = open(&elsewhere, &OpenOptions::default()).map(drop);
    assert!(
        matches!(
            refused,
            Err(StoreError::Options(OptionsError::PlainHttp { .. }))
        ),
        "{refused:?}"
    );
}
