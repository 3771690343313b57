//! `run`: what is due, or what a person wants now, as the configuration says.

use std::fmt::Display;
use std::path::Path;

use ov_program::config::Name;
use ov_program::event::Event;
use ov_program::history::{Entry, HistoryError, Measures, Outcome};
use ov_program::notify::{Label, Notifier, Notify, Teller};
use ov_program::runner::{Ended, RunError, RunReport, Which};
use ov_program::{Config, History, Jobs, Observer, Runner, Task, ThisMachine};
use ov_seal::keyfile::KeyFacts;
use ov_vault::SystemClock;
use serde_json::{Value, json};

use crate::configuration;
use crate::desk::Desk;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::machine;
use crate::screen::{BAD, GOOD, Screen};
use crate::standing::{self, NamesOf};
use crate::verb::status;

/// What `run` takes.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// These datasets, now [default: all]
    #[arg(value_name = "DATASET", conflicts_with = "due")]
    datasets: Vec<Name>,

    /// What is due, and nothing else: this is what a timer calls
    #[arg(long)]
    due: bool,
}

/// What a program's jobs work with.
#[derive(Clone, Copy)]
pub struct Site<'s> {
    /// The options are those of the configuration.
    pub desk: &'s Desk,
    /// The configuration.
    pub config: &'s Config,
    /// Whose key it is.
    pub facts: &'s KeyFacts,
}

/// What a program can do.
pub type JobsOf = for<'s> fn(Site<'s>) -> Box<dyn Jobs + 's>;

/// Does what is due, or what is asked for.
///
/// `names` tells datasets apart, where a key opens that.
pub fn run(
    args: &Args,
    desk: &Desk,
    jobs: JobsOf,
    names: Option<NamesOf>,
) -> Result<Exit, Failure> {
    let (_, config) = configuration::read(&desk.options)?;
    let mut options = desk.options.clone();
    configuration::fill(&mut options, &config)?;
    let desk = Desk::new(options);
    let facts = desk.key_file()?.facts().clone();
    let folder = desk.member_state(&facts)?;
    let site = Site {
        desk: &desk,
        config: &config,
        facts: &facts,
    };
    let mut jobs = jobs(site);
    let mut machine = ThisMachine {
        clock: &SystemClock,
    };
    let mut told = observers(&desk, &config, &folder);
    let mut history = History::open(&folder)?;
    let mut runner = Runner {
        config: &config,
        host: &machine::host(),
        history: &mut history,
        jobs: &mut *jobs,
        machine: &mut machine,
        observer: &mut told,
    };
    let report = runner.run(&which(args))?;
    drop(told);
    if is_worth_a_look(&report, args, &config) {
        status::follow_up(&desk, &config, names);
    }
    desk.screen.document(&document(&report));
    if report.done.is_empty() && report.busy.is_empty() {
        desk.screen.line("Nothing is due.");
    }
    Ok(Exit::of_code(report.exit()))
}

/// Whether it is looked how things stand: to tell others, and every night, when forecasts of the
/// growth are tried against what came.
fn is_worth_a_look(report: &RunReport, args: &Args, config: &Config) -> bool {
    let others = config.notify != Notify::default();
    let checked = report.done.iter().any(|entry| entry.task == Task::Check);
    checked || others && (args.due || !report.done.is_empty())
}

/// Who is told of each task: a person, and whoever the configuration names.
fn observers<'o>(desk: &'o Desk, config: &'o Config, folder: &Path) -> Vec<Box<dyn Observer + 'o>> {
    let person = Told {
        screen: desk.screen,
    };
    let notifier = Notifier::new(&config.notify, folder);
    let screen = desk.screen;
    let vault = Label::of(&machine::host());
    let others = Teller::new(notifier, vault, standing::now, move |failed| {
        screen.warn(failed);
    });
    vec![Box::new(person), Box::new(others)]
}

/// How a verb ended, with what its document counts. A failure is shown.
pub fn ended(done: Result<(Value, Exit), Failure>, site: &Site<'_>) -> Ended {
    match done {
        Ok((document, exit)) => Ended {
            exit: exit.code(),
            measures: measures(&document),
        },
        Err(failure) => {
            site.desk.screen.failure(&failure);
            Ended {
                exit: failure.exit.code(),
                measures: Measures::default(),
            }
        }
    }
}

fn measures(document: &Value) -> Measures {
    let number = |key: &str| document.get(key).and_then(Value::as_u64).unwrap_or(0);
    let findings = document.get("findings").and_then(Value::as_array);
    Measures {
        files_new: number("files_new"),
        files_changed: number("files_changed"),
        files_unmodified: number("files_unmodified"),
        files_unreadable: number("files_unreadable"),
        bytes: number("bytes"),
        bytes_read: number("bytes_read"),
        bytes_stored: number("bytes_stored"),
        errors: findings.map_or(0, |findings| findings.len() as u64),
    }
}

fn which(args: &Args) -> Which {
    match (args.due, args.datasets.is_empty()) {
        (true, _) => Which::Due,
        (false, true) => Which::All,
        (false, false) => Which::Named(args.datasets.clone()),
    }
}

fn document(report: &RunReport) -> Value {
    let done = report.done.iter().map(|entry| json!(entry));
    let busy = report.busy.iter().map(ToString::to_string);
    json!({
        "tasks": done.collect::<Vec<_>>(),
        "busy": busy.collect::<Vec<_>>(),
        "hooks_failed": report.hooks_failed,
    })
}

/// Tells a person.
struct Told {
    screen: Screen,
}

impl Observer for Told {
    fn event(&mut self, event: &Event<'_>) {
        let screen = &self.screen;
        match event {
            Event::Started { task, why: None } => screen.note(format_args!("{}…", Shown(task))),
            Event::Started {
                task,
                why: Some(why),
            } => screen.note(format_args!("{}, because {why}…", Shown(task))),
            Event::Busy { task } => {
                screen.warn(format_args!("another run is at work: {}", Shown(task)));
            }
            Event::Retrying { task, exit, wait } => screen.warn(format_args!(
                "{} ended with exit code {exit}; again in {wait}",
                Shown(task)
            )),
            Event::HookFailed { task, point, error } => screen.warn(format_args!(
                "{}: hook `{}`: {error}",
                Shown(task),
                point.as_str()
            )),
            Event::RpoMissed {
                dataset,
                age_seconds,
                rpo,
            } => screen.warn(format_args!(
                "the newest snapshot of dataset {dataset} is {} h old, and may be {rpo}",
                age_seconds / 3600
            )),
            Event::Ended { entry, .. } => tell_end(screen, entry),
        }
    }
}

fn tell_end(screen: &Screen, entry: &Entry) {
    let task = Shown(&entry.task);
    let seconds = entry.seconds();
    match entry.outcome {
        Outcome::Done => screen.line(format_args!("{GOOD}{task}{GOOD:#}: done ({seconds} s).")),
        Outcome::Gaps => screen.line(format_args!(
            "{GOOD}{task}{GOOD:#}: done, but not all could be read ({seconds} s)."
        )),
        Outcome::Away => screen.line(format_args!("{task}: it is not there now.")),
        Outcome::Interrupted => screen.line(format_args!("{task}: interrupted.")),
        Outcome::Failed => screen.line(format_args!(
            "{BAD}{task}{BAD:#}: failed with exit code {}.",
            entry.exit
        )),
    }
}

/// A task, for people.
struct Shown<'t>(&'t Task);

impl Display for Shown<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            Task::Dataset(name) => write!(f, "Back up {name}"),
            Task::Copy(name) => write!(f, "Copy to {name}"),
            Task::Accept => f.write_str("Accept"),
            Task::Lock => f.write_str("Renew locks"),
            Task::Forget => f.write_str("Forget"),
            Task::Prune => f.write_str("Prune"),
            Task::Check => f.write_str("Check"),
            Task::CheckCopy(name) => write!(f, "Check {name}"),
        }
    }
}

impl From<HistoryError> for Failure {
    fn from(error: HistoryError) -> Self {
        Self::of(Exit::Failed, &error).help("local state needs a folder: --state-dir DIR")
    }
}

impl From<RunError> for Failure {
    fn from(error: RunError) -> Self {
        let exit = match error {
            RunError::NoDataset { .. } => Exit::Usage,
            RunError::NoAgent(_) => Exit::WrongKey,
            _ => Exit::Failed,
        };
        Self::of(exit, &error)
    }
}
