//! Opening folders strictly beneath another one.

use std::sync::atomic::{AtomicBool, Ordering};

use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::fs::{Mode, OFlags, ResolveFlags, openat, openat2};
use rustix::io::Errno;

/// Longest path given to the kernel at once; below PATH_MAX (4096) with its NUL.
const PIECE_BYTES_MAX: usize = 4000;

/// Attempts when the kernel says that a rename elsewhere disturbed the resolution.
const RACE_ATTEMPTS: u32 = 16;

/// How a folder is opened to reach what is in it; needs no permission to list it.
pub(crate) const REACH: OFlags = OFlags::PATH
    .union(OFlags::DIRECTORY)
    .union(OFlags::NOFOLLOW)
    .union(OFlags::CLOEXEC);

/// Set once the kernel (or a filter in front of it) has refused `openat2`.
static NO_OPENAT2: AtomicBool = AtomicBool::new(false);

/// Opens the folder `path` (clean, relative, not empty) below `base`, however long it is. No
/// component may be a symbolic link, so the result is beneath `base`.
pub(crate) fn open_folder(base: BorrowedFd<'_>, path: &[u8]) -> Result<OwnedFd, Errno> {
    let mut rest = path;
    let mut current: Option<OwnedFd> = None;
    loop {
        let (piece, after) = cut_piece(rest);
        let from = current.as_ref().map_or(base, |fd| fd.as_fd());
        let opened = open_piece(from, piece)?;
        match after {
            None => return Ok(opened),
            Some(after) => rest = after,
        }
        current = Some(opened);
    }
}

/// Cuts off the longest run of whole components that the kernel takes at once.
fn cut_piece(path: &[u8]) -> (&[u8], Option<&[u8]>) {
    if path.len() <= PIECE_BYTES_MAX {
        return (path, None);
    }
    let (head, _) = path.split_at(PIECE_BYTES_MAX);
    let cut = head
        .iter()
        .rposition(|&b| b == b'/')
        .or_else(|| path.iter().position(|&b| b == b'/'));
    match cut.and_then(|at| Some((path.get(..at)?, path.get(at + 1..)?))) {
        Some((piece, after)) => (piece, Some(after)),
        None => (path, None),
    }
}

fn open_piece(from: BorrowedFd<'_>, piece: &[u8]) -> Result<OwnedFd, Errno> {
    if NO_OPENAT2.load(Ordering::Relaxed) {
        return open_each(from, piece);
    }
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
    for _ in 0..RACE_ATTEMPTS {
        match openat2(from, piece, REACH, Mode::empty(), resolve) {
            Err(Errno::AGAIN | Errno::INTR) => {}
            Err(Errno::NOSYS | Errno::PERM) => {
                NO_OPENAT2.store(true, Ordering::Relaxed);
                return open_each(from, piece);
            }
            done => return done,
        }
    }
    open_each(from, piece)
}

/// One component at a time, refusing symbolic links at each.
fn open_each(from: BorrowedFd<'_>, piece: &[u8]) -> Result<OwnedFd, Errno> {
    let mut current: Option<OwnedFd> = None;
    for name in piece.split(|&b| b == b'/') {
        if name.is_empty() || name == b"." || name == b".." {
            return Err(Errno::INVAL);
        }
        let dir = current.as_ref().map_or(from, |fd| fd.as_fd());
        current = Some(openat(dir, name, REACH, Mode::empty())?);
    }
    current.ok_or(Errno::INVAL)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::fs::CWD;
    use std::os::unix::fs::symlink;

    type Open = fn(BorrowedFd<'_>, &[u8]) -> Result<OwnedFd, Errno>;

    #[test]
    fn no_symlink_and_no_dots_lead_out_with_or_without_openat2() {
        let outside = tempfile::tempdir().unwrap();
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(dir.path().join("a/b/c")).unwrap();
        symlink(outside.path(), dir.path().join("a/link")).unwrap();
        symlink("b", dir.path().join("a/inner")).unwrap();
        let base = openat(CWD, dir.path(), REACH, Mode::empty()).unwrap();
        for open in [open_piece as Open, open_each as Open] {
            open(base.as_fd(), b"a/b/c").unwrap();
            for bad in [&b"a/link"[..], b"a/inner", b"a/inner/c", b"..", b"a/../.."] {
                assert!(open(base.as_fd(), bad).is_err());
            }
        }
    }

    #[test]
    fn a_long_path_is_cut_between_components() {
        let path = [b"x"; 3000].map(|_| *b"xy/").concat();
        let path = &path[..path.len() - 1];
        let (mut pieces, mut rest) = (Vec::new(), Some(path));
        while let Some(now) = rest {
            let (piece, after) = cut_piece(now);
            assert!(piece.len() <= PIECE_BYTES_MAX);
            pieces.push(piece);
            rest = after;
        }
        assert_eq!(pieces.join(&b'/'), path);
        assert!(pieces.len() > 2);
    }
}
