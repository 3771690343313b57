//! `forget`: snapshots go, by name or by rule; `prune` then frees what they alone needed.

use std::collections::BTreeSet;

use ov_format::name::RecordName;
use ov_policy::retention::{RuleError, parse_count};
use ov_policy::{Emptying, Rules, Span, TagList, Verdict};
use ov_terminal::screen::{BOLD, WARNING, shown};
use ov_terminal::{Desk, Exit, Failure, age, amount};
use ov_vault::State;
use ov_vault::finding::short;
use ov_vault::forget::{self, ForgetOptions, ForgetPlan};
use serde_json::{Value, json};

use crate::keeping::{Keeping, full_ids};
use crate::planning::{Carry, PlanArgs};
use crate::prune;

/// What `forget` takes.
#[derive(clap::Args, Debug)]
#[command(group = clap::ArgGroup::new("rules").multiple(true).conflicts_with_all(["snapshots", "apply"]))]
pub struct Args {
    /// Snapshots to forget: beginnings of ids, `latest` or `latest~N`
    #[arg(value_name = "SNAP", conflicts_with = "apply")]
    snapshots: Vec<String>,

    #[command(flatten)]
    keep: Keep,

    /// What rules count together, always of one agent: dataset, and as a finer grouping host, tags
    /// or paths, separated by commas (for these a key that reads is needed)
    #[arg(long, value_name = "LIST", value_delimiter = ',', default_value = "dataset",
          conflicts_with_all = ["snapshots", "apply"])]
    group_by: Vec<Trait>,

    /// Let a dataset be left with nothing
    #[arg(long)]
    allow_empty: bool,

    /// Free what is not needed any more
    #[arg(long, conflicts_with_all = ["plan", "dry_run"])]
    prune: bool,

    #[command(flatten)]
    plan: PlanArgs,
}

/// What tells groups of snapshots apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum)]
pub enum Trait {
    /// The dataset.
    Dataset,
    /// The host.
    Host,
    /// The tags it has now.
    Tags,
    /// What was asked for.
    Paths,
}

/// What the rules keep.
#[derive(clap::Args, Debug)]
#[command(next_help_heading = "What is kept, of each agent and dataset")]
struct Keep {
    /// The newest N
    #[arg(long, short = 'l', value_name = "N", value_parser = count, group = "rules")]
    keep_last: Option<u32>,
    /// The newest of each of N hours
    #[arg(long, short = 'H', value_name = "N", value_parser = count, group = "rules")]
    keep_hourly: Option<u32>,
    /// The newest of each of N days
    #[arg(long, short = 'd', value_name = "N", value_parser = count, group = "rules")]
    keep_daily: Option<u32>,
    /// The newest of each of N weeks
    #[arg(long, short = 'w', value_name = "N", value_parser = count, group = "rules")]
    keep_weekly: Option<u32>,
    /// The newest of each of N months
    #[arg(long, short = 'm', value_name = "N", value_parser = count, group = "rules")]
    keep_monthly: Option<u32>,
    /// The newest of each of N quarters
    #[arg(long, value_name = "N", value_parser = count, group = "rules")]
    keep_quarterly: Option<u32>,
    /// The newest of each of N years
    #[arg(long, short = 'y', value_name = "N", value_parser = count, group = "rules")]
    keep_yearly: Option<u32>,
    /// All within this long before the newest, like 2y5m7d3h
    #[arg(long, value_name = "AGE", value_parser = age::span, group = "rules")]
    keep_within: Option<Span>,
    /// The newest of each hour within this long
    #[arg(long, value_name = "AGE", value_parser = age::span, group = "rules")]
    keep_within_hourly: Option<Span>,
    /// The newest of each day within this long
    #[arg(long, value_name = "AGE", value_parser = age::span, group = "rules")]
    keep_within_daily: Option<Span>,
    /// The newest of each week within this long
    #[arg(long, value_name = "AGE", value_parser = age::span, group = "rules")]
    keep_within_weekly: Option<Span>,
    /// The newest of each month within this long
    #[arg(long, value_name = "AGE", value_parser = age::span, group = "rules")]
    keep_within_monthly: Option<Span>,
    /// The newest of each year within this long
    #[arg(long, value_name = "AGE", value_parser = age::span, group = "rules")]
    keep_within_yearly: Option<Span>,
    /// All with these tags, separated by commas (a key that reads is needed)
    #[arg(long, value_name = "TAGS", value_parser = tags, group = "rules")]
    keep_tag: Vec<TagList>,
}

fn count(text: &str) -> Result<u32, RuleError> {
    parse_count(text)
}

fn tags(text: &str) -> Result<TagList, RuleError> {
    text.parse()
}

impl Keep {
    fn rules(&self) -> Rules {
        Rules {
            last: self.keep_last,
            hourly: self.keep_hourly,
            daily: self.keep_daily,
            weekly: self.keep_weekly,
            monthly: self.keep_monthly,
            quarterly: self.keep_quarterly,
            yearly: self.keep_yearly,
            within: self.keep_within,
            within_hourly: self.keep_within_hourly,
            within_daily: self.keep_within_daily,
            within_weekly: self.keep_within_weekly,
            within_monthly: self.keep_within_monthly,
            within_yearly: self.keep_within_yearly,
            keep_tags: self.keep_tag.clone(),
            ..Rules::default()
        }
    }
}

impl Args {
    /// Whether tags decide anything.
    pub fn asks_for_tags(&self) -> bool {
        !self.keep.keep_tag.is_empty()
    }

    /// What tells groups apart beside agent and dataset, which always do.
    pub fn finer(&self) -> Result<BTreeSet<Trait>, Failure> {
        let mut traits: BTreeSet<Trait> = self.group_by.iter().copied().collect();
        match traits.remove(&Trait::Dataset) {
            true => Ok(traits),
            false => Err(Failure::usage(
                "--group-by without dataset: snapshots of different datasets are never counted \
                 together",
            )
            .help("possible are dataset, and dataset with any of host, tags and paths")),
        }
    }
}

/// Plans and forgets, with a key that reads no tags, hosts and paths.
pub fn run(args: &Args, desk: &Desk) -> Result<Exit, Failure> {
    if args.asks_for_tags() {
        return Err(Failure::usage("--keep-tag needs a program that reads tags")
            .help("use `oncovault forget` with a reader's key"));
    }
    if !args.finer()?.is_empty() {
        let message = "a keeper cannot read hosts, tags and paths: --group-by dataset is possible";
        return Err(Failure::new(Exit::WrongKey, message)
            .help("use `oncovault forget` with a reader's key"));
    }
    let mut keeping = Keeping::open(desk)?;
    forget(args, &mut keeping, ForgetOptions::default(), desk)
}

/// Plans and forgets, by what is known beside the records that a keeper reads.
pub fn forget(
    args: &Args,
    keeping: &mut Keeping,
    known: ForgetOptions,
    desk: &Desk,
) -> Result<Exit, Failure> {
    let plan = plan(args, keeping, known)?;
    print(&plan, desk);
    args.plan.keep(&plan.encode(), "forget", desk)?;
    let mut document = document(&plan);
    if args.plan.carry() == Carry::Nothing {
        desk.screen.document(&document);
        return Ok(Exit::Done);
    }
    let (vault, keeper) = keeping.split();
    let record = forget::apply(vault, &keeper, &plan)?;
    document["done"] = json!(record.is_some());
    let mut exit = Exit::Done;
    if args.prune {
        let (pruned, ended) = prune::after_forget(keeping, &args.plan, desk)?;
        document["prune"] = pruned;
        exit = ended;
    }
    keeping.watcher.meter.clear();
    desk.screen.document(&document);
    Ok(exit)
}

/// Forgets by rules, as a configuration says them, and tells people how much.
pub fn by_rules(
    keeping: &mut Keeping,
    rules: &Rules,
    known: &ForgetOptions,
    desk: &Desk,
) -> Result<Value, Failure> {
    let (vault, keeper) = keeping.split();
    let plan = forget::plan_by_rules(vault, &keeper, rules, known)?;
    let record = forget::apply(vault, &keeper, &plan)?;
    let mut document = document(&plan);
    document["done"] = json!(record.is_some());
    keeping.watcher.meter.clear();
    summary(&plan, desk);
    Ok(document)
}

fn plan(args: &Args, keeping: &mut Keeping, known: ForgetOptions) -> Result<ForgetPlan, Failure> {
    if let Some(plan) = args.plan.given(ForgetPlan::decode)? {
        refuse_held(plan.forgotten(), &State::of(&keeping.opened.vault))?;
        return Ok(plan);
    }
    let options = ForgetOptions {
        emptying: match args.allow_empty {
            true => Emptying::Allowed,
            false => Emptying::Refused,
        },
        ..known
    };
    let names = keeping.select(&args.snapshots)?;
    let (vault, keeper) = keeping.split();
    if names.is_empty() {
        let rules = args.keep.rules();
        return Ok(forget::plan_by_rules(vault, &keeper, &rules, &options)?);
    }
    let plan = forget::plan_by_names(vault, &keeper, &names, &options)?;
    refuse_held(&names, &State::of(vault))?;
    Ok(plan)
}

/// Who names a snapshot, or a plan that does, wants just that one to go: a hold over it must not be
/// passed over in silence.
fn refuse_held<'n>(
    names: impl IntoIterator<Item = &'n RecordName>,
    state: &State,
) -> Result<(), Failure> {
    let over = |name: &RecordName| state.holds.iter().find(|hold| hold.commits.contains(name));
    let found = names.into_iter().find_map(|name| Some((name, over(name)?)));
    let Some((snapshot, hold)) = found else {
        return Ok(());
    };
    let (snapshot, id) = (short(snapshot), short(&hold.name));
    let reason = shown(hold.reason.as_bytes());
    let message =
        format!("snapshot {snapshot} is held by hold {id} ({reason}): nothing was forgotten");
    Err(Failure::new(Exit::Refused, message)
        .help(format!("an admin may end it: `hold release {id}`")))
}

fn print(plan: &ForgetPlan, desk: &Desk) {
    for group in plan.groups() {
        desk.screen
            .line(format_args!("{BOLD}{}{BOLD:#}", group.group));
        for (name, verdict) in &group.verdicts {
            match verdict {
                Verdict::Keep(reasons) => {
                    let reasons: Vec<String> = reasons.iter().map(ToString::to_string).collect();
                    desk.screen.line(format_args!(
                        "  keep    {}  {}",
                        short(name),
                        reasons.join("; ")
                    ));
                }
                Verdict::Forget => {
                    desk.screen.line(format_args!(
                        "  {WARNING}forget{WARNING:#}  {}",
                        short(name)
                    ));
                }
            }
        }
    }
    summary(plan, desk);
}

fn summary(plan: &ForgetPlan, desk: &Desk) {
    let going = amount::of(plan.forgotten().count() as u64, "snapshot", "snapshots");
    desk.screen.line(format_args!(
        "{going} to forget, {} kept.",
        plan.kept().count()
    ));
}

fn document(plan: &ForgetPlan) -> Value {
    let reasons = plan
        .groups()
        .iter()
        .flat_map(|group| &group.verdicts)
        .map(|(name, verdict)| {
            let reasons = match verdict {
                Verdict::Keep(reasons) => reasons.iter().map(ToString::to_string).collect(),
                Verdict::Forget => Vec::new(),
            };
            json!({"id": name.hash.to_string(), "keep": verdict.is_keep(), "reasons": reasons})
        });
    json!({
        "forget": full_ids(plan.forgotten()),
        "keep": full_ids(plan.kept()),
        "snapshots": reasons.collect::<Vec<_>>(),
        "done": false,
        "prune": null,
    })
}
