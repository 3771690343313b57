//! One entry of a snapshot's tree: what a file system (or another source) knows of one name.

use std::cmp::Ordering;
use std::fmt;

use crate::content::Content;

/// Where an entry stands in the tree: its folder's path and its own name.
///
/// Paths are byte strings, components joined by `/`, with no leading or trailing slash; the root
/// folder is the empty path. The order is the tree order of `docs/FORMAT.md` §6: first by the
/// parent's path compared component by component, then by name. So one folder's entries stand
/// together, and a walk that lists a folder, then descends into its subfolders in name order,
/// meets all entries in exactly this order.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct EntryKey {
    /// Path of the folder that holds the entry; empty for the root.
    pub parent: Vec<u8>,
    /// Name inside that folder: never empty, `.` or `..`, and without `/` or NUL.
    pub name: Vec<u8>,
}

impl EntryKey {
    /// The key of `name` in the folder `parent`.
    pub fn new(parent: impl Into<Vec<u8>>, name: impl Into<Vec<u8>>) -> Self {
        Self {
            parent: parent.into(),
            name: name.into(),
        }
    }

    /// Splits a path into folder and name. `None` if the path is not a clean relative path.
    pub fn from_path(path: &[u8]) -> Option<Self> {
        let cut = path.iter().rposition(|&b| b == b'/');
        let key = match cut {
            Some(at) => Self::new(path.get(..at)?, path.get(at + 1..)?),
            None => Self::new(*b"", path),
        };
        key.is_clean().then_some(key)
    }

    /// The whole path.
    pub fn path(&self) -> Vec<u8> {
        if self.parent.is_empty() {
            return self.name.clone();
        }
        [&self.parent[..], b"/", &self.name].concat()
    }

    /// Whether both parts are clean: every component non-empty, none `.` or `..`, no NUL. A
    /// reader refuses entries for which this does not hold; so no stored name can lead out of
    /// the folder that a restore was told to fill.
    pub fn is_clean(&self) -> bool {
        let clean =
            |part: &[u8]| !part.is_empty() && part != b"." && part != b".." && !part.contains(&0);
        clean(&self.name)
            && !self.name.contains(&b'/')
            && (self.parent.is_empty() || self.parent.split(|&b| b == b'/').all(clean))
    }

    /// The bytes whose plain comparison is the tree order: each parent component followed by
    /// 0x00, then 0x00, then the name.
    pub fn order_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.parent.len() + self.name.len() + 2);
        if !self.parent.is_empty() {
            bytes.extend(self.parent.iter().map(|&b| if b == b'/' { 0 } else { b }));
            bytes.push(0);
        }
        bytes.push(0);
        bytes.extend_from_slice(&self.name);
        bytes
    }
}

impl Ord for EntryKey {
    fn cmp(&self, other: &Self) -> Ordering {
        compare_folders(&self.parent, &other.parent).then_with(|| self.name.cmp(&other.name))
    }
}

impl PartialOrd for EntryKey {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// Shows the length only: paths of patients never reach a log through `{:?}`.
impl fmt::Debug for EntryKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EntryKey({} bytes)", self.parent.len() + self.name.len())
    }
}

/// Compares two folder paths component by component (`a` < `a/b` < `a-b`).
pub fn compare_folders(a: &[u8], b: &[u8]) -> Ordering {
    let map = |&byte: &u8| if byte == b'/' { 0 } else { byte };
    a.iter().map(map).cmp(b.iter().map(map))
}

/// A moment with nanoseconds, as file systems keep it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time {
    /// Seconds since 1970-01-01 UTC; negative before.
    pub seconds: i64,
    /// 0 to 999,999,999.
    pub nanos: u32,
}

/// What kind of thing an entry is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A regular file.
    File,
    /// A folder.
    Directory,
    /// A symbolic link and the bytes it holds.
    Symlink(Vec<u8>),
    /// A named pipe.
    Fifo,
    /// A socket: recorded, and recreated by nobody.
    Socket,
    /// A character device.
    CharDevice {
        /// Major number.
        major: u32,
        /// Minor number.
        minor: u32,
    },
    /// A block device.
    BlockDevice {
        /// Major number.
        major: u32,
        /// Minor number.
        minor: u32,
    },
}

/// Metadata as read from the source and put back by a restore.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Meta {
    /// What kind of thing it is.
    pub kind: Kind,
    /// Permission bits with setuid, setgid and sticky (`st_mode & 0o7777`).
    pub mode: u32,
    /// Numeric owner.
    pub uid: u32,
    /// Numeric group.
    pub gid: u32,
    /// Owner's name where the source knows one, else empty.
    pub user: Vec<u8>,
    /// Group's name where the source knows one, else empty.
    pub group: Vec<u8>,
    /// Time of the last change of the content.
    pub mtime: Time,
    /// Length in bytes for files, else 0.
    pub size: u64,
    /// Extended attributes (POSIX ACLs and capabilities among them), raw, sorted by name.
    pub xattrs: Vec<(Vec<u8>, Vec<u8>)>,
    /// Names with the same value are one file (hard links). `None` for files with one name.
    pub link_group: Option<u64>,
}

/// How the content of an entry was read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum ReadState {
    /// Size and times were the same before and after.
    #[default]
    Clean,
    /// It changed during both attempts to read it: the content is a mixture of moments.
    Changed,
    /// It could not be read; the reason in words for people.
    Unreadable(String),
}

/// One entry of a tree, complete in itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Where it stands.
    pub key: EntryKey,
    /// Its metadata.
    pub meta: Meta,
    /// Where its bytes are; empty for all but regular files.
    pub content: Content,
    /// How they were read.
    pub state: ReadState,
}
