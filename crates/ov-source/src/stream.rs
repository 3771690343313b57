//! A stream: one file whose length nobody knows before its end.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::AsFd;
use std::sync::{Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use ov_format::entry::{EntryKey, Kind, Meta, Time};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

use crate::error::SourceError;
use crate::names::Names;
use crate::shown::ShownPath;
use crate::source::{Asked, FileStat, Fingerprint, Item, ItemHandle, OpenFile, Segment, Source};

/// A reader, recorded as one file; for standard input, say.
pub struct Stream {
    name: StreamName,
    reader: Mutex<Option<Box<dyn Read + Send>>>,
}

impl Stream {
    /// What another program writes into this one.
    pub fn standard_input(name: &[u8]) -> Result<Self, SourceError> {
        let unreadable = |source| SourceError::Unreadable {
            path: ShownPath::new(name),
            source,
        };
        // A handle of its own, since the shared one holds bytes back, which no poll can see.
        let input = io::stdin().as_fd().try_clone_to_owned();
        let input = File::from(input.map_err(unreadable)?);
        Self::new(name, Box::new(Patient(input)))
    }

    /// A stream to be recorded at `name`, a path whose folders are recorded with it.
    pub fn new(name: &[u8], reader: Box<dyn Read + Send>) -> Result<Self, SourceError> {
        Ok(Self {
            name: StreamName::new(name)?,
            reader: Mutex::new(Some(reader)),
        })
    }
}

impl Source for Stream {
    fn walk(&self) -> Box<dyn Iterator<Item = Result<Item, SourceError>> + Send + '_> {
        Box::new(self.name.items().into_iter().map(Ok))
    }

    fn open(&self, _item: &Item) -> Result<Box<dyn OpenFile>, SourceError> {
        let mut slot = self.reader.lock().unwrap_or_else(PoisonError::into_inner);
        let reader = slot.take().ok_or_else(|| SourceError::AlreadyRead {
            path: self.name.shown(),
        })?;
        Ok(Box::new(StreamFile {
            reader,
            begun: self.name.begun,
            state: Progress::Before,
        }))
    }
}

/// Where a stream is recorded, and since when it is there.
pub(crate) struct StreamName {
    key: EntryKey,
    pub begun: Time,
}

impl StreamName {
    pub fn new(name: &[u8]) -> Result<Self, SourceError> {
        let relative = name.strip_prefix(b"/").unwrap_or(name);
        let key = EntryKey::from_path(relative).ok_or_else(|| SourceError::BadName {
            path: ShownPath::new(name),
        })?;
        Ok(Self { key, begun: now() })
    }

    pub fn shown(&self) -> ShownPath {
        ShownPath::relative(&self.key)
    }

    /// The folders on the way, and the file.
    pub fn items(&self) -> Vec<Item> {
        let parent = &self.key.parent;
        let ends = parent.iter().enumerate().filter(|&(_, &b)| b == b'/');
        let mut items: Vec<Item> = ends
            .map(|(end, _)| end)
            .chain((!parent.is_empty()).then_some(parent.len()))
            .filter_map(|end| EntryKey::from_path(parent.get(..end)?))
            .map(|key| self.item(key, Kind::Directory, 0o700))
            .collect();
        items.push(self.item(self.key.clone(), Kind::File, 0o600));
        items
    }

    fn item(&self, key: EntryKey, kind: Kind, mode: u32) -> Item {
        let names = Names::of_system();
        let uid = rustix::process::geteuid().as_raw();
        let gid = rustix::process::getegid().as_raw();
        let meta = Meta {
            kind,
            mode,
            uid,
            gid,
            user: names.user(uid),
            group: names.group(gid),
            mtime: self.begun,
            size: 0,
            xattrs: Vec::new(),
            link_group: None,
        };
        Item {
            key,
            meta,
            fingerprint: Fingerprint::default(),
            handle: ItemHandle::default(),
            problem: None,
            asked: Asked::Yes,
        }
    }
}

/// How far a stream's single segment is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Progress {
    Before,
    Within,
    Ended,
}

struct StreamFile {
    reader: Box<dyn Read + Send>,
    begun: Time,
    state: Progress,
}

impl Read for StreamFile {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.state {
            Progress::Within => read_stream(&mut self.reader, buffer),
            Progress::Before | Progress::Ended => Ok(0),
        }
    }
}

impl OpenFile for StreamFile {
    fn next_segment(&mut self) -> Result<Option<Segment>, SourceError> {
        Ok(next_of_stream(&mut self.state))
    }

    fn stat_now(&self) -> Result<FileStat, SourceError> {
        Ok(stat_of_stream(self.begun))
    }
}

/// One segment, then the end.
pub(crate) fn next_of_stream(state: &mut Progress) -> Option<Segment> {
    match state {
        Progress::Before => {
            *state = Progress::Within;
            Some(Segment::Data {
                offset: 0,
                length: u64::MAX,
            })
        }
        Progress::Within | Progress::Ended => {
            *state = Progress::Ended;
            None
        }
    }
}

pub(crate) fn stat_of_stream(begun: Time) -> FileStat {
    FileStat {
        size: None,
        mtime: begun,
        fingerprint: Fingerprint::default(),
    }
}

/// How long to wait for bytes before the reader is asked whether it still wants them.
const PATIENCE: Timespec = Timespec {
    tv_sec: 0,
    tv_nsec: 200_000_000,
};

/// Reads what may be long in coming: `WouldBlock` if nothing has come for a while.
pub(crate) struct Patient<F>(pub F);

impl<F: Read + AsFd> Read for Patient<F> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut waiting = [PollFd::new(&self.0, PollFlags::IN)];
        match poll(&mut waiting, Some(&PATIENCE)) {
            Ok(0) | Err(Errno::INTR) => Err(io::ErrorKind::WouldBlock.into()),
            Ok(_) => self.0.read(buffer),
            Err(errno) => Err(errno.into()),
        }
    }
}

/// Reads on after a signal.
pub(crate) fn read_stream(reader: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    loop {
        match reader.read(buffer) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            done => return done,
        }
    }
}

fn now() -> Time {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    Time {
        seconds: i64::try_from(since.as_secs()).unwrap_or(i64::MAX),
        nanos: since.subsec_nanos(),
    }
}
