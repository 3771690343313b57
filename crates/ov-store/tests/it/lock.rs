//! Object lock, on a real server.

use std::time::{Duration, SystemTime};

use ov_format::id::ObjectHash;
use ov_format::name::ObjectName;
use ov_store::testing::{Identity, Seaweed};
use ov_store::{
    Finding, Flaky, Grade, LOCK_DAYS_MAX, Lock, LockDays, Memory, Operation, OptionsError,
    Overwrite, Renewal, Retention, S3, Store, StoreError, probe, renew,
};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

fn pack(bytes: &[u8]) -> ObjectName {
    ObjectName::Pack(ObjectHash(*blake3::hash(bytes).as_bytes()))
}

fn days_locked(store: &S3, name: &ObjectName) -> u64 {
    let Retention::LockedUntil(date) = store.retention(name).unwrap() else {
        panic!("{:?}", store.retention(name));
    };
    let until: jiff::Timestamp = date.parse().unwrap();
    let left = SystemTime::from(until).duration_since(SystemTime::now());
    // Rounded: what was asked for a moment ago.
    (left.unwrap().as_secs() + DAY.as_secs() / 2) / DAY.as_secs()
}

#[test]
fn what_is_stored_with_a_lock_stays_whatever_its_writer_does() {
    let Some(server) = Seaweed::shared() else {
        return;
    };
    // Its own rule says one day.
    server.locked_bucket("locking");
    let mut options = server.options(Identity::Admin);
    options.lock = Some(LockDays::new(30).unwrap());
    let store = S3::open("locking", "v", &options).unwrap();
    let name = pack(b"a");
    store.put_new(&name, b"a").unwrap();
    assert_eq!(days_locked(&store, &name), 30);
    // Found there, it is locked too.
    let earlier = S3::open("locking", "v", &server.options(Identity::Admin)).unwrap();
    earlier.put_new(&pack(b"b"), b"b").unwrap();
    assert_eq!(days_locked(&store, &pack(b"b")), 1);
    store.put_new(&pack(b"b"), b"b").unwrap();
    assert_eq!(days_locked(&store, &pack(b"b")), 30);
    assert_eq!(store.try_unlock(&name).unwrap(), Overwrite::Refused);
    assert_eq!(days_locked(&store, &name), 30);
    // A deletion only hides it.
    assert_eq!(server.versions("locking"), 2);
    store.delete(&name).unwrap();
    assert_eq!(server.versions("locking"), 2);
}

#[test]
fn an_agent_cannot_destroy_what_the_buckets_own_rule_locks() {
    let Some(server) = Seaweed::shared() else {
        return;
    };
    server.locked_bucket("guarding");
    let agent = S3::open("guarding", "", &server.options(Identity::Agent)).unwrap();
    let admin = S3::open("guarding", "", &server.options(Identity::Admin)).unwrap();
    let name = pack(b"sealed");
    agent.put_new(&name, b"sealed").unwrap();
    assert_eq!(days_locked(&admin, &name), 1);
    let _ = agent.delete(&name);
    let _ = agent.try_overwrite(&name, b"junk");
    assert!(server.versions("guarding") >= 1);
    // Whoever may only write may not lock, and is told what to do instead.
    let mut options = server.options(Identity::Agent);
    options.lock = Some(LockDays::new(30).unwrap());
    let locking = S3::open("guarding", "", &options).unwrap();
    let put = locking.put_new(&pack(b"y"), b"y").map(drop);
    assert!(
        matches!(
            put,
            Err(StoreError::Options(OptionsError::MayNotLock { .. }))
        ),
        "{put:?}"
    );
}

#[test]
fn a_lock_is_renewed_and_never_shortened() {
    let Some(server) = Seaweed::shared() else {
        return;
    };
    server.locked_bucket("renewing");
    let store = S3::open("renewing", "", &server.options(Identity::Admin)).unwrap();
    let name = pack(b"kept");
    store.put_new(&name, b"kept").unwrap();
    assert_eq!(days_locked(&store, &name), 1);
    let in_days = |days: u32| SystemTime::now() + DAY * days;
    let until = in_days(60);
    assert_eq!(store.lock_until(&name, until).unwrap(), Lock::Until(until));
    assert_eq!(days_locked(&store, &name), 60);
    let Lock::Until(kept) = store.lock_until(&name, in_days(5)).unwrap() else {
        panic!("no lock");
    };
    assert!(kept >= until);
    assert_eq!(days_locked(&store, &name), 60);
}

#[test]
fn a_lock_is_renewed_when_a_third_of_it_is_over() {
    let Some(server) = Seaweed::shared() else {
        return;
    };
    server.locked_bucket("renewal");
    let store = S3::open("renewal", "", &server.options(Identity::Admin)).unwrap();
    let name = pack(b"needed");
    store.put_new(&name, b"needed").unwrap();
    let days = |days: u16| LockDays::new(days).unwrap();
    assert_eq!(renew(&store, &name, days(30)).unwrap(), Renewal::Renewed);
    assert_eq!(days_locked(&store, &name), 30);
    // Of 44 days 30 are more than two thirds, of 46 they are less.
    assert_eq!(renew(&store, &name, days(44)).unwrap(), Renewal::Lasting);
    assert_eq!(renew(&store, &name, days(46)).unwrap(), Renewal::Renewed);
    assert_eq!(days_locked(&store, &name), 46);
    let station = S3::open("renewal", "", &server.options(Identity::Station)).unwrap();
    let refused = renew(&station, &name, days(200));
    assert!(
        matches!(
            refused,
            Err(StoreError::Options(OptionsError::MayNotLock { .. }))
        ),
        "{refused:?}"
    );
    server.bucket("unlockable");
    let store = S3::open("unlockable", "", &server.options(Identity::Admin)).unwrap();
    store.put_new(&name, b"needed").unwrap();
    let refused = renew(&store, &name, days(30));
    assert!(
        matches!(
            refused,
            Err(StoreError::Options(OptionsError::NoLock { .. }))
        ),
        "{refused:?}"
    );
}

#[test]
fn nothing_is_locked_beyond_the_bound() {
    let Some(server) = Seaweed::shared() else {
        return;
    };
    server.locked_bucket("bounded");
    let store = S3::open("bounded", "", &server.options(Identity::Admin)).unwrap();
    let name = pack(b"junk");
    store.put_new(&name, b"junk").unwrap();
    let too_long = SystemTime::now() + DAY * (u32::from(LOCK_DAYS_MAX) + 1);
    let refused = store.lock_until(&name, too_long);
    assert!(
        matches!(
            refused,
            Err(StoreError::Options(OptionsError::LockDays { .. }))
        ),
        "{refused:?}"
    );
    assert_eq!(days_locked(&store, &name), 1);
}

#[test]
fn a_bucket_without_locks_is_named_when_a_lock_is_wanted() {
    let Some(server) = Seaweed::shared() else {
        return;
    };
    server.bucket("lockless");
    let mut options = server.options(Identity::Admin);
    let store = S3::open("lockless", "", &options).unwrap();
    let name = pack(b"x");
    store.put_new(&name, b"x").unwrap();
    let soon = SystemTime::now() + DAY;
    assert_eq!(store.lock_until(&name, soon).unwrap(), Lock::Unsupported);
    options.lock = Some(LockDays::new(7).unwrap());
    let locking = S3::open("lockless", "", &options).unwrap();
    let put = locking.put_new(&pack(b"y"), b"y").map(drop);
    assert!(
        matches!(put, Err(StoreError::Options(OptionsError::NoLock { .. }))),
        "{put:?}"
    );
}

#[test]
fn the_probe_believes_a_lock_only_when_it_cannot_be_broken() {
    let Some(server) = Seaweed::shared() else {
        return;
    };
    server.locked_bucket("tried");
    let store = S3::open("tried", "", &server.options(Identity::Admin)).unwrap();
    let found = probe(&store, [1; 16]).unwrap();
    assert_eq!(
        (found.grade, found.lock_holds),
        (Grade::Locked, Finding::Yes)
    );
    assert!(
        found.to_string().contains("the lock cannot be broken"),
        "{found}"
    );
    assert_eq!(found.may_lock, Finding::Yes);
    let station = S3::open("tried", "", &server.options(Identity::Station)).unwrap();
    let found = probe(&station, [9; 16]).unwrap();
    assert_eq!(
        (found.grade, found.may_lock),
        (Grade::Locked, Finding::No),
        "{found}"
    );
}

/// A server that shows locks and does not keep them.
struct Pretending(Memory);

impl Store for Pretending {
    fn put_new(
        &self,
        name: &ObjectName,
        bytes: &[u8],
    ) -> Result<ov_store::Durable<ObjectName>, StoreError> {
        self.0.put_new(name, bytes)
    }
    fn get(&self, name: &ObjectName) -> Result<Vec<u8>, StoreError> {
        self.0.get(name)
    }
    fn get_range(
        &self,
        name: &ObjectName,
        offset: u64,
        length: usize,
    ) -> Result<Vec<u8>, StoreError> {
        self.0.get_range(name, offset, length)
    }
    fn length(&self, name: &ObjectName) -> Result<Option<u64>, StoreError> {
        self.0.length(name)
    }
    fn list(
        &self,
        what: ov_store::Listing,
        visit: &mut dyn FnMut(ov_store::Listed) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        self.0.list(what, visit)
    }
    fn delete(&self, name: &ObjectName) -> Result<(), StoreError> {
        self.0.delete(name)
    }
    fn describe(&self) -> String {
        self.0.describe()
    }
    fn try_overwrite(&self, name: &ObjectName, bytes: &[u8]) -> Result<Overwrite, StoreError> {
        self.0.try_overwrite(name, bytes)
    }
    fn retention(&self, _name: &ObjectName) -> Result<Retention, StoreError> {
        Ok(Retention::LockedUntil("2030-01-01T00:00:00Z".into()))
    }
}

#[test]
fn a_lock_that_is_only_shown_makes_no_locked_target() {
    let found = probe(&Pretending(Memory::new()), [2; 16]).unwrap();
    assert_eq!(
        (found.grade, found.lock_holds),
        (Grade::Versioned, Finding::No)
    );
    assert!(found.to_string().contains("was broken in a try"), "{found}");
    let refusing = Flaky::new(Pretending(Memory::new()), |operation: &Operation| {
        matches!(operation, Operation::Unlock { .. }).then_some(ov_store::Fault::Denied)
    });
    assert_eq!(probe(&refusing, [3; 16]).unwrap().grade, Grade::Locked);
}
