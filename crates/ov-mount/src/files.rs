//! What the kernel asks about files, answered from the vault.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::time::{Duration, SystemTime};

use fuser::{FileAttr, FileType, INodeNo};
use ov_format::content::{Content, Extent};
use ov_format::entry::{Entry, EntryKey, Kind, Meta, ReadState, Time};
use ov_restore::{Gap, Located, Positions, RandomAccess, Seek, SnapshotInfo};
use rustix::io::Errno;

use crate::links::{Linked, LinksOfSnapshots};
use crate::monitor::Monitor;
use crate::node::Node;
use crate::shelves::{Shelf, ShelfKind, Shelves};
use crate::trouble::{Cause, Troubles};

/// Offsets in a folder: 0 is `.`, 1 is `..`, 2 the first entry wherever it is.
const OFFSET_FIRST: u64 = 2;

/// From here on an offset in a snapshot's folder is a position in its tree.
const OFFSET_POSITIONS: u64 = 3;

/// In an offset: a part of the folder could not be read. The listing goes on behind it, and ends
/// with an error.
const OFFSET_LOST: u64 = 1 << 61;

/// The unit in which file systems count space.
const BLOCK: u64 = 512;

/// One name in a folder.
pub(crate) struct Listed<'l> {
    pub name: &'l [u8],
    /// The offset of what follows it.
    pub next: u64,
    pub attributes: FileAttr,
}

/// Takes names as they come, until it has enough.
pub(crate) type Visit<'v> = dyn FnMut(Listed<'_>) -> ControlFlow<()> + 'v;

/// All files of a view. Numbers are inode numbers.
pub(crate) struct Files<'v> {
    access: RandomAccess<'v>,
    snapshots: &'v [&'v SnapshotInfo],
    shelves: Shelves,
    links: LinksOfSnapshots,
    troubles: Troubles<'v>,
}

impl<'v> Files<'v> {
    pub fn new(
        access: RandomAccess<'v>,
        snapshots: &'v [&'v SnapshotInfo],
        monitor: &'v dyn Monitor,
    ) -> Self {
        Self {
            access,
            snapshots,
            shelves: Shelves::of(snapshots),
            links: LinksOfSnapshots::default(),
            troubles: Troubles::new(monitor),
        }
    }

    /// What stands under a name in a folder.
    pub fn lookup(&self, folder: u64, name: &[u8]) -> Result<FileAttr, Errno> {
        match self.folder(folder)? {
            Folder::Shelf(names) => {
                let node = names.get(name).ok_or(Errno::NOENT)?;
                self.attributes_of(*node)
            }
            Folder::Tree(snapshot, path) => {
                let key = EntryKey::new(path, name);
                let found = self.tree(snapshot)?.find(&key);
                let found = found.map_err(|gap| self.lost(snapshot, &key.path(), gap))?;
                let located = found.ok_or(Errno::NOENT)?;
                self.of_entry(snapshot, &located)
            }
        }
    }

    /// What `stat` shows.
    pub fn attributes(&self, number: u64) -> Result<FileAttr, Errno> {
        self.attributes_of(node(number)?)
    }

    /// Where a symbolic link leads.
    pub fn target(&self, number: u64) -> Result<Vec<u8>, Errno> {
        if let Node::Shelf(shelf) = node(number)? {
            return match &self.shelf(shelf)?.kind {
                ShelfKind::Link(target) => Ok(target.clone()),
                ShelfKind::Folder(_) => Err(Errno::INVAL),
            };
        }
        let (_, located) = self.located(number)?;
        match &entry(&located)?.meta.kind {
            Kind::Symlink(target) => Ok(target.clone()),
            _ => Err(Errno::INVAL),
        }
    }

    /// Makes a file ready for reading.
    pub fn open(&self, number: u64) -> Result<(), Errno> {
        let (snapshot, located) = self.located(number)?;
        let entry = entry(&located)?;
        if let (ReadState::Unreadable(reason), Content::Empty) = (&entry.state, &entry.content) {
            let cause = Cause::Unread(reason.clone());
            return Err(self.trouble(snapshot, &entry.key.path(), cause));
        }
        self.access.prepare(entry);
        Ok(())
    }

    /// Bytes of a file.
    pub fn read(&self, number: u64, offset: u64, length: u32) -> Result<Vec<u8>, Errno> {
        let (snapshot, located) = self.located(number)?;
        let entry = entry(&located)?;
        if entry.meta.kind != Kind::File {
            return Err(Errno::INVAL);
        }
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        let read = self.access.read_at(entry, offset, length);
        read.map_err(|error| self.trouble(snapshot, &entry.key.path(), error))
    }

    /// Where the next data or hole of a file is.
    pub fn seek(&self, number: u64, offset: u64, wanted: Seek) -> Result<u64, Errno> {
        let (snapshot, located) = self.located(number)?;
        let entry = entry(&located)?;
        let found = self.access.seek(entry, offset, wanted);
        let found = found.map_err(|error| self.trouble(snapshot, &entry.key.path(), error))?;
        found.ok_or(Errno::NXIO)
    }

    /// Shows what is in a folder from an offset on.
    pub fn list(&self, number: u64, offset: u64, visit: &mut Visit<'_>) -> Result<(), Errno> {
        if offset < OFFSET_FIRST && self.list_dots(number, offset, visit)?.is_break() {
            return Ok(());
        }
        match self.folder(number)? {
            Folder::Shelf(names) => {
                let skipped = offset.saturating_sub(OFFSET_FIRST);
                let from = usize::try_from(skipped).unwrap_or(usize::MAX);
                for ((name, node), next) in names.iter().zip(OFFSET_FIRST + 1..).skip(from) {
                    let attributes = self.attributes_of(*node)?;
                    let listed = Listed {
                        name,
                        next,
                        attributes,
                    };
                    if visit(listed).is_break() {
                        break;
                    }
                }
                Ok(())
            }
            Folder::Tree(snapshot, path) => self.list_tree(snapshot, &path, offset, visit),
        }
    }

    /// The names of a file's extended attributes, each ended by a zero.
    pub fn attribute_names(&self, number: u64) -> Result<Vec<u8>, Errno> {
        let mut names = Vec::new();
        self.with_meta(number, |meta| {
            for (name, _) in &meta.xattrs {
                names.extend_from_slice(name);
                names.push(0);
            }
        })?;
        Ok(names)
    }

    /// The value of an extended attribute.
    pub fn attribute(&self, number: u64, wanted: &[u8]) -> Result<Vec<u8>, Errno> {
        let mut value = None;
        self.with_meta(number, |meta| {
            let found = meta.xattrs.iter().find(|(name, _)| name == wanted);
            value = found.map(|(_, value)| value.clone());
        })?;
        value.ok_or(Errno::NODATA)
    }

    fn with_meta(&self, number: u64, take: impl FnOnce(&Meta)) -> Result<(), Errno> {
        if let Node::Entry(..) = node(number)? {
            let (_, located) = self.located(number)?;
            take(&entry(&located)?.meta);
        }
        Ok(())
    }

    fn list_dots(
        &self,
        number: u64,
        offset: u64,
        visit: &mut Visit<'_>,
    ) -> Result<ControlFlow<()>, Errno> {
        let dots = [(&b"."[..], number, 1), (b"..", self.above(number)?, 2)];
        for (name, number, next) in dots {
            if offset < next {
                let attributes = self.attributes(number)?;
                let listed = Listed {
                    name,
                    next,
                    attributes,
                };
                if visit(listed).is_break() {
                    return Ok(ControlFlow::Break(()));
                }
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    fn list_tree(
        &self,
        snapshot: usize,
        path: &[u8],
        offset: u64,
        visit: &mut Visit<'_>,
    ) -> Result<(), Errno> {
        let tree = self.tree(snapshot)?;
        let mut lost = offset & OFFSET_LOST;
        let offset = offset & !OFFSET_LOST;
        let mut at = match offset.checked_sub(OFFSET_POSITIONS) {
            Some(position) => position,
            None => tree
                .first_in(path)
                .map_err(|gap| self.lost(snapshot, path, gap))?,
        };
        loop {
            let leaf = match tree.leaf(at) {
                Ok(Some(leaf)) => leaf,
                Ok(None) => return ending(lost),
                Err(gap) => {
                    let behind = gap.behind.filter(|behind| *behind > at);
                    let error = self.lost(snapshot, path, gap);
                    lost = OFFSET_LOST;
                    at = behind.ok_or(error)?;
                    continue;
                }
            };
            for (position, entry) in leaf.from(at) {
                if entry.key.parent != path {
                    return ending(lost);
                }
                let attributes = self.of_entry_at(snapshot, position, entry)?;
                let listed = Listed {
                    name: &entry.key.name,
                    next: (position + 1 + OFFSET_POSITIONS) | lost,
                    attributes,
                };
                if visit(listed).is_break() {
                    return Ok(());
                }
            }
            at = leaf.end();
        }
    }

    /// The folder above a folder.
    fn above(&self, number: u64) -> Result<u64, Errno> {
        let above = match node(number)? {
            Node::Shelf(shelf) => Node::Shelf(self.shelf(shelf)?.parent),
            Node::Snapshot(snapshot) => {
                Node::Shelf(self.shelves.home(snapshot).ok_or(Errno::NOENT)?.shelf)
            }
            Node::Entry(snapshot, _) => {
                let (_, located) = self.located(number)?;
                let parent = EntryKey::from_path(&entry(&located)?.key.parent);
                let found = match parent {
                    Some(key) => self.tree(snapshot)?.find(&key).ok().flatten(),
                    None => None,
                };
                found.map_or(Node::Snapshot(snapshot), |found| {
                    Node::Entry(snapshot, found.position())
                })
            }
        };
        above.number().ok_or(Errno::OVERFLOW)
    }

    fn folder(&self, number: u64) -> Result<Folder<'_>, Errno> {
        match node(number)? {
            Node::Shelf(shelf) => match &self.shelf(shelf)?.kind {
                ShelfKind::Folder(names) => Ok(Folder::Shelf(names)),
                ShelfKind::Link(_) => Err(Errno::NOTDIR),
            },
            Node::Snapshot(snapshot) => Ok(Folder::Tree(snapshot, Vec::new())),
            Node::Entry(snapshot, _) => {
                let (_, located) = self.located(number)?;
                let entry = entry(&located)?;
                match entry.meta.kind {
                    Kind::Directory => Ok(Folder::Tree(snapshot, entry.key.path())),
                    _ => Err(Errno::NOTDIR),
                }
            }
        }
    }

    /// The entry that a number stands for.
    fn located(&self, number: u64) -> Result<(usize, Located), Errno> {
        let Node::Entry(snapshot, position) = node(number)? else {
            return Err(Errno::ISDIR);
        };
        let found = self.tree(snapshot)?.entry(position);
        let found = found.map_err(|gap| {
            let path = gap.error.first.as_ref().map(EntryKey::path);
            self.lost(snapshot, &path.unwrap_or_default(), gap)
        })?;
        Ok((snapshot, found.ok_or(Errno::NOENT)?))
    }

    fn attributes_of(&self, node: Node) -> Result<FileAttr, Errno> {
        match node {
            Node::Shelf(number) => of_shelf(node, self.shelf(number)?),
            Node::Snapshot(number) => {
                let info = self.snapshots.get(number).ok_or(Errno::NOENT)?;
                of_folder(node, info.moment())
            }
            Node::Entry(..) => {
                let number = node.number().ok_or(Errno::OVERFLOW)?;
                let (snapshot, located) = self.located(number)?;
                self.of_entry(snapshot, &located)
            }
        }
    }

    fn of_entry(&self, snapshot: usize, located: &Located) -> Result<FileAttr, Errno> {
        self.of_entry_at(snapshot, located.position(), entry(located)?)
    }

    fn of_entry_at(
        &self,
        snapshot: usize,
        position: u64,
        entry: &Entry,
    ) -> Result<FileAttr, Errno> {
        let alone = Linked {
            first: position,
            names: 1,
        };
        let linked = match (&entry.meta.kind, entry.meta.link_group) {
            (Kind::Directory, _) | (_, None) => alone,
            (_, Some(_)) => {
                let tree = self.tree(snapshot)?;
                let links = self.links.get(snapshot, &tree);
                links.of(&tree, entry).unwrap_or(alone)
            }
        };
        let node = Node::Entry(snapshot, linked.first);
        let number = node.number().ok_or(Errno::OVERFLOW)?;
        Ok(of_meta(number, linked.names, entry))
    }

    fn tree(&self, snapshot: usize) -> Result<Positions<'_>, Errno> {
        let info = self.snapshots.get(snapshot).ok_or(Errno::NOENT)?;
        Ok(self.access.tree(&info.snapshot))
    }

    fn shelf(&self, number: usize) -> Result<&Shelf, Errno> {
        self.shelves.get(number).ok_or(Errno::NOENT)
    }

    fn lost(&self, snapshot: usize, path: &[u8], gap: Gap) -> Errno {
        self.trouble(snapshot, path, *gap.error)
    }

    /// Tells what could not be read, by its path below the mount.
    fn trouble(&self, snapshot: usize, path: &[u8], cause: impl Into<Cause>) -> Errno {
        let home = self.shelves.home(snapshot);
        let above = home.map(|home| self.shelves.path(home.shelf));
        let name = home.map(|home| home.name.clone());
        let parts = [above, name, Some(path.to_vec())];
        let parts: Vec<Vec<u8>> = parts
            .into_iter()
            .flatten()
            .filter(|part| !part.is_empty())
            .collect();
        self.troubles.tell(parts.join(&b'/'), cause);
        Errno::IO
    }
}

/// A folder, and how to find what is in it.
enum Folder<'f> {
    Shelf(&'f BTreeMap<Vec<u8>, Node>),
    Tree(usize, Vec<u8>),
}

fn node(number: u64) -> Result<Node, Errno> {
    Node::of(number).ok_or(Errno::NOENT)
}

fn entry(located: &Located) -> Result<&Entry, Errno> {
    located.entry().ok_or(Errno::NOENT)
}

fn ending(lost: u64) -> Result<(), Errno> {
    match lost {
        0 => Ok(()),
        _ => Err(Errno::IO),
    }
}

fn of_shelf(node: Node, shelf: &Shelf) -> Result<FileAttr, Errno> {
    let folder = of_folder(node, shelf.time)?;
    Ok(match &shelf.kind {
        ShelfKind::Folder(_) => folder,
        ShelfKind::Link(target) => FileAttr {
            kind: FileType::Symlink,
            perm: 0o777,
            size: u64::try_from(target.len()).unwrap_or(u64::MAX),
            ..folder
        },
    })
}

/// A folder that is in no snapshot belongs to who mounts.
fn of_folder(node: Node, time: Time) -> Result<FileAttr, Errno> {
    let number = node.number().ok_or(Errno::OVERFLOW)?;
    let time = moment(time);
    Ok(FileAttr {
        ino: INodeNo(number),
        size: 0,
        blocks: 0,
        atime: time,
        mtime: time,
        ctime: time,
        crtime: time,
        kind: FileType::Directory,
        perm: 0o555,
        nlink: 1,
        uid: rustix::process::getuid().as_raw(),
        gid: rustix::process::getgid().as_raw(),
        rdev: 0,
        blksize: 4096,
        flags: 0,
    })
}

/// A folder's number of links is 1: that is how a file system says that it does not count them.
fn of_meta(number: u64, names: u32, entry: &Entry) -> FileAttr {
    let meta = &entry.meta;
    let time = moment(meta.mtime);
    let (kind, rdev) = kind(&meta.kind);
    let size = match &meta.kind {
        Kind::Symlink(target) => u64::try_from(target.len()).unwrap_or(u64::MAX),
        _ => meta.size,
    };
    FileAttr {
        ino: INodeNo(number),
        size,
        blocks: space(entry).div_ceil(BLOCK),
        atime: time,
        mtime: time,
        ctime: time,
        crtime: time,
        kind,
        perm: u16::try_from(meta.mode & 0o7777).unwrap_or(0),
        nlink: names,
        uid: meta.uid,
        gid: meta.gid,
        rdev,
        blksize: 4096,
        flags: 0,
    }
}

/// What it takes without holes, as far as its entry says.
fn space(entry: &Entry) -> u64 {
    let data = |extent: &Extent| match extent {
        Extent::Data { length, .. } => u64::from(*length),
        Extent::Hole { .. } => 0,
    };
    match &entry.content {
        Content::Empty => 0,
        Content::Extents(extents) => extents.iter().map(data).sum(),
        Content::Inline(_) | Content::Paged { .. } => entry.meta.size,
    }
}

fn kind(kind: &Kind) -> (FileType, u32) {
    match *kind {
        Kind::File => (FileType::RegularFile, 0),
        Kind::Directory => (FileType::Directory, 0),
        Kind::Symlink(_) => (FileType::Symlink, 0),
        Kind::Fifo => (FileType::NamedPipe, 0),
        Kind::Socket => (FileType::Socket, 0),
        Kind::CharDevice { major, minor } => (FileType::CharDevice, device(major, minor)),
        Kind::BlockDevice { major, minor } => (FileType::BlockDevice, device(major, minor)),
    }
}

/// The number of a device as the kernel's `new_encode_dev` writes it: twelve bits of major number
/// between the lower eight and the upper twelve bits of the minor number.
fn device(major: u32, minor: u32) -> u32 {
    (minor & 0xff) | (major & 0xfff) << 8 | (minor & 0xfff00) << 12
}

/// Times that no clock of this system can show become the beginning of 1970.
fn moment(time: Time) -> SystemTime {
    let seconds = Duration::from_secs(time.seconds.unsigned_abs());
    let whole = match time.seconds >= 0 {
        true => SystemTime::UNIX_EPOCH.checked_add(seconds),
        false => SystemTime::UNIX_EPOCH.checked_sub(seconds),
    };
    let nanos = Duration::from_nanos(u64::from(time.nanos));
    whole
        .and_then(|whole| whole.checked_add(nanos))
        .unwrap_or(SystemTime::UNIX_EPOCH)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_have_the_numbers_that_the_kernel_gives_them() {
        assert_eq!(device(8, 1), 0x801);
        assert_eq!(device(259, 0x12345), 0x1231_0345);
    }

    #[test]
    fn times_before_1970_and_beyond_all_clocks_are_shown() {
        let time = |seconds, nanos| moment(Time { seconds, nanos });
        let before = SystemTime::UNIX_EPOCH - Duration::from_nanos(1_500_000_000);
        assert_eq!(time(-2, 500_000_000), before);
        assert_eq!(time(i64::MIN, 0), time(i64::MIN, 0));
        time(i64::MAX, 999_999_999);
    }
}
