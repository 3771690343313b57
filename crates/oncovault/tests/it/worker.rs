//! The worker that reads what files say, as a child of a real backup.

use std::fs;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::world::{Said, World};

/// A backup of a stream that stops in its middle until a file `go` is there.
struct Halfway {
    world: World,
    child: Child,
    bytes: Vec<u8>,
}

impl Halfway {
    fn start(options: &[&str]) -> Self {
        let world = World::new();
        let text = "x".repeat(700_000);
        let bytes =
            format!("{{\"resourceType\":\"Patient\",\"id\":\"p1\",\"a\":\"{text}\"}}").into_bytes();
        world.write("first", &bytes[..300_000]);
        world.write("second", &bytes[300_000..]);
        let mut command = world.command();
        command.env("PATH", "/usr/bin:/bin");
        command.args([
            "--vault",
            "vault",
            "--key",
            "owner.key",
            "--passphrase-file",
            "pw",
        ]);
        command
            .arg("backup")
            .args(options)
            .args(["--stdin-name", "p.json", "--", "sh", "-c"]);
        command.arg("cat first; touch half; until test -e go; do sleep 0.05; done; cat second");
        let child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let begun = Instant::now();
        while !world.path("half").exists() {
            assert!(begun.elapsed() < Duration::from_secs(60));
            std::thread::sleep(Duration::from_millis(50));
        }
        // What was written is read.
        std::thread::sleep(Duration::from_secs(1));
        Self {
            world,
            child,
            bytes,
        }
    }

    /// Workers that it started.
    fn workers(&self) -> Vec<i32> {
        let ours = |pid: &i32| {
            let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
            let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            status.contains(&format!("PPid:\t{}\n", self.child.id()))
                && line.ends_with(b"\0extract-worker\0")
        };
        let all = fs::read_dir("/proc").unwrap().flatten();
        let pids = all.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
        pids.filter(ours).collect()
    }

    /// Lets it go on: it ends well, and what comes back is what went in.
    fn ends_well(self) -> Said {
        self.world.write("go", "");
        let said = Said::of(self.child.wait_with_output().unwrap());
        assert_eq!(said.code, 0, "{}", said.err);
        let dumped = self.world.run(["dump", "latest:/p.json"]).out.into_bytes();
        assert!(dumped == self.bytes);
        said
    }
}

#[test]
fn a_backup_reads_what_files_say_in_a_process_that_may_do_nothing() {
    let run = Halfway::start(&[]);
    let workers = run.workers();
    assert_eq!(workers.len(), 1);
    let about = |what: &str| fs::read(format!("/proc/{}/{what}", workers[0]));
    let status = String::from_utf8(about("status").unwrap()).unwrap();
    assert!(status.contains("NoNewPrivs:\t1\n"), "{status}");
    assert!(status.contains("Seccomp:\t2\n"), "{status}");
    // Whoever may look at it sees neither environment nor open files.
    if let Ok(environment) = about("environ") {
        assert_eq!(environment, b"");
    }
    if let Ok(open) = fs::read_dir(format!("/proc/{}/fd", workers[0])) {
        assert_eq!(open.count(), 3);
    }
    run.ends_well();
}

#[test]
fn a_backup_whose_worker_is_killed_stores_the_same() {
    let run = Halfway::start(&[]);
    for worker in run.workers() {
        kill_process(Pid::from_raw(worker).unwrap(), Signal::KILL).unwrap();
    }
    run.ends_well();
}

#[test]
fn a_backup_without_catalog_starts_no_worker() {
    let run = Halfway::start(&["--no-catalog"]);
    assert_eq!(run.workers(), [] as [i32; 0]);
    run.ends_well();
}
