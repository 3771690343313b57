//! Folders that are listed and looked at before the walk comes to them, by other threads.
//!
//! A look at a file is one call, and nearly all that a walk over unchanged files does. Where folders
//! are large, several threads take these calls; where they are small, handing them over would cost
//! more than it saves, and the walk does it itself. What comes out is the same.

use std::collections::VecDeque;
use std::num::NonZero;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::{JoinHandle, available_parallelism};

use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::io::Errno;

use crate::listing::{Listed, Lister};
use crate::look::Look;
use crate::sink::lock;
use crate::tree_file::open_quietly;
use crate::walk::LIST;

/// Names that make a folder large enough for others of its kind to be handed over.
const LARGE: usize = 128;

/// Looks taken ahead in one folder at most; of further names the walk takes them itself.
const LOOKS_MAX: usize = 512;

/// Folders ahead of the walk at most, below each folder on its way. Each may hold 80 KiB of looks
/// beside its names.
const AHEAD: usize = 4;

/// More threads than this hardly help: the calls of one folder wait for the same lock.
const THREADS_MAX: usize = 4;

/// What was found in a folder.
pub(crate) struct Found {
    pub folder: OwnedFd,
    pub names: Vec<Listed>,
    /// Of the first names.
    pub looks: Vec<Result<Look, Errno>>,
}

/// Whether names are looked at, too.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Extent {
    /// They are listed. What is to be left out may not even be looked at.
    Names,
    /// They are listed and looked at.
    Looks,
}

/// A folder to be entered.
pub(crate) struct Errand {
    pub parent: Arc<OwnedFd>,
    pub name: Box<[u8]>,
    pub extent: Extent,
}

impl Errand {
    fn run(&self, lister: &mut Lister) -> Result<Found, Errno> {
        find(self.parent.as_fd(), &self.name, self.extent, lister)
    }
}

/// Opens a folder, lists it, and looks at its first names.
pub(crate) fn find(
    parent: BorrowedFd<'_>,
    name: &[u8],
    extent: Extent,
    lister: &mut Lister,
) -> Result<Found, Errno> {
    let folder = open_quietly(parent, name, LIST)?;
    let names = lister.list(folder.as_fd())?;
    let count = match extent {
        Extent::Names => 0,
        Extent::Looks => LOOKS_MAX,
    };
    let looked = names.iter().take(count);
    let looks = looked.map(|listed| Look::at(folder.as_fd(), &listed.name));
    let looks = looks.collect();
    Ok(Found {
        folder,
        names,
        looks,
    })
}

/// An errand that was given out.
pub(crate) struct Slot {
    state: Mutex<State>,
    done: Condvar,
}

enum State {
    Waiting(Errand),
    UnderWay,
    Done(Result<Found, Errno>),
}

impl Slot {
    /// What came of it. If nobody began yet the caller does it.
    pub fn take(&self, lister: &mut Lister) -> Result<Found, Errno> {
        let mut state = lock(&self.state);
        loop {
            match std::mem::replace(&mut *state, State::UnderWay) {
                State::Waiting(errand) => {
                    drop(state);
                    return errand.run(lister);
                }
                State::Done(found) => return found,
                State::UnderWay => {
                    state = match self.done.wait(state) {
                        Ok(state) => state,
                        Err(poisoned) => poisoned.into_inner(),
                    };
                }
            }
        }
    }

    fn begin(&self) -> Option<Errand> {
        let mut state = lock(&self.state);
        match std::mem::replace(&mut *state, State::UnderWay) {
            State::Waiting(errand) => Some(errand),
            other => {
                *state = other;
                None
            }
        }
    }

    fn end(&self, found: Result<Found, Errno>) {
        *lock(&self.state) = State::Done(found);
        self.done.notify_all();
    }
}

/// The threads. They end when this is dropped.
#[derive(Default)]
pub(crate) struct Scouts {
    board: Arc<Board>,
    threads: Vec<JoinHandle<()>>,
    /// Whether the folders that were entered lately are large.
    size: Size,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Size {
    #[default]
    Small,
    Large,
}

/// Where errands hang.
#[derive(Default)]
struct Board {
    open: Mutex<Open>,
    more: Condvar,
}

#[derive(Default)]
struct Open {
    errands: VecDeque<Arc<Slot>>,
    ended: Ended,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Ended {
    #[default]
    No,
    Yes,
}

impl Scouts {
    /// Notes how many names the folder has that was entered: those beside it may be like it.
    pub fn note(&mut self, names: usize) {
        self.size = match names >= LARGE {
            true => Size::Large,
            false => Size::Small,
        };
    }

    /// How many of the next folders are to be given out.
    pub fn ahead(&self) -> usize {
        match self.size {
            Size::Large => AHEAD,
            Size::Small => 0,
        }
    }

    /// Gives an errand out.
    pub fn send(&mut self, errand: Errand) -> Arc<Slot> {
        if self.threads.is_empty() {
            self.start();
        }
        let slot = Arc::new(Slot {
            state: Mutex::new(State::Waiting(errand)),
            done: Condvar::new(),
        });
        lock(&self.board.open).errands.push_back(Arc::clone(&slot));
        self.board.more.notify_one();
        slot
    }

    fn start(&mut self) {
        let processors = available_parallelism().map_or(1, NonZero::get);
        for _ in 0..processors.min(THREADS_MAX) {
            let board = Arc::clone(&self.board);
            // Where no thread can be had the walk does all itself.
            let thread = std::thread::Builder::new().spawn(move || board.work());
            self.threads.extend(thread);
        }
    }
}

impl Board {
    fn work(&self) {
        let mut lister = Lister::new();
        while let Some(slot) = self.next() {
            if let Some(errand) = slot.begin() {
                // Whatever happens here, the walk must not wait for ever.
                let run = AssertUnwindSafe(|| errand.run(&mut lister));
                slot.end(catch_unwind(run).unwrap_or(Err(Errno::IO)));
            }
        }
    }

    fn next(&self) -> Option<Arc<Slot>> {
        let mut open = lock(&self.open);
        loop {
            if open.ended == Ended::Yes {
                return None;
            }
            if let Some(slot) = open.errands.pop_front() {
                return Some(slot);
            }
            open = match self.more.wait(open) {
                Ok(open) => open,
                Err(poisoned) => poisoned.into_inner(),
            };
        }
    }
}

impl Drop for Scouts {
    fn drop(&mut self) {
        lock(&self.board.open).ended = Ended::Yes;
        self.board.more.notify_all();
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}
