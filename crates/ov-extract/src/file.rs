//! One file, as the backup shows it.

use std::sync::Arc;

use ov_clinical::{Account, Opaque};
use ov_format::cbor::Writer;

use crate::batch::{Later, Small};
use crate::error::ExtractError;
use crate::extractors::{Lease, Shared, Use};
use crate::message::{Begin, Command, Showing, Wish};
use crate::survey::{FIRST, WISHED_MAX};
use crate::window::Gathered;
use crate::worker::{Said, Worker};

/// More of the beginning of a file is not kept for a worker here, in bytes.
const HEAD_MOST: usize = WISHED_MAX;

/// More of the end of a file is not kept for a worker, in bytes.
const TAIL_MOST: u64 = 64 << 10;

/// A file that is shown. Dropped before its end, it is forgotten.
pub struct File {
    shared: Arc<Shared>,
    begin: Begin,
    length: u64,
    stage: Stage,
}

enum Stage {
    /// Its beginning, which nobody has seen.
    First(Vec<u8>),
    /// A worker takes it as it comes, so many bytes more.
    Streaming(Lease, u64),
    /// What a worker wants of it is kept until its end.
    Gathering(Gathered),
    /// There is nothing more to learn.
    Done(Kept),
}

impl File {
    pub(crate) fn new(shared: Arc<Shared>, begin: Begin) -> Self {
        Self {
            shared,
            begin,
            length: 0,
            stage: Stage::First(Vec::new()),
        }
    }

    /// The next bytes.
    pub fn bytes(&mut self, bytes: &[u8]) {
        let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        self.length = self.length.saturating_add(length);
        self.show(bytes);
    }

    /// A hole of this many bytes.
    pub fn hole(&mut self, length: u64) {
        self.length = self.length.saturating_add(length);
        let zeros = [0; 4096];
        let mut left = length;
        while left > 0 {
            match &mut self.stage {
                Stage::First(_) => {}
                Stage::Gathering(gathered) => left = gathered.zeros(left),
                Stage::Streaming(lease, _) => {
                    let hole = number(left);
                    let said =
                        lease.with(|worker, patience| worker.say(Command::Hole, &hole, patience));
                    return self.unless(said);
                }
                Stage::Done(_) => return,
            }
            let now = usize::try_from(left).map_or(zeros.len(), |left| left.min(zeros.len()));
            self.show(&zeros[..now]);
            left = left.saturating_sub(u64::try_from(now).unwrap_or(u64::MAX));
        }
    }

    /// It is complete. Small files are shown together, so what they say is known later.
    pub fn end(mut self) -> Ending {
        let length = number(self.length);
        let stage = std::mem::replace(&mut self.stage, Stage::Done(None));
        self.begin.size = Some(self.length);
        let account = match stage {
            Stage::Done(account) => return Ending::Known(account),
            Stage::First(_) if self.length == 0 => return Ending::Known(None),
            Stage::First(bytes) => {
                let begin = self.begin;
                return Ending::Later(Later::of(&self.shared, Small { begin, bytes }));
            }
            Stage::Gathering(gathered) => {
                self.begin.showing = Showing::Wished;
                self.account(|worker, begin, patience| {
                    let tail = (Command::Tail, gathered.tail());
                    worker.begin(begin, gathered.head(), tail, patience)?;
                    worker.say(Command::End, &length, patience)
                })
            }
            Stage::Streaming(lease, _) => finish(lease, self.length),
        };
        Ending::Known(kept(account))
    }

    fn show(&mut self, mut bytes: &[u8]) {
        if let Stage::First(head) = &mut self.stage {
            let (now, later) = bytes.split_at(bytes.len().min(FIRST - head.len()));
            head.extend_from_slice(now);
            if later.is_empty() {
                return;
            }
            bytes = later;
            let looked = self.look();
            self.unless(looked);
        }
        match &mut self.stage {
            Stage::First(_) | Stage::Done(_) => {}
            Stage::Gathering(gathered) => gathered.push(bytes),
            Stage::Streaming(lease, left) => {
                let most = usize::try_from(*left).unwrap_or(usize::MAX);
                let wanted = &bytes[..bytes.len().min(most)];
                *left = left.saturating_sub(u64::try_from(wanted.len()).unwrap_or(u64::MAX));
                let sent = lease.with(|worker, patience| worker.bytes(wanted, patience));
                self.unless(sent);
                self.finish_early();
            }
        }
    }

    /// Once a worker has seen all that it wants, others may have it.
    fn finish_early(&mut self) {
        let Some(size) = self.begin.size else {
            return;
        };
        if let Stage::Streaming(_, 0) = self.stage
            && let Stage::Streaming(lease, _) =
                std::mem::replace(&mut self.stage, Stage::Done(None))
        {
            self.stage = Stage::Done(kept(finish(lease, size)));
        }
    }

    /// Shows the beginning to a worker.
    fn look(&mut self) -> Result<(), ExtractError> {
        let Stage::First(head) = std::mem::replace(&mut self.stage, Stage::Done(None)) else {
            return Ok(());
        };
        let mut lease = self.shared.lease(Use::File)?;
        let begin = &self.begin;
        let said = lease.with(|worker, patience| {
            worker.begin(begin, &head, (Command::Look, &[]), patience)?;
            match worker.said(patience)? {
                Said::Account(bytes) => sound(bytes).map(Looked::Enough),
                Said::Wish(wish) if is_modest(wish) => Ok(Looked::Wish(wish)),
                Said::Wish(_) => Err(ExtractError::Garbled),
            }
        })?;
        self.stage = match said {
            Looked::Enough(account) => Stage::Done(account),
            Looked::Wish(Wish {
                head: most,
                tail: 0,
            }) => {
                let seen = u64::try_from(head.len()).unwrap_or(u64::MAX);
                Stage::Streaming(lease, most.saturating_sub(seen))
            }
            Looked::Wish(Wish { head: most, tail }) => {
                let most = usize::try_from(most).unwrap_or(usize::MAX);
                let tail = usize::try_from(tail).unwrap_or(usize::MAX);
                Stage::Gathering(Gathered::new(head, most, tail))
            }
        };
        Ok(())
    }

    /// Shows a worker all there is, and takes its account.
    fn account(
        &self,
        show: impl FnOnce(
            &mut Worker,
            &Begin,
            &mut crate::patience::Patience,
        ) -> Result<(), ExtractError>,
    ) -> Result<Kept, ExtractError> {
        self.shared.lease(Use::File)?.with(|worker, patience| {
            show(worker, &self.begin, patience)?;
            account(worker.said(patience)?)
        })
    }

    /// What went wrong is all that is known of the file.
    fn unless(&mut self, done: Result<(), ExtractError>) {
        if let Err(error) = done {
            self.stage = Stage::Done(kept(Err(error)));
        }
    }
}

/// What is said of a file that is complete.
#[must_use]
pub enum Ending {
    /// Its encoded account, or `None` if there is nothing to say.
    Known(Option<Vec<u8>>),
    /// It waits for others, to be shown together with them.
    Later(Later),
}

impl Ending {
    /// The encoded account, or `None` if there is nothing to say; now.
    #[must_use]
    pub fn account(self) -> Option<Vec<u8>> {
        match self {
            Self::Known(account) => account,
            Self::Later(later) => later.account(),
        }
    }
}

/// What is to be kept of a file: an encoded account, or nothing.
pub(crate) type Kept = Option<Vec<u8>>;

/// What a worker says after the beginning of a file.
enum Looked {
    Enough(Kept),
    Wish(Wish),
}

fn finish(mut lease: Lease, length: u64) -> Result<Kept, ExtractError> {
    lease.with(|worker, patience| {
        worker.say(Command::End, &number(length), patience)?;
        account(worker.said(patience)?)
    })
}

pub(crate) fn account(said: Said) -> Result<Kept, ExtractError> {
    match said {
        Said::Account(bytes) => sound(bytes),
        Said::Wish(_) => Err(ExtractError::Garbled),
    }
}

/// A worker that was taken over by a file may say anything: what is no account is not believed.
fn sound(bytes: Vec<u8>) -> Result<Kept, ExtractError> {
    match Account::decode(&bytes) {
        Ok(Account::Opaque(reason)) if reason != Opaque::TooMuch => Err(ExtractError::Garbled),
        Ok(account) => Ok(account.is_telling().then_some(bytes)),
        Err(_) => Err(ExtractError::Garbled),
    }
}

/// What went wrong is all that is known then.
pub(crate) fn kept(account: Result<Kept, ExtractError>) -> Kept {
    account.unwrap_or_else(|error| Some(Account::Opaque(error.opaque()).encode()))
}

/// Whether somebody asks for no more than may be kept here.
fn is_modest(wish: Wish) -> bool {
    let kept = usize::try_from(wish.head).is_ok_and(|head| head <= HEAD_MOST);
    wish.tail <= TAIL_MOST && (wish.tail == 0 || kept)
}

pub(crate) fn number(number: u64) -> Vec<u8> {
    let mut w = Writer::new();
    w.uint(number);
    w.finish()
}
