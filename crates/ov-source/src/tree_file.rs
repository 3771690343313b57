//! An open file of a file tree.

use std::io::{self, Read};
use std::thread;
use std::time::Duration;

use ov_format::entry::EntryKey;
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::fs::{Advice, Mode, OFlags, SeekFrom, fadvise, openat, seek};
use rustix::io::{Errno, pread};

use crate::error::SourceError;
use crate::look::Look;
use crate::shown::ShownPath;
use crate::source::{FileStat, OpenFile, Segment};

/// From this size on, the kernel is told how the file will be read.
const BIG_FILE: u64 = 1 << 20;

/// How long to wait for another program to give up a lease, and how often.
const LEASE_PAUSE: Duration = Duration::from_millis(50);
const LEASE_ATTEMPTS: u32 = 20;

/// A regular file, open for reading.
pub(crate) struct TreeFile {
    file: OwnedFd,
    path: ShownPath,
    /// Length when opened, or less once it turned out to have shrunk.
    size: u64,
    position: u64,
    /// Where the current segment ends and the next one begins.
    segment_end: u64,
    layout: Layout,
}

/// What is known of holes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Layout {
    /// All its bytes take space, or the file system cannot tell.
    Dense,
    /// It takes less space than it has bytes.
    Sparse,
}

impl TreeFile {
    /// Opens `key.name` in its folder, if it is still a regular file.
    pub fn open(folder: BorrowedFd<'_>, key: &EntryKey) -> Result<Self, SourceError> {
        let (file, look) = open_regular(folder, key)?;
        if look.size >= BIG_FILE {
            // Read ahead more, and do not push other programs' pages out. Only advice.
            let _ = fadvise(&file, 0, None, Advice::Sequential);
            let _ = fadvise(&file, 0, None, Advice::NoReuse);
        }
        let layout = match look.allocated < look.size {
            true => Layout::Sparse,
            false => Layout::Dense,
        };
        Ok(Self {
            file,
            path: ShownPath::absolute(key),
            size: look.size,
            position: 0,
            segment_end: 0,
            layout,
        })
    }

    fn data(&mut self, offset: u64, end: u64) -> Segment {
        self.segment_end = end;
        Segment::Data {
            offset,
            length: end.saturating_sub(offset),
        }
    }

    fn hole(&mut self, offset: u64, end: u64) -> Segment {
        self.position = end;
        self.segment_end = end;
        Segment::Hole {
            offset,
            length: end.saturating_sub(offset),
        }
    }

    /// A hole that reaches to the end; or nothing, if the end has moved back before it.
    fn last_hole(&mut self, offset: u64) -> Result<Option<Segment>, Errno> {
        self.size = self.size.min(Look::of(self.file.as_fd())?.size);
        match offset < self.size {
            true => Ok(Some(self.hole(offset, self.size))),
            false => Ok(None),
        }
    }

    fn seek_segment(&mut self, offset: u64) -> Result<Option<Segment>, Errno> {
        match seek(&self.file, SeekFrom::Data(offset)) {
            Ok(at) if at > offset && at < self.size => Ok(Some(self.hole(offset, at))),
            Ok(at) if at > offset => self.last_hole(offset),
            Ok(_) => {
                let end = seek(&self.file, SeekFrom::Hole(offset))?.min(self.size);
                Ok(Some(self.data(offset, end)))
            }
            Err(Errno::NXIO) => self.last_hole(offset),
            Err(Errno::INVAL | Errno::OPNOTSUPP) => {
                self.layout = Layout::Dense;
                Ok(Some(self.data(offset, self.size)))
            }
            Err(other) => Err(other),
        }
    }
}

impl Read for TreeFile {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = self.segment_end.saturating_sub(self.position);
        let wanted = usize::try_from(left)
            .unwrap_or(usize::MAX)
            .min(buffer.len());
        let Some(target) = buffer.get_mut(..wanted).filter(|target| !target.is_empty()) else {
            return Ok(0);
        };
        let got = loop {
            match pread(&self.file, &mut *target, self.position) {
                Err(Errno::INTR) => {}
                done => break done?,
            }
        };
        if got == 0 {
            self.size = self.position;
            self.segment_end = self.position;
        }
        self.position = self
            .position
            .saturating_add(u64::try_from(got).unwrap_or(u64::MAX));
        Ok(got)
    }
}

impl OpenFile for TreeFile {
    fn next_segment(&mut self) -> Result<Option<Segment>, SourceError> {
        let offset = self.segment_end;
        self.position = offset;
        if offset >= self.size {
            return Ok(None);
        }
        if self.layout == Layout::Dense {
            return Ok(Some(self.data(offset, self.size)));
        }
        self.seek_segment(offset)
            .map_err(|errno| SourceError::Unreadable {
                path: self.path.clone(),
                source: errno.into(),
            })
    }

    fn stat_now(&self) -> Result<FileStat, SourceError> {
        match Look::of(self.file.as_fd()) {
            Ok(look) => Ok(look.file_stat()),
            Err(errno) => Err(SourceError::of_listed(self.path.clone(), errno)),
        }
    }
}

/// Opens `key.name` in its folder, if it is still a regular file.
pub(crate) fn open_regular(
    folder: BorrowedFd<'_>,
    key: &EntryKey,
) -> Result<(OwnedFd, Look), SourceError> {
    let path = || ShownPath::absolute(key);
    let failed = |errno| match errno {
        Errno::LOOP | Errno::NXIO => SourceError::NotAFile { path: path() },
        other => SourceError::of_listed(path(), other),
    };
    let file = open_patiently(folder, &key.name).map_err(failed)?;
    let look = Look::of(file.as_fd()).map_err(failed)?;
    match look.is_file() {
        true => Ok((file, look)),
        false => Err(SourceError::NotAFile { path: path() }),
    }
}

/// Opens a file without touching its access time where that is allowed, and without waiting for
/// the other end of a pipe. A lease held by another program (a file server's, say) is waited for.
fn open_patiently(folder: BorrowedFd<'_>, name: &[u8]) -> Result<OwnedFd, Errno> {
    let flags =
        OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    for _ in 0..LEASE_ATTEMPTS {
        match open_quietly(folder, name, flags) {
            Err(Errno::AGAIN) => thread::sleep(LEASE_PAUSE),
            Err(Errno::INTR) => {}
            done => return done,
        }
    }
    Err(Errno::AGAIN)
}

/// Opens with `O_NOATIME`, which only the owner may; anyone else without.
pub(crate) fn open_quietly(
    folder: BorrowedFd<'_>,
    name: &[u8],
    flags: OFlags,
) -> Result<OwnedFd, Errno> {
    match openat(folder, name, flags | OFlags::NOATIME, Mode::empty()) {
        Err(Errno::PERM) => openat(folder, name, flags, Mode::empty()),
        done => done,
    }
}
