//! `kill -9` at a random moment: whatever is listed afterwards is whole, and the next run works.
//!
//! `ONCOVAULT_TEST_KILLS` says how often each verb is killed; ten times unless told otherwise.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::site::{Site, copy, noise, same};

/// Snapshots restored after each kill: the first, the newest, and some between.
const RESTORED: usize = 8;

fn rounds() -> u64 {
    let told = std::env::var("ONCOVAULT_TEST_KILLS").ok();
    told.map_or(10, |kills| kills.parse().expect("because it is a number"))
}

/// A vault, a folder that changes from round to round, and what it was at each snapshot.
struct Scene {
    site: Site,
    data: PathBuf,
    /// Copies of the folder, by snapshot.
    album: BTreeMap<String, PathBuf>,
}

impl Scene {
    /// A vault with one snapshot.
    fn new() -> Self {
        let site = Site::new();
        let data = site.path("data");
        std::fs::create_dir(&data).unwrap();
        std::fs::create_dir(site.path("album")).unwrap();
        let mut scene = Self {
            site,
            data,
            album: BTreeMap::new(),
        };
        scene.change(0);
        scene.backup();
        scene
    }

    fn path(&self) -> &str {
        self.data.to_str().unwrap()
    }

    /// New files come, those of three rounds ago go.
    fn change(&self, round: u64) {
        for n in 0..20 {
            let name = |round: u64| self.data.join(format!("{round}-{n}"));
            std::fs::write(name(round), noise(round * 100 + n, 30_000)).unwrap();
            if let Some(old) = round.checked_sub(3).map(name)
                && old.exists()
            {
                std::fs::remove_file(old).unwrap();
            }
        }
        let large = self.data.join("large");
        std::fs::write(large, noise(round, 2_000_000)).unwrap();
    }

    fn backup(&mut self) {
        self.site.ok(&["backup", self.path()]);
        self.photograph();
    }

    /// Snapshots that were not there before show the folder as it is now.
    fn photograph(&mut self) {
        let new = self.site.snapshots().into_iter();
        let new: Vec<_> = new.filter(|id| !self.album.contains_key(id)).collect();
        if let Some(first) = new.first() {
            let picture = self.site.path("album").join(first);
            copy(&self.data, &picture);
            let pictures = new.iter().map(|id| (id.clone(), picture.clone()));
            self.album.extend(pictures);
        }
    }

    /// Starts the program and kills it after a share of the time that it takes undisturbed.
    fn kill(&self, arguments: &[&str], round: u64, usual: Duration) {
        let mut command = self.site.command();
        let mut child = command
            .args(arguments)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let share = u32::from(noise(round, 1)[0]);
        std::thread::sleep(usual * share / 256);
        child.kill().unwrap();
        child.wait().unwrap();
    }

    /// Nothing is damaged, and snapshots restore to what was there when they were taken.
    fn assert_whole(&self, round: u64) {
        self.site.ok(&["check", "--read-data", "--with-keys"]);
        let snapshots = self.site.snapshots();
        let every = snapshots.len().div_ceil(RESTORED).max(1);
        for (n, id) in snapshots.iter().enumerate() {
            let chosen = n == 0
                || n + 2 >= snapshots.len()
                || n as u64 % every as u64 == round % every as u64;
            if chosen {
                self.assert_restores(id);
            }
        }
    }

    fn assert_restores(&self, id: &str) {
        let out = self.site.restore(id, &self.data, "out");
        same(&self.album[id], &out);
        std::fs::remove_dir_all(self.site.path("out")).unwrap();
    }

    fn assert_current(&self) {
        let out = self.site.restore("latest", &self.data, "current");
        same(&self.data, &out);
        std::fs::remove_dir_all(self.site.path("current")).unwrap();
    }
}

fn timed(work: impl FnOnce()) -> Duration {
    let start = Instant::now();
    work();
    start.elapsed()
}

#[test]
fn a_killed_backup_leaves_whole_snapshots_and_the_next_one_works() {
    let mut scene = Scene::new();
    scene.change(1);
    let usual = timed(|| scene.backup());
    for round in 2..2 + rounds() {
        scene.change(round);
        scene.kill(&["backup", scene.path()], round, usual);
        scene.photograph();
        scene.assert_whole(round);
        scene.backup();
        scene.assert_current();
    }
}

#[test]
fn a_killed_forget_forgets_all_that_it_was_told_to_or_nothing() {
    let mut scene = Scene::new();
    let first = scene.site.snapshots().remove(0);
    scene
        .site
        .ok(&["hold", "add", &first, "--reason", "must survive"]);
    let forget = ["forget", "--keep-last", "1"];
    let mut usual = Duration::from_millis(200);
    for round in 1..=rounds() {
        for part in 0..3 {
            scene.change(round * 3 + part);
            scene.backup();
        }
        let before = scene.site.snapshots();
        scene.kill(&forget, round, usual);
        let left = scene.site.snapshots();
        let told = [first.clone(), before.last().unwrap().clone()];
        assert!(left == before || left == told, "{before:?} {left:?}");
        scene.assert_whole(round);
        usual = timed(|| drop(scene.site.ok(&forget)));
        assert_eq!(scene.site.snapshots(), told);
    }
}

#[test]
fn a_killed_prune_loses_nothing_that_is_kept() {
    let mut scene = Scene::new();
    let first = scene.site.snapshots().remove(0);
    scene
        .site
        .ok(&["hold", "add", &first, "--reason", "must survive"]);
    let mut usual = Duration::from_millis(300);
    for round in 1..=rounds() {
        scene.change(round);
        scene.backup();
        scene.site.ok(&["forget", "--keep-last", "1"]);
        scene.kill(&["prune"], round, usual);
        scene.assert_whole(round);
        usual = timed(|| drop(scene.site.ok(&["prune"])));
        scene.assert_whole(round);
        scene.assert_current();
    }
}

#[test]
fn a_killed_copy_leaves_a_copy_that_the_next_run_completes() {
    let mut scene = Scene::new();
    let trial = scene.site.path("trial").display().to_string();
    let usual = timed(|| drop(scene.site.ok(&["copy", "--to", &trial])));
    let to = scene.site.path("second").display().to_string();
    for round in 1..=rounds() {
        scene.change(round);
        scene.backup();
        scene.kill(&["copy", "--to", &to], round, usual);
        scene.site.ok(&["copy", "--to", &to]);
        scene.site.ok_at(&to, &["check", "--read-data"]);
        let out = scene.site.path("from-copy");
        scene
            .site
            .ok_at(&to, &["restore", "latest", "--to", out.to_str().unwrap()]);
        same(
            &scene.data,
            &out.join(scene.data.strip_prefix("/").unwrap()),
        );
        std::fs::remove_dir_all(&out).unwrap();
    }
}
