//! `restore`: files back from a snapshot.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::ValueEnum;
use ov_pacs::Address;
use ov_restore::{
    Deleting, EntryError, Filter, Monitor, Notice, Progress, Report, RestoreOptions, Tree,
    Verifying, Wanted, raise_open_files,
};
use ov_source::{Overwrite, Owners};
use ov_terminal::meter::{Meter, Status};
use ov_terminal::screen::{GOOD, shown};
use ov_terminal::signals::{Interruption, Signals};
use ov_terminal::{Desk, Exit, Failure, amount};
use serde_json::{Value, json};

use crate::explain;
use crate::reading::{Reading, Which, part, snapshot_path};
use crate::verb::patient_wish::Asked;
use crate::verb::{restore_pacs, restore_patient};

/// How many of many are shown.
const SHOWN_MAX: usize = 20;

/// What `restore` takes.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// An id, `latest`, `latest~N` or a date; with :PATH only what is in that folder
    #[arg(value_name = "SNAP[:PATH]", required_unless_present = "patient")]
    snapshot: Option<OsString>,

    /// Everything of this patient, from all datasets: the last version of each file that is held
    #[arg(long, value_name = "ID[@ISSUER]",
          conflicts_with_all = ["snapshot", "include", "exclude", "delete", "dry_run"])]
    patient: Option<String>,

    /// With --patient: as it was at this moment
    #[arg(long, value_name = "TIME", requires = "patient")]
    at: Option<String>,

    /// The folder to restore into; with --patient also a PACS: dicomweb+https://host/path or
    /// dimse://AET@host:port
    #[arg(long, short = 't', value_name = "DIR|URL")]
    to: PathBuf,

    /// Restore only what this pattern takes (may be given more than once)
    #[arg(long, short, value_name = "GLOB")]
    include: Vec<String>,

    /// Leave out what this pattern takes (may be given more than once)
    #[arg(long, short, value_name = "GLOB")]
    exclude: Vec<String>,

    /// What happens to files that are there; without it DIR must be empty
    #[arg(long, value_name = "WHEN")]
    overwrite: Option<When>,

    /// Delete from restored folders what the snapshot does not hold
    #[arg(long, requires = "overwrite")]
    delete: bool,

    /// Read what was written and compare it
    #[arg(long)]
    verify: bool,

    /// Let everything belong to you
    #[arg(long)]
    no_owner: bool,

    /// Tell what would be done
    #[arg(long, short = 'n')]
    dry_run: bool,

    #[command(flatten)]
    which: Which,
}

/// When a file that is there is written over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum When {
    /// Always.
    Always,
    /// Unless size and time are the same.
    IfChanged,
    /// Never.
    Never,
}

/// Restores.
pub fn run(args: &Args, desk: &Desk) -> Result<Exit, Failure> {
    if let Some(address) = pacs(args)? {
        return into_pacs(args, &address, desk);
    }
    check_target(args)?;
    let Some(snapshot) = &args.snapshot else {
        return of_patient(args, desk);
    };
    let wanted = snapshot_path(snapshot)?;
    let filter = Filter::new(&args.include, &args.exclude).map_err(explain::filter)?;
    let reading = Reading::open(desk)?;
    reading.require_reader("restore")?;
    let info = reading.select(&wanted.spec, &args.which)?;
    let graph = reading.graph()?;
    let reader = reading.reader(&graph);
    let tree = Tree::of(&reader, &info.snapshot);
    let part = part(&tree, info, &wanted.path)?;
    let wanted = Wanted {
        tree,
        part: &part,
        filter: &filter,
        roots: &info.snapshot.paths,
    };
    let meter = Meter::new(desk, Signals::listen(Interruption::AtOnce));
    let watcher = Watcher {
        meter: &meter,
        desk,
    };
    if args.dry_run {
        return dry_run(args, desk, &wanted, &watcher);
    }
    raise_open_files();
    let restored = ov_restore::restore(&wanted, &args.to, &options(args), &watcher);
    meter.clear();
    let report = restored.map_err(explain::restore)?;
    let exit = exit_of(&report);
    desk.screen.document(&document(
        &info.id(),
        &args.to,
        &report,
        meter.elapsed().as_secs_f64(),
    ));
    print(&info.short_id(), &args.to, &report, desk);
    Ok(exit)
}

/// The PACS that is meant, if one is; without a scheme it is a folder.
fn pacs(args: &Args) -> Result<Option<Address>, Failure> {
    let Some(address) = args.to.to_str().and_then(Address::read) else {
        return Ok(None);
    };
    let address = address.map_err(|error| {
        Failure::of(Exit::Usage, &error).help("a folder of such a name is written ./NAME")
    })?;
    if args.patient.is_none() {
        return Err(
            Failure::usage("into a PACS goes what is held of one patient")
                .help("say --patient ID, or name a folder with --to"),
        );
    }
    if args.overwrite.is_some() || args.verify || args.no_owner {
        return Err(Failure::usage(
            "--overwrite, --verify and --no-owner are for folders, not for a PACS",
        ));
    }
    Ok(Some(address))
}

/// Whom a restore is for.
fn asked(args: &Args) -> Result<Asked<'_>, Failure> {
    let patient = args.patient.as_deref();
    let patient =
        patient.ok_or_else(|| Failure::usage("neither a snapshot nor a patient was named"))?;
    Ok(Asked {
        patient,
        at: args.at.as_deref(),
        which: &args.which,
    })
}

/// Gives what is held of a patient to a PACS.
fn into_pacs(args: &Args, address: &Address, desk: &Desk) -> Result<Exit, Failure> {
    let asked = asked(args)?;
    let reading = Reading::open(desk)?;
    reading.require_reader("restore")?;
    let meter = Meter::new(desk, Signals::listen(Interruption::AtOnce));
    restore_pacs::run(&asked, address, &reading, desk, &meter)
}

/// Restores what is held of a patient. What was written is read again: it is a list of what came
/// back that people rely on.
fn of_patient(args: &Args, desk: &Desk) -> Result<Exit, Failure> {
    let asked = asked(args)?;
    let target = restore_patient::Target {
        to: &args.to,
        options: RestoreOptions {
            verifying: Verifying::Yes,
            ..options(args)
        },
    };
    let reading = Reading::open(desk)?;
    reading.require_reader("restore")?;
    let meter = Meter::new(desk, Signals::listen(Interruption::AtOnce));
    let watcher = Watcher {
        meter: &meter,
        desk,
    };
    raise_open_files();
    let restored = restore_patient::run(&asked, &target, &reading, desk, &watcher);
    meter.clear();
    let (reports, exit) = restored?;
    for report in &reports {
        tell_troubles(report, desk);
    }
    let exits = reports.iter().map(exit_of);
    Ok(exits.fold(exit, explain::worse))
}

fn options(args: &Args) -> RestoreOptions {
    RestoreOptions {
        overwrite: match args.overwrite {
            Some(When::Always) => Overwrite::Always,
            Some(When::IfChanged) | None => Overwrite::IfChanged,
            Some(When::Never) => Overwrite::Never,
        },
        owners: match args.no_owner {
            true => Owners::Keep,
            false => Owners::Restore,
        },
        deleting: match args.delete {
            true => Deleting::Others,
            false => Deleting::Nothing,
        },
        verifying: match args.verify {
            true => Verifying::Yes,
            false => Verifying::No,
        },
        ..RestoreOptions::default()
    }
}

/// Existing data is touched only when that was said.
fn check_target(args: &Args) -> Result<(), Failure> {
    let to = args.to.display();
    let occupied = match std::fs::read_dir(&args.to) {
        Ok(mut names) => names.next().is_some(),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => false,
        Err(error) => {
            return Err(Failure::failed(format!(
                "cannot restore into {to}: {error}"
            )));
        }
    };
    if occupied && args.overwrite.is_none() {
        return Err(
            Failure::failed(format!("{to} is not empty, and was not touched")).help(
                "name an empty or new folder; to restore over it, or to go on with an interrupted \
             restore, say --overwrite if-changed (or always, or never)",
            ),
        );
    }
    Ok(())
}

fn dry_run(
    args: &Args,
    desk: &Desk,
    wanted: &Wanted<'_>,
    watcher: &Watcher<'_>,
) -> Result<Exit, Failure> {
    let plan = ov_restore::plan(wanted, watcher);
    let would_delete = match args.delete {
        true => ov_restore::would_delete(wanted, &args.to, watcher).map_err(explain::restore)?,
        false => 0,
    };
    watcher.meter.clear();
    let bytes = amount::bytes(plan.bytes);
    desk.screen.line(format_args!(
        "Would restore {} entries, {} files with {bytes} from {} packs into {}.",
        plan.entries,
        plan.files,
        plan.packs,
        args.to.display()
    ));
    desk.screen.document(&json!({
        "dry_run": true,
        "entries": plan.entries,
        "files": plan.files,
        "bytes": plan.bytes,
        "frames": plan.frames,
        "packs": plan.packs,
        "lost": plan.lost,
        "would_delete": would_delete,
    }));
    if would_delete > 0 {
        let things = amount::of(would_delete, "thing", "things");
        desk.screen
            .line(format_args!("Would delete {things} there."));
    }
    match plan.lost {
        0 => Ok(Exit::Done),
        lost => {
            desk.screen
                .warn(format_args!("{lost} parts of the tree cannot be read"));
            Ok(Exit::Damage)
        }
    }
}

/// Damage outranks what the target refused, and that outranks what the backup could not read.
fn exit_of(report: &Report) -> Exit {
    let exit = |error: &EntryError| match error {
        EntryError::Read(error) => explain::exit_of_read(error),
        EntryError::Tree(error) => explain::exit_of_read(&error.source),
        EntryError::Size { .. } | EntryError::ChunkLength => Exit::Damage,
        _ => Exit::Failed,
    };
    let exits: Vec<Exit> = report
        .failures
        .kept
        .iter()
        .map(|f| exit(&f.error))
        .collect();
    match () {
        () if exits.contains(&Exit::Damage) => Exit::Damage,
        () if !exits.is_empty() => exits.first().copied().unwrap_or(Exit::Failed),
        () if !report.unreadable.is_empty() => Exit::SourceUnread,
        () => Exit::Done,
    }
}

fn document(id: &str, to: &Path, report: &Report, seconds: f64) -> Value {
    let failures = report.failures.kept.iter().map(|failure| {
        json!({
            "path": String::from_utf8_lossy(failure.path.as_bytes()),
            "error": failure.error.to_string(),
        })
    });
    let unreadable =
        report.unreadable.kept.iter().map(
            |(path, why)| json!({"path": String::from_utf8_lossy(path.as_bytes()), "error": why}),
        );
    json!({
        "snapshot_id": id,
        "to": to.display().to_string(),
        "entries": report.entries,
        "files_written": report.files_written,
        "kept": report.kept,
        "links": report.links,
        "deleted": report.deleted,
        "verified": report.verified,
        "bytes_written": report.bytes_written,
        "bytes_found": report.bytes_found,
        "failed": report.failures.count,
        "failures": failures.collect::<Vec<_>>(),
        "changed_while_read": report.changed.count,
        "unreadable": report.unreadable.count,
        "unreadable_paths": unreadable.collect::<Vec<_>>(),
        "notices": report.notices.count,
        "seconds": seconds,
    })
}

fn tell_troubles(report: &Report, desk: &Desk) {
    let screen = &desk.screen;
    for notice in report.notices.kept.iter().take(SHOWN_MAX) {
        screen.note(notice);
    }
    if report.notices.count > SHOWN_MAX as u64 {
        screen.note(format_args!("{} notices in all", report.notices.count));
    }
    for path in report.changed.kept.iter().take(SHOWN_MAX) {
        screen.warn(format_args!("{path} had changed while it was backed up"));
    }
    for (path, why) in report.unreadable.kept.iter().take(SHOWN_MAX) {
        screen.warn(format_args!("{path} is not in the backup: {why}"));
    }
}

fn print(id: &str, to: &Path, report: &Report, desk: &Desk) {
    let screen = &desk.screen;
    tell_troubles(report, desk);
    if report.is_whole() {
        screen.line(format_args!(
            "{GOOD}Restored{GOOD:#} snapshot {id} into {}: {} entries, {} files written ({}), {} \
             were there already.",
            to.display(),
            report.entries,
            report.files_written,
            amount::bytes(report.bytes_written),
            report.kept
        ));
    } else {
        screen.warn(format_args!(
            "{} could not be restored; {} entries are in {}",
            amount::of(report.failures.count, "thing", "things"),
            report.entries,
            to.display()
        ));
    }
    if report.verified > 0 {
        screen.line(format_args!(
            "{} read back and found right.",
            amount::of(report.verified, "file", "files")
        ));
    }
}

struct Watcher<'w> {
    meter: &'w Meter,
    desk: &'w Desk,
}

impl Monitor for Watcher<'_> {
    fn progress(&self, progress: Progress) {
        self.meter.show(|| Status {
            files: progress.files,
            files_total: progress.files_total,
            bytes: progress.bytes,
            bytes_total: progress.bytes_total,
            also: String::new(),
            current: progress.current.map(|key| key.path()).unwrap_or_default(),
        });
    }

    fn notice(&self, notice: Notice) {
        match notice {
            Notice::Failed(failure) => self.meter.warn(&failure.to_string()),
            Notice::SpaceIsLow { needed, free } => self.meter.warn(&format!(
                "{} may be needed, and {} are free",
                amount::bytes(needed),
                amount::bytes(free)
            )),
            Notice::NothingDeleted => {
                self.meter
                    .warn("nothing is deleted, since a part of the tree cannot be read");
            }
            Notice::Deleted(key) => {
                self.desk
                    .screen
                    .detail(format_args!("deleted {}", shown(&key.path())));
            }
        }
    }
}
