use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::rc::Rc;

use jiff::SignedDuration;
use jiff::tz::TimeZone;
use ov_policy::retention::{self, Candidate, Terms};
use ov_policy::{Bounds, Emptying};

use super::*;
use crate::config::Retention;

const HOUR: i64 = 3_600;
const DAY: i64 = 24 * HOUR;

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn plus(moment: Timestamp, seconds: i64) -> Timestamp {
    moment + SignedDuration::from_secs(seconds)
}

fn config(text: &str) -> Config {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("oncovault.toml");
    fs::write(&file, format!("[vault]\nurl = \"/srv/vault\"\n{text}")).unwrap();
    Config::read(&file).unwrap()
}

/// How a task ends at a moment: an exit code.
type Fate = fn(&Task, Timestamp) -> u8;

/// A world in which time passes only by work and by waiting.
struct World {
    now: Timestamp,
    fate: Fate,
    retention: Option<Retention>,
    /// What was carried out: when, and how it ended.
    work: Vec<(Task, Timestamp, u8)>,
    /// The snapshots of each dataset that are kept.
    kept: BTreeMap<Name, Vec<Timestamp>>,
    /// How far each copy is.
    copied: BTreeMap<Name, Timestamp>,
    hooks: Vec<String>,
    interrupted_from: Option<Timestamp>,
}

/// Both sides of one world.
#[derive(Clone)]
struct Shared(Rc<RefCell<World>>);

impl Shared {
    fn new(now: Timestamp, fate: Fate) -> Self {
        Self(Rc::new(RefCell::new(World {
            now,
            fate,
            retention: None,
            work: Vec::new(),
            kept: BTreeMap::new(),
            copied: BTreeMap::new(),
            hooks: Vec::new(),
            interrupted_from: None,
        })))
    }
}

fn task_of(job: &Job<'_>) -> Task {
    match job {
        Job::Backup(dataset) => Task::Dataset(dataset.name.value().clone()),
        Job::Copy(copy) => Task::Copy(copy.name.value().clone()),
        Job::Accept => Task::Accept,
        Job::Forget => Task::Forget,
        Job::Prune => Task::Prune,
        Job::Lock => Task::Lock,
        Job::Check { .. } => Task::Check,
        Job::CheckCopy { place, .. } => Task::CheckCopy(place.name.value().clone()),
    }
}

impl Jobs for Shared {
    fn can(&self, _: &Task) -> bool {
        true
    }

    fn carry_out(&mut self, job: &Job<'_>) -> Ended {
        let mut world = self.0.borrow_mut();
        let (task, start) = (task_of(job), world.now);
        let exit = (world.fate)(&task, start);
        world.now = plus(start, if exit == 0 { 600 } else { 20 });
        world.work.push((task, start, exit));
        if exit == 0 {
            world.done(job, start);
        }
        Ended {
            exit,
            measures: Measures::default(),
        }
    }

    fn interrupted(&self) -> bool {
        let world = self.0.borrow();
        world.interrupted_from.is_some_and(|from| world.now >= from)
    }
}

impl World {
    fn done(&mut self, job: &Job<'_>, start: Timestamp) {
        match job {
            Job::Backup(dataset) => {
                let kept = self.kept.entry(dataset.name.value().clone());
                kept.or_default().push(start);
            }
            Job::Copy(copy) => {
                self.copied.insert(copy.name.value().clone(), start);
            }
            Job::Forget => self.forget(),
            _ => {}
        }
    }

    /// With the real decision.
    fn forget(&mut self) {
        let Some(retention) = &self.retention else {
            return;
        };
        for kept in self.kept.values_mut() {
            let candidate = |start: &Timestamp| Candidate {
                id: *start,
                arrival: *start,
                group: String::new(),
                accepted: true,
                holds: Vec::new(),
                tags: Vec::new(),
            };
            let candidates: Vec<_> = kept.iter().map(candidate).collect();
            let terms = Terms {
                rules: &retention.rules(),
                bounds: Bounds::OWNER,
                now: self.now,
                zone: &TimeZone::UTC,
                paused: &BTreeMap::new(),
                emptying: Emptying::Refused,
            };
            let plan = retention::plan(&candidates, &terms).unwrap();
            let stay: BTreeSet<Timestamp> = plan.kept().copied().collect();
            kept.retain(|start| stay.contains(start));
        }
    }
}

impl Machine for Shared {
    fn now(&self) -> Timestamp {
        self.0.borrow().now
    }

    fn wait(&mut self, time: Duration) {
        let mut world = self.0.borrow_mut();
        world.now = plus(world.now, i64::try_from(time.as_secs()).unwrap());
    }

    fn hook(&mut self, hook: &Hook, told: &[(&str, String)]) -> Result<(), HookError> {
        let exit = told.iter().find(|(name, _)| *name == "OV_EXIT");
        let exit = exit.map_or("-", |(_, exit)| exit);
        let line = format!("{} {exit}", hook.run.join(" "));
        self.0.borrow_mut().hooks.push(line);
        match hook.run.first().is_some_and(|program| program == "false") {
            true => Err(HookError::Nothing),
            false => Ok(()),
        }
    }
}

/// Writes down what it is told.
#[derive(Default)]
struct Told(Vec<String>);

impl Observer for Told {
    fn event(&mut self, event: &Event<'_>) {
        self.0.push(match event {
            Event::Started { task, why } => format!("started {task} {why:?}"),
            Event::Busy { task } => format!("busy {task}"),
            Event::Retrying { task, exit, wait } => format!("retrying {task} {exit} {wait}"),
            Event::HookFailed { task, point, .. } => format!("hook {task} {}", point.as_str()),
            Event::RpoMissed { dataset, .. } => format!("rpo {dataset}"),
            Event::Ended { entry, .. } => format!("ended {} {:?}", entry.task, entry.outcome),
        });
    }
}

fn run(
    config: &Config,
    world: &Shared,
    folder: &Path,
    which: &Which,
) -> Result<(RunReport, Vec<String>), RunError> {
    run_knowing(config, world, &mut History::open(folder).unwrap(), which)
}

fn run_knowing(
    config: &Config,
    world: &Shared,
    history: &mut History,
    which: &Which,
) -> Result<(RunReport, Vec<String>), RunError> {
    let (mut jobs, mut machine, mut told) = (world.clone(), world.clone(), Told::default());
    let mut runner = Runner {
        config,
        host: "planning-pc",
        history,
        jobs: &mut jobs,
        machine: &mut machine,
        observer: &mut told,
    };
    let report = runner.run(which)?;
    Ok((report, told.0))
}

const SITE: &str = r#"
[policy]
time-zone = "Europe/Berlin"
prune = "weekly on sun at 05:00"
retention = { daily = 7, weekly = 4 }

[[copy]]
name = "basement"
url = "/mnt/basement"

[[copy]]
name = "drive"
url = "/mnt/drive"
offline = true

[[dataset]]
name = "records"
paths = ["/srv/records"]
rpo = "4h"

[[dataset]]
name = "images"
paths = ["/srv/images"]
schedule = "daily at 02:00"
rpo = "26h"
"#;

/// The first of the sixty days.
fn first_day() -> Timestamp {
    at("2026-03-01T00:00:00Z")
}

fn day(number: i64) -> Timestamp {
    plus(first_day(), number * DAY)
}

/// When the machine that was off is on again.
fn back() -> Timestamp {
    plus(day(23), 9 * HOUR)
}

fn is_called(task: &Task, name: &str) -> bool {
    let (Task::Dataset(found) | Task::Copy(found) | Task::CheckCopy(found)) = task else {
        return false;
    };
    found.as_str() == name
}

/// The target of `records` cannot be reached for eight hours of day 10; the basement is gone from
/// day 30 to 40; the drive is plugged in on every seventh day for four hours.
fn site(task: &Task, now: Timestamp) -> u8 {
    let unreachable = plus(day(10), 6 * HOUR)..plus(day(10), 14 * HOUR);
    let since = now.duration_since(first_day()).as_secs();
    let plugged_in = (since / DAY) % 7 == 6 && since % DAY < 4 * HOUR;
    match task {
        task if is_called(task, "records") && unreachable.contains(&now) => 11,
        task if is_called(task, "basement") && (day(30)..day(40)).contains(&now) => 10,
        task if is_called(task, "drive") && !plugged_in => 10,
        _ => 0,
    }
}

/// Sixty days, the timer ticking every quarter of an hour, the machine off from day 20 to the
/// morning of day 23.
fn sixty_days(folder: &Path) -> (Shared, Vec<(Timestamp, String)>) {
    let config = config(SITE);
    let world = Shared::new(first_day(), site);
    world.0.borrow_mut().retention = config.policy.retention.clone();
    let mut told = Vec::new();
    let mut history = History::open(folder).unwrap();
    while world.now() < day(60) {
        let now = world.now();
        if (day(20)..back()).contains(&now) {
            world.0.borrow_mut().now = back();
            continue;
        }
        let (_, events) = run_knowing(&config, &world, &mut history, &Which::Due).unwrap();
        told.extend(events.into_iter().map(|event| (now, event)));
        let mut clock = world.clone();
        clock.wait(Duration::from_secs(900));
    }
    (world, told)
}

/// One simulation, many promises.
#[test]
fn sixty_days_go_as_the_policy_says() {
    let folder = tempfile::tempdir().unwrap();
    let (world, told) = sixty_days(folder.path());
    let history = History::open(folder.path()).unwrap();
    let world = world.0.borrow();
    rpo_holds_but_where_it_cannot(&history, &told);
    missed_runs_are_caught_up_once(&world);
    failures_are_tried_again_and_again_but_not_without_end(&world);
    copies_follow_and_catch_up(&world, &history);
    old_snapshots_go_as_told(&world);
    upkeep_is_done_in_its_time(&world);
}

fn rpo_holds_but_where_it_cannot(history: &History, told: &[(Timestamp, String)]) {
    let late: Vec<(&Task, Timestamp)> = history
        .entries()
        .iter()
        .filter(|entry| entry.over_rpo_seconds.is_some() && entry.outcome.is_good())
        .map(|entry| (&entry.task, entry.start))
        .collect();
    let [(records, outage), (_, first_back), (_, second_back)] = late[..] else {
        panic!("three late runs were due to outages: {late:?}");
    };
    assert_eq!(records.to_string(), "dataset:records");
    assert!((day(10)..day(11)).contains(&outage));
    for late in [first_back, second_back] {
        assert!((back()..plus(back(), HOUR)).contains(&late));
    }
    // And it was said while it lasted, never else.
    let missed = told.iter().filter(|(_, event)| event.starts_with("rpo"));
    let days: BTreeSet<i64> = missed
        .map(|(at, _)| at.duration_since(first_day()).as_secs() / DAY)
        .collect();
    assert_eq!(days, BTreeSet::from([10, 23]));
}

fn missed_runs_are_caught_up_once(world: &World) {
    for name in ["records", "images"] {
        let back = back()..plus(back(), 90 * 60);
        let runs = world.work.iter().filter(|(task, start, _)| {
            is_called(task, name) && matches!(task, Task::Dataset(_)) && back.contains(start)
        });
        assert_eq!(runs.count(), 1, "{name}");
    }
    let images = world
        .work
        .iter()
        .filter(|(task, ..)| is_called(task, "images"))
        .count();
    // One at once, one for each night, none for three nights but the one that caught up, and one
    // when its RPO came just before its hour.
    assert!((57..=60).contains(&images), "{images}");
}

fn failures_are_tried_again_and_again_but_not_without_end(world: &World) {
    let outage: Vec<Timestamp> = world
        .work
        .iter()
        .filter(|(task, _, exit)| is_called(task, "records") && *exit == 11)
        .map(|(_, start, _)| *start)
        .collect();
    // Three tries each time, and waits that grow to an eighth of the RPO.
    assert!((20..70).contains(&outage.len()), "{}", outage.len());
    let well = plus(day(10), 14 * HOUR);
    let again = world
        .work
        .iter()
        .find(|(task, start, exit)| is_called(task, "records") && *start >= well && *exit == 0);
    assert!(again.unwrap().1 < plus(well, HOUR + 900));
}

fn copies_follow_and_catch_up(world: &World, history: &History) {
    let newest = |name: &str| world.copied[&name.parse::<Name>().unwrap()];
    assert!(newest("basement") > plus(day(60), -6 * HOUR));
    assert!(newest("drive") >= day(55));
    let copies = |name: &str, outcome: Outcome| {
        let task = Task::Copy(name.parse().unwrap());
        let ended: Vec<_> = history.of(&task).cloned().collect();
        ended
            .into_iter()
            .filter(move |entry| entry.outcome == outcome)
    };
    // The basement is expected to be there: its absence is a failure, tried with long waits.
    let failed = copies("basement", Outcome::Failed).count();
    assert!((35..60).contains(&failed), "{failed}");
    let back = copies("basement", Outcome::Done).find(|entry| entry.start >= day(40));
    assert!(back.unwrap().start < plus(day(40), 7 * HOUR));
    // The drive is not: its absence is written down once each time, and is no failure.
    assert_eq!(copies("drive", Outcome::Failed).count(), 0);
    let away = copies("drive", Outcome::Away).count();
    assert!((8..=10).contains(&away), "{away}");
}

fn old_snapshots_go_as_told(world: &World) {
    let records = &world.kept[&"records".parse::<Name>().unwrap()];
    let days: BTreeSet<_> = records
        .iter()
        .map(|at| at.to_zoned(TimeZone::UTC).date())
        .collect();
    let old = records.iter().filter(|start| **start < day(52)).count();
    // Seven days and four weeks, some of which are the same, and those since the last forgetting.
    assert!((9..=11).contains(&days.len()), "{days:?}");
    assert!((2..=3).contains(&old), "{old}");
}

fn upkeep_is_done_in_its_time(world: &World) {
    let count = |wanted: Task| {
        world
            .work
            .iter()
            .filter(|(task, ..)| *task == wanted)
            .count()
    };
    assert!(
        (9..=10).contains(&count(Task::Prune)),
        "{}",
        count(Task::Prune)
    );
    assert!(
        (57..=59).contains(&count(Task::Check)),
        "{}",
        count(Task::Check)
    );
    assert!(
        (57..=59).contains(&count(Task::Forget)),
        "{}",
        count(Task::Forget)
    );
}

const HOOKED: &str = r#"
[[dataset]]
name = "plans"
paths = ["/srv/plans"]
hooks.before = [{ run = ["freeze"] }]
hooks.after = [{ run = ["good"] }]
hooks.failed = [{ run = ["bad"] }]
hooks.finally = [{ run = ["thaw"] }]
"#;

fn plans() -> Which {
    Which::Named(vec!["plans".parse().unwrap()])
}

/// Runs `plans` once; tells the report, the hooks and the events.
fn once(text: &str, fate: Fate) -> (RunReport, Vec<String>, Vec<String>) {
    let folder = tempfile::tempdir().unwrap();
    let world = Shared::new(first_day(), fate);
    let (report, told) = run(&config(text), &world, folder.path(), &plans()).unwrap();
    let hooks = world.0.borrow().hooks.clone();
    (report, hooks, told)
}

#[test]
fn hooks_stand_around_a_backup_and_know_how_it_ended() {
    let (report, hooks, _) = once(HOOKED, |_, _| 0);
    assert_eq!(hooks, ["freeze -", "good 0", "thaw 0"]);
    assert_eq!(report.exit(), 0);
    let (report, hooks, _) = once(HOOKED, |task, _| match task {
        Task::Dataset(_) => 12,
        _ => 0,
    });
    assert_eq!(hooks, ["freeze -", "bad 12", "thaw 12"]);
    assert_eq!(report.exit(), 12);
}

#[test]
fn without_its_first_hook_there_is_no_backup() {
    let text = HOOKED.replace("freeze", "false");
    let (report, hooks, told) = once(&text, |_, _| 0);
    assert_eq!(hooks, ["false -", "bad 1", "thaw 1"]);
    assert_eq!(report.exit(), 1);
    assert_eq!(report.done[0].attempts, 0);
    assert!(
        told.contains(&"hook dataset:plans before".to_owned()),
        "{told:?}"
    );
}

#[test]
fn a_hook_that_fails_afterwards_shows_in_the_exit_code_and_costs_no_snapshot() {
    let (report, _, _) = once(&HOOKED.replace("thaw", "false"), |_, _| 0);
    assert_eq!(report.done[0].outcome, Outcome::Done);
    assert_eq!(report.exit(), 1);
}

#[test]
fn what_may_pass_is_tried_again_and_what_will_not_is_not() {
    let (report, _, told) = once(HOOKED, |task, _| match task {
        Task::Dataset(_) => 11,
        _ => 0,
    });
    assert_eq!((report.done[0].attempts, report.exit()), (3, 11));
    let tries = told.iter().filter(|event| event.starts_with("retrying"));
    assert_eq!(tries.count(), 2);
    let (report, _, _) = once(HOOKED, |_, _| 30);
    assert_eq!((report.done[0].attempts, report.exit()), (1, 30));
}

#[test]
fn what_could_not_be_read_is_told_and_is_a_snapshot_all_the_same() {
    let (report, hooks, _) = once(HOOKED, |task, _| match task {
        Task::Dataset(_) => 3,
        _ => 0,
    });
    assert_eq!(hooks, ["freeze -", "good 3", "thaw 3"]);
    assert_eq!(report.exit(), 3);
    assert_eq!(report.done[0].outcome, Outcome::Gaps);
}

#[test]
fn another_run_of_the_same_dataset_is_waited_for_by_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let world = Shared::new(first_day(), |_, _| 0);
    let lock = TaskLock::take(folder.path(), &"dataset:plans".parse().unwrap()).unwrap();
    let config = config(HOOKED);
    let (report, told) = run(&config, &world, folder.path(), &plans()).unwrap();
    assert_eq!(report.exit(), 11);
    assert!(told.contains(&"busy dataset:plans".to_owned()), "{told:?}");
    drop(lock);
    let (report, _) = run(&config, &world, folder.path(), &plans()).unwrap();
    assert_eq!(report.exit(), 0);
}

#[test]
fn an_unknown_dataset_is_refused_before_anything_is_done() {
    let folder = tempfile::tempdir().unwrap();
    let world = Shared::new(first_day(), |_, _| 0);
    let which = Which::Named(vec!["plans".parse().unwrap(), "plane".parse().unwrap()]);
    let error = run(&config(HOOKED), &world, folder.path(), &which).unwrap_err();
    assert!(
        error.to_string().contains("no dataset plane; it has plans"),
        "{error}"
    );
    assert!(world.0.borrow().work.is_empty());
}

#[test]
fn an_interruption_ends_the_waiting_and_the_rest() {
    let folder = tempfile::tempdir().unwrap();
    let world = Shared::new(first_day(), |task, _| match task {
        Task::Dataset(_) => 11,
        _ => 0,
    });
    world.0.borrow_mut().interrupted_from = Some(plus(first_day(), 30));
    let (report, _) = run(&config(HOOKED), &world, folder.path(), &plans()).unwrap();
    assert_eq!(report.exit(), 130);
    assert_eq!(report.done.len(), 1);
    assert_eq!(report.done[0].outcome, Outcome::Interrupted);
    assert!(world.now() < plus(first_day(), 40));
    // What a hook must undo is undone.
    assert!(world.0.borrow().hooks.contains(&"thaw 130".to_owned()));
}

#[test]
fn by_hand_a_dataset_without_a_schedule_is_backed_up_and_copied() {
    let text = format!("{HOOKED}\n[[copy]]\nname = \"nas\"\nurl = \"/mnt/nas\"\n");
    let (report, _, _) = once(&text, |_, _| 0);
    let tasks: Vec<String> = report
        .done
        .iter()
        .map(|entry| entry.task.to_string())
        .collect();
    assert_eq!(
        tasks,
        [
            "dataset:plans",
            "accept",
            "copy:nas",
            "prune",
            "check",
            "check:nas"
        ]
    );
}
