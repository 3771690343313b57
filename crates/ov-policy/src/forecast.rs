//! How fast a target grows and when it is full, and how far that may be wrong.
//!
//! The forecast is the mean of three simple ones: the mean of a year, simple exponential
//! smoothing (Brown 1959), and the method of Teunter, Syntetos and Babai (2011) for days without
//! growth. What comes free is not smoothed: forgetting frees in steps, so its mean over the year
//! is taken off. The interval is not computed from a model: it is how far earlier forecasts of
//! the same kind were off, of all targets together, scaled by how uneven each target is. A history
//! of less than two weeks says nothing.

use std::fmt;

/// Shorter histories give no forecast.
pub const HISTORY_DAYS_MIN: usize = 14;

/// Shorter ones give the mean of four weeks instead of the ensemble.
const SETTLED_DAYS: usize = 60;

/// From so many back-tested forecasts on, their errors replace those that we ship.
const POINTS_MIN: usize = 40;

/// The back-test makes a forecast once a week.
const STEP_DAYS: usize = 7;

/// Who judges forecasts by fewer than these judges by chance.
const JUDGED_MIN: usize = 8;

/// Nobody plans further.
const DAYS_MAX: u32 = 3650;

/// What happened on a target in one day. A history has one for every day, the oldest first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Day {
    /// Bytes newly stored.
    pub added: u64,
    /// Bytes deleted.
    pub freed: u64,
}

/// How far a forecast looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Horizon {
    /// 30 days.
    Month,
    /// 90 days.
    Quarter,
}

impl Horizon {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Month, Self::Quarter];

    /// In days.
    pub fn days(self) -> usize {
        match self {
            Self::Month => 30,
            Self::Quarter => 90,
        }
    }

    /// Errors that nine of ten forecasts stayed within, for a vault without a past of its own:
    /// measured on public histories of stored data. Growth surprises upwards.
    fn shipped(self) -> Quantiles {
        let (low, high) = match self {
            Self::Month => (-1.4, 2.7),
            Self::Quarter => (-1.8, 5.3),
        };
        Quantiles { low, high }
    }
}

/// Nine of ten outcomes lie between `low` and `high`. Bytes; negative where more goes than comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Interval {
    /// One in twenty is lower.
    pub low: i64,
    /// What is expected.
    pub middle: i64,
    /// One in twenty is higher.
    pub high: i64,
}

/// How the middle was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// The mean of the last four weeks: the history is short.
    RecentMean,
    /// The mean of a long mean and two adaptive levels.
    Ensemble,
    /// The last window again: the ensemble did worse than this so far.
    LastWindow,
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::RecentMean => "the mean of the last four weeks",
            Self::Ensemble => "the mean of the year's mean and two recent levels",
            Self::LastWindow => "the last window again, which did better so far",
        })
    }
}

/// What a target will grow by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Forecast {
    /// How far it looks.
    pub horizon: Horizon,
    /// Net growth over the horizon.
    pub growth: Interval,
    /// How it was found.
    pub method: Method,
    /// Days of history behind it.
    pub days: usize,
    /// Earlier forecasts whose errors made the interval; 0 if it is the one that we ship.
    pub points: usize,
}

/// How earlier forecasts of one target over one horizon did, had they been made in time.
#[derive(Clone, Debug, PartialEq)]
pub struct Score {
    /// Error of each, actual minus forecast, in multiples of the target's own unevenness. The
    /// oldest first.
    pub errors: Vec<f64>,
    /// Mean absolute error over the mean change from one window to the next: below 1 is better
    /// than no method.
    pub mase: f64,
    /// The same for repeating the last window, which is what there is to beat.
    pub mase_naive: f64,
    /// Share of outcomes within their interval. 0.9 is meant.
    pub coverage: f64,
}

/// The back-test of one target.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Backtest {
    /// Over a month; nothing while the history is short.
    pub month: Option<Score>,
    /// Over a quarter; nothing while the history is short.
    pub quarter: Option<Score>,
}

impl Backtest {
    /// The score over a horizon.
    pub fn score(&self, horizon: Horizon) -> Option<&Score> {
        match horizon {
            Horizon::Month => self.month.as_ref(),
            Horizon::Quarter => self.quarter.as_ref(),
        }
    }
}

/// What the back-tests of all targets together say of new forecasts.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Track {
    month: Past,
    quarter: Past,
}

#[derive(Clone, Debug, Default, PartialEq)]
struct Past {
    errors: Vec<f64>,
    ours: f64,
    naive: f64,
}

impl Track {
    /// Pools back-tests.
    pub fn of<'b>(tests: impl IntoIterator<Item = &'b Backtest>) -> Self {
        let mut track = Self::default();
        for test in tests {
            track.month.add(test.month.as_ref());
            track.quarter.add(test.quarter.as_ref());
        }
        track
    }

    fn past(&self, horizon: Horizon) -> &Past {
        match horizon {
            Horizon::Month => &self.month,
            Horizon::Quarter => &self.quarter,
        }
    }
}

impl Past {
    fn add(&mut self, score: Option<&Score>) {
        let Some(score) = score else { return };
        let count = float(score.errors.len());
        self.errors.extend(&score.errors);
        self.ours += score.mase * count;
        self.naive += score.mase_naive * count;
    }

    fn prefers_naive(&self) -> bool {
        self.errors.len() >= JUDGED_MIN && self.ours > self.naive
    }
}

/// Forecasts over both horizons.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outlook {
    /// Over 30 days.
    pub month: Forecast,
    /// Over 90 days.
    pub quarter: Forecast,
}

/// After how many days a target is full; `None` is "not within ten years".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Full {
    /// One in twenty is earlier.
    pub soonest: Option<u32>,
    /// What is expected.
    pub likely: Option<u32>,
    /// One in twenty is later.
    pub latest: Option<u32>,
}

/// Looks ahead; `None` while the history is short.
pub fn outlook(history: &[Day], track: &Track) -> Option<Outlook> {
    Some(Outlook {
        month: forecast(history, Horizon::Month, track)?,
        quarter: forecast(history, Horizon::Quarter, track)?,
    })
}

/// Net growth over one horizon; `None` while the history is short.
pub fn forecast(history: &[Day], horizon: Horizon, track: &Track) -> Option<Forecast> {
    let past = track.past(horizon);
    let method = match history.len() {
        days if days < HISTORY_DAYS_MIN => return None,
        days if days < SETTLED_DAYS => Method::RecentMean,
        days if past.prefers_naive() && days >= horizon.days() => Method::LastWindow,
        _ => Method::Ensemble,
    };
    let (quantiles, points) = Quantiles::after(&past.errors, horizon);
    let guess = Guess::make(history, horizon, method);
    Some(Forecast {
        horizon,
        growth: guess.interval(quantiles),
        method,
        days: history.len(),
        points,
    })
}

impl Outlook {
    /// When `free` bytes more are filled.
    pub fn full(&self, free: u64) -> Full {
        let free = i128::from(free);
        let first = |of: fn(&Interval) -> i64| {
            let is_full = |day: &u32| i128::from(of(&self.at(*day))) > free;
            (1..=DAYS_MAX).find(is_full)
        };
        Full {
            soonest: first(|at| at.high),
            likely: first(|at| at.middle),
            latest: first(|at| at.low),
        }
    }

    /// Growth until a day. Up to a month the middle grows with time and the spread with its root,
    /// as sums of uneven days do; then both go on in straight lines.
    fn at(&self, day: u32) -> Interval {
        let (month, quarter) = (self.month.growth, self.quarter.growth);
        let day = f64::from(day);
        let part = day / 30.0;
        if part <= 1.0 {
            let middle = signed(month.middle) * part;
            let side = |edge: i64| middle + (signed(edge) - signed(month.middle)) * part.sqrt();
            return Interval {
                low: whole(side(month.low)),
                middle: whole(middle),
                high: whole(side(month.high)),
            };
        }
        let along = |from: i64, to: i64| {
            let (from, to) = (signed(from), signed(to));
            whole(match day <= 90.0 {
                true => from + (to - from) * (day - 30.0) / 60.0,
                false => to * day / 90.0,
            })
        };
        Interval {
            low: along(month.low, quarter.low),
            middle: along(month.middle, quarter.middle),
            high: along(month.high, quarter.high),
        }
    }
}

/// Forecasts made again as they would have been, once a week, each from what was known then.
pub fn backtest(history: &[Day]) -> Backtest {
    Backtest {
        month: score(history, Horizon::Month),
        quarter: score(history, Horizon::Quarter),
    }
}

fn score(history: &[Day], horizon: Horizon) -> Option<Score> {
    let days = horizon.days();
    let last = history.len().checked_sub(days)?;
    let first = SETTLED_DAYS.max(days);
    let mut tally = Tally::default();
    for origin in (first..=last).step_by(STEP_DAYS) {
        // An error is known when its window is over.
        let ended = (first..origin).step_by(STEP_DAYS);
        let known = ended.take_while(|earlier| earlier + days <= origin).count();
        let (past, future) = history.split_at(origin);
        tally.add(past, &future[..days], horizon, known);
    }
    tally.score(mean_change(&net(history), days))
}

#[derive(Default)]
struct Tally {
    errors: Vec<f64>,
    missed: f64,
    missed_naive: f64,
    within: usize,
}

impl Tally {
    fn add(&mut self, past: &[Day], future: &[Day], horizon: Horizon, known: usize) {
        let actual: f64 = net(future).iter().sum();
        let guess = Guess::make(past, horizon, Method::Ensemble);
        let naive = Guess::make(past, horizon, Method::LastWindow);
        let known = self.errors.get(..known).unwrap_or(&self.errors);
        let interval = guess.interval(Quantiles::after(known, horizon).0);
        let range = signed(interval.low)..=signed(interval.high);
        self.within += usize::from(range.contains(&actual));
        self.missed += (actual - guess.middle).abs();
        self.missed_naive += (actual - naive.middle).abs();
        self.errors.push((actual - guess.middle) / guess.scale);
    }

    fn score(self, change: f64) -> Option<Score> {
        if self.errors.is_empty() {
            return None;
        }
        let count = float(self.errors.len());
        // Where every window is like the next, a byte is the measure.
        let change = change.max(1.0);
        Some(Score {
            mase: self.missed / count / change,
            mase_naive: self.missed_naive / count / change,
            coverage: float(self.within) / count,
            errors: self.errors,
        })
    }
}

/// Bounds of nine in ten errors.
#[derive(Clone, Copy)]
struct Quantiles {
    low: f64,
    high: f64,
}

impl Quantiles {
    /// Those of the errors made so far, and how many they were; what we ship if they are few.
    fn after(errors: &[f64], horizon: Horizon) -> (Self, usize) {
        let mut sorted: Vec<f64> = errors.iter().copied().filter(|e| e.is_finite()).collect();
        let count = sorted.len();
        if count < POINTS_MIN {
            return (horizon.shipped(), 0);
        }
        sorted.sort_by(f64::total_cmp);
        // The rank of a twentieth among one more, so that the next one is within as often.
        let rank = (count + 1) / 20;
        let low = sorted[rank.saturating_sub(1)];
        let high = sorted[count - rank.max(1)];
        let quantiles = Self {
            low: low.min(0.0),
            high: high.max(0.0),
        };
        (quantiles, count)
    }
}

/// A middle, and how uneven the target is.
struct Guess {
    middle: f64,
    scale: f64,
}

impl Guess {
    fn make(history: &[Day], horizon: Horizon, method: Method) -> Self {
        let days = horizon.days();
        let net = net(history);
        let middle = match method {
            Method::LastWindow => newest(&net, days).iter().sum(),
            Method::RecentMean => mean(newest(&net, 28)) * float(days),
            Method::Ensemble => ensemble(history) * float(days),
        };
        // Nobody knows growth better than to a twentieth, however even it was.
        let scale = mean_change(&net, days).max(middle.abs() / 20.0).max(1.0);
        Self { middle, scale }
    }

    fn interval(&self, quantiles: Quantiles) -> Interval {
        Interval {
            low: whole(self.middle + quantiles.low * self.scale),
            middle: whole(self.middle),
            high: whole(self.middle + quantiles.high * self.scale),
        }
    }
}

/// Net growth of a day.
fn ensemble(history: &[Day]) -> f64 {
    let added: Vec<f64> = history.iter().map(|day| size(day.added)).collect();
    let freed: Vec<f64> = history.iter().map(|day| size(day.freed)).collect();
    let year = mean(newest(&added, 365));
    let expected = (year + smoothed(&added) + intermittent(&added)) / 3.0;
    expected - mean(newest(&freed, 365))
}

/// Simple exponential smoothing, with the weight that would have erred least.
fn smoothed(series: &[f64]) -> f64 {
    const WEIGHTS: [f64; 7] = [0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.5];
    let levels = WEIGHTS.iter().map(|weight| {
        let mut level = mean(&series[..series.len().min(HISTORY_DAYS_MIN)]);
        let mut error = 0.0;
        for value in series {
            error += (value - level).powi(2);
            level += weight * (value - level);
        }
        (error, level)
    });
    let best = levels.min_by(|a, b| a.0.total_cmp(&b.0));
    best.map_or(0.0, |(_, level)| level)
}

/// The size of days with growth times how often there are such days, each smoothed by itself.
fn intermittent(series: &[f64]) -> f64 {
    const WEIGHT: f64 = 0.1;
    let start = &series[..series.len().min(28)];
    let active: Vec<f64> = start.iter().copied().filter(|v| *v > 0.0).collect();
    let (mut often, mut amount) = (
        float(active.len()) / float(start.len().max(1)),
        mean(&active),
    );
    for value in series {
        if *value > 0.0 {
            amount += WEIGHT * (value - amount);
            often += WEIGHT * (1.0 - often);
        } else {
            often -= WEIGHT * often;
        }
    }
    often * amount
}

/// The mean absolute change from one window of so many days to the next. Where there are less than
/// three windows, shorter ones are taken, and the change counts as often as they fit in: too much
/// rather than too little.
fn mean_change(net: &[f64], days: usize) -> f64 {
    let third = (net.len() / 3 / STEP_DAYS * STEP_DAYS).max(STEP_DAYS);
    let window = days.min(third);
    let sums: Vec<f64> = net.rchunks_exact(window).map(|w| w.iter().sum()).collect();
    let changes: Vec<f64> = sums.windows(2).map(|w| (w[0] - w[1]).abs()).collect();
    mean(&changes) * float(days) / float(window)
}

fn net(history: &[Day]) -> Vec<f64> {
    let of = |day: &Day| size(day.added) - size(day.freed);
    history.iter().map(of).collect()
}

fn newest(series: &[f64], days: usize) -> &[f64] {
    &series[series.len().saturating_sub(days)..]
}

fn mean(series: &[f64]) -> f64 {
    match series.len() {
        0 => 0.0,
        count => series.iter().sum::<f64>() / float(count),
    }
}

/// Bytes as a number to reckon with: 53 bits are enough for a guess.
fn size(bytes: u64) -> f64 {
    bytes as f64
}

fn signed(bytes: i64) -> f64 {
    bytes as f64
}

fn float(count: usize) -> f64 {
    count as f64
}

/// To whole bytes; what is out of range becomes the end of the range.
fn whole(bytes: f64) -> i64 {
    bytes.round() as i64
}

#[cfg(test)]
#[path = "forecast_tests.rs"]
mod tests;
