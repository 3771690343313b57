//! Where the kernel's questions come in. They are put into a queue, for what answers them borrows
//! the vault, and may take long.

use std::ffi::OsStr;
use std::io;
use std::ops::ControlFlow;
use std::os::unix::ffi::OsStrExt;
use std::time::Duration;

use crossbeam_channel::Sender;
use fuser::{
    Errno, FileHandle, Filesystem, FopenFlags, Generation, INodeNo, InitFlags, KernelConfig,
    LockOwner, OpenAccMode, OpenFlags, ReplyAttr, ReplyData, ReplyDirectory, ReplyDirectoryPlus,
    ReplyEmpty, ReplyEntry, ReplyLseek, ReplyOpen, ReplyXattr, Request,
};
use ov_restore::Seek;

use crate::files::Files;

/// A question with its reply. Dropped unanswered, it is answered with an I/O error.
pub(crate) type Question = Box<dyn for<'f> FnOnce(&Files<'f>) + Send>;

/// How long the kernel may keep what it was told. A snapshot does not change.
const KEEP: Duration = Duration::from_secs(365 * 86_400);

/// Numbers are never used again for something else.
const GENERATION: Generation = Generation(0);

/// From the system's headers: the next data, and the next hole.
const SEEK_DATA: i32 = 3;
const SEEK_HOLE: i32 = 4;

/// Takes the kernel's questions.
pub(crate) struct Gate {
    questions: Sender<Question>,
}

impl Gate {
    pub fn new(questions: Sender<Question>) -> Self {
        Self { questions }
    }

    fn ask(&self, question: impl for<'f> FnOnce(&Files<'f>) + Send + 'static) {
        // If nobody answers any more, the question is dropped, and so answered.
        let _ = self.questions.send(Box::new(question));
    }
}

impl Filesystem for Gate {
    fn init(&mut self, _: &Request, config: &mut KernelConfig) -> io::Result<()> {
        for wish in [
            InitFlags::FUSE_DO_READDIRPLUS,
            InitFlags::FUSE_READDIRPLUS_AUTO,
            InitFlags::FUSE_PARALLEL_DIROPS,
            InitFlags::FUSE_CACHE_SYMLINKS,
        ] {
            // What the kernel does not offer is done without.
            let _ = config.add_capabilities(wish);
        }
        Ok(())
    }

    fn lookup(&self, _: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEntry) {
        let name = name.as_bytes().to_vec();
        self.ask(move |files| match files.lookup(parent.0, &name) {
            Ok(attributes) => reply.entry(&KEEP, &attributes, GENERATION),
            Err(error) => reply.error(code(error)),
        });
    }

    fn getattr(&self, _: &Request, ino: INodeNo, _: Option<FileHandle>, reply: ReplyAttr) {
        self.ask(move |files| match files.attributes(ino.0) {
            Ok(attributes) => reply.attr(&KEEP, &attributes),
            Err(error) => reply.error(code(error)),
        });
    }

    fn readlink(&self, _: &Request, ino: INodeNo, reply: ReplyData) {
        self.ask(move |files| answer(files.target(ino.0), reply));
    }

    fn open(&self, _: &Request, ino: INodeNo, flags: OpenFlags, reply: ReplyOpen) {
        if flags.acc_mode() != OpenAccMode::O_RDONLY {
            reply.error(Errno::EROFS);
            return;
        }
        self.ask(move |files| match files.open(ino.0) {
            Ok(()) => reply.opened(FileHandle(0), FopenFlags::FOPEN_KEEP_CACHE),
            Err(error) => reply.error(code(error)),
        });
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
        self.ask(move |files| answer(files.read(ino.0, offset, size), reply));
    }

    fn flush(&self, _: &Request, _: INodeNo, _: FileHandle, _: LockOwner, reply: ReplyEmpty) {
        reply.ok();
    }

    fn opendir(&self, _: &Request, _: INodeNo, _: OpenFlags, reply: ReplyOpen) {
        let flags = FopenFlags::FOPEN_KEEP_CACHE | FopenFlags::FOPEN_CACHE_DIR;
        reply.opened(FileHandle(0), flags);
    }

    fn readdir(
        &self,
        _: &Request,
        ino: INodeNo,
        _: FileHandle,
        offset: u64,
        mut reply: ReplyDirectory,
    ) {
        self.ask(move |files| {
            let mut shown = 0;
            let listed = files.list(ino.0, offset, &mut |listed| {
                let attributes = &listed.attributes;
                let name = OsStr::from_bytes(listed.name);
                if reply.add(attributes.ino, listed.next, attributes.kind, name) {
                    return ControlFlow::Break(());
                }
                shown += 1;
                ControlFlow::Continue(())
            });
            match listed {
                // What was found is shown first; the kernel asks again for what follows.
                Err(error) if shown == 0 => reply.error(code(error)),
                _ => reply.ok(),
            }
        });
    }

    fn readdirplus(
        &self,
        _: &Request,
        ino: INodeNo,
        _: FileHandle,
        offset: u64,
        mut reply: ReplyDirectoryPlus,
    ) {
        self.ask(move |files| {
            let mut shown = 0;
            let listed = files.list(ino.0, offset, &mut |listed| {
                let attributes = &listed.attributes;
                let name = OsStr::from_bytes(listed.name);
                let number = attributes.ino;
                if reply.add(number, listed.next, name, &KEEP, attributes, GENERATION) {
                    return ControlFlow::Break(());
                }
                shown += 1;
                ControlFlow::Continue(())
            });
            match listed {
                Err(error) if shown == 0 => reply.error(code(error)),
                _ => reply.ok(),
            }
        });
    }

    fn getxattr(&self, _: &Request, ino: INodeNo, name: &OsStr, size: u32, reply: ReplyXattr) {
        let name = name.as_bytes().to_vec();
        self.ask(move |files| answer_attribute(files.attribute(ino.0, &name), size, reply));
    }

    fn listxattr(&self, _: &Request, ino: INodeNo, size: u32, reply: ReplyXattr) {
        self.ask(move |files| answer_attribute(files.attribute_names(ino.0), size, reply));
    }

    fn lseek(
        &self,
        _: &Request,
        ino: INodeNo,
        _: FileHandle,
        offset: i64,
        whence: i32,
        reply: ReplyLseek,
    ) {
        let wanted = match whence {
            SEEK_DATA => Seek::Data,
            SEEK_HOLE => Seek::Hole,
            _ => return reply.error(Errno::EINVAL),
        };
        let Ok(offset) = u64::try_from(offset) else {
            return reply.error(Errno::ENXIO);
        };
        self.ask(move |files| {
            let found = files.seek(ino.0, offset, wanted);
            match found.map(i64::try_from) {
                Ok(Ok(offset)) => reply.offset(offset),
                Ok(Err(_)) => reply.error(Errno::EOVERFLOW),
                Err(error) => reply.error(code(error)),
            }
        });
    }
}

fn answer(found: Result<Vec<u8>, rustix::io::Errno>, reply: ReplyData) {
    match found {
        Ok(bytes) => reply.data(&bytes),
        Err(error) => reply.error(code(error)),
    }
}

/// With size 0 it was asked how long the answer is.
fn answer_attribute(found: Result<Vec<u8>, rustix::io::Errno>, size: u32, reply: ReplyXattr) {
    let bytes = match found {
        Ok(bytes) => bytes,
        Err(error) => return reply.error(code(error)),
    };
    match u32::try_from(bytes.len()) {
        Ok(length) if size == 0 => reply.size(length),
        Ok(length) if length <= size => reply.data(&bytes),
        Ok(_) => reply.error(Errno::ERANGE),
        Err(_) => reply.error(Errno::E2BIG),
    }
}

fn code(error: rustix::io::Errno) -> Errno {
    Errno::from_i32(error.raw_os_error())
}
