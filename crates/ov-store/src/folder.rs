//! A target in a folder of a file system: of a disk, a share that is mounted, a drive.
//!
//! Nothing appears under its name before its bytes are synced, and nothing is called durable
//! before the folders that lead to it are synced too. A sync that failed is not tried again on the
//! same file: the kernel may have dropped the pages and would answer yes.

use std::collections::HashSet;
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use ov_format::name::ObjectName;
use rustix::buffer::spare_capacity;
use rustix::fs::{Mode, OFlags};
use rustix::io::{Errno, pread};

use crate::arrival::{Arrival, Hashing, InBlocks, Landing, is_temporary};
use crate::arriving::Arriving;
use crate::durable::{Durable, Put};
use crate::error::{Action, StoreError};
use crate::file_system::Trust;
use crate::memory::{check_length, width};
use crate::reach::Reach;
use crate::store::{Listed, Listing, Overwrite, Store};
use crate::walk;

/// Objects up to this length are compared byte by byte when they are there already.
const COMPARED_BYTES_MAX: u64 = 4 << 20;

/// Bytes that are shown at once: they fit the cache of a processor.
const SHOWN_BYTES: usize = 256 << 10;

const FOLDER_MODE: Mode = Mode::RWXU;
/// Objects never change, so nobody may write them, not even their owner by accident.
const FILE_MODE: Mode = Mode::RUSR;

/// Numbers the temporary files of this process.
static COUNTER: AtomicU64 = AtomicU64::new(0);

/// A target in a folder.
#[derive(Debug)]
pub struct Folder {
    root: PathBuf,
    /// Folders below the root that this process has seen durably linked to their parents.
    linked: Mutex<HashSet<PathBuf>>,
    /// Set when a folder could not be synced: what later syncs of it say means nothing.
    unsynced: AtomicBool,
    /// The file system that holds the root.
    device: u64,
    trust: Trust,
}

/// Another file system lies where the folder was: a drive was taken out or put in.
#[derive(Debug, thiserror::Error)]
#[error("another file system lies there than when it was opened")]
struct OtherFileSystem;

impl Folder {
    /// Makes the folder, with its missing parents, and opens it. Takes one that is there.
    ///
    /// # Errors
    /// If it cannot be made, or something else has its name.
    pub fn create(root: &Path) -> Result<Self, StoreError> {
        let target = root.display().to_string();
        make_with_parents(root).map_err(|e| StoreError::from_os(&target, Action::Create, e))?;
        Self::open(root)
    }

    /// Opens a folder that is there.
    ///
    /// # Errors
    /// [`StoreError::NotAStore`] if it is not there or no folder.
    pub fn open(root: &Path) -> Result<Self, StoreError> {
        let target = || root.display().to_string();
        match std::fs::metadata(root) {
            Ok(metadata) if metadata.is_dir() => Ok(Self {
                root: root.to_owned(),
                linked: Mutex::default(),
                unsynced: AtomicBool::new(false),
                device: metadata.dev(),
                trust: Trust::of(root),
            }),
            Ok(_) => Err(not_a_store(target(), Errno::NOTDIR.into())),
            Err(e) if is_absent(&e) => Err(not_a_store(target(), e)),
            Err(e) => Err(StoreError::from_os(&target(), Action::Open, e)),
        }
    }

    /// Where it is.
    pub fn root(&self) -> &Path {
        &self.root
    }

    pub(crate) fn trust(&self) -> Trust {
        self.trust
    }

    pub(crate) fn path(&self, name: &ObjectName) -> PathBuf {
        self.root.join(name.to_string())
    }

    pub(crate) fn failed(&self, action: Action, error: impl Into<io::Error>) -> StoreError {
        StoreError::from_os(&self.describe(), action, error)
    }

    fn linked(&self) -> MutexGuard<'_, HashSet<PathBuf>> {
        self.linked.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A failure to read `name`: not there, or the whole folder is not there, or worse.
    fn unreadable(&self, name: &ObjectName, action: Action, error: io::Error) -> StoreError {
        if !is_absent(&error) {
            return self.failed(action, error);
        }
        match self.check_root() {
            Err(e) => e,
            Ok(()) => StoreError::NotFound { name: *name },
        }
    }

    /// Opens an object and says its length. Whatever is no regular file is no object.
    fn open_object(&self, name: &ObjectName, action: Action) -> Result<(File, u64), StoreError> {
        // A FIFO planted under the name must not block, a link must not lead elsewhere.
        let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NONBLOCK;
        let file = match rustix::fs::open(self.path(name), flags, Mode::empty()) {
            Ok(fd) => File::from(fd),
            Err(Errno::LOOP) => return Err(StoreError::Damaged { name: *name }),
            Err(e) => return Err(self.unreadable(name, action, e.into())),
        };
        let metadata = file.metadata().map_err(|e| self.failed(action, e))?;
        if !metadata.is_file() {
            return Err(StoreError::Damaged { name: *name });
        }
        Ok((file, metadata.len()))
    }

    /// Makes the folder that will hold `path`, and every folder between it and the root, durable.
    fn make_folders(&self, parent: &Path) -> Result<(), StoreError> {
        let below = parent.strip_prefix(&self.root).unwrap_or(Path::new(""));
        let mut folder = self.root.clone();
        for part in below.components() {
            let above = folder.clone();
            folder.push(part);
            if self.linked().contains(&folder) {
                continue;
            }
            match rustix::fs::mkdir(&folder, FOLDER_MODE) {
                Ok(()) | Err(Errno::EXIST) => {}
                Err(Errno::NOENT) if above == self.root => {
                    return Err(not_a_store(self.describe(), Errno::NOENT.into()));
                }
                Err(e) => return Err(self.failed(Action::Put, e)),
            }
            // Also when it was there: whoever made it may not have synced it yet.
            self.sync_folder(&above)?;
            self.linked().insert(folder.clone());
        }
        Ok(())
    }

    /// Syncs a folder. If that fails, nothing stored through this target counts any more.
    fn sync_folder(&self, folder: &Path) -> Result<(), StoreError> {
        let opened = File::open(folder).map_err(|e| self.failed(Action::Put, e))?;
        match opened.sync_all() {
            // The file system knows no syncing of folders; there is nothing better to call.
            Err(e) if unsupported(&e) => Ok(()),
            Err(e) => {
                self.unsynced.store(true, Ordering::SeqCst);
                Err(self.failed(Action::Put, e))
            }
            Ok(()) => Ok(()),
        }
    }

    /// Compares what lies under the name with what should, and makes sure that it stays.
    fn accept_existing(
        &self,
        name: &ObjectName,
        bytes: &[u8],
    ) -> Result<Durable<ObjectName>, StoreError> {
        if width(bytes) <= COMPARED_BYTES_MAX {
            let (mut file, length) = self.open_object(name, Action::Look)?;
            if length == width(bytes) && !holds(&mut file, bytes) {
                return Err(StoreError::Damaged { name: *name });
            }
        }
        self.keep(name, width(bytes))
    }

    /// Makes sure that an object of this length stays.
    pub(crate) fn keep(
        &self,
        name: &ObjectName,
        length: u64,
    ) -> Result<Durable<ObjectName>, StoreError> {
        self.check_synced()?;
        let (file, there) = self.open_object(name, Action::Look)?;
        if there != length {
            return Err(StoreError::Damaged { name: *name });
        }
        file.sync_all().map_err(|e| {
            self.unsynced.store(true, Ordering::SeqCst);
            self.failed(Action::Put, e)
        })?;
        self.settle(name)?;
        Ok(Durable::new(*name, Put::AlreadyThere))
    }

    /// Begins to store an object of which not all bytes are there yet.
    pub(crate) fn begin(
        &self,
        name: &ObjectName,
        hashing: Hashing,
    ) -> Result<Arrival<'_>, StoreError> {
        self.check_synced()?;
        let path = self.path(name);
        self.make_folders(path.parent().unwrap_or(&self.root))?;
        Arrival::begin(self, path, hashing)
    }

    /// Stores what [`Store::begin_pack`] began, in the folder of its name.
    pub(crate) fn finish_as(
        &self,
        name: &ObjectName,
        mut arrival: Arrival<'_>,
    ) -> Result<Durable<ObjectName>, StoreError> {
        let path = self.path(name);
        self.make_folders(path.parent().unwrap_or(&self.root))?;
        arrival.lead_to(path);
        self.finish(name, arrival)
    }

    /// Stores what [`Folder::begin`] began.
    pub(crate) fn finish(
        &self,
        name: &ObjectName,
        arrival: Arrival<'_>,
    ) -> Result<Durable<ObjectName>, StoreError> {
        let length = arrival.length();
        match arrival.land(Landing::Keep)? {
            Put::AlreadyThere => self.keep(name, length),
            Put::Created => {
                self.settle(name)?;
                Ok(Durable::new(*name, Put::Created))
            }
        }
    }

    /// Makes the name itself durable.
    fn settle(&self, name: &ObjectName) -> Result<(), StoreError> {
        let path = self.path(name);
        let parent = path.parent().unwrap_or(&self.root);
        self.make_folders(parent)?;
        self.sync_folder(parent)
    }

    /// A new file beside `path`.
    pub(crate) fn open_temporary(&self, path: &Path) -> Result<(File, PathBuf), StoreError> {
        let parent = path.parent().unwrap_or(&self.root);
        let leaf = path.file_name().unwrap_or_default().to_string_lossy();
        let process = std::process::id();
        let mut folders_made_again = false;
        loop {
            let number = COUNTER.fetch_add(1, Ordering::Relaxed);
            let temporary = parent.join(format!(".{leaf}.{process}-{number}.tmp"));
            let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
            match rustix::fs::open(&temporary, flags, FILE_MODE) {
                Ok(fd) => return Ok((File::from(fd), temporary)),
                // Another machine with this process number, or one that died.
                Err(Errno::EXIST) => {}
                // Somebody tidied away an empty folder.
                Err(Errno::NOENT) if !folders_made_again => {
                    folders_made_again = true;
                    self.linked().clear();
                    self.make_folders(parent)?;
                }
                Err(e) => return Err(self.failed(Action::Put, e)),
            }
        }
    }

    fn check_synced(&self) -> Result<(), StoreError> {
        if self.unsynced.load(Ordering::SeqCst) {
            return Err(StoreError::Unsynced {
                target: self.describe(),
            });
        }
        Ok(())
    }

    fn store(&self, name: &ObjectName, bytes: &[u8], landing: Landing) -> Result<Put, StoreError> {
        let mut arrival = self.begin(name, Hashing::IfReadBack)?;
        arrival.write(bytes)?;
        let put = arrival.land(landing)?;
        if put == Put::Created {
            self.settle(name)?;
        }
        Ok(put)
    }
}

impl Store for Folder {
    fn put_new(&self, name: &ObjectName, bytes: &[u8]) -> Result<Durable<ObjectName>, StoreError> {
        check_length(name, width(bytes))?;
        self.check_synced()?;
        if self.length(name)?.is_some() {
            return self.accept_existing(name, bytes);
        }
        match self.store(name, bytes, Landing::Keep)? {
            Put::Created => Ok(Durable::new(*name, Put::Created)),
            Put::AlreadyThere => self.accept_existing(name, bytes),
        }
    }

    fn begin_pack(&self) -> Result<Option<Box<dyn Arriving + '_>>, StoreError> {
        self.check_synced()?;
        let folder = self.root.join(Listing::Packs.folder());
        self.make_folders(&folder)?;
        let arrival = Arrival::begin(self, folder.join("arriving"), Hashing::IfReadBack)?;
        Ok(Some(Box::new(InBlocks::from(arrival))))
    }

    fn get(&self, name: &ObjectName) -> Result<Vec<u8>, StoreError> {
        let mut bytes = Vec::new();
        self.get_into(name, &mut bytes)?;
        Ok(bytes)
    }

    fn get_into(&self, name: &ObjectName, buffer: &mut Vec<u8>) -> Result<(), StoreError> {
        let (file, length) = self.open_object(name, Action::Get)?;
        check_length(name, length)?;
        buffer.clear();
        let room = usize::try_from(length).map_err(|_| Errno::NOMEM);
        room.and_then(|room| buffer.try_reserve_exact(room).map_err(|_| Errno::NOMEM))
            .map_err(|e| self.failed(Action::Get, e))?;
        file.take(length)
            .read_to_end(buffer)
            .map_err(|e| self.failed(Action::Get, e))?;
        Ok(())
    }

    fn show(&self, name: &ObjectName, visit: &mut dyn FnMut(&[u8])) -> Result<(), StoreError> {
        let (file, length) = self.open_object(name, Action::Get)?;
        check_length(name, length)?;
        let mut file = file.take(length);
        let mut piece = vec![0; SHOWN_BYTES];
        loop {
            match file.read(&mut piece) {
                Ok(0) => return Ok(()),
                Ok(read) => visit(piece.get(..read).unwrap_or_default()),
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(self.failed(Action::Get, e)),
            }
        }
    }

    fn get_range(
        &self,
        name: &ObjectName,
        offset: u64,
        length: usize,
    ) -> Result<Vec<u8>, StoreError> {
        let (file, there) = self.open_object(name, Action::Get)?;
        let short = StoreError::Short {
            name: *name,
            offset,
            wanted: length,
        };
        let end = u64::try_from(length)
            .ok()
            .and_then(|length| offset.checked_add(length));
        if end.is_none_or(|end| end > there) {
            return Err(short);
        }
        let mut bytes = Vec::new();
        bytes
            .try_reserve_exact(length)
            .map_err(|_| self.failed(Action::Get, Errno::NOMEM))?;
        while bytes.len() < length {
            let at = offset.saturating_add(width(&bytes));
            // Into memory that nobody has to clear before.
            match pread(&file, spare_capacity(&mut bytes), at) {
                Ok(0) => return Err(short),
                Ok(_) | Err(Errno::INTR) => {}
                Err(e) => return Err(self.failed(Action::Get, e)),
            }
        }
        bytes.truncate(length);
        Ok(bytes)
    }

    fn length(&self, name: &ObjectName) -> Result<Option<u64>, StoreError> {
        match std::fs::symlink_metadata(self.path(name)) {
            Ok(metadata) if metadata.is_file() => Ok(Some(metadata.len())),
            Ok(_) => Err(StoreError::Damaged { name: *name }),
            Err(e) => match self.unreadable(name, Action::Look, e) {
                StoreError::NotFound { .. } => Ok(None),
                e => Err(e),
            },
        }
    }

    fn list(
        &self,
        what: Listing,
        visit: &mut dyn FnMut(Listed) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        self.list_after(what, None, visit)
    }

    fn delete(&self, name: &ObjectName) -> Result<(), StoreError> {
        match rustix::fs::unlink(self.path(name)) {
            Ok(()) => {
                let path = self.path(name);
                self.sync_folder(path.parent().unwrap_or(&self.root))
            }
            Err(e) => match self.unreadable(name, Action::Delete, e.into()) {
                StoreError::NotFound { .. } => Ok(()),
                e => Err(e),
            },
        }
    }

    fn describe(&self) -> String {
        self.root.display().to_string()
    }

    fn reach(&self) -> Reach {
        Reach::of(&self.root, self.trust)
    }

    fn try_overwrite(&self, name: &ObjectName, bytes: &[u8]) -> Result<Overwrite, StoreError> {
        match self.store(name, bytes, Landing::Replace) {
            Ok(_) => Ok(Overwrite::Done),
            Err(StoreError::Denied { .. }) => Ok(Overwrite::Refused),
            Err(e) => Err(e),
        }
    }

    fn sweep(&self, age: Duration) -> Result<u64, StoreError> {
        let before = SystemTime::now().checked_sub(age);
        let mut swept = 0;
        for kind in ["pack", "table", "log", "target", "probe"] {
            walk::files(&self.root.join(kind), None, &mut |path, metadata| {
                let old = metadata
                    .modified()
                    .is_ok_and(|at| before.is_some_and(|b| at < b));
                if old && is_temporary(path) && std::fs::remove_file(path).is_ok() {
                    swept += 1;
                }
                true
            })
            .map_err(|e| self.failed(Action::List, e))?;
        }
        Ok(swept)
    }
}

impl Folder {
    /// Lists in the order of paths, beginning after `after`.
    pub(crate) fn list_after(
        &self,
        what: Listing,
        after: Option<ObjectName>,
        visit: &mut dyn FnMut(Listed) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let folder = self.root.join(what.folder());
        let start = match after {
            Some(after) => Some(self.path(&after)),
            None => what.start().map(|start| self.root.join(start)),
        };
        let mut failure = None;
        let walked = walk::files(&folder, start.as_deref(), &mut |path, metadata| {
            let name = path
                .strip_prefix(&self.root)
                .ok()
                .and_then(Path::to_str)
                .and_then(ObjectName::parse)
                .filter(|name| what.takes(name) && Some(*name) != after);
            let Some(name) = name else { return true };
            let listed = Listed {
                name,
                length: metadata.len(),
                modified: metadata.modified().ok(),
            };
            failure = visit(listed).err();
            failure.is_none()
        });
        match (failure, walked) {
            (Some(e), _) => Err(e),
            (None, Ok(())) => self.check_root(),
            (None, Err(e)) => Err(self.failed(Action::List, e)),
        }
    }

    /// An empty listing of a drive that is not mounted must not look like an empty vault.
    fn check_root(&self) -> Result<(), StoreError> {
        let now = Self::open(&self.root)?;
        if now.device != self.device {
            let other = io::Error::other(OtherFileSystem);
            return Err(not_a_store(self.describe(), other));
        }
        Ok(())
    }
}

fn not_a_store(target: String, error: io::Error) -> StoreError {
    StoreError::NotAStore {
        target,
        source: error.into(),
    }
}

fn is_absent(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
    )
}

fn unsupported(error: &io::Error) -> bool {
    error
        .raw_os_error()
        .map(Errno::from_raw_os_error)
        .is_some_and(|e| matches!(e, Errno::INVAL | Errno::OPNOTSUPP | Errno::NOSYS))
}

/// Whether a file of the right length holds exactly these bytes.
fn holds(file: &mut File, bytes: &[u8]) -> bool {
    let mut block = [0; 64 << 10];
    bytes.chunks(block.len()).all(|wanted| {
        let there = &mut block[..wanted.len()];
        file.read_exact(there).is_ok() && there == wanted
    })
}

/// Makes a folder and its missing parents, and syncs the folder above each that it made.
fn make_with_parents(folder: &Path) -> io::Result<()> {
    let above = match folder.parent() {
        Some(above) if above.as_os_str().is_empty() => Path::new("."),
        Some(above) => above,
        None => return Ok(()),
    };
    match rustix::fs::mkdir(folder, FOLDER_MODE) {
        Ok(()) => {}
        Err(Errno::EXIST) if folder.is_dir() => return Ok(()),
        Err(Errno::NOENT) => {
            make_with_parents(above)?;
            rustix::fs::mkdir(folder, FOLDER_MODE)?;
        }
        Err(e) => return Err(e.into()),
    }
    match File::open(above).and_then(|above| above.sync_all()) {
        Err(e) if !unsupported(&e) => Err(e),
        _ => Ok(()),
    }
}
