//! Reading extended attributes.

use std::io::Write;
use std::os::fd::AsRawFd;

use rustix::fd::{AsFd, BorrowedFd};
use rustix::fs::{Mode, OFlags, fgetxattr, flistxattr, lgetxattr, llistxattr, openat};
use rustix::io::Errno;

/// First attempt; enough for nearly every file, and small for the kernel to provide.
const USUAL_BYTES: usize = 1024;
/// The kernel's own limit for a list and for a value (XATTR_LIST_MAX, XATTR_SIZE_MAX).
const BYTES_MAX: usize = 64 * 1024;

/// Names and values, sorted by name.
pub(crate) type Attributes = Vec<(Vec<u8>, Vec<u8>)>;

/// How names in a folder are reached for the calls that have no `…at` form.
#[derive(Clone, Copy)]
pub(crate) enum Reach {
    /// Through `/proc/self/fd/N/name`: any kind of file, nothing opened, no link followed.
    Proc,
    /// By opening the file: for systems without `/proc`; regular files and folders only.
    Open,
}

impl Reach {
    /// What this system offers.
    pub fn of_system() -> Self {
        match rustix::fs::access("/proc/self/fd", rustix::fs::Access::EXISTS) {
            Ok(()) => Self::Proc,
            Err(_) => Self::Open,
        }
    }
}

/// `/proc/self/fd/N`, and `/name` if there is one.
pub(crate) fn proc_path(fd: BorrowedFd<'_>, name: &[u8]) -> Vec<u8> {
    let mut path = Vec::with_capacity(32 + name.len());
    // Writing to a vector cannot fail.
    let _ = write!(path, "/proc/self/fd/{}", fd.as_raw_fd());
    if !name.is_empty() {
        path.push(b'/');
        path.extend_from_slice(name);
    }
    path
}

/// All attributes of `name`. `openable`: whether it is a regular file or a folder.
pub(crate) fn read_at(
    reach: Reach,
    dir: BorrowedFd<'_>,
    name: &[u8],
    openable: Openable,
) -> Result<Attributes, Errno> {
    match (reach, openable) {
        (Reach::Proc, _) => {
            let path = proc_path(dir, name);
            read_all(
                |buffer| llistxattr(&path[..], buffer),
                |name, buffer| lgetxattr(&path[..], name, buffer),
            )
        }
        (Reach::Open, Openable::No) => Ok(Vec::new()),
        (Reach::Open, Openable::Yes) => {
            let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
            read_open(openat(dir, name, flags, Mode::empty())?.as_fd())
        }
    }
}

/// Whether a thing may be opened without side effects.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Openable {
    Yes,
    No,
}

/// All attributes of an open file.
pub(crate) fn read_open(fd: BorrowedFd<'_>) -> Result<Attributes, Errno> {
    read_all(
        |buffer| flistxattr(fd, buffer),
        |name, buffer| fgetxattr(fd, name, buffer),
    )
}

fn read_all(
    list: impl Fn(&mut [u8]) -> Result<usize, Errno>,
    get: impl Fn(&[u8], &mut [u8]) -> Result<usize, Errno>,
) -> Result<Attributes, Errno> {
    let names = match fetch(list) {
        Ok(names) => names,
        Err(Errno::OPNOTSUPP | Errno::NOSYS) => return Ok(Vec::new()),
        Err(other) => return Err(other),
    };
    let mut attributes = Vec::new();
    for name in names.split(|&b| b == 0).filter(|name| !name.is_empty()) {
        match fetch(|buffer| get(name, buffer)) {
            Ok(value) => attributes.push((name.to_vec(), value)),
            // Removed since it was listed, or listed by a file system that does not hold it.
            Err(Errno::NODATA | Errno::OPNOTSUPP) => {}
            Err(other) => return Err(other),
        }
    }
    attributes.sort_unstable();
    Ok(attributes)
}

fn fetch(call: impl Fn(&mut [u8]) -> Result<usize, Errno>) -> Result<Vec<u8>, Errno> {
    let mut usual = [0; USUAL_BYTES];
    match call(&mut usual) {
        Ok(length) => return Ok(usual.get(..length).unwrap_or_default().to_vec()),
        Err(Errno::RANGE) => {}
        Err(other) => return Err(other),
    }
    let mut large = vec![0; BYTES_MAX];
    let length = call(&mut large)?;
    large.truncate(length);
    Ok(large)
}
