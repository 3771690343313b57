use jiff::tz::TimeZone;
use proptest::prelude::*;

use super::*;

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn berlin() -> TimeZone {
    TimeZone::get("Europe/Berlin").unwrap()
}

fn schedule(text: &str) -> Schedule {
    text.parse().unwrap()
}

fn terms<'t>(schedule: Option<&'t Schedule>, rpo: Option<&str>, zone: &'t TimeZone) -> Terms<'t> {
    Terms {
        schedule,
        rpo: rpo.map(|text| text.parse().unwrap()),
        asked: None,
        predicted_seconds: 600,
        tick_seconds: 900,
        spread_seconds: 0,
        seed: 0,
        zone,
    }
}

fn good(start: Timestamp) -> Past {
    let end = plan::later(start, 600);
    Past {
        good: Some(Run { start, end }),
        ..Past::default()
    }
}

#[test]
fn schedules_are_written_as_they_are_read() {
    let cases = [
        ("every 4h", "every 4h"),
        ("hourly", "every 1h"),
        ("Daily at 2:00", "daily at 02:00"),
        ("daily at 14:00,02:00", "daily at 02:00, 14:00"),
        (
            "weekdays at 20:00",
            "weekly on mon, tue, wed, thu, fri at 20:00",
        ),
        ("weekly on sunday at 03:00", "weekly on sun at 03:00"),
        ("monthly on 1 at 04:00", "monthly on 1 at 04:00"),
        ("monthly on last at 04:00", "monthly on last at 04:00"),
    ];
    for (text, written) in cases {
        assert_eq!(schedule(text).to_string(), written);
        assert_eq!(schedule(written), schedule(text), "{text}");
    }
}

#[test]
fn what_is_no_schedule_is_refused_with_the_cause() {
    let cases = [
        ("", "is no schedule"),
        ("daily", "is no schedule"),
        ("yearly at 02:00", "is no schedule"),
        ("daily on mon at 02:00", "is no schedule"),
        ("every 4x", "is no unit"),
        ("every 0s", "between"),
        ("daily at 25:00", "no time of day"),
        ("daily at 2", "no time of day"),
        ("daily at 02:00:00", "no time of day"),
        ("weekly on so at 02:00", "no day of the week"),
        ("monthly on 31 at 02:00", "no day that every month has"),
    ];
    for (text, said) in cases {
        let error = text.parse::<Schedule>().unwrap_err().to_string();
        assert!(error.contains(said), "{text}: {error}");
    }
}

/// `next` from a last good run, as (moment, reason).
fn after(text: &str, start: &str, now: &str, zone: &TimeZone) -> Next {
    let schedule = schedule(text);
    next(
        &terms(Some(&schedule), None, zone),
        &good(at(start)),
        at(now),
    )
    .unwrap()
}

#[test]
fn the_next_moment_of_a_calendar_is_planned() {
    let zone = TimeZone::UTC;
    let cases = [
        ("daily at 02:00", "2026-11-23T02:00:00Z"),
        ("daily at 02:00, 12:30", "2026-11-22T12:30:00Z"),
        ("weekdays at 20:00", "2026-11-23T20:00:00Z"),
        ("weekly on wed at 03:00", "2026-11-25T03:00:00Z"),
        ("monthly on 1 at 04:00", "2026-12-01T04:00:00Z"),
        ("monthly on last at 04:00", "2026-11-30T04:00:00Z"),
    ];
    for (text, expected) in cases {
        let next = after(text, "2026-11-22T02:00:00Z", "2026-11-22T02:10:00Z", &zone);
        assert_eq!((next.at, next.why), (at(expected), Why::Planned), "{text}");
    }
}

#[test]
fn a_calendar_follows_the_clocks_on_the_wall() {
    let zone = berlin();
    // Summer time ends in the night of 25 October 2026: the day has 25 hours.
    let autumn = after(
        "daily at 04:00",
        "2026-10-24T04:00:00+02:00",
        "2026-10-24T05:00:00+02:00",
        &zone,
    );
    assert_eq!(autumn.at, at("2026-10-25T04:00:00+01:00"));
    // 02:30 comes twice that night, and counts once.
    let first = after(
        "daily at 02:30",
        "2026-10-24T02:30:00+02:00",
        "2026-10-24T05:00:00+02:00",
        &zone,
    );
    assert_eq!(first.at, at("2026-10-25T02:30:00+02:00"));
    let second = after(
        "daily at 02:30",
        "2026-10-25T02:30:00+02:00",
        "2026-10-25T02:45:00+01:00",
        &zone,
    );
    assert_eq!(second.at, at("2026-10-26T02:30:00+01:00"));
    // 02:30 does not exist on 29 March 2026; the run comes an hour later by the wall.
    let spring = after(
        "daily at 02:30",
        "2026-03-28T02:30:00+01:00",
        "2026-03-28T05:00:00+01:00",
        &zone,
    );
    assert_eq!(spring.at, at("2026-03-29T03:30:00+02:00"));
}

#[test]
fn what_never_succeeded_is_due_at_once() {
    let zone = TimeZone::UTC;
    let schedule = schedule("daily at 02:00");
    let now = at("2026-11-22T10:00:00Z");
    let next = next(&terms(Some(&schedule), None, &zone), &Past::default(), now).unwrap();
    assert!(next.is_due(now));
    assert_eq!(next.why, Why::First);
}

#[test]
fn what_has_neither_schedule_nor_rpo_runs_by_hand_alone() {
    let zone = TimeZone::UTC;
    let now = at("2026-11-22T10:00:00Z");
    assert_eq!(next(&terms(None, None, &zone), &Past::default(), now), None);
}

#[test]
fn three_missed_nights_are_caught_up_by_one_run() {
    let zone = TimeZone::UTC;
    let back = "2026-11-25T09:00:00Z";
    let missed = after("daily at 02:00", "2026-11-22T02:00:00Z", back, &zone);
    assert!(missed.is_due(at(back)));
    let planned = at("2026-11-25T02:00:00Z");
    assert_eq!(missed.why, Why::Missed { planned });
    let then = after("daily at 02:00", back, "2026-11-25T09:15:00Z", &zone);
    assert_eq!(then.at, at("2026-11-26T02:00:00Z"));
    assert_eq!(then.why, Why::Planned);
}

#[test]
fn an_rpo_outranks_a_schedule_that_comes_too_late() {
    let zone = TimeZone::UTC;
    let weekly = schedule("weekly on sun at 02:00");
    let terms = terms(Some(&weekly), Some("24h"), &zone);
    let start = at("2026-11-22T02:00:00Z");
    let next = next(&terms, &good(start), plan::later(start, 3_600)).unwrap();
    let deadline = at("2026-11-23T02:00:00Z");
    assert_eq!(next.why, Why::Rpo { deadline });
    assert!(next.at < deadline);
}

#[test]
fn what_follows_others_runs_when_there_is_something_new() {
    let zone = TimeZone::UTC;
    let start = at("2026-11-22T02:00:00Z");
    let now = plan::later(start, 3_600);
    let asked = |asked| Terms {
        asked: Some(asked),
        ..terms(None, None, &zone)
    };
    assert_eq!(
        next(&asked(plan::later(start, -60)), &good(start), now),
        None
    );
    let new = next(&asked(plan::later(start, 60)), &good(start), now).unwrap();
    assert!(new.is_due(now));
    assert_eq!(new.why, Why::Asked);
}

#[test]
fn an_rpo_shorter_than_a_run_cannot_hold_and_says_so() {
    let zone = TimeZone::UTC;
    assert!(can_hold(&terms(None, Some("1h"), &zone)));
    assert!(!can_hold(&terms(None, Some("20min"), &zone)));
    assert_eq!(
        schedule("daily at 02:00").longest_gap(at("2026-10-01T00:00:00Z"), &berlin()),
        25 * 3_600
    );
}

#[test]
fn failures_are_tried_again_later_and_later() {
    let zone = TimeZone::UTC;
    let daily = schedule("daily at 02:00");
    let terms = terms(Some(&daily), None, &zone);
    let ended = at("2026-11-22T02:10:00Z");
    let failed = |failures| Past {
        failed: Some(Run {
            start: at("2026-11-22T02:00:00Z"),
            end: ended,
        }),
        failures,
        ..good(at("2026-11-21T02:00:00Z"))
    };
    let waits = [
        (1, 300),
        (2, 600),
        (3, 1_200),
        (9, 21_600),
        (u32::MAX, 21_600),
    ];
    for (failures, wait) in waits {
        let next = next(&terms, &failed(failures), plan::later(ended, 60)).unwrap();
        assert_eq!(next.at, plan::later(ended, wait));
        assert_eq!(next.why, Why::Retry { failures });
    }
}

#[test]
fn a_clock_that_was_put_back_does_not_stop_anything() {
    let zone = TimeZone::UTC;
    let daily = schedule("daily at 02:00");
    let terms = terms(Some(&daily), Some("26h"), &zone);
    let now = at("2026-11-22T10:00:00Z");
    let future = at("2036-01-01T00:00:00Z");
    let next_after_good = next(&terms, &good(future), now).unwrap();
    assert!(next_after_good.is_due(now));
    assert_eq!(next_after_good.why, Why::ClockPutBack);
    let failed = Past {
        good: None,
        failed: good(future).good,
        failures: 40,
    };
    assert!(next(&terms, &failed, now).unwrap().is_due(now));
}

#[test]
fn hosts_begin_at_moments_of_their_own_within_the_spread() {
    let zone = TimeZone::UTC;
    let daily = schedule("daily at 02:00");
    let planned = at("2026-11-23T02:00:00Z");
    let starts: BTreeSet<Timestamp> = (0..20)
        .map(|seed| {
            let terms = Terms {
                spread_seconds: 600,
                seed: seed * 7_919,
                ..terms(Some(&daily), None, &zone)
            };
            let start = at("2026-11-22T02:30:00Z");
            next(&terms, &good(start), start).unwrap().at
        })
        .collect();
    assert!(starts.len() > 15);
    assert!(
        starts
            .iter()
            .all(|at| *at >= planned && *at <= plan::later(planned, 600))
    );
}

/// Plays a task: asks every tick, runs take `length`, and tells the greatest age that the newest
/// good snapshot reached, and how often it ran.
fn play(terms: &Terms<'_>, length: i64, days: i64) -> (i64, u32) {
    let mut now = at("2026-03-01T00:00:00Z");
    let end = plan::later(now, days * 86_400);
    let (mut past, mut oldest, mut runs) = (Past::default(), 0, 0);
    while now < end {
        let due = next(terms, &past, now).is_some_and(|next| next.is_due(now));
        if due {
            let (start, done) = (now, plan::later(now, length));
            if let Some(run) = past.good {
                oldest = oldest.max(done.duration_since(run.start).as_secs());
            }
            past = Past {
                good: Some(Run { start, end: done }),
                ..Past::default()
            };
            runs += 1;
            now = done;
        }
        now = plan::later(now, terms.tick_seconds);
    }
    (oldest, runs)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// With runs as long as predicted at most, the newest good snapshot never gets older.
    #[test]
    fn an_rpo_holds_whenever_it_can(
        rpo_minutes in 30_u16..4_000,
        predicted in 1_i64..7_200,
        share in 0_i64..=100,
        tick in 60_i64..1_800,
        seed: u64,
        with_schedule: bool,
    ) {
        let zone = berlin();
        let daily = schedule("daily at 02:30");
        let terms = Terms {
            schedule: with_schedule.then_some(&daily),
            rpo: Some(Period::from_minutes(rpo_minutes)),
            asked: None,
            predicted_seconds: predicted,
            tick_seconds: tick,
            spread_seconds: 600,
            seed,
            zone: &zone,
        };
        let (oldest, _) = play(&terms, predicted * share / 100, 40);
        if can_hold(&terms) {
            prop_assert!(oldest <= i64::from(rpo_minutes) * 60, "{oldest}");
        }
    }

    /// Once a day, summer time or not, wherever the zone.
    #[test]
    fn a_daily_task_runs_once_a_day(
        seed: u64,
        hour in 0_i8..24,
        minute in 0_i8..60,
        zone in prop::sample::select(vec![
            "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "UTC",
        ]),
    ) {
        let zone = TimeZone::get(zone).unwrap();
        let daily = schedule(&format!("daily at {hour}:{minute:02}"));
        let terms = Terms {
            spread_seconds: 600,
            seed,
            ..terms(Some(&daily), None, &zone)
        };
        let (_, runs) = play(&terms, 60, 250);
        // The first one comes at once.
        prop_assert!((250..=251).contains(&runs), "{runs}");
    }

    /// A moment is the latest until the next one comes.
    #[test]
    fn latest_and_next_agree(
        text in prop::sample::select(vec![
            "every 4h", "every 7min", "daily at 02:30", "weekly on mon, sat at 02:30, 03:15",
            "monthly on last at 00:00",
        ]),
        second in 1_700_000_000_i64..1_900_000_000,
        seed: u64,
    ) {
        let (zone, schedule) = (berlin(), schedule(text));
        let terms = Terms { spread_seconds: 900, seed, ..terms(None, None, &zone) };
        let now = Timestamp::from_second(second).unwrap();
        let latest = schedule.latest(now, &terms).unwrap();
        let next = schedule.next(now, &terms).unwrap();
        prop_assert!(latest <= now && now < next);
        prop_assert_eq!(schedule.next(latest, &terms), Some(next));
        prop_assert_eq!(schedule.latest(next, &terms), Some(next));
    }

    /// However the clock jumps, the task goes on, and a jump costs one run at most.
    #[test]
    fn clock_jumps_stop_nothing_and_cost_one_run_each(
        jumps in prop::collection::vec((-100_000_i64..100_000, 1_i64..200_000), 1..8),
        seed: u64,
    ) {
        let zone = TimeZone::UTC;
        let schedule = schedule("every 6h");
        let terms = Terms { seed, ..terms(Some(&schedule), Some("8h"), &zone) };
        let mut now = at("2026-03-01T00:00:00Z");
        let (mut past, mut runs, mut real) = (Past::default(), 0, 0);
        let (mut idle, mut jumps_since) = (0, 0);
        for (jump, stay) in &jumps {
            now = plan::later(now, *jump);
            jumps_since += 1;
            let mut passed = 0;
            while passed < *stay {
                if next(&terms, &past, now).unwrap().is_due(now) {
                    past = good(now);
                    (runs, idle, jumps_since) = (runs + 1, 0, 0);
                }
                idle += 900;
                // A jump can hide no more than what passed since the last run, and that is less
                // than an RPO.
                prop_assert!(idle <= 8 * 3_600 * (1 + jumps_since) + 900, "{idle}");
                passed += 900;
                now = plan::later(now, 900);
            }
            real += passed;
        }
        let needed = real / (5 * 3_600) + 1;
        let allowed = needed + i64::try_from(jumps.len()).unwrap() * 2;
        prop_assert!(runs <= allowed, "{runs} of {allowed}");
    }

    #[test]
    fn any_text_is_a_schedule_or_refused_without_panic(text in "[a-z0-9:, ]{0,24}") {
        let _ = text.parse::<Schedule>();
    }
}
