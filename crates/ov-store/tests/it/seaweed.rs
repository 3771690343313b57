//! What is special about a bucket, on a real server.

use ov_format::id::ObjectHash;
use ov_format::name::ObjectName;
use ov_store::testing::{Identity, Seaweed};
use ov_store::{
    Credentials, Finding, Grade, Listing, Put, S3, Secret, Store, StoreError, TargetUrl, open,
    probe,
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
