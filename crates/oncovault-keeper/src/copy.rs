//! `copy`: snapshots to a second place, as they are.

use std::ffi::OsString;
use std::sync::Arc;

use ov_store::Store;
use ov_terminal::screen::GOOD;
use ov_terminal::{Desk, Exit, Failure, amount};
use ov_vault::copy::Which;
use serde_json::{Value, json};

use crate::keeping::{Keeping, exit, full_ids, ids, other_target};

/// What `copy` takes.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// The other target: empty, or a copy of this vault
    #[arg(long, value_name = "URL")]
    to: OsString,

    /// Only these snapshots [default: all]
    #[arg(value_name = "SNAP")]
    snapshots: Vec<String>,
}

/// Copies.
pub fn run(args: &Args, desk: &Desk) -> Result<Exit, Failure> {
    let mut keeping = Keeping::open(desk)?;
    let which = match args.snapshots.is_empty() {
        true => Which::All,
        false => Which::Named(keeping.select(&args.snapshots)?),
    };
    let to = other_target(desk, &args.to, ov_store::create)?;
    let (document, exit) = copy_to(&mut keeping, to, &which, desk)?;
    desk.screen.document(&document);
    Ok(exit)
}

/// Copies to a target, and tells people; the document is for programs.
pub fn copy_to(
    keeping: &mut Keeping,
    to: Arc<dyn Store>,
    which: &Which,
    desk: &Desk,
) -> Result<(Value, Exit), Failure> {
    let (vault, keeper) = keeping.split();
    let report = ov_vault::copy::copy(vault, to, which, &keeper)?;
    keeping.watcher.meter.clear();
    let screen = &desk.screen;
    for finding in &report.findings {
        screen.warn(finding);
    }
    for (name, finding) in &report.incomplete {
        screen.warn(format_args!(
            "{} is not complete there: {finding}",
            ids(&[*name])
        ));
    }
    screen.line(format_args!(
        "{GOOD}Copied{GOOD:#} {} packs, {} tables, {} records ({}); {} complete there now, {} before.",
        report.packs,
        report.tables,
        report.records,
        amount::bytes(report.bytes),
        amount::of(report.accepted.len() as u64, "snapshot", "snapshots"),
        report.there
    ));
    let document = json!({
        "packs": report.packs,
        "tables": report.tables,
        "records": report.records,
        "bytes": report.bytes,
        "frames_moved": report.frames_moved,
        "accepted": full_ids(&report.accepted),
        "there_before": report.there,
        "incomplete": full_ids(report.incomplete.iter().map(|(name, _)| name)),
        "findings": report.findings.iter().map(ToString::to_string).collect::<Vec<_>>(),
    });
    let undone = report.findings.len() + report.incomplete.len() + report.cut.len();
    Ok((document, exit(undone)))
}
