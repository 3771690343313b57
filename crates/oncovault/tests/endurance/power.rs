//! The power is cut: of what was not synced anything may be lost, torn or kept, in any order. What the
//! program said was done is whole, and the vault and the machine's local state go on.
//!
//! `ONCOVAULT_TEST_CUTS` says how often each verb is cut; four times unless told otherwise.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::disk::{Disk, may_mount};
use crate::site::{Site, copy, noise, same};

fn cuts() -> u64 {
    let told = std::env::var("ONCOVAULT_TEST_CUTS").ok();
    told.map_or(4, |cuts| cuts.parse().expect("because it is a number"))
}

/// A machine whose vault, copy and local state lie on a disk that loses power.
struct Scene {
    site: Site,
    disk: Disk,
    data: PathBuf,
    /// What the data was at each snapshot.
    album: BTreeMap<String, PathBuf>,
}

impl Scene {
    /// Three snapshots, of which the program said that they are done; the data has changed since.
    fn new() -> Self {
        let mut site = Site::empty();
        let disk = Disk::new(site.path("disk"));
        site.vault = disk.folder.join("vault").display().to_string();
        let data = site.path("data");
        std::fs::create_dir(&data).unwrap();
        std::fs::create_dir(site.path("album")).unwrap();
        // Local state lies on the disk as well.
        std::fs::create_dir(disk.folder.join("machine")).unwrap();
        std::os::unix::fs::symlink(disk.folder.join("machine"), site.path("machine")).unwrap();
        site.ok(&["init", "--compartment", "clinical", "--unprotected-key"]);
        let mut scene = Self {
            site,
            disk,
            data,
            album: BTreeMap::new(),
        };
        for round in 0..3 {
            scene.change(round);
            scene.site.ok(&["backup", scene.data.to_str().unwrap()]);
            scene.photograph();
        }
        scene.change(3);
        scene.disk.medium().settle();
        scene
    }

    fn change(&self, round: u64) {
        for n in 0..3 {
            let path = |round: u64| self.data.join(format!("{round}-{n}"));
            // One of them so long that its pack goes to the disk in pieces.
            let length = if n == 0 { 1_500_000 } else { 200_000 };
            std::fs::write(path(round), noise(round * 10 + n, length)).unwrap();
            if let Some(old) = round.checked_sub(2) {
                std::fs::remove_file(path(old)).unwrap();
            }
        }
    }

    /// Snapshots that are new show the data as it is.
    fn photograph(&mut self) {
        for id in self.site.snapshots() {
            if !self.album.contains_key(&id) {
                let picture = self.site.path("album").join(&id);
                copy(&self.data, &picture);
                self.album.insert(id, picture);
            }
        }
    }

    /// How many changes and syncs a command makes.
    fn steps(&self, arguments: &[&str]) -> u64 {
        self.disk.medium().steps = 0;
        self.site.ok(arguments);
        self.disk.medium().steps
    }

    /// Cuts the power in the middle of a command. True if the program said that it was done.
    fn cut(&self, at: u64, seed: u64, arguments: &[&str]) -> bool {
        {
            let mut medium = self.disk.medium();
            (medium.steps, medium.cut_at) = (0, Some(at));
        }
        let done = self.site.run(arguments).status.success();
        self.disk.medium().power_on(seed);
        done
    }

    /// Nothing is damaged, and all of these restore to what they were.
    fn assert_whole(&self, snapshots: &[String]) {
        self.site.ok(&["check", "--read-data", "--with-keys"]);
        let left = self.site.snapshots();
        for id in snapshots {
            assert!(left.contains(id), "{id} is gone: {left:?}");
            let out = self.site.restore(id, &self.data, "out");
            same(&self.album[id], &out);
            std::fs::remove_dir_all(self.site.path("out")).unwrap();
        }
    }
}

/// Cuts a command off at points spread over all that it does, each time from the same state.
fn cut_everywhere(scene: &mut Scene, arguments: &[&str], then: &mut dyn FnMut(&mut Scene, bool)) {
    let image = scene.disk.medium().image();
    let steps = scene.steps(arguments);
    assert!(steps > 10, "{arguments:?} changes nothing");
    let mut done = 0;
    for cut in 0..cuts() {
        scene.disk.medium().put_back(&image);
        // The last point is behind the last step: all that was said to be done must stay.
        let at = steps + 1 - (steps * cut) / cuts();
        let was_done = scene.cut(at, cut + 1, arguments);
        done += u64::from(was_done);
        eprintln!("{}: cut at {at} of {steps}, done: {was_done}", arguments[0]);
        then(scene, was_done);
    }
    assert!(done > 0, "one cut comes after the end");
}

#[test]
fn a_backup_whose_power_is_cut_loses_nothing_that_was_said_to_be_done() {
    if !may_mount() {
        return;
    }
    let mut scene = Scene::new();
    let known: Vec<String> = scene.album.keys().cloned().collect();
    let path = scene.data.display().to_string();
    cut_everywhere(&mut scene, &["backup", &path], &mut |scene, done| {
        scene.photograph();
        let now = scene.site.snapshots();
        assert!(!done || now.len() == known.len() + 1, "{now:?}");
        scene.assert_whole(&known);
        scene.assert_whole(&now);
        scene.site.ok(&["backup", &path]);
        scene.photograph();
        let newest = scene.site.snapshots().pop().unwrap();
        scene.assert_whole(&[newest]);
    });
}

#[test]
fn a_forget_and_a_prune_whose_power_is_cut_lose_nothing_that_is_kept() {
    if !may_mount() {
        return;
    }
    let mut scene = Scene::new();
    let newest = scene.site.snapshots().pop().unwrap();
    let forget = ["forget", "--keep-last", "1", "--prune"];
    cut_everywhere(&mut scene, &forget, &mut |scene, done| {
        assert!(!done || scene.site.snapshots() == [newest.clone()]);
        scene.assert_whole(std::slice::from_ref(&newest));
        scene.site.ok(&forget);
        scene.assert_whole(std::slice::from_ref(&newest));
        let path = scene.data.display().to_string();
        scene.site.ok(&["backup", &path]);
        scene.photograph();
        let last = scene.site.snapshots().pop().unwrap();
        scene.assert_whole(&[newest.clone(), last]);
    });
}

#[test]
fn a_copy_whose_power_is_cut_is_completed_by_the_next() {
    if !may_mount() {
        return;
    }
    let mut scene = Scene::new();
    let known: Vec<String> = scene.album.keys().cloned().collect();
    let to = scene.disk.folder.join("second").display().to_string();
    cut_everywhere(&mut scene, &["copy", "--to", &to], &mut |scene, done| {
        scene.assert_whole(&known);
        if !done {
            scene.site.ok(&["copy", "--to", &to]);
        }
        scene
            .site
            .ok_at(&to, &["check", "--read-data", "--with-keys"]);
    });
}
