//! Deleting from restored folders what the snapshot does not hold.

use std::collections::HashSet;

use ov_format::entry::{Entry, EntryKey, Kind, ReadState};
use ov_source::{Deletion, FileSink, ShownPath};

use crate::monitor::Notice;
use crate::report::{EntryError, Failure};
use crate::selector::clean;
use crate::shape::{Part, Wanted};
use crate::tally::Tally;
use crate::tree::is_at_or_below;

/// Deletes what is in folders that were backed up whole and is not in the snapshot. A folder that
/// the backup could not read is left alone, and everything is if a part of the tree is lost:
/// what is not known to be foreign is not deleted.
pub(crate) fn delete_others(
    wanted: &Wanted<'_>,
    sink: &FileSink,
    deletion: Deletion,
    tally: &Tally<'_>,
) {
    let mut pass = Pass {
        wanted,
        sink,
        deletion,
        tally,
        unseen: HashSet::new(),
        unread: HashSet::new(),
    };
    if tally.is_broken() || !pass.run() {
        tally.monitor().notice(Notice::NothingDeleted);
    }
}

struct Pass<'p> {
    wanted: &'p Wanted<'p>,
    sink: &'p FileSink,
    deletion: Deletion,
    tally: &'p Tally<'p>,
    /// Folders of which no entry was met yet: at the end, the empty ones.
    unseen: HashSet<Vec<u8>>,
    /// Folders that the backup could not read.
    unread: HashSet<Vec<u8>>,
}

impl Pass<'_> {
    /// Looks once through the whole tree before anything is deleted. `false` if it cannot be read.
    fn run(&mut self) -> bool {
        if self.deletion == Deletion::Real && self.wanted.all().any(|entry| entry.is_err()) {
            return false;
        }
        let (mut folder, mut names) = (Vec::new(), HashSet::new());
        for entry in self.wanted.all() {
            let Ok(entry) = entry else { return false };
            if entry.key.parent != folder {
                self.clear(&folder, &names);
                names.clear();
                folder.clone_from(&entry.key.parent);
            }
            self.meet(&entry);
            names.insert(entry.key.name);
        }
        self.clear(&folder, &names);
        // A folder whose names could not all be listed stands there empty: in a snapshot with
        // troubles nobody can tell it from one that was.
        let empty = std::mem::take(&mut self.unseen);
        if !self.wanted.tree.is_troubled() {
            for folder in empty {
                self.clear(&folder, &HashSet::new());
            }
        }
        true
    }

    fn meet(&mut self, entry: &Entry) {
        self.unseen.remove(&entry.key.parent);
        if entry.meta.kind != Kind::Directory {
            return;
        }
        match entry.state {
            ReadState::Unreadable(_) => self.unread.insert(entry.key.path()),
            ReadState::Clean | ReadState::Changed => self.unseen.insert(entry.key.path()),
        };
    }

    fn clear(&self, folder: &[u8], names: &HashSet<Vec<u8>>) {
        let Some(target) = self.target_of(folder) else {
            return;
        };
        let report = &mut |key: &EntryKey| {
            self.tally.with(|report| report.deleted += 1);
            self.tally.monitor().notice(Notice::Deleted(key.clone()));
        };
        let fail = |error: EntryError| {
            self.tally.fail(Failure {
                path: ShownPath::new([b"/", folder].concat()),
                error: std::sync::Arc::new(error),
            });
        };
        let removed = self
            .sink
            .remove_others(&target, names, self.deletion, report);
        match removed {
            Ok(errors) => errors.into_iter().for_each(|error| fail(error.into())),
            // A folder that is not there yet has nothing to delete.
            Err(_) if self.deletion == Deletion::Pretended => {}
            Err(error) => fail(error.into()),
        }
    }

    /// The folder in the target, if it may be cleared: it was backed up whole, and is restored.
    fn target_of(&self, folder: &[u8]) -> Option<Vec<u8>> {
        let mut roots = self.wanted.roots.iter();
        let is_whole = roots.any(|root| is_at_or_below(folder, clean(root)));
        if !is_whole || self.unread.contains(folder) {
            return None;
        }
        let key = EntryKey::from_path(folder);
        if key
            .as_ref()
            .is_some_and(|key| !self.wanted.filter.takes(key))
        {
            return None;
        }
        match self.wanted.part {
            Part::Whole => Some(folder.to_vec()),
            Part::Below(above) if above[..] == *folder => Some(Vec::new()),
            Part::Below(_) => Some(self.wanted.part.target_key(&key?)?.path()),
            Part::One(_) | Part::These(_) => None,
        }
    }
}
