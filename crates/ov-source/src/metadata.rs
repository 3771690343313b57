//! Putting an entry's metadata back, each part in its turn.

use std::io;

use ov_format::entry::{EntryKey, Kind, Meta};
use rustix::io::Errno;

use crate::notice::Notice;
use crate::place::Place;
use crate::shown::ShownPath;
use crate::sink::Owners;
use crate::sink_error::{Action, SinkError};
use crate::target_file::refused;

/// Setting the owner or the content clears it, so it comes last.
const CAPABILITY: &[u8] = b"security.capability";
/// Setting the mode changes them, so they come after it.
const ACL_PREFIX: &[u8] = b"system.posix_acl_";

const SETUID: u32 = 0o4000;
const SETGID: u32 = 0o2000;

/// When an attribute is set.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// While the file is still writable.
    BeforeMode,
    /// Access lists.
    AfterMode,
    /// Capabilities.
    Last,
}

impl Phase {
    fn of(name: &[u8]) -> Self {
        match name {
            CAPABILITY => Self::Last,
            name if name.starts_with(ACL_PREFIX) => Self::AfterMode,
            _ => Self::BeforeMode,
        }
    }
}

/// Sets owner, attributes, mode, access lists, capabilities and time, in this order: each step
/// may undo or forbid one that comes after it, and none undoes one before. What may fail
/// without harm is told through `notice`.
pub(crate) fn restore(
    place: Place<'_>,
    key: &EntryKey,
    meta: &Meta,
    owners: Owners,
    notice: &mut dyn FnMut(Notice),
) -> Result<(), SinkError> {
    let refused = |action| move |errno| refused(action, key, errno);
    set_owner(place, key, meta, owners, notice).map_err(refused(Action::SetOwner))?;
    let mode = mode_for_owner(place, meta).map_err(refused(Action::SetOwner))?;
    if mode.dropped {
        let path = ShownPath::relative(key);
        notice(Notice::PrivilegeDropped { path });
    }
    remove_others(place, meta, notice, key);
    let of_phase = |phase: Phase| {
        let all = meta.xattrs.iter();
        all.filter(move |(name, _)| Phase::of(name) == phase)
    };
    set_attributes(place, key, of_phase(Phase::BeforeMode), notice);
    if !matches!(meta.kind, Kind::Symlink(_)) {
        place
            .set_mode(mode.bits)
            .map_err(refused(Action::SetMode))?;
    }
    set_attributes(place, key, of_phase(Phase::AfterMode), notice);
    if mode.owned {
        set_attributes(place, key, of_phase(Phase::Last), notice);
    } else if of_phase(Phase::Last).next().is_some() {
        let path = ShownPath::relative(key);
        notice(Notice::PrivilegeDropped { path });
    }
    place
        .set_mtime(meta.mtime)
        .map_err(refused(Action::SetTimes))
}

/// Whom a thing belongs to when it is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Born {
    pub uid: u32,
    pub gid: u32,
}

/// As [`restore`], for what was made just now, inherited no attribute and is to have none. The mode
/// comes last: with it a thing is whole.
pub(crate) fn give(
    place: Place<'_>,
    key: &EntryKey,
    meta: &Meta,
    born: Born,
    owners: Owners,
    notice: &mut dyn FnMut(Notice),
) -> Result<(), SinkError> {
    let refused = |action| move |errno| refused(action, key, errno);
    if (meta.uid, meta.gid) != (born.uid, born.gid) {
        set_owner(place, key, meta, owners, notice).map_err(refused(Action::SetOwner))?;
    }
    let mode = mode_for_owner(place, meta).map_err(refused(Action::SetOwner))?;
    if mode.dropped {
        let path = ShownPath::relative(key);
        notice(Notice::PrivilegeDropped { path });
    }
    place
        .set_mtime(meta.mtime)
        .map_err(refused(Action::SetTimes))?;
    place.set_mode(mode.bits).map_err(refused(Action::SetMode))
}

fn set_owner(
    place: Place<'_>,
    key: &EntryKey,
    meta: &Meta,
    owners: Owners,
    notice: &mut dyn FnMut(Notice),
) -> Result<(), Errno> {
    if owners == Owners::Keep {
        return Ok(());
    }
    match place.set_owner(Some(meta.uid), Some(meta.gid)) {
        Err(Errno::PERM | Errno::INVAL) if owners == Owners::Restore => {
            // The group alone may be allowed: it is one of the restorer's own.
            let _ = place.set_owner(None, Some(meta.gid));
            let path = ShownPath::relative(key);
            notice(Notice::OwnerNotSet { path });
            Ok(())
        }
        done => done,
    }
}

/// The mode to set, and whether the owner is the one that it was meant for.
struct ModeForOwner {
    bits: u32,
    dropped: bool,
    owned: bool,
}

/// A program that runs as its owner must not do so for another owner than the one who made it.
fn mode_for_owner(place: Place<'_>, meta: &Meta) -> Result<ModeForOwner, Errno> {
    let wanted = meta.mode & 0o7777;
    let privileged = wanted & (SETUID | SETGID) != 0 && meta.kind != Kind::Directory;
    let capable = meta.xattrs.iter().any(|(name, _)| name == CAPABILITY);
    if !privileged && !capable {
        return Ok(ModeForOwner {
            bits: wanted,
            dropped: false,
            owned: true,
        });
    }
    let look = place.look()?;
    let (same_user, same_group) = (look.uid == meta.uid, look.gid == meta.gid);
    let mut bits = wanted;
    if !same_user {
        bits &= !(SETUID | SETGID);
    }
    if !same_group {
        bits &= !SETGID;
    }
    Ok(ModeForOwner {
        bits,
        dropped: bits != wanted,
        owned: same_user,
    })
}

/// Removes attributes that the entry does not have: inherited from the folder, or of a file
/// that was there before. Labels of security modules are the target system's own business.
fn remove_others(place: Place<'_>, meta: &Meta, notice: &mut dyn FnMut(Notice), key: &EntryKey) {
    let Ok(present) = place.attributes() else {
        return;
    };
    for (name, _) in present {
        let ours = name.starts_with(b"user.") || name.starts_with(ACL_PREFIX) || name == CAPABILITY;
        let wanted = meta.xattrs.iter().any(|(wanted, _)| *wanted == name);
        if ours && !wanted {
            match place.remove_attribute(&name) {
                Ok(()) | Err(Errno::NODATA) => {}
                Err(errno) => notice(not_set(key, &name, errno)),
            }
        }
    }
}

fn set_attributes<'a>(
    place: Place<'_>,
    key: &EntryKey,
    attributes: impl Iterator<Item = &'a (Vec<u8>, Vec<u8>)>,
    notice: &mut dyn FnMut(Notice),
) {
    for (name, value) in attributes {
        if let Err(errno) = place.set_attribute(name, value) {
            notice(not_set(key, name, errno));
        }
    }
}

fn not_set(key: &EntryKey, name: &[u8], errno: Errno) -> Notice {
    Notice::AttributeNotSet {
        path: ShownPath::relative(key),
        name: ShownPath::new(name).to_string(),
        reason: io::Error::from(errno).to_string(),
    }
}
