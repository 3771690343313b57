//! Putting entries back under a target folder.

use std::collections::HashSet;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ov_format::entry::{EntryKey, Kind, Meta};
use rustix::fd::{AsFd, OwnedFd};
use rustix::fs::{
    AtFlags, CWD, FileType, Mode, OFlags, fstatvfs, linkat, makedev, mkdirat, mknodat, openat,
    symlinkat, syncfs, unlinkat,
};
use rustix::io::Errno;

use crate::folders::Folders;
use crate::listing::Lister;
use crate::look::Look;
use crate::made::{Heritage, MadeFolders};
use crate::metadata;
use crate::new_file::{self, Births, Put};
use crate::notice::{Notice, Notices};
use crate::place::Place;
use crate::removal::{Deletion, RemovalError, remove_all};
use crate::shown::ShownPath;
use crate::sink_error::{Action, SinkError};
use crate::target_file::{FileTarget, refused};

/// What happens to things that stand where an entry goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Overwrite {
    /// They are replaced.
    #[default]
    Always,
    /// They are replaced, but for files of the same size and time, whose content is taken to
    /// be right; their metadata is set.
    IfChanged,
    /// They stay as they are.
    Never,
}

/// What happens to owners and groups.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Owners {
    /// They are set; where that is not allowed, a notice says so.
    #[default]
    Restore,
    /// They are set; where that is not allowed, the item has failed.
    Require,
    /// What is restored belongs to whoever restores it.
    Keep,
}

/// How a sink puts things back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SinkOptions {
    /// What happens to things that are there already.
    pub overwrite: Overwrite,
    /// What happens to owners and groups.
    pub owners: Owners,
}

/// What came of an item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Made {
    /// It is there now.
    Created,
    /// It was there already, and stays.
    Kept,
    /// It cannot be made by a restore (a socket).
    Skipped,
}

/// Whether a folder may be made later.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Announced {
    /// It may.
    Yes,
    /// It is to be made now: something may stand there.
    No,
}

/// How a file begins.
#[derive(Debug)]
pub enum FileStart {
    /// Its bytes are to be written.
    Write(FileTarget),
    /// It was there already, and stays.
    Kept,
}

/// What is in the target folder before a restore.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Contents {
    /// Nothing.
    Empty,
    /// Something.
    Occupied,
}

/// A folder into which entries are restored, and outside of which nothing is ever touched.
///
/// All names are resolved beneath the target without following any symbolic link, so that links
/// planted in it lead nowhere. Keys are used as they are, below the target: to restore a subtree
/// elsewhere, give shortened keys. Folders that are missing on the way are made, for their owner
/// only, until [`finish_directories`](Self::finish_directories) gives folders their metadata.
/// All methods may be called from several threads.
pub struct FileSink {
    folders: Folders,
    shared: Arc<Shared>,
    /// Folders whose metadata is still to be set. About the size of their entries in memory.
    pending: Mutex<Vec<(EntryKey, Meta)>>,
    made: MadeFolders,
    births: Births,
}

/// What a sink and its open files share.
pub(crate) struct Shared {
    pub options: SinkOptions,
    notices: Mutex<Notices>,
}

impl Shared {
    pub fn notice(&self, notice: Notice) {
        lock(&self.notices).add(notice);
    }
}

impl FileSink {
    /// Opens the target folder, and makes it if it does not exist.
    pub fn create(target: &Path, options: SinkOptions) -> Result<Self, SinkError> {
        let failed = |action, source| SinkError::Refused {
            action,
            path: ShownPath::new(target.as_os_str().as_bytes()),
            source,
        };
        std::fs::create_dir_all(target).map_err(|source| failed(Action::Create, source))?;
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let base = openat(CWD, target, flags, Mode::empty())
            .map_err(|errno| failed(Action::Open, errno.into()))?;
        let made = MadeFolders::below(&base);
        Ok(Self {
            folders: Folders::new(base),
            shared: Arc::new(Shared {
                options,
                notices: Mutex::default(),
            }),
            pending: Mutex::default(),
            made,
            births: Births::new(),
        })
    }

    /// Whether anything is in the target folder.
    pub fn contents(&self) -> Result<Contents, SinkError> {
        let base = self.folders.base();
        let names = list(base).map_err(|errno| self.failed_at_base(Action::List, errno))?;
        match names.is_empty() {
            true => Ok(Contents::Empty),
            false => Ok(Contents::Occupied),
        }
    }

    /// Makes a folder. Its metadata is set by
    /// [`finish_directories`](Self::finish_directories).
    pub fn make_directory(&self, key: &EntryKey, meta: &Meta) -> Result<Made, SinkError> {
        if meta.kind != Kind::Directory {
            return Err(wrong_kind(key));
        }
        let parent = self.parent(key)?;
        let made = match mkdirat(&*parent, &key.name[..], Mode::RWXU) {
            Ok(()) => {
                self.made.add(key);
                Made::Created
            }
            Err(Errno::EXIST) => self.take_directory(&parent, key)?,
            Err(errno) => return Err(refused(Action::Create, key, errno)),
        };
        if made == Made::Created || self.shared.options.overwrite != Overwrite::Never {
            lock(&self.pending).push((key.clone(), meta.clone()));
        }
        Ok(made)
    }

    /// Notes a folder that is to be made in one that this sink makes: nothing can stand in its way,
    /// so it may be made later, by [`make_announced`](Self::make_announced) or with what is put
    /// into it.
    pub fn announce_directory(&self, key: &EntryKey) -> Announced {
        match self.is_new(key) && key.is_clean() {
            true => {
                self.made.add(key);
                Announced::Yes
            }
            false => Announced::No,
        }
    }

    /// Makes a folder that was announced, unless it is there by now.
    pub fn make_announced(&self, key: &EntryKey, meta: &Meta) -> Result<(), SinkError> {
        let parent = self.parent(key)?;
        let creating = |errno| refused(Action::Create, key, errno);
        match mkdirat(&*parent, &key.name[..], Mode::RWXU) {
            Err(Errno::EXIST) => {
                let look = Look::at(parent.as_fd(), &key.name).map_err(creating)?;
                if !look.is_folder() {
                    let path = ShownPath::relative(key);
                    return Err(SinkError::InTheWay { path });
                }
            }
            made => made.map_err(creating)?,
        }
        lock(&self.pending).push((key.clone(), meta.clone()));
        Ok(())
    }

    /// Makes a symbolic link; its target is stored as it is and never followed.
    pub fn make_symlink(&self, key: &EntryKey, meta: &Meta) -> Result<Made, SinkError> {
        let Kind::Symlink(target) = &meta.kind else {
            return Err(wrong_kind(key));
        };
        self.make_named(key, meta, &|parent| {
            symlinkat(&target[..], parent, &key.name[..])
        })
    }

    /// Makes a pipe or a device. A socket is skipped with a notice.
    pub fn make_special(&self, key: &EntryKey, meta: &Meta) -> Result<Made, SinkError> {
        let (file_type, device) = match meta.kind {
            Kind::Fifo => (FileType::Fifo, 0),
            Kind::CharDevice { major, minor } => (FileType::CharacterDevice, makedev(major, minor)),
            Kind::BlockDevice { major, minor } => (FileType::BlockDevice, makedev(major, minor)),
            Kind::Socket => {
                let path = ShownPath::relative(key);
                self.shared.notice(Notice::SocketSkipped { path });
                return Ok(Made::Skipped);
            }
            Kind::File | Kind::Directory | Kind::Symlink(_) => return Err(wrong_kind(key)),
        };
        let mode = Mode::RUSR | Mode::WUSR;
        self.make_named(key, meta, &|parent| {
            mknodat(parent, &key.name[..], file_type, mode, device)
        })
    }

    /// Begins a regular file of the size that `meta` tells.
    pub fn file(&self, key: &EntryKey, meta: &Meta) -> Result<FileStart, SinkError> {
        if meta.kind != Kind::File {
            return Err(wrong_kind(key));
        }
        let parent = self.parent(key)?;
        let look = match self.is_new(key) {
            true => None,
            false => self.look(&parent, key)?,
        };
        let old = match look {
            None => None,
            Some(look) if new_file::is_unfinished(&look) => {
                self.clear_way(&parent, key, &look)?;
                None
            }
            Some(_) if self.shared.options.overwrite == Overwrite::Never => {
                return Ok(FileStart::Kept);
            }
            Some(look) if look.is_folder() => {
                self.clear_way(&parent, key, &look)?;
                None
            }
            Some(look) if look.is_file() => {
                let old = open_old(&parent, key, &look);
                let same = look.size == meta.size && look.mtime == meta.mtime;
                if let (true, Overwrite::IfChanged, Some(old)) =
                    (same, self.shared.options.overwrite, &old)
                {
                    self.restore_metadata(Place::Open(old.as_fd()), key, meta)?;
                    return Ok(FileStart::Kept);
                }
                old
            }
            // A link, pipe or device: replaced when the file is complete.
            Some(_) => None,
        };
        let shared = Arc::clone(&self.shared);
        FileTarget::open(parent, key, meta.size, old, shared).map(FileStart::Write)
    }

    /// Whether the folder that holds `key` was made by this sink, so that nothing stands there.
    pub fn is_new(&self, key: &EntryKey) -> bool {
        self.made.contains(&key.parent)
    }

    /// Puts back a regular file of which all bytes are at hand. Where nothing stands and nothing is
    /// inherited it is made under its own name, without permissions until it is whole; a restore that
    /// is killed meanwhile leaves a file that the next one knows and makes anew.
    pub fn put(&self, key: &EntryKey, meta: &Meta, bytes: &[u8]) -> Result<Made, SinkError> {
        if meta.kind != Kind::File {
            return Err(wrong_kind(key));
        }
        let covered = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        if covered != meta.size {
            let (path, size) = (ShownPath::relative(key), meta.size);
            return Err(SinkError::Incomplete {
                path,
                covered,
                size,
            });
        }
        if new_file::suits(meta) && self.made.heritage_in(&key.parent) == Heritage::Nothing {
            let parent = self.parent(key)?;
            let (births, shared) = (&self.births, &self.shared);
            if new_file::put(&parent, key, meta, bytes, births, shared)? == Put::Made {
                return Ok(Made::Created);
            }
        }
        match self.file(key, meta)? {
            FileStart::Kept => Ok(Made::Kept),
            FileStart::Write(target) => {
                target.write_at(0, bytes)?;
                target.finish(meta)?;
                Ok(Made::Created)
            }
        }
    }

    /// Makes `key` another name of `existing`, which was restored before.
    pub fn link(&self, existing: &EntryKey, key: &EntryKey) -> Result<Made, SinkError> {
        let from = self.parent(existing)?;
        let to = self.parent(key)?;
        let linking = |errno| refused(Action::Link, key, errno);
        let source = Look::at(from.as_fd(), &existing.name).map_err(linking)?;
        if let Some(look) = self.look(&to, key)? {
            let same = look.identity() == source.identity();
            if same || self.shared.options.overwrite == Overwrite::Never {
                return Ok(Made::Kept);
            }
            self.clear_way(&to, key, &look)?;
        }
        let (old, new) = (&existing.name[..], &key.name[..]);
        linkat(&*from, old, &*to, new, AtFlags::empty()).map_err(linking)?;
        Ok(Made::Created)
    }

    /// Sets the metadata of all folders made so far, the deepest first. Gives what failed.
    pub fn finish_directories(&self) -> Vec<SinkError> {
        let mut pending = std::mem::take(&mut *lock(&self.pending));
        pending.sort_unstable_by(|a, b| b.0.cmp(&a.0));
        let finish = |(key, meta)| self.finish_directory(&key, &meta).err();
        pending.into_iter().filter_map(finish).collect()
    }

    /// Deletes what is in the restored folder `folder` (empty: the target itself) and not among
    /// `names`, which is all that the snapshot holds there. Folders go with all that is in
    /// them; links are deleted, not followed; other file systems are left alone. Calls `report`
    /// for each one, and gives what failed. To be called before
    /// [`finish_directories`](Self::finish_directories), since deleting changes folders' times.
    pub fn remove_others(
        &self,
        folder: &[u8],
        names: &HashSet<Vec<u8>>,
        deletion: Deletion,
        report: &mut dyn FnMut(&EntryKey),
    ) -> Result<Vec<SinkError>, SinkError> {
        let opened = self.folders.open(folder)?;
        let listing = |errno| SinkError::Refused {
            action: Action::List,
            path: ShownPath::new(folder),
            source: std::io::Error::from(errno),
        };
        let present = list(&opened).map_err(listing)?;
        let mut failed = Vec::new();
        for name in present.into_iter().filter(|name| !names.contains(name)) {
            let key = EntryKey::new(folder, name);
            report(&key);
            if deletion == Deletion::Real {
                self.folders.forget_below(&key);
                failed.extend(removed(&opened, &key).err());
            }
        }
        Ok(failed)
    }

    /// Bytes that this user can still write in the target.
    pub fn free_space(&self) -> Result<u64, SinkError> {
        let stat = fstatvfs(self.folders.base())
            .map_err(|errno| self.failed_at_base(Action::Measure, errno))?;
        Ok(stat.f_bavail.saturating_mul(stat.f_frsize))
    }

    /// Brings all that was restored to the disk.
    pub fn sync(&self) -> Result<(), SinkError> {
        syncfs(self.folders.base()).map_err(|errno| self.failed_at_base(Action::Sync, errno))
    }

    /// Takes the notices gathered so far.
    pub fn take_notices(&self) -> Notices {
        std::mem::take(&mut *lock(&self.shared.notices))
    }

    /// The folder that holds `key`, which must be clean.
    fn parent(&self, key: &EntryKey) -> Result<Arc<OwnedFd>, SinkError> {
        if !key.is_clean() {
            let path = ShownPath::relative(key);
            return Err(SinkError::UncleanName { path });
        }
        self.folders.open_or_make(&key.parent)
    }

    fn look(&self, parent: &OwnedFd, key: &EntryKey) -> Result<Option<Look>, SinkError> {
        match Look::at(parent.as_fd(), &key.name) {
            Ok(look) => Ok(Some(look)),
            Err(Errno::NOENT) => Ok(None),
            Err(errno) => Err(refused(Action::Open, key, errno)),
        }
    }

    /// Uses a folder that is there already, or makes one in place of something else.
    fn take_directory(&self, parent: &OwnedFd, key: &EntryKey) -> Result<Made, SinkError> {
        let creating = |errno| refused(Action::Create, key, errno);
        let look = Look::at(parent.as_fd(), &key.name).map_err(creating)?;
        if !look.is_folder() {
            if self.shared.options.overwrite == Overwrite::Never {
                let path = ShownPath::relative(key);
                return Err(SinkError::InTheWay { path });
            }
            self.clear_way(parent, key, &look)?;
            mkdirat(parent, &key.name[..], Mode::RWXU).map_err(creating)?;
            return Ok(Made::Created);
        }
        let own = look.uid == rustix::process::geteuid().as_raw();
        let changeable = self.shared.options.overwrite != Overwrite::Never;
        if own && changeable && look.mode & 0o700 != 0o700 {
            let place = Place::Named {
                folder: parent.as_fd(),
                name: &key.name,
            };
            place
                .set_mode(look.mode | 0o700)
                .map_err(|errno| refused(Action::SetMode, key, errno))?;
        }
        Ok(Made::Kept)
    }

    /// Makes something that has no content, in place of what stands there.
    fn make_named(
        &self,
        key: &EntryKey,
        meta: &Meta,
        make: &dyn Fn(&OwnedFd) -> Result<(), Errno>,
    ) -> Result<Made, SinkError> {
        let parent = self.parent(key)?;
        let creating = |errno| refused(Action::Create, key, errno);
        match make(&parent) {
            Err(Errno::EXIST) => {
                if self.shared.options.overwrite == Overwrite::Never {
                    return Ok(Made::Kept);
                }
                if let Some(look) = self.look(&parent, key)? {
                    self.clear_way(&parent, key, &look)?;
                }
                make(&parent).map_err(creating)?;
            }
            made => made.map_err(creating)?,
        }
        let place = Place::Named {
            folder: parent.as_fd(),
            name: &key.name,
        };
        self.restore_metadata(place, key, meta)?;
        Ok(Made::Created)
    }

    /// Removes what stands at `key`: any one thing, but no folder with something in it.
    fn clear_way(&self, parent: &OwnedFd, key: &EntryKey, look: &Look) -> Result<(), SinkError> {
        let flags = match look.is_folder() {
            true => AtFlags::REMOVEDIR,
            false => AtFlags::empty(),
        };
        if look.is_folder() {
            self.folders.forget_below(key);
        }
        match unlinkat(parent, &key.name[..], flags) {
            Ok(()) | Err(Errno::NOENT) => Ok(()),
            Err(Errno::NOTEMPTY | Errno::EXIST) => Err(SinkError::FolderInTheWay {
                path: ShownPath::relative(key),
            }),
            Err(errno) => Err(refused(Action::Delete, key, errno)),
        }
    }

    fn finish_directory(&self, key: &EntryKey, meta: &Meta) -> Result<(), SinkError> {
        let parent = self.parent(key)?;
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let folder = openat(&*parent, &key.name[..], flags, Mode::empty())
            .map_err(|errno| refused(Action::Open, key, errno))?;
        let place = Place::Open(folder.as_fd());
        let born = self.births.get().copied().flatten();
        match (born, self.made.heritage_in(&key.parent)) {
            (Some(born), Heritage::Nothing)
                if self.made.contains(&key.path()) && meta.xattrs.is_empty() =>
            {
                let owners = self.shared.options.owners;
                metadata::give(place, key, meta, born, owners, &mut |notice| {
                    self.shared.notice(notice);
                })
            }
            _ => self.restore_metadata(place, key, meta),
        }
    }

    fn restore_metadata(
        &self,
        place: Place<'_>,
        key: &EntryKey,
        meta: &Meta,
    ) -> Result<(), SinkError> {
        let owners = self.shared.options.owners;
        metadata::restore(place, key, meta, owners, &mut |notice| {
            self.shared.notice(notice);
        })
    }

    fn failed_at_base(&self, action: Action, errno: Errno) -> SinkError {
        SinkError::Refused {
            action,
            path: ShownPath::new(*b"."),
            source: errno.into(),
        }
    }
}

/// The file under the final name, to take bytes from; one that cannot be read is done without.
fn open_old(parent: &OwnedFd, key: &EntryKey, look: &Look) -> Option<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let old = openat(parent, &key.name[..], flags, Mode::empty()).ok()?;
    let opened = Look::of(old.as_fd()).ok()?;
    (opened.identity() == look.identity()).then_some(old)
}

fn removed(folder: &OwnedFd, key: &EntryKey) -> Result<(), SinkError> {
    remove_all(folder.as_fd(), &key.name).map_err(|error| match error {
        RemovalError::OtherFileSystem => SinkError::OtherFileSystem {
            path: ShownPath::relative(key),
        },
        RemovalError::System(errno) => refused(Action::Delete, key, errno),
    })
}

fn list(folder: &OwnedFd) -> Result<Vec<Vec<u8>>, Errno> {
    // A descriptor of its own: it starts at the folder's beginning, and may list.
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let listable = openat(folder, ".", flags, Mode::empty())?;
    let names = Lister::new().list(listable.as_fd())?;
    Ok(names
        .into_iter()
        .map(|listed| listed.name.into_vec())
        .collect())
}

fn wrong_kind(key: &EntryKey) -> SinkError {
    SinkError::WrongKind {
        path: ShownPath::relative(key),
    }
}

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
