//! A file that is made at once, under its own name, in a folder that nobody but the sink has filled.
//!
//! Until it is whole it has no permissions but a mark that files do not carry otherwise: what was killed half way
//! can be told by that, and nobody takes it for the file.

use std::sync::{Arc, OnceLock};

use ov_format::entry::{EntryKey, Meta};
use rustix::fd::{AsFd, OwnedFd};
use rustix::fs::{AtFlags, Mode, OFlags, openat, unlinkat};
use rustix::io::Errno;

use crate::look::Look;
use crate::metadata::{self, Born};
use crate::place::Place;
use crate::sink::Shared;
use crate::sink_error::{Action, SinkError};
use crate::target_file::{refused, write_pieces};

/// The mode of a file that is not whole yet: nobody may open it, and a bit that means nothing for
/// files.
const MARK: u32 = 0o1000;

/// What files that a sink makes begin with: one owner, where no folder gives its own.
pub(crate) type Births = OnceLock<Option<Born>>;

/// What came of making a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Put {
    /// It is there, whole.
    Made,
    /// It is to be made in the usual way: something stands there, or marks do not hold here.
    Refused,
}

/// Whether a file was left by a restore that died while it made it.
pub(crate) fn is_unfinished(look: &Look) -> bool {
    let own = look.uid == rustix::process::geteuid().as_raw();
    look.is_file() && look.mode == MARK && look.fingerprint.links == 1 && own
}

/// Whether an entry can be made this way: attributes and their order are the usual way's.
pub(crate) fn suits(meta: &Meta) -> bool {
    meta.xattrs.is_empty() && meta.mode & 0o7777 != MARK
}

/// Makes a file of these bytes in a folder from which it inherits nothing.
pub(crate) fn put(
    folder: &OwnedFd,
    key: &EntryKey,
    meta: &Meta,
    bytes: &[u8],
    births: &Births,
    shared: &Arc<Shared>,
) -> Result<Put, SinkError> {
    if let Some(None) = births.get() {
        return Ok(Put::Refused);
    }
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let file = match openat(folder, &key.name[..], flags, Mode::from_raw_mode(MARK)) {
        Ok(file) => file,
        Err(Errno::EXIST) => return Ok(Put::Refused),
        Err(errno) => return Err(refused(Action::Create, key, errno)),
    };
    let filled = match born(&file, births) {
        Ok(Some(born)) => fill(&file, key, meta, bytes, born, shared).map(|()| Put::Made),
        Ok(None) => Ok(Put::Refused),
        Err(errno) => Err(refused(Action::Create, key, errno)),
    };
    if filled.as_ref().is_ok_and(|put| *put == Put::Made) {
        return filled;
    }
    // Nothing that is not whole stays.
    unlinkat(folder, &key.name[..], AtFlags::empty())
        .map_err(|errno| refused(Action::Delete, key, errno))?;
    filled
}

/// Whom a new file belongs to, and whether it is marked: the first one tells for all.
fn born(file: &OwnedFd, births: &Births) -> Result<Option<Born>, Errno> {
    if let Some(born) = births.get() {
        return Ok(*born);
    }
    let look = Look::of(file.as_fd())?;
    let born = is_unfinished(&look).then_some(Born {
        uid: look.uid,
        gid: look.gid,
    });
    Ok(*births.get_or_init(|| born))
}

fn fill(
    file: &OwnedFd,
    key: &EntryKey,
    meta: &Meta,
    bytes: &[u8],
    born: Born,
    shared: &Arc<Shared>,
) -> Result<(), SinkError> {
    write_pieces(file, 0, bytes).map_err(|errno| refused(Action::Write, key, errno))?;
    let place = Place::Open(file.as_fd());
    metadata::give(
        place,
        key,
        meta,
        born,
        shared.options.owners,
        &mut |notice| {
            shared.notice(notice);
        },
    )
}
