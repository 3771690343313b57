//! Tables and properties of the retention rules.

use super::*;
use proptest::prelude::*;

type One = Candidate<u32, &'static str>;

fn at(text: &str) -> Timestamp {
    format!("{text}Z").parse().unwrap()
}

fn one(id: u32, arrival: Timestamp) -> One {
    Candidate {
        id,
        arrival,
        group: "pacs",
        accepted: true,
        holds: vec![],
        tags: vec![],
    }
}

fn at_times(times: &[&str]) -> Vec<One> {
    (0..)
        .zip(times)
        .map(|(id, text)| one(id, at(text)))
        .collect()
}

const NOW: &str = "2026-06-30T12:00:00";

struct Case {
    bounds: Bounds,
    emptying: Emptying,
    paused: BTreeMap<&'static str, Alarm>,
    now: Timestamp,
}

impl Default for Case {
    fn default() -> Self {
        Self {
            bounds: Bounds::OWNER,
            emptying: Emptying::Refused,
            paused: BTreeMap::new(),
            now: at(NOW),
        }
    }
}

impl Case {
    fn plan(
        &self,
        rules: &Rules,
        all: &[One],
    ) -> Result<Plan<u32, &'static str>, RetentionError<&'static str>> {
        let terms = Terms {
            rules,
            bounds: self.bounds,
            now: self.now,
            zone: &TimeZone::UTC,
            paused: &self.paused,
            emptying: self.emptying,
        };
        plan(all, &terms)
    }

    fn kept(&self, rules: &Rules, all: &[One]) -> BTreeSet<u32> {
        self.plan(rules, all).unwrap().kept().copied().collect()
    }
}

fn kept(rules: &Rules, all: &[One]) -> Vec<u32> {
    Case::default().kept(rules, all).into_iter().collect()
}

fn reasons(rules: &Rules, all: &[One], id: u32) -> Vec<String> {
    let plan = Case::default().plan(rules, all).unwrap();
    let all = plan.groups.iter().flat_map(|group| &group.verdicts);
    match all.clone().find(|(found, _)| *found == id) {
        Some((_, Verdict::Keep(why))) => why.iter().map(ToString::to_string).collect(),
        _ => vec![],
    }
}

/// Ids 0..: two a day at 08:00 and 20:00 for the days of the list, oldest first.
fn two_a_day(days: &[&str]) -> Vec<One> {
    let times: Vec<String> = days
        .iter()
        .flat_map(|day| [format!("{day}T08:00:00"), format!("{day}T20:00:00")])
        .collect();
    at_times(&times.iter().map(String::as_str).collect::<Vec<_>>())
}

#[test]
fn each_rule_keeps_what_it_says() {
    let all = two_a_day(&["2025-12-31", "2026-01-01", "2026-01-31", "2026-02-02"]);
    let table: Vec<(&str, Rules, &[u32])> = vec![
        (
            "last",
            Rules {
                last: Some(3),
                ..Rules::default()
            },
            &[5, 6, 7],
        ),
        (
            "hourly",
            Rules {
                hourly: Some(2),
                ..Rules::default()
            },
            &[6, 7],
        ),
        (
            "daily",
            Rules {
                daily: Some(2),
                ..Rules::default()
            },
            &[5, 7],
        ),
        (
            "daily with room",
            Rules {
                daily: Some(9),
                ..Rules::default()
            },
            &[0, 1, 3, 5, 7],
        ),
        (
            "weekly",
            Rules {
                weekly: Some(2),
                ..Rules::default()
            },
            &[5, 7],
        ),
        (
            "monthly",
            Rules {
                monthly: Some(3),
                ..Rules::default()
            },
            &[1, 5, 7],
        ),
        (
            "quarterly",
            Rules {
                quarterly: Some(2),
                ..Rules::default()
            },
            &[1, 7],
        ),
        (
            "yearly",
            Rules {
                yearly: Some(1),
                ..Rules::default()
            },
            &[7],
        ),
        (
            "yearly with room",
            Rules {
                yearly: Some(5),
                ..Rules::default()
            },
            &[0, 1, 7],
        ),
        (
            "all",
            Rules {
                last: Some(u32::MAX),
                ..Rules::default()
            },
            &[0, 1, 2, 3, 4, 5, 6, 7],
        ),
        (
            "two rules add up",
            Rules {
                last: Some(1),
                yearly: Some(2),
                ..Rules::default()
            },
            &[1, 7],
        ),
    ];
    for (name, rules, expected) in table {
        assert_eq!(kept(&rules, &all), expected, "{name}");
    }
}

#[test]
fn within_counts_from_the_newest_so_a_silent_dataset_keeps_its_past() {
    let all = two_a_day(&["2020-01-01", "2020-01-20", "2020-01-25"]);
    let within = |text: &str| Some(text.parse().unwrap());
    let rules = Rules {
        within: within("10d"),
        ..Rules::default()
    };
    assert_eq!(kept(&rules, &all), [2, 3, 4, 5]);
    let rules = Rules {
        within_daily: within("10d"),
        ..Rules::default()
    };
    assert_eq!(kept(&rules, &all), [3, 5]);
    let rules = Rules {
        within_yearly: within("1y"),
        ..Rules::default()
    };
    assert_eq!(kept(&rules, &all), [5]);
}

#[test]
fn tags_keep_where_all_of_a_list_match() {
    let mut all = two_a_day(&["2026-01-01", "2026-01-02"]);
    all[0].tags = vec!["trial".into(), "lock".into()];
    all[1].tags = vec!["trial".into()];
    let rules = Rules {
        keep_tags: vec!["trial, lock".parse().unwrap()],
        ..Rules::default()
    };
    assert_eq!(kept(&rules, &all), [0]);
    assert_eq!(reasons(&rules, &all, 0), ["tagged trial,lock"]);
}

#[test]
fn a_tag_misspelt_empties_no_group() {
    let all = two_a_day(&["2026-01-01"]);
    let rules = Rules {
        keep_tags: vec!["typo".parse().unwrap()],
        ..Rules::default()
    };
    let error = Case::default().plan(&rules, &all).unwrap_err();
    assert!(error.to_string().contains("pacs"), "{error}");
    let bound = Case {
        bounds: Bounds::BINDING,
        ..Case::default()
    };
    assert!(bound.plan(&rules, &all).is_err());
    let meant = Case {
        emptying: Emptying::Allowed,
        ..Case::default()
    };
    assert_eq!(meant.kept(&rules, &all), BTreeSet::new());
    let meant = Case {
        emptying: Emptying::Allowed,
        bounds: Bounds::BINDING,
        ..Case::default()
    };
    assert_eq!(meant.kept(&rules, &all), BTreeSet::from([1]));
}

#[test]
fn without_a_rule_nothing_is_forgotten() {
    let all = two_a_day(&["2026-01-01"]);
    for rules in [
        Rules::default(),
        Rules {
            last: Some(0),
            schedule: Some(Span::from_days(1)),
            ..Rules::default()
        },
    ] {
        let error = Case::default().plan(&rules, &all).unwrap_err();
        assert_eq!(error, RetentionError::NoRule);
    }
}

#[test]
fn every_reason_is_told() {
    let mut all = two_a_day(&["2026-06-29", "2026-06-30"]);
    all[3].holds = vec!["trial X".into()];
    let rules = Rules {
        last: Some(1),
        daily: Some(1),
        ..Rules::default()
    };
    assert_eq!(
        reasons(&rules, &all, 3),
        [
            "held: trial X",
            "among the last 1",
            "newest of day 2026-06-30"
        ]
    );
    let case = Case {
        bounds: Bounds::BINDING,
        ..Case::default()
    };
    let plan = case.plan(&rules, &all).unwrap();
    let (_, verdict) = &plan.groups[0].verdicts[3];
    let said = "younger than the floor of 30 days";
    assert!(matches!(verdict, Verdict::Keep(why) if why[0].to_string() == said));
}

#[test]
fn snapshots_not_yet_accepted_stay_and_count_for_nothing() {
    let mut all = two_a_day(&["2026-01-01", "2026-01-02"]);
    all[3].accepted = false;
    let rules = Rules {
        last: Some(1),
        ..Rules::default()
    };
    assert_eq!(kept(&rules, &all), [2, 3]);
    assert_eq!(reasons(&rules, &all, 3), ["not accepted yet"]);
}

#[test]
fn snapshots_first_seen_by_one_listing_are_counted_one_by_one() {
    let all = at_times(&["2026-01-01T00:00:00"; 3]);
    let rules = Rules {
        last: Some(1),
        ..Rules::default()
    };
    assert_eq!(kept(&rules, &all), [2]);
}

#[test]
fn groups_are_judged_each_on_its_own() {
    let mut all = two_a_day(&["2026-01-01", "2026-01-02"]);
    all[0].group = "plans";
    let rules = Rules {
        last: Some(1),
        ..Rules::default()
    };
    assert_eq!(kept(&rules, &all), [0, 3]);
}

#[test]
fn a_paused_group_forgets_nothing_and_says_why() {
    let all = two_a_day(&["2026-01-01", "2026-01-02"]);
    let alarm = Alarm {
        measure: crate::activity::Measure::Rate,
        at: at("2026-01-02T00:00:00"),
        value: 50,
        usual: 1,
    };
    let case = Case {
        paused: BTreeMap::from([("pacs", alarm)]),
        ..Case::default()
    };
    let rules = Rules {
        last: Some(1),
        ..Rules::default()
    };
    let plan = case.plan(&rules, &all).unwrap();
    assert_eq!(plan.forgotten().count(), 0);
    let (_, verdict) = &plan.groups[0].verdicts[3];
    let said = "forgetting is paused: 50 snapshots arrived on 2026-01-02, usual are 1";
    assert!(matches!(verdict, Verdict::Keep(why) if why[0].to_string() == said));
}

#[test]
fn a_person_forgets_what_he_names_but_holds_win() {
    let mut all = two_a_day(&["2026-01-01", "2026-01-02"]);
    all[0].holds = vec!["audit".into()];
    let plan = plan_named(&all, &BTreeSet::from([0, 1]), Emptying::Refused).unwrap();
    assert_eq!(plan.forgotten().collect::<Vec<_>>(), [&1]);
    let last = plan_named(&all[1..], &BTreeSet::from([1, 2, 3]), Emptying::Refused);
    assert_eq!(last.unwrap_err(), RetentionError::WouldEmpty("pacs"));
}

#[test]
fn counts_and_tags_that_are_none_are_refused() {
    assert_eq!(parse_count("7"), Ok(7));
    assert_eq!(parse_count("unlimited"), Ok(u32::MAX));
    for text in ["0", "-1", "", "seven", "99999999999"] {
        assert_eq!(parse_count(text), Err(RuleError::Count(text.into())));
    }
    assert!("a,,b".parse::<TagList>().is_err());
}

#[test]
fn a_clock_set_back_makes_nothing_old() {
    let all = two_a_day(&["2026-01-01", "2026-01-02"]);
    let case = Case {
        bounds: Bounds::BINDING,
        now: at("2025-01-01T00:00:00"),
        ..Case::default()
    };
    let rules = Rules {
        last: Some(1),
        ..Rules::default()
    };
    assert_eq!(case.kept(&rules, &all).len(), 4);
}

#[test]
fn fifty_junk_snapshots_in_a_night_take_one_slot() {
    let mut all: Vec<One> = (0..10)
        .map(|day| one(day, at(&format!("2026-01-{:02}T02:00:00", day + 1))))
        .collect();
    all.extend((0..50).map(|n| one(100 + n, at(&format!("2026-01-10T03:{n:02}:00")))));
    let rules = Rules {
        schedule: Some(Span::from_days(1)),
        last: Some(3),
        daily: Some(5),
        ..Rules::default()
    };
    let good: Vec<u32> = kept(&rules, &all)
        .into_iter()
        .filter(|id| *id < 100)
        .collect();
    assert_eq!(good, [5, 6, 7, 8, 9]);
}

const DAY: i64 = 86_400;

fn second(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_700_006_400 + seconds).unwrap()
}

prop_compose! {
    fn any_rules()(
        schedule in prop::option::of(prop_oneof![
            Just(Span::from_hours(1)), Just(Span::from_days(1)), Just(Span::from_days(7)),
        ]),
        counts in prop::collection::vec(prop::option::of(0u32..6), 7),
        spans in prop::collection::vec(prop::option::of((0u32..60).prop_map(Span::from_days)), 3),
        last in 1u32..4,
    ) -> Rules {
        Rules {
            schedule,
            last: Some(counts[0].unwrap_or(last).max(1)),
            hourly: counts[1],
            daily: counts[2],
            weekly: counts[3],
            monthly: counts[4],
            quarterly: counts[5],
            yearly: counts[6],
            within: spans[0],
            within_daily: spans[1],
            within_monthly: spans[2],
            ..Rules::default()
        }
    }
}

prop_compose! {
    fn any_snapshots()(
        times in prop::collection::vec((0..400 * DAY, 0u8..10), 1..40),
    ) -> Vec<One> {
        (0..).zip(times).map(|(id, (seconds, dice))| One {
            accepted: dice != 0,
            holds: if dice == 1 { vec!["trial".into()] } else { vec![] },
            ..one(id, second(seconds))
        }).collect()
    }
}

fn bound(now: i64) -> Case {
    Case {
        bounds: Bounds::BINDING,
        now: second(now),
        ..Case::default()
    }
}

/// The rules with one more of something.
fn more(rules: &Rules, which: usize) -> Rules {
    let mut more = rules.clone();
    let count = match which {
        0 => &mut more.last,
        1 => &mut more.hourly,
        2 => &mut more.daily,
        3 => &mut more.weekly,
        4 => &mut more.monthly,
        _ => &mut more.yearly,
    };
    *count = Some(count.unwrap_or(0) + 1);
    more
}

proptest! {
    #[test]
    fn a_rule_that_keeps_more_keeps_all_that_was_kept(
        rules in any_rules(), all in any_snapshots(), which in 0usize..6,
    ) {
        let case = bound(400 * DAY);
        let less = case.kept(&rules, &all);
        prop_assert!(case.kept(&more(&rules, which), &all).is_superset(&less));
    }

    #[test]
    fn held_young_and_newest_snapshots_are_never_forgotten(
        rules in any_rules(), all in any_snapshots(), now in 0..500 * DAY,
    ) {
        let kept = bound(now).kept(&rules, &all);
        let newest = all.iter().filter(|one| one.accepted).map(|one| one.arrival).max();
        for one in &all {
            let young = one.arrival > second(now - 30 * DAY);
            let is_newest = one.accepted && Some(one.arrival) == newest
                && !all.iter().any(|other| other.accepted && other.arrival == one.arrival
                    && other.id > one.id);
            if !one.holds.is_empty() || young || is_newest || !one.accepted {
                prop_assert!(kept.contains(&one.id), "{one:?}");
            }
        }
    }

    #[test]
    fn the_order_of_listing_changes_nothing(
        rules in any_rules(), all in any_snapshots(),
    ) {
        let mut turned = all.clone();
        turned.reverse();
        let case = bound(400 * DAY);
        prop_assert_eq!(case.plan(&rules, &all).unwrap(), case.plan(&rules, &turned).unwrap());
    }

    #[test]
    fn planning_again_after_forgetting_forgets_nothing_more(
        rules in any_rules(), all in any_snapshots(),
    ) {
        let case = bound(400 * DAY);
        let kept = case.kept(&rules, &all);
        let left: Vec<One> = all.into_iter().filter(|one| kept.contains(&one.id)).collect();
        prop_assert_eq!(case.kept(&rules, &left), kept);
    }

    #[test]
    fn junk_beside_good_snapshots_expires_nothing(
        rules in any_rules(),
        good in prop::collection::vec(0..400i64, 1..30),
        junk in prop::collection::vec((0usize..30, 0..DAY), 0..60),
        now in 0..500i64,
    ) {
        let rules = Rules { schedule: Some(Span::from_days(1)), ..rules };
        // Arrivals are listed before now: no keeper sees a snapshot before it arrives.
        let now = now.max(401) * DAY;
        let good: Vec<One> = (0..).zip(&good)
            .map(|(id, day)| one(id, second(day * DAY + 7_200))).collect();
        let mut all = good.clone();
        all.extend((1_000..).zip(&junk).map(|(id, (beside, offset))| {
            let day = good[beside % good.len()].arrival.as_second().div_euclid(DAY) * DAY;
            one(id, Timestamp::from_second(day + offset).unwrap())
        }));
        let case = bound(now);
        let without = case.kept(&rules, &good);
        prop_assert!(case.kept(&rules, &all).is_superset(&without));
    }

    #[test]
    fn a_flood_of_any_shape_expires_nothing_younger_than_the_floor(
        rules in any_rules(),
        good in prop::collection::vec(0..400i64, 1..30),
        junk in prop::collection::vec(0..400 * DAY, 0..120),
    ) {
        let now = 400 * DAY;
        let mut all: Vec<One> = (0..).zip(&good)
            .map(|(id, day)| one(id, second(day * DAY + 7_200))).collect();
        all.extend((1_000..).zip(&junk).map(|(id, seconds)| one(id, second(*seconds))));
        let kept = bound(now).kept(&rules, &all);
        for one in all.iter().filter(|one| one.arrival > second(now - 30 * DAY)) {
            prop_assert!(kept.contains(&one.id));
        }
    }

    #[test]
    fn a_flood_beyond_the_band_pauses_the_group_so_nothing_expires(
        rules in any_rules(),
        flood in 5u32..60,
        later in 1..400i64,
        offset in 0..DAY - 60,
    ) {
        let good: Vec<One> = (0..40u32)
            .map(|day| one(day, second(i64::from(day) * DAY + 7_200))).collect();
        let mut all = good.clone();
        all.extend((0..flood).map(|n| one(1_000 + n, second(40 * DAY + offset + i64::from(n)))));
        let arrivals: Vec<crate::activity::Arrival> = all.iter().map(|one| {
            crate::activity::Arrival { at: one.arrival, bytes: 1_000, new_bytes: 10 }
        }).collect();
        let band = crate::activity::Band::default();
        let alarm = crate::activity::alarm(&arrivals, None, &band);
        prop_assert!(alarm.is_some());
        let mut case = bound((41 + later) * DAY);
        case.paused.extend(alarm.map(|alarm| ("pacs", alarm)));
        prop_assert_eq!(case.kept(&rules, &all).len(), all.len());
    }
}
