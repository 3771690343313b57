//! What is stored decays, and a person mends it from the copy.

use ov_format::name::ObjectName;

use super::cast::{Part, founded};
use super::job::Job;
use super::run::World;
use super::violation::Violation;

/// Objects that decay before a round at most.
const ROTTEN_MAX: u64 = 3;

impl World {
    /// Lets some objects at home decay that the copy has whole.
    pub(super) fn rot(&mut self) -> Vec<ObjectName> {
        let [home, copy] = &self.stage.disks[..] else {
            return Vec::new();
        };
        if !self.weather.rot {
            return Vec::new();
        }
        let there = copy.objects();
        let is_whole_there = |name: &ObjectName| {
            let opens = name.hash().0 == founded().vault.0;
            !opens && there.get(name).is_some_and(|bytes| name.matches(bytes))
        };
        let names: Vec<_> = home.objects().into_keys().filter(is_whole_there).collect();
        let mut rotten = Vec::new();
        for _ in 0..self.decay.below(ROTTEN_MAX + 1) {
            if let Some(name) = self.decay.pick(&names) {
                home.rot(name, &mut self.decay.clone());
                rotten.push(*name);
            }
        }
        rotten
    }

    /// A person repairs until nothing of it is left.
    pub(super) fn mend(&mut self, rotten: &[ObjectName]) {
        if rotten.is_empty() {
            return;
        }
        let weather = self.weather.clone();
        self.weather = weather.calm();
        self.work(vec![(Part::Keeper(0), Job::Repair)]);
        self.weather = weather;
        let objects = self.stage.disks.first().map(|home| home.objects());
        let objects = objects.unwrap_or_default();
        let is_left = |name: &&ObjectName| {
            let bytes = objects.get(*name);
            bytes.is_some_and(|bytes| !name.matches(bytes))
        };
        let left = rotten.iter().filter(is_left);
        let left: Vec<_> = left.map(|name| Violation::NotMended(*name)).collect();
        self.tally.mended += u64::try_from(rotten.len() - left.len()).unwrap_or(0);
        self.violations.extend(left);
    }
}
