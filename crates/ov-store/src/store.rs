//! What every target can do.

use std::time::{Duration, SystemTime};

use ov_format::name::{LogId, ObjectName, RECORDS_PER_FOLDER};

use crate::arriving::Arriving;
use crate::durable::Durable;
use crate::error::StoreError;
use crate::lock::Lock;
use crate::reach::Reach;

/// No object of a vault is longer. Whatever claims to be is not read.
pub const OBJECT_BYTES_MAX: u64 = 1 << 30;

/// A place for sealed objects. The crate's page tells the whole contract;
/// [`crate::contract`] tests it.
pub trait Store: Send + Sync {
    /// Stores bytes under the name that carries their hash; the caller has made the name from the
    /// bytes. Durable when it returns. Never overwrites: what is there already with the right
    /// length (and, where reading it is cheap, the right bytes) stays and is reported by
    /// [`Durable::put`].
    ///
    /// # Errors
    /// [`StoreError::Damaged`] if something else lies under the name.
    fn put_new(&self, name: &ObjectName, bytes: &[u8]) -> Result<Durable<ObjectName>, StoreError>;

    /// Begins a pack whose name is known when all of it is there; `None` where packs are taken
    /// whole. [`crate::begin_pack`] works with both.
    ///
    /// # Errors
    /// As those of [`Store::put_new`].
    fn begin_pack(&self) -> Result<Option<Box<dyn Arriving + '_>>, StoreError> {
        Ok(None)
    }

    /// Reads a whole object, as it lies there: the caller compares it with its name.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], or [`StoreError::TooLong`] above [`OBJECT_BYTES_MAX`].
    fn get(&self, name: &ObjectName) -> Result<Vec<u8>, StoreError>;

    /// Reads a whole object as [`Store::get`] does, into a buffer that held another: for who reads
    /// many. Memory that is new to a process costs as much as reading into it. What the buffer
    /// holds after an error is void.
    ///
    /// # Errors
    /// As [`Store::get`].
    fn get_into(&self, name: &ObjectName, buffer: &mut Vec<u8>) -> Result<(), StoreError> {
        *buffer = self.get(name)?;
        Ok(())
    }

    /// Shows a whole object in pieces, in order, as it lies there: for who need not have it in
    /// memory. What was shown before an error is void.
    ///
    /// # Errors
    /// As [`Store::get`].
    fn show(&self, name: &ObjectName, visit: &mut dyn FnMut(&[u8])) -> Result<(), StoreError> {
        visit(&self.get(name)?);
        Ok(())
    }

    /// Reads exactly `length` bytes from `offset`.
    ///
    /// # Errors
    /// [`StoreError::Short`] if the object ends earlier.
    fn get_range(
        &self,
        name: &ObjectName,
        offset: u64,
        length: usize,
    ) -> Result<Vec<u8>, StoreError>;

    /// The length of an object; `None` if it is not there.
    ///
    /// # Errors
    /// Whatever keeps the target from answering; never a guess.
    fn length(&self, name: &ObjectName) -> Result<Option<u64>, StoreError>;

    /// Shows every object of a kind to `visit`, in any order. What is not named like an object is
    /// skipped. An error of `visit` ends the listing and is returned.
    ///
    /// # Errors
    /// If the listing could not be completed.
    fn list(
        &self,
        what: Listing,
        visit: &mut dyn FnMut(Listed) -> Result<(), StoreError>,
    ) -> Result<(), StoreError>;

    /// Deletes an object. One that is not there is deleted already.
    ///
    /// # Errors
    /// [`StoreError::Denied`] where the credentials may not delete.
    fn delete(&self, name: &ObjectName) -> Result<(), StoreError>;

    /// The target in words for people, without credentials.
    fn describe(&self) -> String;

    /// How far away it is.
    fn reach(&self) -> Reach {
        Reach::Far
    }

    /// Tries to put other bytes under a name that is taken. Only the probe does this, and only to
    /// its own objects, to learn what the target allows to an attacker.
    ///
    /// # Errors
    /// If the answer is neither yes nor no.
    fn try_overwrite(&self, name: &ObjectName, bytes: &[u8]) -> Result<Overwrite, StoreError>;

    /// What the target says it keeps of an object after a deletion.
    ///
    /// # Errors
    /// If it does not answer.
    fn retention(&self, _name: &ObjectName) -> Result<Retention, StoreError> {
        Ok(Retention::Nothing)
    }

    /// Locks an object until then at least: nobody can delete it before, whatever the
    /// credentials. Shortens no lock.
    ///
    /// # Errors
    /// If the target does not answer, or [`StoreError::Options`] for a lock that is too long.
    fn lock_until(&self, _name: &ObjectName, _until: SystemTime) -> Result<Lock, StoreError> {
        Ok(Lock::Unsupported)
    }

    /// Tries to break the lock of an object, as whoever means harm would. Only the probe does
    /// this, and only to its own objects.
    ///
    /// # Errors
    /// If the answer is neither yes nor no.
    fn try_unlock(&self, _name: &ObjectName) -> Result<Overwrite, StoreError> {
        Ok(Overwrite::Done)
    }

    /// Removes what writers that died left behind, if it is older than `age`; never objects.
    /// Returns how much it removed.
    ///
    /// # Errors
    /// If the target could not be searched.
    fn sweep(&self, _age: Duration) -> Result<u64, StoreError> {
        Ok(0)
    }
}

/// Which objects to list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Listing {
    /// All packs.
    Packs,
    /// All tables.
    Tables,
    /// All records of all logs.
    Logs,
    /// The records of one log.
    Log(LogId),
    /// The records of one log from this number on.
    LogFrom(LogId, u64),
    /// Identities of the target.
    Targets,
    /// What probes left.
    Probes,
}

impl Listing {
    /// The folder that holds all of them.
    pub fn folder(&self) -> String {
        match self {
            Self::Packs => "pack".into(),
            Self::Tables => "table".into(),
            Self::Logs => "log".into(),
            Self::Log(log) | Self::LogFrom(log, _) => format!("log/{log}"),
            Self::Targets => "target".into(),
            Self::Probes => "probe".into(),
        }
    }

    /// Whether `name` is one of them.
    pub fn takes(&self, name: &ObjectName) -> bool {
        match (self, name) {
            (Self::Packs, ObjectName::Pack(_))
            | (Self::Tables, ObjectName::Table(_))
            | (Self::Logs, ObjectName::Record(_))
            | (Self::Targets, ObjectName::Target(_))
            | (Self::Probes, ObjectName::Probe(_)) => true,
            (Self::Log(log), ObjectName::Record(record)) => record.log == *log,
            (Self::LogFrom(log, first), ObjectName::Record(record)) => {
                record.log == *log && record.number >= *first
            }
            _ => false,
        }
    }

    /// A path that sorts before all of them and after as much else in their folder as possible.
    pub(crate) fn start(&self) -> Option<String> {
        match self {
            Self::LogFrom(log, first) => {
                let folder = first / RECORDS_PER_FOLDER;
                Some(format!("log/{log}/{folder:014x}/{first:016x}"))
            }
            _ => None,
        }
    }
}

/// One object of a listing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Its name.
    pub name: ObjectName,
    /// Its length in bytes.
    pub length: u64,
    /// When it was stored, by the target's clock, if it says so.
    pub modified: Option<SystemTime>,
}

/// What became of an attempt to overwrite.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Overwrite {
    /// The target kept the first bytes.
    Refused,
    /// The target took the second bytes.
    Done,
}

/// What a target keeps of an object that is overwritten or deleted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Retention {
    /// Nothing that it tells of.
    Nothing,
    /// Earlier versions.
    Versions,
    /// Earlier versions that nobody can delete before a date (as the target writes it).
    LockedUntil(String),
}

macro_rules! forward {
    ($($pointer:ty),*) => {$(
        impl<S: Store + ?Sized> Store for $pointer {
            fn put_new(
                &self,
                name: &ObjectName,
                bytes: &[u8],
            ) -> Result<Durable<ObjectName>, StoreError> {
                (**self).put_new(name, bytes)
            }
            fn begin_pack(&self) -> Result<Option<Box<dyn Arriving + '_>>, StoreError> {
                (**self).begin_pack()
            }
            fn get(&self, name: &ObjectName) -> Result<Vec<u8>, StoreError> {
                (**self).get(name)
            }
            fn get_into(&self, name: &ObjectName, buffer: &mut Vec<u8>) -> Result<(), StoreError> {
                (**self).get_into(name, buffer)
            }
            fn show(
                &self,
                name: &ObjectName,
                visit: &mut dyn FnMut(&[u8]),
            ) -> Result<(), StoreError> {
                (**self).show(name, visit)
            }
            fn get_range(
                &self,
                name: &ObjectName,
                offset: u64,
                length: usize,
            ) -> Result<Vec<u8>, StoreError> {
                (**self).get_range(name, offset, length)
            }
            fn length(&self, name: &ObjectName) -> Result<Option<u64>, StoreError> {
                (**self).length(name)
            }
            fn list(
                &self,
                what: Listing,
                visit: &mut dyn FnMut(Listed) -> Result<(), StoreError>,
            ) -> Result<(), StoreError> {
                (**self).list(what, visit)
            }
            fn delete(&self, name: &ObjectName) -> Result<(), StoreError> {
                (**self).delete(name)
            }
            fn describe(&self) -> String {
                (**self).describe()
            }
            fn reach(&self) -> Reach {
                (**self).reach()
            }
            fn try_overwrite(
                &self,
                name: &ObjectName,
                bytes: &[u8],
            ) -> Result<Overwrite, StoreError> {
                (**self).try_overwrite(name, bytes)
            }
            fn retention(&self, name: &ObjectName) -> Result<Retention, StoreError> {
                (**self).retention(name)
            }
            fn lock_until(&self, name: &ObjectName, until: SystemTime) -> Result<Lock, StoreError> {
                (**self).lock_until(name, until)
            }
            fn try_unlock(&self, name: &ObjectName) -> Result<Overwrite, StoreError> {
                (**self).try_unlock(name)
            }
            fn sweep(&self, age: Duration) -> Result<u64, StoreError> {
                (**self).sweep(age)
            }
        }
    )*};
}

forward!(&S, Box<S>, std::sync::Arc<S>);
