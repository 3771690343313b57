//! A target as a seed has it: objects with the moment since which they are there.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, UNIX_EPOCH};

use ov_format::name::{ObjectName, RecordName};
use ov_store::{Durable, Listed, Listing, Memory, Overwrite, Store, StoreError};
use ov_vault::finding::nameless;

use super::dice::Dice;

/// A target. As a [`Store`] it is honest, prompt and up to date; [`super::gate::Gate`] shows it as
/// actors see it.
#[derive(Default)]
pub struct Disk {
    state: Mutex<State>,
}

#[derive(Clone, Default)]
struct State {
    objects: BTreeMap<ObjectName, Object>,
    /// Deleted objects, which listings may still show for a while.
    gone: BTreeMap<ObjectName, (u64, i64)>,
    /// Puts whose caller died: they land later, or never.
    limbo: Vec<(i64, ObjectName, Arc<Vec<u8>>)>,
}

#[derive(Clone)]
struct Object {
    bytes: Arc<Vec<u8>>,
    since: i64,
    synced: bool,
}

/// Whether the bytes are on the medium, or only claimed to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Written {
    /// They are.
    Synced,
    /// They go with the next power cut.
    Unsynced,
}

impl Disk {
    /// Puts bytes under a name that is free. What is there already stays.
    pub fn put(
        &self,
        name: &ObjectName,
        bytes: &[u8],
        now: i64,
        written: Written,
    ) -> Result<(), StoreError> {
        let mut state = self.lock();
        if let Some(there) = state.objects.get(name) {
            return match **there.bytes == *bytes {
                true => Ok(()),
                false => Err(StoreError::Damaged { name: *name }),
            };
        }
        let object = Object {
            bytes: Arc::new(bytes.to_vec()),
            since: now,
            synced: written == Written::Synced,
        };
        state.gone.remove(name);
        state.objects.insert(*name, object);
        Ok(())
    }

    /// Puts bytes that will land later.
    pub fn put_later(&self, name: &ObjectName, bytes: &[u8], due: i64) {
        self.lock()
            .limbo
            .push((due, *name, Arc::new(bytes.to_vec())));
    }

    /// Lets land what is due, and says what did.
    pub fn land(&self, now: i64) -> Vec<ObjectName> {
        let limbo = std::mem::take(&mut self.lock().limbo);
        let (due, later): (Vec<_>, Vec<_>) = limbo.into_iter().partition(|put| put.0 <= now);
        self.lock().limbo = later;
        let land = |(due, name, bytes): (i64, ObjectName, Arc<Vec<u8>>)| {
            self.put(&name, &bytes, due.max(now), Written::Synced)
                .ok()
                .map(|()| name)
        };
        due.into_iter().filter_map(land).collect()
    }

    /// Deletes an object.
    pub fn remove(&self, name: &ObjectName, now: i64) {
        let mut state = self.lock();
        if let Some(object) = state.objects.remove(name) {
            let length = object.bytes.len().try_into().unwrap_or(u64::MAX);
            state.gone.insert(*name, (length, now));
        }
    }

    /// What a listing shows whose target lags: of what changed in the last `lag` seconds, as the
    /// dice will.
    pub fn listing(&self, what: Listing, now: i64, lag: i64, dice: &mut Dice) -> Vec<Listed> {
        let state = self.lock();
        let mut shown = Vec::new();
        for (name, object) in state.objects.iter().filter(|(name, _)| what.takes(name)) {
            if now - object.since >= lag || dice.hits(500) {
                let length = object.bytes.len().try_into().unwrap_or(u64::MAX);
                shown.push(listed(name, length, object.since));
            }
        }
        for (name, (length, at)) in state.gone.iter().filter(|(name, _)| what.takes(name)) {
            if now - at < lag && dice.hits(500) {
                shown.push(listed(name, *length, *at));
            }
        }
        shown
    }

    /// A power cut: what was not synced is gone.
    pub fn cut_power(&self) {
        self.lock().objects.retain(|_, object| object.synced);
    }

    /// How long an object has been there, in seconds.
    pub fn age(&self, name: &ObjectName, now: i64) -> Option<i64> {
        let state = self.lock();
        state.objects.get(name).map(|object| now - object.since)
    }

    /// A bit of an object turns.
    pub fn rot(&self, name: &ObjectName, dice: &mut Dice) {
        if let Some(object) = self.lock().objects.get_mut(name) {
            let mut bytes = object.bytes.to_vec();
            let at = dice.index(bytes.len());
            if let Some(byte) = bytes.get_mut(at) {
                *byte ^= 1 << dice.below(8);
            }
            object.bytes = Arc::new(bytes);
        }
    }

    /// The target as it is now: what somebody may be shown later, or what it is set back to. Puts
    /// that have not landed are not in it.
    pub fn image(&self) -> Self {
        let mut state = self.lock().clone();
        state.limbo.clear();
        Self {
            state: Mutex::new(state),
        }
    }

    /// Becomes what it was.
    pub fn set_back(&self, image: &Self) {
        let state = image.lock().clone();
        *self.lock() = state;
    }

    /// Loses an object without a word.
    pub fn lose(&self, name: &ObjectName) {
        self.lock().objects.remove(name);
    }

    /// Writes other bytes over an object.
    pub fn overwrite(&self, name: &ObjectName, bytes: &[u8]) {
        if let Some(object) = self.lock().objects.get_mut(name) {
            object.bytes = Arc::new(bytes.to_vec());
        }
    }

    /// Everything that is there.
    pub fn objects(&self) -> BTreeMap<ObjectName, Arc<Vec<u8>>> {
        let state = self.lock();
        let all = state.objects.iter();
        all.map(|(name, object)| (*name, Arc::clone(&object.bytes)))
            .collect()
    }

    /// Records of which a part alone was written, by their numbers.
    pub fn torn_records(&self) -> BTreeSet<RecordName> {
        let objects = self.objects().into_iter();
        let torn = objects.filter_map(|(name, bytes)| match name {
            ObjectName::Record(record) if !name.matches(&bytes) => {
                Some(nameless(record.log, record.number))
            }
            _ => None,
        });
        torn.collect()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Proof that a put was done, or is claimed to be.
pub fn claimed(name: &ObjectName) -> Result<Durable<ObjectName>, StoreError> {
    Memory::new().put_new(name, &[])
}

fn listed(name: &ObjectName, length: u64, since: i64) -> Listed {
    let since = Duration::from_secs(since.try_into().unwrap_or(0));
    Listed {
        name: *name,
        length,
        modified: Some(UNIX_EPOCH + since),
    }
}

impl Store for Disk {
    fn put_new(&self, name: &ObjectName, bytes: &[u8]) -> Result<Durable<ObjectName>, StoreError> {
        self.put(name, bytes, 0, Written::Synced)?;
        claimed(name)
    }

    fn get(&self, name: &ObjectName) -> Result<Vec<u8>, StoreError> {
        let state = self.lock();
        let object = state
            .objects
            .get(name)
            .ok_or(StoreError::NotFound { name: *name })?;
        Ok(object.bytes.to_vec())
    }

    fn get_range(
        &self,
        name: &ObjectName,
        offset: u64,
        length: usize,
    ) -> Result<Vec<u8>, StoreError> {
        let state = self.lock();
        let object = state
            .objects
            .get(name)
            .ok_or(StoreError::NotFound { name: *name })?;
        let short = StoreError::Short {
            name: *name,
            offset,
            wanted: length,
        };
        let start = usize::try_from(offset).ok();
        let part = start.and_then(|start| object.bytes.get(start..start.checked_add(length)?));
        part.map(<[u8]>::to_vec).ok_or(short)
    }

    fn length(&self, name: &ObjectName) -> Result<Option<u64>, StoreError> {
        let state = self.lock();
        let length = |object: &Object| object.bytes.len().try_into().unwrap_or(u64::MAX);
        Ok(state.objects.get(name).map(length))
    }

    fn list(
        &self,
        what: Listing,
        visit: &mut dyn FnMut(Listed) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let shown = self.listing(what, i64::MAX / 2, 0, &mut Dice::new(0, "none"));
        shown.into_iter().try_for_each(visit)
    }

    fn delete(&self, name: &ObjectName) -> Result<(), StoreError> {
        self.remove(name, 0);
        Ok(())
    }

    fn describe(&self) -> String {
        "a simulated target".to_owned()
    }

    fn try_overwrite(&self, _: &ObjectName, _: &[u8]) -> Result<Overwrite, StoreError> {
        Ok(Overwrite::Refused)
    }
}
