//! What is special about a target that another machine guards.

use std::error::Error;
use std::fs;
use std::io::Cursor;
use std::path::{Path, PathBuf};

use ov_format::id::ObjectHash;
use ov_format::name::ObjectName;
use ov_store::contract::{self, Reach};
use ov_store::testing::Sshd;
use ov_store::{
    Finding, Folder, Grade, Listing, Permission, Put, Served, SshHost, Store, StoreError,
    TargetUrl, create, open, probe, serve,
};

use crate::shaky::Shaky;

fn pack(bytes: &[u8]) -> ObjectName {
    ObjectName::Pack(ObjectHash(*blake3::hash(bytes).as_bytes()))
}

/// The other side, built with the tests of this crate.
fn program() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let program = test.parent().unwrap().join("../examples/serve");
    assert!(
        program.is_file(),
        "{} is missing: cargo build -p ov-store --examples",
        program.display()
    );
    program
}

/// A server where every key of the account leads to the folder, and nowhere else.
pub fn guarding(folder: &Path) -> Option<Sshd> {
    Sshd::start_with(&format!(
        "ForceCommand {} {}",
        program().display(),
        folder.display()
    ))
}

fn nas() -> SshHost {
    SshHost::new(None, "nas", None).unwrap()
}

#[test]
fn a_guarded_folder_keeps_the_contract_and_is_create_only() {
    let root = tempfile::tempdir().unwrap();
    let Some(server) = guarding(root.path()) else {
        return;
    };
    let store = Served::open(&nas(), "/", &server.options()).unwrap();
    let broken = contract::broken(contract::run(&store, Reach::Everything, [5; 16]));
    assert!(broken.is_empty(), "{broken:#?}");
    let found = probe(&store, [6; 16]).unwrap();
    assert_eq!(found.grade, Grade::CreateOnly, "{found}");
    assert_eq!(
        (found.create_only_put, found.overwrite, found.delete),
        (Finding::Yes, Finding::No, Finding::No)
    );
    assert!(found.lists_at_once());
}

#[test]
fn who_can_only_add_can_neither_delete_nor_replace_nor_store_junk() {
    let root = tempfile::tempdir().unwrap();
    let Some(server) = guarding(root.path()) else {
        return;
    };
    let store = Served::open(&nas(), "/", &server.options()).unwrap();
    let name = pack(b"sealed");
    assert_eq!(store.put_new(&name, b"sealed").unwrap().put(), Put::Created);
    let denied = store.delete(&name);
    assert!(
        matches!(denied, Err(StoreError::Denied { .. })),
        "{denied:?}"
    );
    let swept = store.sweep(std::time::Duration::ZERO);
    assert!(matches!(swept, Err(StoreError::Denied { .. })), "{swept:?}");
    for other in [&b"sealeD"[..], b"seale", b""] {
        let put = store.put_new(&name, other);
        assert!(matches!(put, Err(StoreError::Damaged { .. })), "{put:?}");
    }
    // A name that is free takes only what it says.
    let put = store.put_new(&pack(b"other"), b"junk");
    assert!(matches!(put, Err(StoreError::Damaged { .. })), "{put:?}");
    let near = Folder::open(root.path()).unwrap();
    assert_eq!(near.get(&name).unwrap(), b"sealed");
    assert_eq!(near.length(&pack(b"other")).unwrap(), None);
}

#[test]
fn the_url_starts_the_program_and_makes_the_folder() {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("new/vault");
    let Some(server) = guarding(&folder) else {
        return;
    };
    let url = TargetUrl::parse("ssh://nas/whatever").unwrap();
    let missing = open(&url, &server.options()).map(drop);
    assert!(
        matches!(missing, Err(StoreError::NotAStore { .. })),
        "{missing:?}"
    );
    let store = create(&url, &server.options()).unwrap();
    let large = vec![9; (3 << 20) + 17];
    store.put_new(&pack(&large), &large).unwrap();
    assert_eq!(
        store.put_new(&pack(&large), &large).unwrap().put(),
        Put::AlreadyThere
    );
    assert_eq!(store.get(&pack(&large)).unwrap(), large);
    assert_eq!(
        Folder::open(&folder).unwrap().get(&pack(&large)).unwrap(),
        large
    );
    fs::rename(&folder, root.path().join("unplugged")).unwrap();
    let gone = store.list(Listing::Packs, &mut |_| Ok(()));
    assert!(
        matches!(gone, Err(StoreError::NotAStore { .. })),
        "{gone:?}"
    );
}

#[test]
fn a_machine_without_the_program_is_told_apart() {
    let Some(server) = Sshd::shared() else {
        return;
    };
    let mut options = server.options();
    options.ssh.extend(["-oSetEnv=PATH=/nowhere".into()]);
    let error = Served::open(&nas(), "/tmp/no such vault", &options)
        .map(drop)
        .unwrap_err();
    assert!(!error.is_retryable(), "{error:?}");
    let said = error.source().unwrap().to_string();
    assert!(said.contains("did not start oncovault"), "{said}");
}

#[test]
fn long_listings_come_in_pages_and_whole() {
    let root = tempfile::tempdir().unwrap();
    let near = Folder::open(root.path()).unwrap();
    let count = 9000u32;
    for number in 0..count {
        let bytes = number.to_le_bytes();
        let path = root.path().join(pack(&bytes).to_string());
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
    let Some(server) = guarding(near.root()) else {
        return;
    };
    let store = Served::open(&nas(), "/", &server.options()).unwrap();
    let mut seen = std::collections::BTreeSet::new();
    let mut visits = 0u32;
    let mut insert = |listed: ov_store::Listed| {
        visits += 1;
        seen.insert(listed.name);
        Ok(())
    };
    store.list(Listing::Packs, &mut insert).unwrap();
    assert_eq!((visits, seen.len()), (count, 9000));
}

#[test]
fn what_is_interrupted_is_taken_up_again() {
    let root = tempfile::tempdir().unwrap();
    let Some(server) = guarding(root.path()) else {
        return;
    };
    let way = Shaky::to(server.port());
    let mut options = server.options_through(way.port);
    options.retries.attempts = 8;
    let store = Served::open(&nas(), "/", &options).unwrap();
    way.cut_after(600_000);
    let objects: Vec<Vec<u8>> = (0..10).map(|seed| vec![seed; 200_000]).collect();
    for bytes in &objects {
        store.put_new(&pack(bytes), bytes).unwrap();
    }
    for bytes in &objects {
        assert_eq!(&store.get(&pack(bytes)).unwrap(), bytes);
    }
    assert!(way.connections() > 4, "{}", way.connections());
}

/// One frame.
fn frame(kind: u8, number: u32, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len() + 5).unwrap().to_be_bytes();
    [&length[..], &[kind], &number.to_be_bytes(), body].concat()
}

#[test]
fn whatever_is_said_to_the_server_only_true_objects_are_stored_and_none_is_lost() {
    let root = tempfile::tempdir().unwrap();
    let vault = root.path().join("vault");
    let store = Folder::create(&vault).unwrap();
    let kept = pack(b"kept");
    store.put_new(&kept, b"kept").unwrap();
    let name = kept.to_string();
    bolero::check!()
        .with_type::<Vec<(u8, u8, bool, Vec<u8>)>>()
        .for_each(|said| {
            let mut input = frame(1, 1, &[0]);
            for (kind, number, named, body) in said {
                // Half of them speak of the object that is there.
                let mut whole = Vec::new();
                if *named {
                    let length = u32::try_from(name.len()).unwrap().to_be_bytes();
                    whole.extend([&length[..], name.as_bytes()].concat());
                }
                whole.extend_from_slice(body);
                input.extend(frame(2 + kind % 9, u32::from(*number % 4), &whole));
            }
            let mut output = Vec::new();
            let _ = serve(
                &mut Cursor::new(input),
                &mut output,
                &vault,
                Permission::PutOnly,
            );
            assert_eq!(store.get(&kept).unwrap(), b"kept");
            let mut check = |listed: ov_store::Listed| {
                assert!(listed.name.matches(&store.get(&listed.name)?));
                Ok(())
            };
            store.list(Listing::Packs, &mut check).unwrap();
        });
    assert_eq!(fs::read_dir(root.path()).unwrap().count(), 1);
    assert_eq!(
        store.sweep(std::time::Duration::ZERO).unwrap(),
        0,
        "left behind"
    );
}

#[test]
fn raw_junk_ends_the_server() {
    let root = tempfile::tempdir().unwrap();
    bolero::check!().for_each(|input: &[u8]| {
        let mut output = Vec::new();
        let mut input = Cursor::new(input);
        let _ = serve(&mut input, &mut output, root.path(), Permission::Everything);
        assert!(output.len() < 10_000);
    });
}
