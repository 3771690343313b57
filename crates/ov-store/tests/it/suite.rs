//! The contract suite over every target.

use std::time::Duration;

use ov_store::contract::{self, Reach};
use ov_store::testing::{Identity, Seaweed, Sshd};
use ov_store::{Cached, Fault, Flaky, Folder, Memory, Recording, S3, Sftp, Slow, SshHost, Store};

pub fn uphold(store: &dyn Store, reach: Reach) {
    let mut nonce = [0; 16];
    rustix::rand::getrandom(&mut nonce, rustix::rand::GetRandomFlags::empty()).unwrap();
    let broken = contract::broken(contract::run(store, reach, nonce));
    assert!(broken.is_empty(), "{}: {broken:#?}", store.describe());
}

#[test]
fn memory_keeps_the_contract() {
    let store = Memory::new();
    uphold(&store, Reach::Everything);
    assert!(store.snapshot().is_empty(), "the suite cleans up");
}

#[test]
fn a_folder_keeps_the_contract() {
    let folder = tempfile::tempdir().unwrap();
    uphold(&Folder::open(folder.path()).unwrap(), Reach::Everything);
}

#[test]
fn a_cached_folder_keeps_the_contract() {
    let folder = tempfile::tempdir().unwrap();
    let store = Folder::create(&folder.path().join("vault")).unwrap();
    uphold(
        &Cached::new(store, folder.path().join("cache")),
        Reach::Everything,
    );
}

#[test]
fn decorators_keep_the_contract_when_nothing_is_planned() {
    let store = Slow::new(Flaky::new(Memory::new(), |_| None), Duration::ZERO);
    uphold(&Recording::new(store), Reach::Everything);
}

#[test]
fn a_bucket_keeps_the_contract() {
    let Some(server) = Seaweed::shared() else {
        return;
    };
    server.bucket("contract");
    for prefix in ["", "a/vault"] {
        let store = S3::open("contract", prefix, &server.options(Identity::Admin)).unwrap();
        uphold(&store, Reach::Everything);
    }
}

#[test]
fn a_folder_behind_sftp_keeps_the_contract() {
    let Some(server) = Sshd::shared() else {
        return;
    };
    let nas = SshHost::new(None, "nas", None).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("new/vault");
    let store = Sftp::create(&nas, root.to_str().unwrap(), &server.options()).unwrap();
    uphold(&store, Reach::Everything);
}

#[test]
fn a_target_that_breaks_its_word_is_found_out() {
    for fault in [Fault::Torn, Fault::Fail, Fault::FailAfter] {
        let store = Flaky::new(Memory::new(), ov_store::faulty::every(5, fault));
        let broken = contract::broken(contract::run(&store, Reach::Everything, [0; 16]));
        assert!(!broken.is_empty(), "{fault:?}");
    }
}
