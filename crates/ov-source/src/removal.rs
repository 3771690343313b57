//! Deleting what a snapshot does not hold.

use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::fs::{AtFlags, FileType, Mode, OFlags, openat, unlinkat};
use rustix::io::Errno;

use crate::beneath::REACH;
use crate::listing::{Listed, Lister};
use crate::look::Look;
use crate::tree_file::open_quietly;

/// Whether things are deleted or only named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deletion {
    /// Delete them.
    Real,
    /// Only say what would be deleted.
    Pretended,
}

/// Why something was not deleted.
pub(crate) enum RemovalError {
    OtherFileSystem,
    System(Errno),
}

impl From<Errno> for RemovalError {
    fn from(errno: Errno) -> Self {
        Self::System(errno)
    }
}

/// A folder on the way down, known by what it is and not by its path.
struct Level {
    identity: (u64, u64),
    /// Its name in the folder above.
    name: Box<[u8]>,
    folders: Vec<Box<[u8]>>,
}

/// Deletes `name` in `folder`, with all that is below it if it is a folder. Follows no link,
/// stays on the file system, and holds one folder open however deep it goes.
pub(crate) fn remove_all(folder: BorrowedFd<'_>, name: &[u8]) -> Result<(), RemovalError> {
    let look = match Look::at(folder, name) {
        Err(Errno::NOENT) => return Ok(()),
        seen => seen?,
    };
    if !look.is_folder() {
        return Ok(unlinkat(folder, name, AtFlags::empty())?);
    }
    let top = Look::of(folder)?.identity();
    if look.fingerprint.device != top.0 {
        return Err(RemovalError::OtherFileSystem);
    }
    let mut lister = Lister::new();
    let (mut current, level) = enter(folder, name.into(), top.0, &mut lister)?;
    let mut levels = vec![level];
    while let Some(level) = levels.last_mut() {
        if let Some(below) = level.folders.pop() {
            let (entered, level) = enter(current.as_fd(), below, top.0, &mut lister)?;
            current = entered;
            levels.push(level);
            continue;
        }
        let Some(emptied) = levels.pop() else { break };
        match levels.last() {
            Some(above) => {
                current = above_of(current.as_fd(), above.identity)?;
                unlinkat(&current, &emptied.name[..], AtFlags::REMOVEDIR)?;
            }
            None => unlinkat(folder, &emptied.name[..], AtFlags::REMOVEDIR)?,
        }
    }
    Ok(())
}

/// Opens a folder, deletes all in it but its subfolders, and lists those.
fn enter(
    parent: BorrowedFd<'_>,
    name: Box<[u8]>,
    device: u64,
    lister: &mut Lister,
) -> Result<(OwnedFd, Level), RemovalError> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let folder = open_quietly(parent, &name, flags)?;
    let identity = Look::of(folder.as_fd())?.identity();
    if identity.0 != device {
        return Err(RemovalError::OtherFileSystem);
    }
    let mut folders = Vec::new();
    for listed in lister.list(folder.as_fd())? {
        if is_folder(folder.as_fd(), &listed)? {
            folders.push(listed.name);
        } else {
            unlinkat(&folder, &listed.name[..], AtFlags::empty())?;
        }
    }
    let level = Level {
        identity,
        name,
        folders,
    };
    Ok((folder, level))
}

fn is_folder(folder: BorrowedFd<'_>, listed: &Listed) -> Result<bool, Errno> {
    match listed.file_type {
        FileType::Unknown => Ok(Look::at(folder, &listed.name)?.is_folder()),
        known => Ok(known == FileType::Directory),
    }
}

/// The folder above, which must be the one that was left: if the folder was moved meanwhile,
/// nothing elsewhere may be deleted.
fn above_of(folder: BorrowedFd<'_>, identity: (u64, u64)) -> Result<OwnedFd, Errno> {
    let above = openat(folder, "..", REACH, Mode::empty())?;
    match Look::of(above.as_fd())?.identity() == identity {
        true => Ok(above),
        false => Err(Errno::STALE),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::fs::CWD;

    #[test]
    fn a_folder_that_was_moved_meanwhile_does_not_lead_to_its_new_place() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(dir.path().join("from/moved")).unwrap();
        std::fs::create_dir(dir.path().join("to")).unwrap();
        let open = |path| openat(CWD, dir.path().join(path), REACH, Mode::empty()).unwrap();
        let identity = Look::of(open("from").as_fd()).unwrap().identity();
        let moved = open("from/moved");
        assert!(above_of(moved.as_fd(), identity).is_ok());
        std::fs::rename(dir.path().join("from/moved"), dir.path().join("to/moved")).unwrap();
        assert_eq!(above_of(moved.as_fd(), identity).unwrap_err(), Errno::STALE);
    }
}
