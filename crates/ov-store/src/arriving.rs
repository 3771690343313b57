//! An object that comes in pieces, and whose name is known when all of it is there.

use ov_format::name::ObjectName;

use crate::durable::Durable;
use crate::error::StoreError;
use crate::store::Store;

/// An object on its way. Dropped before it is finished, it leaves nothing, or what a sweep removes.
///
/// Whoever watches the target must not see what was written together: that would be the lengths of
/// chunks. So what lies there grows by blocks of one length, however it is written, until its end.
pub trait Arriving: Send {
    /// The next bytes of it.
    ///
    /// # Errors
    /// If the target does not take them; nothing can be finished then.
    fn write(&mut self, bytes: &[u8]) -> Result<(), StoreError>;

    /// All of it was written: it gets the name that the caller has made from its bytes. Durable
    /// when this returns, as with [`Store::put_new`].
    ///
    /// # Errors
    /// As those of [`Store::put_new`].
    fn finish(self: Box<Self>, name: &ObjectName) -> Result<Durable<ObjectName>, StoreError>;
}

/// Begins a pack: at the target if that takes packs in pieces, else in memory.
///
/// # Errors
/// If the target could take it and does not.
pub fn begin_pack(store: &dyn Store) -> Result<Box<dyn Arriving + '_>, StoreError> {
    Ok(match store.begin_pack()? {
        Some(arriving) => arriving,
        None => Box::new(Gathered {
            store,
            bytes: Vec::new(),
        }),
    })
}

/// For a target that takes objects whole.
struct Gathered<'a> {
    store: &'a dyn Store,
    bytes: Vec<u8>,
}

impl Arriving for Gathered<'_> {
    fn write(&mut self, bytes: &[u8]) -> Result<(), StoreError> {
        self.bytes.extend_from_slice(bytes);
        Ok(())
    }

    fn finish(self: Box<Self>, name: &ObjectName) -> Result<Durable<ObjectName>, StoreError> {
        self.store.put_new(name, &self.bytes)
    }
}
