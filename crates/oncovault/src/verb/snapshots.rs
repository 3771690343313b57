//! `snapshots`: what there is to restore.

use oncovault_keeper::snapshots::Standing;
use ov_format::name::RecordName;
use ov_restore::{SnapshotInfo, Snapshots};
use ov_terminal::screen::shown;
use ov_terminal::table::{Side, Table};
use ov_terminal::{Desk, Exit, Failure, amount, moment};
use ov_vault::State;
use ov_vault::finding::short;
use ov_vault::state::Verdict;
use serde_json::{Value, json};

use crate::reading::{Reading, Which};

/// What `snapshots` takes.
#[derive(clap::Args, Debug)]
pub struct Args {
    #[command(flatten)]
    which: Which,

    /// Only the newest N of each dataset and host
    #[arg(long, value_name = "N")]
    latest: Option<usize>,

    /// Checkpoints of runs that went on, and forgotten snapshots, too
    #[arg(long)]
    all: bool,
}

/// Lists snapshots, the oldest first.
pub fn run(args: &Args, desk: &Desk) -> Result<Exit, Failure> {
    let mut reading = Reading::open(desk)?;
    if args.all {
        reading.snapshots = everything(&reading, desk)?;
    }
    let filters = args.which.filters();
    let found: Vec<&SnapshotInfo> = reading.snapshots.filtered(&filters).collect();
    let found = match args.latest {
        Some(count) => newest(&found, count),
        None => found,
    };
    desk.screen.document(&json!({
        "snapshots": found.iter().map(|info| document(info, &reading)).collect::<Vec<_>>(),
        "closed": reading.snapshots.closed,
    }));
    print(&found, &reading, desk);
    let closed = reading.snapshots.closed;
    if closed > 0 {
        let count = amount::of(closed as u64, "snapshot", "snapshots");
        desk.screen
            .note(format_args!("{count} more, which this key does not open."));
    }
    Ok(Exit::Done)
}

/// Those too that are usually not shown. What is forgotten need not open any more.
fn everything(reading: &Reading, desk: &Desk) -> Result<Snapshots, Failure> {
    let mut state = reading.state.clone();
    for commit in state.commits.values_mut() {
        commit.forgotten = false;
        commit.partial = false;
    }
    let found = Snapshots::load(reading.vault(), &state, &reading.keys)?;
    for (name, error) in &found.unreadable {
        if standing(name, &reading.state) == Standing::Partial {
            let id = short(name);
            desk.screen
                .warn(format_args!("checkpoint {id} cannot be read: {error}"));
        }
    }
    Ok(found)
}

fn standing(name: &RecordName, state: &State) -> Standing {
    state
        .commits
        .get(name)
        .map_or(Standing::Listed, Standing::of)
}

/// The newest of each dataset and host, still in order of time.
fn newest<'s>(found: &[&'s SnapshotInfo], count: usize) -> Vec<&'s SnapshotInfo> {
    let same = |a: &SnapshotInfo, b: &SnapshotInfo| {
        a.snapshot.dataset == b.snapshot.dataset && a.snapshot.host == b.snapshot.host
    };
    let is_new = |(at, info): &(usize, &&SnapshotInfo)| {
        let later = found.iter().skip(at + 1).filter(|other| same(info, other));
        later.count() < count
    };
    found
        .iter()
        .enumerate()
        .filter(is_new)
        .map(|(_, info)| *info)
        .collect()
}

/// A snapshot for programs.
fn document(info: &SnapshotInfo, reading: &Reading) -> Value {
    let snapshot = &info.snapshot;
    let counts = &snapshot.counts;
    let paths = snapshot
        .paths
        .iter()
        .map(|path| String::from_utf8_lossy(path));
    json!({
        "id": info.id(),
        "short_id": info.short_id(),
        "time": moment::rfc3339(snapshot.time),
        "ended": moment::rfc3339(snapshot.ended),
        "dataset": snapshot.dataset,
        "host": snapshot.host,
        "user": snapshot.user,
        "paths": paths.collect::<Vec<_>>(),
        "tags": info.tags,
        "entries": counts.entries,
        "files": counts.files,
        "bytes": counts.bytes,
        "troubled": counts.troubled,
        "state": standing(&info.commit, &reading.state).name(),
        "accepted": info.verdict == Verdict::Accepted,
        "arrival": info.arrival.map(moment::rfc3339),
        "held": info.held,
        "compartment": reading.keys.compartment_name(info.compartment),
        "member": info.member.to_string(),
        "program": snapshot.program,
    })
}

fn print(found: &[&SnapshotInfo], reading: &Reading, desk: &Desk) {
    let standing = |info: &SnapshotInfo| standing(&info.commit, &reading.state);
    let marked = found.iter().any(|info| standing(info) != Standing::Listed);
    let mut columns = vec![
        ("ID", Side::Left),
        ("Time", Side::Left),
        ("Host", Side::Left),
        ("Files", Side::Right),
        ("Size", Side::Right),
        ("Tags", Side::Left),
        ("Dataset", Side::Left),
    ];
    if marked {
        columns.push(("State", Side::Left));
    }
    let mut table = Table::new(&columns);
    for info in found {
        let mut row = row(info);
        if marked {
            row.push(standing(info).name().to_owned());
        }
        table.row(row);
    }
    table.print(&desk.screen);
    if found.is_empty() {
        desk.screen.note("No snapshots.");
    }
}

fn row(info: &SnapshotInfo) -> Vec<String> {
    let snapshot = &info.snapshot;
    let mut tags: Vec<String> = info.tags.iter().map(|tag| shown(tag.as_bytes())).collect();
    if info.held {
        tags.push("(held)".to_owned());
    }
    if info.verdict != Verdict::Accepted {
        tags.push("(not accepted yet)".to_owned());
    }
    vec![
        info.short_id(),
        moment::local(snapshot.time),
        shown(snapshot.host.as_bytes()),
        snapshot.counts.files.to_string(),
        amount::bytes(snapshot.counts.bytes),
        tags.join(", "),
        shown(snapshot.dataset.as_bytes()),
    ]
}
