//! A target with copies of its small objects nearby.

use std::fs;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use ov_format::name::ObjectName;

use crate::durable::Durable;
use crate::error::StoreError;
use crate::lock::Lock;
use crate::memory::slice;
use crate::reach::Reach;
use crate::store::{Listed, Listing, OBJECT_BYTES_MAX, Overwrite, Retention, Store};

/// Keeps verbatim copies of records and tables in a local folder: they never change, and their
/// names prove every copy. Packs are never kept. What the folder holds may be deleted at any time,
/// and no fault of it is ever an error.
///
/// Presence, lengths and listings always come from the target. A copy may outlive its object, when
/// somebody else deletes that.
pub struct Cached<S> {
    inner: S,
    folder: PathBuf,
}

static COUNTER: AtomicU64 = AtomicU64::new(0);

impl<S: Store> Cached<S> {
    /// Wraps a target. The folder is made when it is needed, for the owner's eyes only.
    pub fn new(inner: S, folder: impl Into<PathBuf>) -> Self {
        Self {
            inner,
            folder: folder.into(),
        }
    }

    /// The target below.
    pub fn inner(&self) -> &S {
        &self.inner
    }

    /// The copy, if there is a good one. A bad one is dropped.
    fn copy(&self, name: &ObjectName) -> Option<Vec<u8>> {
        if !is_kept(name) {
            return None;
        }
        let path = self.folder.join(name.to_string());
        let metadata = fs::symlink_metadata(&path).ok()?;
        if metadata.is_file() && metadata.len() <= OBJECT_BYTES_MAX {
            let bytes = fs::read(&path).ok()?;
            if name.matches(&bytes) {
                return Some(bytes);
            }
        }
        self.drop_copy(name);
        None
    }

    fn keep(&self, name: &ObjectName, bytes: &[u8]) {
        if is_kept(name) && name.matches(bytes) {
            // Without a copy the next read is slower, nothing more.
            let _ = write(&self.folder.join(name.to_string()), bytes);
        }
    }

    fn drop_copy(&self, name: &ObjectName) {
        if is_kept(name) {
            let _ = fs::remove_file(self.folder.join(name.to_string()));
        }
    }
}

impl<S: Store> Store for Cached<S> {
    fn put_new(&self, name: &ObjectName, bytes: &[u8]) -> Result<Durable<ObjectName>, StoreError> {
        let durable = self.inner.put_new(name, bytes)?;
        self.keep(name, bytes);
        Ok(durable)
    }

    fn get(&self, name: &ObjectName) -> Result<Vec<u8>, StoreError> {
        if let Some(bytes) = self.copy(name) {
            return Ok(bytes);
        }
        let bytes = self.inner.get(name)?;
        self.keep(name, &bytes);
        Ok(bytes)
    }

    fn get_range(
        &self,
        name: &ObjectName,
        offset: u64,
        length: usize,
    ) -> Result<Vec<u8>, StoreError> {
        match self.copy(name) {
            Some(bytes) => slice(name, &bytes, offset, length).map(<[u8]>::to_vec),
            None => self.inner.get_range(name, offset, length),
        }
    }

    fn length(&self, name: &ObjectName) -> Result<Option<u64>, StoreError> {
        self.inner.length(name)
    }

    fn list(
        &self,
        what: Listing,
        visit: &mut dyn FnMut(Listed) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        self.inner.list(what, visit)
    }

    fn delete(&self, name: &ObjectName) -> Result<(), StoreError> {
        // First here: a copy of an object that is gone would be believed for ever.
        self.drop_copy(name);
        self.inner.delete(name)
    }

    fn describe(&self) -> String {
        self.inner.describe()
    }

    fn reach(&self) -> Reach {
        self.inner.reach()
    }

    fn try_overwrite(&self, name: &ObjectName, bytes: &[u8]) -> Result<Overwrite, StoreError> {
        self.inner.try_overwrite(name, bytes)
    }

    fn retention(&self, name: &ObjectName) -> Result<Retention, StoreError> {
        self.inner.retention(name)
    }

    fn lock_until(&self, name: &ObjectName, until: SystemTime) -> Result<Lock, StoreError> {
        self.inner.lock_until(name, until)
    }

    fn try_unlock(&self, name: &ObjectName) -> Result<Overwrite, StoreError> {
        self.inner.try_unlock(name)
    }

    fn sweep(&self, age: Duration) -> Result<u64, StoreError> {
        self.inner.sweep(age)
    }
}

fn is_kept(name: &ObjectName) -> bool {
    matches!(name, ObjectName::Record(_) | ObjectName::Table(_))
}

/// Not synced: a torn copy is found by its hash.
fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)?;
    let number = COUNTER.fetch_add(1, Ordering::Relaxed);
    let temporary = folder.join(format!(".{}-{number}.tmp", std::process::id()));
    let written = fs::write(&temporary, bytes).and_then(|()| fs::rename(&temporary, path));
    if written.is_err() {
        let _ = fs::remove_file(&temporary);
    }
    written
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::faulty::Recording;
    use crate::memory::Memory;
    use ov_format::id::ObjectHash;

    const BYTES: &[u8] = b"sealed table";

    fn hash() -> ObjectHash {
        ObjectHash(*blake3::hash(BYTES).as_bytes())
    }

    fn cached(folder: &Path) -> Cached<Recording<Memory>> {
        let memory = Memory::new();
        for name in [ObjectName::Table(hash()), ObjectName::Pack(hash())] {
            memory.put_new(&name, BYTES).unwrap();
        }
        Cached::new(Recording::new(memory), folder)
    }

    #[test]
    fn a_table_is_fetched_once_and_a_pack_every_time() {
        let folder = tempfile::tempdir().unwrap();
        let store = cached(folder.path());
        for (name, fetches) in [
            (ObjectName::Table(hash()), 1),
            (ObjectName::Pack(hash()), 3),
        ] {
            for _ in 0..3 {
                assert_eq!(store.get(&name).unwrap(), BYTES);
            }
            assert_eq!(store.inner().take().len(), fetches);
        }
        let table = ObjectName::Table(hash());
        assert_eq!(store.get_range(&table, 7, 5).unwrap(), b"table");
        assert!(matches!(
            store.get_range(&table, 7, 6),
            Err(StoreError::Short { .. })
        ));
        assert!(store.inner().take().is_empty());
    }

    #[test]
    fn a_damaged_copy_is_dropped_and_fetched_again() {
        let folder = tempfile::tempdir().unwrap();
        let store = cached(folder.path());
        let table = ObjectName::Table(hash());
        store.get(&table).unwrap();
        let copy = folder.path().join(table.to_string());
        fs::write(&copy, b"sealed t4ble").unwrap();
        assert_eq!(store.get(&table).unwrap(), BYTES);
        assert_eq!(store.inner().take().len(), 2);
        assert_eq!(fs::read(&copy).unwrap(), BYTES);
    }

    #[test]
    fn damaged_bytes_of_the_target_are_handed_on_but_not_kept() {
        let folder = tempfile::tempdir().unwrap();
        let store = cached(folder.path());
        let table = ObjectName::Table(hash());
        store.inner().inner().tamper(&table, |bytes| bytes[0] ^= 1);
        assert_ne!(store.get(&table).unwrap(), BYTES);
        store.inner().inner().tamper(&table, |bytes| bytes[0] ^= 1);
        assert_eq!(store.get(&table).unwrap(), BYTES);
    }

    #[test]
    fn a_cache_that_cannot_be_written_is_no_error() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        fs::write(&file, b"").unwrap();
        let store = cached(&file.join("below"));
        for _ in 0..2 {
            assert_eq!(store.get(&ObjectName::Table(hash())).unwrap(), BYTES);
        }
    }

    #[test]
    fn what_is_deleted_through_it_is_gone() {
        let folder = tempfile::tempdir().unwrap();
        let store = cached(folder.path());
        let table = ObjectName::Table(hash());
        store.get(&table).unwrap();
        store.delete(&table).unwrap();
        assert!(matches!(
            store.get(&table),
            Err(StoreError::NotFound { .. })
        ));
    }
}
