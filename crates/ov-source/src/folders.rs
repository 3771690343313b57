//! The folders of a target, open or opened again, always beneath it.

use std::io;
use std::sync::Arc;

use ov_format::entry::EntryKey;
use rustix::fd::{AsFd, OwnedFd};
use rustix::fs::{Mode, mkdirat, openat};
use rustix::io::Errno;
use rustix::process::{Resource, getrlimit};

use crate::beneath::{self, REACH};
use crate::recent_folders::RecentFolders;
use crate::shown::ShownPath;
use crate::sink_error::{Action, SinkError};

/// How many folders are held open at most. What is put back comes in the order in which it is
/// stored, which returns to each folder several times.
const OPEN_MAX: usize = 2048;

/// The part of the descriptors that a process may have which goes to folders.
const OPEN_SHARE: u64 = 8;

/// Opens folders below a base, and keeps the last ones open.
pub(crate) struct Folders {
    base: Arc<OwnedFd>,
    recent: RecentFolders,
}

fn open_max() -> usize {
    let allowed = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    usize::try_from(allowed / OPEN_SHARE).map_or(OPEN_MAX, |share| share.min(OPEN_MAX))
}

impl Folders {
    pub fn new(base: OwnedFd) -> Self {
        Self {
            base: Arc::new(base),
            recent: RecentFolders::up_to(open_max()),
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
        // Only clean paths are held open.
        if let Some(folder) = self.recall(path) {
            return Ok(folder);
        }
        check_clean(path)?;
        match self.find(path) {
            Err(Errno::NOENT) => {
                let made = self.make(path).map_err(|errno| failed(path, errno))?;
                Ok(self.keep(path, made))
            }
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
        Ok(self.keep(path, opened))
    }

    /// Makes the folders that are missing, going down from the one above if that is open, and
    /// from the base if not.
    fn make(&self, path: &[u8]) -> Result<OwnedFd, Errno> {
        let (above, name) = split(path);
        if let Some(above) = self.recall(above) {
            return make_one(&above, name);
        }
        let mut names = above.split(|&b| b == b'/');
        let first = make_one(&self.base, names.next().unwrap_or_default())?;
        let above = names.try_fold(first, |current, name| make_one(&current, name))?;
        make_one(&above, name)
    }

    fn recall(&self, path: &[u8]) -> Option<Arc<OwnedFd>> {
        if path.is_empty() {
            return Some(Arc::clone(&self.base));
        }
        self.recent.recall(path)
    }

    fn keep(&self, path: &[u8], folder: OwnedFd) -> Arc<OwnedFd> {
        self.recent.keep(path, Arc::new(folder))
    }
}

/// Opens a folder, and makes it if it is missing.
fn make_one(above: &OwnedFd, name: &[u8]) -> Result<OwnedFd, Errno> {
    match openat(above, name, REACH, Mode::empty()) {
        Err(Errno::NOENT) => {}
        opened => return opened,
    }
    match mkdirat(above, name, Mode::RWXU) {
        Ok(()) | Err(Errno::EXIST) => {}
        Err(errno) => return Err(errno),
    }
    openat(above, name, REACH, Mode::empty())
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
