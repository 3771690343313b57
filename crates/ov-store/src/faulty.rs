//! Targets that misbehave on purpose, for tests and simulation.
//!
//! [`Recording`] tells what was asked, [`Flaky`] fails by a script, [`Slow`] takes its time. They
//! wrap any target, and each other.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use ov_format::name::ObjectName;

use crate::durable::Durable;
use crate::error::StoreError;
use crate::lock::Lock;
use crate::operation::Operation;
use crate::store::{Listed, Listing, Overwrite, Retention, Store};

/// What happens around every call of a wrapped target.
///
/// The three decorators differ only in this, so the forwarding is written once.
trait Around: Send + Sync {
    /// Runs `call` or does not. `torn` does a part of it, where there are parts.
    fn around<T>(
        &self,
        operation: Operation,
        call: &mut dyn FnMut() -> Result<T, StoreError>,
        torn: &mut dyn FnMut() -> Result<T, StoreError>,
    ) -> Result<T, StoreError>;
}

/// Notes every call.
pub struct Recording<S> {
    inner: S,
    calls: Mutex<Vec<Operation>>,
}

impl<S: Store> Recording<S> {
    /// Wraps a target.
    pub fn new(inner: S) -> Self {
        Self {
            inner,
            calls: Mutex::default(),
        }
    }

    /// The target below.
    pub fn inner(&self) -> &S {
        &self.inner
    }

    /// The calls so far, in the order in which they began.
    pub fn calls(&self) -> Vec<Operation> {
        self.lock().clone()
    }

    /// The calls so far; forgets them.
    pub fn take(&self) -> Vec<Operation> {
        std::mem::take(&mut *self.lock())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Operation>> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<S: Store> Around for Recording<S> {
    fn around<T>(
        &self,
        operation: Operation,
        call: &mut dyn FnMut() -> Result<T, StoreError>,
        _torn: &mut dyn FnMut() -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        self.lock().push(operation);
        call()
    }
}

/// Waits before every call, and limits nothing else.
pub struct Slow<S> {
    inner: S,
    latency: Duration,
    in_flight: AtomicUsize,
    most_in_flight: AtomicUsize,
}

impl<S: Store> Slow<S> {
    /// Wraps a target.
    pub fn new(inner: S, latency: Duration) -> Self {
        Self {
            inner,
            latency,
            in_flight: AtomicUsize::new(0),
            most_in_flight: AtomicUsize::new(0),
        }
    }

    /// How many calls waited at the same time, at most; begins to count anew.
    pub fn take_most_in_flight(&self) -> usize {
        self.most_in_flight.swap(0, Ordering::Relaxed)
    }
}

impl<S: Store> Around for Slow<S> {
    fn around<T>(
        &self,
        _operation: Operation,
        call: &mut dyn FnMut() -> Result<T, StoreError>,
        _torn: &mut dyn FnMut() -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let now = self.in_flight.fetch_add(1, Ordering::Relaxed) + 1;
        self.most_in_flight.fetch_max(now, Ordering::Relaxed);
        std::thread::sleep(self.latency);
        let done = call();
        self.in_flight.fetch_sub(1, Ordering::Relaxed);
        done
    }
}

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Nothing is done; the target seems unreachable.
    Fail,
    /// It is done, but the answer is lost.
    FailAfter,
    /// A prefix is stored or returned: a put leaves half an object and fails, a get returns half
    /// of it as if that were all, a listing ends half-way with an error. Everything else fails.
    Torn,
    /// The target is full.
    Full,
    /// The target refuses.
    Denied,
    /// Nothing is done, and nothing works any more: the machine has crashed.
    Stop,
    /// It is done, and nothing works any more.
    StopAfter,
}

/// The cause of every error made here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("planned fault {0:?}")]
pub struct PlannedFault(pub Fault);

type Script = Box<dyn Fn(&Operation) -> Option<Fault> + Send + Sync>;

/// Fails by a script.
pub struct Flaky<S> {
    inner: S,
    script: Script,
    stopped: AtomicBool,
}

impl<S: Store> Flaky<S> {
    /// Wraps a target. The script is asked before every call, also from several threads.
    pub fn new(
        inner: S,
        script: impl Fn(&Operation) -> Option<Fault> + Send + Sync + 'static,
    ) -> Self {
        Self {
            inner,
            script: Box::new(script),
            stopped: AtomicBool::new(false),
        }
    }

    /// The target below, as somebody else sees it.
    pub fn inner(&self) -> &S {
        &self.inner
    }

    /// Whether [`Fault::Stop`] has happened.
    pub fn stopped(&self) -> bool {
        self.stopped.load(Ordering::SeqCst)
    }

    /// Starts the machine again.
    pub fn revive(&self) {
        self.stopped.store(false, Ordering::SeqCst);
    }

    fn failure(&self, operation: &Operation, fault: Fault) -> StoreError {
        let target = self.inner.describe();
        let source = PlannedFault(fault).into();
        match fault {
            Fault::Full => StoreError::Full { target, source },
            Fault::Denied => StoreError::Denied {
                target,
                action: operation.action(),
                source,
            },
            _ => StoreError::Unreachable { target, source },
        }
    }
}

impl<S: Store> Around for Flaky<S> {
    fn around<T>(
        &self,
        operation: Operation,
        call: &mut dyn FnMut() -> Result<T, StoreError>,
        torn: &mut dyn FnMut() -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        if self.stopped() {
            return Err(self.failure(&operation, Fault::Stop));
        }
        let Some(fault) = (self.script)(&operation) else {
            return call();
        };
        match fault {
            Fault::Fail | Fault::Full | Fault::Denied => {}
            Fault::FailAfter => drop(call()),
            Fault::Torn => {
                if let Ok(part) = torn() {
                    return Ok(part);
                }
            }
            Fault::Stop => self.stopped.store(true, Ordering::SeqCst),
            Fault::StopAfter => {
                drop(call());
                self.stopped.store(true, Ordering::SeqCst);
            }
        }
        Err(self.failure(&operation, fault))
    }
}

/// A script: `fault` at the `n`-th call, counted from 0, and nowhere else.
pub fn nth(n: u64, fault: Fault) -> impl Fn(&Operation) -> Option<Fault> + Send + Sync {
    nth_where(n, |_| true, fault)
}

/// A script: `fault` at the `n`-th call, counted from 0, of those that `takes` takes.
pub fn nth_where(
    n: u64,
    takes: impl Fn(&Operation) -> bool + Send + Sync,
    fault: Fault,
) -> impl Fn(&Operation) -> Option<Fault> + Send + Sync {
    let seen = AtomicU64::new(0);
    move |operation| {
        let hit = takes(operation) && seen.fetch_add(1, Ordering::SeqCst) == n;
        hit.then_some(fault)
    }
}

/// A script: `fault` at every `k`-th call.
pub fn every(k: u64, fault: Fault) -> impl Fn(&Operation) -> Option<Fault> + Send + Sync {
    let seen = AtomicU64::new(0);
    move |_| {
        let count = seen.fetch_add(1, Ordering::SeqCst) + 1;
        count.is_multiple_of(k.max(1)).then_some(fault)
    }
}

/// The failure of a part that does not exist; [`Around`] replaces it.
fn no_part<T>() -> Result<T, StoreError> {
    Err(StoreError::Stopped)
}

/// The objects that a listing shows before it breaks off: every second one.
fn list_half<S: Store>(
    inner: &S,
    what: Listing,
    visit: &mut dyn FnMut(Listed) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    let mut shown = false;
    inner.list(what, &mut |listed| {
        shown = !shown;
        if shown { visit(listed) } else { Ok(()) }
    })?;
    no_part()
}

macro_rules! store_by_around {
    ($($decorator:ident),*) => {$(
        impl<S: Store> Store for $decorator<S> {
            fn put_new(
                &self,
                name: &ObjectName,
                bytes: &[u8],
            ) -> Result<Durable<ObjectName>, StoreError> {
                let operation = Operation::PutNew { name: *name, length: bytes.len() };
                self.around(operation, &mut || self.inner.put_new(name, bytes), &mut || {
                    let _ = self.inner.put_new(name, &bytes[..bytes.len() / 2]);
                    no_part()
                })
            }

            fn get(&self, name: &ObjectName) -> Result<Vec<u8>, StoreError> {
                let operation = Operation::Get { name: *name };
                self.around(operation, &mut || self.inner.get(name), &mut || {
                    let mut bytes = self.inner.get(name)?;
                    bytes.truncate(bytes.len() / 2);
                    Ok(bytes)
                })
            }

            fn get_range(
                &self,
                name: &ObjectName,
                offset: u64,
                length: usize,
            ) -> Result<Vec<u8>, StoreError> {
                let operation = Operation::GetRange { name: *name, offset, length };
                let mut call = || self.inner.get_range(name, offset, length);
                self.around(operation, &mut call, &mut no_part)
            }

            fn length(&self, name: &ObjectName) -> Result<Option<u64>, StoreError> {
                let operation = Operation::Length { name: *name };
                self.around(operation, &mut || self.inner.length(name), &mut no_part)
            }

            fn list(
                &self,
                what: Listing,
                visit: &mut dyn FnMut(Listed) -> Result<(), StoreError>,
            ) -> Result<(), StoreError> {
                let visit = std::cell::RefCell::new(visit);
                let operation = Operation::List { what };
                self.around(
                    operation,
                    &mut || self.inner.list(what, &mut **visit.borrow_mut()),
                    &mut || list_half(&self.inner, what, &mut **visit.borrow_mut()),
                )
            }

            fn delete(&self, name: &ObjectName) -> Result<(), StoreError> {
                let operation = Operation::Delete { name: *name };
                self.around(operation, &mut || self.inner.delete(name), &mut no_part)
            }

            fn describe(&self) -> String {
                self.inner.describe()
            }

            fn try_overwrite(
                &self,
                name: &ObjectName,
                bytes: &[u8],
            ) -> Result<Overwrite, StoreError> {
                let operation = Operation::Overwrite { name: *name };
                let mut call = || self.inner.try_overwrite(name, bytes);
                self.around(operation, &mut call, &mut no_part)
            }

            fn retention(&self, name: &ObjectName) -> Result<Retention, StoreError> {
                let operation = Operation::Retention { name: *name };
                self.around(operation, &mut || self.inner.retention(name), &mut no_part)
            }

            fn lock_until(
                &self,
                name: &ObjectName,
                until: SystemTime,
            ) -> Result<Lock, StoreError> {
                let operation = Operation::Lock { name: *name };
                let mut call = || self.inner.lock_until(name, until);
                self.around(operation, &mut call, &mut no_part)
            }

            fn try_unlock(&self, name: &ObjectName) -> Result<Overwrite, StoreError> {
                let operation = Operation::Unlock { name: *name };
                self.around(operation, &mut || self.inner.try_unlock(name), &mut no_part)
            }

            fn sweep(&self, age: Duration) -> Result<u64, StoreError> {
                self.around(Operation::Sweep, &mut || self.inner.sweep(age), &mut no_part)
            }
        }
    )*};
}

store_by_around!(Recording, Slow, Flaky);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::Memory;
    use ov_format::id::ObjectHash;

    const BYTES: &[u8] = b"sealed bytes";

    fn name() -> ObjectName {
        ObjectName::Pack(ObjectHash(*blake3::hash(BYTES).as_bytes()))
    }

    fn put(fault: Fault) -> (Flaky<Memory>, Result<Durable<ObjectName>, StoreError>) {
        let store = Flaky::new(Memory::new(), nth(0, fault));
        let result = store.put_new(&name(), BYTES);
        (store, result)
    }

    #[test]
    fn a_lost_answer_leaves_the_object_and_a_failure_leaves_nothing() {
        let (store, result) = put(Fault::FailAfter);
        assert!(result.unwrap_err().is_retryable());
        assert_eq!(store.get(&name()).unwrap(), BYTES);
        let (store, result) = put(Fault::Fail);
        assert!(result.is_err() && store.length(&name()).unwrap().is_none());
    }

    #[test]
    fn a_torn_put_leaves_half_and_a_torn_get_returns_half() {
        let (store, result) = put(Fault::Torn);
        assert!(result.is_err());
        assert_eq!(store.length(&name()).unwrap(), Some(6));
        let whole = Memory::new();
        whole.put_new(&name(), BYTES).unwrap();
        let store = Flaky::new(whole, nth(0, Fault::Torn));
        assert_eq!(store.get(&name()).unwrap(), b"sealed");
        assert_eq!(store.get(&name()).unwrap(), BYTES);
    }

    #[test]
    fn after_a_crash_nothing_works_until_the_restart() {
        let (store, result) = put(Fault::StopAfter);
        assert!(result.is_err() && store.stopped());
        assert!(store.get(&name()).is_err() && store.delete(&name()).is_err());
        store.revive();
        assert_eq!(store.get(&name()).unwrap(), BYTES);
    }

    #[test]
    fn scripts_count_only_what_they_are_about() {
        let deletes = |o: &Operation| matches!(o, Operation::Delete { .. });
        let store = Flaky::new(Memory::new(), nth_where(1, deletes, Fault::Denied));
        store.delete(&name()).unwrap();
        store.put_new(&name(), BYTES).unwrap();
        assert!(matches!(
            store.delete(&name()),
            Err(StoreError::Denied { .. })
        ));
        store.delete(&name()).unwrap();
        let store = Flaky::new(Memory::new(), every(3, Fault::Fail));
        let results: Vec<bool> = (0..6).map(|_| store.length(&name()).is_ok()).collect();
        assert_eq!(results, [true, true, false, true, true, false]);
    }

    #[test]
    fn a_torn_listing_shows_a_part_and_says_so() {
        let memory = Memory::new();
        for byte in 0..4 {
            memory.plant(ObjectName::Pack(ObjectHash([byte; 32])), vec![byte]);
        }
        let store = Flaky::new(memory, nth(0, Fault::Torn));
        let mut seen = 0;
        let listed = store.list(Listing::Packs, &mut |_| {
            seen += 1;
            Ok(())
        });
        assert!(listed.is_err());
        assert_eq!(seen, 2);
    }

    #[test]
    fn recordings_tell_what_was_asked_in_order() {
        let store = Recording::new(Slow::new(Memory::new(), Duration::ZERO));
        store.put_new(&name(), BYTES).unwrap();
        store.get_range(&name(), 1, 2).unwrap();
        let (offset, length) = (1, 2);
        let asked = [
            Operation::PutNew {
                name: name(),
                length: BYTES.len(),
            },
            Operation::GetRange {
                name: name(),
                offset,
                length,
            },
        ];
        assert_eq!(store.take(), asked);
        assert!(store.calls().is_empty());
    }
}
