//! The other side of [`crate::Served`]: a folder for whoever is at the other end of two pipes.
//!
//! With [`Permission::PutOnly`] it adds and shows, and neither replaces nor deletes: that makes a
//! create-only target of any folder, whatever the other side does. It takes nobody's word: an
//! object is stored only if its bytes have the hash that its name carries. What the other side can
//! use up is bounded: its frames, its open objects, its questions on the way.

use std::collections::HashMap;
use std::io::{self, Read, Write};
use std::path::Path;
use std::sync::mpsc::{self, Receiver};
use std::sync::{Mutex, PoisonError};

use ov_format::name::ObjectName;

use crate::arrival::{Arrival, Hashing};
use crate::error::StoreError;
use crate::folder::Folder;
use crate::line::{Frame, read_frame};
use crate::memory::check_length;
use crate::message::{
    Answered, More, PAGE_OBJECTS, PART_BYTES, Question, Refusal, Said, VERSION, Why, kind,
};
use crate::packet::{Malformed, Packing};
use crate::store::{Listing, Store};

/// So many objects may be coming at a time.
const ARRIVALS_MAX: usize = 64;
/// So many questions are worked on at a time.
const WORKERS: usize = 4;
/// So many more may wait; then the pipe fills up.
const QUEUED_MAX: usize = 16;

/// What the other side may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Permission {
    /// Add objects, list and read them.
    PutOnly,
    /// Also delete them.
    Everything,
}

/// Serves the folder until the other side hangs up. `output` belongs to the protocol alone.
///
/// # Errors
/// If a pipe fails, or the other side speaks something else. What fails at the folder is told to
/// the other side.
pub fn serve(
    input: &mut dyn Read,
    output: &mut (dyn Write + Send),
    folder: &Path,
    permission: Permission,
) -> io::Result<()> {
    let malformed = |_| io::Error::new(io::ErrorKind::InvalidData, Malformed);
    let Some(hello) = read_frame(input).map_err(malformed)? else {
        return Ok(());
    };
    let voice = Voice(Mutex::new(output));
    if hello.kind != kind::HELLO || hello.number != VERSION || hello.body.len() != 1 {
        let text = format!("this side speaks version {VERSION} of the protocol");
        voice.refuse(VERSION, Why::Other, &text)?;
        return Err(malformed(Malformed));
    }
    let opened = match hello.body[..] {
        [1] => Folder::create(folder),
        _ => Folder::open(folder),
    };
    let folder = match opened {
        Ok(folder) => folder,
        Err(e) => return voice.say(VERSION, Answered::Refused(Refusal::of(&e))),
    };
    let may = Packing::new().u8(u8::from(permission == Permission::Everything));
    voice.send(kind::WELCOME, VERSION, &may.finish())?;
    let (tell, heard) = mpsc::sync_channel(QUEUED_MAX);
    let heard = Mutex::new(heard);
    std::thread::scope(|scope| {
        for _ in 0..WORKERS {
            scope.spawn(|| work(&folder, permission, &heard, &voice));
        }
        let mut hall = Hall {
            folder: &folder,
            voice: &voice,
            arriving: HashMap::new(),
        };
        // Ends with the input; then the workers finish what was asked.
        let heard_all = hall.hear(input, &|job| tell.send(job).is_ok());
        drop(tell);
        heard_all
    })
}

/// Work that takes time.
enum Job<'a> {
    Land(u32, ObjectName, Arrival<'a>),
    Answer(u32, Question),
}

/// Where answers go, one at a time.
struct Voice<'a>(Mutex<&'a mut (dyn Write + Send)>);

impl Voice<'_> {
    fn say(&self, number: u32, answer: Answered) -> io::Result<()> {
        let (kind, body) = answer.write();
        self.send(kind, number, &body)
    }

    fn refuse(&self, number: u32, why: Why, text: &str) -> io::Result<()> {
        let text = text.to_owned();
        self.say(number, Answered::Refused(Refusal { why, text }))
    }

    fn send(&self, kind: u8, number: u32, body: &[u8]) -> io::Result<()> {
        let length = u32::try_from(body.len() + 5).unwrap_or(u32::MAX);
        let head = Packing::new().u32(length).u8(kind).u32(number);
        let mut output = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        output.write_all(&head.raw(body).finish())?;
        output.flush()
    }
}

/// Hears questions in the order in which they come, and takes in parts of objects.
struct Hall<'a> {
    folder: &'a Folder,
    voice: &'a Voice<'a>,
    arriving: HashMap<u32, Coming<'a>>,
}

/// An object of which not all parts are there.
struct Coming<'a> {
    name: ObjectName,
    length: u64,
    arrival: Arrival<'a>,
}

impl<'a> Hall<'a> {
    fn hear(&mut self, input: &mut dyn Read, pass: &dyn Fn(Job<'a>) -> bool) -> io::Result<()> {
        let malformed = |_| io::Error::new(io::ErrorKind::InvalidData, Malformed);
        while let Some(Frame { kind, number, body }) = read_frame(input).map_err(malformed)? {
            let job = match Said::read(kind, &body).map_err(malformed)? {
                Said::Put { name, length } => self.expect(number, name, length)?,
                Said::Part(bytes) => self.take_in(number, &bytes)?,
                Said::Question(question) => Some(Job::Answer(number, question)),
            };
            if job.is_some_and(|job| !pass(job)) {
                return Err(io::ErrorKind::BrokenPipe.into());
            }
        }
        Ok(())
    }

    /// An object is coming. Returns it if it is complete, being empty.
    fn expect(
        &mut self,
        number: u32,
        name: ObjectName,
        length: u64,
    ) -> io::Result<Option<Job<'a>>> {
        if self.arriving.len() >= ARRIVALS_MAX {
            let text = "too many objects are coming at once";
            return self.voice.refuse(number, Why::Passing, text).map(|()| None);
        }
        let begun = check_length(&name, length)
            .and_then(|()| is_free(self.folder, &name, length))
            .and_then(|()| self.folder.begin(&name, Hashing::Asked));
        let arrival = match begun {
            Ok(arrival) => arrival,
            Err(e) => {
                let refused = Answered::Refused(Refusal::of(&e));
                return self.voice.say(number, refused).map(|()| None);
            }
        };
        if length == 0 {
            return Ok(Some(Job::Land(number, name, arrival)));
        }
        let coming = Coming {
            name,
            length,
            arrival,
        };
        self.arriving.insert(number, coming);
        Ok(None)
    }

    /// A part came. Parts of what was refused are on their way still, and are dropped.
    fn take_in(&mut self, number: u32, bytes: &[u8]) -> io::Result<Option<Job<'a>>> {
        let Some(coming) = self.arriving.get_mut(&number) else {
            return Ok(None);
        };
        let come = coming.arrival.length() + u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        let written = match come > coming.length {
            true => Err(StoreError::Damaged { name: coming.name }),
            false => coming.arrival.write(bytes),
        };
        if written.is_ok() && come < coming.length {
            return Ok(None);
        }
        let Some(coming) = self.arriving.remove(&number) else {
            return Ok(None);
        };
        match written {
            Ok(()) => Ok(Some(Job::Land(number, coming.name, coming.arrival))),
            Err(e) => {
                let refused = Answered::Refused(Refusal::of(&e));
                self.voice.say(number, refused).map(|()| None)
            }
        }
    }
}

/// What is there with another length is damage, whatever is coming.
fn is_free(folder: &Folder, name: &ObjectName, length: u64) -> Result<(), StoreError> {
    match folder.length(name)? {
        Some(there) if there != length => Err(StoreError::Damaged { name: *name }),
        _ => Ok(()),
    }
}

/// Answers until there is nothing more to answer.
fn work(
    folder: &Folder,
    permission: Permission,
    heard: &Mutex<Receiver<Job<'_>>>,
    voice: &Voice<'_>,
) {
    loop {
        let job = heard.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(job) = job else { return };
        let (number, answer) = match job {
            Job::Land(number, name, arrival) => (number, land(folder, &name, arrival)),
            Job::Answer(number, question) => (number, answer(folder, permission, question)),
        };
        let answer = answer.unwrap_or_else(|e| Answered::Refused(Refusal::of(&e)));
        // The other side may be gone; then the input ends too.
        let _ = voice.say(number, answer);
    }
}

/// Stores what has come whole, if it is what its name says.
fn land(folder: &Folder, name: &ObjectName, arrival: Arrival<'_>) -> Result<Answered, StoreError> {
    if arrival.hash() != Some(name.hash()) {
        return Err(StoreError::Damaged { name: *name });
    }
    Ok(Answered::Stored(folder.finish(name, arrival)?.put()))
}

fn answer(
    folder: &Folder,
    permission: Permission,
    question: Question,
) -> Result<Answered, StoreError> {
    match question {
        Question::Get {
            name,
            offset,
            length,
        } => {
            let length = usize::try_from(length).unwrap_or(usize::MAX);
            if length > PART_BYTES {
                return Err(StoreError::TooLong {
                    name,
                    length: u64::MAX,
                });
            }
            folder.get_range(&name, offset, length).map(Answered::Bytes)
        }
        Question::Length { name } => folder.length(&name).map(Answered::Length),
        Question::Keep { name, length } => {
            let kept = folder.keep(&name, length)?;
            Ok(Answered::Stored(kept.put()))
        }
        Question::List { what, after } => page(folder, what, after),
        Question::Delete { name } => {
            check_permission(folder, permission)?;
            folder.delete(&name).map(|()| Answered::Done(1))
        }
        Question::Sweep { age } => {
            check_permission(folder, permission)?;
            folder.sweep(age).map(Answered::Done)
        }
    }
}

/// Only adding is allowed here.
#[derive(Debug, thiserror::Error)]
#[error("this side only takes new objects")]
struct OnlyAdding;

fn check_permission(folder: &Folder, permission: Permission) -> Result<(), StoreError> {
    match permission {
        Permission::Everything => Ok(()),
        Permission::PutOnly => Err(StoreError::Denied {
            target: folder.describe(),
            action: crate::error::Action::Delete,
            source: OnlyAdding.into(),
        }),
    }
}

/// The next objects after one.
fn page(folder: &Folder, what: Listing, after: Option<ObjectName>) -> Result<Answered, StoreError> {
    let mut objects = Vec::new();
    let listed = folder.list_after(what, after, &mut |listed| {
        objects.push(listed);
        match objects.len() < PAGE_OBJECTS {
            true => Ok(()),
            false => Err(StoreError::Stopped),
        }
    });
    let more = match listed {
        Ok(()) => More::No,
        Err(StoreError::Stopped) => More::Maybe,
        Err(e) => return Err(e),
    };
    Ok(Answered::Page { objects, more })
}
