//! A target on another machine that `oncovault serve` guards: reached by the system's `ssh`, which
//! starts it there. Whoever has the key of such an account can add, and with `--put-only` neither
//! replace nor delete.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::time::Duration;

use ov_format::name::ObjectName;

use crate::durable::{Durable, Put};
use crate::error::{Action, StoreError};
use crate::line::{Broken, Frame, Line};
use crate::memory::{check_length, width};
use crate::message::{Answered, More, PART_BYTES, Question, Said, VERSION, kind};
use crate::options::OpenOptions;
use crate::packet::Malformed;
use crate::remote_url::show_remote;
use crate::ssh::{self, Connection, Redialled, Remote, SshHost};
use crate::store::{Listed, Listing, Overwrite, Store};

/// So many parts are on their way at a time: 2 MiB, as much as OpenSSH lets through unanswered.
const PARTS_IN_FLIGHT: usize = 8;
/// Objects up to this length are sent again when they are there, to be compared.
const COMPARED_BYTES_MAX: u64 = 64 << 10;
/// The program on the other machine.
const PROGRAM: &str = "oncovault";

/// A target that another machine guards.
pub struct Served {
    connection: Redialled<Talk>,
    shown: String,
    host: SshHost,
}

/// One connection.
struct Talk(Line);

impl Connection for Talk {
    fn is_lost(&self) -> bool {
        self.0.is_broken()
    }
}

/// Whether the folder is made if it is missing.
#[derive(Clone, Copy)]
enum Missing {
    Refuse,
    Make,
}

impl Served {
    /// Connects. `path` is the folder on the other machine; a relative one begins in the account's
    /// own. A command that the server forces on the key takes its place.
    ///
    /// # Errors
    /// If there is no connection, or [`StoreError::NotAStore`] if the folder is not there.
    pub fn open(host: &SshHost, path: &str, options: &OpenOptions) -> Result<Self, StoreError> {
        Self::new(host, path, options, Missing::Refuse)
    }

    /// As [`Served::open`], and asks for the folder to be made if it is missing.
    ///
    /// # Errors
    /// As [`Served::open`], or if it cannot be made.
    pub fn create(host: &SshHost, path: &str, options: &OpenOptions) -> Result<Self, StoreError> {
        Self::new(host, path, options, Missing::Make)
    }

    fn new(
        host: &SshHost,
        path: &str,
        options: &OpenOptions,
        missing: Missing,
    ) -> Result<Self, StoreError> {
        let shown = show_remote("ssh", host, path);
        let dial = {
            let (host, shown) = (host.clone(), shown.clone());
            let (program, patience) = (options.ssh.clone(), options.retries.patience);
            let line = command_line(path);
            move || dial(&host, &shown, &program, &line, patience, missing)
        };
        let served = Self {
            connection: Redialled::new(options.retries, dial),
            shown,
            host: host.clone(),
        };
        served.connection.with(|_| Ok(()))?;
        Ok(served)
    }

    fn broken(&self, talk: &Talk, why: &Broken) -> StoreError {
        ssh::sort(&self.shown, &self.host, PROGRAM, &talk.0, why)
    }

    /// Asks one question that has one answer.
    fn ask(&self, talk: &Talk, question: Question) -> Result<Answered, StoreError> {
        let (kind, body) = Said::Question(question).write();
        let frame = talk
            .0
            .ask(kind, &[&body])
            .and_then(crate::line::Pending::wait);
        self.understood(talk, frame)
    }

    fn understood(
        &self,
        talk: &Talk,
        frame: Result<Frame, Broken>,
    ) -> Result<Answered, StoreError> {
        let frame = frame.map_err(|why| self.broken(talk, &why))?;
        Answered::read(frame.kind, &frame.body).map_err(|Malformed| self.strange(talk))
    }

    fn strange(&self, talk: &Talk) -> StoreError {
        self.broken(talk, &Broken::Malformed)
    }

    fn look(&self, talk: &Talk, name: &ObjectName) -> Result<Option<u64>, StoreError> {
        match self.ask(talk, Question::Length { name: *name })? {
            Answered::Length(length) => Ok(length),
            Answered::Refused(refusal) => {
                Err(refusal.into_error(&self.shown, Action::Look, name, (0, 0)))
            }
            _ => Err(self.strange(talk)),
        }
    }

    fn store(&self, talk: &Talk, name: &ObjectName, bytes: &[u8]) -> Result<Put, StoreError> {
        let length = width(bytes);
        let answer = match self.look(talk, name)? {
            Some(there) if there != length => return Err(StoreError::Damaged { name: *name }),
            Some(_) if length > COMPARED_BYTES_MAX => {
                let name = *name;
                self.ask(talk, Question::Keep { name, length })?
            }
            // A short one is sent again, to be compared where it lies.
            _ => self.send(talk, name, bytes)?,
        };
        match answer {
            Answered::Stored(put) => Ok(put),
            Answered::Refused(refusal) => {
                Err(refusal.into_error(&self.shown, Action::Put, name, (length, 0)))
            }
            _ => Err(self.strange(talk)),
        }
    }

    fn send(&self, talk: &Talk, name: &ObjectName, bytes: &[u8]) -> Result<Answered, StoreError> {
        let put = Said::Put {
            name: *name,
            length: width(bytes),
        };
        let (kind, body) = put.write();
        let sent = talk.0.ask(kind, &[&body]).and_then(|pending| {
            for part in bytes.chunks(PART_BYTES) {
                talk.0.go_on(&pending, kind::PART, &[part])?;
            }
            pending.wait()
        });
        self.understood(talk, sent)
    }

    fn read(
        &self,
        talk: &Talk,
        name: &ObjectName,
        offset: u64,
        length: usize,
    ) -> Result<Vec<u8>, StoreError> {
        let mut bytes = Vec::new();
        let mut asked = 0;
        let mut first = true;
        let mut pending = VecDeque::new();
        loop {
            // An empty range is asked for too: the other side knows whether it is there.
            while (asked < length || first) && pending.len() < PARTS_IN_FLIGHT {
                first = false;
                let part = PART_BYTES.min(length - asked);
                let question = Question::Get {
                    name: *name,
                    offset: self.place(name, offset, asked, length)?,
                    length: u32::try_from(part).unwrap_or(u32::MAX),
                };
                let (kind, body) = Said::Question(question).write();
                let question = talk.0.ask(kind, &[&body]);
                pending.push_back((part, question.map_err(|why| self.broken(talk, &why))?));
                asked += part;
            }
            let Some((part, question)) = pending.pop_front() else {
                return Ok(bytes);
            };
            match self.understood(talk, question.wait())? {
                Answered::Bytes(there) if there.len() == part => bytes.extend_from_slice(&there),
                Answered::Refused(refusal) => {
                    let asked = (offset, length);
                    return Err(refusal.into_error(&self.shown, Action::Get, name, asked));
                }
                _ => return Err(self.strange(talk)),
            }
        }
    }

    fn place(
        &self,
        name: &ObjectName,
        offset: u64,
        after: usize,
        wanted: usize,
    ) -> Result<u64, StoreError> {
        let place = u64::try_from(after)
            .ok()
            .and_then(|after| offset.checked_add(after));
        place.ok_or(StoreError::Short {
            name: *name,
            offset,
            wanted,
        })
    }

    fn page(
        &self,
        what: Listing,
        after: Option<ObjectName>,
    ) -> Result<(Vec<Listed>, More), StoreError> {
        self.connection.with(
            |talk| match self.ask(talk, Question::List { what, after })? {
                Answered::Page { objects, more } => Ok((objects, more)),
                Answered::Refused(refusal) => Err(refusal.into_failure(&self.shown, Action::List)),
                _ => Err(self.strange(talk)),
            },
        )
    }

    fn done(&self, talk: &Talk, action: Action, question: Question) -> Result<u64, StoreError> {
        match self.ask(talk, question)? {
            Answered::Done(count) => Ok(count),
            Answered::Refused(refusal) => Err(refusal.into_failure(&self.shown, action)),
            _ => Err(self.strange(talk)),
        }
    }
}

impl Store for Served {
    fn put_new(&self, name: &ObjectName, bytes: &[u8]) -> Result<Durable<ObjectName>, StoreError> {
        check_length(name, width(bytes))?;
        let put = self.connection.with(|talk| self.store(talk, name, bytes))?;
        Ok(Durable::new(*name, put))
    }

    fn get(&self, name: &ObjectName) -> Result<Vec<u8>, StoreError> {
        self.connection.with(|talk| {
            let length = self.look(talk, name)?;
            let length = length.ok_or(StoreError::NotFound { name: *name })?;
            check_length(name, length)?;
            let length = usize::try_from(length).map_err(|_| StoreError::TooLong {
                name: *name,
                length,
            })?;
            self.read(talk, name, 0, length)
        })
    }

    fn get_range(
        &self,
        name: &ObjectName,
        offset: u64,
        length: usize,
    ) -> Result<Vec<u8>, StoreError> {
        self.connection
            .with(|talk| self.read(talk, name, offset, length))
    }

    fn length(&self, name: &ObjectName) -> Result<Option<u64>, StoreError> {
        self.connection.with(|talk| self.look(talk, name))
    }

    fn list(
        &self,
        what: Listing,
        visit: &mut dyn FnMut(Listed) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let mut after = None;
        loop {
            let (objects, more) = self.page(what, after)?;
            // A page that does not lead on would be asked for for ever.
            let last = objects.last().map(|listed| listed.name);
            let leads_on = last.is_some() && last != after;
            for listed in objects {
                if what.takes(&listed.name) {
                    visit(listed)?;
                }
            }
            if more == More::No {
                return Ok(());
            }
            if !leads_on {
                return Err(StoreError::Io {
                    target: self.shown.clone(),
                    action: Action::List,
                    source: Malformed.into(),
                });
            }
            after = last;
        }
    }

    fn delete(&self, name: &ObjectName) -> Result<(), StoreError> {
        let name = *name;
        self.connection
            .with(|talk| self.done(talk, Action::Delete, Question::Delete { name }))
            .map(drop)
    }

    fn describe(&self) -> String {
        self.shown.clone()
    }

    /// The protocol has no word for it; so other bytes are offered under the name, as if new.
    fn try_overwrite(&self, name: &ObjectName, bytes: &[u8]) -> Result<Overwrite, StoreError> {
        let sent = self.connection.with(|talk| self.send(talk, name, bytes))?;
        Ok(match sent {
            Answered::Stored(Put::Created) => Overwrite::Done,
            _ => Overwrite::Refused,
        })
    }

    fn sweep(&self, age: Duration) -> Result<u64, StoreError> {
        self.connection
            .with(|talk| self.done(talk, Action::Delete, Question::Sweep { age }))
    }
}

/// For the other machine's shell. The URL let through only what is harmless between these quotes.
fn command_line(path: &str) -> String {
    format!("{PROGRAM} serve --put-only './{path}'").replace("'.//", "'/")
}

fn dial(
    host: &SshHost,
    shown: &str,
    program: &[OsString],
    line: &str,
    patience: Duration,
    missing: Missing,
) -> Result<Talk, StoreError> {
    let hello = Frame {
        kind: kind::HELLO,
        number: VERSION,
        body: vec![u8::from(matches!(missing, Missing::Make))],
    };
    let command = host.command(program, Remote::Program(line));
    let (line, greeting) =
        Line::open(command, patience, &hello).map_err(|e| ssh::not_started(shown, program, e))?;
    let greeting = match greeting {
        Ok(greeting) => greeting,
        Err(why) => return Err(ssh::sort(shown, host, PROGRAM, &line, &why)),
    };
    let strange = |_| ssh::sort(shown, host, PROGRAM, &line, &Broken::Malformed);
    if greeting.kind == kind::WELCOME {
        return Ok(Talk(line));
    }
    match Answered::read(greeting.kind, &greeting.body).map_err(strange)? {
        Answered::Refused(refusal) => Err(refusal.into_failure(shown, Action::Open)),
        _ => Err(strange(Malformed)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_stands_in_quotes_and_is_no_option() {
        assert_eq!(
            command_line("/srv/my vault"),
            "oncovault serve --put-only '/srv/my vault'"
        );
        assert_eq!(command_line("-rf"), "oncovault serve --put-only './-rf'");
        assert_eq!(command_line("."), "oncovault serve --put-only './.'");
    }
}
