//! How far away a target is, as far as the system tells.

use std::os::unix::fs::MetadataExt;
use std::path::Path;

use rustix::fs::{major, minor};

use crate::file_system::Trust;

/// How a target is reached: what decides how many requests are worth making at once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reach {
    /// Over a line, or nobody knows: each request waits, and many wait as long as one.
    #[default]
    Far,
    /// A disk of this machine that turns: it reads one thing after the other, and two readers
    /// only send its head to and fro.
    Turning,
    /// A disk of this machine without moving parts, or its memory.
    Near,
}

impl Reach {
    /// Of the file system that holds a folder.
    pub(crate) fn of(folder: &Path, trust: Trust) -> Self {
        // What is read back is a share, a simple drive or a program: nothing is known of those.
        let (Trust::Synced, Ok(metadata)) = (trust, std::fs::metadata(folder)) else {
            return Self::Far;
        };
        let device = format!("{}:{}", major(metadata.dev()), minor(metadata.dev()));
        Self::of_device(&Path::new("/sys/dev/block").join(device))
    }

    /// Of a block device, or of a part of one, which lies in the folder of the whole. What is no
    /// block device (a volume of btrfs or ZFS, memory) is not told to turn.
    fn of_device(device: &Path) -> Self {
        let queues = ["queue/rotational", "../queue/rotational"];
        let told = queues
            .iter()
            .find_map(|queue| std::fs::read_to_string(device.join(queue)).ok());
        match told.as_deref().map(str::trim) {
            Some("1") => Self::Turning,
            _ => Self::Near,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn a_part_of_a_disk_turns_if_the_disk_does() {
        let sys = tempfile::tempdir().unwrap();
        for (disk, turns) in [("sda", "1\n"), ("nvme0n1", "0\n")] {
            let disk = sys.path().join(disk);
            std::fs::create_dir_all(disk.join("queue")).unwrap();
            std::fs::create_dir(disk.join("part1")).unwrap();
            std::fs::write(disk.join("queue/rotational"), turns).unwrap();
        }
        symlink("sda/part1", sys.path().join("8:1")).unwrap();
        let of = |name: &str| Reach::of_device(&sys.path().join(name));
        assert_eq!(of("sda"), Reach::Turning);
        assert_eq!(of("8:1"), Reach::Turning);
        assert_eq!(of("nvme0n1/part1"), Reach::Near);
        assert_eq!(of("0:47"), Reach::Near);
    }

    #[test]
    fn a_share_is_far_and_a_folder_of_this_machine_is_not() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(Reach::of(folder.path(), Trust::ReadBack), Reach::Far);
        assert_ne!(Reach::of(folder.path(), Trust::Synced), Reach::Far);
    }
}
