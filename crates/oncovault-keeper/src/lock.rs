//! `lock`: what kept snapshots need stays locked in a bucket with object lock.

use std::sync::Arc;

use ov_store::{LockDays, Store};
use ov_terminal::screen::GOOD;
use ov_terminal::{Desk, Exit, Failure};
use ov_vault::Vault;
use ov_vault::relock::{RelockReport, relock};
use serde_json::{Value, json};

use crate::keeping::{Keeping, exit};

/// What `lock` takes.
#[derive(clap::Args, Debug)]
pub struct Args {}

/// Renews the locks of the vault.
pub fn run(_: &Args, desk: &Desk) -> Result<Exit, Failure> {
    let Some(days) = desk.options.s3.s3_lock else {
        return Err(Failure::usage("it was not said for how long").help(
            "give --s3-lock 90d, or lock = \"90d\" in the table [vault.s3] of the configuration",
        ));
    };
    let mut keeping = Keeping::open(desk)?;
    let (document, exit) = vault(&mut keeping, days, desk)?;
    desk.screen.document(&document);
    Ok(exit)
}

/// Renews the locks of the vault.
pub fn vault(keeping: &mut Keeping, days: LockDays, desk: &Desk) -> Result<(Value, Exit), Failure> {
    let (vault, keeper) = keeping.split();
    let report = relock(vault, &keeper, days)?;
    keeping.watcher.meter.clear();
    Ok(told(&report, days, desk))
}

/// Renews the locks of a copy.
pub fn copy(
    keeping: &mut Keeping,
    there: Arc<dyn Store>,
    days: LockDays,
    desk: &Desk,
) -> Result<(Value, Exit), Failure> {
    let (vault, keeper) = keeping.split();
    let mut there = Vault::open(there, vault.id())?;
    let report = relock(&mut there, &keeper, days)?;
    keeping.watcher.meter.clear();
    Ok(told(&report, days, desk))
}

fn told(report: &RelockReport, days: LockDays, desk: &Desk) -> (Value, Exit) {
    let screen = &desk.screen;
    for finding in &report.findings {
        screen.warn(finding);
    }
    screen.line(format_args!(
        "{GOOD}Locked{GOOD:#} for {} days: {} objects anew, {} for the first time; {} last long \
         enough, {} that no kept snapshot needs are left to their locks.",
        days.days(),
        report.renewed,
        report.first,
        report.lasting,
        report.left,
    ));
    let document = json!({
        "days": days.days(),
        "renewed": report.renewed,
        "first": report.first,
        "lasting": report.lasting,
        "left": report.left,
        "findings": report.findings.iter().map(ToString::to_string).collect::<Vec<_>>(),
    });
    (document, exit(report.findings.len()))
}
