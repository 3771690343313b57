//! The target of a dry run: takes everything, keeps nothing.

use std::time::Duration;

use ov_format::name::ObjectName;
use ov_store::{Durable, Listed, Listing, Memory, Overwrite, Store, StoreError};

/// Forgets each object as soon as it was put.
#[derive(Default)]
pub struct Discard {
    memory: Memory,
}

impl Store for Discard {
    fn put_new(&self, name: &ObjectName, bytes: &[u8]) -> Result<Durable<ObjectName>, StoreError> {
        let durable = self.memory.put_new(name, bytes)?;
        self.memory.delete(name)?;
        Ok(durable)
    }

    fn get(&self, name: &ObjectName) -> Result<Vec<u8>, StoreError> {
        self.memory.get(name)
    }

    fn get_range(
        &self,
        name: &ObjectName,
        offset: u64,
        length: usize,
    ) -> Result<Vec<u8>, StoreError> {
        self.memory.get_range(name, offset, length)
    }

    fn length(&self, name: &ObjectName) -> Result<Option<u64>, StoreError> {
        self.memory.length(name)
    }

    fn list(
        &self,
        what: Listing,
        visit: &mut dyn FnMut(Listed) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        self.memory.list(what, visit)
    }

    fn delete(&self, name: &ObjectName) -> Result<(), StoreError> {
        self.memory.delete(name)
    }

    fn describe(&self) -> String {
        "nowhere (dry run)".to_owned()
    }

    fn try_overwrite(&self, name: &ObjectName, bytes: &[u8]) -> Result<Overwrite, StoreError> {
        self.memory.try_overwrite(name, bytes)
    }

    fn sweep(&self, age: Duration) -> Result<u64, StoreError> {
        self.memory.sweep(age)
    }
}
