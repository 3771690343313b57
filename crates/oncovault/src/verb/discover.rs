//! `discover`: what is in folders, what it is worth, what is missing, and what to protect.

mod document;
mod told;

use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use oncovault_agent::jobs::source_of;
use oncovault_agent::source::LeaveOut;
use ov_discover::{
    About, Depth, DiscoverError, Keep, Options, Proposal, Protection, Survey, Watch, page, propose,
    survey,
};
use ov_store::TargetUrl;
use ov_terminal::meter::{Meter, Status};
use ov_terminal::signals::{Interruption, Signals};
use ov_terminal::{Desk, Exit, Failure, configuration};

/// What `discover` takes.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// Files and folders
    #[arg(value_name = "PATH", required = true)]
    paths: Vec<PathBuf>,

    /// Write a page with a picture
    #[arg(long, value_name = "FILE.html")]
    html: Option<PathBuf>,

    /// Write a configuration to edit, with datasets for all that was found
    #[arg(long, value_name = "FILE.toml")]
    propose: Option<PathBuf>,

    /// Read DICOM files whole: finds the same data set under another header, versions, and cut files
    #[arg(long)]
    digests: bool,

    /// Show identifiers of patients, subjects, samples and objects, not only how many there are
    #[arg(long)]
    identifiers: bool,

    #[command(flatten)]
    leave_out: LeaveOut,
}

/// What a survey came to, to be shown.
pub(crate) struct Outcome<'a> {
    survey: &'a Survey,
    protection: Option<(String, Protection)>,
    proposal: Proposal,
    keep: Keep,
    args: &'a Args,
    seconds: f64,
}

/// Looks through the folders.
pub fn run(args: &Args, desk: &Desk) -> Result<Exit, Failure> {
    for file in args.html.iter().chain(&args.propose) {
        refuse_existing(file)?;
    }
    let meter = Meter::new(desk, Signals::listen(Interruption::AtOnce));
    let watcher = Watcher(&meter);
    let options = options(args);
    let looked = survey(&args.paths, args.leave_out.selection()?, &options, &watcher);
    let survey = looked.map_err(explained)?;
    let protection = protection(&survey, desk)?;
    meter.clear();
    let outcome = Outcome {
        proposal: propose(&survey).map_err(explained)?,
        survey: &survey,
        protection,
        keep: options.keep,
        args,
        seconds: meter.elapsed().as_secs_f64(),
    };
    write_files(&outcome, desk)?;
    told::tell(&outcome, desk);
    desk.screen.document(&document::document(&outcome));
    Ok(match survey.unread_count {
        0 => Exit::Done,
        _ => Exit::SourceUnread,
    })
}

fn options(args: &Args) -> Options {
    Options {
        threads: std::thread::available_parallelism()
            .map_or(1, usize::from)
            .min(8),
        depth: match args.digests {
            true => Depth::Digests,
            false => Depth::Facts,
        },
        keep: match args.identifiers {
            true => Keep::Identifiers,
            false => Keep::Counts,
        },
        now: Timestamp::now().as_second(),
    }
}

/// What the configuration protects of it, if there is one.
fn protection(survey: &Survey, desk: &Desk) -> Result<Option<(String, Protection)>, Failure> {
    if configuration::file(&desk.options).is_none() {
        return Ok(None);
    }
    let (file, config) = configuration::read(&desk.options)?;
    let mut protection = Protection::none(survey);
    for dataset in &config.dataset {
        // A program's output is no file that could be found here.
        if !dataset.command.is_empty() {
            continue;
        }
        match source_of(dataset) {
            Ok(origin) => protection.mark(survey, dataset.name.text(), &*origin.source),
            Err(failure) => desk.screen.warn(format_args!(
                "dataset {}: {}",
                dataset.name, failure.message
            )),
        }
    }
    Ok(Some((file.display().to_string(), protection)))
}

fn write_files(outcome: &Outcome<'_>, desk: &Desk) -> Result<(), Failure> {
    if let Some(file) = &outcome.args.propose {
        write(file, &outcome.proposal.to_toml(vault(desk)?.as_deref()))?;
    }
    if let Some(file) = &outcome.args.html {
        let about = About {
            version: env!("CARGO_PKG_VERSION"),
            compared: outcome.protection.as_ref().map(|(file, _)| &**file),
        };
        let protection = outcome
            .protection
            .as_ref()
            .map(|(_, protection)| protection);
        write(file, &page(outcome.survey, protection, &about))?;
    }
    Ok(())
}

/// The place of the vault as a configuration anywhere can name it.
fn vault(desk: &Desk) -> Result<Option<String>, Failure> {
    let Some(given) = &desk.options.vault else {
        return Ok(None);
    };
    let url = TargetUrl::from_os(given)?;
    let absolute = url
        .as_folder()
        .and_then(|path| std::path::absolute(path).ok());
    Ok(match absolute {
        Some(path) => path.to_str().map(str::to_owned),
        None => given.to_str().map(str::to_owned),
    })
}

fn refuse_existing(file: &Path) -> Result<(), Failure> {
    match file.symlink_metadata() {
        Err(_) => Ok(()),
        Ok(_) => Err(
            Failure::usage(format!("{} is already there", file.display()))
                .help("name another file, or take that one away; nothing was looked at"),
        ),
    }
}

/// Names of folders may name patients: for the owner's eyes only, never over another file.
fn write(file: &Path, text: &str) -> Result<(), Failure> {
    let failed = |error| Failure::failed(format!("cannot write {}: {error}", file.display()));
    let mut options = OpenOptions::new();
    let options = options.write(true).create_new(true).mode(0o600);
    let mut made = options.open(file).map_err(failed)?;
    made.write_all(text.as_bytes())
        .and_then(|()| made.sync_all())
        .map_err(failed)
}

fn explained(error: DiscoverError) -> Failure {
    match error {
        DiscoverError::Stopped => Failure::of(Exit::Interrupted, &error),
        DiscoverError::Source(ov_source::SourceError::Missing { .. }) => {
            Failure::of(Exit::Usage, &error).help("look at the path; nothing was looked at")
        }
        _ => Failure::of(Exit::Failed, &error),
    }
}

struct Watcher<'m>(&'m Meter);

impl Watch for Watcher<'_> {
    fn progress(&self, files: u64, bytes: u64, path: &[u8]) {
        self.0.show(|| Status {
            files,
            bytes,
            current: path.to_vec(),
            ..Status::default()
        });
    }

    fn stop(&self) -> bool {
        self.0.interrupted()
    }
}
