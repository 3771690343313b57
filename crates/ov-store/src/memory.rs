//! A target in memory, for tests and simulation.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use ov_format::name::ObjectName;

use crate::durable::{Durable, Put};
use crate::error::StoreError;
use crate::store::{Listed, Listing, OBJECT_BYTES_MAX, Overwrite, Store};

/// A target in memory. Lists in the order of names.
#[derive(Default)]
pub struct Memory {
    objects: Mutex<BTreeMap<ObjectName, Vec<u8>>>,
}

impl Memory {
    /// An empty one.
    pub fn new() -> Self {
        Self::default()
    }

    /// Changes the stored bytes of an object behind everybody's back, as a bad disk does. Does
    /// nothing if it is not there.
    pub fn tamper(&self, name: &ObjectName, change: impl FnOnce(&mut Vec<u8>)) {
        if let Some(bytes) = self.objects().get_mut(name) {
            change(bytes);
        }
    }

    /// Puts any bytes under any name, as a hostile target does.
    pub fn plant(&self, name: ObjectName, bytes: Vec<u8>) {
        self.objects().insert(name, bytes);
    }

    /// Everything that is there.
    pub fn snapshot(&self) -> BTreeMap<ObjectName, Vec<u8>> {
        self.objects().clone()
    }

    /// How many bytes are there.
    pub fn bytes(&self) -> u64 {
        self.objects().values().map(|bytes| width(bytes)).sum()
    }

    // A panic elsewhere leaves the map whole: every change is a single call.
    fn objects(&self) -> MutexGuard<'_, BTreeMap<ObjectName, Vec<u8>>> {
        self.objects.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Store for Memory {
    fn put_new(&self, name: &ObjectName, bytes: &[u8]) -> Result<Durable<ObjectName>, StoreError> {
        check_length(name, width(bytes))?;
        let mut objects = self.objects();
        match objects.get(name) {
            None => {
                objects.insert(*name, bytes.to_vec());
                Ok(Durable::new(*name, Put::Created))
            }
            Some(there) if there == bytes => Ok(Durable::new(*name, Put::AlreadyThere)),
            Some(_) => Err(StoreError::Damaged { name: *name }),
        }
    }

    fn get(&self, name: &ObjectName) -> Result<Vec<u8>, StoreError> {
        let objects = self.objects();
        let bytes = objects
            .get(name)
            .ok_or(StoreError::NotFound { name: *name })?;
        check_length(name, width(bytes))?;
        Ok(bytes.clone())
    }

    fn get_range(
        &self,
        name: &ObjectName,
        offset: u64,
        length: usize,
    ) -> Result<Vec<u8>, StoreError> {
        let objects = self.objects();
        let bytes = objects
            .get(name)
            .ok_or(StoreError::NotFound { name: *name })?;
        slice(name, bytes, offset, length).map(<[u8]>::to_vec)
    }

    fn length(&self, name: &ObjectName) -> Result<Option<u64>, StoreError> {
        Ok(self.objects().get(name).map(|bytes| width(bytes)))
    }

    fn list(
        &self,
        what: Listing,
        visit: &mut dyn FnMut(Listed) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        // Collected first: `visit` may call this store.
        let listed: Vec<Listed> = self
            .objects()
            .iter()
            .filter(|(name, _)| what.takes(name))
            .map(|(name, bytes)| Listed {
                name: *name,
                length: width(bytes),
                modified: None,
            })
            .collect();
        listed.into_iter().try_for_each(visit)
    }

    fn delete(&self, name: &ObjectName) -> Result<(), StoreError> {
        self.objects().remove(name);
        Ok(())
    }

    fn describe(&self) -> String {
        "memory".into()
    }

    fn try_overwrite(&self, name: &ObjectName, bytes: &[u8]) -> Result<Overwrite, StoreError> {
        self.objects().insert(*name, bytes.to_vec());
        Ok(Overwrite::Done)
    }
}

/// The length of bytes in memory. A `usize` fits into a `u64` on every machine there is.
pub(crate) fn width(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}

/// Refuses what no object can be.
pub(crate) fn check_length(name: &ObjectName, length: u64) -> Result<(), StoreError> {
    if length > OBJECT_BYTES_MAX {
        return Err(StoreError::TooLong {
            name: *name,
            length,
        });
    }
    Ok(())
}

/// Cuts a range out of a whole object.
pub(crate) fn slice<'a>(
    name: &ObjectName,
    bytes: &'a [u8],
    offset: u64,
    length: usize,
) -> Result<&'a [u8], StoreError> {
    usize::try_from(offset)
        .ok()
        .and_then(|start| bytes.get(start..start.checked_add(length)?))
        .ok_or(StoreError::Short {
            name: *name,
            offset,
            wanted: length,
        })
}
