//! What small and unchanged runs cost.

use ov_backup::{BackupOptions, Mode, Reread, Reuse, Threads, Unchanged};
use ov_vault::State;

use crate::site::{Site, noise};

fn filled(threads: Threads) -> Site {
    let site = Site::new(threads);
    for n in 0..300u16 {
        let text = format!("patient {n}, fraction {}\n", n % 33).repeat(usize::from(n));
        site.write(&format!("records/{}/{n}.txt", n % 7), text.as_bytes());
    }
    site.write("dose.dcm", &noise(1, 3_000_000));
    site
}

#[test]
fn an_unchanged_run_reads_nothing_and_adds_only_its_record() {
    for threads in [Threads::Inline, Threads::Count(2)] {
        let mut site = filled(threads);
        let first = site.run();
        assert_eq!(
            (first.files_new, first.unreadable, first.passes),
            (301, 0, 1)
        );
        assert!(first.bytes_read >= 3_000_000);
        let again = site.run();
        assert_eq!(
            (again.files_unmodified, again.files_new, again.files_changed),
            (301, 0, 0)
        );
        assert_eq!((again.bytes_read, again.bytes_added), (0, 0));
        assert_eq!(again.objects, 1, "a record and nothing else");
        assert!(
            again.bytes_stored < 16 * 1024,
            "{} bytes",
            again.bytes_stored
        );
    }
}

#[test]
fn one_new_small_file_is_two_objects_and_at_most_80_kib() {
    let mut site = filled(Threads::Count(2));
    site.run();
    site.write("records/3/new.bin", &noise(2, 20 * 1024));
    let objects = site.memory.snapshot().len();
    let report = site.run();
    assert_eq!((report.files_new, report.files_changed), (1, 0));
    assert_eq!(report.objects, 2);
    assert_eq!(site.memory.snapshot().len(), objects + 2);
    assert!(
        report.bytes_stored <= 80 * 1024,
        "{} bytes",
        report.bytes_stored
    );
}

#[test]
fn without_local_state_everything_is_read_and_nothing_stored_again() {
    let mut site = filled(Threads::Count(2));
    site.run();
    std::fs::remove_dir_all(site.state()).unwrap();
    let report = site.run();
    assert_eq!((report.files_new, report.bytes_added), (301, 0));
    assert!(report.bytes_read >= 3_000_000);
    // The folders above the data may have new times, and with them a page.
    assert!(report.objects <= 2);
}

#[test]
fn a_forced_or_rereading_run_reads_everything() {
    let mut site = filled(Threads::Count(2));
    let read = site.run().bytes_read;
    let options = || BackupOptions {
        dataset: "files".to_owned(),
        ..Default::default()
    };
    let forced = site.run_with(BackupOptions {
        reuse: Reuse::Nothing,
        ..options()
    });
    assert_eq!(forced.bytes_read, read);
    let reread = site.run_with(BackupOptions {
        reread: Reread::Share(1.1),
        ..options()
    });
    assert_eq!((reread.bytes_read, reread.files_reread), (read, 301));
}

#[test]
fn a_dry_run_and_a_skipped_one_leave_the_vault_as_it_is() {
    let mut site = filled(Threads::Count(2));
    let options = || BackupOptions {
        dataset: "files".to_owned(),
        ..Default::default()
    };
    let before = site.memory.snapshot();
    let dry = site.run_with(BackupOptions {
        mode: Mode::DryRun,
        ..options()
    });
    assert_eq!((dry.snapshot, dry.files_new), (None, 301));
    assert_eq!(site.memory.snapshot(), before);
    site.run();
    let before = site.memory.snapshot();
    let skipped = site.run_with(BackupOptions {
        unchanged: Unchanged::Skip,
        ..options()
    });
    assert_eq!(skipped.snapshot, None);
    assert_eq!(site.memory.snapshot(), before);
}

#[test]
fn every_snapshot_of_a_person_is_accepted_as_it_is_made() {
    let mut site = filled(Threads::Inline);
    site.run();
    site.run();
    let state = State::of(&site.vault);
    assert_eq!(
        state
            .listed()
            .filter(|commit| commit.arrival.is_some())
            .count(),
        2
    );
    assert!(
        site.vault.logs().findings.is_empty(),
        "{:?}",
        site.vault.logs().findings
    );
}

/// Asks the run to stop after some entries.
struct StopAfter(std::sync::atomic::AtomicI64);

impl ov_backup::Monitor for StopAfter {
    fn stop(&self) -> bool {
        self.0.fetch_sub(1, std::sync::atomic::Ordering::Relaxed) < 0
    }
}

#[test]
fn an_interrupted_run_leaves_a_checkpoint_and_its_data_is_not_stored_again() {
    for threads in [Threads::Inline, Threads::Count(2)] {
        let mut site = filled(threads);
        let stop = StopAfter(400.into());
        let stopped = site.try_run(&stop);
        assert!(
            matches!(stopped, Err(ov_backup::BackupError::Interrupted)),
            "{stopped:?}"
        );
        let state = State::of(&site.vault);
        let partial = state
            .commits
            .values()
            .filter(|commit| commit.partial)
            .count();
        assert_eq!((partial, state.listed().count()), (1, 0));
        let stored = site.memory.bytes();
        let report = site.run();
        assert!(report.bytes_added < 3_000_000, "{report:?}");
        assert!(site.memory.bytes() < stored + 500_000);
        assert_eq!(State::of(&site.vault).listed().count(), 1);
    }
}

#[test]
fn a_file_that_may_have_changed_within_the_same_tick_is_read_again() {
    let mut site = filled(Threads::Inline);
    // The run begins one second after the file was written, by the file's own clock.
    let written = std::fs::metadata(site.data().join("dose.dcm")).unwrap();
    let seconds = std::os::unix::fs::MetadataExt::mtime(&written);
    site.clock
        .0
        .store(seconds + 1, std::sync::atomic::Ordering::Relaxed);
    site.run();
    let again = site.run();
    assert!(again.bytes_read >= 3_000_000, "{again:?}");
    assert_eq!((again.files_changed, again.bytes_added), (0, 0));
}

#[test]
fn the_target_cannot_tell_a_short_note_from_a_long_letter() {
    let lengths = |bytes: usize| {
        let mut site = Site::new(Threads::Inline);
        site.write("note", &noise(3, bytes));
        site.run();
        let mut lengths: Vec<usize> = site.memory.snapshot().values().map(Vec::len).collect();
        lengths.sort_unstable();
        lengths
    };
    assert_eq!(lengths(600), lengths(30_000));
}
