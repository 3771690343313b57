//! Telling others what happened: pings, mail, webhooks, ntfy, the system's log.
//!
//! What it must never do: make a backup fail, or say more than names of datasets, numbers and
//! times. [`Message`] can hold nothing else.

pub mod config;
mod error;
mod http;
mod label;
mod mail;
pub mod message;
mod syslog;
mod teller;
mod told;

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use zeroize::Zeroizing;

pub use self::config::{Mail, Notify, Ping, Security, Tell, Webhook};
pub use self::error::NotifyError;
pub use self::label::Label;
pub use self::message::{Act, Cause, Event, Fact, Line, Message, Severity, Topic};
pub use self::teller::Teller;

use self::told::Told;
use crate::config::{Name, Worded};

/// How long is waited for others.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// How often a message is tried at most.
    pub attempts: u32,
    /// The pause after a failure; it doubles.
    pub pause: Duration,
    /// How long one try may take.
    pub timeout: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            attempts: 3,
            pause: Duration::from_secs(2),
            timeout: Duration::from_secs(15),
        }
    }
}

impl Patience {
    /// For who could not be reached a moment ago: a run must not wait for the same one again and
    /// again.
    fn worn(self) -> Self {
        Self {
            attempts: 1,
            timeout: self.timeout / 5,
            ..self
        }
    }

    fn spend(self, tried: impl Fn() -> Result<(), NotifyError>) -> Result<(), NotifyError> {
        let mut pause = self.pause;
        let mut result = tried();
        for _ in 1..self.attempts {
            match &result {
                Err(error) if error.is_passing() => thread::sleep(pause),
                _ => break,
            }
            pause *= 2;
            result = tried();
        }
        result
    }
}

/// Somebody who was not told, and why. To be said, and to stop nothing.
#[derive(Debug)]
pub struct NotTold {
    /// Through which channel.
    pub channel: Channel,
    /// Why.
    pub error: NotifyError,
}

impl fmt::Display for NotTold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "nobody was told by {}: {}", self.channel, self.error)
    }
}

/// A way to tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Channel {
    /// A ping.
    Ping,
    /// Mail.
    Mail,
    /// A webhook.
    Webhook,
    /// ntfy.
    Ntfy,
    /// The system's log.
    Syslog,
    /// The memory of what was told.
    Memory,
}

impl fmt::Display for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ping => "ping",
            Self::Mail => "mail",
            Self::Webhook => "webhook",
            Self::Ntfy => "ntfy",
            Self::Syslog => "the system's log",
            Self::Memory => "what was told before (it may be told twice)",
        })
    }
}

/// Tells others, as the configuration asks.
pub struct Notifier<'a> {
    notify: &'a Notify,
    memory: PathBuf,
    patience: Patience,
    syslog: PathBuf,
    /// Who was not told the last time, as long as this lives. It was said once.
    unreached: RefCell<BTreeSet<String>>,
}

impl<'a> Notifier<'a> {
    /// One that remembers in a folder of local state what it told.
    pub fn new(notify: &'a Notify, state: &Path) -> Self {
        Self {
            notify,
            memory: state.join("told.json"),
            patience: Patience::default(),
            syslog: syslog::SOCKET.into(),
            unreached: RefCell::default(),
        }
    }

    /// The same with another patience.
    pub fn patience(self, patience: Patience) -> Self {
        Self { patience, ..self }
    }

    /// The same with another socket of the system's log.
    pub fn syslog(self, socket: &Path) -> Self {
        let syslog = socket.to_owned();
        Self { syslog, ..self }
    }

    /// Whether somebody was told of trouble with this that was not told to have ended.
    pub fn troubled(&self, vault: &Label, subject: &Label, topic: Topic) -> bool {
        let told = Told::read(&self.memory);
        told.troubled(vault.as_str(), subject.as_str(), topic)
    }

    /// Tells all who want to hear it, and returns whom it did not reach, unless it returned him
    /// before.
    pub fn tell(&self, message: &Message) -> Vec<NotTold> {
        let mut told = Told::read(&self.memory);
        let before = told.clone();
        let mut failed = Vec::new();
        for (number, way) in self.ways().enumerate() {
            let channel = way.channel();
            let name = format!("{channel} {number}");
            let wanted = match way.tell() {
                _ if !way.is_about(message) => false,
                Tell::Everything => true,
                Tell::Trouble => told.wants(&name, message, self.notify.repeat.seconds()),
            };
            if !wanted {
                continue;
            }
            match self.send(&way, &name, message) {
                Ok(()) if way.tell() == Tell::Trouble => told.note(&name, message),
                Ok(()) => {}
                Err(error) => failed.extend(error.map(|error| NotTold { channel, error })),
            }
        }
        if told != before
            && let Err(source) = told.write(&self.memory)
        {
            let path = self.memory.clone();
            let error = NotifyError::File { path, source };
            let channel = Channel::Memory;
            failed.push(NotTold { channel, error });
        }
        failed
    }

    /// Without an error if it was said already that this one is not told.
    fn send(
        &self,
        way: &Way<'_>,
        name: &str,
        message: &Message,
    ) -> Result<(), Option<NotifyError>> {
        let mut unreached = self.unreached.borrow_mut();
        let known = unreached.contains(name);
        let patience = match known {
            true => self.patience.worn(),
            false => self.patience,
        };
        match way.send(message, patience) {
            Ok(()) => {
                unreached.remove(name);
                Ok(())
            }
            Err(error) => {
                unreached.insert(name.to_owned());
                Err((!known).then_some(error))
            }
        }
    }

    fn ways(&self) -> impl Iterator<Item = Way<'_>> {
        let notify = self.notify;
        let log = notify.syslog.then_some(Way::Syslog(&self.syslog));
        let pings = notify.ping.iter().map(Way::Ping);
        let mails = notify.mail.iter().map(Way::Mail);
        let webhooks = notify.webhook.iter().map(Way::Webhook);
        let topics = notify.ntfy.iter().map(Way::Ntfy);
        log.into_iter()
            .chain(pings)
            .chain(mails)
            .chain(webhooks)
            .chain(topics)
    }
}

enum Way<'a> {
    Syslog(&'a Path),
    Ping(&'a Ping),
    Mail(&'a Mail),
    Webhook(&'a Webhook),
    Ntfy(&'a Webhook),
}

impl Way<'_> {
    fn channel(&self) -> Channel {
        match self {
            Self::Syslog(_) => Channel::Syslog,
            Self::Ping(_) => Channel::Ping,
            Self::Mail(_) => Channel::Mail,
            Self::Webhook(_) => Channel::Webhook,
            Self::Ntfy(_) => Channel::Ntfy,
        }
    }

    fn tell(&self) -> Tell {
        match self {
            Self::Syslog(_) | Self::Ping(_) => Tell::Everything,
            Self::Mail(mail) => mail.tell,
            Self::Webhook(hook) | Self::Ntfy(hook) => hook.tell,
        }
    }

    fn is_about(&self, message: &Message) -> bool {
        let about: &[Worded<Name>] = match self {
            Self::Syslog(_) => &[],
            Self::Ping(ping) => &ping.about,
            Self::Mail(mail) => &mail.about,
            Self::Webhook(hook) | Self::Ntfy(hook) => &hook.about,
        };
        let named = |name: &Worded<Name>| Label::of(name.as_str()) == message.subject;
        about.is_empty() || about.iter().any(named)
    }

    fn send(&self, message: &Message, patience: Patience) -> Result<(), NotifyError> {
        match self {
            Self::Syslog(socket) => syslog::send(socket, message),
            Self::Ping(ping) => http::ping(ping, message, patience),
            Self::Mail(mail) => mail::send(mail, message, patience),
            Self::Webhook(hook) => http::webhook(hook, message, patience),
            Self::Ntfy(topic) => http::ntfy(topic, message, patience),
        }
    }
}

/// A secret from a file, without the end of its line.
fn secret(file: &Path) -> Result<Zeroizing<String>, NotifyError> {
    let text = fs::read_to_string(file).map_err(|source| NotifyError::File {
        path: file.to_owned(),
        source,
    })?;
    let text = Zeroizing::new(text);
    Ok(Zeroizing::new(
        text.trim_end_matches(['\r', '\n']).to_owned(),
    ))
}

#[cfg(test)]
#[path = "notify/notify_tests.rs"]
mod tests;
