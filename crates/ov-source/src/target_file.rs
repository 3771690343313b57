//! A file being put back.

use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use ov_format::entry::{EntryKey, Meta};
use rustix::fd::{AsFd, OwnedFd};
use rustix::fs::{
    AtFlags, FallocateFlags, FlockOperation, Mode, OFlags, RenameFlags, fallocate, fchmod, flock,
    ftruncate, openat, renameat, renameat_with, unlinkat,
};
use rustix::io::{Errno, pread, pwrite};

use crate::look::Look;
use crate::metadata;
use crate::place::Place;
use crate::shown::ShownPath;
use crate::sink::{Overwrite, Shared};
use crate::sink_error::{Action, SinkError};

/// Bytes that are written at once. The kernel copies a piece while it is in the processor's cache;
/// several megabytes at once cost it up to ten times as much.
const PIECE: usize = 256 * 1024;

/// Zeros written where a hole cannot be made.
static ZEROS: [u8; 64 * 1024] = [0; 64 * 1024];

/// A file being put back, under an unfinished name in its folder.
///
/// Threads may write different ranges at the same time. Each byte of the file must be covered
/// exactly once: by [`write_at`](Self::write_at), [`hole`](Self::hole) or
/// [`existing_matches`](Self::existing_matches) that found it. Only [`finish`](Self::finish)
/// gives the file its name, and only if all bytes are there; before that, whatever stood there
/// stays. It holds one or two files open. A file dropped unfinished stays under the unfinished name, and the next restore of the
/// same entry takes up what it holds.
pub struct FileTarget {
    file: OwnedFd,
    folder: Arc<OwnedFd>,
    key: EntryKey,
    unfinished: Vec<u8>,
    start: Start,
    /// What stands under the final name.
    old: Option<OwnedFd>,
    size: u64,
    covered: AtomicU64,
    /// How long the file is, if it was new: where the furthest write ended.
    end: AtomicU64,
    shared: Arc<Shared>,
}

/// Shows no name.
impl fmt::Debug for FileTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileTarget")
            .field("key", &self.key)
            .field("size", &self.size)
            .finish_non_exhaustive()
    }
}

/// Whether a range was already there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// Yes: it is covered now, and need not be fetched.
    Kept,
    /// No: write it.
    Absent,
}

/// How the unfinished file began.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Start {
    Fresh,
    /// An earlier restore left it, with bytes that may be right or wrong.
    Resumed,
}

impl FileTarget {
    pub(crate) fn open(
        folder: Arc<OwnedFd>,
        key: &EntryKey,
        size: u64,
        old: Option<OwnedFd>,
        shared: Arc<Shared>,
    ) -> Result<Self, SinkError> {
        let unfinished = unfinished_name(&key.name);
        let (file, start) = open_unfinished(&folder, &unfinished).map_err(|errno| match errno {
            Errno::AGAIN => SinkError::InUse {
                path: ShownPath::relative(key),
            },
            errno => refused(Action::Create, key, errno),
        })?;
        Ok(Self {
            file,
            folder,
            key: key.clone(),
            unfinished,
            start,
            old,
            size,
            covered: AtomicU64::new(0),
            end: AtomicU64::new(0),
            shared,
        })
    }

    /// Writes bytes at their place.
    pub fn write_at(&self, offset: u64, bytes: &[u8]) -> Result<(), SinkError> {
        self.write_all(offset, bytes)
            .map_err(|errno| refused(Action::Write, &self.key, errno))?;
        self.cover(bytes.len());
        Ok(())
    }

    /// Says that a range is a hole: zeros that take no space.
    pub fn hole(&self, offset: u64, length: u64) -> Result<(), SinkError> {
        if self.start == Start::Resumed {
            self.clear(offset, length)
                .map_err(|errno| refused(Action::Write, &self.key, errno))?;
        }
        self.covered.fetch_add(length, Ordering::Relaxed);
        Ok(())
    }

    /// Looks whether a range is there already, from an earlier restore or in the file that
    /// stands under the final name. Fills `buffer` with what is at `offset` and asks `is_right`;
    /// if it is, the range is covered.
    pub fn existing_matches(
        &self,
        offset: u64,
        buffer: &mut [u8],
        is_right: impl Fn(&[u8]) -> bool,
    ) -> Result<Found, SinkError> {
        let reading = |errno| refused(Action::Read, &self.key, errno);
        if self.start == Start::Resumed
            && fill(&self.file, offset, buffer).map_err(reading)? == Filled::Wholly
            && is_right(buffer)
        {
            self.cover(buffer.len());
            return Ok(Found::Kept);
        }
        let Some(old) = &self.old else {
            return Ok(Found::Absent);
        };
        // The old file is a convenience: what cannot be read of it is fetched instead.
        if fill(old, offset, buffer).unwrap_or(Filled::Partly) == Filled::Wholly && is_right(buffer)
        {
            self.write_at(offset, buffer)?;
            return Ok(Found::Kept);
        }
        Ok(Found::Absent)
    }

    /// Whether there is anything for [`existing_matches`](Self::existing_matches) to find.
    pub fn found(&self) -> Found {
        match self.start == Start::Resumed || self.old.is_some() {
            true => Found::Kept,
            false => Found::Absent,
        }
    }

    /// Sets length and metadata and gives the file its name, replacing what stood there as the
    /// sink's options say.
    pub fn finish(self, meta: &Meta) -> Result<(), SinkError> {
        let covered = self.covered.load(Ordering::Relaxed);
        if covered != self.size {
            return Err(SinkError::Incomplete {
                path: ShownPath::relative(&self.key),
                covered,
                size: self.size,
            });
        }
        if self.start == Start::Resumed || self.end.load(Ordering::Relaxed) != self.size {
            ftruncate(&self.file, self.size)
                .map_err(|errno| refused(Action::Write, &self.key, errno))?;
        }
        let place = Place::Open(self.file.as_fd());
        let owners = self.shared.options.owners;
        metadata::restore(place, &self.key, meta, owners, &mut |notice| {
            self.shared.notice(notice);
        })?;
        self.rename().map_err(|errno| match errno {
            Errno::EXIST => SinkError::InTheWay {
                path: ShownPath::relative(&self.key),
            },
            Errno::ISDIR | Errno::NOTEMPTY => SinkError::FolderInTheWay {
                path: ShownPath::relative(&self.key),
            },
            other => refused(Action::Rename, &self.key, other),
        })
    }

    /// Gives the file up and removes what there is of it.
    pub fn discard(self) -> Result<(), SinkError> {
        unlinkat(&self.folder, &self.unfinished[..], AtFlags::empty())
            .map_err(|errno| refused(Action::Delete, &self.key, errno))
    }

    fn rename(&self) -> Result<(), Errno> {
        let (from, to) = (&self.unfinished[..], &self.key.name[..]);
        if self.shared.options.overwrite == Overwrite::Never {
            match renameat_with(&self.folder, from, &self.folder, to, RenameFlags::NOREPLACE) {
                Err(Errno::INVAL | Errno::NOSYS) => {}
                done => return done,
            }
            if Look::at(self.folder.as_fd(), to).is_ok() {
                return Err(Errno::EXIST);
            }
        }
        renameat(&self.folder, from, &self.folder, to)
    }

    fn cover(&self, bytes: usize) {
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        self.covered.fetch_add(bytes, Ordering::Relaxed);
    }

    fn write_all(&self, offset: u64, bytes: &[u8]) -> Result<(), Errno> {
        let end = write_pieces(&self.file, offset, bytes)?;
        self.end.fetch_max(end, Ordering::Relaxed);
        Ok(())
    }

    /// Makes a range zeros again, with a hole where the file system can.
    fn clear(&self, offset: u64, length: u64) -> Result<(), Errno> {
        if length == 0 {
            return Ok(());
        }
        let punch = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
        match fallocate(&self.file, punch, offset, length) {
            Err(Errno::OPNOTSUPP | Errno::NOSYS | Errno::INVAL) => {}
            done => return done,
        }
        // Beyond the present end nothing needs to be cleared.
        let present = Look::of(self.file.as_fd())?.size;
        let end = offset.saturating_add(length).min(present);
        let mut at = offset;
        while at < end {
            let piece = usize::try_from(end - at).map_or(ZEROS.len(), |left| left.min(ZEROS.len()));
            self.write_all(at, ZEROS.get(..piece).unwrap_or_default())?;
            at = at.saturating_add(u64::try_from(piece).unwrap_or(u64::MAX));
        }
        Ok(())
    }
}

/// Writes bytes at their place, and gives where they end.
pub(crate) fn write_pieces(
    file: &OwnedFd,
    mut offset: u64,
    mut bytes: &[u8],
) -> Result<u64, Errno> {
    while !bytes.is_empty() {
        let piece = bytes.get(..PIECE).unwrap_or(bytes);
        let written = match pwrite(file, piece, offset) {
            Ok(0) => return Err(Errno::IO),
            Ok(written) => written,
            Err(Errno::INTR) => continue,
            Err(other) => return Err(other),
        };
        bytes = bytes.get(written..).unwrap_or_default();
        offset = offset.saturating_add(u64::try_from(written).unwrap_or(u64::MAX));
    }
    Ok(offset)
}

/// The name of a file until it is complete: hidden, plainly ours, and the same in each run.
fn unfinished_name(name: &[u8]) -> Vec<u8> {
    let hash = |seed: u8| {
        let mut hasher = DefaultHasher::new();
        (seed, name).hash(&mut hasher);
        hasher.finish()
    };
    format!(".oncovault-{:016x}{:016x}.unfinished", hash(0), hash(1)).into_bytes()
}

/// Opens the unfinished file for this process alone.
fn open_unfinished(folder: &OwnedFd, name: &[u8]) -> Result<(OwnedFd, Start), Errno> {
    let common = OFlags::RDWR | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let private = Mode::RUSR | Mode::WUSR;
    // The second round follows the removal of something that was no file of ours.
    for _ in 0..2 {
        match openat(
            folder,
            name,
            common | OFlags::CREATE | OFlags::EXCL,
            private,
        ) {
            Ok(file) => {
                lock_alone(&file)?;
                return Ok((file, Start::Fresh));
            }
            Err(Errno::EXIST) => {}
            Err(other) => return Err(other),
        }
        match openat(folder, name, common, Mode::empty()) {
            Ok(file) if is_ours(&file)? => {
                lock_alone(&file)?;
                fchmod(&file, private)?;
                return Ok((file, Start::Resumed));
            }
            Ok(_) | Err(_) => unlinkat(folder, name, AtFlags::empty())?,
        }
    }
    Err(Errno::EXIST)
}

/// Keeps other restores off the file, on file systems that have such locks.
fn lock_alone(file: &OwnedFd) -> Result<(), Errno> {
    match flock(file, FlockOperation::NonBlockingLockExclusive) {
        Err(Errno::AGAIN) => Err(Errno::AGAIN),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// A regular file of this user under one name: nobody else's file is written through it.
fn is_ours(file: &OwnedFd) -> Result<bool, Errno> {
    let look = Look::of(file.as_fd())?;
    let own = look.uid == rustix::process::geteuid().as_raw();
    Ok(look.is_file() && look.fingerprint.links == 1 && own)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Filled {
    Wholly,
    Partly,
}

fn fill(file: &OwnedFd, offset: u64, buffer: &mut [u8]) -> Result<Filled, Errno> {
    let mut filled = 0;
    while let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        let at = offset.saturating_add(u64::try_from(filled).unwrap_or(u64::MAX));
        match pread(file, rest, at) {
            Ok(0) => return Ok(Filled::Partly),
            Ok(got) => filled += got,
            Err(Errno::INTR) => {}
            Err(other) => return Err(other),
        }
    }
    Ok(Filled::Wholly)
}

pub(crate) fn refused(action: Action, key: &EntryKey, errno: Errno) -> SinkError {
    SinkError::Refused {
        action,
        path: ShownPath::relative(key),
        source: io::Error::from(errno),
    }
}
