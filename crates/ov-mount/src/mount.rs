//! Mounting, serving, and the end of it.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crossbeam_channel::{Receiver, bounded};
use fuser::{Config, MountOption, Session, SessionACL, SessionUnmounter};
use ov_restore::{FrameReader, RandomAccess, SnapshotInfo};
use rustix::mount::UnmountFlags;

use crate::error::MountError;
use crate::files::Files;
use crate::gate::{Gate, Question};
use crate::monitor::Monitor;

/// Questions that wait for an answer; the kernel keeps the others.
const QUEUE: usize = 64;

/// How often the monitor is asked whether it shall end.
const LOOK: Duration = Duration::from_millis(100);

/// What is shown.
pub struct View<'v> {
    /// Reads frames, and keeps some.
    pub reader: &'v FrameReader<'v>,
    /// The snapshots, the oldest first.
    pub snapshots: Vec<&'v SnapshotInfo>,
}

/// Who sees what is mounted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Visible {
    /// Who mounts it: he holds the key, so he reads everything, whatever the modes say.
    #[default]
    ToOwner,
    /// Everybody on the machine, as far as the modes and owners of the files allow.
    ToAll,
}

/// How it is mounted.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Who sees it.
    pub visible: Visible,
    /// Bytes of memory for decoded pages.
    pub page_bytes: usize,
    /// Questions that are answered at the same time.
    pub workers: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            visible: Visible::default(),
            page_bytes: 16 << 20,
            workers: 8,
        }
    }
}

/// How it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The monitor wanted it.
    Asked,
    /// Somebody unmounted it from outside.
    Unmounted,
}

/// Mounts a view at an empty folder, and serves it until the monitor wants an end or somebody
/// unmounts it.
///
/// # Errors
/// If it cannot be mounted, or the kernel does not talk any more.
pub fn mount(
    view: &View<'_>,
    folder: &Path,
    options: &Options,
    monitor: &dyn Monitor,
) -> Result<Ending, MountError> {
    let folder = usable(folder)?;
    let access = RandomAccess::new(view.reader, options.page_bytes);
    let files = Files::new(access, &view.snapshots, monitor);
    let (ask, questions) = bounded(QUEUE);
    let gate = Gate::new(ask);
    let mut session = Session::new(gate, &folder, &config(options)).map_err(MountError::Refused)?;
    let unmounter = session.unmount_callable();
    let over = AtomicBool::new(false);
    monitor.mounted();
    let (ran, ending) = std::thread::scope(|scope| {
        for _ in 0..options.workers.max(1) {
            scope.spawn(|| answer(&questions, &files));
        }
        let watch = scope.spawn(|| watch(unmounter, &folder, &over, monitor));
        // The gate goes with the session, and the workers end with the gate.
        let ran = session.run();
        over.store(true, Ordering::Relaxed);
        (ran, watch.join())
    });
    ran.map_err(MountError::Broken)?;
    Ok(ending.unwrap_or(Ending::Unmounted))
}

fn usable(folder: &Path) -> Result<PathBuf, MountError> {
    if !Path::new("/dev/fuse").exists() {
        return Err(MountError::NoFuse);
    }
    let folder = folder.canonicalize().map_err(MountError::Folder)?;
    let mut found = std::fs::read_dir(&folder).map_err(MountError::Folder)?;
    match found.next() {
        None => Ok(folder),
        Some(_) => Err(MountError::NotEmpty),
    }
}

fn config(options: &Options) -> Config {
    let mut config = Config::default();
    config.mount_options.extend([
        MountOption::RO,
        MountOption::NoSuid,
        MountOption::NoDev,
        MountOption::NoAtime,
        MountOption::FSName("oncovault".to_owned()),
        MountOption::Subtype("oncovault".to_owned()),
    ]);
    if options.visible == Visible::ToAll {
        config.acl = SessionACL::All;
        // The kernel looks at modes and owners, for we answer everybody.
        config.mount_options.push(MountOption::DefaultPermissions);
    }
    config
}

fn answer(questions: &Receiver<Question>, files: &Files<'_>) {
    for question in questions {
        question(files);
    }
}

/// Unmounts when the monitor wants it.
fn watch(
    mut unmounter: SessionUnmounter,
    folder: &Path,
    over: &AtomicBool,
    monitor: &dyn Monitor,
) -> Ending {
    while !over.load(Ordering::Relaxed) {
        if monitor.wants_end() {
            if unmounter.unmount().is_err() {
                monitor.lingering();
                detach(folder);
            }
            return Ending::Asked;
        }
        std::thread::sleep(LOOK);
    }
    Ending::Unmounted
}

/// Takes it out of sight while it is in use. It ends with the last file that is closed.
fn detach(folder: &Path) {
    if rustix::mount::unmount(folder, UnmountFlags::DETACH).is_err() {
        // Who may not unmount has the system's helper do it, as it did when mounting.
        let _ = Command::new("fusermount3")
            .args(["-u", "-q", "-z", "--"])
            .arg(folder)
            .status();
    }
}
