//! `find`: in which snapshots a name is, and what is held of somebody or something.

use ov_catalog::{Question, as_of};
use ov_clinical::Ident;
use ov_restore::SnapshotInfo;
use ov_terminal::screen::{BOLD, Form};
use ov_terminal::{Desk, Exit, Failure, amount};
use serde_json::json;

use crate::entry_view;
use crate::explain;
use crate::holdings;
use crate::links;
use crate::reading::{Reading, Which};

/// What `find` takes.
#[derive(clap::Args, Debug)]
#[command(group = clap::ArgGroup::new("what").required(true).args([
    "pattern", "patient", "study", "sample", "trial", "resource", "unassigned",
]))]
pub struct Args {
    /// A pattern: a name, or a path that begins with a slash; `*` `?` `[…]` and `**`
    #[arg(value_name = "PATTERN")]
    pattern: Option<String>,

    /// Only in this snapshot (may be given more than once)
    #[arg(long, short, value_name = "SNAP")]
    snapshot: Vec<String>,

    /// Mode, owner, size and time too
    #[arg(long, short, requires = "pattern")]
    long: bool,

    /// Only as it was at this moment: the last snapshot of each source that is not after it
    #[arg(long, value_name = "TIME", conflicts_with_all = ["snapshot", "pattern"])]
    at: Option<String>,

    #[command(flatten)]
    about: About,

    #[command(flatten)]
    which: Which,
}

/// Whom or what files are to be about.
#[derive(clap::Args, Debug)]
#[command(next_help_heading = "What files are about")]
struct About {
    /// Files of this patient; ID@ for one whose issuer nobody names
    #[arg(long, value_name = "ID[@ISSUER]")]
    patient: Option<String>,

    /// DICOM objects of this study
    #[arg(long, value_name = "UID")]
    study: Option<String>,

    /// Sequencing files of this sample
    #[arg(long, value_name = "NAME")]
    sample: Option<String>,

    /// Files of a subject of this trial
    #[arg(long, value_name = "ID", requires = "subject")]
    trial: Option<String>,

    /// The subject's key in the trial
    #[arg(long, value_name = "N", requires = "trial")]
    subject: Option<String>,

    /// Files with this FHIR resource
    #[arg(long, value_name = "TYPE/ID")]
    resource: Option<String>,

    /// All files that name no patient, with the reason; never a guess whose they might be
    #[arg(long)]
    unassigned: bool,
}

impl About {
    fn question(&self) -> Result<Question, Failure> {
        let ident = |text: &Option<String>| text.as_deref().and_then(Ident::new);
        let question = if let Some(patient) = &self.patient {
            Question::patient(patient)
        } else if self.study.is_some() {
            ident(&self.study).map(Question::Study)
        } else if self.sample.is_some() {
            ident(&self.sample).map(Question::Sample)
        } else if let Some(resource) = &self.resource {
            Question::resource(resource)
        } else if self.trial.is_some() {
            let both = ident(&self.trial).zip(ident(&self.subject));
            both.map(|(trial, subject)| Question::Subject { trial, subject })
        } else {
            Some(Question::Unassigned)
        };
        question.ok_or_else(|| {
            Failure::usage("this can be nobody's identifier")
                .help("give ID or ID@ISSUER, a UID, a name, or a FHIR resource as Type/id")
        })
    }
}

/// Finds names, or what is held.
pub fn run(args: &Args, desk: &Desk) -> Result<Exit, Failure> {
    match &args.pattern {
        Some(pattern) => find_names(pattern, args, desk),
        None => find_held(args, desk),
    }
}

fn find_held(args: &Args, desk: &Desk) -> Result<Exit, Failure> {
    let asked = args.about.question()?;
    let at = args.at.as_deref().map(holdings::moment_of).transpose()?;
    let reading = Reading::open(desk)?;
    reading.require_reader("find files")?;
    let mut snapshots = chosen(args, &reading)?;
    if at.is_some() {
        snapshots = as_of(snapshots, at.as_ref());
    }
    let known = links::read(&reading, desk)?;
    let question = links::follow(asked, &known, desk);
    let graph = reading.graph()?;
    let reader = reading.reader(&graph);
    let found = holdings::ask(desk, &reading, &reader, &snapshots, &question);
    holdings::tell_identities(&found, &question, desk);
    holdings::print(&found, desk);
    match holdings::span(&found) {
        None => desk.screen.note("Nothing found."),
        Some((from, to)) => {
            let files = u64::try_from(found.holdings.len()).unwrap_or(u64::MAX);
            holdings::print_reasons(&found, desk);
            desk.screen.line(format_args!(
                "{}, held from {} to {}.",
                amount::of(files, "file", "files"),
                ov_terminal::moment::local(from),
                ov_terminal::moment::local(to)
            ));
        }
    }
    holdings::tell_limits(&found, desk);
    desk.screen.document(&holdings::document(&found, &question));
    match known.whole && found.failed.is_empty() && found.unreadable == 0 {
        true => Ok(Exit::Done),
        false => Ok(Exit::Damage),
    }
}

fn chosen<'r>(args: &Args, reading: &'r Reading) -> Result<Vec<&'r SnapshotInfo>, Failure> {
    if args.snapshot.is_empty() {
        return Ok(reading.snapshots.filtered(&args.which.filters()).collect());
    }
    let specs = args.snapshot.iter();
    let chosen = specs.map(|spec| reading.select(spec, &args.which));
    chosen.collect()
}

fn find_names(pattern: &str, args: &Args, desk: &Desk) -> Result<Exit, Failure> {
    let reading = Reading::open(desk)?;
    reading.require_reader("find files")?;
    let snapshots = chosen(args, &reading)?;
    let graph = reading.graph()?;
    let reader = reading.reader(&graph);
    let mut last = None;
    let mut documents = Vec::new();
    let failed = ov_restore::find(&reader, snapshots, pattern, &mut |hit| {
        if desk.screen.form == Form::Json {
            let mut document = entry_view::document(&hit.entry);
            document["snapshot_id"] = json!(hit.snapshot.id());
            documents.push(document);
            return;
        }
        if last.replace(hit.snapshot.commit) != Some(hit.snapshot.commit) {
            let time = ov_terminal::moment::local(hit.snapshot.snapshot.time);
            let id = hit.snapshot.short_id();
            desk.screen
                .line(format_args!("{BOLD}Snapshot {id} of {time}{BOLD:#}"));
        }
        match args.long {
            true => desk
                .screen
                .line(format_args!("  {}", entry_view::long(&hit.entry))),
            false => desk
                .screen
                .line(format_args!("  {}", entry_view::path(&hit.entry))),
        }
    })
    .map_err(explain::filter)?;
    for (info, error) in &failed {
        desk.screen
            .warn(format_args!("snapshot {}: {error}", info.short_id()));
    }
    if last.is_none() {
        desk.screen.note("Nothing found.");
    }
    desk.screen.document(&json!({"hits": documents}));
    match failed.is_empty() {
        true => Ok(Exit::Done),
        false => Ok(Exit::Damage),
    }
}
