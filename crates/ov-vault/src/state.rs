//! What follows from the records of a target: which snapshots there are and what became of them.

use std::collections::{BTreeMap, BTreeSet};

use ov_format::content::FrameRef;
use ov_format::entry::Time;
use ov_format::id::{InstanceId, MemberId, ObjectHash};
use ov_format::name::RecordName;
use ov_format::statement::{Cause, Condemned, Statement, StoredObject};
use ov_policy::prune;

use crate::vault::Vault;

/// Whether all that a commit needs is known to be on this target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// No keeper of this target has spoken yet.
    Open,
    /// All is there.
    Accepted,
    /// It must be run again; why.
    Rejected(String),
}

/// A hold on snapshots.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hold {
    /// The record that holds.
    pub name: RecordName,
    /// Who said it.
    pub member: MemberId,
    /// When, by that member's clock.
    pub time: Time,
    /// The commits.
    pub commits: Vec<RecordName>,
    /// Why.
    pub reason: String,
}

/// One commit.
#[derive(Clone, Debug)]
pub struct Commit {
    /// Its name.
    pub name: RecordName,
    /// When, by the agent's clock.
    pub time: Time,
    /// The installation that made it.
    pub instance: InstanceId,
    /// Packs that it published.
    pub packs: Vec<StoredObject>,
    /// Tables that it published.
    pub tables: Vec<StoredObject>,
    /// Part of a run that went on.
    pub partial: bool,
    /// When a keeper first saw it, by the keeper's clock.
    pub arrival: Option<Time>,
    /// Stored bytes of the frames that it needs, as a keeper counted them.
    pub stored_bytes: Option<u64>,
    /// Whether all that it needs is on this target.
    pub verdict: Verdict,
    /// A tombstone names it.
    pub forgotten: bool,
}

impl Commit {
    /// Whether what it needs is kept on this target: every commit counts until a tombstone names
    /// it, accepted or not, since its agent may just have been told that it is durable
    /// (`docs/decisions/0002-one-flag-protocol.md`). What was never here is not missed.
    pub fn is_root(&self) -> bool {
        !self.forgotten
    }
}

/// What follows from the records.
#[derive(Clone, Debug, Default)]
pub struct State {
    /// All commits.
    pub commits: BTreeMap<RecordName, Commit>,
    /// Holds that are in force.
    pub holds: Vec<Hold>,
    /// Condemned packs of this target, with the record that says so and since when it has surely
    /// been there ([`crate::Witnesses`]).
    pub condemned: Vec<(RecordName, Option<Time>, Condemned)>,
    /// Packs that were deleted from this target.
    pub deleted: BTreeSet<ObjectHash>,
    /// Since when that has surely been said.
    pub delete_times: BTreeMap<ObjectHash, Option<Time>>,
    /// Records that publish places, on any target.
    pub places: Vec<RecordName>,
    /// All packs that any record published, with the length that it says.
    pub published_packs: BTreeMap<ObjectHash, u64>,
    /// What other records say of the length of the same packs. A pack's name is the hash of its
    /// bytes and not its length, so an agent can say a wrong one of somebody else's pack.
    pub other_lengths: BTreeMap<ObjectHash, BTreeSet<u64>>,
    /// As above, tables; keys tables too.
    pub published_tables: BTreeMap<ObjectHash, u64>,
    /// Changes of tags, in order.
    pub tags: Vec<(RecordName, RecordName)>,
    /// Records that change the crosswalk, in order of their logs.
    pub links: Vec<RecordName>,
}

impl State {
    /// Folds the records of a vault.
    pub fn of(vault: &Vault) -> Self {
        let mut state = Self::default();
        for said in vault.logs().all() {
            if let Statement::Commit {
                packs,
                tables,
                partial,
                accepted,
            } = &said.statement
            {
                let verdict = match accepted {
                    Some(_) if said.name.log.target == vault.target() => Verdict::Accepted,
                    _ => Verdict::Open,
                };
                state.commits.insert(
                    said.name,
                    Commit {
                        name: said.name,
                        time: said.time,
                        instance: said.instance,
                        packs: packs.clone(),
                        tables: tables.clone(),
                        partial: *partial,
                        arrival: *accepted,
                        stored_bytes: None,
                        verdict,
                        forgotten: false,
                    },
                );
            }
        }
        let mut released = BTreeSet::new();
        for said in vault.logs().all() {
            state.add(vault, said, &mut released);
        }
        state.holds.retain(|hold| !released.contains(&hold.name));
        for table in &vault.head().keys {
            state.published_tables.insert(table.hash, table.length);
        }
        state
    }

    fn add(
        &mut self,
        vault: &Vault,
        said: &crate::logs::Said,
        released: &mut BTreeSet<RecordName>,
    ) {
        let here = said.name.log.target == vault.target();
        let (packs, tables) = said.statement.published();
        for pack in packs {
            let first = *self.published_packs.entry(pack.hash).or_insert(pack.length);
            if first != pack.length {
                let others = self.other_lengths.entry(pack.hash).or_default();
                others.insert(pack.length);
            }
        }
        self.published_tables
            .extend(tables.iter().map(|table| (table.hash, table.length)));
        match &said.statement {
            Statement::Accept {
                commit,
                arrival,
                bytes,
                ..
            } => {
                if let Some(commit) = self.commits.get_mut(commit) {
                    // The first arrival that any keeper saw travels with copies as history.
                    commit.arrival = Some(commit.arrival.map_or(*arrival, |a| a.min(*arrival)));
                    commit.stored_bytes = Some(*bytes);
                    if here && !matches!(commit.verdict, Verdict::Rejected(_)) {
                        commit.verdict = Verdict::Accepted;
                    }
                }
            }
            Statement::Reject { commit, reason } if here => {
                if let Some(commit) = self.commits.get_mut(commit) {
                    commit.verdict = Verdict::Rejected(reason.clone());
                }
            }
            Statement::Forget(commits) => {
                for name in commits {
                    if let Some(commit) = self.commits.get_mut(name) {
                        commit.forgotten = true;
                    }
                }
            }
            Statement::Hold { commits, reason } => self.holds.push(Hold {
                name: said.name,
                member: said.name.log.member,
                time: said.time,
                commits: commits.clone(),
                reason: reason.clone(),
            }),
            Statement::Release(hold) => {
                released.insert(*hold);
            }
            Statement::Condemn(packs) if here => {
                let since = vault.logs().witnesses.since(&said.name);
                let condemned = packs.iter().map(|pack| (said.name, since, pack.clone()));
                self.condemned.extend(condemned);
            }
            Statement::Delete(packs) if here => {
                self.deleted.extend(packs.iter().copied());
                let since = vault.logs().witnesses.since(&said.name);
                for pack in packs {
                    let first = self.delete_times.entry(*pack).or_insert(since);
                    *first = [*first, since].into_iter().flatten().min();
                }
            }
            Statement::Places { .. } => self.places.push(said.name),
            Statement::Tag(commit) => self.tags.push((said.name, *commit)),
            Statement::Link => self.links.push(said.name),
            _ => {}
        }
    }

    /// All condemns of this target, as the rules of `ov_policy::prune` take them.
    pub fn condemns(&self) -> prune::Condemned<ObjectHash, FrameRef> {
        self.condemned
            .iter()
            .map(|(_, _, one)| condemn(one))
            .collect()
    }

    /// Those that were surely there at a time.
    pub fn condemns_until(&self, last: Time) -> prune::Condemned<ObjectHash, FrameRef> {
        let old = |since: &Option<Time>| since.is_some_and(|since| since <= last);
        let condemned = self.condemned.iter().filter(|(_, since, _)| old(since));
        condemned.map(|(_, _, one)| condemn(one)).collect()
    }

    /// Whether a pack may have this length: some record says so. Who is right is shown by its bytes.
    pub fn is_length(&self, pack: &ObjectHash, length: u64) -> bool {
        let others = self.other_lengths.get(pack);
        self.published_packs.get(pack) == Some(&length)
            || others.is_some_and(|others| others.contains(&length))
    }

    /// Whether a hold in force names the commit.
    pub fn held(&self, commit: &RecordName) -> bool {
        self.holds.iter().any(|hold| hold.commits.contains(commit))
    }

    /// Snapshots to show: not forgotten, and not partial ones whose run went on.
    pub fn listed(&self) -> impl Iterator<Item = &Commit> {
        self.commits
            .values()
            .filter(|commit| !commit.forgotten && !commit.partial)
    }
}

fn condemn(condemned: &Condemned) -> prune::Condemn<ObjectHash, FrameRef> {
    let frames = |drop: &ov_format::statement::Drop| {
        let segment = drop.segment;
        let frames = drop.frames.clone().into_iter();
        frames.map(move |frame| FrameRef { segment, frame })
    };
    prune::Condemn {
        pack: condemned.pack,
        drops: match &condemned.drops {
            Some(drops) => prune::Drops::Frames(drops.iter().flat_map(frames).collect()),
            None => prune::Drops::Whole,
        },
        cause: match condemned.cause {
            Cause::Unused => prune::Cause::Unused,
            Cause::Damage => prune::Cause::Damage,
        },
    }
}
