//! A target that is not asked for more bytes a second than its link may carry.
//!
//! Objects go over at once and the next one waits until the average is right again: a limit holds
//! over a minute, not over a second.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use ov_format::name::ObjectName;

use crate::arriving::Arriving;
use crate::durable::Durable;
use crate::error::StoreError;
use crate::lock::Lock;
use crate::reach::Reach;
use crate::store::{Listed, Listing, Overwrite, Retention, Store};

/// Most bytes a second, in each direction; `None` for as fast as it goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// Towards the target.
    pub upload: Option<u64>,
    /// From the target.
    pub download: Option<u64>,
}

impl Limits {
    /// Whether nothing is limited.
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }
}

/// A target behind such limits.
pub struct Paced {
    inner: Box<dyn Store>,
    upload: Option<Pace>,
    download: Option<Pace>,
}

impl Paced {
    /// Puts limits in front of a target.
    pub fn new(inner: Box<dyn Store>, limits: Limits) -> Self {
        let pace = |rate: u64| Pace {
            rate,
            free: Mutex::new(Instant::now()),
        };
        Self {
            inner,
            upload: limits.upload.map(pace),
            download: limits.download.map(pace),
        }
    }

    fn got(&self, bytes: &[u8]) {
        if let Some(pace) = &self.download {
            pace.wait_for(bytes.len());
        }
    }
}

/// When the link is free again for what comes next.
struct Pace {
    rate: u64,
    free: Mutex<Instant>,
}

impl Pace {
    /// Books the time that so many bytes take, and waits until it begins.
    fn wait_for(&self, bytes: usize) {
        let begins = self.book(bytes, Instant::now());
        std::thread::sleep(begins);
    }

    /// How long to wait from `now` until the link is free; afterwards it is busy with `bytes`. What
    /// was not used does not add up: after a pause there is no burst.
    fn book(&self, bytes: usize, now: Instant) -> Duration {
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        let seconds = f64::from(bytes) / rate(self.rate);
        let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        let begins = (*free).max(now);
        *free = begins + Duration::from_secs_f64(seconds);
        begins - now
    }
}

fn rate(bytes: u64) -> f64 {
    u32::try_from(bytes.max(1)).map_or(f64::from(u32::MAX), f64::from)
}

impl Store for Paced {
    fn put_new(&self, name: &ObjectName, bytes: &[u8]) -> Result<Durable<ObjectName>, StoreError> {
        if let Some(pace) = &self.upload {
            pace.wait_for(bytes.len());
        }
        self.inner.put_new(name, bytes)
    }

    fn begin_pack(&self) -> Result<Option<Box<dyn Arriving + '_>>, StoreError> {
        match self.upload {
            // Whole ones wait for their turn.
            Some(_) => Ok(None),
            None => self.inner.begin_pack(),
        }
    }

    fn get(&self, name: &ObjectName) -> Result<Vec<u8>, StoreError> {
        let bytes = self.inner.get(name)?;
        self.got(&bytes);
        Ok(bytes)
    }

    fn get_into(&self, name: &ObjectName, buffer: &mut Vec<u8>) -> Result<(), StoreError> {
        self.inner.get_into(name, buffer)?;
        self.got(buffer);
        Ok(())
    }

    fn show(&self, name: &ObjectName, visit: &mut dyn FnMut(&[u8])) -> Result<(), StoreError> {
        self.inner.show(name, &mut |piece| {
            self.got(piece);
            visit(piece);
        })
    }

    fn get_range(
        &self,
        name: &ObjectName,
        offset: u64,
        length: usize,
    ) -> Result<Vec<u8>, StoreError> {
        let bytes = self.inner.get_range(name, offset, length)?;
        self.got(&bytes);
        Ok(bytes)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Memory;
    use ov_format::id::ObjectHash;

    #[test]
    fn bytes_wait_until_those_before_them_are_through() {
        let now = Instant::now();
        let pace = Pace {
            rate: 1000,
            free: Mutex::new(now),
        };
        assert_eq!(pace.book(500, now), Duration::ZERO);
        assert_eq!(pace.book(250, now), Duration::from_millis(500));
        assert_eq!(pace.book(0, now), Duration::from_millis(750));
        let later = now + Duration::from_secs(60);
        assert_eq!(pace.book(1000, later), Duration::ZERO);
        assert_eq!(pace.book(1, later), Duration::from_secs(1));
    }

    #[test]
    fn a_limited_link_carries_no_more_than_it_may() {
        let limits = Limits {
            upload: Some(1 << 20),
            download: Some(2 << 20),
        };
        let store = Paced::new(Box::new(Memory::new()), limits);
        let began = Instant::now();
        let bytes = vec![7; 100 << 10];
        for n in 0..3u8 {
            let name = ObjectName::Pack(ObjectHash([n; 32]));
            store.put_new(&name, &bytes).unwrap();
        }
        let put = began.elapsed();
        assert!(put >= Duration::from_millis(190), "{put:?}");
        let name = ObjectName::Pack(ObjectHash([1; 32]));
        for _ in 0..3 {
            assert_eq!(store.get(&name).unwrap(), bytes);
        }
        let got = began.elapsed() - put;
        assert!(got >= Duration::from_millis(95), "{got:?}");
    }
}
