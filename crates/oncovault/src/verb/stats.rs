//! `stats`: how much there is, as files or as objects.

use clap::ValueEnum;
use oncovault_keeper::stats::RawStats;
use ov_terminal::{Desk, Exit, Failure, amount};
use serde_json::json;

use crate::reading::{Reading, Which};

/// What `stats` takes.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// What is counted
    #[arg(long, value_enum, default_value = "restore-size", value_name = "MODE")]
    mode: Mode,

    #[command(flatten)]
    which: Which,
}

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Mode {
    /// Files, as a restore of each snapshot would bring them back.
    RestoreSize,
    /// Objects, as they lie on the target.
    Raw,
}

/// Counts.
pub fn run(args: &Args, desk: &Desk) -> Result<Exit, Failure> {
    let reading = Reading::open(desk)?;
    match args.mode {
        Mode::Raw => {
            let stats = RawStats::of(reading.vault(), &reading.state);
            stats.print(desk);
            desk.screen.document(&stats.document());
        }
        Mode::RestoreSize => restore_size(args, desk, &reading),
    }
    Ok(Exit::Done)
}

fn restore_size(args: &Args, desk: &Desk, reading: &Reading) {
    let filters = args.which.filters();
    let (mut snapshots, mut files, mut bytes) = (0_u64, 0_u64, 0_u64);
    for info in reading.snapshots.filtered(&filters) {
        snapshots += 1;
        files = files.saturating_add(info.snapshot.counts.files);
        bytes = bytes.saturating_add(info.snapshot.counts.bytes);
    }
    let size = amount::bytes(bytes);
    desk.screen.line(format_args!(
        "{snapshots} snapshots, together {files} files with {size}"
    ));
    desk.screen.document(&json!({
        "mode": "restore-size",
        "snapshots": snapshots,
        "files": files,
        "bytes": bytes,
    }));
}
