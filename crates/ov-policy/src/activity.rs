//! Whether a group behaves far outside its usual band.
//!
//! An agent that has gone bad (or was stolen) may flood its group with junk so that good
//! snapshots expire by count, or replace its data by something else. Automatic forgetting of a
//! group therefore stops when a day's arrivals, their size or their churn leave the band of the
//! days before, **and it stays stopped until a person clears it**: waiting never makes an alarm go
//! away, and a day that raised an alarm never becomes part of what is usual.

use std::collections::BTreeMap;
use std::fmt;

use jiff::Timestamp;

/// What a keeper saw of one commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arrival {
    /// The keeper's time of arrival.
    pub at: Timestamp,
    /// Stored bytes of all frames it uses.
    pub bytes: u64,
    /// Stored bytes of the frames it brought.
    pub new_bytes: u64,
}

/// How far is far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Band {
    /// Days with arrivals that are only learnt from, before any alarm.
    pub learning_days: usize,
    /// Newest usual days that make the band.
    pub days_max: usize,
    /// Spreads (1.5 times the median absolute deviation, about one standard deviation) that a
    /// day's value may lie from the median.
    pub spreads: u32,
    /// A value counts as far only if it is also this many times the median, or a part of it as
    /// small.
    pub times: u32,
}

impl Default for Band {
    fn default() -> Self {
        Self {
            learning_days: 7,
            days_max: 120,
            spreads: 6,
            times: 4,
        }
    }
}

/// What left the band.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Measure {
    /// Snapshots in a day.
    Rate,
    /// Largest or smallest size of a snapshot of the day.
    Size,
    /// Bytes newly stored in a day.
    Churn,
}

/// A day that left the band of its group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Alarm {
    /// What left it.
    pub measure: Measure,
    /// The last arrival of the day that raised it.
    pub at: Timestamp,
    /// The day's value.
    pub value: u64,
    /// The usual value.
    pub usual: u64,
}

impl fmt::Display for Alarm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let day = self.at.strftime("%Y-%m-%d");
        let (value, usual) = (self.value, self.usual);
        match self.measure {
            Measure::Rate => write!(f, "{value} snapshots arrived on {day}, usual are {usual}"),
            Measure::Size => write!(
                f,
                "a snapshot of {day} holds {value} bytes, usual are {usual}"
            ),
            Measure::Churn => write!(
                f,
                "{value} new bytes were stored on {day}, usual are {usual}"
            ),
        }
    }
}

/// The first day after `cleared` that left the band, if any.
///
/// `cleared` is the moment up to which a person has looked at this group: the days before it count
/// as usual. The same arrivals and the same `cleared` always give the same answer, whenever asked.
pub fn alarm(arrivals: &[Arrival], cleared: Option<Timestamp>, band: &Band) -> Option<Alarm> {
    let mut usual: Vec<Day> = Vec::new();
    for day in days(arrivals) {
        let judged = usual.len() >= band.learning_days && cleared.is_none_or(|to| day.last > to);
        if judged && let Some(alarm) = judge(&day, &usual, band) {
            return Some(alarm);
        }
        usual.push(day);
        let extra = usual.len().saturating_sub(band.days_max.max(1));
        usual.drain(..extra);
    }
    None
}

#[derive(Clone, Copy)]
struct Day {
    last: Timestamp,
    count: u64,
    largest: u64,
    smallest: u64,
    new_bytes: u64,
}

impl Day {
    fn add(&mut self, arrival: &Arrival) {
        self.last = self.last.max(arrival.at);
        self.count += 1;
        self.largest = self.largest.max(arrival.bytes);
        self.smallest = self.smallest.min(arrival.bytes);
        self.new_bytes = self.new_bytes.saturating_add(arrival.new_bytes);
    }
}

fn days(arrivals: &[Arrival]) -> Vec<Day> {
    let mut days: BTreeMap<i64, Day> = BTreeMap::new();
    for arrival in arrivals {
        days.entry(arrival.at.as_second().div_euclid(86_400))
            .or_insert(Day {
                last: arrival.at,
                count: 0,
                largest: 0,
                smallest: u64::MAX,
                new_bytes: 0,
            })
            .add(arrival);
    }
    days.into_values().collect()
}

type Check = (Measure, u64, fn(&Day) -> u64, Side);

fn judge(day: &Day, usual: &[Day], band: &Band) -> Option<Alarm> {
    let checks: [Check; 4] = [
        (Measure::Rate, day.count, |d| d.count, Side::Above),
        (Measure::Size, day.largest, |d| d.largest, Side::Above),
        (Measure::Size, day.smallest, |d| d.smallest, Side::Below),
        (Measure::Churn, day.new_bytes, |d| d.new_bytes, Side::Above),
    ];
    checks.into_iter().find_map(|(measure, value, of, side)| {
        let values: Vec<u64> = usual.iter().map(of).collect();
        let middle = median(values.clone());
        let off = values.iter().map(|v| v.abs_diff(middle)).collect();
        let far = is_far(value, middle, median(off), side, band);
        (far && is_much(measure, value, usual)).then_some(Alarm {
            measure,
            at: day.last,
            value,
            usual: middle,
        })
    })
}

/// Churn is by nature uneven: it speaks only when it is a quarter of what a snapshot usually holds.
fn is_much(measure: Measure, value: u64, usual: &[Day]) -> bool {
    let size = || median(usual.iter().map(|day| day.largest).collect());
    measure != Measure::Churn || value > size() / 4
}

#[derive(Clone, Copy)]
enum Side {
    Above,
    Below,
}

fn is_far(value: u64, middle: u64, deviation: u64, side: Side, band: &Band) -> bool {
    let (value, middle) = (u128::from(value), u128::from(middle));
    let slack = u128::from(deviation) * 3 * u128::from(band.spreads) / 2;
    let times = u128::from(band.times.max(1));
    match side {
        // A median of nothing says nothing of what is too much; one is then the least it can be.
        Side::Above => value > middle + slack && value > middle.max(1) * times,
        Side::Below => value + slack < middle && value * times < middle,
    }
}

fn median(mut values: Vec<u64>) -> u64 {
    values.sort_unstable();
    values.get(values.len() / 2).copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arrival(hour: i64, bytes: u64, new_bytes: u64) -> Arrival {
        Arrival {
            at: Timestamp::from_second(1_700_006_400 + hour * 3_600).unwrap(),
            bytes,
            new_bytes,
        }
    }

    fn daily(days: i64) -> Vec<Arrival> {
        (0..days)
            .map(|day| {
                arrival(
                    day * 24,
                    1_000_000 + (day % 5).unsigned_abs() * 1_000,
                    5_000,
                )
            })
            .collect()
    }

    fn of(arrivals: &[Arrival]) -> Option<Measure> {
        alarm(arrivals, None, &Band::default()).map(|alarm| alarm.measure)
    }

    #[test]
    fn a_steady_group_raises_no_alarm() {
        assert_eq!(of(&daily(60)), None);
    }

    #[test]
    fn fifty_snapshots_in_a_day_raise_an_alarm_that_time_does_not_clear() {
        let mut arrivals = daily(20);
        arrivals.extend((0..50).map(|n| arrival(20 * 24 + n % 20, 1_000_000, 0)));
        assert_eq!(of(&arrivals), Some(Measure::Rate));
        arrivals.extend((21..400).map(|day| arrival(day * 24, 1_000_000, 5_000)));
        let found = alarm(&arrivals, None, &Band::default()).unwrap();
        assert_eq!((found.value, found.usual), (50, 1));
        assert!(found.to_string().starts_with("50 snapshots arrived on 20"));
    }

    #[test]
    fn a_person_clears_it() {
        let mut arrivals = daily(20);
        arrivals.extend((0..50).map(|n| arrival(20 * 24 + n % 20, 1_000_000, 0)));
        let cleared = arrivals.iter().map(|a| a.at).max();
        assert_eq!(alarm(&arrivals, cleared, &Band::default()), None);
    }

    #[test]
    fn a_snapshot_that_is_suddenly_nearly_empty_or_huge_raises_an_alarm() {
        for bytes in [1_000, 50_000_000] {
            let mut arrivals = daily(20);
            arrivals.push(arrival(20 * 24, bytes, 0));
            assert_eq!(of(&arrivals), Some(Measure::Size), "{bytes}");
        }
    }

    #[test]
    fn storing_everything_again_raises_an_alarm() {
        let mut arrivals = daily(20);
        arrivals.push(arrival(20 * 24, 1_000_000, 1_000_000));
        assert_eq!(of(&arrivals), Some(Measure::Churn));
    }

    #[test]
    fn some_new_data_after_quiet_weeks_raises_none() {
        let mut arrivals: Vec<_> = (0..20).map(|day| arrival(day * 24, 1_000_000, 0)).collect();
        arrivals.push(arrival(20 * 24, 1_100_000, 100_000));
        assert_eq!(of(&arrivals), None);
    }

    #[test]
    fn a_young_group_is_learnt_from_first() {
        let arrivals: Vec<_> = (0..6).map(|day| arrival(day * 24, 10 << day, 0)).collect();
        assert_eq!(of(&arrivals), None);
    }

    #[test]
    fn hourly_snapshots_are_usual_where_they_are_usual() {
        let arrivals: Vec<_> = (0..24 * 20).map(|hour| arrival(hour, 1_000, 10)).collect();
        assert_eq!(of(&arrivals), None);
    }
}
