//! Who sees which snapshots.

use std::sync::Arc;

use ov_format::audience::Audience;
use ov_format::snapshot::TagChange;
use ov_format::statement::Statement;
use ov_restore::{Filters, ReadError, ReaderKeys, Tree};
use ov_store::Recording;
use ov_vault::section::{SealTo, seal_section};
use ov_vault::state::Verdict;

use crate::site::{Opened, Site};

#[test]
fn the_owner_and_the_recovery_kit_see_all_snapshots_the_oldest_first() {
    let mut site = Site::new();
    site.write("a", b"one");
    site.run();
    site.write("a", b"two");
    site.run();
    let recovered = ReaderKeys::recover(&site.vault, &site.kit).unwrap();
    let compartment = site.agent.compartment;
    assert_eq!(recovered.compartment_name(compartment), Some("clinical"));
    for keys in [&site.keys, &recovered] {
        let opened = site.open_with(keys);
        let listed = &opened.snapshots.listed;
        assert_eq!((listed.len(), opened.snapshots.closed), (2, 0));
        assert!(listed[0].moment() < listed[1].moment());
        assert_eq!(listed[0].snapshot.dataset, "files");
        assert_eq!(listed[0].verdict, Verdict::Accepted);
        let found = opened.snapshots.select("latest~1", &Filters::default());
        assert_eq!(found.unwrap().commit, listed[0].commit);
        let reader = opened.reader();
        let tree = Tree::of(&reader, &listed[1].snapshot);
        assert!(tree.entries().all(|entry| entry.is_ok()));
    }
}

#[test]
fn the_key_of_another_compartment_lists_nothing_and_opens_nothing() {
    let mut site = Site::new();
    site.write("a", b"one");
    site.run();
    let mut keys = ReaderKeys::recover(&site.vault, &site.kit).unwrap();
    keys.compartments.remove(&site.agent.compartment);
    let opened = site.open_with(&keys);
    assert!(opened.snapshots.listed.is_empty());
    assert_eq!(opened.snapshots.closed, 1);
    let all = site.open();
    let reader = opened.reader();
    let tree = Tree::of(&reader, &all.latest().snapshot);
    let errors: Vec<_> = tree.entries().filter_map(Result::err).collect();
    assert_eq!(errors.len(), 1);
    assert!(matches!(*errors[0].source, ReadError::Closed { .. }));
}

#[test]
fn tags_are_as_the_last_change_left_them() {
    let mut site = Site::new();
    site.write("a", b"one");
    site.run_tagged(&["daily", "wrong"]);
    let commit = site.open().latest().commit;
    let (epoch, key) = site
        .vault
        .head()
        .compartment_key(site.agent.compartment)
        .unwrap();
    let change = TagChange {
        add: vec!["legal".to_owned(), "daily".to_owned()],
        remove: vec!["wrong".to_owned()],
    };
    let to = SealTo::Compartment(site.agent.compartment, epoch, &key);
    let member = site.agent.writer.member;
    let section = seal_section(&change, to, site.vault.id(), member, &*site.entropy);
    assert!(matches!(section.audience, Audience::Compartment(_)));
    let (vault, writer) = (&mut site.vault, &site.agent.writer);
    vault
        .append(
            writer,
            &site.clock,
            Statement::Tag(commit),
            vec![section],
            &[],
        )
        .unwrap();
    assert_eq!(site.open().latest().tags, ["daily", "legal"]);
}

#[test]
fn a_folder_is_entered_with_a_few_reads() {
    let mut site = Site::new();
    for n in 0..3000 {
        site.write(&format!("{:03}/{n}", n % 300), format!("{n}").as_bytes());
    }
    site.run();
    let opened = site.open();
    let reader = opened.reader();
    let tree = Tree::of(&reader, &opened.latest().snapshot);
    let all: Vec<_> = tree.entries().map(Result::unwrap).collect();
    assert!(all.is_sorted_by(|a, b| a.key < b.key));
    for folder in ["", "/007", "/299", "/nothing"] {
        let folder = [&site.root()[..], folder.as_bytes()].concat();
        let below = |key: &[u8]| key == folder || key.starts_with(&[&folder[..], b"/"].concat());
        let expected: Vec<_> = all.iter().filter(|e| below(&e.key.parent)).collect();
        let found: Vec<_> = tree.below(&folder).map(Result::unwrap).collect();
        assert_eq!(found.iter().collect::<Vec<_>>(), expected);
        let expected: Vec<_> = all.iter().filter(|e| e.key.parent == folder).collect();
        let found: Vec<_> = tree.list(&folder).map(Result::unwrap).collect();
        assert_eq!(found.iter().collect::<Vec<_>>(), expected);
    }
    let recording = Arc::new(Recording::new(site.memory.clone()));
    let vault = site.vault_on(recording.clone());
    let counted = Opened::of(&vault, &site.keys);
    let counting = counted.reader();
    let alone = Tree::of(&counting, &counted.latest().snapshot);
    recording.take();
    assert!(alone.find(&all[1500].key).unwrap().is_some());
    assert!(alone.list(&all[1500].key.parent).count() >= 10);
    assert!(recording.take().len() <= 8);

    for entry in all.iter().step_by(97) {
        assert_eq!(tree.find(&entry.key).unwrap().as_ref(), Some(entry));
        let mut other = entry.key.clone();
        other.name.push(b'!');
        assert_eq!(tree.find(&other).unwrap(), None);
    }
}
