//! `check --with-keys`: opens everything too. `check --closure`: what belongs together is there.

use oncovault_keeper::{Keeping, check};
use ov_catalog::{Closure, as_of, gaps};
use ov_restore::{SnapshotInfo, Void, check_content};
use ov_terminal::screen::GOOD;
use ov_terminal::{Desk, Exit, Failure, amount};
use serde_json::json;

use crate::holdings;
use crate::links;
use crate::reading::{Reading, Which};

/// What `check` takes.
#[derive(clap::Args, Debug)]
pub struct Args {
    #[command(flatten)]
    check: check::Args,

    /// Open, decode and compare the content of all snapshots too
    #[arg(long, conflicts_with = "without_key")]
    with_keys: bool,

    /// Look for gaps in radiotherapy and imaging: plans, doses, records and series that lack what
    /// they need; in the newest snapshots, or in one, or in those of a dataset
    #[arg(long, value_name = "SNAP|DATASET", num_args = 0..=1, default_missing_value = "",
          conflicts_with_all = ["with_keys", "without_key", "read_data", "older_than"])]
    closure: Option<String>,
}

/// Checks.
pub fn run(args: &Args, desk: &Desk) -> Result<Exit, Failure> {
    if let Some(what) = &args.closure {
        return closure(what, desk);
    }
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

/// Looks for objects that lack what they need.
fn closure(what: &str, desk: &Desk) -> Result<Exit, Failure> {
    let reading = Reading::open(desk)?;
    reading.require_reader("check what belongs together")?;
    let listed = &reading.snapshots.listed;
    let of_dataset = |info: &&SnapshotInfo| what.is_empty() || info.snapshot.dataset == what;
    let mut snapshots = as_of(listed.iter().filter(of_dataset), None);
    if snapshots.is_empty() && !what.is_empty() {
        snapshots = vec![reading.select(what, &Which::default())?];
    }
    let graph = reading.graph()?;
    let reader = reading.reader(&graph);
    let known = links::read(&reading, desk)?;
    let closure = gaps(&reader, &snapshots, &known.crosswalk);
    holdings::print_gaps(&closure.gaps, desk);
    links::tell_by_link(closure.by_link, desk);
    for (info, error) in &closure.failed {
        desk.screen
            .warn(format_args!("snapshot {}: {error}", info.short_id()));
    }
    holdings::tell_without_catalog(&closure.without_catalog, desk);
    tell_outcome(&closure, &snapshots, desk);
    let ids = |infos: &[&SnapshotInfo]| infos.iter().map(|info| info.id()).collect::<Vec<_>>();
    desk.screen.document(&json!({
        "snapshots": ids(&snapshots),
        "snapshots_without_catalog": ids(&closure.without_catalog),
        "objects": closure.objects,
        "unreadable_accounts": closure.unreadable,
        "closed_by_links": closure.by_link,
        "gaps": holdings::gap_documents(&closure.gaps),
    }));
    let strong = closure.gaps.iter().any(ov_catalog::GapFound::is_strong);
    let whole = known.whole && closure.failed.is_empty() && closure.unreadable == 0;
    match (whole, strong) {
        (false, _) => Ok(Exit::Damage),
        (true, true) => Ok(Exit::FewCopies),
        (true, false) => Ok(Exit::Done),
    }
}

fn tell_outcome(closure: &Closure<'_>, snapshots: &[&SnapshotInfo], desk: &Desk) {
    let count = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
    let objects = amount::of(closure.objects, "DICOM object", "DICOM objects");
    let snapshots = amount::of(count(snapshots.len()), "snapshot", "snapshots");
    match closure.gaps.len() {
        0 => desk.screen.line(format_args!(
            "{GOOD}Nothing is missing{GOOD:#} among {objects} in {snapshots}."
        )),
        gaps => desk.screen.line(format_args!(
            "{} among {objects} in {snapshots}.",
            amount::of(count(gaps), "gap", "gaps")
        )),
    }
}
