//! A [`Medium`] as a file system of this machine.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use fuser::{
    BackgroundSession, BsdFileFlags, Config, Errno, FileAttr, FileHandle, FileType, Filesystem,
    FopenFlags, Generation, INodeNo, LockOwner, OpenFlags, RenameFlags, ReplyAttr, ReplyCreate,
    ReplyData, ReplyDirectory, ReplyEmpty, ReplyEntry, ReplyStatfs, ReplyWrite, Request, Session,
    TimeOrNow, WriteFlags,
};

use crate::medium::{Body, Medium, Names, Node};

/// Nothing is remembered by the kernel: a power cut changes it.
const TTL: Duration = Duration::ZERO;

/// A mounted disk.
pub struct Disk {
    medium: Arc<Mutex<Medium>>,
    pub folder: PathBuf,
    session: Option<BackgroundSession>,
}

impl Disk {
    /// Mounts an empty one.
    pub fn new(folder: PathBuf) -> Self {
        std::fs::create_dir_all(&folder).unwrap();
        let medium = Arc::new(Mutex::new(Medium::new()));
        let shown = Shown(Arc::clone(&medium));
        let session = Session::new(shown, &folder, &Config::default()).unwrap();
        let session = Some(session.spawn().unwrap());
        Self {
            medium,
            folder,
            session,
        }
    }

    pub fn medium(&self) -> MutexGuard<'_, Medium> {
        self.medium.lock().unwrap()
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let mut unmount = Command::new("fusermount3");
        let _ = unmount.args(["-u", "-q", "-z"]).arg(&self.folder).status();
        drop(self.session.take());
    }
}

pub fn may_mount() -> bool {
    let may = Path::new("/dev/fuse").exists();
    if !may {
        eprintln!("skipped: no FUSE here (no /dev/fuse)");
    }
    may
}

struct Shown(Arc<Mutex<Medium>>);

impl Shown {
    fn medium(&self) -> MutexGuard<'_, Medium> {
        self.0.lock().unwrap()
    }
}

fn attributes(number: u64, node: &Node) -> FileAttr {
    let kind = match node.body {
        Body::Bytes(_) => FileType::RegularFile,
        Body::Names(_) => FileType::Directory,
    };
    FileAttr {
        ino: INodeNo(number),
        size: node.length(),
        blocks: node.length().div_ceil(512),
        atime: UNIX_EPOCH,
        mtime: UNIX_EPOCH,
        ctime: UNIX_EPOCH,
        crtime: UNIX_EPOCH,
        kind,
        perm: node.mode,
        nlink: 1,
        uid: rustix::process::geteuid().as_raw(),
        gid: rustix::process::getegid().as_raw(),
        rdev: 0,
        blksize: 4096,
        flags: 0,
    }
}

fn entry(medium: &Medium, found: Result<u64, Errno>, reply: ReplyEntry) {
    let node = found.and_then(|number| Ok((number, medium.node(number)?)));
    match node {
        Ok((number, node)) => reply.entry(&TTL, &attributes(number, node), Generation(0)),
        Err(error) => reply.error(error),
    }
}

fn empty(done: Result<(), Errno>, reply: ReplyEmpty) {
    match done {
        Ok(()) => reply.ok(),
        Err(error) => reply.error(error),
    }
}

fn mode_of(mode: u32, umask: u32) -> u16 {
    u16::try_from(mode & !umask & 0o7777).unwrap()
}

impl Filesystem for Shown {
    fn lookup(&self, _: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEntry) {
        let medium = self.medium();
        entry(&medium, medium.find(parent.0, name), reply);
    }

    fn getattr(&self, _: &Request, ino: INodeNo, _: Option<FileHandle>, reply: ReplyAttr) {
        match self.medium().node(ino.0) {
            Ok(node) => reply.attr(&TTL, &attributes(ino.0, node)),
            Err(error) => reply.error(error),
        }
    }

    fn setattr(
        &self,
        _: &Request,
        ino: INodeNo,
        mode: Option<u32>,
        _: Option<u32>,
        _: Option<u32>,
        size: Option<u64>,
        _: Option<TimeOrNow>,
        _: Option<TimeOrNow>,
        _: Option<SystemTime>,
        _: Option<FileHandle>,
        _: Option<SystemTime>,
        _: Option<SystemTime>,
        _: Option<SystemTime>,
        _: Option<BsdFileFlags>,
        reply: ReplyAttr,
    ) {
        let mut medium = self.medium();
        let mut change = || -> Result<(), Errno> {
            medium.step()?;
            if let Some(size) = size {
                let size = usize::try_from(size).map_err(|_| Errno::EFBIG)?;
                medium.bytes_mut(ino.0)?.resize(size, 0);
            }
            if let Some(mode) = mode {
                medium.node_mut(ino.0)?.mode = mode_of(mode, 0);
            }
            Ok(())
        };
        match change().and_then(|()| medium.node(ino.0)) {
            Ok(node) => reply.attr(&TTL, &attributes(ino.0, node)),
            Err(error) => reply.error(error),
        }
    }

    fn mkdir(
        &self,
        _: &Request,
        parent: INodeNo,
        name: &OsStr,
        mode: u32,
        umask: u32,
        reply: ReplyEntry,
    ) {
        let mut medium = self.medium();
        let body = Body::Names(Names::new());
        let made = medium.make(parent.0, name, body, mode_of(mode, umask));
        entry(&medium, made, reply);
    }

    fn create(
        &self,
        _: &Request,
        parent: INodeNo,
        name: &OsStr,
        mode: u32,
        umask: u32,
        _: i32,
        reply: ReplyCreate,
    ) {
        let mut medium = self.medium();
        let body = Body::Bytes(Vec::new());
        let made = medium.make(parent.0, name, body, mode_of(mode, umask));
        match made.and_then(|number| Ok((number, medium.node(number)?))) {
            Ok((number, node)) => reply.created(
                &TTL,
                &attributes(number, node),
                Generation(0),
                FileHandle(0),
                FopenFlags::empty(),
            ),
            Err(error) => reply.error(error),
        }
    }

    fn unlink(&self, _: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEmpty) {
        empty(self.medium().remove(parent.0, name), reply);
    }

    fn rmdir(&self, _: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEmpty) {
        empty(self.medium().remove(parent.0, name), reply);
    }

    fn rename(
        &self,
        _: &Request,
        parent: INodeNo,
        name: &OsStr,
        newparent: INodeNo,
        newname: &OsStr,
        flags: RenameFlags,
        reply: ReplyEmpty,
    ) {
        let mut medium = self.medium();
        let taken = medium.find(newparent.0, newname).is_ok();
        let done = match (flags.contains(RenameFlags::RENAME_NOREPLACE), taken) {
            (true, true) => Err(Errno::EEXIST),
            _ => medium.rename((parent.0, name), (newparent.0, newname)),
        };
        empty(done, reply);
    }

    fn link(
        &self,
        _: &Request,
        ino: INodeNo,
        newparent: INodeNo,
        newname: &OsStr,
        reply: ReplyEntry,
    ) {
        let mut medium = self.medium();
        let done = medium.link(ino.0, newparent.0, newname).map(|()| ino.0);
        entry(&medium, done, reply);
    }

    fn read(
        &self,
        _: &Request,
        ino: INodeNo,
        _: FileHandle,
        offset: u64,
        size: u32,
        _: OpenFlags,
        _: Option<LockOwner>,
        reply: ReplyData,
    ) {
        match self.medium().node(ino.0).map(|node| &node.body) {
            Ok(Body::Bytes(bytes)) => {
                let start = usize::try_from(offset).unwrap().min(bytes.len());
                let end = (start + usize::try_from(size).unwrap()).min(bytes.len());
                reply.data(&bytes[start..end]);
            }
            Ok(Body::Names(_)) => reply.error(Errno::EISDIR),
            Err(error) => reply.error(error),
        }
    }

    fn write(
        &self,
        _: &Request,
        ino: INodeNo,
        _: FileHandle,
        offset: u64,
        data: &[u8],
        _: WriteFlags,
        _: OpenFlags,
        _: Option<LockOwner>,
        reply: ReplyWrite,
    ) {
        let offset = usize::try_from(offset).unwrap();
        match self.medium().write(ino.0, offset, data) {
            Ok(()) => reply.written(u32::try_from(data.len()).unwrap()),
            Err(error) => reply.error(error),
        }
    }

    fn fsync(&self, _: &Request, ino: INodeNo, _: FileHandle, _: bool, reply: ReplyEmpty) {
        empty(self.medium().sync(ino.0), reply);
    }

    fn fsyncdir(&self, _: &Request, ino: INodeNo, _: FileHandle, _: bool, reply: ReplyEmpty) {
        empty(self.medium().sync(ino.0), reply);
    }

    fn readdir(
        &self,
        _: &Request,
        ino: INodeNo,
        _: FileHandle,
        offset: u64,
        mut reply: ReplyDirectory,
    ) {
        let medium = self.medium();
        let names = match medium.names(ino.0) {
            Ok(names) => names,
            Err(error) => return reply.error(error),
        };
        let skipped = usize::try_from(offset).unwrap();
        for ((name, number), next) in names.iter().skip(skipped).zip(offset + 1..) {
            let is_folder = medium.names(*number).is_ok();
            let kind = match is_folder {
                true => FileType::Directory,
                false => FileType::RegularFile,
            };
            if reply.add(INodeNo(*number), next, kind, name) {
                break;
            }
        }
        reply.ok();
    }

    fn statfs(&self, _: &Request, _: INodeNo, reply: ReplyStatfs) {
        reply.statfs(1 << 20, 1 << 20, 1 << 20, 1 << 20, 1 << 20, 4096, 255, 4096);
    }
}
