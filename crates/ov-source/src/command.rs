//! The output of a program as a stream.

use std::ffi::{OsStr, OsString};
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::{Mutex, PoisonError};

use ov_format::entry::Time;

use crate::error::SourceError;
use crate::shown::ShownPath;
use crate::source::{FileStat, Item, OpenFile, Segment, Source};
use crate::stream::{Patient, Progress, StreamName, next_of_stream, read_stream, stat_of_stream};

/// What a program writes to its standard output, recorded as one file: a database's dump, say.
///
/// The program is run as given, without a shell, when the item is opened, and once. If it fails,
/// the last call of [`OpenFile::next_segment`] is an error: half a dump must not look whole.
pub struct CommandStream {
    name: StreamName,
    command: Mutex<Option<Vec<OsString>>>,
}

impl CommandStream {
    /// Records the output of `command` (program and arguments) at `name`.
    pub fn new(name: &[u8], command: Vec<OsString>) -> Result<Self, SourceError> {
        let name = StreamName::new(name)?;
        if command.is_empty() {
            return Err(SourceError::NoCommand { path: name.shown() });
        }
        Ok(Self {
            name,
            command: Mutex::new(Some(command)),
        })
    }
}

impl Source for CommandStream {
    fn walk(&self) -> Box<dyn Iterator<Item = Result<Item, SourceError>> + Send + '_> {
        Box::new(self.name.items().into_iter().map(Ok))
    }

    fn open(&self, _item: &Item) -> Result<Box<dyn OpenFile>, SourceError> {
        let mut slot = self.command.lock().unwrap_or_else(PoisonError::into_inner);
        let command = slot.take().ok_or_else(|| SourceError::AlreadyRead {
            path: self.name.shown(),
        })?;
        let (program, arguments) = command
            .split_first()
            .ok_or_else(|| SourceError::NoCommand {
                path: self.name.shown(),
            })?;
        Ok(Box::new(CommandFile::start(
            program,
            arguments,
            self.name.begun,
        )?))
    }
}

struct CommandFile {
    program: ShownPath,
    child: Child,
    output: Option<Patient<ChildStdout>>,
    begun: Time,
    state: Progress,
}

impl CommandFile {
    fn start(program: &OsStr, arguments: &[OsString], begun: Time) -> Result<Self, SourceError> {
        let shown = ShownPath::new(program.as_bytes());
        let spawned = Command::new(program)
            .args(arguments)
            .stdout(Stdio::piped())
            .spawn();
        let mut child = spawned.map_err(|source| SourceError::NotStarted {
            program: shown.clone(),
            source,
        })?;
        Ok(Self {
            program: shown,
            output: child.stdout.take().map(Patient),
            child,
            begun,
            state: Progress::Before,
        })
    }

    /// Waits for the program and says whether it was content.
    fn end(&mut self) -> Result<(), SourceError> {
        self.output = None;
        let waited = self.child.wait();
        let status = waited.map_err(|source| SourceError::Unreadable {
            path: self.program.clone(),
            source,
        })?;
        match status.success() {
            true => Ok(()),
            false => Err(SourceError::CommandFailed {
                program: self.program.clone(),
                status,
            }),
        }
    }
}

impl Read for CommandFile {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match (&mut self.output, self.state) {
            (Some(output), Progress::Within) => read_stream(output, buffer),
            _ => Ok(0),
        }
    }
}

impl OpenFile for CommandFile {
    fn next_segment(&mut self) -> Result<Option<Segment>, SourceError> {
        let next = next_of_stream(&mut self.state);
        if next.is_none() {
            self.end()?;
        }
        Ok(next)
    }

    fn stat_now(&self) -> Result<FileStat, SourceError> {
        Ok(stat_of_stream(self.begun))
    }
}

/// A program whose output nobody wants any more is ended, not left behind.
impl Drop for CommandFile {
    fn drop(&mut self) {
        self.output = None;
        if let Ok(None) = self.child.try_wait() {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}
