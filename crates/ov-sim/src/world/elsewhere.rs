//! What an actor is shown who is not shown the present.
//!
//! A machine that is set back in the middle of its work, or cloned, goes on with what it saw then:
//! it acts in the present on what it read long ago. A target that lies shows one of its clients an
//! earlier state of itself, together with what that client puts, for as long as it likes.

use std::sync::Arc;

use super::disk::Disk;

/// How long somebody is shown something else than the present.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Until {
    /// What it looked at before its image was taken; whatever it does, it does in the present.
    FirstChange,
    /// The target shows it nothing else.
    TheEnd,
}

/// Targets as they are shown to one errand.
pub struct Elsewhere {
    disks: Vec<Option<Arc<Disk>>>,
    until: Until,
}

impl Elsewhere {
    /// Earlier states, by target; none where the present is shown.
    pub fn new(disks: Vec<Option<Arc<Disk>>>, until: Until) -> Self {
        Self { disks, until }
    }

    /// What is shown of a target, where it is not the present.
    pub fn shown(&self, disk: usize) -> Option<Arc<Disk>> {
        self.disks.get(disk).cloned().flatten()
    }

    /// The errand changes something. From now on a machine sees the present; a target that lies
    /// shows the change with the rest.
    pub fn change(&mut self, disk: usize, change: impl FnOnce(&Disk)) {
        match self.until {
            Until::FirstChange => self.disks.clear(),
            Until::TheEnd => {
                if let Some(disk) = self.shown(disk) {
                    change(&disk);
                }
            }
        }
    }
}
