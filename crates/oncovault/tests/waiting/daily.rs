//! Sixty days by themselves: a timer that calls `run --due`, and all that may come between.

use std::collections::BTreeSet;
use std::fs;
use std::process::Stdio;
use std::thread::sleep;
use std::time::Duration;

use serde_json::Value;

use crate::site::{DAY, HOUR, Site, noise};

const TICK: i64 = 6 * HOUR;

/// The original, the vault, a copy that is always there, and a drive that is there once a week.
const CONFIG: &str = r#"
[vault]
url = "vault"
medium = "server"

[policy]
copies = "4-3-1-1-0"
time-zone = "UTC"
tick = "6h"
retries = 1
retry-wait = "1s"
prune = "weekly on sun at 05:00"
retention = { daily = 7, weekly = 4 }

[[copy]]
name = "basement"
url = "basement"
medium = "nas"
site = "away"

[[copy]]
name = "drive"
url = "drive"
medium = "drive"
offline = true
max-age = "14d"

[[dataset]]
name = "records"
paths = ["records"]
rpo = "16h"

[[dataset]]
name = "images"
paths = ["images"]
schedule = "daily at 02:00"
rpo = "30h"
retention = { weekly = 6 }
"#;

/// What was done at some time after the beginning.
struct Done {
    at: i64,
    entry: Value,
}

impl Done {
    fn is(&self, task: &str, outcome: &str) -> bool {
        self.entry["task"] == task && self.entry["outcome"] == outcome
    }

    fn is_late(&self) -> bool {
        self.entry["over_rpo_seconds"].is_number()
    }
}

/// A clinic on which time passes.
struct Clinic {
    site: Site,
    now: i64,
    done: Vec<Done>,
    /// When it was said that a dataset is too old.
    warned: Vec<i64>,
}

/// What `status` says.
struct Standing {
    exit: i32,
    document: Value,
}

impl Standing {
    /// All that is short, with what to do.
    fn short(&self) -> Vec<String> {
        let worries = self.document["worries"].as_array().unwrap().iter();
        let short = worries.filter(|worry| worry["level"] == "short");
        short
            .map(|worry| {
                let text = |key: &str| worry[key].as_str().unwrap();
                format!("{} {}: {}", text("about"), text("what"), text("advice"))
            })
            .collect()
    }

    #[track_caller]
    fn is_well(&self) {
        assert_eq!((self.exit, self.short()), (0, Vec::new()));
    }

    /// Ends with 21, and says so of all these.
    #[track_caller]
    fn is_short_of(&self, parts: &[&str]) {
        let short = self.short();
        assert_eq!(self.exit, 21, "{short:?}");
        for part in parts {
            assert!(
                short.iter().any(|line| line.contains(part)),
                "no {part:?} in {short:?}"
            );
        }
    }
}

impl Clinic {
    fn new() -> Self {
        let site = Site::of_one();
        site.write("owner.toml", CONFIG.as_bytes());
        let mut clinic = Self {
            site,
            now: 0,
            done: Vec::new(),
            warned: Vec::new(),
        };
        clinic.work();
        clinic.run();
        for place in ["basement", "drive"] {
            clinic.site.ok("owner", &["copy", "--to", place]);
        }
        clinic.run();
        clinic.move_away("drive");
        clinic
    }

    /// People work: a file changes, and images are added.
    fn work(&self) {
        let (hour, day) = (self.now / HOUR, self.now / DAY);
        let seed = |number: i64| u64::try_from(number).unwrap();
        self.site.write("records/today", &noise(seed(hour), 30_000));
        let image = format!("images/{day}");
        if !self.site.path(&image).exists() {
            self.site.write(&image, &noise(seed(day + 10_000), 30_000));
        }
    }

    /// The timer calls.
    fn run(&mut self) {
        let (_, document, said) = self.site.configured("owner", &["run", "--due"]);
        if said.contains("the newest snapshot of dataset") {
            self.warned.push(self.now);
        }
        let tasks = document["tasks"].as_array().unwrap().iter().cloned();
        let at = self.now;
        self.done.extend(tasks.map(|entry| Done { at, entry }));
    }

    /// The machine is on, and the timer ticks, until so many days and hours after the beginning.
    fn go_on_until(&mut self, day: i64, hour: i64) {
        while self.now < day * DAY + hour * HOUR {
            self.pass(TICK);
            self.work();
            // The drive is there on every seventh day, as long as somebody thinks of it.
            let plugged_in = self.now / DAY % 7 == 6 && self.now < 42 * DAY;
            match plugged_in {
                true => self.bring_back("drive"),
                false => self.move_away("drive"),
            }
            self.run();
        }
    }

    /// Time passes, and nothing happens.
    fn pass(&mut self, seconds: i64) {
        self.site.wait(seconds);
        self.now += seconds;
    }

    fn move_away(&self, place: &str) {
        let there = self.site.path(place);
        if there.exists() {
            fs::rename(there, self.site.path(&format!("{place}, away"))).unwrap();
        }
    }

    fn bring_back(&self, place: &str) {
        let away = self.site.path(&format!("{place}, away"));
        if away.exists() {
            fs::rename(away, self.site.path(place)).unwrap();
        }
    }

    fn standing(&self) -> Standing {
        let (exit, document, _) = self.site.configured("owner", &["status"]);
        Standing { exit, document }
    }

    /// The days on which a run ended late.
    fn late(&self) -> BTreeSet<i64> {
        let late = self.done.iter().filter(|done| done.is_late());
        late.map(|done| done.at / DAY).collect()
    }

    /// What ended so of a task, in some days.
    fn count(&self, task: &str, outcome: &str, days: std::ops::Range<i64>) -> usize {
        let within = |done: &&Done| days.contains(&(done.at / DAY));
        let found = self.done.iter().filter(within);
        found.filter(|done| done.is(task, outcome)).count()
    }
}

/// One simulation, many promises.
#[test]
fn sixty_days_go_as_the_configuration_says() {
    let mut clinic = Clinic::new();
    an_ordinary_week(&mut clinic);
    the_vault_is_away_for_some_hours(&mut clinic);
    the_machine_is_off_for_days(&mut clinic);
    a_copy_is_deleted_and_made_anew(&mut clinic);
    a_drive_is_away_too_long(&mut clinic);
    nothing_else_was_late(&clinic);
    upkeep_was_done_in_its_time(&clinic);
    old_snapshots_went_as_told(&clinic);
    every_place_is_whole(&clinic);
}

fn an_ordinary_week(clinic: &mut Clinic) {
    clinic.go_on_until(10, 2);
    clinic.standing().is_well();
    assert_eq!(clinic.warned, Vec::<i64>::new());
    // Brought up to date after every run, and the drive whenever it was there.
    let stored = clinic.count("dataset:records", "done", 1..10);
    assert!((17..=30).contains(&stored), "{stored}");
    let copied = clinic.count("copy:basement", "done", 1..10);
    assert!((17..=stored + 12).contains(&copied), "{copied}");
    assert!(clinic.count("copy:drive", "done", 6..7) > 0);
    assert_eq!(clinic.count("copy:drive", "failed", 0..10), 0);
    // That it is away is written down once.
    assert_eq!(clinic.count("copy:drive", "away", 1..6), 0);
}

fn the_vault_is_away_for_some_hours(clinic: &mut Clinic) {
    clinic.move_away("vault");
    clinic.go_on_until(10, 18);
    let tried = clinic.count("dataset:records", "failed", 10..11);
    assert!(tried >= 2, "{tried}");
    let standing = clinic.standing();
    standing.is_short_of(&[
        "vault holds no complete snapshot",
        "records newest snapshot is",
    ]);
    clinic.bring_back("vault");
    clinic.go_on_until(11, 0);
    clinic.standing().is_well();
    // Late, in the end, until the first run after it.
    assert!(clinic.late().contains(&11), "{:?}", clinic.late());
    assert!(clinic.warned.iter().any(|at| at / DAY == 11));
}

fn the_machine_is_off_for_days(clinic: &mut Clinic) {
    clinic.go_on_until(20, 0);
    clinic.pass(3 * DAY + 9 * HOUR);
    clinic
        .standing()
        .is_short_of(&["records newest snapshot is", "run `oncovault run records`"]);
    let before = clinic.done.len();
    clinic.work();
    clinic.run();
    for dataset in ["dataset:records", "dataset:images"] {
        let caught_up = clinic.done[before..].iter();
        let caught_up: Vec<&Done> = caught_up.filter(|done| done.is(dataset, "done")).collect();
        assert_eq!(caught_up.len(), 1, "{dataset}");
        assert!(caught_up[0].is_late());
    }
    assert_eq!(clinic.warned.last(), Some(&clinic.now));
    clinic.standing().is_well();
    // Once for all that was missed.
    clinic.pass(60);
    let before = clinic.done.len();
    clinic.run();
    let again = clinic.done[before..].iter().map(|done| &done.entry["task"]);
    let again: Vec<&Value> = again.filter(|task| *task != "accept").collect();
    assert_eq!(again, Vec::<&Value>::new());
}

fn a_copy_is_deleted_and_made_anew(clinic: &mut Clinic) {
    clinic.go_on_until(30, 0);
    clinic.standing().is_well();
    fs::remove_dir_all(clinic.site.path("basement")).unwrap();
    let gone = [
        "basement holds no complete snapshot",
        "connect basement and bring it up to date: `oncovault copy --to`",
        "3 of 4 copies",
        "0 of 1 copies at another site",
    ];
    clinic.standing().is_short_of(&gone);
    // A copy is never made where there is none: it may be a drive that is not mounted.
    clinic.go_on_until(33, 0);
    assert!(!clinic.site.path("basement").exists());
    assert!(clinic.count("copy:basement", "failed", 30..33) > 0);
    clinic.standing().is_short_of(&gone);
    clinic.site.ok("owner", &["copy", "--to", "basement"]);
    clinic.go_on_until(35, 0);
    clinic.standing().is_well();
}

fn a_drive_is_away_too_long(clinic: &mut Clinic) {
    clinic.go_on_until(50, 0);
    clinic.standing().is_well();
    clinic.go_on_until(57, 0);
    let behind = [
        "drive holds nothing newer than",
        "connect drive and bring it up to date",
        "0 of 1 copies that are offline or cannot be destroyed from here",
    ];
    clinic.standing().is_short_of(&behind);
    clinic.bring_back("drive");
    clinic.pass(TICK);
    clinic.run();
    clinic.standing().is_well();
    clinic.go_on_until(60, 0);
    clinic.standing().is_well();
}

/// The RPO holds but where it cannot.
fn nothing_else_was_late(clinic: &Clinic) {
    let warned: BTreeSet<i64> = clinic.warned.iter().map(|at| at / DAY).collect();
    for mut days in [clinic.late(), warned] {
        // The day on which the vault went away: late in the evening, if at all.
        days.remove(&10);
        assert_eq!(days, BTreeSet::from([11, 23]));
    }
    let failed = clinic.done.iter().filter(|done| {
        let place = ["copy:basement", "check:basement"].map(Value::from);
        done.entry["outcome"] == "failed" && !place.contains(&done.entry["task"])
    });
    let days: BTreeSet<i64> = failed.map(|done| done.at / DAY).collect();
    assert_eq!(days, BTreeSet::from([10]));
}

fn upkeep_was_done_in_its_time(clinic: &Clinic) {
    let all = |task: &str| clinic.count(task, "done", 0..61);
    for (task, days) in [
        ("check", 54..=62),
        ("check:basement", 50..=60),
        ("check:drive", 5..=14),
        ("forget", 54..=62),
        ("prune", 8..=10),
        ("dataset:images", 56..=64),
    ] {
        assert!(days.contains(&all(task)), "{task}: {}", all(task));
    }
}

fn old_snapshots_went_as_told(clinic: &Clinic) {
    let document = clinic.site.json("owner", &["snapshots"]);
    let listed = document["snapshots"].as_array().unwrap();
    let days = |dataset: &str| -> Vec<String> {
        let of_it = listed.iter().filter(|one| one["dataset"] == dataset);
        let times = of_it.map(|one| one["time"].as_str().unwrap()[..10].to_owned());
        times.collect()
    };
    let records = days("records");
    let apart: BTreeSet<&String> = records.iter().collect();
    // Seven days and four weeks, some of which are the same, and those since the last forgetting.
    assert!((9..=12).contains(&apart.len()), "{records:?}");
    assert!(records.len() <= apart.len() + 6, "{records:?}");
    // Six weeks, by its own rules, and those since the last forgetting.
    let images = days("images");
    assert!((6..=8).contains(&images.len()), "{images:?}");
    // What they alone needed was freed.
    let stored = clinic.count("dataset:records", "done", 0..61);
    let packs = crate::site::files(&clinic.site.path("vault/pack")).len();
    assert!(packs < stored, "{packs} packs after {stored} runs");
}

fn every_place_is_whole(clinic: &Clinic) {
    for place in ["vault", "basement", "drive, away"] {
        let mut command = clinic.site.command_at("owner", place, "another machine");
        command.args(["check", "--read-data", "--with-keys"]);
        let output = command.output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{place}: {output:?}");
    }
    let mut command = clinic
        .site
        .command_at("owner", "basement", "another machine");
    command.args(["restore", "latest", "--dataset", "images", "--to", "back"]);
    assert_eq!(command.output().unwrap().status.code(), Some(0));
    let originals = clinic.site.path("images");
    let back = clinic.site.path("back");
    let back = back.join(originals.strip_prefix("/").unwrap());
    for file in crate::site::files(&back) {
        let original = originals.join(file.strip_prefix(&back).unwrap());
        assert!(fs::read(&file).unwrap() == fs::read(original).unwrap());
    }
    assert!(crate::site::files(&back).len() > 50);
}

#[test]
fn a_run_that_was_stopped_goes_on_with_what_it_had_stored() {
    let site = Site::of_one();
    let config = CONFIG.split("[[copy]]").next().unwrap();
    let dataset = "[[dataset]]\nname = \"big\"\npaths = [\"big\"]\nrpo = \"1d\"\n";
    site.write("owner.toml", format!("{config}{dataset}").as_bytes());
    let size = 64_000_000;
    for n in 0..64 {
        site.write(&format!("big/{n}"), &noise(n, size / 64));
    }
    let mut run = site.command("owner");
    run.args(["--config", "owner.toml", "run", "--due"]);
    run.stdout(Stdio::null()).stderr(Stdio::null());
    let mut run = run.spawn().unwrap();
    let packs = site.path("vault/pack");
    while !packs.exists() || crate::site::files(&packs).is_empty() {
        assert!(run.try_wait().unwrap().is_none(), "it was too quick");
        sleep(Duration::from_millis(2));
    }
    let run_id = rustix::process::Pid::from_child(&run);
    rustix::process::kill_process(run_id, rustix::process::Signal::INT).unwrap();
    assert_eq!(run.wait().unwrap().code(), Some(130));

    site.wait(10 * 60);
    let (exit, document, _) = site.configured("owner", &["run", "--due"]);
    let again = &document["tasks"][0];
    assert_eq!((exit, &again["outcome"]), (0, &Value::from("done")));
    let stored = again["measures"]["bytes_stored"].as_u64().unwrap();
    assert!(stored < 64_000_000, "{stored}");
    site.ok("owner", &["check", "--read-data", "--with-keys"]);
}
