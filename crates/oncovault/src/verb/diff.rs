//! `diff`: what differs between two snapshots.

use std::ffi::OsString;

use ov_restore::{Change, Difference, Tree};
use ov_terminal::screen::{Form, shown};
use ov_terminal::{Desk, Exit, Failure, amount};
use serde_json::{Value, json};

use crate::explain;
use crate::reading::{Reading, Which, snapshot_path};

/// What `diff` takes.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// The earlier snapshot; with :PATH only that folder
    #[arg(value_name = "SNAP[:PATH]")]
    before: OsString,

    /// The later snapshot
    #[arg(value_name = "SNAP")]
    after: OsString,

    /// Leave out what differs in metadata alone
    #[arg(long)]
    content: bool,

    #[command(flatten)]
    which: Which,
}

/// Compares.
pub fn run(args: &Args, desk: &Desk) -> Result<Exit, Failure> {
    let (from, to) = (snapshot_path(&args.before)?, snapshot_path(&args.after)?);
    let reading = Reading::open(desk)?;
    reading.require_reader("compare snapshots")?;
    let before = reading.select(&from.spec, &args.which)?;
    let after = reading.select(&to.spec, &args.which)?;
    let graph = reading.graph()?;
    let reader = reading.reader(&graph);
    let trees = [before, after].map(|info| Tree::of(&reader, &info.snapshot));
    let mut tally = Tally::default();
    ov_restore::diff(&trees[0], &trees[1], &from.path, &mut |difference| {
        if args.content && difference.change == Change::Meta {
            return;
        }
        tally.add(&difference);
        let path = difference.key.path();
        match desk.screen.form {
            Form::Json => tally.documents.push(document(&difference)),
            Form::Text => desk.screen.line(format_args!(
                "{} /{}",
                mark(difference.change),
                shown(&path)
            )),
        }
    })
    .map_err(explain::tree)?;
    tally.print(desk);
    desk.screen.document(&json!({
        "before": before.id(),
        "after": after.id(),
        "added": tally.added,
        "removed": tally.removed,
        "changed": tally.changed,
        "bytes_added": tally.bytes_added,
        "bytes_removed": tally.bytes_removed,
        "differences": tally.documents,
    }));
    Ok(Exit::Done)
}

fn mark(change: Change) -> char {
    match change {
        Change::Added => '+',
        Change::Removed => '-',
        Change::Kind => 'T',
        Change::Content => 'M',
        Change::Meta => 'U',
    }
}

fn document(difference: &Difference) -> Value {
    json!({
        "path": format!("/{}", String::from_utf8_lossy(&difference.key.path())),
        "change": match difference.change {
            Change::Added => "added",
            Change::Removed => "removed",
            Change::Kind => "kind",
            Change::Content => "content",
            Change::Meta => "metadata",
        },
        "size_before": difference.before.as_ref().map(|entry| entry.meta.size),
        "size_after": difference.after.as_ref().map(|entry| entry.meta.size),
    })
}

#[derive(Default)]
struct Tally {
    added: u64,
    removed: u64,
    changed: u64,
    bytes_added: u64,
    bytes_removed: u64,
    documents: Vec<Value>,
}

impl Tally {
    fn add(&mut self, difference: &Difference) {
        match difference.change {
            Change::Added => self.added += 1,
            Change::Removed => self.removed += 1,
            Change::Kind | Change::Content | Change::Meta => self.changed += 1,
        }
        if difference.change == Change::Meta {
            return;
        }
        let size =
            |entry: &Option<ov_format::entry::Entry>| entry.as_ref().map_or(0, |e| e.meta.size);
        self.bytes_added = self.bytes_added.saturating_add(size(&difference.after));
        self.bytes_removed = self.bytes_removed.saturating_add(size(&difference.before));
    }

    fn print(&self, desk: &Desk) {
        desk.screen.note(format_args!(
            "{} added, {} removed, {} changed; {} in, {} out  (+ added, - removed, M content, U \
             metadata, T kind)",
            self.added,
            self.removed,
            self.changed,
            amount::bytes(self.bytes_added),
            amount::bytes(self.bytes_removed)
        ));
    }
}
