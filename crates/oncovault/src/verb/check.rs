//! `check --with-keys`: opens everything too.

use oncovault_keeper::{Keeping, check};
use ov_restore::{Void, check_content};
use ov_terminal::{Desk, Exit, Failure, amount};
use serde_json::json;

use crate::reading::Reading;

/// What `check` takes.
#[derive(clap::Args, Debug)]
pub struct Args {
    #[command(flatten)]
    check: check::Args,

    /// Open, decode and compare the content of all snapshots too
    #[arg(long, conflicts_with = "without_key")]
    with_keys: bool,
}

/// Checks.
pub fn run(args: &Args, desk: &Desk) -> Result<Exit, Failure> {
    if !args.with_keys {
        return check::run(&args.check, desk);
    }
    let mut keeping = Keeping::open(desk)?;
    let report = check::check(&args.check, &mut keeping)?;
    let state = keeping.opened.state.clone();
    let Keeping {
        opened, watcher, ..
    } = keeping;
    let reading = Reading::of(opened, desk)?;
    reading.require_reader("check content")?;
    let graph = reading.graph()?;
    let reader = reading.reader(&graph);
    let workers = std::thread::available_parallelism().map_or(1, usize::from);
    let mut listed = reading.snapshots.listed.clone();
    listed.retain(|info| !report.late.contains(&info.commit));
    let content = check_content(&reader, &listed, workers, &Void);
    watcher.meter.clear();
    let errors = report.findings.len() + content.findings.kept.len();
    check::note(errors, &state, desk)?;
    check::print(&report, desk);
    for finding in &content.findings.kept {
        desk.screen.warn(finding);
    }
    desk.screen.line(format_args!(
        "Content of {}: {} pages, {} frames, {} opened and compared",
        amount::of(content.snapshots, "snapshot", "snapshots"),
        content.pages,
        content.frames,
        amount::bytes(content.bytes)
    ));
    let mut document = check::document(&report);
    document["content"] = json!({
        "snapshots": content.snapshots,
        "pages": content.pages,
        "frames": content.frames,
        "bytes": content.bytes,
        "findings": content.findings.kept.iter().map(ToString::to_string).collect::<Vec<_>>(),
    });
    desk.screen.document(&document);
    match content.findings.is_empty() {
        true => Ok(check::exit_of(&report)),
        false => Ok(Exit::Damage),
    }
}
