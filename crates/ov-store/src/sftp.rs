//! A target on a server that speaks SFTP: a NAS, a storage box, any machine with OpenSSH.
//!
//! An object is written and synced under a temporary name, and then gets its own by a hard link,
//! which never replaces; where the server knows no links, by the protocol's rename, which must not
//! replace either. The folder is synced too, where the server lets us.

use std::collections::HashSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use ov_format::name::ObjectName;

use crate::durable::{Durable, Put};
use crate::error::{Action, Cause, StoreError};
use crate::line::Line;
use crate::memory::{check_length, width};
use crate::options::OpenOptions;
use crate::remote_url::show_remote;
use crate::sftp_packet::{Attributes, Entry, Status, flag};
use crate::sftp_session::{Session, Trouble};
use crate::ssh::{self, Redialled, Remote, SshHost};
use crate::store::{Listed, Listing, Overwrite, Store};

/// Objects up to this length are compared byte by byte when they are there already.
const COMPARED_BYTES_MAX: u64 = 64 << 10;
/// So many folders are listed at a time.
const LISTERS: usize = 8;
/// Objects lie at most this many folders below the folder of their kind.
const DEPTH_MAX: usize = 3;
const FILE_MODE: u32 = 0o400;

/// A target on a server that speaks SFTP.
pub struct Sftp {
    connection: Redialled<Session>,
    root: String,
    shown: String,
    host: SshHost,
    /// Folders below the root that this process has seen durably linked to their parents.
    linked: Mutex<HashSet<String>>,
}

/// Takes a folder and what is in it.
type TakeFolder<'a> = dyn FnMut(&str, Vec<Entry>) -> Result<(), StoreError> + 'a;

/// A server's own words.
#[derive(Debug, thiserror::Error)]
#[error("the server answered: {0}")]
struct Answered(String);

impl Sftp {
    /// Connects. `root` is a path on the server; a relative one begins in the account's folder.
    ///
    /// # Errors
    /// If there is no connection, or [`StoreError::NotAStore`] if the folder is not there.
    pub fn open(host: &SshHost, root: &str, options: &OpenOptions) -> Result<Self, StoreError> {
        let sftp = Self::new(host, root, options);
        sftp.connection.with(|session| sftp.check_root(session))?;
        Ok(sftp)
    }

    /// Makes the folder, with its missing parents, and opens it. Takes one that is there.
    ///
    /// # Errors
    /// As [`Sftp::open`], or if the server refuses.
    pub fn create(host: &SshHost, root: &str, options: &OpenOptions) -> Result<Self, StoreError> {
        let sftp = Self::new(host, root, options);
        sftp.connection.with(|session| sftp.make_root(session))?;
        Ok(sftp)
    }

    fn new(host: &SshHost, root: &str, options: &OpenOptions) -> Self {
        let root = match root.trim_end_matches('/') {
            "" if root.is_empty() => ".",
            root => root,
        };
        let shown = show_remote("sftp", host, root);
        let dial = {
            let (host, shown) = (host.clone(), shown.clone());
            let (program, patience) = (options.ssh.clone(), options.retries.patience);
            move || dial(&host, &shown, &program, patience)
        };
        Self {
            connection: Redialled::new(options.retries, dial),
            root: root.to_owned(),
            shown,
            host: host.clone(),
            linked: Mutex::default(),
        }
    }

    fn path(&self, name: &ObjectName) -> String {
        format!("{}/{name}", self.root)
    }

    fn linked(&self) -> MutexGuard<'_, HashSet<String>> {
        self.linked.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn failed(&self, session: &Session, action: Action, trouble: Trouble) -> StoreError {
        let target = self.shown.clone();
        let (status, said) = match trouble {
            Trouble::Broken(why) => {
                return ssh::sort(&self.shown, &self.host, "SFTP", &session.line, &why);
            }
            Trouble::Short => (Status::End, "the file ended".to_owned()),
            Trouble::Status(status, said) => (status, said),
        };
        let source: Cause = Answered(match said.is_empty() {
            true => format!("{status:?}"),
            false => said,
        })
        .into();
        match status {
            Status::Denied => StoreError::Denied {
                target,
                action,
                source,
            },
            _ => StoreError::Io {
                target,
                action,
                source,
            },
        }
    }

    /// OpenSSH has one answer for everything else that fails; a full disk is looked for.
    fn not_written(&self, session: &Session, length: usize, trouble: Trouble) -> StoreError {
        let failed = matches!(trouble.status(), Some(Status::Failed(_)));
        let free = match failed {
            true => session.free_bytes(&self.root),
            false => None,
        };
        let length = u64::try_from(length).unwrap_or(u64::MAX);
        match (self.failed(session, Action::Put, trouble), free) {
            (StoreError::Io { target, source, .. }, Some(free)) if free < length => {
                StoreError::Full { target, source }
            }
            (error, _) => error,
        }
    }

    /// A folder that is not there must not look like an empty vault.
    fn check_root(&self, session: &Session) -> Result<(), StoreError> {
        let said = match session.stat(&self.root) {
            Ok(attributes) if attributes.is_folder() => return Ok(()),
            Ok(_) => "this is no folder",
            Err(e) if e.status() == Some(Status::NoSuchFile) => "no such folder",
            Err(e) => return Err(self.failed(session, Action::Open, e)),
        };
        Err(StoreError::NotAStore {
            target: self.shown.clone(),
            source: Answered(said.to_owned()).into(),
        })
    }

    fn make_root(&self, session: &Session) -> Result<(), StoreError> {
        let ends = self.root.match_indices('/').map(|(at, _)| at);
        for end in ends.filter(|at| *at > 0).chain([self.root.len()]) {
            let folder = &self.root[..end];
            // Whether it worked is seen at the end: servers answer differently for what is there.
            match session.make_folder(folder) {
                Ok(()) => self.sync_above(session, folder)?,
                Err(Trouble::Status(Status::Denied, _)) | Err(Trouble::Status(..)) => {}
                Err(e) => return Err(self.failed(session, Action::Create, e)),
            }
        }
        match self.check_root(session) {
            Err(StoreError::NotAStore { target, source }) => Err(StoreError::Denied {
                target,
                action: Action::Create,
                source,
            }),
            other => other,
        }
    }

    fn sync_above(&self, session: &Session, path: &str) -> Result<(), StoreError> {
        let above = match path.rsplit_once('/') {
            Some(("", _)) => "/",
            Some((above, _)) => above,
            None => ".",
        };
        session
            .sync_folder(above)
            .map_err(|e| self.failed(session, Action::Put, e))
    }

    /// Makes the folder that will hold `path` and those above it, below the root, durable.
    fn make_folders(&self, session: &Session, path: &str) -> Result<(), StoreError> {
        self.check_root(session)?;
        let below = path.strip_prefix(&self.root).unwrap_or_default();
        let ends = below.match_indices('/').map(|(at, _)| at + self.root.len());
        for end in ends.filter(|at| *at > self.root.len()) {
            let folder = &path[..end];
            if self.linked().contains(folder) {
                continue;
            }
            match session.make_folder(folder) {
                Ok(()) => {}
                Err(e @ Trouble::Broken(_)) => return Err(self.failed(session, Action::Put, e)),
                // Servers answer differently for what is there.
                Err(e) => match session.stat(folder) {
                    Ok(attributes) if attributes.is_folder() => {}
                    _ => return Err(self.failed(session, Action::Put, e)),
                },
            }
            // Also when it was there: whoever made it may not have synced it yet.
            self.sync_above(session, folder)?;
            self.linked().insert(folder.to_owned());
        }
        Ok(())
    }

    /// The length of an object; `None` if it is not there.
    fn look(&self, session: &Session, name: &ObjectName) -> Result<Option<u64>, StoreError> {
        match session.lstat(&self.path(name)) {
            Ok(attributes) => object_length(name, &attributes).map(Some),
            Err(e) if e.status() == Some(Status::NoSuchFile) => {
                self.check_root(session).map(|()| None)
            }
            Err(e) => Err(self.failed(session, Action::Look, e)),
        }
    }

    fn there(&self, session: &Session, name: &ObjectName) -> Result<u64, StoreError> {
        let length = self.look(session, name)?;
        length.ok_or(StoreError::NotFound { name: *name })
    }

    fn read(
        &self,
        session: &Session,
        name: &ObjectName,
        offset: u64,
        length: usize,
    ) -> Result<Vec<u8>, StoreError> {
        let failed = |trouble| match trouble {
            Trouble::Short => StoreError::Short {
                name: *name,
                offset,
                wanted: length,
            },
            Trouble::Status(Status::NoSuchFile, _) => StoreError::NotFound { name: *name },
            trouble => self.failed(session, Action::Get, trouble),
        };
        let handle = session
            .open(&self.path(name), flag::READ, 0)
            .map_err(failed)?;
        let bytes = session.read(&handle, offset, length).map_err(failed);
        session.leave(&handle);
        bytes
    }

    /// Opens a new temporary file in the folder of `path`, making the folder first if needed.
    fn write_temporary(
        &self,
        session: &Session,
        path: &str,
        bytes: &[u8],
    ) -> Result<String, StoreError> {
        let flags = flag::WRITE | flag::CREATE | flag::EXCLUSIVE;
        let temporary = temporary(path);
        let opened = match session.open(&temporary, flags, FILE_MODE) {
            Err(e) if e.status() == Some(Status::NoSuchFile) => {
                self.linked().clear();
                self.make_folders(session, path)?;
                session.open(&temporary, flags, FILE_MODE)
            }
            other => other,
        };
        let handle = opened.map_err(|e| self.not_written(session, bytes.len(), e))?;
        let written = session
            .write(&handle, bytes)
            .and_then(|()| session.close_synced(&handle));
        if let Err(e) = written {
            let error = self.not_written(session, bytes.len(), e);
            session.leave(&handle);
            let _ = session.remove(&temporary);
            return Err(error);
        }
        Ok(temporary)
    }

    fn store(&self, session: &Session, name: &ObjectName, bytes: &[u8]) -> Result<Put, StoreError> {
        if self.look(session, name)?.is_some() {
            return self.accept_existing(session, name, bytes);
        }
        let path = self.path(name);
        let temporary = self.write_temporary(session, &path, bytes)?;
        if let Err(e) = session.rename_new(&temporary, &path) {
            let _ = session.remove(&temporary);
            return match (&e, self.look(session, name)?) {
                (Trouble::Status(..), Some(_)) => self.accept_existing(session, name, bytes),
                _ => Err(self.failed(session, Action::Put, e)),
            };
        }
        self.settle(session, &path)?;
        Ok(Put::Created)
    }

    /// Makes the name itself durable.
    fn settle(&self, session: &Session, path: &str) -> Result<(), StoreError> {
        self.make_folders(session, path)?;
        self.sync_above(session, path)
    }

    fn accept_existing(
        &self,
        session: &Session,
        name: &ObjectName,
        bytes: &[u8],
    ) -> Result<Put, StoreError> {
        let length = self.there(session, name)?;
        if length != width(bytes) {
            return Err(StoreError::Damaged { name: *name });
        }
        if length <= COMPARED_BYTES_MAX && self.read(session, name, 0, bytes.len())? != bytes {
            return Err(StoreError::Damaged { name: *name });
        }
        // Whoever wrote it may have died before the sync.
        let path = self.path(name);
        let failed = |e| self.failed(session, Action::Put, e);
        let handle = session.open(&path, flag::READ, 0).map_err(failed)?;
        session.close_synced(&handle).map_err(failed)?;
        self.settle(session, &path)?;
        Ok(Put::AlreadyThere)
    }

    /// Lists some folders, several at a time, and hands over what is in each.
    fn read_folders(
        &self,
        folders: &[String],
        take: &mut TakeFolder<'_>,
    ) -> Result<(), StoreError> {
        let next = AtomicUsize::new(0);
        let (tell, heard) = mpsc::sync_channel(LISTERS);
        std::thread::scope(|scope| {
            for _ in 0..LISTERS.min(folders.len()) {
                let (tell, next) = (tell.clone(), &next);
                scope.spawn(move || {
                    while let Some(folder) = folders.get(next.fetch_add(1, Ordering::SeqCst)) {
                        let entries = self.read_folder(folder);
                        if tell.send((folder, entries)).is_err() {
                            return;
                        }
                    }
                });
            }
            drop(tell);
            // An error here ends the channel, which ends the threads.
            heard
                .into_iter()
                .try_for_each(|(folder, entries)| take(folder, entries?))
        })
    }

    /// What vanished meanwhile is empty.
    fn read_folder(&self, path: &str) -> Result<Vec<Entry>, StoreError> {
        self.connection.with(|session| match session.folder(path) {
            Ok(entries) => Ok(entries),
            Err(e) if e.status() == Some(Status::NoSuchFile) => Ok(Vec::new()),
            Err(e) => Err(self.failed(session, Action::List, e)),
        })
    }

    /// Shows every file below a folder, with its path below the root.
    fn walk(
        &self,
        folder: &str,
        start: Option<&str>,
        visit: &mut dyn FnMut(&str, &Attributes) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let mut level = vec![format!("{}/{folder}", self.root)];
        for _ in 0..=DEPTH_MAX {
            let mut below = Vec::new();
            self.read_folders(&level, &mut |folder, entries| {
                for entry in entries {
                    // No object has a name that is no text.
                    let Ok(leaf) = String::from_utf8(entry.name) else {
                        continue;
                    };
                    let path = format!("{folder}/{leaf}");
                    let inside = path[self.root.len()..].trim_start_matches('/');
                    if start.is_some_and(|start| inside < start && !start.starts_with(inside)) {
                        continue;
                    }
                    if entry.attributes.is_folder() {
                        below.push(path);
                    } else {
                        visit(inside, &entry.attributes)?;
                    }
                }
                Ok(())
            })?;
            level = below;
        }
        self.connection.with(|session| self.check_root(session))
    }

    /// As somebody would who has our key and means harm.
    fn overwrite(
        &self,
        session: &Session,
        name: &ObjectName,
        bytes: &[u8],
    ) -> Result<Overwrite, StoreError> {
        let path = self.path(name);
        let _ = session.set_mode(&path, 0o600);
        let in_place = session
            .open(&path, flag::WRITE | flag::TRUNCATE, 0o600)
            .and_then(|handle| {
                session.write(&handle, bytes)?;
                session.close_synced(&handle)
            });
        match in_place {
            Ok(()) => return Ok(Overwrite::Done),
            Err(e @ Trouble::Broken(_)) => return Err(self.failed(session, Action::Put, e)),
            Err(_) => {}
        }
        let temporary = match self.write_temporary(session, &path, bytes) {
            Ok(temporary) => temporary,
            Err(StoreError::Denied { .. }) => return Ok(Overwrite::Refused),
            Err(e) => return Err(e),
        };
        match session.rename_over(&temporary, &path) {
            Ok(()) => Ok(Overwrite::Done),
            Err(Trouble::Status(..)) => {
                let _ = session.remove(&temporary);
                Ok(Overwrite::Refused)
            }
            Err(e) => Err(self.failed(session, Action::Put, e)),
        }
    }
}

impl Store for Sftp {
    fn put_new(&self, name: &ObjectName, bytes: &[u8]) -> Result<Durable<ObjectName>, StoreError> {
        check_length(name, width(bytes))?;
        let put = self
            .connection
            .with(|session| self.store(session, name, bytes))?;
        Ok(Durable::new(*name, put))
    }

    fn get(&self, name: &ObjectName) -> Result<Vec<u8>, StoreError> {
        self.connection.with(|session| {
            let length = self.there(session, name)?;
            check_length(name, length)?;
            let length = usize::try_from(length).map_err(|_| StoreError::TooLong {
                name: *name,
                length,
            })?;
            self.read(session, name, 0, length)
        })
    }

    fn get_range(
        &self,
        name: &ObjectName,
        offset: u64,
        length: usize,
    ) -> Result<Vec<u8>, StoreError> {
        self.connection.with(|session| {
            let there = self.there(session, name)?;
            let end = u64::try_from(length)
                .ok()
                .and_then(|l| offset.checked_add(l));
            if end.is_none_or(|end| end > there) {
                return Err(StoreError::Short {
                    name: *name,
                    offset,
                    wanted: length,
                });
            }
            self.read(session, name, offset, length)
        })
    }

    fn length(&self, name: &ObjectName) -> Result<Option<u64>, StoreError> {
        self.connection.with(|session| self.look(session, name))
    }

    fn list(
        &self,
        what: Listing,
        visit: &mut dyn FnMut(Listed) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        self.walk(
            &what.folder(),
            what.start().as_deref(),
            &mut |path, attributes| {
                let name = ObjectName::parse(path).filter(|name| what.takes(name));
                match (name, attributes.size) {
                    (Some(name), Some(length)) if attributes.is_file() => visit(Listed {
                        name,
                        length,
                        modified: modified(attributes),
                    }),
                    _ => Ok(()),
                }
            },
        )
    }

    fn delete(&self, name: &ObjectName) -> Result<(), StoreError> {
        let path = self.path(name);
        self.connection.with(|session| match session.remove(&path) {
            Ok(()) => self.sync_above(session, &path),
            Err(e) if e.status() == Some(Status::NoSuchFile) => self.check_root(session),
            Err(e) => Err(self.failed(session, Action::Delete, e)),
        })
    }

    fn describe(&self) -> String {
        self.shown.clone()
    }

    fn try_overwrite(&self, name: &ObjectName, bytes: &[u8]) -> Result<Overwrite, StoreError> {
        self.connection
            .with(|session| self.overwrite(session, name, bytes))
    }

    fn sweep(&self, age: Duration) -> Result<u64, StoreError> {
        let before = SystemTime::now().checked_sub(age);
        let mut old = Vec::new();
        for kind in ["pack", "table", "log", "target", "probe"] {
            self.walk(kind, None, &mut |path, attributes| {
                let is_old =
                    modified(attributes).is_some_and(|at| before.is_some_and(|before| at < before));
                if is_old && is_temporary(path) {
                    old.push(format!("{}/{path}", self.root));
                }
                Ok(())
            })?;
        }
        let mut swept = 0;
        for path in old {
            swept += self
                .connection
                .with(|session| match session.remove(&path) {
                    Ok(()) => Ok(1),
                    Err(Trouble::Status(..)) => Ok(0),
                    Err(e) => Err(self.failed(session, Action::Delete, e)),
                })?;
        }
        Ok(swept)
    }
}

fn dial(
    host: &SshHost,
    shown: &str,
    program: &[std::ffi::OsString],
    patience: Duration,
) -> Result<Session, StoreError> {
    let command = host.command(program, Remote::Subsystem("sftp"));
    let (line, greeting) = Line::open(command, patience, &Session::hello())
        .map_err(|e| ssh::not_started(shown, program, e))?;
    let sort = |line: &Line, why| ssh::sort(shown, host, "SFTP", line, &why);
    match greeting {
        Ok(greeting) => Session::new(line, &greeting).map_err(|malformed| StoreError::Io {
            target: shown.to_owned(),
            action: Action::Open,
            source: malformed.into(),
        }),
        Err(why) => Err(sort(&line, why)),
    }
}

/// Whatever is no regular file is no object, and one without a length cannot be judged.
fn object_length(name: &ObjectName, attributes: &Attributes) -> Result<u64, StoreError> {
    match attributes.size {
        Some(size) if attributes.is_file() => Ok(size),
        _ => Err(StoreError::Damaged { name: *name }),
    }
}

fn modified(attributes: &Attributes) -> Option<SystemTime> {
    let seconds = Duration::from_secs(attributes.modified?.into());
    SystemTime::UNIX_EPOCH.checked_add(seconds)
}

/// A name beside `path` that nobody else takes.
fn temporary(path: &str) -> String {
    let mut chance = [0; 8];
    // Without chance, names that are taken show as such: they are made exclusively.
    let _ = rustix::rand::getrandom(&mut chance, rustix::rand::GetRandomFlags::empty());
    let (folder, leaf) = path.rsplit_once('/').unwrap_or((".", path));
    format!("{folder}/.{leaf}.{:016x}.tmp", u64::from_le_bytes(chance))
}

fn is_temporary(path: &str) -> bool {
    let leaf = path.rsplit('/').next().unwrap_or_default();
    leaf.starts_with('.') && leaf.ends_with(".tmp")
}
