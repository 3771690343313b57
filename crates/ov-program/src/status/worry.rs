//! What is short of the policy, and what to do.

use std::fmt;

use jiff::Timestamp;
use ov_policy::placement::{Judgement, Shortage};

use crate::notify::message::Length;
use crate::notify::{Cause, Event, Topic};
use crate::status::{ALL, ANY, Checks, Dataset, Kit, Place, PlaceKind, Reach, Status, between};

/// A check of every byte that is so many times overdue is worth a word.
const OVERDUE: u64 = 2;

/// A target that is full so soon, at worst, is worth a word.
const FULL_DAYS: u32 = 30;

/// A kit that nobody tried for so long is worth a word.
const KIT_SECONDS: u64 = 400 * 86_400;

/// How bad something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// As it should be.
    Well,
    /// Somebody should look in the next days.
    Attention,
    /// Less than the policy asks for.
    Short,
}

impl Level {
    /// Its word, for those who see no colours.
    pub fn word(self) -> &'static str {
        match self {
            Self::Well => "well",
            Self::Attention => "attention",
            Self::Short => "short",
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// Something that is not as it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Worry {
    /// How bad.
    pub level: Level,
    /// Of what: a dataset, a place, an agent.
    pub about: String,
    /// What others are told; nothing where that is not worth a message.
    pub event: Option<Event>,
    /// What it is.
    pub what: String,
    /// What to do.
    pub advice: String,
}

impl Worry {
    /// The topic on which others are told.
    pub fn topic(&self) -> Option<Topic> {
        self.event.map(Event::topic)
    }
}

impl Status {
    /// All that is not as it should be, the worst first.
    pub fn worries(&self) -> Vec<Worry> {
        let mut worries: Vec<Worry> = Vec::new();
        for dataset in &self.datasets {
            worries.extend(self.age_worry(dataset));
            worries.extend(self.run_worry(dataset));
            // Of what was never backed up there can be no copy.
            if self.newest(&dataset.name).is_some() {
                worries.extend(self.copy_worries(&dataset.name));
            }
        }
        // A machine that backs nothing up looks after all that the vault holds.
        if self.datasets.is_empty() {
            worries.extend(self.copy_worries(ANY));
        }
        worries.extend(
            self.agents
                .iter()
                .filter_map(|agent| silence(agent, self.at)),
        );
        for place in &self.places {
            worries.extend(reach(place, self.at));
            worries.extend(self.unverified(place));
            worries.extend(full(place));
        }
        worries.extend(self.kit_worry());
        // The same is said once, however many datasets it touches.
        let mut said = std::collections::BTreeSet::new();
        worries.retain(|worry| {
            said.insert((worry.what.clone(), worry.event.map(|_| worry.about.clone())))
        });
        worries.sort_by_key(|worry| std::cmp::Reverse(worry.level));
        worries
    }

    fn age_worry(&self, dataset: &Dataset) -> Option<Worry> {
        let what = match (self.age(&dataset.name), dataset.rpo) {
            (None, _) => "was never backed up".to_owned(),
            (Some(age), Some(rpo)) if age > rpo => format!(
                "newest snapshot is {} old, allowed are {}",
                Length(age),
                Length(rpo)
            ),
            _ => return None,
        };
        let name = &dataset.name;
        Some(Worry {
            level: Level::Short,
            about: name.clone(),
            event: Some(Event::Late),
            what,
            advice: format!("run `oncovault run {name}` and read what it says"),
        })
    }

    fn run_worry(&self, dataset: &Dataset) -> Option<Worry> {
        let failed = dataset.past.failed.filter(|_| dataset.failed())?;
        let cause = dataset.cause.unwrap_or(Cause::Other);
        let ago = Length(between(failed.end, self.at));
        let times = dataset.past.failures;
        Some(Worry {
            level: Level::Attention,
            about: dataset.name.clone(),
            event: None,
            what: format!("the last run failed {ago} ago ({times} in a row): {cause}"),
            advice: advice(cause).to_owned(),
        })
    }

    fn copy_worries(&self, dataset: &str) -> Vec<Worry> {
        let short = match self.judge(dataset) {
            Judgement::Short(short) => short,
            Judgement::Satisfied => return Vec::new(),
        };
        let worry = |shortage: Shortage| Worry {
            level: Level::Short,
            about: match dataset {
                ANY => ALL.to_owned(),
                name => name.to_owned(),
            },
            event: Some(Event::Short),
            what: shortage.to_string(),
            advice: self.shortage_advice(&shortage),
        };
        short.into_iter().map(worry).collect()
    }

    /// What the vault itself lacks is not there yet, or not accepted; nobody copies it there.
    fn shortage_advice(&self, shortage: &Shortage) -> String {
        let (Shortage::Behind { copy, .. } | Shortage::Empty { copy }) = shortage else {
            return shortage.advice();
        };
        let vault = |place: &&Place| place.kind == PlaceKind::Vault;
        match self
            .places
            .iter()
            .find(vault)
            .is_some_and(|vault| vault.name == *copy)
        {
            true => "a keeper accepts what it holds: `oncovault accept`".to_owned(),
            false => shortage.advice(),
        }
    }

    fn unverified(&self, place: &Place) -> Option<Worry> {
        let mine = self.checks == Checks::Here && !place.pulled;
        let oldest = place
            .contents
            .as_ref()?
            .oldest_unverified
            .filter(|_| mine)?;
        let age = between(oldest, self.at);
        let allowed = between(self.checked_since, self.at).saturating_mul(OVERDUE);
        let name = &place.name;
        (age > allowed).then(|| Worry {
            level: Level::Attention,
            about: name.clone(),
            event: None,
            what: format!("some bytes were not read for {}", Length(age)),
            advice: format!("run `oncovault check --read-data` on {name}"),
        })
    }

    fn kit_worry(&self) -> Option<Worry> {
        let what = match self.kit {
            Kit::Elsewhere => return None,
            Kit::Untested => "was never tried".to_owned(),
            Kit::Tested(at) => match between(at, self.at) {
                age if age > KIT_SECONDS => format!("was last tried {} ago", Length(age)),
                _ => return None,
            },
        };
        Some(Worry {
            level: Level::Attention,
            about: "recovery kit".to_owned(),
            event: None,
            what,
            advice: "take the paper and run `oncovault key recover --test`".to_owned(),
        })
    }
}

fn silence(agent: &crate::status::Heard, now: Timestamp) -> Option<Worry> {
    if !agent.is_silent(now) {
        return None;
    }
    let what = match agent.silence(now) {
        None => "nothing ever arrived".to_owned(),
        Some(seconds) => format!(
            "nothing arrived for {}, allowed are {}",
            Length(seconds),
            Length(agent.allowed)
        ),
    };
    Some(Worry {
        level: Level::Short,
        about: agent.name.clone(),
        event: Some(Event::Silent),
        what,
        advice: Event::Silent.advice().to_owned(),
    })
}

fn reach(place: &Place, now: Timestamp) -> Option<Worry> {
    let Reach::Unreached { seen, why } = &place.reach else {
        return None;
    };
    let since = match seen {
        Some(seen) => format!(", last seen {} ago", Length(between(*seen, now))),
        None => String::new(),
    };
    Some(Worry {
        level: Level::Attention,
        about: place.name.clone(),
        event: None,
        what: format!("could not be looked at{since}: {why}"),
        advice: advice(*why).to_owned(),
    })
}

fn full(place: &Place) -> Option<Worry> {
    let full = place.full()?;
    let soonest = full.soonest.filter(|days| *days <= FULL_DAYS)?;
    let likely = match full.likely {
        Some(days) => format!("{days} days"),
        None => "more than ten years".to_owned(),
    };
    Some(Worry {
        level: Level::Attention,
        about: place.name.clone(),
        event: None,
        what: format!("is full in {likely}, perhaps in {soonest}"),
        advice: "make room, or let old snapshots go: `oncovault forget`, `oncovault prune`".into(),
    })
}

/// What to do about a cause.
fn advice(cause: Cause) -> &'static str {
    match cause {
        Cause::Other => "run it by hand and read what it says",
        Cause::Usage => "run `oncovault config check`",
        Cause::NoVault => "look whether the drive or share is mounted",
        Cause::Unreachable => "look whether the target is switched on and connected",
        Cause::Key => "look at the key file and its passphrase",
        Cause::Damage => "run `oncovault check`, then `oncovault repair`; delete nothing",
        Cause::FewCopies => "bring the copies up to date: `oncovault copy`",
        Cause::Refused => "ask whoever set the hold or the lock",
        Cause::Interrupted => "run it again: what was stored is not lost",
        Cause::TimedOut => "look why it takes so long, or allow it more time",
        Cause::Hook => "run the command of the configuration by hand",
    }
}
