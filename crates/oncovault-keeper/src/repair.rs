//! `repair`: what is damaged comes back from a copy, or is given up so that a backup stores it again.

use std::ffi::OsString;

use ov_format::cbor::Wire;
use ov_store::Store;
use ov_terminal::screen::GOOD;
use ov_terminal::{Desk, Exit, Failure, amount};
use ov_vault::check::{Checking, Depth, check};
use ov_vault::finding::short;
use ov_vault::repair::{self, RepairPlan, RepairReport};
use ov_vault::{State, SystemClock};
use serde_json::{Value, json};
use std::sync::Arc;

use crate::keeping::{Keeping, exit, other_target};
use crate::planning::{self, Carry, PlanArgs};
use crate::repair_file::RepairFile;
use crate::stats::RawStats;

/// What `repair` takes.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// Show what would be done, or do it; nothing said is: do it
    #[arg(value_name = "plan|apply")]
    step: Option<Stage>,

    /// A copy of this vault to fetch from (may be given more than once)
    #[arg(long, value_name = "URL", conflicts_with = "apply")]
    from: Vec<OsString>,

    /// Give up packs and records that no copy has whole: what can still be read of packs is kept, and
    /// the next backup stores the rest again, if the source still has it; what a record said is lost
    #[arg(long, conflicts_with = "apply")]
    give_up: bool,

    #[command(flatten)]
    plan: PlanArgs,
}

/// How far a repair goes.
#[derive(clap::ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// The plan is shown.
    Plan,
    /// It is carried out.
    Apply,
}

impl Args {
    fn carry(&self) -> Carry {
        match self.step {
            Some(Stage::Plan) => Carry::Nothing,
            Some(Stage::Apply) | None => self.plan.carry(),
        }
    }
}

/// Plans, and repairs.
pub fn run(args: &Args, desk: &Desk) -> Result<Exit, Failure> {
    let given = args.plan.given(planning::decode::<RepairFile>)?;
    let urls = match &given {
        Some(file) => file.urls(),
        None => args.from.clone(),
    };
    let copies = open_all(&urls, desk)?;
    if args.carry() == Carry::Out {
        for name in repair::mend_logs(&*desk.target()?, &copies)? {
            desk.screen.line(format_args!("fetched  {name}"));
        }
    }
    let mut keeping = Keeping::open(desk)?;
    let mut plan = match &given {
        Some(file) => file.plan(&keeping.opened.vault)?,
        None => plan(&mut keeping, &copies)?,
    };
    print_plan(&plan, desk);
    let lost = plan.give_up.len() + plan.give_up_records.len();
    if given.is_none() && !args.give_up && lost > 0 {
        desk.screen
            .warn("no copy has these whole: give another --from, or say --give-up");
        plan.give_up.clear();
        plan.give_up_records.clear();
    }
    let file = RepairFile::of(&plan, &urls, &keeping.opened.vault)?;
    args.plan.keep(&file.to_bytes(), "repair", desk)?;
    let mut document = plan_document(&plan);
    if args.carry() == Carry::Out {
        agree(args, &plan, &keeping)?;
        document["done"] = carry_out(&plan, &copies, &mut keeping, desk)?;
    }
    keeping.watcher.meter.clear();
    desk.screen.document(&document);
    match args.carry() {
        Carry::Nothing if !plan.is_empty() => Ok(Exit::Damage),
        _ => Ok(exit(plan.stays.len())),
    }
}

fn open_all(urls: &[OsString], desk: &Desk) -> Result<Vec<Arc<dyn Store>>, Failure> {
    let copies = urls
        .iter()
        .map(|url| other_target(desk, url, ov_store::open));
    copies.collect()
}

fn agree(args: &Args, plan: &RepairPlan, keeping: &Keeping) -> Result<(), Failure> {
    let state = State::of(&keeping.opened.vault);
    let length = |pack| state.published_packs.get(pack).copied().unwrap_or(0);
    let fetched: u64 = plan.fetch.iter().map(|fetch| fetch.bytes).sum();
    let given_up: u64 = plan.give_up.iter().map(length).sum();
    let all = RawStats::of(&keeping.opened.vault, &state).bytes();
    args.plan
        .agreed("This concerns", fetched.saturating_add(given_up), all)
}

fn carry_out(
    plan: &RepairPlan,
    copies: &[Arc<dyn Store>],
    keeping: &mut Keeping,
    desk: &Desk,
) -> Result<Value, Failure> {
    let (vault, keeper) = keeping.split();
    let report = repair::apply(vault, &keeper, plan, copies)?;
    keeping.watcher.meter.clear();
    desk.screen.line(format_args!(
        "{GOOD}Mended:{GOOD:#} {} fetched ({}), {} frames moved, {} packs and {} records given up.",
        amount::of(report.fetched, "object", "objects"),
        amount::bytes(report.bytes),
        report.frames_moved,
        report.condemned,
        report.records_given_up
    ));
    Ok(report_document(&report))
}

/// Every byte is read: what is not looked at cannot be mended.
fn plan(keeping: &mut Keeping, copies: &[Arc<dyn Store>]) -> Result<RepairPlan, Failure> {
    let secrets = keeping.opened.secrets()?;
    let Keeping {
        opened, watcher, ..
    } = &mut *keeping;
    let checking = Checking {
        secrets: Some(&secrets),
        clock: &SystemClock,
        monitor: watcher,
        verified: None,
    };
    let report = check(&mut opened.vault, &checking, Depth::Read)?;
    let (vault, keeper) = keeping.split();
    Ok(repair::plan(vault, &keeper, &report, copies)?)
}

fn print_plan(plan: &RepairPlan, desk: &Desk) {
    for fetch in &plan.fetch {
        desk.screen.line(format_args!(
            "fetch    {} ({})",
            fetch.object,
            amount::bytes(fetch.bytes)
        ));
    }
    for pack in &plan.give_up {
        desk.screen.line(format_args!("give up  pack {pack}"));
    }
    for record in &plan.give_up_records {
        desk.screen.line(format_args!(
            "give up  record {} of log {}",
            record.number, record.log
        ));
    }
    for (name, frames) in &plan.lost {
        desk.screen.warn(format_args!(
            "snapshot {} would lose {frames} frames",
            short(name)
        ));
    }
    for finding in &plan.stays {
        desk.screen
            .warn(format_args!("{finding}: nothing can be done about it here"));
    }
    if plan.is_empty() && plan.stays.is_empty() {
        desk.screen.line("Nothing is damaged.");
    }
}

fn plan_document(plan: &RepairPlan) -> Value {
    json!({
        "fetch": plan.fetch.iter().map(|fetch| fetch.object.to_string()).collect::<Vec<_>>(),
        "give_up": plan.give_up.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "give_up_records": plan
            .give_up_records
            .iter()
            .map(|record| json!({"log": record.log.to_string(), "number": record.number}))
            .collect::<Vec<_>>(),
        "stays": plan.stays.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "done": null,
    })
}

fn report_document(report: &RepairReport) -> Value {
    json!({
        "fetched": report.fetched,
        "bytes": report.bytes,
        "frames_moved": report.frames_moved,
        "records_given_up": report.records_given_up,
        "condemned": report.condemned,
        "frames_lost": report.frames_lost,
    })
}
