//! Looking at one name: a single `statx` with no more than is needed; and the rest, where it counts.

use std::io;

use ov_format::entry::{Kind, Meta, Time};
use rustix::fd::BorrowedFd;
use rustix::fs::{AtFlags, FileType, StatxFlags, StatxTimestamp, makedev, readlinkat, statx};
use rustix::io::Errno;

use crate::source::{FileStat, Fingerprint, Item, Rest};
use crate::xattrs::{self, Openable, Reach};

/// What `statx` tells of one thing.
#[derive(Clone, Copy)]
pub(crate) struct Look {
    pub file_type: FileType,
    pub mode: u32,
    pub uid: u32,
    pub gid: u32,
    pub size: u64,
    /// Space taken, in bytes.
    pub allocated: u64,
    pub mtime: Time,
    pub major: u32,
    pub minor: u32,
    pub fingerprint: Fingerprint,
}

impl Look {
    /// Looks at `name` itself, not at what a symbolic link points to.
    pub fn at(dir: BorrowedFd<'_>, name: &[u8]) -> Result<Self, Errno> {
        Self::with(dir, name, AtFlags::SYMLINK_NOFOLLOW)
    }

    /// Looks at what `name` leads to.
    pub fn through(dir: BorrowedFd<'_>, name: &[u8]) -> Result<Self, Errno> {
        Self::with(dir, name, AtFlags::empty())
    }

    /// Looks at an open file.
    pub fn of(fd: BorrowedFd<'_>) -> Result<Self, Errno> {
        Self::with(fd, b"", AtFlags::EMPTY_PATH)
    }

    fn with(dir: BorrowedFd<'_>, name: &[u8], flags: AtFlags) -> Result<Self, Errno> {
        let wanted = StatxFlags::BASIC_STATS.difference(StatxFlags::ATIME);
        let seen = statx(dir, name, flags | AtFlags::NO_AUTOMOUNT, wanted)?;
        let raw = u32::from(seen.stx_mode);
        Ok(Self {
            file_type: FileType::from_raw_mode(raw),
            mode: raw & 0o7777,
            uid: seen.stx_uid,
            gid: seen.stx_gid,
            size: seen.stx_size,
            allocated: seen.stx_blocks.saturating_mul(512),
            mtime: time(&seen.stx_mtime),
            major: seen.stx_rdev_major,
            minor: seen.stx_rdev_minor,
            fingerprint: Fingerprint {
                device: makedev(seen.stx_dev_major, seen.stx_dev_minor),
                inode: seen.stx_ino,
                links: seen.stx_nlink,
                ctime: time(&seen.stx_ctime),
            },
        })
    }

    /// Device and inode: the same thing under whatever name.
    pub fn identity(&self) -> (u64, u64) {
        (self.fingerprint.device, self.fingerprint.inode)
    }

    /// Whether it is a folder.
    pub fn is_folder(&self) -> bool {
        self.file_type == FileType::Directory
    }

    /// Whether it is a regular file.
    pub fn is_file(&self) -> bool {
        self.file_type == FileType::RegularFile
    }

    /// What a file looks like at this moment.
    pub fn file_stat(&self) -> FileStat {
        FileStat {
            size: Some(self.size),
            mtime: self.mtime,
            fingerprint: self.fingerprint,
        }
    }

    /// The metadata, without what needs further calls: names, attributes, a link's target.
    pub fn meta(&self) -> Meta {
        Meta {
            kind: kind_of(self.file_type, self.major, self.minor),
            mode: self.mode,
            uid: self.uid,
            gid: self.gid,
            user: Vec::new(),
            group: Vec::new(),
            mtime: self.mtime,
            size: if self.is_file() { self.size } else { 0 },
            xattrs: Vec::new(),
            link_group: None,
        }
    }
}

/// Adds what takes further calls.
pub(crate) fn look_closer(reach: Reach, folder: BorrowedFd<'_>, item: &mut Item) {
    item.handle.rest = Rest::There;
    let name = &item.key.name[..];
    if let Kind::Symlink(target) = &mut item.meta.kind {
        match readlinkat(folder, name, Vec::new()) {
            Ok(read) => *target = read.into_bytes(),
            Err(errno) => item.problem = Some(reason("its target", errno)),
        }
    }
    let openable = match item.meta.kind {
        Kind::File | Kind::Directory => Openable::Yes,
        _ => Openable::No,
    };
    match xattrs::read_at(reach, folder, name, openable) {
        Ok(attributes) => item.meta.xattrs = attributes,
        Err(errno) => item.problem = Some(reason("its extended attributes", errno)),
    }
}

/// Why something could not be read.
pub(crate) fn reason(what: &str, errno: Errno) -> String {
    format!("cannot read {what}: {}", io::Error::from(errno))
}

/// Metadata of a thing of which only the type in its folder's list is known.
pub(crate) fn bare_meta(file_type: FileType) -> Meta {
    Meta {
        kind: kind_of(file_type, 0, 0),
        mode: 0,
        uid: 0,
        gid: 0,
        user: Vec::new(),
        group: Vec::new(),
        mtime: Time::default(),
        size: 0,
        xattrs: Vec::new(),
        link_group: None,
    }
}

fn kind_of(file_type: FileType, major: u32, minor: u32) -> Kind {
    match file_type {
        FileType::Directory => Kind::Directory,
        FileType::Symlink => Kind::Symlink(Vec::new()),
        FileType::Fifo => Kind::Fifo,
        FileType::Socket => Kind::Socket,
        FileType::CharacterDevice => Kind::CharDevice { major, minor },
        FileType::BlockDevice => Kind::BlockDevice { major, minor },
        _ => Kind::File,
    }
}

fn time(stamp: &StatxTimestamp) -> Time {
    Time {
        seconds: stamp.tv_sec,
        nanos: stamp.tv_nsec,
    }
}
