//! `mount`: all snapshots as folders, until it is unmounted.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};

use ov_mount::{Cause, Monitor, Options, Trouble, View, Visible};
use ov_restore::{EntryError, Limits, SnapshotInfo};
use ov_terminal::signals::{Interruption, Signals};
use ov_terminal::{Desk, Exit, Failure, amount};
use serde_json::json;

use crate::explain;
use crate::reading::{Reading, Which};

/// What `mount` takes.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// An empty folder; the snapshots appear there by dataset and time, until you press Ctrl-C or
    /// unmount it
    #[arg(value_name = "DIR")]
    folder: PathBuf,

    /// Let every user of this machine see it, as far as modes and owners of the files allow
    #[arg(long)]
    allow_other: bool,

    /// Memory for what was read last, in MiB
    #[arg(long, value_name = "MIB", default_value_t = 64,
        value_parser = clap::value_parser!(u32).range(8..=1_048_576))]
    cache_memory: u32,

    #[command(flatten)]
    which: Which,
}

impl Args {
    /// A quarter of the memory is for pages of trees, the rest for content.
    fn memory(&self) -> (usize, usize) {
        let all = usize::try_from(self.cache_memory).unwrap_or(usize::MAX) << 20;
        let pages = all / 4;
        (all - pages, pages)
    }

    fn options(&self, page_bytes: usize) -> Options {
        let visible = match self.allow_other {
            true => Visible::ToAll,
            false => Visible::ToOwner,
        };
        Options {
            visible,
            page_bytes,
            ..Options::default()
        }
    }
}

/// Mounts, and serves until the end.
pub fn run(args: &Args, desk: &Desk) -> Result<Exit, Failure> {
    let reading = Reading::open(desk)?;
    reading.require_reader("mount snapshots")?;
    let graph = reading.graph()?;
    let (frame_bytes, page_bytes) = args.memory();
    let limits = Limits {
        frame_bytes,
        ..Limits::default()
    };
    let reader = reading.reader_within(&graph, limits);
    let filters = args.which.filters();
    let snapshots: Vec<&SnapshotInfo> = reading.snapshots.filtered(&filters).collect();
    let watch = Watch {
        args,
        desk,
        count: snapshots.len(),
        signals: Signals::listen(Interruption::Asks),
        damaged: AtomicBool::new(false),
    };
    let view = View {
        reader: &reader,
        snapshots,
    };
    let options = args.options(page_bytes);
    ov_mount::mount(&view, &args.folder, &options, &watch).map_err(explain::mount)?;
    match watch.damaged.load(Ordering::Relaxed) {
        true => Ok(Exit::Damage),
        false => Ok(Exit::Done),
    }
}

struct Watch<'w> {
    args: &'w Args,
    desk: &'w Desk,
    count: usize,
    signals: Signals,
    damaged: AtomicBool,
}

impl Monitor for Watch<'_> {
    fn mounted(&self) {
        let folder = self.args.folder.display();
        let count = u64::try_from(self.count).unwrap_or(u64::MAX);
        let snapshots = amount::of(count, "snapshot", "snapshots");
        let screen = &self.desk.screen;
        screen.document(&json!({ "mounted": folder.to_string(), "snapshots": count }));
        screen.line(format_args!("Mounted {snapshots} at {folder}"));
        screen.note(format_args!(
            "Press Ctrl-C, or run `fusermount3 -u {folder}`, to unmount."
        ));
    }

    fn trouble(&self, trouble: &Trouble) {
        self.desk.screen.warn(trouble);
        if exit_of(&trouble.cause) == Exit::Damage {
            self.damaged.store(true, Ordering::Relaxed);
        }
    }

    fn lingering(&self) {
        self.desk.screen.note(
            "Unmounted. Files that are still open are served until they are closed; press Ctrl-C again to end that.",
        );
    }

    fn wants_end(&self) -> bool {
        self.signals.interrupted()
    }
}

/// Whether the vault is damaged, or something else is the matter.
fn exit_of(cause: &Cause) -> Exit {
    match cause {
        Cause::Content(EntryError::Read(error)) => explain::exit_of_read(error),
        Cause::Tree(error) => explain::exit_of_read(&error.source),
        Cause::Content(_) => Exit::Damage,
        Cause::Unread(_) => Exit::SourceUnread,
    }
}
