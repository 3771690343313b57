//! The folders of a target, open or opened again, always beneath it.

use std::io;
use std::sync::Arc;

use ov_format::entry::EntryKey;
use rustix::fd::{AsFd, OwnedFd};
use rustix::fs::{Mode, mkdirat, openat};
use rustix::io::Errno;

use crate::beneath::{self, REACH};
use crate::recent_folders::RecentFolders;
use crate::shown::ShownPath;
use crate::sink_error::{Action, SinkError};

/// How many folders are held open.
const OPEN_MAX: usize = 64;

/// Opens folders below a base, and keeps the last ones open.
pub(crate) struct Folders {
    base: Arc<OwnedFd>,
    recent: RecentFolders,
}

impl Folders {
    pub fn new(base: OwnedFd) -> Self {
        Self {
            base: Arc::new(base),
            recent: RecentFolders::up_to(OPEN_MAX),
        }
    }

    /// The folder that all others are beneath.
    pub fn base(&self) -> &OwnedFd {
        &self.base
    }

    /// Opens the folder of this path, which must be clean; the empty path is the base.
    pub fn open(&self, path: &[u8]) -> Result<Arc<OwnedFd>, SinkError> {
        check_clean(path)?;
        self.find(path).map_err(|errno| failed(path, errno))
    }

    /// As [`Self::open`]; makes what is missing on the way, for its owner only.
    pub fn open_or_make(&self, path: &[u8]) -> Result<Arc<OwnedFd>, SinkError> {
        check_clean(path)?;
        match self.find(path) {
            Err(Errno::NOENT) => self.make(path).map_err(|errno| failed(path, errno)),
            Ok(folder) => Ok(folder),
            Err(errno) => Err(failed(path, errno)),
        }
    }

    /// Forgets folders at or below a key that is being removed or replaced.
    pub fn forget_below(&self, key: &EntryKey) {
        self.recent.forget_below(&key.path());
    }

    fn find(&self, path: &[u8]) -> Result<Arc<OwnedFd>, Errno> {
        if path.is_empty() {
            return Ok(Arc::clone(&self.base));
        }
        if let Some(folder) = self.recall(path) {
            return Ok(folder);
        }
        let (above, name) = split(path);
        let opened = match self.recall(above) {
            Some(above) => openat(&above, name, REACH, Mode::empty())?,
            None => beneath::open_folder(self.base.as_fd(), path)?,
        };
        Ok(self.recent.keep(path, Arc::new(opened)))
    }

    /// Makes the folders that are missing, going down from the base.
    fn make(&self, path: &[u8]) -> Result<Arc<OwnedFd>, Errno> {
        let mut current = Arc::clone(&self.base);
        for name in path.split(|&b| b == b'/') {
            current = match openat(&current, name, REACH, Mode::empty()) {
                Err(Errno::NOENT) => {
                    match mkdirat(&current, name, Mode::RWXU) {
                        Ok(()) | Err(Errno::EXIST) => {}
                        Err(errno) => return Err(errno),
                    }
                    Arc::new(openat(&current, name, REACH, Mode::empty())?)
                }
                opened => Arc::new(opened?),
            };
        }
        Ok(current)
    }

    fn recall(&self, path: &[u8]) -> Option<Arc<OwnedFd>> {
        match path.is_empty() {
            true => Some(Arc::clone(&self.base)),
            false => self.recent.recall(path),
        }
    }
}

/// The folder's path and the last name.
fn split(path: &[u8]) -> (&[u8], &[u8]) {
    match path.iter().rposition(|&b| b == b'/') {
        Some(at) => (
            path.get(..at).unwrap_or_default(),
            path.get(at + 1..).unwrap_or_default(),
        ),
        None => (b"", path),
    }
}

fn check_clean(path: &[u8]) -> Result<(), SinkError> {
    match path.is_empty() || EntryKey::from_path(path).is_some() {
        true => Ok(()),
        false => Err(SinkError::UncleanName {
            path: ShownPath::new(path),
        }),
    }
}

/// A link or a file on the way is not passed: it is in the way.
fn failed(path: &[u8], errno: Errno) -> SinkError {
    let path = ShownPath::new(path);
    match errno {
        Errno::LOOP | Errno::NOTDIR | Errno::XDEV => SinkError::InTheWay { path },
        other => SinkError::Refused {
            action: Action::Open,
            path,
            source: io::Error::from(other),
        },
    }
}
