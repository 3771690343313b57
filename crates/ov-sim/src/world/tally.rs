//! How often things happened in a run.

/// How often things happened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Backups that said "done".
    pub backups: u64,
    /// Passes beyond the first: an agent saw that it had to repeat.
    pub repeats: u64,
    /// Errands that ended by a crash.
    pub crashes: u64,
    /// Errands that failed otherwise.
    pub failures: u64,
    /// Snapshots accepted.
    pub accepted: u64,
    /// Snapshots that came too late.
    pub late: u64,
    /// Frames moved because they were needed after all.
    pub rescued: u64,
    /// Packs condemned.
    pub condemned: u64,
    /// Objects deleted.
    pub deleted: u64,
    /// Bytes of frames that a prune moved.
    pub moved_bytes: u64,
    /// Snapshots that became complete on the second target.
    pub copied: u64,
    /// Snapshots forgotten.
    pub forgotten: u64,
    /// Stored objects that decayed and were mended.
    pub mended: u64,
    /// Lost records that were given up.
    pub given_up: u64,
    /// Snapshots that were restored rightly while others worked.
    pub restored: u64,
    /// Machines that were set back.
    pub rolled_back: u64,
    /// Lies that were told.
    pub lies: u64,
    /// Errands that were shown an earlier state.
    pub misled: u64,
    /// Targets that were set back.
    pub set_back: u64,
    /// Keepers that were revoked.
    pub revoked: u64,
}

impl std::ops::AddAssign for Tally {
    fn add_assign(&mut self, more: Self) {
        self.backups += more.backups;
        self.repeats += more.repeats;
        self.crashes += more.crashes;
        self.failures += more.failures;
        self.accepted += more.accepted;
        self.late += more.late;
        self.rescued += more.rescued;
        self.condemned += more.condemned;
        self.deleted += more.deleted;
        self.moved_bytes += more.moved_bytes;
        self.copied += more.copied;
        self.forgotten += more.forgotten;
        self.mended += more.mended;
        self.given_up += more.given_up;
        self.restored += more.restored;
        self.rolled_back += more.rolled_back;
        self.lies += more.lies;
        self.misled += more.misled;
        self.set_back += more.set_back;
        self.revoked += more.revoked;
    }
}
