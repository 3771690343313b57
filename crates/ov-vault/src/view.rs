//! What a keeper knows after one look at a target: what the rules of `ov_policy::prune` ask.

use std::collections::{BTreeMap, BTreeSet};

use ov_format::content::FrameRef;
use ov_format::entry::Time;
use ov_format::id::{ObjectHash, SegmentId};
use ov_format::name::{ObjectName, RecordName};
use ov_policy::prune::{Condemned, Sight, place_counts};
use ov_store::{Listed, Listing, Store};

use crate::error::VaultError;
use crate::finding::Finding;
use crate::frames::{fetch_head, fetch_place};
use crate::graph::{Graph, Needs, Place};
use crate::keeper::Keeper;
use crate::mover::{Moved, is_loss, remember};
use crate::state::State;
use crate::vault::Vault;

/// What a keeper knows after one look.
pub(crate) struct View {
    pub state: State,
    pub graph: Graph,
    /// Packs and tables as listed, whatever became of them.
    pub packs: BTreeMap<ObjectHash, Listed>,
    pub tables: BTreeMap<ObjectHash, Listed>,
    pub condemned: Condemned<ObjectHash, FrameRef>,
    pub ripe: Condemned<ObjectHash, FrameRef>,
    pub used: Needs,
    /// Roots whose needs are not known.
    pub unknown: Vec<Finding>,
    /// A used frame that no record places, if there is any: the record that does was not read.
    homeless: Option<Finding>,
    /// Places that were read and do not hold what they should.
    bad: BTreeSet<(ObjectHash, FrameRef)>,
    /// Places that were read and do.
    good: BTreeSet<(ObjectHash, FrameRef)>,
    /// Whether heads of segments that were read are whole.
    heads: BTreeMap<(ObjectHash, SegmentId), bool>,
    /// Packs of records whose structure could not be read.
    unread: BTreeSet<ObjectHash>,
    /// Packs that each record publishes.
    record_packs: BTreeMap<RecordName, BTreeSet<ObjectHash>>,
    grace_seconds: i64,
}

impl View {
    /// Looks: the logs first, then packs and tables, so that whatever a listed record publishes
    /// was durable before the second listing.
    pub fn read(
        vault: &mut Vault,
        keeper: &Keeper<'_>,
        grace_seconds: i64,
    ) -> Result<Self, VaultError> {
        let mut view = Self {
            state: State::default(),
            graph: Graph::default(),
            packs: BTreeMap::new(),
            tables: BTreeMap::new(),
            condemned: Condemned::default(),
            ripe: Condemned::default(),
            used: Needs::default(),
            unknown: Vec::new(),
            homeless: None,
            bad: BTreeSet::new(),
            good: BTreeSet::new(),
            heads: BTreeMap::new(),
            unread: BTreeSet::new(),
            record_packs: BTreeMap::new(),
            grace_seconds,
        };
        view.look_again(vault, keeper)?;
        Ok(view)
    }

    /// A new look. What was read before is not read again.
    pub fn look_again(&mut self, vault: &mut Vault, keeper: &Keeper<'_>) -> Result<(), VaultError> {
        let began = keeper.clock.now();
        vault.refresh()?;
        self.state = State::of(vault);
        let open = |context: &_, head: &[u8]| keeper.open(context, head);
        self.graph.extend(vault, &self.state, &open, &|_| true)?;
        self.packs = listed(&**vault.store(), Listing::Packs)?;
        self.tables = listed(&**vault.store(), Listing::Tables)?;
        self.condemned = self.state.condemns();
        self.ripe = match self.grace_seconds {
            0 => self.state.condemns(),
            grace => self.state.condemns_until(Time {
                seconds: began.seconds.saturating_sub(grace),
                nanos: began.nanos,
            }),
        };
        self.record_packs = record_packs(vault);
        let unread = self.record_packs.iter();
        let unread = unread.filter(|(name, _)| !self.graph.has_read(name));
        self.unread = unread.flat_map(|(_, packs)| packs).copied().collect();
        self.use_roots();
        Ok(())
    }

    fn use_roots(&mut self) {
        self.used = Needs::default();
        self.unknown.clear();
        let state = &self.state;
        for commit in state.commits.values().filter(|commit| commit.is_root()) {
            if let Err(finding) = self.graph.add_needs(&commit.name, &mut self.used) {
                self.unknown.push(finding);
            }
        }
        let going_on = unsuperseded(state, &self.graph);
        self.graph.add_published(&going_on, &mut self.used);
        self.homeless = self.find_homeless();
    }

    fn find_homeless(&self) -> Option<Finding> {
        let frame = self.graph.homeless(&self.used)?;
        let mut roots = self.state.commits.values().filter(|one| one.is_root());
        let commit = roots.find(|commit| {
            let mut needs = Needs::default();
            let _ = self.graph.add_needs(&commit.name, &mut needs);
            self.graph.is_needed(&needs, &frame)
        })?;
        Some(Finding::NoPlace(commit.name, frame.segment, frame.frame))
    }

    /// Why it is not known what all snapshots need: hidden or lost records, structure that cannot be
    /// read, and used frames that no record places. What was forgotten by name needs nothing; what
    /// it places and others need is missed by them.
    pub fn blocking(&self, vault: &Vault) -> Vec<Finding> {
        let forgotten = vault.forgotten();
        let unread = vault.logs().findings.iter();
        let unread = unread.filter(|finding| finding.unread().is_some());
        let said = unread.chain(self.graph.findings());
        let said = said.filter(|finding| !finding.is_about(&forgotten));
        let all = said.chain(&self.unknown).chain(&self.homeless);
        all.cloned().collect()
    }

    /// Whether every record that a listing showed or somebody has seen could be read. One that could
    /// not, forgotten or not, may publish what seems to be published by nobody.
    pub fn has_all_records(&self, vault: &Vault) -> bool {
        let mut findings = vault.logs().findings.iter();
        findings.all(|finding| finding.unread().is_none())
    }

    /// The length that a pack was published with.
    pub fn published_length(&self, pack: &ObjectHash) -> Option<u64> {
        self.state.published_packs.get(pack).copied()
    }

    /// Whether all records that publish the pack could be read, so that its contents are known.
    pub fn is_known(&self, pack: &ObjectHash) -> bool {
        !self.unread.contains(pack)
    }

    /// What a pack holds, as published.
    pub fn frames_of(&self, pack: &ObjectHash) -> BTreeSet<FrameRef> {
        self.graph.frames_in(pack).collect()
    }

    /// Reads every place that keeps one of these frames safe outside `except`, until one is found
    /// that holds what it should; the others are remembered as bad. True if some place was found
    /// bad: then ask the rules again.
    pub fn distrust(
        &mut self,
        store: &dyn Store,
        frames: &BTreeSet<FrameRef>,
        except: &ObjectHash,
    ) -> Result<bool, VaultError> {
        let mut changed = false;
        for frame in frames {
            for place in self.graph.places(frame).into_iter().rev() {
                let key = (place.pack, *frame);
                if place.pack == *except || !place_counts(self, &place.pack) {
                    continue;
                }
                if self.good.contains(&key) {
                    break;
                }
                if self.bad.contains(&key) {
                    continue;
                }
                if self.has_head(store, &place.pack, &frame.segment)? && holds(store, &place)? {
                    self.good.insert(key);
                    break;
                }
                self.bad.insert(key);
                changed = true;
            }
        }
        Ok(changed)
    }

    /// Whether a pack holds a segment's head: without it no frame of the segment opens.
    fn has_head(
        &mut self,
        store: &dyn Store,
        pack: &ObjectHash,
        segment: &SegmentId,
    ) -> Result<bool, VaultError> {
        if let Some(known) = self.heads.get(&(*pack, *segment)) {
            return Ok(*known);
        }
        let found = holds_head(store, &self.graph, pack, segment)?;
        self.heads.insert((*pack, *segment), found);
        Ok(found)
    }

    /// Whether a place was read and does not hold what it should.
    pub fn is_bad(&self, pack: &ObjectHash, frame: &FrameRef) -> bool {
        self.bad.contains(&(*pack, *frame))
    }

    /// Notes that a place does not hold what it should.
    pub fn note_bad(&mut self, pack: ObjectHash, frame: FrameRef) {
        self.bad.insert((pack, frame));
    }

    /// Takes note of frames that were moved by this keeper just now: they need no reading.
    pub fn take(&mut self, moved: &Moved) {
        for (pack, frame) in remember(&mut self.graph, moved) {
            self.good.insert((pack, frame));
        }
        for pack in &moved.packs {
            let listed = Listed {
                name: ObjectName::Pack(pack.hash),
                length: pack.length,
                modified: None,
            };
            self.packs.insert(pack.hash, listed);
            self.state.published_packs.insert(pack.hash, pack.length);
        }
    }

    /// Counts packs as condemned that are about to be, so that they do not count on each other.
    pub fn condemn_in_advance(&mut self, packs: &[ObjectHash]) {
        for pack in packs {
            self.condemned.add(ov_policy::prune::Condemn {
                pack: *pack,
                drops: ov_policy::prune::Drops::Frames(BTreeSet::new()),
                cause: ov_policy::prune::Cause::Unused,
            });
        }
    }
}

impl Sight for View {
    type Pack = ObjectHash;
    type Frame = FrameRef;

    fn condemned(&self) -> &Condemned<ObjectHash, FrameRef> {
        &self.condemned
    }

    fn ripe(&self) -> &Condemned<ObjectHash, FrameRef> {
        &self.ripe
    }

    fn is_used(&self, frame: &FrameRef) -> bool {
        self.graph.is_needed(&self.used, frame)
    }

    fn origins(&self, frame: &FrameRef) -> BTreeSet<ObjectHash> {
        let by = self.graph.publishers(&frame.segment);
        let is_commit = |name: &&RecordName| self.state.commits.contains_key(name);
        // Places found again by a rescan stand for commits whose lists are lost.
        let commits: Vec<_> = by.iter().filter(is_commit).collect();
        let by = if commits.is_empty() {
            by.iter().collect()
        } else {
            commits
        };
        let packs = by
            .into_iter()
            .filter_map(|name| self.record_packs.get(name));
        packs.flatten().copied().collect()
    }

    fn places(&self, frame: &FrameRef) -> Vec<ObjectHash> {
        let places = self.graph.places(frame).into_iter().map(|place| place.pack);
        places
            .filter(|pack| !self.bad.contains(&(*pack, *frame)))
            .collect()
    }

    fn is_present(&self, pack: &ObjectHash) -> bool {
        let right = |listed: &Listed| {
            let published = self.published_length(pack).is_some();
            !published || self.state.is_length(pack, listed.length)
        };
        !self.state.deleted.contains(pack) && self.packs.get(pack).is_some_and(right)
    }

    fn is_deleted(&self, pack: &ObjectHash) -> bool {
        self.state.deleted.contains(pack)
    }
}

/// Checkpoints after which no run of their dataset has come to its end.
fn unsuperseded(state: &State, graph: &Graph) -> BTreeSet<RecordName> {
    let key = |name: &RecordName| (name.log, graph.root(name).map(|root| root.dataset));
    let mut ended: BTreeMap<_, u64> = BTreeMap::new();
    for commit in state.commits.values().filter(|commit| !commit.partial) {
        let last = ended.entry(key(&commit.name)).or_insert(0);
        *last = (*last).max(commit.name.number);
    }
    let partial = state.commits.values().filter(|commit| {
        let last = ended.get(&key(&commit.name));
        commit.partial && commit.is_root() && last.is_none_or(|last| *last <= commit.name.number)
    });
    partial.map(|commit| commit.name).collect()
}

/// Reads a place; false if it does not hold what it should.
pub(crate) fn holds(store: &dyn Store, place: &Place) -> Result<bool, VaultError> {
    is_there(fetch_place(store, place))
}

/// Reads a segment's head in a pack; false if it is not whole there.
pub(crate) fn holds_head(
    store: &dyn Store,
    graph: &Graph,
    pack: &ObjectHash,
    segment: &SegmentId,
) -> Result<bool, VaultError> {
    let placements = graph.placements(segment).iter();
    for placement in placements.filter(|placement| placement.pack == *pack) {
        if is_there(fetch_head(store, placement))? {
            return Ok(true);
        }
    }
    Ok(false)
}

fn is_there(read: Result<Vec<u8>, VaultError>) -> Result<bool, VaultError> {
    match read {
        Ok(_) => Ok(true),
        Err(error) if is_loss(&error) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Everything of one kind that a target lists.
pub(crate) fn listed(
    store: &dyn Store,
    what: Listing,
) -> Result<BTreeMap<ObjectHash, Listed>, VaultError> {
    let mut found = BTreeMap::new();
    store.list(what, &mut |listed| {
        found.insert(listed.name.hash(), listed);
        Ok(())
    })?;
    Ok(found)
}

fn record_packs(vault: &Vault) -> BTreeMap<RecordName, BTreeSet<ObjectHash>> {
    let publishing = vault.logs().all().filter_map(|said| {
        let (packs, _) = said.statement.published();
        let packs: BTreeSet<_> = packs.iter().map(|pack| pack.hash).collect();
        (!packs.is_empty()).then_some((said.name, packs))
    });
    publishing.collect()
}

/// The newest record of every log: what a plan was made on.
pub(crate) fn tips(vault: &Vault) -> Vec<RecordName> {
    vault.logs().tips.values().flatten().copied().collect()
}
