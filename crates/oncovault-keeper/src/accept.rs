//! `accept`: say of new snapshots that all they need is here.

use serde_json::{Value, json};

use ov_terminal::{Desk, Exit, Failure, age};
use ov_vault::prune::PruneOptions;

use crate::keeping::{Keeping, exit, full_ids, ids};
use crate::prune;

/// What `accept` takes.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// Judge deletions that are older than this [default: 7d; 0d for a vault of one member on a
    /// target that lists at once]
    #[arg(long, value_name = "AGE", value_parser = age::seconds)]
    grace: Option<u64>,
}

/// Accepts.
pub fn run(args: &Args, desk: &Desk) -> Result<Exit, Failure> {
    let (document, exit) = accept(args, desk)?;
    desk.screen.document(&document);
    Ok(exit)
}

/// Accepts, and tells people; the document is for programs.
pub fn accept(args: &Args, desk: &Desk) -> Result<(Value, Exit), Failure> {
    let mut keeping = Keeping::open(desk)?;
    let lists = keeping.lists(desk)?;
    let (vault, keeper) = keeping.split();
    let usual = PruneOptions::usual(vault, lists).grace_seconds;
    let grace = prune::grace(args.grace, lists, usual, desk);
    let report = ov_vault::accept::accept(vault, &keeper, grace)?;
    keeping.watcher.meter.clear();
    let screen = &desk.screen;
    for (names, what) in [
        (&report.accepted, "accepted"),
        (
            &report.rejected,
            "rejected: what they need was deleted before; back up again",
        ),
        (
            &report.given_up,
            "given up, since a later one has replaced them",
        ),
        (&report.waiting, "not to be judged yet"),
    ] {
        if !names.is_empty() {
            screen.line(format_args!("{}: {what}", ids(names)));
        }
    }
    for (name, finding) in &report.incomplete {
        screen.warn(format_args!("{}: {finding}", ids(&[*name])));
    }
    if report.accepted.is_empty() {
        screen.note("Nothing new to accept.");
    }
    let document = json!({
        "accepted": full_ids(&report.accepted),
        "rejected": full_ids(&report.rejected),
        "given_up": full_ids(&report.given_up),
        "waiting": full_ids(&report.waiting),
        "incomplete": full_ids(report.incomplete.iter().map(|(name, _)| name)),
        "rescued_frames": report.rescued_frames,
    });
    let undone = report.incomplete.len() + report.rejected.len();
    Ok((document, exit(undone)))
}
