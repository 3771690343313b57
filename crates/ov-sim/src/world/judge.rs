//! Reads everything back as a reader would, and compares it with the oracle.

use std::collections::BTreeMap;
use std::sync::Arc;

use ov_format::entry::Kind;
use ov_format::name::RecordName;
use ov_restore::load_graph;
use ov_restore::{FrameReader, Limits, ReaderKeys, SnapshotInfo, Snapshots, Tree, dump_file};
use ov_store::Store;
use ov_vault::check::{Checking, Depth, check};
use ov_vault::graph::Graph;
use ov_vault::secrets::Secrets;
use ov_vault::state::Verdict;
use ov_vault::{Silence, State, SystemClock, Vault, VaultError};

use super::account::account_of;
use super::cast::{Part, founded};
use super::disk::Disk;
use super::oracle::{Contents, Oracle};
use super::violation::Violation;

/// Whether anything may be found wrong with the logs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Alarms {
    /// Something went wrong: findings are in order.
    Expected,
    /// Nothing did.
    None,
}

/// Looks at one target with honest eyes.
pub fn judge(
    disk: &Arc<Disk>,
    number: usize,
    oracle: &mut Oracle,
    alarms: Alarms,
) -> Vec<Violation> {
    let mut found = overwritten(disk, number, oracle);
    let store: Arc<dyn Store> = Arc::clone(disk) as Arc<dyn Store>;
    let read = match Reading::open(store) {
        Ok(read) => read,
        // A copy that was never finished is no copy.
        Err(_)
            if number > 0
                && !oracle
                    .snapshots
                    .values()
                    .any(|one| one.accepted.contains(&number)) =>
        {
            return found;
        }
        Err(error) => {
            found.push(Violation::Closed {
                disk: number,
                why: error.to_string(),
            });
            return found;
        }
    };
    if alarms == Alarms::None {
        found.extend(read.alarms(number));
    }
    found.extend(read.compare(number, oracle));
    found
}

fn overwritten(disk: &Disk, number: usize, oracle: &mut Oracle) -> Vec<Violation> {
    let mut found = Vec::new();
    // What a dead writer left half done is no object yet, and gives way to the whole one.
    for (object, bytes) in disk.objects() {
        if !object.matches(&bytes) && !oracle.objects.contains_key(&(number, object)) {
            continue;
        }
        let first = oracle
            .objects
            .entry((number, object))
            .or_insert_with(|| Arc::clone(&bytes));
        if *first != bytes {
            found.push(Violation::Overwritten {
                object,
                disk: number,
            });
        }
    }
    found
}

/// Whether a keeper's check finds nothing wrong.
fn is_silent(vault: &Vault) -> bool {
    let (store, id, keeper) = (Arc::clone(vault.store()), vault.id(), Part::Keeper(0));
    let (member, secret) = (keeper.member(), keeper.secret());
    let Ok(secrets) = Secrets::unlock(&*store, id, vault.head(), member, &secret) else {
        return false;
    };
    let checking = Checking {
        secrets: Some(&secrets),
        clock: &SystemClock,
        monitor: &Silence,
        verified: None,
    };
    let report = Vault::open(store, id).and_then(|mut vault| {
        let depth = Depth::Objects;
        check(&mut vault, &checking, depth)
    });
    report.is_ok_and(|report| report.is_clean())
}

/// A target as a reader opens it.
pub(super) struct Reading {
    vault: Vault,
    state: State,
    keys: ReaderKeys,
    graph: Graph,
    snapshots: BTreeMap<RecordName, SnapshotInfo>,
    unreadable: BTreeMap<RecordName, String>,
}

impl Reading {
    pub fn open(store: Arc<dyn Store>) -> Result<Self, VaultError> {
        let vault = Vault::open(store, founded().vault)?;
        let owner = Part::Owner;
        let keys = ReaderKeys::unlock(&vault, owner.member(), &owner.secret())?;
        let state = State::of(&vault);
        let graph = load_graph(&vault, &state, &keys)?;
        let loaded = Snapshots::load(&vault, &state, &keys)?;
        let snapshots = loaded
            .listed
            .into_iter()
            .map(|info| (info.commit, info))
            .collect();
        let unreadable = loaded.unreadable.into_iter();
        let unreadable = unreadable
            .map(|(name, error)| (name, error.to_string()))
            .collect();
        Ok(Self {
            vault,
            state,
            keys,
            graph,
            snapshots,
            unreadable,
        })
    }

    fn alarms(&self, disk: usize) -> Vec<Violation> {
        let all = self
            .vault
            .logs()
            .findings
            .iter()
            .chain(self.graph.findings());
        all.map(|finding| Violation::FalseAlarm {
            what: finding.to_string(),
            disk,
        })
        .collect()
    }

    fn compare(&self, disk: usize, oracle: &mut Oracle) -> Vec<Violation> {
        let (mut found, mut lost) = (Vec::new(), 0);
        let limits = Limits::default();
        let reader = FrameReader::new(&self.vault, &self.state, &self.graph, &self.keys, limits);
        for (name, expected) in &mut oracle.snapshots {
            let claimed = self
                .state
                .commits
                .get(name)
                .is_some_and(|commit| commit.verdict == Verdict::Accepted && !commit.forgotten);
            if claimed {
                expected.accepted.insert(disk);
            }
            // Only its home has promised an acknowledged snapshot; a copy promises by its accept.
            let what = match (expected.accepted.contains(&disk), expected.acknowledged) {
                (true, _) => "an accepted",
                (false, true) if disk == 0 => "an acknowledged",
                _ => continue,
            };
            if expected.forgotten {
                continue;
            }
            let snapshot = *name;
            let read = self.read(&reader, name, &expected.files, &|| {});
            if expected.lost_by_right && disk == 0 && !matches!(read, Err(Problem::Differs)) {
                lost += usize::from(matches!(read, Err(Problem::Unreadable(_))));
                continue;
            }
            found.extend(read.err().map(|problem| match problem {
                Problem::Gone => Violation::Gone {
                    what,
                    snapshot,
                    disk,
                },
                Problem::Differs => Violation::Differs {
                    what,
                    snapshot,
                    disk,
                },
                Problem::Unreadable(why) => Violation::Unreadable {
                    what,
                    snapshot,
                    disk,
                    why,
                },
            }));
        }
        if lost > 0 && is_silent(&self.vault) {
            found.push(Violation::Silent(lost, disk));
        }
        found
    }

    /// Restores one snapshot and compares it; calls `before_each` before each file.
    pub fn restore(
        &self,
        name: &RecordName,
        files: &Contents,
        before_each: &dyn Fn(),
    ) -> Result<(), Problem> {
        let limits = Limits::default();
        let reader = FrameReader::new(&self.vault, &self.state, &self.graph, &self.keys, limits);
        self.read(&reader, name, files, before_each)
    }

    fn read(
        &self,
        reader: &FrameReader<'_>,
        name: &RecordName,
        files: &Contents,
        before_each: &dyn Fn(),
    ) -> Result<(), Problem> {
        let info = match (self.snapshots.get(name), self.unreadable.get(name)) {
            (Some(info), _) => info,
            (None, Some(why)) => return Err(Problem::Unreadable(why.clone())),
            (None, None) => return Err(Problem::Gone),
        };
        let unreadable = |why: &dyn std::fmt::Display| Problem::Unreadable(why.to_string());
        let mut restored = Contents::new();
        for entry in Tree::of(reader, &info.snapshot).entries() {
            let entry = entry.map_err(|error| unreadable(&error))?;
            if entry.meta.kind != Kind::File {
                continue;
            }
            before_each();
            let mut bytes = Vec::new();
            dump_file(reader, &entry, 1, &mut bytes).map_err(|error| unreadable(&error))?;
            restored.insert(entry.key.path(), Arc::new(bytes));
        }
        let mut said = Contents::new();
        for entry in Tree::catalog_of(reader, &info.snapshot).entries() {
            let entry = entry.map_err(|error| unreadable(&error))?;
            let mut account = Vec::new();
            dump_file(reader, &entry, 1, &mut account).map_err(|error| unreadable(&error))?;
            said.insert(entry.key.path(), Arc::new(account));
        }
        let must_say = files.iter();
        let must_say = must_say.map(|(path, bytes)| (path.clone(), Arc::new(account_of(bytes))));
        if said != must_say.collect() {
            return Err(Problem::Differs);
        }
        match restored == *files {
            true => Ok(()),
            false => Err(Problem::Differs),
        }
    }
}

/// Why a snapshot does not come back.
#[derive(Debug)]
pub enum Problem {
    /// It is not listed.
    Gone,
    /// It is something else.
    Differs,
    /// Something is missing or damaged, and that was told.
    Unreadable(String),
}
