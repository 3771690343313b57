//! What the threads of a restore count together, and whether they go on.

use std::collections::HashSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use ov_format::entry::EntryKey;
use ov_source::{FileSink, Made, SinkError};

use crate::monitor::{Monitor, Notice, Progress};
use crate::reader::lock;
use crate::report::{Ending, EntryError, Failure, Report};
use crate::restore::Plan;

/// Why a restore does not go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    /// No space is left.
    Full,
    /// The vault's target does not answer.
    Unreachable,
}

/// What the threads of a restore count together.
pub(crate) struct Tally<'t> {
    report: Mutex<Report>,
    /// Keys in the snapshot of what failed.
    failed: Mutex<HashSet<EntryKey>>,
    files: AtomicU64,
    bytes: AtomicU64,
    files_total: u64,
    bytes_total: u64,
    stop: Mutex<Option<Stop>>,
    broken: AtomicBool,
    workers: usize,
    monitor: &'t dyn Monitor,
}

impl<'t> Tally<'t> {
    pub fn new(plan: &Plan, workers: usize, monitor: &'t dyn Monitor) -> Self {
        Self {
            report: Mutex::default(),
            failed: Mutex::default(),
            files: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
            files_total: plan.files,
            bytes_total: plan.bytes,
            stop: Mutex::default(),
            broken: AtomicBool::new(false),
            workers: workers.max(1),
            monitor,
        }
    }

    /// For looking alone.
    pub fn idle(monitor: &'t dyn Monitor) -> Self {
        Self::new(&Plan::default(), 1, monitor)
    }

    pub fn workers(&self) -> usize {
        self.workers
    }

    pub fn monitor(&self) -> &dyn Monitor {
        self.monitor
    }

    /// Why the restore must not go on.
    pub fn stop(&self) -> Option<Stop> {
        *lock(&self.stop)
    }

    /// Whether a part of the tree could not be read.
    pub fn is_broken(&self) -> bool {
        self.broken.load(Ordering::Relaxed)
    }

    pub fn has_failed(&self, key: &EntryKey) -> bool {
        lock(&self.failed).contains(key)
    }

    pub fn with(&self, change: impl FnOnce(&mut Report)) {
        change(&mut lock(&self.report));
    }

    pub fn found(&self, bytes: u64) {
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
        self.with(|report| report.bytes_found += bytes);
    }

    pub fn written(&self, bytes: u64, key: &EntryKey) {
        let done = self.bytes.fetch_add(bytes, Ordering::Relaxed);
        self.with(|report| report.bytes_written += bytes);
        self.progress(done.saturating_add(bytes), key);
    }

    fn progress(&self, bytes: u64, key: &EntryKey) {
        self.monitor.progress(Progress {
            files: self.files.load(Ordering::Relaxed),
            files_total: self.files_total,
            bytes,
            bytes_total: self.bytes_total,
            current: Some(key.clone()),
        });
    }

    pub fn file_done(&self, key: &EntryKey) {
        self.files.fetch_add(1, Ordering::Relaxed);
        self.with(|report| {
            report.entries += 1;
            report.files_written += 1;
        });
        self.progress(self.bytes.load(Ordering::Relaxed), key);
    }

    /// A file was made at once.
    pub fn put(&self, key: &EntryKey, bytes: u64, made: Made) {
        self.files.fetch_add(1, Ordering::Relaxed);
        let done = self.bytes.fetch_add(bytes, Ordering::Relaxed);
        self.with(|report| {
            report.entries += 1;
            match made {
                Made::Kept => report.kept += 1,
                Made::Created | Made::Skipped => {
                    report.files_written += 1;
                    report.bytes_written += bytes;
                }
            }
        });
        self.progress(done.saturating_add(bytes), key);
    }

    pub fn failed(&self, key: &EntryKey, error: EntryError) {
        self.files.fetch_add(1, Ordering::Relaxed);
        self.judge(&error);
        lock(&self.failed).insert(key.clone());
        self.fail(Failure::new(key, error));
    }

    pub fn failed_at_root(&self, error: SinkError) {
        self.fail(Failure::new(&EntryKey::new(*b"", *b""), error));
    }

    pub fn fail(&self, failure: Failure) {
        self.monitor.notice(Notice::Failed(failure.clone()));
        self.with(|report| report.failures.add(failure));
    }

    pub fn broken(&self, error: crate::read_error::TreeError) {
        self.broken.store(true, Ordering::Relaxed);
        let failure = Failure::of_tree(error);
        self.judge(&failure.error);
        self.fail(failure);
    }

    /// Stops all threads if an error makes going on senseless.
    pub fn judge(&self, error: &EntryError) {
        let unreachable = match error {
            EntryError::Sink(error) if error.is_out_of_space() => {
                lock(&self.stop).get_or_insert(Stop::Full);
                return;
            }
            EntryError::Read(error) => error.is_unreachable(),
            EntryError::Tree(error) => error.source.is_unreachable(),
            _ => false,
        };
        if unreachable {
            lock(&self.stop).get_or_insert(Stop::Unreachable);
        }
    }

    pub fn into_report(self, sink: &FileSink) -> Report {
        let mut report = lock(&self.report);
        let mut report = std::mem::take(&mut *report);
        report.notices = sink.take_notices();
        if self.stop().is_some() {
            report.ending = Ending::Stopped;
        }
        report
    }
}
