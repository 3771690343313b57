//! A worker as a process: started, spoken to, ended.

use std::os::fd::AsFd;
use std::process::{Child, ChildStdin, ChildStdout, Stdio};
use std::time::Duration;

use ov_format::Wire;
use ov_format::cbor::{Reader, Writer};

use crate::batch::Small;
use crate::error::ExtractError;
use crate::extractors::Program;
use crate::file::number;
use crate::message::{Answer, Begin, Command, PIECE_MAX, Wish, head, parse_answer};
use crate::patience::Patience;
use crate::pipe;

/// Tag and length of an answer, in bytes.
const HEAD: usize = 5;

/// A running worker.
pub(crate) struct Worker {
    child: Child,
    to: ChildStdin,
    from: ChildStdout,
    /// What it said and nobody has taken yet.
    inbox: Vec<u8>,
    /// Bytes that it was given.
    pub(crate) fed: u64,
}

/// What a worker answers of a file.
pub(crate) enum Said {
    /// An account, as it came.
    Account(Vec<u8>),
    /// It wants more of the file.
    Wish(Wish),
}

impl Worker {
    /// Starts one and waits until it has locked itself in; says what it could not lock.
    pub(crate) fn start(
        program: &Program,
        stall: Duration,
    ) -> Result<(Self, Vec<String>), ExtractError> {
        let mut child = command(program).spawn().map_err(ExtractError::NotStarted)?;
        let (Some(to), Some(from)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(ExtractError::Gone);
        };
        let mut worker = Self {
            child,
            to,
            from,
            inbox: Vec::new(),
            fed: 0,
        };
        pipe::prepare(&worker.to)?;
        pipe::prepare(&worker.from)?;
        pipe::widen(&worker.to);
        let (answer, bytes) = worker.answer(&mut Patience::new(stall))?;
        let lacks = texts(&bytes).filter(|_| answer == Answer::Ready);
        let lacks = lacks.ok_or(ExtractError::Garbled)?;
        Ok((worker, lacks))
    }

    /// Whether it still runs.
    pub(crate) fn is_alive(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Shows a file from its beginning, and what else is to be said at once.
    pub(crate) fn begin(
        &mut self,
        begin: &Begin,
        bytes: &[u8],
        then: (Command, &[u8]),
        patience: &mut Patience,
    ) -> Result<(), ExtractError> {
        let begin = begin.to_bytes();
        let (first, rest) = bytes.split_at(bytes.len().min(PIECE_MAX));
        let heads = [
            head(Command::Begin, begin.len()),
            head(Command::Bytes, first.len()),
            head(then.0, then.1.len()),
        ];
        if rest.is_empty() {
            let parts = [&heads[0][..], &begin, &heads[1], first, &heads[2], then.1];
            return self.send(&parts, patience);
        }
        self.send(&[&heads[0], &begin, &heads[1], first], patience)?;
        self.bytes(rest, patience)?;
        self.send(&[&heads[2], then.1], patience)
    }

    /// Shows files of which all is at hand, one after the other, without waiting for an answer in
    /// between. There will be as many.
    pub(crate) fn show(
        &mut self,
        files: &[Small],
        patience: &mut Patience,
    ) -> Result<(), ExtractError> {
        let spoken: Vec<Spoken> = files.iter().map(Spoken::of).collect();
        let parts: Vec<&[u8]> = spoken.iter().zip(files).flat_map(Spoken::parts).collect();
        self.send(&parts, patience)
    }

    /// The next bytes of the file.
    pub(crate) fn bytes(
        &mut self,
        bytes: &[u8],
        patience: &mut Patience,
    ) -> Result<(), ExtractError> {
        for piece in bytes.chunks(PIECE_MAX) {
            self.say(Command::Bytes, piece, patience)?;
        }
        Ok(())
    }

    /// One command.
    pub(crate) fn say(
        &mut self,
        command: Command,
        bytes: &[u8],
        patience: &mut Patience,
    ) -> Result<(), ExtractError> {
        self.send(&[&head(command, bytes.len()), bytes], patience)
    }

    fn send(&mut self, parts: &[&[u8]], patience: &mut Patience) -> Result<(), ExtractError> {
        let bytes: usize = parts.iter().map(|part| part.len()).sum();
        self.fed = self
            .fed
            .saturating_add(u64::try_from(bytes).unwrap_or(u64::MAX));
        let from = (self.from.as_fd(), &mut self.inbox);
        pipe::send(self.to.as_fd(), parts, from, patience)
    }

    /// What it says of the file.
    pub(crate) fn said(&mut self, patience: &mut Patience) -> Result<Said, ExtractError> {
        let (answer, bytes) = self.answer(patience)?;
        match answer {
            Answer::Account => Ok(Said::Account(bytes)),
            Answer::Wish => Wish::from_bytes(&bytes)
                .map(Said::Wish)
                .map_err(|_| ExtractError::Garbled),
            Answer::Ready => Err(ExtractError::Garbled),
        }
    }

    fn answer(&mut self, patience: &mut Patience) -> Result<(Answer, Vec<u8>), ExtractError> {
        let head = loop {
            match self.inbox.first_chunk::<HEAD>() {
                Some(head) => break *head,
                None => pipe::receive(self.from.as_fd(), &mut self.inbox, patience)?,
            }
        };
        let (answer, length) = parse_answer(head).ok_or(ExtractError::Garbled)?;
        let end = HEAD.saturating_add(length);
        while self.inbox.len() < end {
            pipe::receive(self.from.as_fd(), &mut self.inbox, patience)?;
        }
        let bytes = self.inbox.get(HEAD..end).unwrap_or_default().to_vec();
        self.inbox.drain(..end);
        Ok((answer, bytes))
    }
}

/// What is said of a small file, beside its bytes.
struct Spoken {
    heads: [[u8; HEAD]; 3],
    begin: Vec<u8>,
    length: Vec<u8>,
}

impl Spoken {
    fn of(file: &Small) -> Self {
        let begin = file.begin.to_bytes();
        let length = number(u64::try_from(file.bytes.len()).unwrap_or(u64::MAX));
        let heads = [
            head(Command::Begin, begin.len()),
            head(Command::Bytes, file.bytes.len()),
            head(Command::End, length.len()),
        ];
        Self {
            heads,
            begin,
            length,
        }
    }

    fn parts<'a>((spoken, file): (&'a Self, &'a Small)) -> [&'a [u8]; 6] {
        let [begin, bytes, end] = &spoken.heads;
        [
            begin,
            &spoken.begin,
            bytes,
            &file.bytes,
            end,
            &spoken.length,
        ]
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// An empty environment, no folder of anybody's, no descriptors but the pipe, and a group of its
/// own: the keys that end the backup do not end it first.
fn command(program: &Program) -> std::process::Command {
    use std::os::unix::process::CommandExt;
    let mut command = std::process::Command::new(&program.path);
    command
        .args(&program.arguments)
        .env_clear()
        .current_dir("/")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .process_group(0);
    command
}

/// The list of texts that a worker begins with.
pub(crate) fn write_texts(texts: &[&str]) -> Vec<u8> {
    let mut w = Writer::new();
    w.array(texts.len());
    texts.iter().for_each(|text| {
        w.text(text);
    });
    w.finish()
}

fn texts(bytes: &[u8]) -> Option<Vec<String>> {
    let mut r = Reader::new(bytes);
    let texts = r.list().ok()?;
    r.end().ok()?;
    Some(texts)
}
