//! What is kept of the chunks that a group has stored: a shortcut that may break.

use std::fs;
use std::path::PathBuf;
use std::sync::Mutex;

use ov_backup::{BackupOptions, Monitor, Reuse, Threads};
use ov_format::statement::Statement;
use ov_vault::State;

use crate::site::{Site, noise};

/// Notes what it is told.
#[derive(Default)]
struct Notes(Mutex<Vec<String>>);

impl Monitor for Notes {
    fn notice(&self, text: &str) {
        self.0.lock().unwrap().push(text.to_owned());
    }
}

/// A site after so many runs that what they stored is on a shelf.
fn busy() -> Site {
    let mut site = Site::new(Threads::Inline);
    site.write("scan", &noise(200, 700_000));
    for run in 0..36 {
        site.write(&format!("{run}"), &noise(run, 3000));
        site.run();
    }
    site
}

fn shelf_files(site: &Site) -> Vec<PathBuf> {
    let folders = fs::read_dir(site.state().join("index")).unwrap();
    let files = folders.flat_map(|folder| fs::read_dir(folder.unwrap().path()).unwrap());
    let paths = files.map(|file| file.unwrap().path());
    let of_a_shelf = |path: &PathBuf| {
        let name = path.file_name().unwrap().to_str().unwrap();
        name.starts_with("shelf-")
    };
    let mut paths: Vec<_> = paths.filter(of_a_shelf).collect();
    paths.sort();
    paths
}

/// A run that reads everything and asks the index for each chunk; what it stored again, and what
/// it said.
fn reading_run(site: &mut Site) -> (u64, Vec<String>) {
    let options = BackupOptions {
        dataset: "files".to_owned(),
        reuse: Reuse::Nothing,
        ..Default::default()
    };
    let source = ov_source::FileTree::new(vec![site.data()], ov_source::Selection::everything());
    let notes = Notes::default();
    let report = site.back_up(&source.unwrap(), &options, &notes).unwrap();
    assert!(report.bytes_read > 700_000);
    (report.bytes_added, notes.0.into_inner().unwrap())
}

#[test]
fn what_many_runs_stored_is_on_a_shelf_and_not_stored_again() {
    let mut site = busy();
    assert_eq!(shelf_files(&site).len(), 5);
    assert_eq!(reading_run(&mut site), (0, Vec::new()));
}

#[test]
fn damage_of_any_file_of_a_shelf_is_said_and_stores_nothing_again() {
    let mut site = busy();
    for number in 0..5 {
        let path = shelf_files(&site).remove(number);
        let mut bytes = fs::read(&path).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        fs::write(&path, bytes).unwrap();
        if path.to_str().unwrap().ends_with("-segments") {
            // Asked only for files that look as they did.
            assert_eq!(site.run().bytes_added, 0);
        } else {
            let (added, notes) = reading_run(&mut site);
            assert_eq!(added, 0, "{path:?}");
            assert!(
                notes.iter().any(|note| note.contains("damaged")),
                "{path:?}: {notes:?}"
            );
        }
        // The next run makes the shelf anew.
        assert_eq!(reading_run(&mut site).0, 0);
        assert_eq!(shelf_files(&site).len(), 5);
        assert_eq!(reading_run(&mut site), (0, Vec::new()));
    }
}

#[test]
fn what_a_rejected_commit_stored_is_stored_again_though_it_was_on_a_shelf() {
    let mut site = busy();
    let state = State::of(&site.vault);
    let first = state
        .commits
        .values()
        .min_by_key(|commit| commit.name.number);
    let commit = first.unwrap().name;
    let reason = "for the test".to_owned();
    let reject = Statement::Reject { commit, reason };
    let (writer, clock) = (&site.agent.writer, &site.clock);
    site.vault
        .append(writer, clock, reject, Vec::new(), &[])
        .unwrap();
    let report = site.run();
    assert!(report.bytes_added >= 700_000, "{report:?}");
    assert!(
        report.bytes_added < 720_000,
        "the rest is known still: {report:?}"
    );
    assert_eq!(reading_run(&mut site).0, 0);
}
