//! `ls`: what is in a snapshot.

use std::ffi::OsString;

use ov_format::entry::{Entry, EntryKey, Kind};
use ov_restore::{SnapshotInfo, Tree, TreeError};
use ov_terminal::screen::Form;
use ov_terminal::{Desk, Exit, Failure};
use serde_json::{Value, json};

use crate::entry_view;
use crate::explain;
use crate::reading::{Reading, Which, snapshot_path};

/// What `ls` takes.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// A snapshot; with :PATH what is in that folder [default path: what was backed up]
    #[arg(value_name = "SNAP[:PATH]")]
    snapshot: OsString,

    /// Mode, owner, size and time too
    #[arg(long, short)]
    long: bool,

    /// What is in folders below, too
    #[arg(long, short = 'R')]
    recursive: bool,

    #[command(flatten)]
    which: Which,
}

/// Lists entries.
pub fn run(args: &Args, desk: &Desk) -> Result<Exit, Failure> {
    let wanted = snapshot_path(&args.snapshot)?;
    let reading = Reading::open(desk)?;
    reading.require_reader("list files")?;
    let info = reading.select(&wanted.spec, &args.which)?;
    let graph = reading.graph()?;
    let reader = reading.reader(&graph);
    let tree = Tree::of(&reader, &info.snapshot);
    let mut list = List {
        args,
        desk,
        documents: Vec::new(),
        exit: Exit::Done,
    };
    for place in places(info, &wanted.path) {
        list.show_below(&tree, info, &place)?;
    }
    desk.screen.document(&json!({
        "snapshot_id": info.id(),
        "entries": list.documents,
    }));
    Ok(list.exit)
}

/// Nobody wants to walk down from the top to what was backed up.
fn places(info: &SnapshotInfo, path: &[u8]) -> Vec<Vec<u8>> {
    if !path.is_empty() {
        return vec![path.to_vec()];
    }
    let trimmed = |path: &Vec<u8>| {
        let bytes = path.iter().copied().skip_while(|byte| *byte == b'/');
        bytes.collect::<Vec<u8>>()
    };
    info.snapshot.paths.iter().map(trimmed).collect()
}

struct List<'l> {
    args: &'l Args,
    desk: &'l Desk,
    documents: Vec<Value>,
    exit: Exit,
}

impl List<'_> {
    fn show_below(
        &mut self,
        tree: &Tree<'_>,
        info: &SnapshotInfo,
        place: &[u8],
    ) -> Result<(), Failure> {
        if let Some(key) = EntryKey::from_path(place) {
            match tree.find(&key).map_err(explain::tree)? {
                Some(entry) if entry.meta.kind == Kind::Directory => {}
                Some(entry) => {
                    self.show(&entry);
                    return Ok(());
                }
                // A folder that was not backed up itself may have something below it.
                None => {
                    crate::reading::part(tree, info, place)?;
                }
            }
        }
        let entries = match self.args.recursive {
            true => tree.below(place),
            false => tree.list(place),
        };
        for entry in entries {
            match entry {
                Ok(entry) => self.show(&entry),
                Err(error) => self.lost(&error),
            }
        }
        Ok(())
    }

    fn show(&mut self, entry: &Entry) {
        match (self.desk.screen.form, self.args.long) {
            (Form::Json, _) => self.documents.push(entry_view::document(entry)),
            (Form::Text, true) => self.desk.screen.line(entry_view::long(entry)),
            (Form::Text, false) => self.desk.screen.line(entry_view::path(entry)),
        }
    }

    fn lost(&mut self, error: &TreeError) {
        self.desk.screen.warn(error);
        self.exit = Exit::Damage;
    }
}
