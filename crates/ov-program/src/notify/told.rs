//! What was told already: so that trouble that lasts is not told every quarter of an hour.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::notify::message::{Event, Message, Severity, Topic};

/// What was told on each channel about each subject and topic.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Told(BTreeMap<String, Last>);

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Last {
    /// Empty if all was well.
    trouble: String,
    at: Timestamp,
}

impl Told {
    /// Reads the file; one that is missing or damaged knows nothing, and everything is told anew.
    pub(crate) fn read(file: &Path) -> Self {
        let text = fs::read(file).ok();
        let told = text.and_then(|text| serde_json::from_slice(&text).ok());
        told.unwrap_or_default()
    }

    /// Writes the file: beside it first, so that a crash leaves the old one.
    pub(crate) fn write(&self, file: &Path) -> std::io::Result<()> {
        let beside = file.with_extension("new");
        fs::write(&beside, serde_json::to_vec(self)?)?;
        fs::rename(&beside, file)
    }

    /// Whether a channel that wants to hear of trouble alone should hear this: trouble that is new
    /// or another, or that was not told for so many seconds; and its end.
    pub(crate) fn wants(&self, channel: &str, message: &Message, repeat: i64) -> bool {
        if message.event == Event::Started {
            return false;
        }
        let last = self.0.get(&key(channel, message));
        let trouble = trouble(message.event);
        match last {
            None => !trouble.is_empty(),
            Some(last) if trouble.is_empty() => !last.trouble.is_empty(),
            Some(last) => {
                let ago = message.at.as_second().saturating_sub(last.at.as_second());
                last.trouble != trouble || ago >= repeat
            }
        }
    }

    /// Notes that it was told.
    pub(crate) fn note(&mut self, channel: &str, message: &Message) {
        let last = Last {
            trouble: trouble(message.event),
            at: message.at,
        };
        self.0.insert(key(channel, message), last);
    }

    /// Whether any channel was told of trouble with this that did not end.
    pub(crate) fn troubled(&self, vault: &str, subject: &str, topic: Topic) -> bool {
        let tail = format!("|{vault}|{subject}|{}", topic.name());
        let open = |(key, last): (&String, &Last)| key.ends_with(&tail) && !last.trouble.is_empty();
        self.0.iter().any(open)
    }
}

fn key(channel: &str, message: &Message) -> String {
    let (vault, subject) = (&message.vault, &message.subject);
    format!(
        "{channel}|{vault}|{subject}|{}",
        message.event.topic().name()
    )
}

fn trouble(event: Event) -> String {
    match (event.severity(), event) {
        (Severity::Notice, _) => String::new(),
        (_, Event::Failed(cause)) => format!("{}: {}", event.name(), cause.name()),
        (_, event) => event.name().to_owned(),
    }
}
