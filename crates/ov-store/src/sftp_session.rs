//! The requests of SFTP that a target needs, over one connection.
//!
//! Own code and not a library's: those that there are either read handles as text, which they are
//! not, or bring a stack of crates for what is a page of fields; and the frames are shared with
//! [`crate::served`].

use std::collections::VecDeque;

use crate::line::{Broken, FRAME_BYTES_MAX, Frame, Line, Pending};
use crate::packet::{Malformed, Packing, Unpacking};
use crate::sftp_packet::{
    ATTR_MODE, Attributes, Entry, KIND_VERSION, Reply, Status, VERSION, ask, extensions,
};
use crate::ssh::Connection;

/// Every server takes and gives this much at once.
const BLOCK_BYTES: usize = 32 << 10;
/// So many blocks are on their way at a time: 2 MiB, as much as OpenSSH lets through unanswered.
const BLOCKS_IN_FLIGHT: usize = 64;
/// A folder of more entries is not one of ours.
const ENTRIES_MAX: usize = 1 << 22;

/// Why a request failed.
#[derive(Debug)]
pub(crate) enum Trouble {
    /// The server says so, in its words.
    Status(Status, String),
    Broken(Broken),
    /// The file ends before the bytes that were asked for.
    Short,
}

impl From<Broken> for Trouble {
    fn from(broken: Broken) -> Self {
        Self::Broken(broken)
    }
}

impl From<Malformed> for Trouble {
    fn from(_: Malformed) -> Self {
        Self::Broken(Broken::Malformed)
    }
}

impl Trouble {
    pub(crate) fn status(&self) -> Option<Status> {
        match self {
            Self::Status(status, _) => Some(*status),
            _ => None,
        }
    }
}

/// A file that is open on the server.
#[derive(Debug)]
pub(crate) struct Handle(Vec<u8>);

/// One connection.
pub(crate) struct Session {
    pub line: Line,
    has_fsync: bool,
    has_hardlink: bool,
    has_posix_rename: bool,
    has_statvfs: bool,
}

impl Connection for Session {
    fn is_lost(&self) -> bool {
        self.line.is_broken()
    }
}

impl Session {
    /// What a client says first.
    pub(crate) fn hello() -> Frame {
        // The version stands where other frames have their number.
        Frame {
            kind: ask::INIT,
            number: VERSION,
            body: Vec::new(),
        }
    }

    /// Takes the server's first answer.
    pub(crate) fn new(line: Line, greeting: &Frame) -> Result<Self, Malformed> {
        if greeting.kind != KIND_VERSION || greeting.number != VERSION {
            return Err(Malformed);
        }
        let offered = extensions(&greeting.body)?;
        let has = |name: &str| offered.contains(&name.as_bytes());
        Ok(Self {
            has_fsync: has("fsync@openssh.com"),
            has_hardlink: has("hardlink@openssh.com"),
            has_posix_rename: has("posix-rename@openssh.com"),
            has_statvfs: has("statvfs@openssh.com"),
            line,
        })
    }

    /// The file itself, not what a link leads to.
    pub(crate) fn lstat(&self, path: &str) -> Result<Attributes, Trouble> {
        self.attributes(ask::LSTAT, path)
    }

    /// What a link leads to.
    pub(crate) fn stat(&self, path: &str) -> Result<Attributes, Trouble> {
        self.attributes(ask::STAT, path)
    }

    fn attributes(&self, kind: u8, path: &str) -> Result<Attributes, Trouble> {
        let frame = self.ask(kind, Packing::new().string(path))?.wait()?;
        match Reply::read(frame.kind, &frame.body)? {
            Reply::Attributes(attributes) => Ok(attributes),
            other => Err(unexpected(&other)),
        }
    }

    pub(crate) fn open(&self, path: &str, flags: u32, mode: u32) -> Result<Handle, Trouble> {
        let body = Packing::new()
            .string(path)
            .u32(flags)
            .u32(ATTR_MODE)
            .u32(mode);
        self.handle(ask::OPEN, body)
    }

    fn handle(&self, kind: u8, body: Packing) -> Result<Handle, Trouble> {
        let frame = self.ask(kind, body)?.wait()?;
        match Reply::read(frame.kind, &frame.body)? {
            Reply::Handle(handle) => Ok(Handle(handle.to_vec())),
            other => Err(unexpected(&other)),
        }
    }

    /// Closes a file that was read; whether that worked does not matter.
    pub(crate) fn leave(&self, handle: &Handle) {
        let _ = self.ask(ask::CLOSE, Packing::new().string(&handle.0));
    }

    /// Syncs, where the server can, and closes a file that was written.
    pub(crate) fn close_synced(&self, handle: &Handle) -> Result<(), Trouble> {
        let synced = match self.has_fsync {
            true => Some(self.extended("fsync@openssh.com", Packing::new().string(&handle.0))?),
            false => None,
        };
        let closed = self.ask(ask::CLOSE, Packing::new().string(&handle.0))?;
        if let Some(synced) = synced {
            done(synced)?;
        }
        done(closed)
    }

    /// Syncs a folder, where the server can: then what has a new name there keeps it.
    pub(crate) fn sync_folder(&self, path: &str) -> Result<(), Trouble> {
        use crate::sftp_packet::flag;
        if !self.has_fsync {
            return Ok(());
        }
        // OpenSSH opens folders for reading like files; others refuse, and know no better way.
        let handle = match self.open(path, flag::READ, 0) {
            Ok(handle) => handle,
            Err(Trouble::Status(..)) => return Ok(()),
            Err(e) => return Err(e),
        };
        match self.close_synced(&handle) {
            Err(Trouble::Status(Status::Unsupported | Status::Failed(BAD_MESSAGE), _)) => Ok(()),
            other => other,
        }
    }

    /// Writes all bytes from the beginning of the file.
    pub(crate) fn write(&self, handle: &Handle, bytes: &[u8]) -> Result<(), Trouble> {
        let mut pending = VecDeque::new();
        let mut offset = 0u64;
        for block in bytes.chunks(BLOCK_BYTES) {
            if pending.len() == BLOCKS_IN_FLIGHT
                && let Some(first) = pending.pop_front()
            {
                done(first)?;
            }
            let length = u32::try_from(block.len()).map_err(|_| Malformed)?;
            let head = Packing::new().string(&handle.0).u64(offset).u32(length);
            pending.push_back(self.line.ask(ask::WRITE, &[&head.finish(), block])?);
            offset += u64::from(length);
        }
        pending.into_iter().try_for_each(done)
    }

    /// Reads exactly `length` bytes.
    pub(crate) fn read(
        &self,
        handle: &Handle,
        offset: u64,
        length: usize,
    ) -> Result<Vec<u8>, Trouble> {
        let mut bytes = Vec::new();
        let mut asked = 0;
        let mut pending: VecDeque<(usize, Pending<'_>)> = VecDeque::new();
        loop {
            while asked < length && pending.len() < BLOCKS_IN_FLIGHT {
                let block = BLOCK_BYTES.min(length - asked);
                pending.push_back((block, self.ask_read(handle, offset, asked, block)?));
                asked += block;
            }
            let Some((block, answer)) = pending.pop_front() else {
                return Ok(bytes);
            };
            let before = bytes.len();
            take_data(answer, block, &mut bytes)?;
            // Servers may return less than was asked for.
            while bytes.len() < before + block {
                let missing = before + block - bytes.len();
                let more = self.ask_read(handle, offset, bytes.len(), missing)?;
                take_data(more, missing, &mut bytes)?;
            }
        }
    }

    fn ask_read(
        &self,
        handle: &Handle,
        start: u64,
        after: usize,
        length: usize,
    ) -> Result<Pending<'_>, Trouble> {
        let after = u64::try_from(after).map_err(|_| Malformed)?;
        let offset = start.checked_add(after).ok_or(Trouble::Short)?;
        let length = u32::try_from(length).map_err(|_| Malformed)?;
        let body = Packing::new().string(&handle.0).u64(offset).u32(length);
        self.ask(ask::READ, body)
    }

    /// Everything that is in a folder, without `.` and `..`.
    pub(crate) fn folder(&self, path: &str) -> Result<Vec<Entry>, Trouble> {
        let handle = self.handle(ask::OPENDIR, Packing::new().string(path))?;
        let mut entries = Vec::new();
        loop {
            let asked = self.ask(ask::READDIR, Packing::new().string(&handle.0))?;
            let frame = asked.wait()?;
            match Reply::read(frame.kind, &frame.body)? {
                Reply::Names(names) if entries.len() < ENTRIES_MAX => entries.extend(names),
                Reply::Status(Status::End, _) => break,
                other => return Err(unexpected(&other)),
            }
        }
        self.leave(&handle);
        entries.retain(|entry| entry.name != b"." && entry.name != b"..");
        Ok(entries)
    }

    pub(crate) fn make_folder(&self, path: &str) -> Result<(), Trouble> {
        let body = Packing::new().string(path).u32(ATTR_MODE).u32(0o700);
        done(self.ask(ask::MKDIR, body)?)
    }

    pub(crate) fn set_mode(&self, path: &str, mode: u32) -> Result<(), Trouble> {
        let body = Packing::new().string(path).u32(ATTR_MODE).u32(mode);
        done(self.ask(ask::SETSTAT, body)?)
    }

    pub(crate) fn remove(&self, path: &str) -> Result<(), Trouble> {
        done(self.ask(ask::REMOVE, Packing::new().string(path))?)
    }

    /// Gives a file another name that must be free. A hard link never replaces; a rename must not
    /// by the protocol, but some servers' do.
    pub(crate) fn rename_new(&self, from: &str, to: &str) -> Result<(), Trouble> {
        if self.has_hardlink {
            let names = Packing::new().string(from).string(to);
            match done(self.extended("hardlink@openssh.com", names)?) {
                Ok(()) => return self.remove(from),
                Err(Trouble::Status(..)) => {}
                Err(e) => return Err(e),
            }
            // No links there, or the name is taken.
            match self.lstat(to) {
                Err(e) if e.status() == Some(Status::NoSuchFile) => {}
                Err(e) => return Err(e),
                Ok(_) => return Err(Trouble::Status(TAKEN, "the name is taken".into())),
            }
        }
        done(self.ask(ask::RENAME, Packing::new().string(from).string(to))?)
    }

    /// Gives a file another name, over whatever has it, where the server offers that.
    pub(crate) fn rename_over(&self, from: &str, to: &str) -> Result<(), Trouble> {
        let names = Packing::new().string(from).string(to);
        match self.has_posix_rename {
            true => done(self.extended("posix-rename@openssh.com", names)?),
            false => done(self.ask(ask::RENAME, names)?),
        }
    }

    /// How many bytes are free for us, if the server tells.
    pub(crate) fn free_bytes(&self, path: &str) -> Option<u64> {
        if !self.has_statvfs {
            return None;
        }
        let asked = self.extended("statvfs@openssh.com", Packing::new().string(path));
        let frame = asked.ok()?.wait().ok()?;
        let Ok(Reply::Extended(body)) = Reply::read(frame.kind, &frame.body) else {
            return None;
        };
        // Block size, fragment size, blocks, free blocks, blocks free for us, …
        let mut fields = Unpacking::new(body);
        let [_, fragment, _, _, free] = [(); 5].map(|()| fields.u64().ok());
        fragment?.checked_mul(free?)
    }

    fn extended(&self, name: &str, body: Packing) -> Result<Pending<'_>, Trouble> {
        let head = Packing::new().string(name).finish();
        Ok(self.line.ask(ask::EXTENDED, &[&head, &body.finish()])?)
    }

    fn ask(&self, kind: u8, body: Packing) -> Result<Pending<'_>, Trouble> {
        if body.len() > FRAME_BYTES_MAX / 2 {
            return Err(Malformed.into());
        }
        Ok(self.line.ask(kind, &[&body.finish()])?)
    }
}

const BAD_MESSAGE: u32 = 5;
/// As later versions of the protocol say it.
const TAKEN: Status = Status::Failed(11);

fn done(pending: Pending<'_>) -> Result<(), Trouble> {
    let frame = pending.wait()?;
    match Reply::read(frame.kind, &frame.body)? {
        Reply::Status(Status::Ok, _) => Ok(()),
        other => Err(unexpected(&other)),
    }
}

fn take_data(answer: Pending<'_>, wanted: usize, bytes: &mut Vec<u8>) -> Result<(), Trouble> {
    let frame = answer.wait()?;
    match Reply::read(frame.kind, &frame.body)? {
        Reply::Data(data) if (1..=wanted).contains(&data.len()) => {
            bytes.extend_from_slice(data);
            Ok(())
        }
        Reply::Status(Status::End, _) => Err(Trouble::Short),
        other => Err(unexpected(&other)),
    }
}

fn unexpected(reply: &Reply<'_>) -> Trouble {
    match reply {
        Reply::Status(status, said) => {
            let said = String::from_utf8_lossy(said);
            let said = said.chars().filter(|c| !c.is_control()).take(200).collect();
            Trouble::Status(*status, said)
        }
        _ => Malformed.into(),
    }
}
