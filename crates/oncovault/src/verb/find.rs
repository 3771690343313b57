//! `find`: in which snapshots a name is.

use ov_terminal::screen::{BOLD, Form};
use ov_terminal::{Desk, Exit, Failure};
use serde_json::json;

use crate::entry_view;
use crate::explain;
use crate::reading::{Reading, Which};

/// What `find` takes.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// A pattern: a name, or a path that begins with a slash; `*` `?` `[…]` and `**`
    #[arg(value_name = "PATTERN", required = true)]
    pattern: String,

    /// Only in this snapshot (may be given more than once)
    #[arg(long, short, value_name = "SNAP")]
    snapshot: Vec<String>,

    /// Mode, owner, size and time too
    #[arg(long, short)]
    long: bool,

    #[command(flatten)]
    which: Which,
}

/// Finds names.
pub fn run(args: &Args, desk: &Desk) -> Result<Exit, Failure> {
    let reading = Reading::open(desk)?;
    reading.require_reader("find files")?;
    let filters = args.which.filters();
    let snapshots = match args.snapshot.is_empty() {
        true => reading.snapshots.filtered(&filters).collect(),
        false => {
            let chosen = args
                .snapshot
                .iter()
                .map(|spec| reading.select(spec, &args.which));
            chosen.collect::<Result<Vec<_>, _>>()?
        }
    };
    let graph = reading.graph()?;
    let reader = reading.reader(&graph);
    let mut last = None;
    let mut documents = Vec::new();
    let failed = ov_restore::find(&reader, snapshots, &args.pattern, &mut |hit| {
        if desk.screen.form == Form::Json {
            let mut document = entry_view::document(&hit.entry);
            document["snapshot_id"] = json!(hit.snapshot.id());
            documents.push(document);
            return;
        }
        if last.replace(hit.snapshot.commit) != Some(hit.snapshot.commit) {
            let time = ov_terminal::moment::local(hit.snapshot.snapshot.time);
            let id = hit.snapshot.short_id();
            desk.screen
                .line(format_args!("{BOLD}Snapshot {id} of {time}{BOLD:#}"));
        }
        match args.long {
            true => desk
                .screen
                .line(format_args!("  {}", entry_view::long(&hit.entry))),
            false => desk
                .screen
                .line(format_args!("  {}", entry_view::path(&hit.entry))),
        }
    })
    .map_err(explain::filter)?;
    for (info, error) in &failed {
        desk.screen
            .warn(format_args!("snapshot {}: {error}", info.short_id()));
    }
    if last.is_none() {
        desk.screen.note("Nothing found.");
    }
    desk.screen.document(&json!({"hits": documents}));
    match failed.is_empty() {
        true => Ok(Exit::Done),
        false => Ok(Exit::Damage),
    }
}
