//! Disks that fill up: a clear error, nothing lost, and the next run succeeds.

use std::path::PathBuf;
use std::process::Command;

use crate::site::{Site, demand, noise, same};

/// A file system of this size, unmounted when dropped.
struct SmallDisk(PathBuf);

impl SmallDisk {
    fn mount(at: PathBuf, megabytes: u32) -> Option<Self> {
        std::fs::create_dir_all(&at).unwrap();
        let options = format!("size={megabytes}m");
        let mut mount = Command::new("mount");
        mount
            .args(["-t", "tmpfs", "-o", &options, "tmpfs"])
            .arg(&at);
        if mount.output().is_ok_and(|output| output.status.success()) {
            return Some(Self(at));
        }
        eprintln!("skipped: may not mount a small disk (run the tests as root)");
        None
    }

    fn grow(&self, megabytes: u32) {
        let options = format!("remount,size={megabytes}m");
        let status = Command::new("mount")
            .args(["-o", &options])
            .arg(&self.0)
            .status()
            .unwrap();
        assert!(status.success());
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

fn says_full(said: &str) {
    let known = ["no space", "No space", "full", "are free"];
    assert!(
        known.iter().any(|word| said.contains(word)),
        "it does not say what happened: {said}"
    );
}

#[test]
fn a_full_target_loses_nothing_and_the_next_backup_succeeds() {
    let root = Site::empty();
    let Some(disk) = SmallDisk::mount(root.path("disk"), 6) else {
        return;
    };
    let site = Site::at(disk.0.join("vault").to_str().unwrap(), Vec::new());
    site.write("data/first", &noise(1, 1_000_000));
    let data = site.path("data");
    site.backup(&data);
    site.write("data/large", &noise(2, 20_000_000));
    let said = site.fails(1, &["backup", data.to_str().unwrap()]);
    says_full(&said);
    assert_eq!(site.snapshots().len(), 1);
    site.ok(&["check", "--read-data"]);
    disk.grow(64);
    site.backup(&data);
    same(&data, &site.restore("latest", &data, "out"));
    site.ok(&["check", "--read-data", "--with-keys"]);
}

#[test]
fn a_full_second_place_is_completed_when_there_is_room() {
    let site = Site::new();
    site.write("data/large", &noise(3, 20_000_000));
    let data = site.path("data");
    site.backup(&data);
    let Some(disk) = SmallDisk::mount(site.path("disk"), 6) else {
        return;
    };
    let to = disk.0.join("copy").display().to_string();
    let said = site.fails(1, &["copy", "--to", &to]);
    says_full(&said);
    disk.grow(64);
    site.ok(&["copy", "--to", &to]);
    site.ok_at(&to, &["check", "--read-data"]);
}

#[test]
fn a_restore_that_will_not_fit_says_so_before_it_begins() {
    let site = Site::new();
    site.write("data/large", &noise(4, 20_000_000));
    site.write("data/small", &noise(5, 1000));
    let data = site.path("data");
    site.backup(&data);
    let Some(disk) = SmallDisk::mount(site.path("disk"), 6) else {
        return;
    };
    let to = disk.0.join("out");
    let restore = [
        "restore",
        "latest",
        "--to",
        to.to_str().unwrap(),
        "--overwrite",
        "if-changed",
    ];
    let output = site.run(&restore);
    assert_ne!(output.status.code(), Some(0));
    says_full(&String::from_utf8_lossy(&output.stderr));
    disk.grow(64);
    demand(site.run(&restore), 0, &restore);
    same(&data, &to.join(data.strip_prefix("/").unwrap()));
}
