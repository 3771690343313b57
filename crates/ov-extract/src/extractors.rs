//! The workers of a run: as many as files are read at once, started when they are wanted, and given up when they fail too often.

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::batch::Batch;
use crate::error::ExtractError;
use crate::file::File;
use crate::message::{Begin, Showing};
use crate::patience::Patience;
use crate::worker::Worker;

/// So many files in a row may end their worker before nobody is shown any.
const FAILURES_IN_A_ROW: u32 = 5;

/// So much may be waited in vain in all.
const LOST_MAX: Duration = Duration::from_secs(120);

/// A worker is replaced by a fresh one after so many bytes: its processor time has a bound.
const RETIRE_BYTES: u64 = 64 << 30;

/// How a worker is started: this program itself, with a word that makes it one.
#[derive(Clone, Debug)]
pub struct Program {
    /// Its file.
    pub path: PathBuf,
    /// Its arguments.
    pub arguments: Vec<OsString>,
}

impl Program {
    /// The running program, whatever happened to its file meanwhile.
    ///
    /// # Errors
    /// If the system does not say where it is.
    pub fn this(argument: &str) -> std::io::Result<Self> {
        let path = match cfg!(target_os = "linux") {
            true => PathBuf::from("/proc/self/exe"),
            false => std::env::current_exe()?,
        };
        let arguments = vec![argument.into()];
        Ok(Self { path, arguments })
    }
}

/// Bounds of a run.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// Files that workers have at the same time at most. There may be one worker more, so that many
    /// small files need not wait for a long one.
    pub workers: usize,
    /// A worker that does nothing for so long is given up.
    pub stall: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        Self {
            // As many as read at most: a file that is read while its turn is far must keep none from
            // the file whose turn it is.
            workers: processors.max(2),
            stall: Duration::from_secs(10),
        }
    }
}

/// Shows files to workers.
pub struct Extractors {
    shared: Arc<Shared>,
}

pub(crate) struct Shared {
    program: Program,
    settings: Settings,
    tell: Box<dyn Fn(&str) + Send + Sync>,
    pool: Mutex<Pool>,
    free: Condvar,
    /// Where small files gather.
    batch: Mutex<Arc<Batch>>,
}

/// What a worker is wanted for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Use {
    /// A file that comes as the backup reads it, however long that takes.
    File,
    /// Small files that are all at hand. They never wait for a file that is read: what reads it may
    /// itself wait for whoever wants to know of them.
    Batch,
}

#[derive(Default)]
struct Pool {
    idle: Vec<Worker>,
    /// All that are wanted for something, those that are being started too.
    leased: usize,
    /// Those that are wanted for a file.
    with_files: usize,
    /// Files that wait for one.
    waiting: usize,
    failed_in_a_row: u32,
    lost: Duration,
    /// What workers could not lock was told.
    told: bool,
    off: bool,
}

impl Extractors {
    /// No worker is started before the first file. `tell` is told once what a person should know:
    /// what workers could not lock, and that they were given up.
    pub fn new(
        program: Program,
        settings: Settings,
        tell: impl Fn(&str) + Send + Sync + 'static,
    ) -> Self {
        Self {
            shared: Arc::new(Shared {
                program,
                settings,
                tell: Box::new(tell),
                pool: Mutex::default(),
                free: Condvar::new(),
                batch: Mutex::default(),
            }),
        }
    }

    /// A file begins: its last name, and its length in bytes where that is known. `None` once
    /// workers were given up.
    #[must_use]
    pub fn begin(&self, name: &[u8], size: Option<u64>) -> Option<File> {
        if self.shared.pool().off {
            return None;
        }
        let name = name.to_vec();
        let showing = Showing::First;
        let begin = Begin {
            name,
            size,
            showing,
        };
        Some(File::new(Arc::clone(&self.shared), begin))
    }
}

impl Shared {
    fn pool(&self) -> MutexGuard<'_, Pool> {
        // What is in it is sound after every step.
        self.pool.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The batch that is open.
    pub(crate) fn batch(&self) -> &Mutex<Arc<Batch>> {
        &self.batch
    }

    /// Whether workers were given up.
    pub(crate) fn is_off(&self) -> bool {
        self.pool().off
    }

    /// A worker for one use.
    pub(crate) fn lease(self: &Arc<Self>, wanted: Use) -> Result<Lease, ExtractError> {
        let worker = self.take(wanted)?;
        Ok(Lease {
            shared: Arc::clone(self),
            worker: Some(worker),
            wanted,
            patience: Patience::new(self.settings.stall),
        })
    }

    fn take(&self, wanted: Use) -> Result<Worker, ExtractError> {
        let until = Instant::now() + self.settings.stall;
        let mut pool = self.pool();
        loop {
            if pool.off {
                return Err(ExtractError::Gone);
            }
            if pool.lend(wanted, self.settings.workers.max(1)) {
                while let Some(mut worker) = pool.idle.pop() {
                    if worker.fed < RETIRE_BYTES && worker.is_alive() {
                        return Ok(worker);
                    }
                }
                drop(pool);
                return self.start(wanted);
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(ExtractError::TooSlow);
            }
            pool.waiting += 1;
            let waited = self.free.wait_timeout(pool, left);
            pool = waited.unwrap_or_else(PoisonError::into_inner).0;
            pool.waiting -= 1;
        }
    }

    fn start(&self, wanted: Use) -> Result<Worker, ExtractError> {
        match Worker::start(&self.program, self.settings.stall) {
            Ok((worker, lacks)) => {
                self.tell_lacks(&lacks);
                Ok(worker)
            }
            Err(error) => {
                self.failed(&error, Duration::ZERO, wanted, Blame::File);
                Err(error)
            }
        }
    }

    fn tell_lacks(&self, lacks: &[String]) {
        let told = std::mem::replace(&mut self.pool().told, true);
        if !told && !lacks.is_empty() {
            let lacks = lacks.join(", ");
            (self.tell)(&format!(
                "the worker that reads what files say is not locked in fully; this system lacks: {lacks}"
            ));
        }
    }

    /// A worker is gone for a reason.
    fn failed(&self, error: &ExtractError, waited: Duration, wanted: Use, blame: Blame) {
        let mut pool = self.pool();
        pool.take_back(wanted);
        pool.failed_in_a_row += u32::from(blame == Blame::File);
        pool.lost += waited;
        let give_up = pool.failed_in_a_row >= FAILURES_IN_A_ROW || pool.lost > LOST_MAX;
        let now = give_up && !std::mem::replace(&mut pool.off, give_up);
        drop(pool);
        self.free.notify_all();
        if now {
            (self.tell)(&format!(
                "what files say is not read any more in this run, and so not in its catalog: {error}"
            ));
        }
    }

    fn give_back(&self, worker: Worker, wanted: Use) {
        let mut pool = self.pool();
        pool.failed_in_a_row = 0;
        pool.take_back(wanted);
        pool.idle.push(worker);
        let waited_for = pool.waiting > 0;
        drop(pool);
        if waited_for {
            // Not everybody who waits may have any worker.
            self.free.notify_all();
        }
    }
}

impl Pool {
    /// Whether one more may be had for this.
    fn lend(&mut self, wanted: Use, files_most: usize) -> bool {
        let for_file = usize::from(wanted == Use::File);
        let free = self.with_files + for_file <= files_most && self.leased <= files_most;
        if free {
            self.leased += 1;
            self.with_files += for_file;
        }
        free
    }

    fn take_back(&mut self, wanted: Use) {
        let for_file = usize::from(wanted == Use::File);
        self.leased = self.leased.saturating_sub(1);
        self.with_files = self.with_files.saturating_sub(for_file);
    }
}

/// Who is to blame for a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Blame {
    /// The file at hand.
    File,
    /// One of several, so that each of them is asked alone.
    Nobody,
}

/// A worker, for as long as it is wanted.
pub(crate) struct Lease {
    shared: Arc<Shared>,
    worker: Option<Worker>,
    wanted: Use,
    patience: Patience,
}

impl Lease {
    /// Has the worker do something for one file. After an error it is gone.
    pub(crate) fn with<T>(
        &mut self,
        act: impl FnOnce(&mut Worker, &mut Patience) -> Result<T, ExtractError>,
    ) -> Result<T, ExtractError> {
        self.act(Blame::File, act)
    }

    /// Has the worker do something for many. After an error it is gone.
    pub(crate) fn with_many<T>(
        &mut self,
        act: impl FnOnce(&mut Worker, &mut Patience) -> Result<T, ExtractError>,
    ) -> Result<T, ExtractError> {
        self.act(Blame::Nobody, act)
    }

    fn act<T>(
        &mut self,
        blame: Blame,
        act: impl FnOnce(&mut Worker, &mut Patience) -> Result<T, ExtractError>,
    ) -> Result<T, ExtractError> {
        let Some(worker) = &mut self.worker else {
            return Err(ExtractError::Gone);
        };
        let done = act(worker, &mut self.patience);
        if let Err(error) = &done {
            self.worker = None;
            let waited = self.patience.waited();
            self.shared.failed(error, waited, self.wanted, blame);
        }
        done
    }
}

impl Drop for Lease {
    /// Between two commands: whatever comes next begins a file.
    fn drop(&mut self) {
        if let Some(worker) = self.worker.take() {
            self.shared.give_back(worker, self.wanted);
        }
    }
}
