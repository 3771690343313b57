//! How far the file system of a folder can be trusted.

use std::path::Path;

/// Whether a sync that succeeded is enough.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trust {
    /// A file system of this machine's kernel on a disk.
    Synced,
    /// A share, a removable drive's simple file system, or a program: what was written is read
    /// again and compared before it counts.
    ReadBack,
}

/// Magic numbers of statfs(2) and of the kernel's `linux/magic.h`.
const READ_BACK: &[i128] = &[
    0x6969,      // NFS
    0x517b,      // SMB
    0xff53_4d42, // CIFS
    0xfe53_4d42, // SMB2
    0x0102_1997, // 9P
    0x7375_7245, // Coda
    0x5346_414f, // AFS
    0x00c3_6400, // Ceph
    0x4d44,      // FAT
    0x2011_bab0, // exFAT
    0x5346_544e, // NTFS
    0x7366_746e, // NTFS3
    0x6573_5546, // FUSE
    0x482b,      // HFS+
];

impl Trust {
    /// Of the file system that holds a folder. Where the system does not tell, what is written is
    /// read again.
    pub(crate) fn of(folder: &Path) -> Self {
        match rustix::fs::statfs(folder) {
            Ok(told) => Self::of_magic(i128::from(told.f_type)),
            Err(_) => Self::ReadBack,
        }
    }

    fn of_magic(magic: i128) -> Self {
        // Some machines give the number with a sign.
        match READ_BACK.contains(&(magic & 0xffff_ffff)) {
            true => Self::ReadBack,
            false => Self::Synced,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_and_simple_drives_are_read_back_and_disks_are_not() {
        for magic in [0x6969, -11_317_950, 0x4d44, 0x6573_5546] {
            assert_eq!(Trust::of_magic(magic), Trust::ReadBack, "{magic:x}");
        }
        for magic in [0xef53, 0x5846_5342, 0x9123_683e, 0x0102_1994] {
            assert_eq!(Trust::of_magic(magic), Trust::Synced, "{magic:x}");
        }
        assert_eq!(Trust::of(Path::new("/no/such/folder")), Trust::ReadBack);
    }
}
