//! `backup`: files, or a stream, into the vault.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use ov_backup::{
    Agent, BackupOptions, BackupReport, Compare, Counts, Extractor, Memory, Mode, Monitor,
    Progress, Reread, Reuse, Seams, Threads, Unchanged,
};
use ov_format::entry::{EntryKey, Kind};
use ov_seal::entropy::OsEntropy;
use ov_source::Source;
use ov_terminal::meter::{Meter, Status};
use ov_terminal::screen::{GOOD, Screen};
use ov_terminal::signals::{Interruption, Signals};
use ov_terminal::{Copies, Desk, Exit, Failure, Opened, amount, machine, moment};
use ov_vault::SystemClock;
use ov_vault::finding::short;
use ov_vault::secrets::Secrets;
use serde_json::{Value, json};

use crate::explain;
use crate::extract::Workers;
use crate::source::{Origin, SourceArgs};

/// What `backup` takes.
#[derive(clap::Args, Debug)]
pub struct Args {
    #[command(flatten)]
    source: SourceArgs,

    /// The dataset's name [default: the absolute paths]
    #[arg(long, value_name = "NAME")]
    dataset: Option<String>,

    /// The compartment, where the key has several
    #[arg(long, value_name = "NAME")]
    compartment: Option<String>,

    /// A tag for the snapshot (may be given more than once)
    #[arg(long, value_name = "TAG")]
    tag: Vec<String>,

    /// The host's name [default: this host's]
    #[arg(long, short = 'H', value_name = "HOST")]
    host: Option<String>,

    /// Who issues the identifiers of patients for which files name no issuer
    #[arg(long, value_name = "NAME")]
    issuer: Option<String>,

    /// The snapshot's time, as in 2026-11-22T10:30:00 [default: now]
    #[arg(long, value_name = "TIME", value_parser = read_time)]
    time: Option<ov_format::entry::Time>,

    /// Read files that look unchanged too
    #[arg(long, short = 'f')]
    force: bool,

    /// How much of the unchanged data to read again, as 0, 0.05 or 5% [default: the time since
    /// the last run, divided by 90 days]
    #[arg(long, value_name = "SHARE", value_parser = read_share)]
    reread: Option<f64>,

    /// Inode numbers do not count in finding unchanged files
    #[arg(long)]
    ignore_inode: bool,

    /// Change times do not count in finding unchanged files
    #[arg(long)]
    ignore_ctime: bool,

    /// Make no snapshot if nothing changed
    #[arg(long)]
    skip_if_unchanged: bool,

    /// Do not take out what files say about themselves: whose they are, what they belong to
    #[arg(long)]
    no_catalog: bool,

    /// The memory to take at most, as in 64M; at least 48M [default: 60M and 16M for each
    /// processor, at least 92M]
    #[arg(long, value_name = "SIZE", value_parser = read_memory)]
    memory: Option<Memory>,

    /// Let all other programs of this machine go first
    #[arg(long)]
    nice: bool,

    /// Tell what would be stored
    #[arg(long, short = 'n')]
    dry_run: bool,
}

impl Args {
    /// What would be read.
    ///
    /// # Errors
    /// Nothing of it exists, or its options cannot be understood.
    pub fn origin(&self) -> Result<Origin, Failure> {
        self.source.origin()
    }
}

/// Backs up.
pub fn run(args: &Args, desk: &Desk) -> Result<Exit, Failure> {
    let (document, exit) = store(args, desk)?;
    desk.screen.document(&document);
    Ok(exit)
}

/// Backs up, and tells people; the document is for programs.
pub fn store(args: &Args, desk: &Desk) -> Result<(Value, Exit), Failure> {
    if args.nice {
        ov_terminal::priority::give_way();
    }
    let origin = args.source.origin()?;
    for path in &origin.missing {
        let path = path.display();
        desk.screen
            .warn(format_args!("{path} does not exist and is not backed up"));
    }
    let opened = desk.open(Copies::Welcome)?;
    let secrets = opened.secrets()?;
    check_compartment(args, &secrets)?;
    let Opened {
        mut vault,
        writer,
        state,
    } = opened;
    let agent =
        Agent::new(writer, secrets, args.compartment.as_deref()).map_err(explain::backup)?;
    let watcher = Watcher::new(desk);
    let workers = match args.no_catalog {
        true => None,
        false => Workers::of(desk.screen),
    };
    let seams = Seams {
        entropy: Arc::new(OsEntropy),
        clock: &SystemClock,
        monitor: &watcher,
        state: Some(&state),
        threads: Threads::Count(std::thread::available_parallelism().map_or(1, usize::from)),
        extractor: workers.as_ref().map(|workers| workers as &dyn Extractor),
    };
    let options = options(args, &origin);
    let done = std::thread::scope(|scope| {
        if desk.screen.is_lively()
            && let Some(again) = args.source.scan()
        {
            let watcher = &watcher;
            scope.spawn(move || watcher.scan(&*again));
        }
        let done = ov_backup::backup(&mut vault, &agent, &*origin.source, &options, &seams);
        watcher.scanned.store(true, Ordering::Relaxed);
        done
    });
    watcher.meter.clear();
    let report = done.map_err(explain::backup)?;
    for pattern in origin.unmatched() {
        desk.screen
            .warn(format_args!("the pattern {pattern:?} matched nothing"));
    }
    let seconds = watcher.meter.elapsed().as_secs_f64();
    print(&report, seconds, desk);
    let document = document(&report, &origin, seconds);
    Ok((document, exit_of(&report, &origin)))
}

/// Nothing is guessed about who may read what is stored.
fn check_compartment(args: &Args, secrets: &Secrets) -> Result<(), Failure> {
    if args.compartment.is_some() || secrets.agent.len() < 2 {
        return Ok(());
    }
    let newest = secrets
        .agent
        .values()
        .filter_map(|epochs| epochs.last_key_value());
    let names: Vec<&str> = newest.map(|(_, keys)| keys.name.as_str()).collect();
    Err(
        Failure::usage("this key has several compartments, and none was named").help(format!(
            "say --compartment with one of: {}",
            names.join(", ")
        )),
    )
}

fn options(args: &Args, origin: &Origin) -> BackupOptions {
    let counts = |ignored: bool| match ignored {
        true => Counts::No,
        false => Counts::Yes,
    };
    BackupOptions {
        dataset: args.dataset.clone().unwrap_or_else(|| origin.name()),
        host: args.host.clone().unwrap_or_else(machine::host),
        user: machine::user(),
        paths: origin.paths.clone(),
        tags: args.tag.clone(),
        issuer: args.issuer.clone().unwrap_or_default(),
        memory: args.memory.unwrap_or_default(),
        time: args.time,
        reuse: match args.force {
            true => Reuse::Nothing,
            false => Reuse::Unchanged,
        },
        compare: Compare {
            inode: counts(args.ignore_inode),
            ctime: counts(args.ignore_ctime),
        },
        reread: args.reread.map_or(Reread::Spread, Reread::Share),
        mode: match args.dry_run {
            true => Mode::DryRun,
            false => Mode::Store,
        },
        unchanged: match args.skip_if_unchanged {
            true => Unchanged::Skip,
            false => Unchanged::Commit,
        },
        ..BackupOptions::default()
    }
}

fn read_time(text: &str) -> Result<ov_format::entry::Time, String> {
    moment::parse(text).ok_or_else(|| "write it as 2026-11-22T10:30:00".to_owned())
}

fn read_memory(text: &str) -> Result<Memory, String> {
    let bytes = ov_source::parse_size(text).map_err(|error| error.to_string())?;
    Memory::at_most(bytes).map_err(|error| error.to_string())
}

fn read_share(text: &str) -> Result<f64, String> {
    let (number, unit) = match text.strip_suffix('%') {
        Some(percent) => (percent, 100.0),
        None => (text, 1.0),
    };
    match number.parse::<f64>() {
        Ok(number) if (0.0..=unit).contains(&number) => Ok(number / unit),
        _ => Err("write a share from 0 to 1, or from 0% to 100%".to_owned()),
    }
}

fn exit_of(report: &BackupReport, origin: &Origin) -> Exit {
    match report.unreadable == 0 && origin.missing.is_empty() {
        true => Exit::Done,
        false => Exit::SourceUnread,
    }
}

fn document(report: &BackupReport, origin: &Origin, seconds: f64) -> Value {
    let missing = origin.missing.iter().map(|path| path.to_string_lossy());
    json!({
        "snapshot_id": report.snapshot.map(|name| name.hash.to_string()),
        "files_new": report.files_new,
        "files_changed": report.files_changed,
        "files_unmodified": report.files_unmodified,
        "files_reread": report.files_reread,
        "files_unreadable": report.unreadable,
        "files_changed_while_read": report.changed_while_read,
        "files_vanished": report.vanished,
        "others": report.others,
        "excluded": origin.excluded(),
        "missing_paths": missing.collect::<Vec<_>>(),
        "bytes": report.bytes,
        "bytes_read": report.bytes_read,
        "bytes_added": report.bytes_added,
        "bytes_renewed": report.bytes_renewed,
        "bytes_stored": report.bytes_stored,
        "objects_stored": report.objects,
        "passes": report.passes,
        "seconds": seconds,
    })
}

fn print(report: &BackupReport, seconds: f64, desk: &Desk) {
    let screen = &desk.screen;
    screen.line(format_args!(
        "Files: {} new, {} changed, {} unmodified, {} unreadable",
        report.files_new, report.files_changed, report.files_unmodified, report.unreadable
    ));
    if report.changed_while_read > 0 {
        screen.warn(format_args!(
            "{} changed while being read; what is stored is a mixture of moments",
            amount::of(report.changed_while_read, "file", "files")
        ));
    }
    screen.line(format_args!(
        "Bytes: {} in all, {} read, {} added, {} stored in {} ({seconds:.1} s)",
        amount::bytes(report.bytes),
        amount::bytes(report.bytes_read),
        amount::bytes(report.bytes_added),
        amount::bytes(report.bytes_stored),
        amount::of(report.objects, "object", "objects")
    ));
    match &report.snapshot {
        Some(name) => screen.line(format_args!(
            "{GOOD}Snapshot {}{GOOD:#} is stored.",
            short(name)
        )),
        None => screen.line("No snapshot was made."),
    }
}

/// Watches a run. The totals come from a second walk beside it, at a terminal alone.
struct Watcher {
    meter: Meter,
    screen: Screen,
    files: AtomicU64,
    bytes: AtomicU64,
    scanned: AtomicBool,
}

impl Watcher {
    fn new(desk: &Desk) -> Self {
        Self {
            meter: Meter::new(desk, Signals::listen(Interruption::Asks)),
            screen: desk.screen,
            files: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
            scanned: AtomicBool::new(false),
        }
    }

    /// Counts what there is. The totals are shown only when they are complete.
    fn scan(&self, source: &dyn Source) {
        let (mut files, mut bytes) = (0, 0_u64);
        for item in source.walk_briefly().flatten() {
            if self.scanned.load(Ordering::Relaxed) || self.meter.interrupted() {
                return;
            }
            if item.meta.kind == Kind::File {
                files += 1;
                bytes = bytes.saturating_add(item.meta.size);
            }
        }
        self.files.store(files, Ordering::Relaxed);
        self.bytes.store(bytes, Ordering::Relaxed);
    }
}

impl Monitor for Watcher {
    fn progress(&self, progress: &Progress, at: &EntryKey) {
        self.meter.show(|| Status {
            files: progress.files,
            files_total: self.files.load(Ordering::Relaxed),
            bytes: progress.bytes,
            bytes_total: self.bytes.load(Ordering::Relaxed),
            also: format!("{} stored", amount::bytes(progress.stored)),
            current: at.path(),
        });
    }

    fn trouble(&self, at: &EntryKey, reason: &str) {
        let path = ov_source::ShownPath::absolute(at).to_string();
        // Most reasons name the path already.
        match reason.contains(&path) {
            true => self.meter.warn(reason),
            false => self.meter.warn(&format!("{path}: {reason}")),
        }
    }

    fn notice(&self, text: &str) {
        self.screen.note(text);
    }

    fn stop(&self) -> bool {
        self.meter.interrupted()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ov_backup::BackupError;

    #[test]
    fn a_share_is_a_number_or_a_percentage() {
        assert_eq!(read_share("0"), Ok(0.0));
        assert_eq!(read_share("5%"), Ok(0.05));
        assert_eq!(read_share("1"), Ok(1.0));
        for wrong in ["", "2", "101%", "-1", "x", "NaN"] {
            assert!(read_share(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn memory_is_a_size_that_a_backup_can_keep_to() {
        assert_eq!(read_memory("64M"), Ok(Memory::at_most(64 << 20).unwrap()));
        assert!(read_memory("47M").unwrap_err().contains("48 MiB"));
        assert!(read_memory("much").is_err());
    }

    #[test]
    fn an_interrupted_backup_is_130() {
        assert_eq!(explain::backup(BackupError::Interrupted).exit.code(), 130);
    }

    #[test]
    fn what_was_not_read_is_3() {
        let stream = ov_source::Stream::new(b"x", Box::new(std::io::empty())).unwrap();
        let origin = Origin::named(b"x", Box::new(stream));
        let mut report = BackupReport::default();
        assert_eq!(exit_of(&report, &origin), Exit::Done);
        report.unreadable = 1;
        assert_eq!(exit_of(&report, &origin).code(), 3);
    }
}
