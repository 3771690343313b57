//! One instance at a time for each task.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use thiserror::Error;

use crate::task::Task;

/// A task that this process alone works on, until this is dropped. The operating system lets go
/// of it when the process ends, however it ends.
#[derive(Debug)]
pub struct TaskLock {
    _file: File,
}

/// A lock that cannot be taken.
#[derive(Debug, Error)]
pub enum LockError {
    /// Another process works on it.
    #[error("another run is at work on {0}")]
    Busy(Task),
    /// The file of the lock.
    #[error("cannot lock {file}: {source}")]
    File {
        /// The file.
        file: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl TaskLock {
    /// Takes the lock, or says that another process has it.
    ///
    /// # Errors
    /// Busy, or a folder that cannot be written.
    pub fn take(folder: &Path, task: &Task) -> Result<Self, LockError> {
        let name = task.to_string().replace(':', "-");
        let file = folder.join(format!("{name}.lock"));
        let failed = |source| LockError::File {
            file: file.clone(),
            source,
        };
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(false).mode(0o600);
        let opened = options.open(&file).map_err(failed)?;
        match opened.try_lock() {
            Ok(()) => Ok(Self { _file: opened }),
            Err(TryLockError::WouldBlock) => Err(LockError::Busy(task.clone())),
            Err(TryLockError::Error(source)) => Err(failed(source)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_task_is_locked_by_one_and_others_are_free() {
        let folder = tempfile::tempdir().unwrap();
        let plans: Task = "dataset:plans".parse().unwrap();
        let first = TaskLock::take(folder.path(), &plans).unwrap();
        let busy = TaskLock::take(folder.path(), &plans).unwrap_err();
        assert!(matches!(busy, LockError::Busy(_)), "{busy}");
        TaskLock::take(folder.path(), &Task::Prune).unwrap();
        drop(first);
        TaskLock::take(folder.path(), &plans).unwrap();
    }
}
