//! `forget` with a key that reads: tags count, and what names a group may be finer.

use std::collections::{BTreeMap, BTreeSet};

use oncovault_keeper::Keeping;
use oncovault_keeper::forget::{self, Trait};
use ov_format::name::RecordName;
use ov_restore::{ReaderKeys, SnapshotInfo, Snapshots};
use ov_terminal::screen::shown;
use ov_terminal::{Desk, Exit, Failure, amount};
use ov_vault::forget::ForgetOptions;
use ov_vault::{State, VaultError};

pub use oncovault_keeper::forget::Args;

/// Plans and forgets.
pub fn run(args: &Args, desk: &Desk) -> Result<Exit, Failure> {
    let finer = args.finer()?;
    let mut keeping = Keeping::open(desk)?;
    let mut known = ForgetOptions::default();
    if args.asks_for_tags() || !finer.is_empty() {
        let (vault, writer) = (&keeping.opened.vault, &keeping.opened.writer);
        let keys = ReaderKeys::unlock(vault, writer.member, &writer.secret)?;
        if keys.compartments.is_empty() && !finer.is_empty() {
            return Err(unread());
        }
        let snapshots = Snapshots::load(vault, &State::of(vault), &keys)?;
        all_open(&snapshots)?;
        known.labels = labels(&snapshots, &finer);
        let tagged = snapshots
            .listed
            .into_iter()
            .map(|info| (info.commit, info.tags));
        known.tags = tagged.collect();
    }
    forget::forget(args, &mut keeping, known, desk)
}

fn unread() -> Failure {
    let error = VaultError::Forbidden {
        what: "group by host, tags or paths",
        role: "reader",
    };
    Failure::of(Exit::WrongKey, &error).help("with this key --group-by dataset is possible")
}

/// Demands that every snapshot opens. One that does not might bear a tag that keeps it, or be the
/// last of its host: it must not be counted as untagged, or among others.
pub fn all_open(snapshots: &Snapshots) -> Result<(), Failure> {
    if snapshots.closed > 0 {
        let count = amount::of(snapshots.closed as u64, "snapshot", "snapshots");
        let message = format!(
            "this key does not open {count}: it can only --group-by dataset, and not --keep-tag"
        );
        return Err(Failure::new(Exit::WrongKey, message)
            .help("give a key that opens all compartments with --key"));
    }
    if let Some((name, error)) = snapshots.unreadable.first() {
        let id = ov_vault::finding::short(name);
        return Err(Failure::of(Exit::Damage, error).on(format!("snapshot {id}")));
    }
    Ok(())
}

/// The groups of all snapshots.
fn labels(snapshots: &Snapshots, finer: &BTreeSet<Trait>) -> BTreeMap<RecordName, String> {
    if finer.is_empty() {
        return BTreeMap::new();
    }
    let label = |info: &SnapshotInfo| (info.commit, label(info, finer));
    snapshots.listed.iter().map(label).collect()
}

fn label(info: &SnapshotInfo, finer: &BTreeSet<Trait>) -> String {
    let part = |one: &Trait| match one {
        Trait::Dataset => format!("dataset {}", info.snapshot.dataset),
        Trait::Host => format!("host {}", shown(info.snapshot.host.as_bytes())),
        Trait::Tags => format!("tags {}", set(info.tags.iter().map(String::as_bytes))),
        Trait::Paths => format!(
            "paths {}",
            set(info.snapshot.paths.iter().map(Vec::as_slice))
        ),
    };
    finer.iter().map(part).collect::<Vec<_>>().join("; ")
}

/// The same whatever the order.
fn set<'t>(items: impl Iterator<Item = &'t [u8]>) -> String {
    let items: BTreeSet<&[u8]> = items.collect();
    let items: Vec<String> = items.into_iter().map(shown).collect();
    items.join(", ")
}
