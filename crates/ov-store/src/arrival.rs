//! An object on its way into a folder: first under a temporary name, then under its own.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use ov_format::id::ObjectHash;
use ov_format::name::ObjectName;
use rustix::fs::{Advice, AtFlags, CWD, RenameFlags};
use rustix::io::Errno;

use crate::arriving::Arriving;
use crate::durable::{Durable, Put};
use crate::error::{Action, StoreError};
use crate::file_system::Trust;
use crate::folder::Folder;

/// Held while a file gets its name where nothing else keeps it from replacing another.
static TURNS: Mutex<()> = Mutex::new(());

/// Bytes that are written at once, and by which what is seen of a pack on its way grows. The kernel
/// copies a piece while it is in the processor's cache; a whole pack at once costs it up to ten
/// times as much.
const PIECE: usize = 256 << 10;

/// How a file gets its final name.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Landing {
    Keep,
    Replace,
}

/// A temporary file that becomes an object, or goes away when it is dropped.
pub(crate) struct Arrival<'a> {
    folder: &'a Folder,
    path: PathBuf,
    temporary: Option<PathBuf>,
    file: File,
    /// Where the bytes are compared later. Large, so it lies elsewhere.
    hasher: Option<Box<blake3::Hasher>>,
    length: u64,
}

/// Whether the bytes of an arrival are hashed as they come.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Hashing {
    /// They are.
    Asked,
    /// Only if this folder needs it to read them back.
    IfReadBack,
}

/// What was read back is not what was written.
#[derive(Debug, thiserror::Error)]
#[error("what was read back differs from what was written; test the drive, the cable or the share")]
struct ReadBack;

impl<'a> Arrival<'a> {
    /// Beside `path`, whose folder is there.
    pub(crate) fn begin(
        folder: &'a Folder,
        path: PathBuf,
        hashing: Hashing,
    ) -> Result<Self, StoreError> {
        let (file, temporary) = folder.open_temporary(&path)?;
        let hashed = hashing == Hashing::Asked || folder.trust() == Trust::ReadBack;
        Ok(Self {
            folder,
            path,
            temporary: Some(temporary),
            file,
            hasher: hashed.then(Box::default),
            length: 0,
        })
    }

    pub(crate) fn write(&mut self, bytes: &[u8]) -> Result<(), StoreError> {
        for piece in bytes.chunks(PIECE) {
            self.file
                .write_all(piece)
                .map_err(|e| self.folder.failed(Action::Put, e))?;
            if let Some(hasher) = &mut self.hasher {
                hasher.update(piece);
            }
        }
        self.length += u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        Ok(())
    }

    /// Where it is to land in the end, in a folder that is there.
    pub(crate) fn lead_to(&mut self, path: PathBuf) {
        self.path = path;
    }

    /// How many bytes came.
    pub(crate) fn length(&self) -> u64 {
        self.length
    }

    /// The hash of what came, where it was asked for.
    pub(crate) fn hash(&self) -> Option<ObjectHash> {
        let hasher = self.hasher.as_ref()?;
        Some(ObjectHash(*hasher.finalize().as_bytes()))
    }

    /// Syncs the bytes and gives them their name. The name itself is not durable yet.
    pub(crate) fn land(mut self, landing: Landing) -> Result<Put, StoreError> {
        let failed = |e: io::Error| self.folder.failed(Action::Put, e);
        self.file.sync_all().map_err(failed)?;
        if self.folder.trust() == Trust::ReadBack {
            self.read_back()?;
        }
        let Some(temporary) = self.temporary.as_deref() else {
            return Ok(Put::AlreadyThere);
        };
        let landed = match landing {
            Landing::Keep => rename_new(temporary, &self.path),
            Landing::Replace => rustix::fs::rename(temporary, &self.path),
        };
        match landed {
            Ok(()) => {
                self.temporary = None;
                Ok(Put::Created)
            }
            Err(Errno::EXIST) => Ok(Put::AlreadyThere),
            Err(e) => Err(failed(e.into())),
        }
    }

    /// Some shares and drives say yes and keep something else.
    fn read_back(&self) -> Result<(), StoreError> {
        let failed = |e: io::Error| self.folder.failed(Action::Put, e);
        let temporary = self.temporary.as_deref().unwrap_or(&self.path);
        // From the drive, not from this machine's memory, as far as it can be helped.
        let _ = rustix::fs::fadvise(&self.file, 0, None, Advice::DontNeed);
        let mut there = File::open(temporary).map_err(failed)?;
        let mut hasher = blake3::Hasher::new();
        let mut block = vec![0; 256 << 10];
        let mut length = 0u64;
        loop {
            let read = there.read(&mut block).map_err(failed)?;
            if read == 0 {
                break;
            }
            hasher.update(&block[..read]);
            length += u64::try_from(read).unwrap_or(u64::MAX);
        }
        let read = ObjectHash(*hasher.finalize().as_bytes());
        if length != self.length || Some(read) != self.hash() {
            return Err(failed(io::Error::other(ReadBack)));
        }
        Ok(())
    }
}

/// An arrival that grows by blocks of [`PIECE`] bytes: see [`Arriving`].
pub(crate) struct InBlocks<'a> {
    arrival: Arrival<'a>,
    /// What came since the last whole block.
    rest: Vec<u8>,
}

impl<'a> From<Arrival<'a>> for InBlocks<'a> {
    fn from(arrival: Arrival<'a>) -> Self {
        let rest = Vec::new();
        Self { arrival, rest }
    }
}

impl Arriving for InBlocks<'_> {
    fn write(&mut self, mut bytes: &[u8]) -> Result<(), StoreError> {
        if !self.rest.is_empty() {
            let (now, later) = bytes.split_at(bytes.len().min(PIECE - self.rest.len()));
            self.rest.extend_from_slice(now);
            bytes = later;
            if self.rest.len() < PIECE {
                return Ok(());
            }
            self.arrival.write(&self.rest)?;
            self.rest.clear();
        }
        let (whole, rest) = bytes.split_at(bytes.len() - bytes.len() % PIECE);
        self.arrival.write(whole)?;
        self.rest.extend_from_slice(rest);
        Ok(())
    }

    fn finish(mut self: Box<Self>, name: &ObjectName) -> Result<Durable<ObjectName>, StoreError> {
        self.arrival.write(&self.rest)?;
        let folder = self.arrival.folder;
        folder.finish_as(name, self.arrival)
    }
}

impl Drop for Arrival<'_> {
    fn drop(&mut self) {
        if let Some(temporary) = &self.temporary {
            forget(temporary);
        }
    }
}

/// Removes a temporary file. If that fails too, [`crate::Store::sweep`] will find it.
fn forget(temporary: &Path) {
    let _ = std::fs::remove_file(temporary);
}

/// Whether it is a name as [`Folder::open_temporary`] makes them.
pub(crate) fn is_temporary(path: &Path) -> bool {
    path.file_name()
        .and_then(|leaf| leaf.to_str())
        .is_some_and(|leaf| leaf.starts_with('.') && leaf.ends_with(".tmp"))
}

/// Renames without replacing, in the best way that the file system has.
fn rename_new(from: &Path, to: &Path) -> Result<(), Errno> {
    match rustix::fs::renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
        Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => link_new(from, to),
        other => other,
    }
}

/// For file systems without `RENAME_NOREPLACE` (NFS): a link never replaces.
fn link_new(from: &Path, to: &Path) -> Result<(), Errno> {
    match rustix::fs::linkat(CWD, from, CWD, to, AtFlags::empty()) {
        Ok(()) => {
            forget(from);
            Ok(())
        }
        // Neither is there (FAT, some shares). Writers of this process take turns. Names carry the
        // hash of the bytes, so whichever other machine wins the race between this look and the
        // rename stores the same.
        Err(Errno::PERM | Errno::NOSYS | Errno::OPNOTSUPP | Errno::MLINK) => {
            let _turn = TURNS.lock().unwrap_or_else(PoisonError::into_inner);
            match rustix::fs::lstat(to) {
                Ok(_) => Err(Errno::EXIST),
                Err(Errno::NOENT) => rustix::fs::rename(from, to),
                Err(e) => Err(e),
            }
        }
        Err(e) => Err(e),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Store;

    #[test]
    fn what_is_seen_of_an_arriving_pack_grows_by_whole_blocks() {
        let place = tempfile::tempdir().unwrap();
        let folder = Folder::create(place.path()).unwrap();
        let mut arriving = folder.begin_pack().unwrap().unwrap();
        let seen = || {
            let mut entries = std::fs::read_dir(place.path().join("pack")).unwrap();
            entries.next().unwrap().unwrap().metadata().unwrap().len()
        };
        let mut all = Vec::new();
        for length in [1, PIECE - 2, 3, 700_001, 0, 3 * PIECE, 1_234_567, 5] {
            let bytes = vec![u8::try_from(length % 251).unwrap(); length];
            arriving.write(&bytes).unwrap();
            all.extend_from_slice(&bytes);
            let blocks = u64::try_from(all.len() / PIECE * PIECE).unwrap();
            assert_eq!(seen(), blocks);
        }
        let name = ObjectName::Pack(ObjectHash(*blake3::hash(&all).as_bytes()));
        arriving.finish(&name).unwrap();
        assert_eq!(folder.get(&name).unwrap(), all);
    }
}
