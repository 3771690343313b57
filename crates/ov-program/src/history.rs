//! What happened: one line of JSON for each task that was done, in the local state of a vault.
//!
//! A line holds the task's name, times, counts and an exit code: no paths, no messages, nothing of
//! what was backed up. The file is only added to. A last line that a crash tore is passed over, and
//! so is a line of a newer program. When the file is long it becomes the earlier part, in place of
//! the one before.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use ov_policy::schedule::{Past, Run};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::task::Task;

const FILE: &str = "history.jsonl";
const EARLIER: &str = "history.1.jsonl";
const LOCK: &str = "history.lock";
/// About forty thousand lines.
const BYTES_MAX: u64 = 8 << 20;
/// So many of the last good runs tell how long the next one takes.
const RUNS_COUNTED: usize = 20;

/// How a task ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// All was done.
    Done,
    /// Done, but some source data could not be read.
    Gaps,
    /// A place that is offline was not there.
    Away,
    /// It failed.
    Failed,
    /// It was interrupted.
    Interrupted,
}

impl Outcome {
    /// From an exit code of a verb.
    pub fn of_exit(exit: u8) -> Self {
        match exit {
            0 => Self::Done,
            3 => Self::Gaps,
            130 => Self::Interrupted,
            _ => Self::Failed,
        }
    }

    /// Whether what was asked for is there now.
    pub fn is_good(self) -> bool {
        matches!(self, Self::Done | Self::Gaps)
    }
}

/// What a run counted. Sizes are bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Measures {
    /// Files that the last run did not have.
    pub files_new: u64,
    /// Files that changed since.
    pub files_changed: u64,
    /// Files that look the same.
    pub files_unmodified: u64,
    /// Files and folders that could not be read.
    pub files_unreadable: u64,
    /// Sum of the sizes of all files.
    pub bytes: u64,
    /// Read from the source.
    pub bytes_read: u64,
    /// Stored on the target, all included.
    pub bytes_stored: u64,
    /// Errors that a check found.
    pub errors: u64,
}

/// One line.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// What was done.
    pub task: Task,
    /// When it began.
    #[serde(with = "moment")]
    pub start: Timestamp,
    /// When it ended.
    #[serde(with = "moment")]
    pub end: Timestamp,
    /// How.
    pub outcome: Outcome,
    /// The exit code of the verb.
    pub exit: u8,
    /// How often it was tried.
    pub attempts: u32,
    /// By how many seconds its RPO was missed when it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub over_rpo_seconds: Option<i64>,
    /// What it counted.
    #[serde(default)]
    pub measures: Measures,
}

impl Entry {
    /// How long it took, seconds; 0 where the clock was put back meanwhile.
    pub fn seconds(&self) -> i64 {
        self.end.duration_since(self.start).as_secs().max(0)
    }

    fn run(&self) -> Run {
        Run {
            start: self.start,
            end: self.end,
        }
    }
}

/// What happened so far, in the order in which it was written down.
#[derive(Debug)]
pub struct History {
    folder: PathBuf,
    entries: Vec<Entry>,
    skipped: usize,
    /// How long the file was when it was read, with what was added since.
    known_bytes: u64,
}

/// A history that cannot be read or written.
#[derive(Debug, Error)]
#[error("cannot {act} {file}: {source}")]
pub struct HistoryError {
    act: &'static str,
    file: PathBuf,
    source: io::Error,
}

impl History {
    /// Reads what is in a folder; nothing yet is an empty history.
    ///
    /// # Errors
    /// Files that are there and cannot be read.
    pub fn open(folder: &Path) -> Result<Self, HistoryError> {
        let mut history = Self {
            folder: folder.to_owned(),
            entries: Vec::new(),
            skipped: 0,
            known_bytes: 0,
        };
        for name in [EARLIER, FILE] {
            history.known_bytes = history.load(&folder.join(name))?;
        }
        Ok(history)
    }

    /// Reads again if others have added something.
    ///
    /// # Errors
    /// As [`History::open`].
    pub fn reload(&mut self) -> Result<(), HistoryError> {
        let length = fs::metadata(self.folder.join(FILE)).map_or(0, |found| found.len());
        if length != self.known_bytes {
            *self = Self::open(&self.folder)?;
        }
        Ok(())
    }

    /// The folder in which it lies.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Tells how many bytes there are.
    fn load(&mut self, path: &Path) -> Result<u64, HistoryError> {
        let file = match File::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
            Err(error) => return Err(failed("read", path)(error)),
        };
        let mut bytes = Vec::new();
        // A file that grew beyond its bound is not ours alone; its beginning is enough.
        let bounded = file
            .take(BYTES_MAX.saturating_mul(2))
            .read_to_end(&mut bytes);
        bounded.map_err(failed("read", path))?;
        for line in bytes.split(|byte| *byte == b'\n') {
            match serde_json::from_slice(line) {
                _ if line.is_empty() => {}
                Ok(entry) => self.entries.push(entry),
                Err(_) => self.skipped += 1,
            }
        }
        Ok(u64::try_from(bytes.len()).unwrap_or(u64::MAX))
    }

    /// Adds a line and brings it to the disk.
    ///
    /// # Errors
    /// A folder that cannot be written.
    pub fn append(&mut self, entry: Entry) -> Result<(), HistoryError> {
        let path = self.folder.join(FILE);
        let lock = private(&self.folder.join(LOCK))?;
        lock.lock()
            .map_err(failed("lock", &self.folder.join(LOCK)))?;
        let full = fs::metadata(&path).is_ok_and(|found| found.len() >= BYTES_MAX);
        if full {
            let earlier = self.folder.join(EARLIER);
            fs::rename(&path, earlier).map_err(failed("move", &path))?;
            self.known_bytes = 0;
        }
        let mut file = private(&path)?;
        let written = line(&mut file, &entry).and_then(|line| {
            file.write_all(&line)?;
            file.sync_data()?;
            Ok(line.len())
        });
        let written = written.map_err(failed("write", &path))?;
        self.known_bytes += u64::try_from(written).unwrap_or(0);
        self.entries.push(entry);
        Ok(())
    }

    /// All entries, in the order in which they were written down.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// How many lines could not be read.
    pub fn skipped(&self) -> usize {
        self.skipped
    }

    /// The entries of a task.
    pub fn of<'h, 't: 'h>(
        &'h self,
        task: &'t Task,
    ) -> impl DoubleEndedIterator<Item = &'h Entry> + use<'h, 't> {
        self.entries.iter().filter(move |entry| entry.task == *task)
    }

    /// The last entry of a task that succeeded.
    pub fn last_good(&self, task: &Task) -> Option<&Entry> {
        let good = |entry: &&Entry| entry.task == *task && entry.outcome.is_good();
        self.entries.iter().rfind(good)
    }

    /// What a plan needs to know of a task's past.
    pub fn past(&self, task: &Task) -> Past {
        let mut past = Past::default();
        for entry in self.of(task) {
            match entry.outcome {
                Outcome::Away => {}
                outcome if outcome.is_good() => {
                    past = Past {
                        good: Some(entry.run()),
                        ..Past::default()
                    };
                }
                _ => {
                    past.failed = Some(entry.run());
                    past.failures = past.failures.saturating_add(1);
                }
            }
        }
        past
    }

    /// How long the next run takes, seconds, rather too much than too little: the 95th percentile
    /// of the last good runs and a quarter more. 0 where there was none.
    pub fn predicted_seconds(&self, task: &Task) -> i64 {
        let good = self.of(task).rev().filter(|entry| entry.outcome.is_good());
        let mut taken: Vec<i64> = good.take(RUNS_COUNTED).map(Entry::seconds).collect();
        taken.sort_unstable();
        let rank = (taken.len() * 95).div_ceil(100);
        let percentile = rank.checked_sub(1).and_then(|at| taken.get(at));
        percentile.map_or(0, |seconds| seconds.saturating_add(seconds / 4 + 1))
    }
}

/// The line to write; behind a torn one it begins on a line of its own.
fn line(file: &mut File, entry: &Entry) -> io::Result<Vec<u8>> {
    let mut line = Vec::new();
    if file.seek(SeekFrom::End(0))? > 0 {
        file.seek(SeekFrom::End(-1))?;
        let mut last = [0];
        file.read_exact(&mut last)?;
        if last != *b"\n" {
            line.push(b'\n');
        }
    }
    serde_json::to_writer(&mut line, entry)?;
    line.push(b'\n');
    Ok(line)
}

/// A file for its owner's eyes only, to be read and added to.
fn private(path: &Path) -> Result<File, HistoryError> {
    let mut options = OpenOptions::new();
    options.read(true).append(true).create(true).mode(0o600);
    options.open(path).map_err(failed("write", path))
}

fn failed(act: &'static str, file: &Path) -> impl Fn(io::Error) -> HistoryError {
    let file = file.to_owned();
    move |source| HistoryError {
        act,
        file: file.clone(),
        source,
    }
}

/// Moments as RFC 3339 in UTC.
mod moment {
    use jiff::Timestamp;
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(
        at: &Timestamp,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_str(at)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Timestamp, D::Error> {
        String::deserialize(from)?.parse().map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn entry(task: &str, start: &str, seconds: i64, outcome: Outcome) -> Entry {
        let start: Timestamp = start.parse().unwrap();
        Entry {
            task: task.parse().unwrap(),
            start,
            end: start + jiff::SignedDuration::from_secs(seconds),
            outcome,
            exit: 0,
            attempts: 1,
            over_rpo_seconds: None,
            measures: Measures::default(),
        }
    }

    #[test]
    fn what_was_written_down_is_read_again_by_the_owner_alone() {
        let folder = tempfile::tempdir().unwrap();
        let mut history = History::open(folder.path()).unwrap();
        let one = entry("dataset:plans", "2026-11-22T02:00:00Z", 60, Outcome::Done);
        let two = entry("prune", "2026-11-22T03:00:00Z", 5, Outcome::Failed);
        history.append(one.clone()).unwrap();
        history.append(two.clone()).unwrap();
        assert_eq!(History::open(folder.path()).unwrap().entries(), [one, two]);
        let mode = fs::metadata(folder.path().join(FILE))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn a_line_that_a_crash_tore_costs_itself_alone() {
        let folder = tempfile::tempdir().unwrap();
        let mut history = History::open(folder.path()).unwrap();
        let one = entry("check", "2026-11-22T02:00:00Z", 60, Outcome::Done);
        history.append(one.clone()).unwrap();
        let path = folder.path().join(FILE);
        let whole = fs::read(&path).unwrap();
        for cut in 1..whole.len() {
            fs::write(&path, [&whole[..], &whole[..cut]].concat()).unwrap();
            let mut torn = History::open(folder.path()).unwrap();
            // Without its line end alone, the line is whole.
            let expected = 1 + usize::from(cut == whole.len() - 1);
            assert_eq!(torn.entries().len(), expected);
            torn.append(one.clone()).unwrap();
            let again = History::open(folder.path()).unwrap();
            assert_eq!(again.entries().len(), expected + 1, "cut at {cut}");
        }
    }

    #[test]
    fn lines_of_a_newer_program_are_passed_over() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(
            folder.path().join(FILE),
            "{\"task\":\"juggle\"}\n\nnonsense\n",
        )
        .unwrap();
        let history = History::open(folder.path()).unwrap();
        assert_eq!((history.entries().len(), history.skipped()), (0, 2));
    }

    #[test]
    fn a_long_history_becomes_the_earlier_part() {
        let folder = tempfile::tempdir().unwrap();
        let mut history = History::open(folder.path()).unwrap();
        let one = entry("check", "2026-11-22T02:00:00Z", 60, Outcome::Done);
        history.append(one.clone()).unwrap();
        let path = folder.path().join(FILE);
        let line = fs::read_to_string(&path).unwrap();
        let lines = usize::try_from(BYTES_MAX).unwrap() / line.len() + 1;
        fs::write(&path, line.repeat(lines)).unwrap();
        history.append(one).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), line);
        assert_eq!(
            History::open(folder.path()).unwrap().entries().len(),
            lines + 1
        );
    }

    #[test]
    fn the_past_counts_failures_since_the_last_success_and_no_absence() {
        let folder = tempfile::tempdir().unwrap();
        let mut history = History::open(folder.path()).unwrap();
        let mut add = |hour: u32, outcome| {
            let start = format!("2026-11-22T{hour:02}:00:00Z");
            history
                .append(entry("copy:drive", &start, 80, outcome))
                .unwrap();
        };
        add(1, Outcome::Failed);
        add(2, Outcome::Gaps);
        add(3, Outcome::Failed);
        add(4, Outcome::Away);
        add(5, Outcome::Interrupted);
        let task = "copy:drive".parse().unwrap();
        let past = history.past(&task);
        assert_eq!(past.failures, 2);
        assert_eq!(
            past.good.unwrap().start,
            "2026-11-22T02:00:00Z".parse().unwrap()
        );
        assert_eq!(
            past.failed.unwrap().start,
            "2026-11-22T05:00:00Z".parse().unwrap()
        );
        assert_eq!(history.predicted_seconds(&task), 101);
        assert_eq!(history.predicted_seconds(&Task::Prune), 0);
    }
}
