//! `kill -9` at a random moment: whatever is listed afterwards is whole, and the next run works.
//!
//! `ONCOVAULT_TEST_KILLS` says how often each verb is killed; ten times unless told otherwise.

use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::site::{Site, copy, noise, same};

fn rounds() -> u64 {
    let told = std::env::var("ONCOVAULT_TEST_KILLS").ok();
    told.map_or(10, |kills| kills.parse().expect("because it is a number"))
}

/// Starts the program and kills it after a share of the time that it takes undisturbed.
fn kill(site: &Site, arguments: &[&str], round: u64, usual: Duration) {
    let mut command = site.command();
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

fn fill(data: &Path, round: u64) {
    for n in 0..40 {
        let name = data.join(format!("{round}-{n}"));
        std::fs::write(name, noise(round * 100 + n, 60_000)).unwrap();
    }
    std::fs::write(data.join(format!("large-{round}")), noise(round, 3_000_000)).unwrap();
}

/// Every snapshot restores, the oldest and the newest to what was there then.
fn whole(site: &Site, first: (&str, &Path), newest: &Path, round: &str) {
    site.ok(&["check", "--read-data", "--with-keys"]);
    let snapshots = site.snapshots();
    for (n, id) in snapshots.iter().enumerate() {
        let out = site.restore(id, newest, &format!("out-{round}-{n}"));
        if *id == first.0 {
            same(first.1, &out);
        }
        std::fs::remove_dir_all(site.path(&format!("out-{round}-{n}"))).unwrap();
    }
}

struct Scene {
    site: Site,
    data: std::path::PathBuf,
    first: String,
    before: std::path::PathBuf,
}

/// A vault with one snapshot that must survive everything.
fn scene() -> Scene {
    let site = Site::new();
    let data = site.path("data");
    std::fs::create_dir(&data).unwrap();
    fill(&data, 0);
    site.backup(&data);
    let first = site.snapshots().remove(0);
    let before = site.path("before");
    copy(&data, &before);
    Scene {
        site,
        data,
        first,
        before,
    }
}

fn timed(work: impl FnOnce()) -> Duration {
    let start = Instant::now();
    work();
    start.elapsed()
}

#[test]
fn a_killed_backup_leaves_whole_snapshots_and_the_next_one_works() {
    let Scene {
        site,
        data,
        first,
        before,
    } = scene();
    let path = data.to_str().unwrap();
    fill(&data, 1);
    let usual = timed(|| drop(site.ok(&["backup", path])));
    for round in 2..2 + rounds() {
        fill(&data, round);
        kill(&site, &["backup", path], round, usual);
        whole(&site, (&first, &before), &data, &format!("k{round}"));
        site.ok(&["backup", path]);
        same(
            &data,
            &site.restore("latest", &data, &format!("after-{round}")),
        );
        std::fs::remove_dir_all(site.path(&format!("after-{round}"))).unwrap();
    }
}

#[test]
fn a_killed_forget_or_prune_loses_nothing_that_is_kept() {
    let Scene {
        site,
        data,
        first,
        before,
    } = scene();
    let path = data.to_str().unwrap();
    site.ok(&["hold", "add", &first, "--reason", "must survive"]);
    let forget = ["forget", "--keep-last", "1", "--prune"];
    let mut usual = Duration::from_millis(300);
    for round in 1..=rounds() {
        fill(&data, round);
        site.ok(&["backup", path]);
        for entry in std::fs::read_dir(&data).unwrap() {
            let entry = entry.unwrap();
            if entry
                .file_name()
                .to_string_lossy()
                .starts_with(&format!("{round}-"))
            {
                std::fs::remove_file(entry.path()).unwrap();
            }
        }
        site.ok(&["backup", path]);
        kill(&site, &forget, round, usual);
        whole(&site, (&first, &before), &data, &format!("p{round}"));
        usual = timed(|| drop(site.ok(&forget)));
        whole(&site, (&first, &before), &data, &format!("q{round}"));
        same(
            &data,
            &site.restore("latest", &data, &format!("after-{round}")),
        );
        std::fs::remove_dir_all(site.path(&format!("after-{round}"))).unwrap();
    }
}

#[test]
fn a_killed_copy_leaves_a_copy_that_the_next_run_completes() {
    let Scene { site, data, .. } = scene();
    let path = data.to_str().unwrap();
    let usual = timed(|| {
        site.ok(&["copy", "--to", site.path("trial").to_str().unwrap()]);
    });
    let to = site.path("second").display().to_string();
    for round in 1..=rounds() {
        fill(&data, round);
        site.ok(&["backup", path]);
        kill(&site, &["copy", "--to", &to], round, usual);
        site.ok(&["copy", "--to", &to]);
        site.ok_at(&to, &["check", "--read-data"]);
    }
    let out = site.path("from-copy");
    site.ok_at(&to, &["restore", "latest", "--to", out.to_str().unwrap()]);
    same(&data, &out.join(data.strip_prefix("/").unwrap()));
}
