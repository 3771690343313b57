//! When a task is to run next, and why.

use std::fmt;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::{Period, Schedule};

/// How far a clock may be put back before what it said is disbelieved.
const CLOCK_ERROR_SECONDS: i64 = 300;
/// The first wait after a failure; it doubles with each.
const RETRY_SECONDS: i64 = 300;
/// The longest wait after failures.
const RETRY_SECONDS_MAX: i64 = 6 * 3_600;

/// What a task's next run depends on, apart from what happened.
#[derive(Clone, Copy, Debug)]
pub struct Terms<'t> {
    /// When it shall run.
    pub schedule: Option<&'t Schedule>,
    /// How old the newest good snapshot may become. It outranks the schedule: where that comes too
    /// late, the task runs before it.
    pub rpo: Option<Period>,
    /// Since when there is something for it, where it does not follow a schedule alone.
    pub asked: Option<Timestamp>,
    /// How long a run takes, seconds, rather too much than too little.
    pub predicted_seconds: i64,
    /// How often somebody asks what is due, seconds.
    pub tick_seconds: i64,
    /// Up to how many seconds after a moment of the calendar a host may begin, so that not all
    /// begin at once.
    pub spread_seconds: i64,
    /// Differs between hosts and tasks, and stays the same for one.
    pub seed: u64,
    /// Whose calendar.
    pub zone: &'t TimeZone,
}

/// One run, as the host's clock told it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run {
    /// When it began.
    pub start: Timestamp,
    /// When it ended.
    pub end: Timestamp,
}

/// What happened so far. "Last" is by the order of events, not by what the clock said.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Past {
    /// The last run that succeeded.
    pub good: Option<Run>,
    /// How the last run ended, if it failed.
    pub failed: Option<Run>,
    /// How many have failed since the last that succeeded.
    pub failures: u32,
}

/// Why a task runs at its next moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// It never succeeded.
    First,
    /// The schedule says so.
    Planned,
    /// The schedule said so, and nothing ran then.
    Missed {
        /// The newest moment that was missed.
        planned: Timestamp,
    },
    /// There is something new for it.
    Asked,
    /// Later it would be too old before it is done.
    Rpo {
        /// When the newest good snapshot becomes too old.
        deadline: Timestamp,
    },
    /// It failed.
    Retry {
        /// How often, since the last success.
        failures: u32,
    },
    /// The last success lies in the future: a clock was put back.
    ClockPutBack,
}

/// When a task runs next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Next {
    /// When; it is due if this is not in the future.
    pub at: Timestamp,
    /// Why then.
    pub why: Why,
}

impl Next {
    /// Whether it is to run now.
    pub fn is_due(&self, now: Timestamp) -> bool {
        self.at <= now
    }
}

/// When a task runs next; never, by itself, where nothing says when.
///
/// However many moments passed unused, one run makes up for them all. A clock that jumps costs at
/// most one run more than needed for each jump.
pub fn next(terms: &Terms<'_>, past: &Past, now: Timestamp) -> Option<Next> {
    let wanted = wanted(terms, past, now)?;
    let Some(failed) = past.failed.filter(|_| past.failures > 0) else {
        return Some(wanted);
    };
    // A failure from the future says nothing about how long ago it was.
    let waited_from = match failed.end > later(now, CLOCK_ERROR_SECONDS) {
        true => later(now, -RETRY_SECONDS_MAX),
        false => failed.end,
    };
    let retry = later(waited_from, retry_seconds(terms, past.failures));
    let why = Why::Retry {
        failures: past.failures,
    };
    Some(match retry > wanted.at {
        true => Next { at: retry, why },
        false if wanted.is_due(now) => Next { at: wanted.at, why },
        false => wanted,
    })
}

/// Whether an RPO can hold at all. Runs follow each other: when one ends, what it holds is as old
/// as the run was long, and somebody must ask, and the next one must end, before it is too old.
pub fn can_hold(terms: &Terms<'_>) -> bool {
    let needed = terms
        .predicted_seconds
        .saturating_mul(2)
        .saturating_add(terms.tick_seconds);
    terms.rpo.is_none_or(|rpo| needed <= rpo.seconds())
}

/// As if nothing had failed.
fn wanted(terms: &Terms<'_>, past: &Past, now: Timestamp) -> Option<Next> {
    if terms.schedule.is_none() && terms.rpo.is_none() && terms.asked.is_none() {
        return None;
    }
    let at_once = |why| Some(Next { at: now, why });
    let Some(good) = past.good else {
        return at_once(Why::First);
    };
    if good.start > later(now, CLOCK_ERROR_SECONDS) {
        return at_once(Why::ClockPutBack);
    }
    let planned = terms
        .schedule
        .and_then(|schedule| planned(schedule, terms, good.start, now));
    let held = terms.rpo.map(|rpo| held(rpo, terms, good.start));
    let asked = terms.asked.filter(|asked| *asked > good.start);
    let asked = asked.map(|at| Next {
        at,
        why: Why::Asked,
    });
    // Of equal ones the first: a plan is the better reason.
    let all = [planned, held, asked];
    all.into_iter().flatten().min_by_key(|next| next.at)
}

fn planned(
    schedule: &Schedule,
    terms: &Terms<'_>,
    good: Timestamp,
    now: Timestamp,
) -> Option<Next> {
    let newest = schedule.latest(now, terms)?;
    if good >= newest {
        let at = schedule.next(now.max(good), terms)?;
        return Some(Next {
            at,
            why: Why::Planned,
        });
    }
    let late = now.duration_since(newest).as_secs() > terms.tick_seconds.saturating_mul(2);
    let why = match late {
        true => Why::Missed { planned: newest },
        false => Why::Planned,
    };
    Some(Next { at: newest, why })
}

/// The latest start after which a run, and where there is room its retry, ends in time.
///
/// What a snapshot holds is as old as its start. So the interval between starts must be shorter
/// than the RPO by all that may pass until the next one is done.
fn held(rpo: Period, terms: &Terms<'_>, good: Timestamp) -> Next {
    let rpo = rpo.seconds();
    let predicted = terms.predicted_seconds.max(0);
    let reserve = predicted.saturating_add(RETRY_SECONDS).min(rpo / 4);
    let jitter = seconds_of(terms.seed, rpo / 20);
    let spare = rpo
        .saturating_sub(predicted)
        .saturating_sub(terms.tick_seconds);
    let interval = spare.saturating_sub(reserve).saturating_sub(jitter);
    // Where it cannot hold, runs follow each other.
    let interval = interval.max(terms.tick_seconds.max(1));
    Next {
        at: later(good, interval),
        why: Why::Rpo {
            deadline: later(good, rpo),
        },
    }
}

/// The wait after so many failures. It stays small beside the time that there is.
fn retry_seconds(terms: &Terms<'_>, failures: u32) -> i64 {
    let doubled = 1_i64
        .checked_shl(failures.saturating_sub(1))
        .unwrap_or(i64::MAX);
    let wait = RETRY_SECONDS.saturating_mul(doubled.max(1));
    let room = terms.rpo.map_or(i64::MAX, |rpo| rpo.seconds() / 8);
    wait.min(RETRY_SECONDS_MAX).min(room.max(60))
}

/// From 0 to `bound`, always the same for one seed.
pub(super) fn seconds_of(seed: u64, bound: i64) -> i64 {
    let Ok(bound) = u64::try_from(bound) else {
        return 0;
    };
    i64::try_from(seed % bound.saturating_add(1)).unwrap_or(0)
}

/// Where the calendar ends, its last or first moment.
pub(super) fn later(at: Timestamp, seconds: i64) -> Timestamp {
    at.saturating_add(SignedDuration::from_secs(seconds))
        .unwrap_or(at)
}

/// For people, without times: `the schedule says so`.
impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::First => f.write_str("it has not succeeded yet"),
            Self::Planned => f.write_str("the schedule says so"),
            Self::Missed { .. } => f.write_str("a planned run was missed"),
            Self::Asked => f.write_str("there is something new"),
            Self::Rpo { .. } => f.write_str("later it would miss its RPO"),
            Self::Retry { failures: 1 } => f.write_str("the last run failed"),
            Self::Retry { failures } => write!(f, "the last {failures} runs failed"),
            Self::ClockPutBack => f.write_str("the clock was put back"),
        }
    }
}
