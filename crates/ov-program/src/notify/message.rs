//! What others are told: which dataset, what happened, numbers and times. Nothing else fits in.

use std::fmt::{self, Write};

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::notify::Label;

/// Lines of a log that go along at most.
const LINES_MAX: usize = 100;

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Event {
    /// A run began.
    Started,
    /// A run ended well.
    Done,
    /// A run ended, and some of the source could not be read.
    Incomplete,
    /// A run failed.
    Failed(Cause),
    /// The last success is older than the policy allows.
    Late,
    /// An agent fell silent: no snapshot of it arrived for longer than the policy allows.
    Silent,
    /// Copies are not as the policy asks.
    Short,
    /// What was wrong is well again.
    Well(Topic),
}

/// What an event is about: one that follows another on the same topic replaces it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Topic {
    /// How the last run ended.
    Run,
    /// How old the last success is.
    Age,
    /// Whether an agent is heard of.
    Silence,
    /// Whether copies are as the policy asks.
    Copies,
}

impl Topic {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Run => "run",
            Self::Age => "age",
            Self::Silence => "silence",
            Self::Copies => "copies",
        }
    }
}

/// Why something failed, without a name of anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Cause {
    /// None of the others.
    Other,
    /// The configuration or an option is not right.
    Usage,
    /// There is no vault at the target.
    NoVault,
    /// The target is busy or cannot be reached.
    Unreachable,
    /// The key or its passphrase is wrong, or the key may not do this.
    Key,
    /// Damage was found.
    Damage,
    /// There are fewer good copies than asked for.
    FewCopies,
    /// A hold, a quorum or immutability refused it.
    Refused,
    /// It was stopped.
    Interrupted,
    /// It took longer than it may.
    TimedOut,
    /// A command before or after it failed.
    Hook,
}

impl Cause {
    /// The cause behind an exit code of a verb.
    pub fn of_exit(code: u8) -> Self {
        match code {
            2 => Self::Usage,
            10 => Self::NoVault,
            11 => Self::Unreachable,
            12 => Self::Key,
            20 => Self::Damage,
            21 => Self::FewCopies,
            30 => Self::Refused,
            130 => Self::Interrupted,
            _ => Self::Other,
        }
    }

    /// For programs.
    pub fn name(self) -> &'static str {
        match self {
            Self::Other => "failed",
            Self::Usage => "usage",
            Self::NoVault => "no_vault",
            Self::Unreachable => "unreachable",
            Self::Key => "key",
            Self::Damage => "damage",
            Self::FewCopies => "few_copies",
            Self::Refused => "refused",
            Self::Interrupted => "interrupted",
            Self::TimedOut => "timed_out",
            Self::Hook => "hook",
        }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Other => "its own log says why",
            Self::Usage => "the configuration is not right",
            Self::NoVault => "there is no vault at the target",
            Self::Unreachable => "the target is busy or cannot be reached",
            Self::Key => "the key or its passphrase is wrong, or it may not do this",
            Self::Damage => "damage was found",
            Self::FewCopies => "there are fewer good copies than asked for",
            Self::Refused => "a hold or a rule refused it",
            Self::Interrupted => "it was stopped",
            Self::TimedOut => "it took longer than it may",
            Self::Hook => "a command before or after it failed",
        })
    }
}

/// What a number means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Fact {
    /// Files seen.
    Files(u64),
    /// Files that could not be read.
    FilesUnread(u64),
    /// Bytes that are new in the vault.
    BytesAdded(u64),
    /// Bytes stored on the target.
    BytesStored(u64),
    /// How long it took, in seconds.
    Seconds(u64),
    /// How often it was tried.
    Attempts(u64),
    /// The code that the work ended with.
    ExitCode(u8),
    /// When it last went well.
    LastSuccess(Timestamp),
    /// How old the newest snapshot is, in seconds.
    AgeSeconds(u64),
    /// How old it may be, in seconds.
    AllowedSeconds(u64),
    /// How many things are short of the policy.
    Shortages(u64),
    /// Errors that a check found.
    Errors(u64),
}

impl Fact {
    fn name(self) -> &'static str {
        match self {
            Self::Files(_) => "files",
            Self::FilesUnread(_) => "files_unread",
            Self::BytesAdded(_) => "bytes_added",
            Self::BytesStored(_) => "bytes_stored",
            Self::Seconds(_) => "seconds",
            Self::Attempts(_) => "attempts",
            Self::ExitCode(_) => "exit_code",
            Self::LastSuccess(_) => "last_success",
            Self::AgeSeconds(_) => "age_seconds",
            Self::AllowedSeconds(_) => "allowed_seconds",
            Self::Shortages(_) => "shortages",
            Self::Errors(_) => "errors",
        }
    }

    fn value(self) -> Value {
        match self {
            Self::Files(n)
            | Self::FilesUnread(n)
            | Self::BytesAdded(n)
            | Self::BytesStored(n)
            | Self::Seconds(n)
            | Self::Attempts(n)
            | Self::AgeSeconds(n)
            | Self::AllowedSeconds(n)
            | Self::Shortages(n)
            | Self::Errors(n) => json!(n),
            Self::ExitCode(code) => json!(code),
            Self::LastSuccess(at) => json!(at.to_string()),
        }
    }
}

impl fmt::Display for Fact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Files(n) => write!(f, "{n} files"),
            Self::FilesUnread(n) => write!(f, "{n} files could not be read"),
            Self::BytesAdded(n) => write!(f, "{n} bytes were new"),
            Self::BytesStored(n) => write!(f, "{n} bytes stored"),
            Self::Seconds(n) => write!(f, "took {}", Length(*n)),
            Self::Attempts(n) => write!(f, "tried {n} times"),
            Self::ExitCode(code) => write!(f, "exit code {code}"),
            Self::LastSuccess(at) => write!(f, "last success {}", at.strftime("%F %H:%M UTC")),
            Self::AgeSeconds(n) => write!(f, "newest is {} old", Length(*n)),
            Self::AllowedSeconds(n) => write!(f, "allowed are {}", Length(*n)),
            Self::Shortages(n) => write!(f, "{n} things are short of the policy"),
            Self::Errors(n) => write!(f, "{n} errors found"),
        }
    }
}

/// A length of time in its two largest units.
pub(crate) struct Length(pub u64);

impl fmt::Display for Length {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0;
        let (minutes, hours, days) = (seconds / 60, seconds / 3_600, seconds / 86_400);
        match (days, hours, minutes) {
            (0, 0, 0) => write!(f, "{seconds} s"),
            (0, 0, _) => write!(f, "{minutes} min"),
            (0, 1..48, _) => write!(f, "{hours} h {} min", minutes % 60),
            (1, ..) if hours < 48 => write!(f, "{hours} h"),
            _ => write!(f, "{days} d {} h", hours % 24),
        }
    }
}

/// A part of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Act {
    /// Storing a snapshot.
    Backup,
    /// Bringing a copy up to date.
    Copy,
    /// Accepting what agents stored.
    Accept,
    /// Renewing locks.
    Lock,
    /// Letting snapshots go by rule.
    Forget,
    /// Freeing what no snapshot needs.
    Prune,
    /// Looking for damage.
    Check,
    /// A command of the configuration.
    Hook,
}

impl Act {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Backup => "backup",
            Self::Copy => "copy",
            Self::Accept => "accept",
            Self::Lock => "lock",
            Self::Forget => "forget",
            Self::Prune => "prune",
            Self::Check => "check",
            Self::Hook => "hook",
        }
    }
}

/// One line of a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// When.
    pub at: Timestamp,
    /// Which part.
    pub act: Act,
    /// Of or to what.
    pub subject: Option<Label>,
    /// How it ended; `Started` if it goes on.
    pub event: Event,
    /// Numbers.
    pub facts: Vec<Fact>,
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.at.strftime("%F %T"), self.act.name())?;
        if let Some(subject) = &self.subject {
            write!(f, " {subject}")?;
        }
        write!(f, ": {}", self.event)?;
        self.facts.iter().try_for_each(|fact| write!(f, ", {fact}"))
    }
}

/// What is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// What happened.
    pub event: Event,
    /// In which vault, by the profile's name.
    pub vault: Label,
    /// To which dataset, copy or agent.
    pub subject: Label,
    /// When.
    pub at: Timestamp,
    /// Numbers.
    pub facts: Vec<Fact>,
    /// The last lines of the log.
    pub log: Vec<Line>,
}

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// As it should be.
    Notice,
    /// Somebody should look in the next days.
    Warning,
    /// Somebody should look now.
    Critical,
}

impl Event {
    /// What it is about.
    pub fn topic(self) -> Topic {
        match self {
            Self::Started | Self::Done | Self::Incomplete | Self::Failed(_) => Topic::Run,
            Self::Late => Topic::Age,
            Self::Silent => Topic::Silence,
            Self::Short => Topic::Copies,
            Self::Well(topic) => topic,
        }
    }

    /// How bad it is.
    pub fn severity(self) -> Severity {
        match self {
            Self::Started | Self::Done | Self::Well(_) => Severity::Notice,
            Self::Incomplete | Self::Short => Severity::Warning,
            Self::Failed(Cause::Interrupted | Cause::Unreachable) => Severity::Warning,
            Self::Failed(_) | Self::Late | Self::Silent => Severity::Critical,
        }
    }

    /// For programs.
    pub fn name(self) -> &'static str {
        match self {
            Self::Started => "started",
            Self::Done => "done",
            Self::Incomplete => "incomplete",
            Self::Failed(_) => "failed",
            Self::Late => "late",
            Self::Silent => "silent",
            Self::Short => "short",
            Self::Well(_) => "well",
        }
    }

    /// What to do; empty where there is nothing to do.
    pub fn advice(self) -> &'static str {
        match self {
            Self::Started | Self::Done | Self::Well(_) => "",
            Self::Incomplete => "The log on that machine names the files.",
            Self::Failed(Cause::Damage) => {
                "Run `oncovault check` there, then `oncovault repair`. Delete nothing."
            }
            Self::Failed(_) | Self::Late => "Run `oncovault status` there: it says what to do.",
            Self::Silent => {
                "Look whether that machine is switched on and connected, then run `oncovault \
                 status` there."
            }
            Self::Short => "Run `oncovault status`: it says which copy is short and what to do.",
        }
    }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Started => f.write_str("started"),
            Self::Done => f.write_str("done"),
            Self::Incomplete => f.write_str("done, but some files could not be read"),
            Self::Failed(cause) => write!(f, "failed: {cause}"),
            Self::Late => f.write_str("late"),
            Self::Silent => f.write_str("silent"),
            Self::Short => f.write_str("copies are short"),
            Self::Well(Topic::Run) => f.write_str("runs well again"),
            Self::Well(Topic::Age) => f.write_str("up to date again"),
            Self::Well(Topic::Silence) => f.write_str("heard of again"),
            Self::Well(Topic::Copies) => f.write_str("copies are complete again"),
        }
    }
}

impl Message {
    /// One line.
    pub fn title(&self) -> String {
        format!("{}: {} (vault {})", self.subject, self.event, self.vault)
    }

    /// All of it, for people.
    pub fn text(&self) -> String {
        let mut text = format!("{}\n{}\n", self.title(), self.at.strftime("%F %T UTC"));
        for fact in &self.facts {
            let _ = writeln!(text, "- {fact}");
        }
        if !self.event.advice().is_empty() {
            let _ = writeln!(text, "\n{}", self.event.advice());
        }
        let skipped = self.log.len().saturating_sub(LINES_MAX);
        if !self.log.is_empty() {
            text.push('\n');
        }
        for line in self.log.iter().skip(skipped) {
            let _ = writeln!(text, "{line}");
        }
        text
    }

    /// All of it, for programs.
    pub fn document(&self) -> Value {
        let facts = |facts: &[Fact]| -> Map<String, Value> {
            let pair = |fact: &Fact| (fact.name().to_owned(), fact.value());
            facts.iter().map(pair).collect()
        };
        let skipped = self.log.len().saturating_sub(LINES_MAX);
        let line = |line: &Line| {
            json!({
                "at": line.at.to_string(),
                "act": line.act.name(),
                "subject": line.subject.as_ref().map(Label::as_str),
                "event": line.event.name(),
                "cause": cause(line.event),
                "facts": facts(&line.facts),
            })
        };
        json!({
            "event": self.event.name(),
            "cause": cause(self.event),
            "severity": severity(self.event.severity()),
            "vault": self.vault.as_str(),
            "subject": self.subject.as_str(),
            "at": self.at.to_string(),
            "facts": facts(&self.facts),
            "title": self.title(),
            "advice": self.event.advice(),
            "log": self.log.iter().skip(skipped).map(line).collect::<Vec<_>>(),
        })
    }
}

fn cause(event: Event) -> Option<&'static str> {
    match event {
        Event::Failed(cause) => Some(cause.name()),
        _ => None,
    }
}

fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Notice => "notice",
        Severity::Warning => "warning",
        Severity::Critical => "critical",
    }
}
