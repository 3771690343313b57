//! Killed before each call by which it changes a disk: whatever is listed afterwards is whole, and
//! the same command again does its work.
//!
//! `strace` counts the calls of each thread by itself. So each kind of call is tried once with the
//! first thread alone under it, at each of its calls, and once with all threads, at each number that
//! any other thread reaches. `ONCOVAULT_TEST_SYSCALLS` says how many points are tried for each verb,
//! spread evenly; `all` tries all, three unless told otherwise.

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::site::{Site, copy, noise, same};

/// What makes, fills, names, syncs or removes files.
const CALLS: [&str; 17] = [
    "write",
    "pwrite64",
    "writev",
    "ftruncate",
    "fallocate",
    "fsync",
    "fdatasync",
    "link",
    "linkat",
    "rename",
    "renameat",
    "renameat2",
    "unlink",
    "unlinkat",
    "rmdir",
    "mkdir",
    "mkdirat",
];

/// Whose calls are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Threads {
    First,
    All,
}

/// Before which call the program dies.
#[derive(Clone, Debug)]
struct Point {
    threads: Threads,
    call: String,
    number: u64,
}

/// A vault with local state, as it was before the command that is killed.
struct Scene {
    site: Site,
    data: PathBuf,
}

impl Scene {
    /// Two snapshots that share a part; the folder has changed since. Each file has chunks of its
    /// own, so that a prune moves some and deletes others.
    fn new() -> Self {
        let site = Site::new();
        let data = site.path("data");
        std::fs::create_dir(&data).unwrap();
        let scene = Self { site, data };
        for round in 0..3u64 {
            for n in 0..3 {
                let name = format!("{}-{n}", round);
                std::fs::write(scene.data.join(name), noise(round * 10 + n, 300_000)).unwrap();
            }
            if round < 2 {
                scene.site.ok(&["backup", scene.data.to_str().unwrap()]);
                std::fs::remove_file(scene.data.join(format!("{round}-0"))).unwrap();
            }
        }
        scene
    }

    /// What a command changes: the vault, the local state, the copy.
    fn changing(&self) -> [PathBuf; 3] {
        ["vault", "machine", "second"].map(|name| self.site.path(name))
    }

    fn keep(&self) {
        let kept = self.site.path("kept");
        std::fs::create_dir(&kept).unwrap();
        for place in self.changing().iter().filter(|place| place.exists()) {
            copy(place, &kept);
        }
    }

    fn set_back(&self) {
        for place in self.changing() {
            if place.exists() {
                std::fs::remove_dir_all(&place).unwrap();
            }
            let kept = self.site.path("kept").join(place.file_name().unwrap());
            if kept.exists() {
                copy(&kept, &place);
            }
        }
    }

    /// The command under `strace`, which does as it is told.
    fn traced(&self, threads: Threads, orders: &[&str], arguments: &[&str]) -> Command {
        let plain = self.site.command();
        let mut strace = Command::new("strace");
        strace.env_clear();
        let set = plain
            .get_envs()
            .filter_map(|(name, value)| Some((name, value?)));
        strace.envs(set);
        strace.arg("-qq");
        if threads == Threads::All {
            strace.arg("-f");
        }
        strace
            .args(orders)
            .arg(plain.get_program())
            .args(plain.get_args());
        strace
            .args(arguments)
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        strace
    }

    /// All points at which the command can be killed.
    fn points(&self, calls: &[&str], arguments: &[&str]) -> Vec<Point> {
        let log = self.site.path("calls");
        let trace = format!("trace=execve,{}", calls.join(","));
        let orders = ["-o", log.to_str().unwrap(), "-e", &trace];
        let status = self
            .traced(Threads::All, &orders, arguments)
            .status()
            .unwrap();
        assert!(status.success(), "{arguments:?}");
        let log = std::fs::read_to_string(log).unwrap();
        let mut counts: BTreeMap<(String, u64), u64> = BTreeMap::new();
        let mut first = None;
        for line in log.lines() {
            let mut words = line.splitn(2, char::is_whitespace);
            let thread: u64 = words.next().unwrap().parse().unwrap();
            let first = *first.get_or_insert(thread);
            let call = words
                .next()
                .unwrap()
                .trim_start()
                .split('(')
                .next()
                .unwrap();
            if calls.contains(&call) {
                let thread = if thread == first { 0 } else { thread };
                *counts.entry((call.to_owned(), thread)).or_insert(0) += 1;
            }
        }
        let mut points = Vec::new();
        for call in calls {
            let of_first = counts.get(&((*call).to_owned(), 0)).copied().unwrap_or(0);
            let others = counts
                .iter()
                .filter(|((name, thread), _)| name == call && *thread > 0);
            let of_others = others.map(|(_, count)| *count).max().unwrap_or(0);
            for (threads, count) in [(Threads::First, of_first), (Threads::All, of_others)] {
                let call = (*call).to_owned();
                points.extend((1..=count).map(|number| Point {
                    threads,
                    call: call.clone(),
                    number,
                }));
            }
        }
        points
    }

    /// Kills the command at a point. False if it came to its end before.
    fn kill(&self, point: &Point, arguments: &[&str]) -> bool {
        let Point { call, number, .. } = point;
        let inject = format!("inject={call}:signal=KILL:when={number}");
        let trace = format!("trace={call}");
        let orders = ["-o", "/dev/null", "-e", &trace, "-e", &inject];
        let status = self
            .traced(point.threads, &orders, arguments)
            .status()
            .unwrap();
        assert!(
            status.success() || status.signal() == Some(9),
            "{point:?} {status:?}"
        );
        !status.success()
    }

    fn assert_whole(&self) {
        self.site.ok(&["check", "--read-data", "--with-keys"]);
    }

    fn assert_current(&self) {
        let out = self.site.restore("latest", &self.data, "out");
        same(&self.data, &out);
        std::fs::remove_dir_all(self.site.path("out")).unwrap();
    }
}

fn is_traceable() -> bool {
    let mut strace = Command::new("strace");
    let done = strace.args(["-qq", "-o", "/dev/null", "true"]).output();
    let may = done.is_ok_and(|output| output.status.success());
    if !may {
        eprintln!("skipped: strace is not there, or may not look at programs");
    }
    may
}

/// Some of all points, as the environment says.
fn chosen(points: Vec<Point>) -> Vec<Point> {
    let told = std::env::var("ONCOVAULT_TEST_SYSCALLS").unwrap_or_else(|_| "3".to_owned());
    let most = match told.as_str() {
        "all" => points.len(),
        number => number.parse().expect("because it is a number or all"),
    };
    let every = points.len().div_ceil(most.max(1)).max(1);
    // From the last on: the last calls of a verb are those by which its work begins to count.
    points.into_iter().rev().step_by(every).collect()
}

/// Kills a command at its points, each time from the same state, and looks at what is left.
fn kill_everywhere(scene: &Scene, arguments: &[&str], then: &dyn Fn()) -> Vec<Point> {
    scene.keep();
    let points = scene.points(&CALLS, arguments);
    let all = points.len();
    let (mut killed, mut missed) = (0, 0);
    for point in chosen(points.clone()) {
        scene.set_back();
        match scene.kill(&point, arguments) {
            true => killed += 1,
            // Threads share their work otherwise each time.
            false => missed += 1,
        }
        eprintln!("{} {point:?}", arguments[0]);
        scene.assert_whole();
        scene.site.ok(arguments);
        scene.assert_whole();
        then();
    }
    eprintln!(
        "{}: {all} points, killed at {killed}, came to its end at {missed}",
        arguments[0]
    );
    assert!(killed > 0);
    points
}

#[test]
fn a_backup_killed_before_any_storage_call_leaves_whole_snapshots() {
    if !is_traceable() {
        return;
    }
    let scene = Scene::new();
    let path = scene.data.to_str().unwrap().to_owned();
    kill_everywhere(&scene, &["backup", &path], &|| scene.assert_current());
}

#[test]
fn a_forget_and_a_prune_killed_before_any_storage_call_lose_nothing_that_is_kept() {
    if !is_traceable() {
        return;
    }
    let scene = Scene::new();
    scene.site.ok(&["backup", scene.data.to_str().unwrap()]);
    let forget = ["forget", "--keep-last", "1", "--prune"];
    let points = kill_everywhere(&scene, &forget, &|| {
        assert_eq!(scene.site.snapshots().len(), 1);
        scene.assert_current();
    });
    let deletes = |point: &Point| ["unlink", "unlinkat"].contains(&point.call.as_str());
    assert!(
        points.iter().any(deletes),
        "a prune that deletes nothing shows nothing"
    );
}

#[test]
fn a_copy_killed_before_any_storage_call_is_completed_by_the_next() {
    if !is_traceable() {
        return;
    }
    let scene = Scene::new();
    scene.site.ok(&["backup", scene.data.to_str().unwrap()]);
    let to = scene.site.path("second").display().to_string();
    kill_everywhere(&scene, &["copy", "--to", &to], &|| {
        scene
            .site
            .ok_at(&to, &["check", "--read-data", "--with-keys"]);
    });
}

/// By which a restore makes, fills and finishes what it puts back.
const CALLS_OF_RESTORE: [&str; 8] = [
    "mkdirat",
    "pwrite64",
    "utimensat",
    "fchmod",
    "renameat",
    "linkat",
    "symlinkat",
    "syncfs",
];

#[test]
fn a_restore_killed_before_any_call_is_finished_by_one_that_overwrites_nothing() {
    if !is_traceable() {
        return;
    }
    let site = Site::new();
    let data = site.path("data");
    for n in 0..24u64 {
        let length = usize::try_from(n * 137).unwrap();
        site.write(&format!("data/{}/{n}", n % 3), &noise(n, length));
    }
    site.write("data/large", &noise(99, 3_000_000));
    std::fs::hard_link(data.join("large"), data.join("0/again")).unwrap();
    std::os::unix::fs::symlink("large", data.join("link")).unwrap();
    site.ok(&["backup", data.to_str().unwrap()]);
    let scene = Scene { site, data };
    let out = scene.site.path("restored");
    let restore = |overwrite| {
        let to = out.to_str().unwrap();
        ["restore", "latest", "--to", to, "--overwrite", overwrite]
    };
    let points = scene.points(&CALLS_OF_RESTORE, &restore("if-changed"));
    let mut killed = BTreeSet::new();
    for point in one_of_each(points) {
        std::fs::remove_dir_all(&out).unwrap();
        if scene.kill(&point, &restore("if-changed")) {
            killed.insert(point.call.clone());
        }
        eprintln!("restore {point:?}");
        let restored = out.join(scene.data.strip_prefix("/").unwrap());
        scene.site.ok(&restore("never"));
        assert_eq!(files(&restored), files(&scene.data), "{point:?}");
        // Folders that are there already keep their times where nothing is overwritten.
        scene.site.ok(&restore("if-changed"));
        same(&scene.data, &restored);
    }
    let expected = ["fchmod", "mkdirat", "pwrite64", "utimensat"];
    assert!(
        expected.iter().all(|call| killed.contains(*call)),
        "{killed:?}"
    );
}

/// What is in each file, with its mode and time.
fn files(folder: &Path) -> BTreeMap<PathBuf, (Vec<u8>, u32, i64)> {
    let mut found = BTreeMap::new();
    let mut pending = vec![PathBuf::new()];
    while let Some(below) = pending.pop() {
        for entry in std::fs::read_dir(folder.join(&below)).unwrap() {
            let entry = entry.unwrap();
            let (name, look) = (below.join(entry.file_name()), entry.metadata().unwrap());
            match look.file_type() {
                kind if kind.is_dir() => pending.push(name),
                kind if kind.is_file() => {
                    let bytes = std::fs::read(entry.path()).unwrap();
                    found.insert(name, (bytes, look.mode(), look.mtime_nsec()));
                }
                _ => {}
            }
        }
    }
    found
}

/// The middle one of the points of each call and kind of thread.
fn one_of_each(points: Vec<Point>) -> Vec<Point> {
    let groups = points.chunk_by(|a, b| (&a.call, a.threads) == (&b.call, b.threads));
    let middle = groups.filter_map(|group| group.get(group.len() / 2));
    middle.cloned().collect()
}
