//! Which chunks the agent's group has stored already.
//!
//! Built from the group sections of commits. Chunks are kept in sorted local files, the [`shelves`],
//! and found there by a filter and one read; what no shelf has yet is in memory. Each commit's list
//! is kept in the local state too, and shelves are built from lists anew when they are damaged or
//! speak for a commit that no longer counts. Losing the local state costs one download.

pub mod block_cache;
pub mod contents;
pub mod delta;
pub mod filter;
pub mod list;
pub mod merge;
pub mod row;
pub mod shelf;
pub mod shelves;
pub mod sorted_file;

use std::collections::{BTreeMap, BTreeSet};

use ov_format::content::{ChunkRef, FrameRef};
use ov_format::id::{ChunkId, ObjectHash, SegmentId};
use ov_format::list::GroupChunk;
use ov_format::name::RecordName;
use ov_policy::prune::Condemned;
use ov_vault::finding::short;
use ov_vault::state::{Commit, State, Verdict};
use ov_vault::{Vault, VaultError};

use crate::agent::Agent;
use crate::error::BackupError;
use crate::index::merge::Damaged;
use crate::index::shelves::{Bounds, Keep, Shelves};
use crate::local_file::LocalFiles;
use crate::monitor::Monitor;

/// The chunks that may be used again.
pub struct Index<'m> {
    shelves: Shelves,
    files: LocalFiles,
    folder: String,
    /// Packs and tables of all commits whose chunks are in the index: if one of them turns out to
    /// be condemned whole, what the run used may be gone.
    origins: BTreeSet<ObjectHash>,
    monitor: &'m dyn Monitor,
}

impl<'m> Index<'m> {
    /// Opens what the group has on this target, without what was dropped, and adds what is new.
    pub fn load(
        vault: &Vault,
        state: &State,
        agent: &Agent,
        files: &LocalFiles,
        monitor: &'m dyn Monitor,
    ) -> Result<Self, BackupError> {
        let folder = folder(vault, agent);
        files.make_folder(&folder)?;
        let _lock = files.lock(&lock_name(&folder));
        let condemned = state.condemns();
        let counting = counting(vault, state, agent, &condemned);
        let counts = |name: &RecordName| counting.contains_key(name);
        let opened = Shelves::open(files, &folder, Bounds::default(), condemned, &counts)?;
        let mut index = Self {
            shelves: opened.shelves,
            files: files.clone(),
            folder,
            origins: BTreeSet::new(),
            monitor,
        };
        if opened.lost > 0 {
            index.tell_damage();
        }
        index.add_missing(vault, agent, &counting)?;
        for name in index.shelves.commits() {
            if let Some(commit) = counting.get(name) {
                let objects = commit.packs.iter().chain(&commit.tables);
                index.origins.extend(objects.map(|object| object.hash));
            }
        }
        Ok(index)
    }

    /// Adds the chunks of commits that no shelf speaks for.
    fn add_missing(
        &mut self,
        vault: &Vault,
        agent: &Agent,
        counting: &BTreeMap<RecordName, &Commit>,
    ) -> Result<(), BackupError> {
        let mut missing: BTreeSet<RecordName> = counting.keys().copied().collect();
        for name in self.shelves.commits() {
            missing.remove(name);
        }
        while let Some(name) = missing.pop_first() {
            match list::of_commit(vault, agent, &self.files, &self.folder, &name) {
                Ok(chunks) => self.shelves.add(name, &chunks),
                Err(VaultError::Store(error)) if error.is_retryable() => return Err(error.into()),
                // Lost, damaged, or junk that another of the group has signed: no reason not to
                // back up.
                Err(error) => self.monitor.notice(&format!(
                    "what snapshot {} stored cannot be found again and is stored once more: \
                     {error}",
                    short(&name)
                )),
            }
            let last = missing.is_empty();
            if (self.shelves.is_full() || last && self.shelves.is_scattered())
                && let Err(damaged) = self.shelves.fold(Keep::Named)
            {
                self.tell_damage();
                missing.extend(self.shelves.take_away(damaged));
                self.shelves.write_contents();
            }
        }
        Ok(())
    }

    /// Adds a chunk that this run has stored.
    pub fn insert(&mut self, chunk: &ChunkRef) {
        self.shelves.insert(&GroupChunk {
            tag: chunk.tag,
            at: chunk.at,
            index: chunk.index,
        });
        self.make_room();
    }

    /// Where a chunk is, if the group has it.
    pub fn find(&mut self, id: &ChunkId) -> Option<ChunkRef> {
        let tag = id.tag();
        loop {
            match self.shelves.find(&tag) {
                Ok(found) => {
                    return found.map(|found| ChunkRef {
                        tag,
                        at: found.at,
                        index: found.index,
                    });
                }
                Err(damaged) => self.mend(damaged),
            }
        }
    }

    /// Whether what lies in a frame may be used again without looking for each chunk: its segment
    /// is in the index, and the frame was not dropped. Other segments were dropped or rejected, or
    /// are not this group's.
    pub fn may_use(&mut self, at: &FrameRef) -> bool {
        !self.shelves.drops(at) && self.has_segment(&at.segment)
    }

    fn has_segment(&mut self, segment: &SegmentId) -> bool {
        loop {
            match self.shelves.has_segment(segment) {
                Ok(has) => return has,
                Err(damaged) => self.mend(damaged),
            }
        }
    }

    /// Packs and tables that the index rests on.
    pub fn origins(&self) -> &BTreeSet<ObjectHash> {
        &self.origins
    }

    /// Reads the lists behind a damaged shelf again. Each call takes a shelf away, so this ends.
    fn mend(&mut self, damaged: Damaged) {
        self.tell_damage();
        for commit in self.shelves.take_away(damaged) {
            match list::local(&self.files, &self.folder, &commit) {
                Some(chunks) => self.shelves.add(commit, &chunks),
                None => self.monitor.notice(&format!(
                    "the local list of what snapshot {} stored is damaged too: this run may store \
                     it once more, the next fetches the list",
                    short(&commit)
                )),
            }
            self.make_room();
        }
    }

    fn make_room(&mut self) {
        if !self.shelves.is_full() {
            return;
        }
        let lock = self.files.lock(&lock_name(&self.folder));
        let folded = self.shelves.fold(Keep::Unnamed);
        drop(lock);
        if let Err(damaged) = folded {
            self.mend(damaged);
        }
    }

    fn tell_damage(&self) {
        self.monitor.notice(
            "a local file of known chunks was damaged; it is made anew from the lists that it \
             came from",
        );
    }
}

/// Where the index of an agent is kept: what one compartment, group or target has is not what
/// another has.
fn folder(vault: &Vault, agent: &Agent) -> String {
    let (target, compartment) = (vault.target(), agent.compartment);
    format!(
        "index/{target}-{compartment}-{}-{}",
        agent.group, agent.epoch
    )
}

fn lock_name(folder: &str) -> String {
    format!("{folder}/lock")
}

/// The commits whose chunks may be used.
fn counting<'s>(
    vault: &Vault,
    state: &'s State,
    agent: &Agent,
    condemned: &Condemned<ObjectHash, FrameRef>,
) -> BTreeMap<RecordName, &'s Commit> {
    let counts = |commit: &&Commit| {
        let member = vault.head().members.get(&commit.name.log.member);
        let ours = member.is_some_and(|member| member.group == agent.group);
        // What was published elsewhere may never have been copied here.
        let here = commit.name.log.target == vault.target();
        let rejected = matches!(commit.verdict, Verdict::Rejected(_));
        let mut packs = commit.packs.iter();
        ours && here && !rejected && !packs.any(|pack| dropped_whole(condemned, &pack.hash))
    };
    let commits = state.commits.values().filter(counts);
    commits.map(|commit| (commit.name, commit)).collect()
}

fn dropped_whole(condemned: &Condemned<ObjectHash, FrameRef>, pack: &ObjectHash) -> bool {
    let nothing = FrameRef {
        segment: SegmentId([0; 32]),
        frame: 0,
    };
    condemned.drops(&nothing, &BTreeSet::from([*pack]))
}
