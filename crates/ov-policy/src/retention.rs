//! Which snapshots are kept, and why.
//!
//! Rules count **by the keeper's time of arrival**, never by an agent's clock. Where a schedule is
//! given, a rule chooses *intervals* of it and keeps every snapshot that arrived in a chosen
//! interval. So whatever an agent sends besides its usual snapshot counts for nothing:
//!
//! > If every interval in which junk arrived holds also a good snapshot, then every good snapshot
//! > that is kept without the junk is kept with it. (`junk_beside_good_snapshots_expires_nothing`)
//!
//! Junk in intervals of its own (an agent that only sends junk from now on) takes one slot per
//! interval, as bad data from a broken source would. Against that stand the floor, which no rule
//! and no number of arrivals can undercut, and [`crate::activity`], which stops forgetting when a
//! group behaves unusually.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use thiserror::Error;

use crate::activity::Alarm;
use crate::reason::{Every, Reason};
use crate::span::Span;

/// Tags that a snapshot must all bear.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TagList(Vec<String>);

impl TagList {
    /// Whether all of them are among `tags`.
    pub fn matches(&self, tags: &[String]) -> bool {
        self.0.iter().all(|tag| tags.contains(tag))
    }
}

impl FromStr for TagList {
    type Err = RuleError;

    fn from_str(text: &str) -> Result<Self, RuleError> {
        let tags: Vec<String> = text.split(',').map(|tag| tag.trim().to_owned()).collect();
        match tags.iter().any(String::is_empty) {
            true => Err(RuleError::TagEmpty(text.into())),
            false => Ok(Self(tags)),
        }
    }
}

impl fmt::Display for TagList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join(","))
    }
}

/// Why the value of a rule is none.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum RuleError {
    /// Not a number of snapshots.
    #[error("'{0}' is no number of snapshots: write a number from 1, or 'unlimited'")]
    Count(String),
    /// An empty tag.
    #[error("'{0}' names an empty tag")]
    TagEmpty(String),
}

/// Reads how many a rule keeps: a number from 1, or `unlimited`.
pub fn parse_count(text: &str) -> Result<u32, RuleError> {
    match text {
        "unlimited" => Ok(u32::MAX),
        _ => text
            .parse()
            .ok()
            .filter(|count| *count > 0)
            .ok_or_else(|| RuleError::Count(text.into())),
    }
}

/// What to keep. Every rule adds to what is kept; none takes away.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rules {
    /// How often a group's snapshots are due. Rules then choose intervals of this length, counted
    /// from 1970; without it each snapshot stands for itself.
    pub schedule: Option<Span>,
    /// The newest so many.
    pub last: Option<u32>,
    /// The newest of each of so many hours.
    pub hourly: Option<u32>,
    /// The newest of each of so many days.
    pub daily: Option<u32>,
    /// The newest of each of so many ISO weeks.
    pub weekly: Option<u32>,
    /// The newest of each of so many months.
    pub monthly: Option<u32>,
    /// The newest of each of so many quarters of a year.
    pub quarterly: Option<u32>,
    /// The newest of each of so many years.
    pub yearly: Option<u32>,
    /// All within this long before the group's newest.
    pub within: Option<Span>,
    /// The newest of each hour within this long before the group's newest.
    pub within_hourly: Option<Span>,
    /// The newest of each day within.
    pub within_daily: Option<Span>,
    /// The newest of each week within.
    pub within_weekly: Option<Span>,
    /// The newest of each month within.
    pub within_monthly: Option<Span>,
    /// The newest of each quarter within.
    pub within_quarterly: Option<Span>,
    /// The newest of each year within.
    pub within_yearly: Option<Span>,
    /// All that bear the tags of one of these lists.
    pub keep_tags: Vec<TagList>,
}

impl Rules {
    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        let counts = self.counts().iter().all(|(_, count)| *count == 0);
        let spans = self.spans().iter().all(|(_, span)| span.is_none());
        let all = self.last.unwrap_or(0) == 0 && self.within.is_none();
        counts && spans && all && self.keep_tags.is_empty()
    }

    fn counts(&self) -> [(Every, u32); 6] {
        [
            (Every::Hour, self.hourly),
            (Every::Day, self.daily),
            (Every::Week, self.weekly),
            (Every::Month, self.monthly),
            (Every::Quarter, self.quarterly),
            (Every::Year, self.yearly),
        ]
        .map(|(every, count)| (every, count.unwrap_or(0)))
    }

    fn spans(&self) -> [(Every, Option<Span>); 6] {
        [
            (Every::Hour, self.within_hourly),
            (Every::Day, self.within_daily),
            (Every::Week, self.within_weekly),
            (Every::Month, self.within_monthly),
            (Every::Quarter, self.within_quarterly),
            (Every::Year, self.within_yearly),
        ]
    }
}

/// What binds every rule; stands in the head of the vault per dataset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Nothing younger than this, by arrival, is forgotten.
    pub floor: Span,
    /// So many of the newest accepted ones remain in every group. 1: the newest one. 0 only for a
    /// person with the owner key.
    pub minimum_kept: u32,
    /// How long a condemned pack stays before it is deleted.
    pub grace: Span,
}

impl Bounds {
    /// For automatic runs and keepers: a floor of 30 days, the newest accepted one stays.
    pub const BINDING: Self = Self {
        floor: Span::from_days(30),
        minimum_kept: 1,
        grace: Span::from_days(7),
    };

    /// For a person with the owner key: nothing but holds.
    pub const OWNER: Self = Self {
        floor: Span::ZERO,
        minimum_kept: 0,
        grace: Span::ZERO,
    };
}

/// A snapshot, as far as rules need to know it.
#[derive(Clone, Debug)]
pub struct Candidate<I, G> {
    /// Which one. Of two that one listing saw first, the greater id counts as the newer.
    pub id: I,
    /// When a keeper's listing first saw it, by the keeper's clock.
    pub arrival: Timestamp,
    /// Its group: agent and dataset.
    pub group: G,
    /// Whether a keeper found it complete.
    pub accepted: bool,
    /// The names of the holds over it.
    pub holds: Vec<String>,
    /// Its tags, where the caller can read them.
    pub tags: Vec<String>,
}

/// Whether a plan may leave a group with nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Emptying {
    /// Such a plan is refused.
    Refused,
    /// A person asked for it in so many words.
    Allowed,
}

/// What happens to a snapshot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It stays, for at least one reason.
    Keep(Vec<Reason>),
    /// It goes.
    Forget,
}

impl Verdict {
    /// Whether it stays.
    pub fn is_keep(&self) -> bool {
        matches!(self, Self::Keep(_))
    }
}

/// The verdicts of one group, newest first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupPlan<I, G> {
    /// The group.
    pub group: G,
    /// Each snapshot's verdict.
    pub verdicts: Vec<(I, Verdict)>,
}

/// The verdicts of all groups, in the order of the groups.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan<I, G> {
    /// One per group.
    pub groups: Vec<GroupPlan<I, G>>,
}

impl<I, G> Plan<I, G> {
    /// The snapshots that go.
    pub fn forgotten(&self) -> impl Iterator<Item = &I> {
        self.sorted(|verdict| !verdict.is_keep())
    }

    /// The snapshots that stay.
    pub fn kept(&self) -> impl Iterator<Item = &I> {
        self.sorted(Verdict::is_keep)
    }

    fn sorted(&self, wanted: fn(&Verdict) -> bool) -> impl Iterator<Item = &I> {
        let all = self.groups.iter().flat_map(|group| &group.verdicts);
        all.filter(move |(_, verdict)| wanted(verdict))
            .map(|(id, _)| id)
    }
}

/// Why there is no plan.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum RetentionError<G: fmt::Display> {
    /// No rule says what to keep.
    #[error("no rule says what to keep: give at least one, such as --keep-daily 7")]
    NoRule,
    /// No rule keeps anything of a group.
    #[error("no rule keeps anything of {0}: nothing was forgotten; say so if that is meant")]
    WouldEmpty(G),
}

/// What holds for a whole plan.
#[derive(Clone, Debug)]
pub struct Terms<'a, G> {
    /// What to keep.
    pub rules: &'a Rules,
    /// What binds the rules.
    pub bounds: Bounds,
    /// The keeper's time.
    pub now: Timestamp,
    /// Whose calendar says what a day is.
    pub zone: &'a TimeZone,
    /// Groups in which forgetting is paused, and why.
    pub paused: &'a BTreeMap<G, Alarm>,
    /// Whether a group may be left with nothing.
    pub emptying: Emptying,
}

/// Sorts snapshots by the rules. Refused as a whole if there is no rule, or if no rule, hold or
/// floor keeps anything of some group.
pub fn plan<I: Clone + Ord, G: Clone + Ord + fmt::Display>(
    candidates: &[Candidate<I, G>],
    terms: &Terms<'_, G>,
) -> Result<Plan<I, G>, RetentionError<G>> {
    if terms.rules.is_empty() {
        return Err(RetentionError::NoRule);
    }
    let groups = grouped(candidates)
        .into_iter()
        .map(|(group, members)| plan_group(group, &members, terms))
        .collect::<Result<_, _>>()?;
    Ok(Plan { groups })
}

/// Forgets exactly what a person named; holds win over him.
pub fn plan_named<I: Clone + Ord, G: Clone + Ord + fmt::Display>(
    candidates: &[Candidate<I, G>],
    named: &BTreeSet<I>,
    emptying: Emptying,
) -> Result<Plan<I, G>, RetentionError<G>> {
    let groups = grouped(candidates)
        .into_iter()
        .map(|(group, members)| {
            let verdicts: Vec<_> = members
                .iter()
                .map(|one| (one.id.clone(), named_verdict(one, named)))
                .collect();
            let empty = !verdicts.iter().any(|(_, verdict)| verdict.is_keep());
            match empty && emptying == Emptying::Refused {
                true => Err(RetentionError::WouldEmpty(group)),
                false => Ok(GroupPlan { group, verdicts }),
            }
        })
        .collect::<Result<_, _>>()?;
    Ok(Plan { groups })
}

fn named_verdict<I: Ord, G>(one: &Candidate<I, G>, named: &BTreeSet<I>) -> Verdict {
    let mut reasons: Vec<_> = held(one).collect();
    if !named.contains(&one.id) {
        reasons.push(Reason::NotNamed);
    }
    verdict(reasons)
}

fn held<I, G>(one: &Candidate<I, G>) -> impl Iterator<Item = Reason> {
    one.holds.iter().cloned().map(Reason::Held)
}

fn verdict(reasons: Vec<Reason>) -> Verdict {
    match reasons.is_empty() {
        true => Verdict::Forget,
        false => Verdict::Keep(reasons),
    }
}

/// Newest first in each group; of equal arrivals the greater id is the newer, so that a plan never
/// depends on the order in which snapshots were listed.
fn grouped<I: Clone + Ord, G: Clone + Ord>(
    candidates: &[Candidate<I, G>],
) -> BTreeMap<G, Vec<&Candidate<I, G>>> {
    let mut groups: BTreeMap<G, Vec<&Candidate<I, G>>> = BTreeMap::new();
    for one in candidates {
        groups.entry(one.group.clone()).or_default().push(one);
    }
    for members in groups.values_mut() {
        members.sort_by(|a, b| (b.arrival, &b.id).cmp(&(a.arrival, &a.id)));
    }
    groups
}

fn plan_group<I: Clone + Ord, G: Clone + Ord + fmt::Display>(
    group: G,
    members: &[&Candidate<I, G>],
    terms: &Terms<'_, G>,
) -> Result<GroupPlan<I, G>, RetentionError<G>> {
    let slots = slots(members, terms.rules.schedule);
    let chosen = choose(&slots, terms);
    let floor = terms.bounds.floor.before(terms.now, terms.zone);
    let mut reasons: Vec<Vec<Reason>> = members
        .iter()
        .map(|one| own_reasons(one, floor, terms))
        .collect();
    for (slot, why) in chosen {
        for member in &slot.members {
            reasons[*member].push(why.clone());
        }
    }
    let empty = slots
        .iter()
        .flat_map(|slot| &slot.members)
        .all(|at| reasons[*at].is_empty());
    if empty && !slots.is_empty() && terms.emptying == Emptying::Refused {
        return Err(RetentionError::WouldEmpty(group));
    }
    add_minimum(&slots, &mut reasons, terms.bounds.minimum_kept);
    if let Some(alarm) = terms.paused.get(&group) {
        for why in reasons.iter_mut().filter(|why| why.is_empty()) {
            why.push(Reason::Paused(*alarm));
        }
    }
    let ids = members.iter().map(|one| one.id.clone());
    let verdicts = ids.zip(reasons.into_iter().map(verdict)).collect();
    Ok(GroupPlan { group, verdicts })
}

/// What keeps one snapshot whatever the other ones are.
fn own_reasons<I, G: Ord>(
    one: &Candidate<I, G>,
    floor: Timestamp,
    terms: &Terms<'_, G>,
) -> Vec<Reason> {
    let mut reasons: Vec<_> = held(one).collect();
    if !one.accepted {
        reasons.push(Reason::NotAccepted);
        return reasons;
    }
    let tags = terms.rules.keep_tags.iter();
    reasons.extend(
        tags.filter(|list| list.matches(&one.tags))
            .map(|list| Reason::Tagged(list.to_string())),
    );
    // Also what seems to come from the future: a clock set back makes nothing old.
    if !terms.bounds.floor.is_zero() && one.arrival > floor {
        reasons.push(Reason::Floor(terms.bounds.floor));
    }
    reasons
}

/// What rules count: an interval of the schedule with its accepted snapshots, or one snapshot.
struct Slot {
    /// The moment that stands for it.
    at: Timestamp,
    /// Their places in the list of the group.
    members: Vec<usize>,
}

/// The slots of a group, newest first.
fn slots<I, G>(members: &[&Candidate<I, G>], schedule: Option<Span>) -> Vec<Slot> {
    let length = schedule.map(Span::seconds_min).filter(|length| *length > 0);
    let mut slots: Vec<Slot> = Vec::new();
    for (member, one) in members.iter().enumerate().filter(|(_, one)| one.accepted) {
        let at = length.map_or(one.arrival, |length| interval_start(one.arrival, length));
        match slots
            .last_mut()
            .filter(|last| length.is_some() && last.at == at)
        {
            Some(slot) => slot.members.push(member),
            None => slots.push(Slot {
                at,
                members: vec![member],
            }),
        }
    }
    slots
}

/// The start, not an arrival, stands for an interval: so no arrival inside it moves anything.
fn interval_start(arrival: Timestamp, length: i64) -> Timestamp {
    let start = arrival
        .as_second()
        .div_euclid(length)
        .saturating_mul(length);
    Timestamp::from_second(start).unwrap_or(Timestamp::MIN)
}

/// The slots that the rules choose, with the reasons; a slot once for each.
fn choose<'a, G>(slots: &'a [Slot], terms: &Terms<'_, G>) -> Vec<(&'a Slot, Reason)> {
    let mut chosen = Vec::new();
    let last = terms.rules.last.unwrap_or(0);
    let count = usize::try_from(last).unwrap_or(usize::MAX);
    let newest_ones = slots.iter().take(count);
    chosen.extend(newest_ones.map(|slot| (slot, Reason::Last(last))));
    for (every, count) in terms.rules.counts() {
        chosen.extend(newest_of_each(slots, every, count, terms.zone));
    }
    chosen.extend(chosen_within(slots, terms));
    chosen
}

fn chosen_within<'a, G>(slots: &'a [Slot], terms: &Terms<'_, G>) -> Vec<(&'a Slot, Reason)> {
    let mut chosen = Vec::new();
    let newest = slots.first().map_or(terms.now, |slot| slot.at);
    // What arrived "later than now" was seen before the clock was set back.
    let from = newest.min(terms.now);
    let young = |span: Span, slot: &&Slot| slot.at >= span.before(from, terms.zone);
    if let Some(span) = terms.rules.within {
        let all = slots.iter().filter(|slot| young(span, slot));
        chosen.extend(all.map(|slot| (slot, Reason::Within(span))));
    }
    for (every, span) in terms.rules.spans() {
        let Some(span) = span else { continue };
        for (slot, period) in first_of_each(slots, every, terms.zone) {
            if young(span, &slot) {
                chosen.push((slot, Reason::NewestOfWithin(every, period, span)));
            }
        }
    }
    chosen
}

/// The newest interval of each of `count` periods. While there is room after the last period, the
/// oldest interval of all stays too: it is what a young vault has for the months to come.
fn newest_of_each<'a>(
    slots: &'a [Slot],
    every: Every,
    count: u32,
    zone: &TimeZone,
) -> Vec<(&'a Slot, Reason)> {
    let count = usize::try_from(count).unwrap_or(usize::MAX);
    let mut found: Vec<_> = first_of_each(slots, every, zone)
        .into_iter()
        .map(|(slot, period)| (slot, Reason::NewestOf(every, period)))
        .take(count)
        .collect();
    let oldest = slots.last().filter(|_| found.len() < count);
    if let Some(oldest) = oldest
        && found
            .last()
            .is_some_and(|(slot, _)| !std::ptr::eq(*slot, oldest))
    {
        found.push((oldest, Reason::OldestFor(every)));
    }
    found
}

fn first_of_each<'a>(slots: &'a [Slot], every: Every, zone: &TimeZone) -> Vec<(&'a Slot, String)> {
    let mut found: Vec<(&Slot, String)> = Vec::new();
    for slot in slots {
        let period = every.period(slot.at, zone);
        if found.last().is_none_or(|(_, last)| *last != period) {
            found.push((slot, period));
        }
    }
    found
}

/// The newest accepted ones stay, so many slots as the bounds say.
fn add_minimum(slots: &[Slot], reasons: &mut [Vec<Reason>], minimum: u32) {
    let count = usize::try_from(minimum).unwrap_or(usize::MAX);
    let kept = slots.iter().take(count).flat_map(|slot| &slot.members);
    for (rank, member) in kept.enumerate() {
        reasons[*member].push(match rank {
            0 => Reason::NewestAccepted,
            _ => Reason::MinimumKept(minimum),
        });
    }
}

#[cfg(test)]
#[path = "retention_tests.rs"]
mod tests;
