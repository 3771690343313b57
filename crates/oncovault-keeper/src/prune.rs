//! `prune`: free what no snapshot needs any more.

use ov_format::cbor::Wire;
use ov_policy::MaxUnused;
use ov_terminal::{Desk, Exit, Failure, age, amount};
use ov_vault::prune::{self, Fate, Lists, PruneOptions, PrunePlan, PruneReport};
use serde_json::{Value, json};

use crate::keeping::{Keeping, exit};
use crate::planning::{self, Carry, PlanArgs};
use crate::prune_file::PruneFile;

/// What `prune` takes.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// How much unused data may remain: 5%, 2G or unlimited
    #[arg(long, value_name = "AMOUNT", default_value = "5%", value_parser = read_unused,
          conflicts_with = "apply")]
    max_unused: MaxUnused,

    /// Wait this long between condemning a pack and deleting it [default: 7d; 0d for a vault of one
    /// member on a target that lists at once]
    #[arg(long, value_name = "AGE", value_parser = age::seconds, conflicts_with = "apply")]
    grace: Option<u64>,

    #[command(flatten)]
    plan: PlanArgs,
}

/// Plans and prunes.
pub fn run(args: &Args, desk: &Desk) -> Result<Exit, Failure> {
    let mut keeping = Keeping::open(desk)?;
    let (document, exit) = prune(&mut keeping, args, desk)?;
    desk.screen.document(&document);
    Ok(exit)
}

/// The usual prune, about which nobody is asked.
pub fn usual(keeping: &mut Keeping, desk: &Desk) -> Result<(Value, Exit), Failure> {
    usual_with(keeping, PlanArgs::decided(), desk)
}

/// The usual prune after a forget: it is asked about unless that was said to need no asking.
pub fn after_forget(
    keeping: &mut Keeping,
    forget: &PlanArgs,
    desk: &Desk,
) -> Result<(Value, Exit), Failure> {
    usual_with(keeping, forget.again(), desk)
}

fn usual_with(
    keeping: &mut Keeping,
    plan: PlanArgs,
    desk: &Desk,
) -> Result<(Value, Exit), Failure> {
    let usual = Args {
        max_unused: MaxUnused::Percent(5),
        grace: None,
        plan,
    };
    prune(keeping, &usual, desk)
}

fn prune(keeping: &mut Keeping, args: &Args, desk: &Desk) -> Result<(Value, Exit), Failure> {
    let given = args.plan.given(planning::decode::<PruneFile>)?;
    let lists = keeping.lists(desk)?;
    let (vault, keeper) = keeping.split();
    let usual = PruneOptions::usual(vault, lists);
    let asked = given.as_ref().map(|file| file.grace_seconds).or(args.grace);
    let options = PruneOptions {
        max_unused: args.max_unused,
        grace_seconds: grace(asked, lists, usual.grace_seconds, desk),
        ..usual
    };
    let mut plan = prune::plan(vault, &keeper, &options)?;
    if let Some(file) = &given {
        file.put_into(&mut plan, vault)?;
    }
    print_plan(&plan, desk);
    let plan_document = plan_document(&plan);
    let file = PruneFile::of(&plan, vault).to_bytes();
    args.plan.keep(&file, "prune", desk)?;
    if args.plan.carry() == Carry::Nothing {
        keeping.watcher.meter.clear();
        return Ok((json!({"plan": plan_document, "done": null}), Exit::Done));
    }
    let before = plan.stored_after_bytes.saturating_add(plan.freed_bytes);
    args.plan.agreed("This frees", plan.freed_bytes, before)?;
    let report = prune::apply(vault, &keeper, &plan)?;
    keeping.watcher.meter.clear();
    for finding in &report.findings {
        desk.screen.warn(finding);
    }
    print_report(&report, options.grace_seconds, desk);
    let done = report_document(&report);
    Ok((
        json!({"plan": plan_document, "done": done}),
        exit(report.findings.len()),
    ))
}

/// The grace that was asked for. Where listings lag, it is what makes deleting safe, so there it is
/// never shorter than usual.
pub fn grace(asked: Option<u64>, lists: Lists, usual: i64, desk: &Desk) -> i64 {
    let Some(asked) = asked else { return usual };
    let asked = i64::try_from(asked).unwrap_or(i64::MAX);
    if lists == Lists::Late && asked < usual {
        desk.screen
            .warn("this target does not list at once what was written: the usual grace holds");
        return usual;
    }
    asked
}

fn print_plan(plan: &PrunePlan, desk: &Desk) {
    let count = |fate| plan.going.iter().filter(|going| going.fate == fate).count();
    desk.screen.line(format_args!(
        "Plan: delete {} packs, repack {} ({} copied), remove {} left by dead runs; keep {}; frees {}",
        count(Fate::Delete),
        count(Fate::Repack),
        amount::bytes(plan.copied_bytes),
        count(Fate::Unpublished),
        plan.kept,
        amount::bytes(plan.freed_bytes)
    ));
    for going in &plan.going {
        let fate = match going.fate {
            Fate::Delete => "delete",
            Fate::Repack => "repack",
            Fate::Unpublished => "remove",
        };
        desk.screen.detail(format_args!("{fate} {}", going.object));
    }
    for finding in &plan.blocked {
        desk.screen.warn(finding);
    }
}

fn print_report(report: &PruneReport, grace_seconds: i64, desk: &Desk) {
    desk.screen.line(format_args!(
        "Deleted {} with {}.",
        amount::of(report.deleted, "object", "objects"),
        amount::bytes(report.freed_bytes)
    ));
    if report.waiting > 0 {
        desk.screen.line(format_args!(
            "{} condemned; a prune after {} hours deletes what nobody has claimed.",
            amount::of(report.waiting, "object is", "objects are"),
            grace_seconds / 3600
        ));
    }
}

fn plan_document(plan: &PrunePlan) -> Value {
    let going = plan.going.iter().map(|going| {
        json!({
            "object": going.object.to_string(),
            "fate": match going.fate {
                Fate::Delete => "delete",
                Fate::Repack => "repack",
                Fate::Unpublished => "unpublished",
            },
            "bytes": going.stored_bytes,
            "used_bytes": going.used_bytes,
        })
    });
    json!({
        "going": going.collect::<Vec<_>>(),
        "condemned_before": plan.condemned.len(),
        "kept": plan.kept,
        "waiting": plan.waiting,
        "copied_bytes": plan.copied_bytes,
        "freed_bytes": plan.freed_bytes,
        "unused_after_bytes": plan.unused_after_bytes,
        "grace_seconds": plan.options.grace_seconds,
        "blocked": plan.blocked.iter().map(ToString::to_string).collect::<Vec<_>>(),
    })
}

fn report_document(report: &PruneReport) -> Value {
    json!({
        "condemned": report.condemned,
        "deleted": report.deleted,
        "freed_bytes": report.freed_bytes,
        "copied_bytes": report.copied_bytes,
        "rescued_frames": report.rescued_frames,
        "waiting": report.waiting,
        "findings": report.findings.iter().map(ToString::to_string).collect::<Vec<_>>(),
    })
}

fn read_unused(text: &str) -> Result<MaxUnused, String> {
    let wrong = || "write 5%, 2G or unlimited".to_owned();
    if text == "unlimited" {
        return Ok(MaxUnused::Unlimited);
    }
    if let Some(percent) = text.strip_suffix('%') {
        let percent = percent.parse().ok().filter(|percent| *percent <= 100);
        return percent.map(MaxUnused::Percent).ok_or_else(wrong);
    }
    let digits = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let shift = match unit.to_ascii_lowercase().as_str() {
        "" => 0,
        "k" => 10,
        "m" => 20,
        "g" => 30,
        "t" => 40,
        _ => return Err(wrong()),
    };
    let bytes = number
        .parse::<u64>()
        .ok()
        .and_then(|number| number.checked_mul(1 << shift));
    bytes.map(MaxUnused::Bytes).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_of_unused_data_are_read() {
        assert_eq!(read_unused("5%"), Ok(MaxUnused::Percent(5)));
        assert_eq!(read_unused("2G"), Ok(MaxUnused::Bytes(2 << 30)));
        assert_eq!(read_unused("unlimited"), Ok(MaxUnused::Unlimited));
        for wrong in ["", "101%", "2X", "99999999999999T"] {
            assert!(read_unused(wrong).is_err(), "{wrong}");
        }
    }
}
