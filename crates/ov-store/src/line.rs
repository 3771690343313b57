//! Numbered questions and their answers over the pipes of a child process.
//!
//! Both protocols that run over `ssh` have frames of one shape: a length, a kind, a number, a body.
//! Many threads may ask at once; one thread reads all answers and hands each to whoever waits for
//! it. So many questions are on their way at a time, and what is asked never waits for what is
//! answered.

use std::collections::HashMap;
use std::io::{self, BufReader, Read, Write};
use std::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, SyncSender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::packet::Malformed;

/// Longer frames are not read: a longest name listing or a read of 256 KiB fits with room.
pub(crate) const FRAME_BYTES_MAX: usize = 1 << 20;
/// How much of what the child says on its standard error is kept.
const SAID_BYTES_MAX: usize = 4 << 10;
/// How long to wait for the last words of a child that has hung up.
const LAST_WORDS: Duration = Duration::from_millis(500);
const FIRST_NUMBER: u32 = 100;

/// One question or answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Frame {
    pub kind: u8,
    pub number: u32,
    pub body: Vec<u8>,
}

/// Why a line is of no use any more.
#[derive(Clone, Debug)]
pub(crate) enum Broken {
    /// The child ended, or hung up.
    Ended,
    /// It said nothing for too long.
    Silent,
    /// It said what cannot be understood.
    Malformed,
}

/// A child process that answers.
pub(crate) struct Line {
    writer: Mutex<Option<ChildStdin>>,
    shared: Arc<Shared>,
    /// Dropped with the line, which ends the watcher.
    _watched: SyncSender<()>,
}

struct Shared {
    child: Mutex<Child>,
    waiting: Mutex<Waiting>,
    said: Mutex<Vec<u8>>,
    said_all: AtomicBool,
    writing: AtomicU64,
    /// Milliseconds since `started` when something last moved.
    moved: AtomicU64,
    started: Instant,
}

struct Waiting {
    broken: Option<Broken>,
    answers: HashMap<u32, SyncSender<Frame>>,
    next: u32,
}

/// A question on its way.
pub(crate) struct Pending<'a> {
    line: &'a Line,
    number: u32,
    answer: Receiver<Frame>,
}

impl Line {
    /// Starts the child, sends `hello` and waits for its first frame, whatever its number.
    /// `patience` is how long nothing may move while something is on its way.
    pub(crate) fn open(
        mut command: Command,
        patience: Duration,
        hello: &Frame,
    ) -> io::Result<(Self, Result<Frame, Broken>)> {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        let (writer, output, errors) =
            (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let shared = Arc::new(Shared::new(child));
        let (tell, greeted) = mpsc::sync_channel(1);
        let (watched, watching) = mpsc::sync_channel(0);
        spawn_reader(&shared, output, tell)?;
        spawn_listener(&shared, errors)?;
        spawn_watcher(&shared, watching, patience)?;
        let line = Self {
            writer: Mutex::new(writer),
            shared,
            _watched: watched,
        };
        // The first answer may take the whole patience: the watcher sees it as a write.
        line.shared.writing.fetch_add(1, Ordering::SeqCst);
        let _ = line.write(hello.kind, hello.number, &[&hello.body]);
        let first = greeted.recv().map_err(|_| line.why());
        line.shared.writing.fetch_sub(1, Ordering::SeqCst);
        Ok((line, first))
    }

    /// Asks. The answer is waited for separately.
    pub(crate) fn ask(&self, kind: u8, body: &[&[u8]]) -> Result<Pending<'_>, Broken> {
        let (tell, answer) = mpsc::sync_channel(1);
        let number = self.shared.waiting().enter(tell)?;
        let pending = Pending {
            line: self,
            number,
            answer,
        };
        self.write(kind, number, body)?;
        Ok(pending)
    }

    /// Sends another frame of a question whose answer is still waited for.
    pub(crate) fn go_on(
        &self,
        pending: &Pending<'_>,
        kind: u8,
        body: &[&[u8]],
    ) -> Result<(), Broken> {
        self.write(kind, pending.number, body)
    }

    /// Whether nothing can be asked any more.
    pub(crate) fn is_broken(&self) -> bool {
        self.shared.waiting().broken.is_some()
    }

    /// What the child said on its standard error; waits a moment for it to finish.
    pub(crate) fn said(&self) -> String {
        let deadline = Instant::now() + LAST_WORDS;
        while !self.shared.said_all.load(Ordering::SeqCst) && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(5));
        }
        readable(&lock(&self.shared.said))
    }

    fn write(&self, kind: u8, number: u32, body: &[&[u8]]) -> Result<(), Broken> {
        let length = body.iter().map(|part| part.len()).sum::<usize>() + 5;
        let mut frame = Vec::with_capacity(length + 4);
        frame.extend_from_slice(&u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes());
        frame.push(kind);
        frame.extend_from_slice(&number.to_be_bytes());
        body.iter().for_each(|part| frame.extend_from_slice(part));
        self.shared.note_move();
        self.shared.writing.fetch_add(1, Ordering::SeqCst);
        let written = match lock(&self.writer).as_mut() {
            Some(writer) => writer.write_all(&frame).and_then(|()| writer.flush()),
            None => Err(io::ErrorKind::BrokenPipe.into()),
        };
        self.shared.writing.fetch_sub(1, Ordering::SeqCst);
        self.shared.note_move();
        written.map_err(|_| {
            self.shared.end(Broken::Ended);
            self.why()
        })
    }

    fn why(&self) -> Broken {
        let waiting = self.shared.waiting();
        waiting.broken.clone().unwrap_or(Broken::Ended)
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        drop(lock(&self.writer).take());
        self.shared.end(Broken::Ended);
        let mut child = lock(&self.shared.child);
        let _ = child.kill();
        let _ = child.wait();
    }
}

impl Pending<'_> {
    /// Waits for the answer.
    pub(crate) fn wait(self) -> Result<Frame, Broken> {
        self.answer.recv().map_err(|_| self.line.why())
    }
}

impl Drop for Pending<'_> {
    fn drop(&mut self) {
        self.line.shared.waiting().answers.remove(&self.number);
    }
}

impl Shared {
    fn new(child: Child) -> Self {
        Self {
            child: Mutex::new(child),
            waiting: Mutex::new(Waiting {
                broken: None,
                answers: HashMap::new(),
                next: FIRST_NUMBER,
            }),
            said: Mutex::default(),
            said_all: AtomicBool::new(false),
            writing: AtomicU64::new(0),
            moved: AtomicU64::new(0),
            started: Instant::now(),
        }
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        lock(&self.waiting)
    }

    fn note_move(&self) {
        let now = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.moved.store(now, Ordering::SeqCst);
    }

    fn is_busy(&self) -> bool {
        self.writing.load(Ordering::SeqCst) > 0 || !self.waiting().answers.is_empty()
    }

    /// Whoever waits is told, by its channel being dropped. The first reason stays.
    fn end(&self, why: Broken) {
        let mut waiting = self.waiting();
        waiting.broken.get_or_insert(why);
        waiting.answers.clear();
    }
}

impl Waiting {
    fn enter(&mut self, tell: SyncSender<Frame>) -> Result<u32, Broken> {
        if let Some(why) = &self.broken {
            return Err(why.clone());
        }
        while self.answers.contains_key(&self.next) || self.next < FIRST_NUMBER {
            self.next = self.next.wrapping_add(1).max(FIRST_NUMBER);
        }
        let number = self.next;
        self.next = self.next.wrapping_add(1);
        self.answers.insert(number, tell);
        Ok(number)
    }
}

/// Hands each answer to whoever waits. Nobody may wait any more: then it is dropped.
fn spawn_reader(
    shared: &Arc<Shared>,
    output: Option<ChildStdout>,
    tell: SyncSender<Frame>,
) -> io::Result<()> {
    let shared = Arc::clone(shared);
    let Some(output) = output else {
        return Err(io::ErrorKind::BrokenPipe.into());
    };
    let read = move || {
        let mut output = BufReader::with_capacity(64 << 10, output);
        let mut tell = Some(tell);
        let why = loop {
            let frame = match read_frame(&mut output) {
                Ok(Some(frame)) => frame,
                Ok(None) => break Broken::Ended,
                Err(Malformed) => break Broken::Malformed,
            };
            shared.note_move();
            let receiver = match tell.take() {
                Some(first) => Some(first),
                None => shared.waiting().answers.remove(&frame.number),
            };
            if let Some(receiver) = receiver {
                let _ = receiver.try_send(frame);
            }
        };
        shared.end(why);
        let _ = lock(&shared.child).kill();
    };
    spawn("ov-line", read)
}

/// Keeps the end of what the child says about its troubles.
fn spawn_listener(shared: &Arc<Shared>, errors: Option<ChildStderr>) -> io::Result<()> {
    let shared = Arc::clone(shared);
    let Some(mut errors) = errors else {
        return Err(io::ErrorKind::BrokenPipe.into());
    };
    spawn("ov-line-errors", move || {
        let mut block = [0; 512];
        while let Ok(length @ 1..) = errors.read(&mut block) {
            let mut said = lock(&shared.said);
            said.extend_from_slice(&block[..length]);
            let surplus = said.len().saturating_sub(SAID_BYTES_MAX);
            said.drain(..surplus);
        }
        shared.said_all.store(true, Ordering::SeqCst);
    })
}

/// Ends a child that leaves somebody waiting while nothing moves: a network that swallows
/// everything shows in no other way, not even to a write.
fn spawn_watcher(
    shared: &Arc<Shared>,
    watching: Receiver<()>,
    patience: Duration,
) -> io::Result<()> {
    let shared = Arc::clone(shared);
    let step = (patience / 4).clamp(Duration::from_millis(10), Duration::from_secs(1));
    spawn("ov-line-watch", move || {
        while let Err(RecvTimeoutError::Timeout) = watching.recv_timeout(step) {
            let moved = Duration::from_millis(shared.moved.load(Ordering::SeqCst));
            let idle = shared.started.elapsed().saturating_sub(moved);
            if shared.is_busy() && idle > patience {
                shared.end(Broken::Silent);
                let _ = lock(&shared.child).kill();
            }
        }
    })
}

fn spawn(name: &str, run: impl FnOnce() + Send + 'static) -> io::Result<()> {
    std::thread::Builder::new()
        .name(name.into())
        .spawn(run)
        .map(drop)
}

/// Reads one frame; `None` at the end.
pub(crate) fn read_frame(input: &mut dyn Read) -> Result<Option<Frame>, Malformed> {
    let mut length = [0; 4];
    if input.read_exact(&mut length).is_err() {
        return Ok(None);
    }
    let length = usize::try_from(u32::from_be_bytes(length)).map_err(|_| Malformed)?;
    if !(5..=FRAME_BYTES_MAX).contains(&length) {
        return Err(Malformed);
    }
    let mut head = [0; 5];
    if input.read_exact(&mut head).is_err() {
        return Ok(None);
    }
    let [kind, number @ ..] = head;
    let mut body = vec![0; length - 5];
    if input.read_exact(&mut body).is_err() {
        return Ok(None);
    }
    Ok(Some(Frame {
        kind,
        number: u32::from_be_bytes(number),
        body,
    }))
}

/// Text of another program, fit for a terminal: the last lines, without control characters.
fn readable(said: &[u8]) -> String {
    let text = String::from_utf8_lossy(said);
    let lines: Vec<&str> = text
        .lines()
        .map(str::trim)
        .filter(|line| line.chars().any(char::is_alphanumeric))
        .collect();
    let last = lines.split_at(lines.len().saturating_sub(4)).1.join(" ");
    last.chars().filter(|c| !c.is_control()).collect()
}

// What a panic leaves behind is whole: every change is a single call.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
