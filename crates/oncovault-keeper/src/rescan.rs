//! `rescan`: read the directories of packs whose contents nobody knows any more.

use ov_terminal::{Desk, Exit, Failure};
use serde_json::json;

use crate::keeping::{Keeping, exit};

/// What `rescan` takes.
#[derive(clap::Args, Debug)]
pub struct Args {}

/// Rescans.
pub fn run(_: &Args, desk: &Desk) -> Result<Exit, Failure> {
    let mut keeping = Keeping::open(desk)?;
    let (vault, keeper) = keeping.split();
    let report = ov_vault::rescan::rescan(vault, &keeper)?;
    keeping.watcher.meter.clear();
    for finding in &report.findings {
        desk.screen.warn(finding);
    }
    desk.screen.line(format_args!(
        "{} frames found in {} packs.",
        report.frames, report.packs
    ));
    desk.screen.document(&json!({
        "packs": report.packs,
        "frames": report.frames,
        "findings": report.findings.iter().map(ToString::to_string).collect::<Vec<_>>(),
    }));
    Ok(exit(report.findings.len()))
}
