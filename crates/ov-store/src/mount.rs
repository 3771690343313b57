//! What is mounted on this machine, and how drives are called.

use std::ffi::OsString;
use std::io;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

/// Where the kernel tells (proc(5), `/proc/pid/mountinfo`).
const MOUNTS: &str = "/proc/self/mountinfo";
/// Where udev links labels to devices.
const LABELS: &str = "/dev/disk/by-label";
/// File systems that hold nothing of people's.
const KERNEL_ONLY: &[&str] = &[
    "autofs",
    "bpf",
    "binfmt_misc",
    "cgroup",
    "cgroup2",
    "configfs",
    "debugfs",
    "devpts",
    "devtmpfs",
    "efivarfs",
    "fusectl",
    "hugetlbfs",
    "mqueue",
    "nsfs",
    "proc",
    "pstore",
    "ramfs",
    "rpc_pipefs",
    "securityfs",
    "sysfs",
    "tracefs",
];

/// One mounted file system.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mount {
    /// Major and minor number, as the kernel writes them.
    pub device: String,
    /// Where it is.
    pub point: PathBuf,
    /// What is mounted: a device, a share.
    pub source: PathBuf,
}

/// Everything that is mounted and may be a drive, at most one for each place: the last one covers
/// those before.
pub(crate) fn mounts() -> io::Result<Vec<Mount>> {
    Ok(parse(&std::fs::read(MOUNTS)?))
}

fn parse(table: &[u8]) -> Vec<Mount> {
    let mut mounts: Vec<Mount> = Vec::new();
    for mount in table.split(|byte| *byte == b'\n').filter_map(parse_line) {
        mounts.retain(|earlier| earlier.point != mount.point);
        mounts.push(mount);
    }
    mounts
}

/// `id parent major:minor root point options [optional …] - kind source options`
fn parse_line(line: &[u8]) -> Option<Mount> {
    let mut fields = line.split(|byte| *byte == b' ');
    let device = std::str::from_utf8(fields.nth(2)?).ok()?.to_owned();
    let point = fields.nth(1)?;
    let mut after = fields.skip_while(|field| *field != b"-").skip(1);
    let kind = std::str::from_utf8(after.next()?).ok()?;
    if KERNEL_ONLY.contains(&kind) {
        return None;
    }
    Some(Mount {
        device,
        point: unescaped(point),
        source: unescaped(after.next()?),
    })
}

/// The kernel writes blanks and backslashes as three octal digits.
fn unescaped(field: &[u8]) -> PathBuf {
    let mut bytes = Vec::with_capacity(field.len());
    let mut rest = field;
    while let Some((first, after)) = rest.split_first() {
        let code = (*first == b'\\')
            .then(|| after.first_chunk::<3>())
            .flatten()
            .and_then(|digits| std::str::from_utf8(digits).ok())
            .and_then(|digits| u8::from_str_radix(digits, 8).ok());
        match code {
            Some(code) => {
                bytes.push(code);
                rest = &after[3..];
            }
            None => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    PathBuf::from(OsString::from_vec(bytes))
}

impl Mount {
    /// What people call it: the label of its file system, else the name of the folder where it is
    /// mounted, which desktops take from the label.
    pub(crate) fn label(&self) -> Option<String> {
        self.written_label(Path::new(LABELS)).or_else(|| {
            let name = self.point.file_name()?.to_str()?;
            Some(name.to_owned())
        })
    }

    /// Whether people call it so.
    pub(crate) fn is_called(&self, name: &str) -> bool {
        let folder = self.point.file_name().and_then(|name| name.to_str());
        folder == Some(name) || self.written_label(Path::new(LABELS)).as_deref() == Some(name)
    }

    fn written_label(&self, labels: &Path) -> Option<String> {
        let device = self.source.canonicalize().ok()?;
        let links = std::fs::read_dir(labels).ok()?;
        links
            .flatten()
            .find(|link| link.path().canonicalize().is_ok_and(|to| to == device))
            .and_then(|link| unhexed(link.file_name().as_bytes()))
    }
}

/// udev writes what is no plain letter as `\x20`.
fn unhexed(name: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(name).ok()?;
    let mut parts = text.split("\\x");
    let mut bytes = parts.next()?.as_bytes().to_vec();
    for part in parts {
        bytes.push(u8::from_str_radix(part.get(..2)?, 16).ok()?);
        bytes.extend_from_slice(part.get(2..)?.as_bytes());
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = "\
25 30 0:23 / /proc rw,nosuid - proc proc rw
30 1 253:0 / / rw,relatime - ext4 /dev/vda rw
40 30 8:17 / /media/ada/MY\\040BLUE rw shared:1 master:2 - vfat /dev/sdb1 rw,uid=1000
41 30 0:50 / /mnt/share rw - cifs //nas/x rw
42 30 8:33 / /mnt/share rw - ext4 /dev/sdc1 rw
broken line
";

    #[test]
    fn mounts_are_read_with_blanks_and_the_last_one_of_a_place_counts() {
        let found = parse(TABLE.as_bytes());
        let points: Vec<_> = found.iter().map(|m| m.point.to_str().unwrap()).collect();
        assert_eq!(points, ["/", "/media/ada/MY BLUE", "/mnt/share"]);
        assert_eq!(found[1].device, "8:17");
        assert_eq!(found[2].source, Path::new("/dev/sdc1"));
        assert!(found[1].is_called("MY BLUE") && !found[1].is_called("BLUE"));
    }

    #[test]
    fn a_label_comes_from_the_link_to_the_device() {
        let folder = tempfile::tempdir().unwrap();
        let device = folder.path().join("sdb1");
        std::fs::write(&device, b"").unwrap();
        let labels = folder.path().join("by-label");
        std::fs::create_dir(&labels).unwrap();
        std::os::unix::fs::symlink(&device, labels.join("MY\\x20BLUE")).unwrap();
        let mount = Mount {
            device: "8:17".into(),
            point: "/mnt/x".into(),
            source: device,
        };
        assert_eq!(mount.written_label(&labels).as_deref(), Some("MY BLUE"));
        assert_eq!(mount.label().as_deref(), Some("x"));
    }

    #[test]
    fn any_table_is_read() {
        bolero::check!().for_each(|bytes: &[u8]| {
            parse(bytes);
            unhexed(bytes);
        });
    }
}
