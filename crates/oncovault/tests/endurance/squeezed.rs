//! Little memory: with as much as it was allowed every verb succeeds; with less the system may kill
//! it, and nothing is lost.
//!
//! `ONCOVAULT_TEST_SQUEEZES` says how many rounds; one unless told otherwise.

use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use crate::site::{Site, noise, same};

/// What `--memory` takes at least, in MiB.
const LEAST: u64 = 48;

/// No verb takes longer here, whatever memory it has.
const PATIENCE: Duration = Duration::from_secs(120);

/// A group of processes with a bound on their memory.
struct Group(PathBuf);

impl Group {
    /// None where this system has no such groups, or lets us make none.
    fn new() -> Option<Self> {
        let name = format!("oncovault-test-{}", std::process::id());
        let folder = Path::new("/sys/fs/cgroup/memory").join(name);
        std::fs::create_dir(&folder).ok()?;
        Some(Self(folder))
    }

    fn allow(&self, mebibytes: u64) {
        let bytes = (mebibytes << 20).to_string();
        std::fs::write(self.0.join("memory.limit_in_bytes"), bytes).unwrap();
    }

    /// Runs the program within it.
    fn run(&self, site: &Site, arguments: &[&str]) -> ExitStatus {
        let plain = site.command();
        let mut shell = Command::new("sh");
        shell.env_clear();
        let set = plain.get_envs();
        shell.envs(set.filter_map(|(name, value)| Some((name, value?))));
        let enter = "echo $$ > \"$0\" && exec \"$@\"";
        shell.args(["-c", enter]).arg(self.0.join("cgroup.procs"));
        shell.arg(plain.get_program()).args(plain.get_args());
        let quiet = shell.args(arguments).stdout(Stdio::null());
        let mut child = quiet.stderr(Stdio::null()).spawn().unwrap();
        let start = Instant::now();
        loop {
            if let Some(status) = child.try_wait().unwrap() {
                return status;
            }
            assert!(start.elapsed() < PATIENCE, "{arguments:?} hangs");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir(&self.0);
    }
}

fn rounds() -> u64 {
    let told = std::env::var("ONCOVAULT_TEST_SQUEEZES").ok();
    told.map_or(1, |rounds| rounds.parse().expect("because it is a number"))
}

#[test]
fn with_little_memory_a_verb_succeeds_or_is_killed_and_nothing_is_lost() {
    let Some(group) = Group::new() else {
        eprintln!("skipped: no groups with a bound on memory here (cgroup v1)");
        return;
    };
    let site = Site::new();
    let data = site.path("data");
    let path = data.display().to_string();
    for round in 0..rounds() {
        for (n, mebibytes) in (0..).zip([16, 24, 32, LEAST, 2 * LEAST]) {
            let new = noise(round * 10 + n, 3_000_000);
            site.write(&format!("data/{round}-{n}"), &new);
            site.ok(&["backup", &path]);
            site.write("data/last", &noise(round * 10 + n + 5, 1_000_000));
            group.allow(mebibytes);
            let to = site.path("out").display().to_string();
            let verbs: [&[&str]; 4] = [
                &["backup", "--memory", "48M", &path],
                &["restore", "latest", "--to", &to],
                &["check", "--read-data", "--with-keys"],
                &["forget", "--keep-last", "2", "--prune"],
            ];
            for verb in verbs {
                let status = group.run(&site, verb);
                eprintln!("{mebibytes} MiB: {} {status}", verb[0]);
                let killed = status.signal() == Some(9) && mebibytes < LEAST;
                assert!(status.success() || killed, "{verb:?} {status}");
            }
            site.ok(&["check", "--read-data", "--with-keys"]);
            let _ = std::fs::remove_dir_all(site.path("out"));
            site.ok(&["backup", &path]);
            same(&data, &site.restore("latest", &data, "whole"));
            std::fs::remove_dir_all(site.path("whole")).unwrap();
        }
    }
}
