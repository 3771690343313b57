//! What enemies do in a world, and what people do about it.
//!
//! Each kind is promised something else; `docs/faults.md` says what.

use std::collections::BTreeSet;
use std::sync::Arc;

use ov_format::name::{ObjectName, RecordName};
use ov_store::Store;
use ov_vault::{Finding, State, Vault};

use super::cast::{Part, founded};
use super::dice::Dice;
use super::disk::Disk;
use super::elsewhere::{Elsewhere, Until};
use super::gate::Errand;
use super::job::Job;
use super::liar::Lie;
use super::run::World;
use super::violation::Violation;

/// Earlier states of the targets that are kept, one for each round.
const IMAGES_MAX: usize = 4;

/// What enemies have done so far.
pub(super) struct Enemies {
    pub dice: Dice,
    /// The targets as they were at the beginnings of the last rounds, the oldest first.
    images: Vec<[Arc<Disk>; 2]>,
    /// Records of the liar that nobody has dealt with.
    pub lies: BTreeSet<RecordName>,
    /// The second keeper has been revoked, or somebody tried.
    pub revoked: bool,
    /// Somebody was shown another state of the first target in this round.
    split: bool,
}

impl Enemies {
    pub fn new(seed: u64) -> Self {
        Self {
            dice: Dice::new(seed, "deeds"),
            images: Vec::new(),
            lies: BTreeSet::new(),
            revoked: false,
            split: false,
        }
    }
}

impl World {
    /// Before a round: images are taken, and the target may be set back.
    pub(super) fn plot(&mut self) {
        if let [home, copy] = &self.stage.disks[..] {
            let image = [Arc::new(home.image()), Arc::new(copy.image())];
            self.enemies.images.push(image);
        }
        if self.enemies.images.len() > IMAGES_MAX {
            self.enemies.images.remove(0);
        }
        if self.weather.set_back && self.enemies.dice.hits(200) {
            self.set_target_back();
        }
    }

    /// The first target becomes what it was. What was put since is gone by right; whoever was there
    /// notices.
    fn set_target_back(&mut self) {
        let images = std::mem::take(&mut self.enemies.images);
        let Some([image, _]) = self.enemies.dice.pick(&images) else {
            return;
        };
        let Some(home) = self.stage.disks.first() else {
            return;
        };
        let known = newest(home);
        home.set_back(image);
        self.stage.say("target 0 is set back".to_owned());
        self.tally.set_back += 1;
        let there = home.objects();
        let is_gone = |name: &&RecordName| !there.contains_key(&ObjectName::Record(**name));
        let lost: BTreeSet<RecordName> = known.iter().filter(is_gone).copied().collect();
        let store: Arc<dyn Store> = Arc::clone(home) as Arc<dyn Store>;
        let vault = Vault::open_knowing(store, founded().vault, |_| known.clone());
        let findings = vault.map_or(Vec::new(), |vault| vault.logs().findings.clone());
        let is_told = |name: &&RecordName| {
            let missing = Finding::Missing(ObjectName::Record(**name));
            findings.contains(&missing)
        };
        let silent = lost.iter().find(|name| !is_told(name));
        self.violations
            .extend(silent.map(|name| Violation::Unnoticed(*name)));
        let gone: Vec<_> = self.oracle.snapshots.keys().copied().collect();
        for name in gone.iter().filter(is_gone) {
            self.oracle.lost_by_right(name);
        }
    }

    /// What somebody is shown who sets out now.
    pub(super) fn mislead(&mut self, errand: &Errand) {
        let (images, split) = (self.weather.images, self.weather.split);
        let dice = &mut self.enemies.dice;
        let (image, lie) = (dice.hits(images), dice.hits(split));
        if !image && !lie {
            return;
        }
        let Some([home, copy]) = dice.pick(&self.enemies.images) else {
            return;
        };
        // Its own copy, to which its puts are added.
        let own = |disk: &Disk| Some(Arc::new(disk.image()));
        let who = errand.actor;
        let elsewhere = match lie {
            true => Elsewhere::new(vec![own(home), None], Until::TheEnd),
            false => Elsewhere::new(vec![own(home), own(copy)], Until::FirstChange),
        };
        errand.show(elsewhere);
        self.enemies.split |= lie;
        self.tally.misled += 1;
        let what = if lie { "is shown" } else { "goes on from" };
        self.stage
            .say(format!("actor {who} {what} an earlier state"));
    }

    /// After a round: whatever stood on the target then was at the mercy of who was misled by it.
    pub(super) fn excuse(&mut self) {
        if std::mem::take(&mut self.enemies.split) {
            let all: Vec<_> = self.oracle.snapshots.keys().copied().collect();
            all.iter().for_each(|name| self.oracle.lost_by_right(name));
        }
    }

    /// What enemies set out to do in a round, beside the work of others.
    pub(super) fn deeds(&mut self, jobs: &mut Vec<(Part, Job)>) {
        if self.weather.liar && self.enemies.dice.hits(600) {
            let lie = self.enemies.dice.pick(&Lie::ALL).copied();
            let seed = self.enemies.dice.roll();
            jobs.extend(lie.map(|lie| (Part::Agent(1), Job::Lie(lie, seed))));
        }
        if self.weather.revoked && !self.enemies.revoked && self.enemies.dice.hits(300) {
            // The owner does one thing at a time, and revokes no keeper that is at work: what that
            // says from then on counts no more, what it deletes is gone.
            jobs.retain(|(part, _)| ![Part::Owner, Part::Keeper(1)].contains(part));
            jobs.push((Part::Owner, Job::Revoke(Part::Keeper(1))));
            self.enemies.revoked = true;
        }
    }

    /// The owner looks at what was found, and takes back what the liar said. Records that the liar
    /// did not sign as its own stop nobody.
    pub(super) fn expose(&mut self) {
        let Some(home) = self.stage.disks.first() else {
            return;
        };
        let store: Arc<dyn Store> = Arc::clone(home) as Arc<dyn Store>;
        let Ok(vault) = Vault::open(store, founded().vault) else {
            return;
        };
        let commits = State::of(&vault).commits;
        let is_said = |name: &&RecordName| commits.get(*name).is_some_and(|one| !one.forgotten);
        let lies: BTreeSet<_> = self.enemies.lies.iter().filter(is_said).copied().collect();
        if !lies.is_empty() {
            self.work(vec![(Part::Owner, Job::Forget(lies))]);
        }
    }
}

/// The newest records of a target: what a machine remembers that has seen them.
fn newest(disk: &Arc<Disk>) -> BTreeSet<RecordName> {
    let store: Arc<dyn Store> = Arc::clone(disk) as Arc<dyn Store>;
    let vault = Vault::open(store, founded().vault);
    vault.map_or(BTreeSet::new(), |vault| vault.newest().collect())
}
