//! What is true in one place and false in another: the right one is taken.

use ov_format::content::{Content, Extent};
use ov_format::entry::{Entry, ReadState};
use ov_format::id::ObjectHash;
use ov_format::keys::{KeysTable, Recipient, SealedSecret, SecretKind, encode_secret};
use ov_format::name::ObjectName;
use ov_format::page::Page;
use ov_format::statement::{Change, Statement, StoredObject};
use ov_open::compartment::CompartmentSecret;
use ov_restore::{Filter, Part, ReaderKeys, RestoreOptions, Verifying, Void, dump_tar, restore};
use ov_store::Store;
use ov_vault::Vault;

use crate::forge::Forge;
use crate::hostile::inline;
use crate::site::{Site, wanted};

/// Three names with one number: an inode that was given away while the tree was walked.
fn names_of_one_inode(site: &mut Site) {
    let mut forge = Forge::new(site);
    let long = forge.content(&[7; 1000]);
    let mut entries: Vec<Entry> = ["a", "b", "c", "d"].map(inline).into();
    let extents = || {
        let chunk = long;
        Content::Extents(vec![Extent::Data {
            chunk,
            length: 1000,
        }])
    };
    for entry in &mut entries {
        entry.meta.link_group = Some(5);
    }
    for at in [2, 3] {
        entries[at].content = extents();
        entries[at].meta.size = 1000;
    }
    entries[1].state = ReadState::Changed;
    let root = forge.page(Page::Leaf(entries).encode());
    forge.commit(root, 0);
}

#[test]
fn files_that_only_share_a_number_are_not_made_one() {
    use std::os::unix::fs::MetadataExt;
    let mut site = Site::new();
    names_of_one_inode(&mut site);
    let opened = site.open();
    let (reader, filter) = (opened.reader(), Filter::default());
    let wanted = wanted(&reader, opened.latest(), &Part::Whole, &filter);
    let target = tempfile::tempdir().unwrap();
    let options = RestoreOptions {
        verifying: Verifying::Yes,
        ..Default::default()
    };
    let report = restore(&wanted, target.path(), &options, &Void).unwrap();
    assert!(report.is_whole(), "{:?}", report.failures.kept);
    let read = |name: &str| std::fs::read(target.path().join(name)).unwrap();
    assert_eq!((read("a"), read("b")), (b"a".to_vec(), b"b".to_vec()));
    assert_eq!((read("c"), read("d")), (vec![7; 1000], vec![7; 1000]));
    let inode = |name: &str| std::fs::metadata(target.path().join(name)).unwrap().ino();
    assert_eq!(inode("c"), inode("d"), "one file with two names stays one");
    assert_ne!(inode("a"), inode("b"));
    assert_eq!((report.links, report.verified), (1, 3));

    let mut stream = Vec::new();
    dump_tar(&wanted, 1, &mut stream).unwrap();
    let mut archive = tar::Archive::new(&stream[..]);
    let links = archive.entries().unwrap();
    let links = links.filter(|entry| entry.as_ref().unwrap().header().entry_type().is_hard_link());
    assert_eq!(links.count(), 1);
}

/// Puts a table of secrets for the owner, as any admin can.
fn publish(site: &mut Site, secrets: Vec<SealedSecret>) -> ObjectName {
    let bytes = KeysTable { secrets }.encode(site.vault.id());
    let hash = ObjectHash(*blake3::hash(&bytes).as_bytes());
    let name = ObjectName::Table(hash);
    let durable = site.memory.put_new(&name, &bytes).unwrap();
    let length = bytes.len() as u64;
    let say = Statement::Head(vec![Change::Keys(StoredObject { hash, length })]);
    let writer = &site.agent.writer;
    site.vault
        .append(writer, &site.clock, say, Vec::new(), &[durable])
        .unwrap();
    name
}

fn sealed(site: &Site, kind: SecretKind, secret: &[u8]) -> SealedSecret {
    let recipient = Recipient::Member(site.agent.writer.member);
    let aad = SealedSecret::associated_data(site.vault.id(), recipient, kind, 0);
    let plain = encode_secret("clinical", secret);
    let public = site.agent.writer.secret.public();
    SealedSecret {
        recipient,
        kind,
        epoch: 0,
        sealed: public.seal_secret(&aad, &plain, &*site.entropy),
    }
}

/// Whether the owner's key opens the snapshot, read afresh.
fn opens(site: &Site) -> bool {
    let vault = Vault::open(site.memory.clone(), site.vault.id()).unwrap();
    let writer = &site.agent.writer;
    let keys = ReaderKeys::unlock(&vault, writer.member, &writer.secret).unwrap();
    let opened = crate::site::Opened::of(&vault, &keys);
    opened.snapshots.listed.len() == 1
        && ov_restore::check_content(&opened.reader(), &opened.snapshots.listed, 1, &Void)
            .findings
            .is_empty()
}

#[test]
fn secrets_that_the_head_does_not_name_shut_no_reader_out() {
    let mut site = Site::new();
    site.write("scan", &[1; 5000]);
    site.run();
    assert!(opens(&site));
    let kind = SecretKind::Compartment(site.agent.compartment);
    // Of another admin who renewed keys at the same moment; and junk.
    let other = CompartmentSecret::generate(&*site.entropy)
        .to_bytes()
        .to_vec();
    let mut junk = sealed(&site, kind, &other);
    junk.sealed[1200] ^= 1;
    let secrets = vec![
        sealed(&site, kind, &other),
        junk,
        sealed(&site, kind, b"short"),
    ];
    publish(&mut site, secrets);
    assert!(opens(&site));
}

#[test]
fn one_damaged_table_of_secrets_shuts_nobody_out() {
    let mut site = Site::new();
    site.write("scan", &[1; 5000]);
    site.run();
    let kind = SecretKind::Compartment(site.agent.compartment);
    let secrets = vec![sealed(&site, kind, b"whatever")];
    let name = publish(&mut site, secrets);
    let mut bytes = site.memory.get(&name).unwrap();
    bytes[100] ^= 1;
    site.memory.plant(name, bytes);
    assert!(opens(&site));
}
