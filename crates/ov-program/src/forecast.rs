//! The growth of a target, read from its records, and the back-test that is kept every night.
//!
//! The records say when each object was published and deleted, so the history is whole from the
//! first day on, on every machine that can open the vault, and no local file is needed for it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use jiff::Timestamp;
use ov_format::id::ObjectHash;
use ov_policy::forecast::{Backtest, Day, Horizon};
use ov_vault::{State, Vault};
use serde::{Deserialize, Serialize};

const DAY: i64 = 86_400;

/// Older days are not looked at.
const DAYS_MAX: i64 = 1_200;

/// Nights that are kept.
const NIGHTS_MAX: usize = 400;

/// What was added to a target and freed on it on every full day until now, the oldest first.
///
/// Times are those of the records, by the clocks of their writers: one that lies moves bytes to
/// another day and changes no sum.
pub fn history(vault: &Vault, state: &State, now: Timestamp) -> Vec<Day> {
    let mut ledger = Ledger::new(now);
    let mut seen = BTreeSet::new();
    for said in vault.logs().all() {
        let (packs, tables) = said.statement.published();
        for object in packs.iter().chain(tables) {
            if seen.insert(object.hash) {
                ledger.add(said.time.seconds, object.length);
            }
        }
    }
    for (pack, time) in &state.delete_times {
        if let Some(time) = time {
            ledger.free(time.seconds, length(state, pack));
        }
    }
    ledger.days()
}

fn length(state: &State, pack: &ObjectHash) -> u64 {
    state.published_packs.get(pack).copied().unwrap_or(0)
}

/// Bytes by the number of the day, counted back from today.
struct Ledger {
    now: i64,
    days: BTreeMap<i64, Day>,
}

impl Ledger {
    fn new(now: Timestamp) -> Self {
        Self {
            now: now.as_second(),
            days: BTreeMap::new(),
        }
    }

    /// Today is not over: it is day 0, and left out at the end.
    fn day(&mut self, seconds: i64) -> &mut Day {
        let ago = self.now.div_euclid(DAY) - seconds.min(self.now).div_euclid(DAY);
        self.days.entry(ago).or_default()
    }

    fn add(&mut self, seconds: i64, bytes: u64) {
        let day = self.day(seconds);
        day.added = day.added.saturating_add(bytes);
    }

    fn free(&mut self, seconds: i64, bytes: u64) {
        let day = self.day(seconds);
        day.freed = day.freed.saturating_add(bytes);
    }

    fn days(self) -> Vec<Day> {
        let first = self.days.keys().next_back().copied().unwrap_or(0);
        let of = |ago: i64| self.days.get(&ago).copied().unwrap_or_default();
        (1..=first.min(DAYS_MAX)).rev().map(of).collect()
    }
}

/// How one night's back-test came out on one target.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Night {
    /// When.
    pub at: Timestamp,
    /// The place, by its name in the configuration; of the vault itself `vault`.
    pub target: String,
    /// The horizon in days.
    pub days: usize,
    /// Forecasts made again.
    pub points: usize,
    /// Mean absolute scaled error.
    pub mase: f64,
    /// That of repeating the last window.
    pub mase_naive: f64,
    /// Share of outcomes within their interval.
    pub coverage: f64,
}

/// The back-tests of the last nights.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Nights(Vec<Night>);

impl Nights {
    /// Reads them; a file that is missing or damaged holds none.
    pub fn read(file: &Path) -> Self {
        let text = fs::read(file).ok();
        let nights = text.and_then(|text| serde_json::from_slice(&text).ok());
        nights.unwrap_or_default()
    }

    /// All, the oldest first.
    pub fn all(&self) -> &[Night] {
        &self.0
    }

    /// Adds what came out, once a day for each target. Whether anything was added.
    pub fn add(&mut self, target: &str, test: &Backtest, at: Timestamp) -> bool {
        let today = |night: &&Night| {
            night.target == target
                && night.at.as_second().div_euclid(DAY) == at.as_second().div_euclid(DAY)
        };
        if self.0.iter().any(|night| today(&night)) {
            return false;
        }
        let before = self.0.len();
        for horizon in Horizon::ALL {
            if let Some(score) = test.score(horizon) {
                self.0.push(Night {
                    at,
                    target: target.to_owned(),
                    days: horizon.days(),
                    points: score.errors.len(),
                    mase: score.mase,
                    mase_naive: score.mase_naive,
                    coverage: score.coverage,
                });
            }
        }
        let added = self.0.len() > before;
        let extra = self.0.len().saturating_sub(NIGHTS_MAX);
        self.0.drain(..extra);
        added
    }

    /// Writes them: beside the file first, so that a crash leaves the old one.
    ///
    /// # Errors
    /// If the folder takes no file.
    pub fn write(&self, file: &Path) -> std::io::Result<()> {
        let beside = file.with_extension("new");
        fs::write(&beside, serde_json::to_vec(self)?)?;
        fs::rename(&beside, file)
    }
}

#[cfg(test)]
mod tests {
    use ov_policy::forecast::backtest;

    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_795_000_000 + seconds).unwrap()
    }

    #[test]
    fn every_full_day_has_its_bytes_and_empty_days_are_there() {
        let now = at(0);
        let mut ledger = Ledger::new(now);
        let seconds = now.as_second();
        ledger.add(seconds - 3 * DAY, 100);
        ledger.add(seconds - 3 * DAY, 11);
        ledger.free(seconds - DAY, 40);
        // Today, and by a clock that is ahead.
        ledger.add(seconds, 5);
        ledger.add(seconds + 7 * DAY, 5);
        let day = |added, freed| Day { added, freed };
        assert_eq!(ledger.days(), [day(111, 0), day(0, 0), day(0, 40)]);
    }

    #[test]
    fn a_record_of_1970_does_not_make_twenty_thousand_days() {
        let mut ledger = Ledger::new(at(0));
        ledger.add(0, 1);
        assert_eq!(ledger.days().len(), 1_200);
        assert!(Ledger::new(at(0)).days().is_empty());
    }

    #[test]
    fn a_night_is_kept_once_and_comes_back() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("nights.json");
        let days = vec![Day { added: 7, freed: 0 }; 200];
        let mut nights = Nights::read(&file);
        assert!(
            !nights.add("vault", &backtest(&days[..30]), at(0)),
            "too short"
        );
        assert!(nights.add("vault", &backtest(&days), at(0)));
        assert!(
            !nights.add("vault", &backtest(&days), at(60)),
            "the same night"
        );
        assert!(nights.add("vault", &backtest(&days), at(DAY)));
        nights.write(&file).unwrap();
        assert_eq!(Nights::read(&file), nights);
        assert_eq!(nights.all().len(), 4);
        for night in 2..500 {
            nights.add("vault", &backtest(&days), at(night * DAY));
        }
        assert_eq!(nights.all().len(), NIGHTS_MAX);
        fs::write(&file, b"{").unwrap();
        assert_eq!(Nights::read(&file), Nights::default());
    }
}
