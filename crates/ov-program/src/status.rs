//! How things stand: each dataset against its policy, each place, each agent that is watched.
//!
//! Gathered elsewhere, judged here: [`Status::worries`] says what is short and what to do about
//! it, and everything that shows a status (the screen, JSON, metrics, messages) is made from the
//! same value. A keeper's status has no names of datasets but those of the configuration.

mod contents;
mod diagnose;
mod document;
mod metrics;
mod notes;
mod serve;
pub mod silence;
mod worry;

use jiff::Timestamp;
use ov_policy::forecast::{Full, Outlook};
use ov_policy::placement::{self, Checked, Guard, Judgement, Rule, Site};
use ov_policy::schedule::{Next, Past};
use ov_store::Grade;

use crate::notify::Cause;

pub use self::contents::Contents;
pub use self::diagnose::{Platform, diagnose};
pub use self::metrics::write_textfile;
pub use self::notes::{PlaceNote, PlaceNotes};
pub use self::serve::answer;
pub use self::silence::{Heard, Watch, heard};
pub use self::worry::{Level, Worry};

/// Stands for every dataset, where a key does not tell them apart.
pub const ANY: &str = "*";

/// What is said of the copies of every dataset is said about this.
pub const ALL: &str = "copies";

/// How things stand.
#[derive(Clone, Debug, PartialEq)]
pub struct Status {
    /// When it was looked at.
    pub at: Timestamp,
    /// What the vault is called.
    pub vault: String,
    /// How many copies are wanted.
    pub rule: Rule,
    /// From when on a check counts.
    pub checked_since: Timestamp,
    /// Who checks.
    pub checks: Checks,
    /// What is backed up.
    pub datasets: Vec<Dataset>,
    /// Where it lies: the vault first, then its copies.
    pub places: Vec<Place>,
    /// Agents that are watched.
    pub agents: Vec<Heard>,
    /// The recovery kit.
    pub kit: Kit,
}

/// One dataset.
#[derive(Clone, Debug, PartialEq)]
pub struct Dataset {
    /// Its name.
    pub name: String,
    /// How old its newest snapshot may become, in seconds.
    pub rpo: Option<u64>,
    /// What became of its runs.
    pub past: Past,
    /// Why the last run failed, if it did.
    pub cause: Option<Cause>,
    /// When it runs next.
    pub next: Option<Next>,
}

/// Whether this machine checks what is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Checks {
    /// It does, and knows of every check.
    Here,
    /// A keeper elsewhere does, and says so there.
    Elsewhere,
}

/// Whether the recovery kit was tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kit {
    /// The last time.
    Tested(Timestamp),
    /// Never, as far as this machine knows.
    Untested,
    /// It is not this machine's business.
    Elsewhere,
}

/// Where snapshots lie.
#[derive(Clone, Debug, PartialEq)]
pub struct Place {
    /// Its name; of the vault itself `vault`.
    pub name: String,
    /// The vault itself, or a copy with the age that it may reach, in seconds.
    pub kind: PlaceKind,
    /// What it lies on.
    pub medium: String,
    /// Where.
    pub site: Site,
    /// Whether it could be looked at.
    pub reach: Reach,
    /// Whether it is only connected for copying.
    pub offline: bool,
    /// Whether a keeper there fetches what it holds.
    pub pulled: bool,
    /// What the target protects, and when that was tried.
    pub grade: Option<(Grade, Timestamp)>,
    /// The last check.
    pub checked: Option<Checked>,
    /// What is in it. From the last time that it could be looked at, if it cannot now.
    pub contents: Option<Contents>,
    /// Bytes that still fit in, where anyone can tell.
    pub free: Option<u64>,
    /// What it will grow by.
    pub outlook: Option<Outlook>,
}

/// What a place is to the policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PlaceKind {
    /// Where runs store.
    Vault,
    /// A copy.
    Copy {
        /// How old its newest snapshot may become, in seconds.
        age_max: u64,
    },
}

/// Whether a place could be looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Yes.
    Reached,
    /// It is unplugged, as it should be.
    Unplugged {
        /// When it was last there.
        seen: Option<Timestamp>,
    },
    /// No.
    Unreached {
        /// When it was last there.
        seen: Option<Timestamp>,
        /// Why not.
        why: Cause,
    },
}

impl Status {
    /// The dataset's copies against the policy.
    pub fn judge(&self, dataset: &str) -> Judgement {
        let vault = self.newest(dataset);
        let copies: Vec<placement::Copy> = self
            .places
            .iter()
            .map(|place| self.as_copy(place, dataset, vault))
            .collect();
        placement::judge(&self.rule, &copies, self.checked_since)
    }

    /// A place as the rule for copies takes it. A copy is behind when it holds neither what is young
    /// enough nor what is newest in the vault.
    fn as_copy(&self, place: &Place, dataset: &str, vault: Option<Timestamp>) -> placement::Copy {
        let young = match place.kind {
            PlaceKind::Vault => Timestamp::MIN,
            PlaceKind::Copy { age_max } => before(self.at, age_max),
        };
        let elsewhere = (self.checks == Checks::Elsewhere).then_some(Checked {
            at: self.at,
            errors: 0,
        });
        placement::Copy {
            name: place.name.clone(),
            medium: place.medium.clone(),
            site: place.site,
            guard: place.guard(),
            newest: place.newest(dataset),
            wanted: vault.map_or(young, |vault| vault.min(young)),
            checked: place.checked.or(elsewhere),
        }
    }

    /// The dataset's newest snapshot in the vault, or the last run that ended well. Where the key
    /// does not tell datasets apart, the snapshot may be another's, and only the run counts.
    pub fn newest(&self, dataset: &str) -> Option<Timestamp> {
        let vault = self
            .places
            .iter()
            .find(|place| place.kind == PlaceKind::Vault);
        let contents = vault.and_then(|vault| vault.contents.as_ref());
        let stored = contents.and_then(|there| there.newest.get(dataset).copied());
        let ran = self.datasets.iter().find(|one| one.name == dataset);
        let ran = ran
            .and_then(|dataset| dataset.past.good)
            .map(|run| run.start);
        stored.max(ran)
    }

    /// For how many seconds nothing newer of the dataset was stored.
    pub fn age(&self, dataset: &str) -> Option<u64> {
        self.newest(dataset).map(|newest| between(newest, self.at))
    }

    /// How bad it is, all in all.
    pub fn level(&self) -> Level {
        let levels = self.worries().into_iter().map(|worry| worry.level);
        levels.max().unwrap_or(Level::Well)
    }

    /// Whether something is short of the policy, so that programs end with 21.
    pub fn is_short(&self) -> bool {
        self.level() == Level::Short
    }
}

impl Dataset {
    /// Whether the last run failed.
    pub fn failed(&self) -> bool {
        self.past.failures > 0
    }
}

impl Place {
    /// The newest complete snapshot of a dataset here.
    pub fn newest(&self, dataset: &str) -> Option<Timestamp> {
        let newest = &self.contents.as_ref()?.newest;
        newest.get(dataset).or_else(|| newest.get(ANY)).copied()
    }

    /// Takes what is remembered.
    pub fn take(&mut self, note: &PlaceNote) {
        self.grade = note.grade();
        self.checked = note.checked();
        self.contents.clone_from(&note.contents);
    }

    /// What protects it.
    fn guard(&self) -> Guard {
        let safe = self.pulled || self.grade.is_some_and(|(grade, _)| grade > Grade::Plain);
        match (self.offline, safe) {
            (true, _) => Guard::Offline,
            (false, true) => Guard::Refuses,
            (false, false) => Guard::None,
        }
    }

    /// When it will be full, if that can be told.
    pub fn full(&self) -> Option<Full> {
        Some(self.outlook?.full(self.free?))
    }
}

/// Seconds from one moment to a later one; none if it is not later.
fn between(from: Timestamp, to: Timestamp) -> u64 {
    u64::try_from(to.as_second().saturating_sub(from.as_second())).unwrap_or(0)
}

/// The moment so many seconds before another.
fn before(at: Timestamp, seconds: u64) -> Timestamp {
    let seconds = i64::try_from(seconds).unwrap_or(i64::MAX);
    Timestamp::from_second(at.as_second().saturating_sub(seconds)).unwrap_or(Timestamp::MIN)
}

#[cfg(test)]
#[path = "status/status_tests.rs"]
mod tests;
