//! Histories whose future is known.

use proptest::prelude::*;

use super::*;

const GB: u64 = 1_000_000_000;

fn days(count: u64, added: impl Fn(u64) -> u64) -> Vec<Day> {
    let day = |number| Day {
        added: added(number),
        freed: 0,
    };
    (0..count).map(day).collect()
}

/// Uneven days, the same at each call: splitmix64 (Steele, Lea and Flood 2014).
fn noise(day: u64, seed: u64, below: u64) -> u64 {
    let mut z = (seed << 32 | day).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    (z ^ (z >> 31)) % below
}

fn looked(history: &[Day]) -> Outlook {
    outlook(history, &Track::of(&[backtest(history)])).unwrap()
}

#[track_caller]
fn assert_near(found: i64, meant: u64, percent: u64) {
    let off = (i128::from(found) - i128::from(meant)).unsigned_abs();
    assert!(
        off * 100 <= u128::from(meant) * u128::from(percent),
        "{found} is not within {percent} % of {meant}"
    );
}

#[test]
fn two_weeks_without_a_day_say_nothing() {
    assert_eq!(outlook(&days(13, |_| GB), &Track::default()), None);
    let first = outlook(&days(14, |_| GB), &Track::default()).unwrap();
    assert_eq!(first.month.method, Method::RecentMean);
    assert_near(first.month.growth.middle, 30 * GB, 0);
}

#[test]
fn even_growth_goes_on_and_the_day_it_is_full_is_right() {
    let outlook = looked(&days(200, |_| 10 * GB));
    assert_near(outlook.month.growth.middle, 300 * GB, 0);
    assert_near(outlook.quarter.growth.middle, 900 * GB, 0);
    let full = outlook.full(740 * GB - 1);
    assert_eq!(full.likely, Some(74));
    assert!(
        full.soonest.unwrap() < 74 && full.soonest.unwrap() > 50,
        "{full:?}"
    );
    assert!(
        full.latest.unwrap() > 74 && full.latest.unwrap() < 100,
        "{full:?}"
    );
}

#[test]
fn weekends_without_work_do_not_matter() {
    let outlook = looked(&days(365, |day| if day % 7 < 5 { 7 * GB } else { 0 }));
    assert_near(outlook.month.growth.middle, 150 * GB, 8);
    assert_near(outlook.quarter.growth.middle, 450 * GB, 8);
    let test = backtest(&days(365, |day| if day % 7 < 5 { 7 * GB } else { 0 }));
    assert!(test.month.unwrap().coverage > 0.8);
}

#[test]
fn what_is_freed_every_month_is_taken_off() {
    let mut history = days(360, |_| 10 * GB);
    for month in history.chunks_mut(30) {
        month[29].freed = 300 * GB;
    }
    // By the plain method: the last window alone would be right as well.
    let outlook = outlook(&history, &Track::default()).unwrap();
    assert_eq!(outlook.month.method, Method::Ensemble);
    assert!(outlook.quarter.growth.middle.unsigned_abs() < 30 * GB);
    assert_eq!(outlook.full(20_000 * GB).likely, None);
}

#[test]
fn one_day_of_a_migration_does_not_become_the_rule() {
    let mut history = days(300, |_| 10 * GB);
    history[250].added = 2_000 * GB;
    let outlook = looked(&history);
    let even = 300 * GB;
    assert!(
        outlook.month.growth.middle < i64::try_from(2 * even).unwrap(),
        "{outlook:?}"
    );
    assert!(outlook.month.growth.middle > i64::try_from(even / 2).unwrap());
}

#[test]
fn a_new_scanner_is_followed_within_weeks() {
    let history = days(300, |day| if day < 240 { 10 * GB } else { 30 * GB });
    let middle = looked(&history).month.growth.middle;
    assert!(middle > i64::try_from(690 * GB).unwrap(), "{middle}");
    assert!(middle <= i64::try_from(900 * GB).unwrap(), "{middle}");
}

#[test]
fn uneven_growth_stays_within_nine_intervals_of_ten() {
    let mut within = 0.0;
    let mut points = 0.0;
    for seed in 0..12 {
        // A delivery on some days of many, nothing on others.
        let big = |day| noise(day, seed, 12) == 0;
        let added = |day| {
            if big(day) {
                noise(day, seed + 99, 200 * GB)
            } else {
                0
            }
        };
        let month = backtest(&days(720, added)).month.unwrap();
        within += month.coverage * float(month.errors.len());
        points += float(month.errors.len());
        assert!(
            month.mase < month.mase_naive,
            "{} {}",
            month.mase,
            month.mase_naive
        );
    }
    let coverage = within / points;
    assert!((0.85..=0.97).contains(&coverage), "{coverage} of {points}");
}

#[test]
fn where_the_last_window_did_better_it_is_taken() {
    // Every quarter is ten times as large as the one before it: no mean can follow.
    let history = days(720, |day| GB * 10_u64.pow(u32::try_from(day / 90).unwrap()));
    let test = backtest(&history);
    let month = test.month.as_ref().unwrap();
    assert!(month.mase > month.mase_naive);
    let forecast = forecast(&history, Horizon::Month, &Track::of([&test])).unwrap();
    assert_eq!(forecast.method, Method::LastWindow);
}

#[test]
fn own_errors_replace_the_shipped_ones_when_there_are_forty() {
    let few = days(300, |day| GB + noise(day, 1, GB));
    let many = days(600, |day| GB + noise(day, 1, GB));
    assert_eq!(looked(&few).month.points, 0);
    assert!(looked(&many).month.points >= 40);
    // Two young targets know together what neither knows alone.
    let tests = [
        backtest(&few),
        backtest(&days(300, |day| noise(day, 2, GB))),
    ];
    let pooled = forecast(&few, Horizon::Month, &Track::of(&tests)).unwrap();
    assert!(pooled.points >= 40);
}

#[test]
fn a_full_target_is_full_tomorrow_and_an_idle_one_never() {
    assert_eq!(looked(&days(100, |_| GB)).full(0).likely, Some(1));
    let idle = looked(&days(100, |_| 0));
    assert_eq!(
        idle.full(GB),
        Full {
            soonest: None,
            likely: None,
            latest: None
        }
    );
}

fn any_history() -> impl Strategy<Value = Vec<Day>> {
    let bytes = prop_oneof![Just(0), 0..GB, any::<u64>()];
    let day = (bytes.clone(), bytes).prop_map(|(added, freed)| Day { added, freed });
    proptest::collection::vec(day, 0..260)
}

fn later(day: Option<u32>) -> u32 {
    day.unwrap_or(u32::MAX)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_history_gives_ordered_finite_answers(history in any_history(), free: u64) {
        let test = backtest(&history);
        for horizon in Horizon::ALL {
            if let Some(score) = test.score(horizon) {
                prop_assert!(score.mase.is_finite() && score.errors.iter().all(|e| e.is_finite()));
                prop_assert!((0.0..=1.0).contains(&score.coverage));
            }
        }
        let Some(outlook) = outlook(&history, &Track::of([&test])) else {
            prop_assert!(history.len() < HISTORY_DAYS_MIN);
            return Ok(());
        };
        for growth in [outlook.month.growth, outlook.quarter.growth] {
            prop_assert!(growth.low <= growth.middle && growth.middle <= growth.high);
        }
        let full = outlook.full(free);
        prop_assert!(later(full.soonest) <= later(full.likely));
        prop_assert!(later(full.likely) <= later(full.latest));
    }

    #[test]
    fn more_room_is_full_later(history in any_history(), free in 0..u64::MAX / 2, more in 0..GB) {
        if let Some(outlook) = outlook(&history, &Track::default()) {
            let (less, more) = (outlook.full(free), outlook.full(free + more));
            prop_assert!(later(less.likely) <= later(more.likely));
            prop_assert!(later(less.soonest) <= later(more.soonest));
        }
    }

    #[test]
    fn the_unit_does_not_matter(added in proptest::collection::vec(GB..9 * GB, 100..200)) {
        let history = |times: u64| -> Vec<Day> {
            added.iter().map(|added| Day { added: added * times, freed: 0 }).collect()
        };
        let (one, thousand) = (history(1), history(1000));
        let (one, thousand) = (looked(&one), looked(&thousand));
        let ratio = signed(thousand.quarter.growth.high) / signed(one.quarter.growth.high);
        prop_assert!((ratio - 1000.0).abs() < 0.001);
    }
}
