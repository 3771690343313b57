//! The contract of targets as something that runs: each [`Clause`] tries one promise.
//!
//! With [`Reach::Probes`] it touches nothing but its own objects under `probe/` and may run on a
//! target in use. With [`Reach::Everything`] it also writes records and needs a target of its own.
//!
//! Over a [`Link::Rough`] link calls may fail; what they say when they do not fail must be true all
//! the same.

use std::collections::BTreeMap;

use ov_format::id::{MemberId, ObjectHash, TargetId};
use ov_format::name::{LogId, ObjectName, RECORDS_PER_FOLDER, RecordName};

use crate::durable::{Put, confirm};
use crate::error::StoreError;
use crate::memory::width;
use crate::store::{Listing, Store};

/// Ok, or the reason why a promise is broken.
macro_rules! ensure {
    ($kept:expr, $broken:literal $(,)?) => {
        if $kept {
            Ok(())
        } else {
            Err(Broken::Differs($broken))
        }
    };
}

/// What the suite may write.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reach {
    /// Only objects under `probe/`.
    Probes,
    /// Objects of every kind.
    Everything,
}

/// What lies between us and the target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Link {
    /// What is asked arrives, and so does the answer.
    Sound,
    /// Either may be lost. Who stored an object and did not hear so is told that it was there.
    Rough,
}

/// One promise of the contract.
pub struct Clause {
    /// The promise, as a sentence.
    pub promise: &'static str,
    reach: Reach,
    check: fn(&Bench<'_>) -> Result<(), Broken>,
}

/// How a promise was broken.
#[derive(Debug, thiserror::Error)]
pub enum Broken {
    /// A call failed that should not.
    #[error("a call failed that should not")]
    Failed(#[from] StoreError),
    /// Something else happened than was promised.
    #[error("{0}")]
    Differs(&'static str),
}

/// What became of a promise.
#[derive(Debug)]
pub struct Outcome {
    /// The promise.
    pub promise: &'static str,
    /// Whether it was kept.
    pub result: Result<(), Broken>,
}

/// The whole contract.
pub const CLAUSES: &[Clause] = &[
    clause(
        "what was stored is read back byte for byte",
        Reach::Probes,
        read_back,
    ),
    clause(
        "what is not there is said to be not there",
        Reach::Probes,
        absence,
    ),
    clause(
        "storing it again finds it there and changes nothing",
        Reach::Probes,
        put_again,
    ),
    clause(
        "what lies under a name is never replaced",
        Reach::Probes,
        never_replaced,
    ),
    clause("a range is exact or an error", Reach::Probes, ranges),
    clause(
        "a listing shows what was stored, with its length",
        Reach::Probes,
        listing,
    ),
    clause(
        "a listing can be ended, and its visitor may use the target",
        Reach::Probes,
        visitors,
    ),
    clause(
        "a deleted object is gone, and deleting it again is no error",
        Reach::Probes,
        deletion,
    ),
    clause(
        "presence with the right length is proof, with another it is damage",
        Reach::Probes,
        proof,
    ),
    clause(
        "many writers of one object all succeed, and store it once",
        Reach::Probes,
        writers,
    ),
    clause("each kind is listed by itself", Reach::Everything, kinds),
    clause(
        "a log is listed from any number on, across its folders",
        Reach::Everything,
        logs,
    ),
];

const fn clause(
    promise: &'static str,
    reach: Reach,
    check: fn(&Bench<'_>) -> Result<(), Broken>,
) -> Clause {
    Clause {
        promise,
        reach,
        check,
    }
}

/// Tries every promise within `reach`. `nonce` makes the objects new: take random bytes.
pub fn run(store: &dyn Store, reach: Reach, nonce: [u8; 16]) -> Vec<Outcome> {
    run_over(store, reach, nonce, Link::Sound)
}

/// As [`run`], over a link that may be rough.
pub fn run_over(store: &dyn Store, reach: Reach, nonce: [u8; 16], link: Link) -> Vec<Outcome> {
    let within = CLAUSES
        .iter()
        .zip(0u8..)
        .filter(|(clause, _)| clause.reach <= reach);
    within
        .map(|(clause, number)| Outcome {
            promise: clause.promise,
            result: (clause.check)(&Bench {
                store,
                nonce,
                number,
                link,
            }),
        })
        .collect()
}

impl Outcome {
    /// Whether the target said what is not so, which no fault excuses.
    pub fn is_lie(&self) -> bool {
        matches!(self.result, Err(Broken::Differs(_)))
    }
}

/// The promises that were broken, with the reasons.
pub fn broken(outcomes: Vec<Outcome>) -> BTreeMap<&'static str, Broken> {
    let broken = outcomes
        .into_iter()
        .filter_map(|outcome| Some((outcome.promise, outcome.result.err()?)));
    broken.collect()
}

struct Bench<'a> {
    store: &'a dyn Store,
    nonce: [u8; 16],
    number: u8,
    link: Link,
}

impl Bench<'_> {
    /// Whether a put may be said to have created the object, for all we can know.
    fn is_new(&self, put: Put) -> bool {
        put == Put::Created || self.link == Link::Rough
    }

    fn bytes(&self, salt: u8, length: usize) -> Vec<u8> {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&self.nonce).update(&[self.number, salt]);
        let mut bytes = vec![0; length];
        hasher.finalize_xof().fill(&mut bytes);
        bytes
    }

    /// A probe of its own with `length` bytes.
    fn probe(&self, salt: u8, length: usize) -> (ObjectName, Vec<u8>) {
        let bytes = self.bytes(salt, length);
        (ObjectName::Probe(hash(&bytes)), bytes)
    }

    fn stored(&self, salt: u8, length: usize) -> Result<(ObjectName, Vec<u8>), Broken> {
        let (name, bytes) = self.probe(salt, length);
        self.store.put_new(&name, &bytes)?;
        Ok((name, bytes))
    }

    /// Removes an object; a target that refuses keeps the promise too.
    fn remove(&self, name: &ObjectName) -> Result<Removed, Broken> {
        match self.store.delete(name) {
            Ok(()) => Ok(Removed::Yes),
            Err(StoreError::Denied { .. }) => Ok(Removed::Refused),
            Err(e) => Err(e.into()),
        }
    }

    fn listed(&self, what: Listing) -> Result<BTreeMap<ObjectName, u64>, Broken> {
        let mut seen = BTreeMap::new();
        self.store.list(what, &mut |listed| {
            seen.insert(listed.name, listed.length);
            Ok(())
        })?;
        Ok(seen)
    }
}

#[derive(PartialEq, Eq)]
enum Removed {
    Yes,
    Refused,
}

fn hash(bytes: &[u8]) -> ObjectHash {
    ObjectHash(*blake3::hash(bytes).as_bytes())
}

fn read_back(bench: &Bench<'_>) -> Result<(), Broken> {
    let mut used = b"what lay there before, longer than the first object".to_vec();
    for (salt, length) in [(0, 1), (1, 4096), (2, (1 << 20) + 3)] {
        let (name, bytes) = bench.stored(salt, length)?;
        ensure!(
            bench.store.get(&name)? == bytes,
            "other bytes were read than stored",
        )?;
        bench.store.get_into(&name, &mut used)?;
        ensure!(
            used == bytes,
            "other bytes were read into a used buffer than stored",
        )?;
        used.clear();
        bench
            .store
            .show(&name, &mut |piece| used.extend_from_slice(piece))?;
        ensure!(used == bytes, "other bytes were shown than stored")?;
        let length = bench.store.length(&name)?;
        ensure!(
            length == Some(width(&bytes)),
            "another length was told than stored",
        )?;
        bench.remove(&name)?;
    }
    Ok(())
}

fn absence(bench: &Bench<'_>) -> Result<(), Broken> {
    let (name, _) = bench.probe(0, 10);
    ensure!(
        bench.store.length(&name)?.is_none(),
        "an absent object has a length",
    )?;
    let get = bench.store.get(&name);
    ensure!(
        is_absent(get)?,
        "reading an absent object did not say NotFound",
    )?;
    let range = bench.store.get_range(&name, 0, 4);
    ensure!(
        is_absent(range)?,
        "reading a range of an absent object did not say NotFound",
    )?;
    let proof = confirm(bench.store, &name, 10);
    ensure!(is_absent(proof)?, "an absent object was confirmed")
}

fn is_absent<T>(result: Result<T, StoreError>) -> Result<bool, Broken> {
    refused(result, |error| matches!(error, StoreError::NotFound { .. }))
}

fn is_damaged<T>(result: Result<T, StoreError>) -> Result<bool, Broken> {
    refused(result, |error| matches!(error, StoreError::Damaged { .. }))
}

/// Whether it was refused in this way; another failure is one.
fn refused<T>(
    result: Result<T, StoreError>,
    so: impl Fn(&StoreError) -> bool,
) -> Result<bool, Broken> {
    match result {
        Ok(_) => Ok(false),
        Err(error) if so(&error) => Ok(true),
        Err(error) => Err(error.into()),
    }
}

fn put_again(bench: &Bench<'_>) -> Result<(), Broken> {
    let (name, bytes) = bench.probe(0, 100_000);
    let first = bench.store.put_new(&name, &bytes)?;
    ensure!(
        bench.is_new(first.put()),
        "a new object was said to be there already",
    )?;
    let second = bench.store.put_new(&name, &bytes)?;
    ensure!(
        second.put() == Put::AlreadyThere,
        "an object was created twice",
    )?;
    ensure!(
        bench.store.get(&name)? == bytes,
        "the second put changed the object",
    )?;
    bench.remove(&name).map(drop)
}

fn never_replaced(bench: &Bench<'_>) -> Result<(), Broken> {
    let (name, bytes) = bench.stored(0, 1000)?;
    for other in [bench.bytes(1, 1001), bench.bytes(1, 999), Vec::new()] {
        let put = bench.store.put_new(&name, &other);
        ensure!(
            is_damaged(put)?,
            "an object of another length under the name was not called damaged",
        )?;
        ensure!(bench.store.get(&name)? == bytes, "the object was replaced")?;
    }
    bench.remove(&name).map(drop)
}

fn ranges(bench: &Bench<'_>) -> Result<(), Broken> {
    let (name, bytes) = bench.stored(0, 5000)?;
    for (offset, length) in [
        (0, 5000),
        (0, 1),
        (17, 4000),
        (4999, 1),
        (100, 0),
        (5000, 0),
    ] {
        let there = bench
            .store
            .get_range(&name, width(&bytes[..offset]), length)?;
        let wanted = &bytes[offset..offset + length];
        ensure!(there == wanted, "a range has other bytes than the object")?;
    }
    for (offset, length) in [(0, 5001), (4999, 2), (5000, 1), (1 << 40, 8), (u64::MAX, 8)] {
        let read = bench.store.get_range(&name, offset, length);
        let short = refused(read, |error| matches!(error, StoreError::Short { .. }))?;
        ensure!(short, "a range beyond the end was not called short")?;
    }
    bench.remove(&name).map(drop)
}

fn listing(bench: &Bench<'_>) -> Result<(), Broken> {
    let stored = [
        bench.stored(0, 1)?,
        bench.stored(1, 77)?,
        bench.stored(2, 1000)?,
    ];
    let seen = bench.listed(Listing::Probes)?;
    for (name, bytes) in &stored {
        let length = seen.get(name);
        ensure!(length.is_some(), "a stored object is not listed")?;
        ensure!(
            length == Some(&width(bytes)),
            "an object is listed with another length",
        )?;
        bench.remove(name)?;
    }
    Ok(())
}

fn visitors(bench: &Bench<'_>) -> Result<(), Broken> {
    let stored = [bench.stored(0, 10)?, bench.stored(1, 10)?];
    let mut visits = 0;
    let ended = bench.store.list(Listing::Probes, &mut |listed| {
        visits += 1;
        bench.store.length(&listed.name)?;
        Err(StoreError::Stopped)
    });
    let stopped = refused(ended, |error| matches!(error, StoreError::Stopped))?;
    ensure!(
        stopped && visits == 1,
        "a listing went on after its visitor had ended it",
    )?;
    stored
        .iter()
        .try_for_each(|(name, _)| bench.remove(name).map(drop))
}

fn deletion(bench: &Bench<'_>) -> Result<(), Broken> {
    let (name, bytes) = bench.stored(0, 10)?;
    if bench.remove(&name)? == Removed::Refused {
        return ensure!(
            bench.store.get(&name)? == bytes,
            "a refused deletion deleted",
        );
    }
    ensure!(
        bench.store.length(&name)?.is_none(),
        "a deleted object is still there",
    )?;
    let seen = bench.listed(Listing::Probes)?;
    ensure!(
        !seen.contains_key(&name),
        "a deleted object is still listed",
    )?;
    bench.store.delete(&name)?;
    let again = bench.store.put_new(&name, &bytes)?;
    ensure!(
        bench.is_new(again.put()),
        "a deleted object could not be stored again",
    )?;
    ensure!(
        bench.store.get(&name)? == bytes,
        "it was stored again with other bytes",
    )?;
    bench.remove(&name).map(drop)
}

fn proof(bench: &Bench<'_>) -> Result<(), Broken> {
    let (name, bytes) = bench.stored(0, 10)?;
    let proof = confirm(bench.store, &name, width(&bytes))?;
    ensure!(*proof == name, "the proof is about another object")?;
    let wrong = confirm(bench.store, &name, 11);
    ensure!(
        is_damaged(wrong)?,
        "an object of another length was confirmed",
    )?;
    bench.remove(&name).map(drop)
}

fn writers(bench: &Bench<'_>) -> Result<(), Broken> {
    let (name, bytes) = bench.probe(0, 200_000);
    let puts: Vec<_> = std::thread::scope(|scope| {
        let writers: Vec<_> = (0..4)
            .map(|_| scope.spawn(|| bench.store.put_new(&name, &bytes)))
            .collect();
        writers
            .into_iter()
            .map(std::thread::ScopedJoinHandle::join)
            .collect()
    });
    let mut created = 0;
    for put in puts {
        let durable = put.map_err(|_| Broken::Differs("a writer panicked"))??;
        created += u32::from(durable.put() == Put::Created);
    }
    ensure!(
        created == 1 || bench.link == Link::Rough,
        "not exactly one of the writers created the object",
    )?;
    ensure!(
        bench.store.get(&name)? == bytes,
        "the object has other bytes than all writers wrote",
    )?;
    bench.remove(&name).map(drop)
}

fn kinds(bench: &Bench<'_>) -> Result<(), Broken> {
    let bytes = bench.bytes(0, 50);
    let hash = hash(&bytes);
    let record = ObjectName::Record(RecordName {
        log: log(bench, 0),
        number: 0,
        hash,
    });
    let all = [
        (ObjectName::Pack(hash), Listing::Packs),
        (ObjectName::Table(hash), Listing::Tables),
        (ObjectName::Target(hash), Listing::Targets),
        (ObjectName::Probe(hash), Listing::Probes),
        (record, Listing::Logs),
    ];
    for (name, _) in &all {
        bench.store.put_new(name, &bytes)?;
    }
    for (name, what) in &all {
        let seen = bench.listed(*what)?;
        ensure!(
            seen.contains_key(name),
            "a listing lacks an object of its kind",
        )?;
        let pure = seen.keys().all(|name| what.takes(name));
        ensure!(pure, "a listing shows an object of another kind")?;
        ensure!(
            bench.store.get(name)? == bytes,
            "kinds with one hash are mixed up",
        )?;
    }
    all.iter()
        .try_for_each(|(name, _)| bench.remove(name).map(drop))
}

fn log(bench: &Bench<'_>, salt: u8) -> LogId {
    let bytes = bench.bytes(salt, 16);
    let half = |half: &[u8]| <[u8; 8]>::try_from(half).unwrap_or_default();
    LogId {
        member: MemberId(half(&bytes[..8])),
        target: TargetId(half(&bytes[8..])),
    }
}

fn logs(bench: &Bench<'_>) -> Result<(), Broken> {
    let last = RECORDS_PER_FOLDER * 2 + 2;
    let numbers = [
        0,
        1,
        9,
        16,
        RECORDS_PER_FOLDER - 1,
        RECORDS_PER_FOLDER,
        last,
    ];
    let bytes = bench.bytes(9, 64);
    let name = |salt: u8, number: u64| {
        ObjectName::Record(RecordName {
            log: log(bench, salt),
            number,
            hash: hash(&bytes),
        })
    };
    for salt in [0, 1] {
        for number in numbers {
            bench.store.put_new(&name(salt, number), &bytes)?;
        }
    }
    let all = bench.listed(Listing::Log(log(bench, 0)))?;
    let wanted: Vec<_> = numbers.map(|number| name(0, number)).into();
    ensure!(
        all.keys().eq(wanted.iter()),
        "a log is not listed whole and alone",
    )?;
    for first in [0, 1, 2, 10, 1023, 1024, 1025, last, last + 1, u64::MAX] {
        let seen = bench.listed(Listing::LogFrom(log(bench, 0), first))?;
        let wanted = numbers.iter().filter(|number| **number >= first);
        let wanted: Vec<_> = wanted.map(|number| name(0, *number)).collect();
        ensure!(
            seen.keys().eq(wanted.iter()),
            "a log is not listed from its number on",
        )?;
    }
    for number in numbers {
        bench.remove(&name(0, number))?;
        bench.remove(&name(1, number))?;
    }
    Ok(())
}
