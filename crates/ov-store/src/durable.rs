//! Proof that something is stored and will still be there after a crash.

use std::fmt;
use std::ops::Deref;

use ov_format::name::ObjectName;

use crate::error::StoreError;
use crate::store::Store;

/// How an object came to be on the target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Put {
    /// This call stored it.
    Created,
    /// It was there already, whole.
    AlreadyThere,
}

/// Something that is durably on the target. Only targets make it ([`Store::put_new`]), and
/// [`confirm`]: so whoever asks for a `Durable` cannot be called too early.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Durable<T> {
    value: T,
    created: bool,
}

impl Durable<ObjectName> {
    pub(crate) fn new(name: ObjectName, put: Put) -> Self {
        Self {
            value: name,
            created: put == Put::Created,
        }
    }
}

impl<T> Durable<T> {
    /// Gives up the proof.
    pub fn into_inner(self) -> T {
        self.value
    }

    /// Whether the call that made this stored the object, or found it.
    pub fn put(&self) -> Put {
        if self.created {
            Put::Created
        } else {
            Put::AlreadyThere
        }
    }
}

impl<T> Deref for Durable<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T: fmt::Debug> fmt::Debug for Durable<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Durable").field(&self.value).finish()
    }
}

/// Looks whether `name` is on the target with `length` bytes.
///
/// # Errors
/// [`StoreError::NotFound`] if it is not there, [`StoreError::Damaged`] if it has another length.
pub fn confirm(
    store: &dyn Store,
    name: &ObjectName,
    length: u64,
) -> Result<Durable<ObjectName>, StoreError> {
    match store.length(name)? {
        None => Err(StoreError::NotFound { name: *name }),
        Some(found) if found != length => Err(StoreError::Damaged { name: *name }),
        Some(_) => Ok(Durable::new(*name, Put::AlreadyThere)),
    }
}
