//! The names of one folder.

use std::mem::MaybeUninit;

use rustix::fd::BorrowedFd;
use rustix::fs::{FileType, RawDir};
use rustix::io::Errno;

/// Bytes of names fetched from the kernel at once.
const BUFFER_BYTES: usize = 64 * 1024;

/// A name and what the folder says of its type (`Unknown` on some file systems).
pub(crate) struct Listed {
    pub name: Box<[u8]>,
    pub file_type: FileType,
}

/// Fetches the names of folders, with one buffer for all of them.
pub(crate) struct Lister {
    buffer: Vec<u8>,
}

impl Lister {
    pub fn new() -> Self {
        Self {
            buffer: Vec::with_capacity(BUFFER_BYTES),
        }
    }

    /// All names but `.` and `..`, sorted by their bytes. They are held in memory together:
    /// about 24 bytes each and the name, so some 5 MB for 100,000 names of usual length.
    pub fn list(&mut self, folder: BorrowedFd<'_>) -> Result<Vec<Listed>, Errno> {
        let buffer: &mut [MaybeUninit<u8>] = self.buffer.spare_capacity_mut();
        let mut reader = RawDir::new(folder, buffer);
        let mut names = Vec::new();
        while let Some(entry) = reader.next() {
            let entry = entry?;
            let name = entry.file_name().to_bytes();
            if name != b"." && name != b".." {
                names.push(Listed {
                    name: name.into(),
                    file_type: entry.file_type(),
                });
            }
        }
        names.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        // A folder that changes while it is listed may show a name twice.
        names.dedup_by(|a, b| a.name == b.name);
        Ok(names)
    }
}
