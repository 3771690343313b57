//! Learning by trying what a target allows and keeps.

use std::fmt;
use std::time::{Duration, SystemTime};

use jiff::Timestamp;
use ov_format::id::ObjectHash;
use ov_format::name::ObjectName;

use crate::durable::Put;
use crate::error::StoreError;
use crate::lock::Lock;
use crate::store::{Listing, Overwrite, Retention, Store};

/// How far a target protects what it holds from whoever has our credentials.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Grade {
    /// Any writer can destroy.
    Plain,
    /// Writers can neither overwrite nor delete.
    CreateOnly,
    /// Earlier versions are kept.
    Versioned,
    /// Earlier versions are kept, and nobody can delete them before a date.
    Locked,
}

impl fmt::Display for Grade {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Plain => "plain",
            Self::CreateOnly => "create-only",
            Self::Versioned => "versioned",
            Self::Locked => "locked",
        })
    }
}

/// An answer to one question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finding {
    /// Yes.
    Yes,
    /// No.
    No,
    /// These credentials may not even ask.
    MayNotAsk,
}

/// What was learnt about a target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Probe {
    /// The summary.
    pub grade: Grade,
    /// An object can be read back.
    pub read: Finding,
    /// Ranges of an object are exact.
    pub ranges: Finding,
    /// A listing shows an object as soon as it is stored.
    pub list_after_write: Finding,
    /// Storing only what is not there is done by the target itself, without a race.
    pub create_only_put: Finding,
    /// A writer that means harm can overwrite.
    pub overwrite: Finding,
    /// A writer that means harm can delete.
    pub delete: Finding,
    /// What the target says it keeps.
    pub retention: Retention,
    /// The lock of a new object cannot be broken; [`Finding::No`] where there is none.
    pub lock_holds: Finding,
    /// Locks can be set and renewed with these credentials, as a keeper must.
    pub may_lock: Finding,
}

impl Probe {
    /// Whether a listing may be relied on, as the fast mode of pruning needs.
    pub fn lists_at_once(&self) -> bool {
        self.list_after_write == Finding::Yes
    }
}

impl fmt::Display for Probe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let grade = match self.grade {
            Grade::Plain => "plain: whoever has these credentials can destroy what is stored.",
            Grade::CreateOnly => "create-only: these credentials can neither overwrite nor delete.",
            Grade::Versioned => "versioned: earlier versions are kept; guard who may delete them.",
            Grade::Locked => "locked: nobody can delete what is stored before its date.",
        };
        writeln!(f, "The target is {grade}")?;
        for (finding, question) in [
            (self.read, "Objects can be read back"),
            (self.ranges, "Parts of objects can be read"),
            (self.list_after_write, "Listings show a new object at once"),
            (
                self.create_only_put,
                "The target itself refuses to store over an object",
            ),
            (self.overwrite, "These credentials can overwrite"),
            (self.delete, "These credentials can delete"),
        ] {
            let answer = match finding {
                Finding::Yes => "yes",
                Finding::No => "no",
                Finding::MayNotAsk => "unknown (these credentials may not try)",
            };
            writeln!(f, "{question}: {answer}.")?;
        }
        match &self.retention {
            Retention::LockedUntil(date) if self.lock_holds == Finding::Yes => {
                writeln!(
                    f,
                    "A new object is locked until {date}; the lock cannot be broken."
                )
            }
            Retention::LockedUntil(date) => writeln!(
                f,
                "A new object is said to be locked until {date}, but the lock was broken in a try."
            ),
            Retention::Versions => writeln!(f, "Versions are kept."),
            Retention::Nothing => Ok(()),
        }?;
        match (&self.retention, self.may_lock) {
            (_, Finding::Yes) => writeln!(f, "These credentials can lock, and renew locks."),
            (Retention::LockedUntil(_), _) => writeln!(
                f,
                "These credentials cannot renew locks, which is right for agents: a keeper's must."
            ),
            _ => Ok(()),
        }
    }
}

/// Stores a few small objects under `probe/`, tries what an attacker would, and removes them again
/// where it may. `nonce` makes them new: take random bytes.
///
/// # Errors
/// If the target fails in a way that is no answer; or [`StoreError::Damaged`] if it returns other
/// bytes than were stored.
pub fn probe(store: &dyn Store, nonce: [u8; 16]) -> Result<Probe, StoreError> {
    let (name, bytes) = object(nonce, "first");
    store.put_new(&name, &bytes)?;
    let read = read(store, &name, &bytes)?;
    let ranges = ranges(store, &name, &bytes)?;
    let list_after_write = listed(store, &name)?;
    let create_only_put = create_only(store, nonce)?;
    let retention = answered(store.retention(&name))?.unwrap_or(Retention::Nothing);
    let lock_holds = lock_holds(store, &name, &retention)?;
    let may_lock = may_lock(store, &name, &retention)?;
    let overwrite = overwritten(store, &name, &bytes)?;
    let delete = deleted(store, &name)?;
    let grade = match (&retention, overwrite, delete) {
        (Retention::LockedUntil(_), _, _) if lock_holds == Finding::Yes => Grade::Locked,
        (Retention::LockedUntil(_) | Retention::Versions, _, _) => Grade::Versioned,
        (Retention::Nothing, Finding::No, Finding::No) => Grade::CreateOnly,
        (Retention::Nothing, _, _) => Grade::Plain,
    };
    Ok(Probe {
        grade,
        read,
        ranges,
        list_after_write,
        create_only_put,
        overwrite,
        delete,
        retention,
        lock_holds,
        may_lock,
    })
}

fn object(nonce: [u8; 16], salt: &str) -> (ObjectName, Vec<u8>) {
    let mut bytes = b"OncoVault probe: anybody may delete this. ".to_vec();
    bytes.extend_from_slice(&nonce);
    bytes.extend_from_slice(salt.as_bytes());
    let hash = ObjectHash(*blake3::hash(&bytes).as_bytes());
    (ObjectName::Probe(hash), bytes)
}

/// `None` if the target refuses the question.
fn answered<T>(result: Result<T, StoreError>) -> Result<Option<T>, StoreError> {
    match result {
        Ok(answer) => Ok(Some(answer)),
        Err(StoreError::Denied { .. }) => Ok(None),
        Err(e) => Err(e),
    }
}

fn read(store: &dyn Store, name: &ObjectName, bytes: &[u8]) -> Result<Finding, StoreError> {
    match answered(store.get(name))? {
        None => Ok(Finding::MayNotAsk),
        Some(there) if there == bytes => Ok(Finding::Yes),
        Some(_) => Err(StoreError::Damaged { name: *name }),
    }
}

fn ranges(store: &dyn Store, name: &ObjectName, bytes: &[u8]) -> Result<Finding, StoreError> {
    match answered(store.get_range(name, 3, 7)) {
        Ok(None) => Ok(Finding::MayNotAsk),
        Ok(Some(part)) if part == bytes[3..10] => Ok(Finding::Yes),
        // Servers that ignore ranges send everything.
        Ok(Some(_)) | Err(StoreError::Short { .. } | StoreError::Io { .. }) => Ok(Finding::No),
        Err(e) => Err(e),
    }
}

fn listed(store: &dyn Store, name: &ObjectName) -> Result<Finding, StoreError> {
    let mut seen = Finding::No;
    let listed = store.list(Listing::Probes, &mut |listed| {
        if listed.name == *name {
            seen = Finding::Yes;
            return Err(StoreError::Stopped);
        }
        Ok(())
    });
    match listed {
        Err(StoreError::Denied { .. }) => Ok(Finding::MayNotAsk),
        Ok(()) | Err(StoreError::Stopped) => Ok(seen),
        Err(e) => Err(e),
    }
}

/// Stores two objects of one length under one name, as honest writers never do.
fn create_only(store: &dyn Store, nonce: [u8; 16]) -> Result<Finding, StoreError> {
    let (name, bytes) = object(nonce, "twice");
    let mut other = bytes.clone();
    other[0] ^= 1;
    store.put_new(&name, &bytes)?;
    let found = match store.put_new(&name, &other) {
        Ok(durable) if durable.put() == Put::Created => Finding::No,
        Ok(_) | Err(StoreError::Damaged { .. } | StoreError::Denied { .. }) => Finding::Yes,
        Err(e) => return Err(e),
    };
    answered(store.delete(&name))?;
    Ok(found)
}

/// Some servers show a lock and let it be shortened all the same.
fn lock_holds(
    store: &dyn Store,
    name: &ObjectName,
    retention: &Retention,
) -> Result<Finding, StoreError> {
    if !matches!(retention, Retention::LockedUntil(_)) {
        return Ok(Finding::No);
    }
    Ok(match answered(store.try_unlock(name))? {
        Some(Overwrite::Done) => Finding::No,
        Some(Overwrite::Refused) | None => Finding::Yes,
    })
}

/// Locks the object for a minute, or a minute longer.
fn may_lock(
    store: &dyn Store,
    name: &ObjectName,
    retention: &Retention,
) -> Result<Finding, StoreError> {
    let end = match retention {
        Retention::LockedUntil(date) => date.parse::<Timestamp>().ok().map(SystemTime::from),
        // Without versions there are no locks, and nothing to ask for.
        Retention::Nothing => return Ok(Finding::No),
        Retention::Versions => None,
    };
    let now = SystemTime::now();
    let later = end.map_or(now, |end| end.max(now)) + Duration::from_secs(60);
    match store.lock_until(name, later) {
        Ok(Lock::Until(_)) => Ok(Finding::Yes),
        // Locked as long as anybody may lock: that is as good an answer as any.
        Ok(Lock::Unsupported) | Err(StoreError::Denied { .. } | StoreError::Options(_)) => {
            Ok(Finding::No)
        }
        Err(e) => Err(e),
    }
}

fn overwritten(store: &dyn Store, name: &ObjectName, bytes: &[u8]) -> Result<Finding, StoreError> {
    let other: Vec<u8> = bytes.iter().map(|byte| byte ^ 1).collect();
    match answered(store.try_overwrite(name, &other))? {
        Some(Overwrite::Done) => {}
        Some(Overwrite::Refused) | None => return Ok(Finding::No),
    }
    // Some targets say yes and keep the first bytes all the same.
    match answered(store.get(name))? {
        Some(there) if there == bytes => Ok(Finding::No),
        _ => Ok(Finding::Yes),
    }
}

fn deleted(store: &dyn Store, name: &ObjectName) -> Result<Finding, StoreError> {
    match answered(store.delete(name))? {
        None => Ok(Finding::No),
        Some(()) => match answered(store.length(name))? {
            Some(Some(_)) => Ok(Finding::No),
            _ => Ok(Finding::Yes),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::faulty::{Fault, Flaky};
    use crate::memory::Memory;
    use crate::operation::Operation;

    #[test]
    fn memory_is_a_plain_target_and_is_left_clean() {
        let store = Memory::new();
        let found = probe(&store, [1; 16]).unwrap();
        assert_eq!(found.grade, Grade::Plain);
        assert!(found.lists_at_once());
        assert_eq!(found.create_only_put, Finding::Yes);
        assert!(store.snapshot().is_empty());
        assert!(found.to_string().starts_with("The target is plain:"));
    }

    #[test]
    fn a_target_that_refuses_overwriting_and_deleting_is_create_only() {
        let store = Flaky::new(Memory::new(), |operation: &Operation| match operation {
            Operation::Delete { .. } | Operation::Overwrite { .. } => Some(Fault::Denied),
            _ => None,
        });
        let found = probe(&store, [2; 16]).unwrap();
        assert_eq!(found.grade, Grade::CreateOnly);
        assert_eq!((found.overwrite, found.delete), (Finding::No, Finding::No));
    }

    #[test]
    fn who_may_only_write_gets_a_grade_all_the_same() {
        let store = Flaky::new(Memory::new(), |operation: &Operation| {
            let allowed = matches!(
                operation,
                Operation::PutNew { .. } | Operation::Overwrite { .. } | Operation::Delete { .. }
            );
            (!allowed).then_some(Fault::Denied)
        });
        let found = probe(&store, [3; 16]).unwrap();
        assert_eq!(found.grade, Grade::Plain);
        assert_eq!(found.read, Finding::MayNotAsk);
        assert!(!found.lists_at_once());
    }

    #[test]
    fn a_target_that_returns_other_bytes_fails_the_probe() {
        let store = Flaky::new(Memory::new(), |operation: &Operation| {
            matches!(operation, Operation::Get { .. }).then_some(Fault::Torn)
        });
        assert!(matches!(
            probe(&store, [4; 16]),
            Err(StoreError::Damaged { .. })
        ));
    }
}
