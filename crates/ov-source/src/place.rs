//! Setting metadata of a thing, whether open or only named in its folder.

use ov_format::entry::Time;
use rustix::fd::{AsFd, BorrowedFd};
use rustix::fs::{
    AtFlags, CWD, Gid, Mode, OFlags, Timespec, Timestamps, UTIME_OMIT, Uid, XattrFlags, chmodat,
    chownat, fchmod, fchown, fremovexattr, fsetxattr, futimens, lremovexattr, lsetxattr, openat,
    utimensat,
};
use rustix::io::Errno;

use crate::look::Look;
use crate::xattrs::{self, Attributes, Openable, Reach, proc_path};

/// Where metadata goes. Neither form follows a symbolic link.
#[derive(Clone, Copy)]
pub(crate) enum Place<'a> {
    /// An open file or folder.
    Open(BorrowedFd<'a>),
    /// A name: for links, pipes and devices, which are not opened.
    Named {
        folder: BorrowedFd<'a>,
        name: &'a [u8],
    },
}

impl Place<'_> {
    pub fn look(self) -> Result<Look, Errno> {
        match self {
            Self::Open(fd) => Look::of(fd),
            Self::Named { folder, name } => Look::at(folder, name),
        }
    }

    pub fn set_owner(self, uid: Option<u32>, gid: Option<u32>) -> Result<(), Errno> {
        let (uid, gid) = (uid.map(Uid::from_raw), gid.map(Gid::from_raw));
        match self {
            Self::Open(fd) => fchown(fd, uid, gid),
            Self::Named { folder, name } => {
                chownat(folder, name, uid, gid, AtFlags::SYMLINK_NOFOLLOW)
            }
        }
    }

    /// Sets the mode. A named thing is pinned first: `fchmodat` itself would follow a link that
    /// took its place.
    pub fn set_mode(self, mode: u32) -> Result<(), Errno> {
        let mode = Mode::from_raw_mode(mode);
        match self {
            Self::Open(fd) => fchmod(fd, mode),
            Self::Named { folder, name } => {
                let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
                let pinned = openat(folder, name, flags, Mode::empty())?;
                if Look::of(pinned.as_fd())?.file_type == rustix::fs::FileType::Symlink {
                    return Err(Errno::LOOP);
                }
                let path = proc_path(pinned.as_fd(), b"");
                chmodat(CWD, &path[..], mode, AtFlags::empty())
            }
        }
    }

    /// Sets the time of the last change, and leaves that of the last access.
    pub fn set_mtime(self, mtime: Time) -> Result<(), Errno> {
        let times = Timestamps {
            last_access: Timespec {
                tv_sec: 0,
                tv_nsec: UTIME_OMIT,
            },
            last_modification: Timespec {
                tv_sec: mtime.seconds,
                tv_nsec: i64::from(mtime.nanos.min(999_999_999)),
            },
        };
        match self {
            Self::Open(fd) => futimens(fd, &times),
            Self::Named { folder, name } => {
                utimensat(folder, name, &times, AtFlags::SYMLINK_NOFOLLOW)
            }
        }
    }

    pub fn attributes(self) -> Result<Attributes, Errno> {
        match self {
            Self::Open(fd) => xattrs::read_open(fd),
            Self::Named { folder, name } => {
                xattrs::read_at(Reach::Proc, folder, name, Openable::No)
            }
        }
    }

    pub fn set_attribute(self, name: &[u8], value: &[u8]) -> Result<(), Errno> {
        match self {
            Self::Open(fd) => fsetxattr(fd, name, value, XattrFlags::empty()),
            Self::Named { folder, name: of } => {
                lsetxattr(proc_path(folder, of), name, value, XattrFlags::empty())
            }
        }
    }

    pub fn remove_attribute(self, name: &[u8]) -> Result<(), Errno> {
        match self {
            Self::Open(fd) => fremovexattr(fd, name),
            Self::Named { folder, name: of } => lremovexattr(proc_path(folder, of), name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::fs::mkdirat;

    #[test]
    fn a_link_that_took_a_names_place_keeps_its_targets_mode_and_time() {
        let dir = tempfile::tempdir().unwrap();
        let at = openat(CWD, dir.path(), OFlags::PATH, Mode::empty()).unwrap();
        mkdirat(&at, "precious", Mode::RUSR).unwrap();
        std::os::unix::fs::symlink("precious", dir.path().join("pipe")).unwrap();
        let before = Look::at(at.as_fd(), b"precious").unwrap();
        let place = Place::Named {
            folder: at.as_fd(),
            name: b"pipe",
        };
        assert_eq!(place.set_mode(0o777).unwrap_err(), Errno::LOOP);
        place.set_mtime(Time::default()).unwrap();
        let after = Look::at(at.as_fd(), b"precious").unwrap();
        assert_eq!((after.mode, after.mtime), (before.mode, before.mtime));
        assert_eq!(after.fingerprint, before.fingerprint);
    }
}
