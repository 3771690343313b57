//! Sources and vaults that are not as they should be: what can be saved is.

use std::sync::Mutex;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use ov_backup::{BackupError, BackupOptions, BackupReport, Monitor, Threads, Void};
use ov_format::name::ObjectName;
use ov_source::{CommandStream, FileTree, Item, OpenFile, Selection, Source, SourceError};
use ov_store::Store;
use ov_vault::{State, Vault};

use crate::site::{Site, noise};

fn options() -> BackupOptions {
    BackupOptions {
        dataset: "files".to_owned(),
        ..Default::default()
    }
}

/// A tree in which the attributes of one file cannot be read.
struct NoAttributes(FileTree);

impl Source for NoAttributes {
    fn walk(&self) -> Box<dyn Iterator<Item = Result<Item, SourceError>> + Send + '_> {
        Box::new(self.0.walk().map(|item| {
            let mut item = item?;
            if item.key.name == b"scan" {
                item.problem = Some("cannot read its extended attributes: too many".to_owned());
            }
            Ok(item)
        }))
    }

    fn open(&self, item: &Item) -> Result<Box<dyn OpenFile>, SourceError> {
        self.0.open(item)
    }
}

#[test]
fn a_file_whose_attributes_cannot_be_read_is_stored_and_named() {
    for threads in [Threads::Inline, Threads::Count(2)] {
        let mut site = Site::new(threads);
        site.write("scan", &noise(1, 300_000));
        let tree = FileTree::new(vec![site.data()], Selection::everything()).unwrap();
        let report = site
            .back_up(&NoAttributes(tree), &options(), &Void)
            .unwrap();
        assert_eq!(
            (report.unreadable, report.bytes_added),
            (1, 300_000),
            "{report:?}"
        );
        assert!(site.memory.bytes() > 300_000);
    }
}

/// Notes what it is told.
#[derive(Default)]
struct Notes(Mutex<Vec<String>>);

impl Monitor for Notes {
    fn notice(&self, text: &str) {
        self.0.lock().unwrap().push(text.to_owned());
    }
}

#[test]
fn a_lost_list_of_chunks_stops_no_backup() {
    let mut site = Site::new(Threads::Count(2));
    for number in 0u16..2500 {
        let mut bytes = noise(3, 600);
        bytes[..2].copy_from_slice(&number.to_le_bytes());
        site.write(&format!("{number}"), &bytes);
    }
    site.run();
    std::fs::remove_dir_all(site.state()).unwrap();
    let tables = site.memory.snapshot().into_keys();
    let tables: Vec<_> = tables
        .filter(|name| matches!(name, ObjectName::Table(_)))
        .collect();
    // The keys tables are needed by whoever backs up at all, and were read before.
    assert!(
        tables.len() > 1,
        "the list of chunks is too long for its record"
    );
    for table in tables {
        site.memory.delete(&table).unwrap();
    }
    let notes = Notes::default();
    let report = site.try_run(&notes).unwrap();
    assert!(report.bytes_added >= 2500 * 600, "{report:?}");
    let notes = notes.0.into_inner().unwrap();
    assert!(
        notes.iter().any(|note| note.contains("stored once more")),
        "{notes:?}"
    );
}

#[test]
fn one_file_that_takes_long_is_kept_by_checkpoints_too() {
    let mut site = Site::new(Threads::Count(2));
    site.write("dump", &noise(4, 80_000_000));
    // Some chunks take a quarter of an hour.
    site.clock.1.store(120, Ordering::Relaxed);
    site.run();
    let vault = Vault::open(site.memory.clone(), site.vault.id()).unwrap();
    let state = State::of(&vault);
    let partial = state
        .commits
        .values()
        .filter(|commit| commit.partial)
        .count();
    assert!(
        partial > 0,
        "a killed run loses what it stored since the last checkpoint"
    );
    assert_eq!(state.listed().count(), 1);
}

/// Stops after a while.
struct Impatient(Instant);

impl Monitor for Impatient {
    fn stop(&self) -> bool {
        self.0.elapsed() > Duration::from_millis(300)
    }
}

#[test]
fn a_silent_stream_does_not_keep_a_run_from_stopping() {
    for threads in [Threads::Inline, Threads::Count(2)] {
        let mut site = Site::new(threads);
        let command = vec!["sleep".into(), "600".into()];
        let stream = CommandStream::new(b"dump.sql", command).unwrap();
        let begun = Instant::now();
        let stopped: Result<BackupReport, _> = site.back_up(&stream, &options(), &Impatient(begun));
        assert!(
            matches!(stopped, Err(BackupError::Interrupted)),
            "{stopped:?}"
        );
        assert!(begun.elapsed() < Duration::from_secs(60));
    }
}
