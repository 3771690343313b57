//! What snapshots need and where it lies: the merged structure sections of all commits.
//!
//! Segment ids are interned, so that a page or frame costs a few bytes: in memory 40 for each place of
//! a frame, 8 for each frame that a page needs, and some 60 for each page.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::ops::ControlFlow;

use ov_format::audience::SegmentContext;
use ov_format::content::FrameRef;
use ov_format::id::{DatasetId, ObjectHash, SegmentId};
use ov_format::list::{PageRefs, Placement, StoredFrame};
use ov_format::name::{ObjectName, RecordName};
use ov_format::record::Section;
use ov_format::refs::PagePlace;
use ov_format::snapshot::{Counts, Structure};
use ov_format::{audience::Audience, record::SignedRecord, snapshot::Places};
use ov_store::StoreError;

use crate::error::VaultError;
use crate::fetch::{FETCHES, fetch_all};
use crate::finding::Finding;
use crate::section::{OpenSegment, open_section};
use crate::state::State;
use crate::table::read_list;
use crate::vault::Vault;

use settling::contradict;

mod settling;

/// Where a frame lies in a pack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The pack.
    pub pack: ObjectHash,
    /// Offset in the pack, in bytes.
    pub offset: u64,
    /// Length and hash.
    pub stored: StoredFrame,
}

/// What the structure section of a commit says beside its lists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Root {
    /// The dataset.
    pub dataset: DatasetId,
    /// The root pages: of the files, and of what is said of them. None if the snapshot has no
    /// entries.
    pub pages: Vec<PagePlace>,
    /// What the snapshot holds.
    pub counts: Counts,
}

type SegmentNumber = u32;
type Frame = (SegmentNumber, u16);
type Page = (SegmentNumber, u16, u16);

/// What a page needs, and who says so.
struct Needed {
    by: RecordName,
    children: Box<[Page]>,
    frames: Box<[Frame]>,
}

/// The graph.
///
/// An agent speaks for the segments that it made and for no others. Who made a segment is proven by
/// the segment's head, which is only read where two records contradict each other.
#[derive(Default)]
pub struct Graph {
    numbers: HashMap<SegmentId, SegmentNumber>,
    ids: Vec<SegmentId>,
    placements: HashMap<SegmentNumber, Vec<Placement>>,
    /// Segments that a pack has or had a placement of.
    in_pack: HashMap<ObjectHash, Vec<SegmentNumber>>,
    needed: HashMap<Page, Needed>,
    roots: BTreeMap<RecordName, Root>,
    published_by: HashMap<SegmentNumber, Vec<RecordName>>,
    loaded: HashSet<RecordName>,
    findings: Vec<Finding>,
    /// Segments of which records contradict each other, and what was said second of their pages.
    contested: BTreeSet<SegmentNumber>,
    doubted: Vec<(Page, Needed)>,
    /// Contradictions found: they do not go away with a second look.
    contradictions: Vec<Finding>,
}

/// What one snapshot, or several, need.
#[derive(Default)]
pub struct Needs {
    pages: HashSet<Page>,
    frames: HashSet<Frame>,
}

impl Graph {
    /// Reads the structure sections of all commits that `wanted` picks, and of all statements
    /// about places. What cannot be read becomes a finding.
    pub fn load(
        vault: &Vault,
        state: &State,
        open: OpenSegment<'_>,
        wanted: &dyn Fn(&RecordName) -> bool,
    ) -> Result<Self, VaultError> {
        let mut graph = Self::default();
        graph.extend(vault, state, open, wanted)?;
        Ok(graph)
    }

    /// Reads only datasets, roots and counts of commits, not their lists: for retention, which
    /// needs no more.
    pub fn load_roots(
        vault: &Vault,
        state: &State,
        open: OpenSegment<'_>,
        wanted: &dyn Fn(&RecordName) -> bool,
    ) -> Result<Self, VaultError> {
        let mut graph = Self::default();
        let commits = state.commits.keys().filter(|name| wanted(name));
        graph.load_each(vault, commits.copied().collect(), |graph, name, record| {
            graph.load_root(vault, name, &record, open).map(|_| ())
        })?;
        Ok(graph)
    }

    /// Reads what was not read before: after a refresh of the vault, or from another target of
    /// it. What could not be read is tried again.
    pub fn extend(
        &mut self,
        vault: &Vault,
        state: &State,
        open: OpenSegment<'_>,
        wanted: &dyn Fn(&RecordName) -> bool,
    ) -> Result<(), VaultError> {
        self.findings.clear();
        let commits = state.commits.keys().filter(|name| wanted(name));
        let commits = commits.filter(|name| !self.loaded.contains(*name));
        self.load_each(vault, commits.copied().collect(), |graph, name, record| {
            graph.load_commit(vault, name, &record, open)
        })?;
        let places = state.places.iter();
        let places = places.filter(|name| !self.loaded.contains(*name));
        self.load_each(vault, places.copied().collect(), |graph, name, record| {
            graph.load_places(vault, name, &record, open)
        })?;
        self.settle(vault, state)?;
        self.findings.extend(self.contradictions.iter().cloned());
        Ok(())
    }

    /// Fetches records, many at once, and loads them one after the other.
    fn load_each(
        &mut self,
        vault: &Vault,
        names: Vec<RecordName>,
        mut load: impl FnMut(&mut Self, &RecordName, SignedRecord) -> Result<(), VaultError>,
    ) -> Result<(), VaultError> {
        for names in names.chunks(FETCHES) {
            let fetch = |index: usize| names.get(index).map(|name| vault.record(name));
            let records = fetch_all(names.len(), &fetch).into_iter().flatten();
            for (name, record) in names.iter().zip(records) {
                let loaded = record.and_then(|record| load(self, name, record));
                self.note(loaded, name)?;
            }
        }
        Ok(())
    }

    fn note(
        &mut self,
        loaded: Result<(), VaultError>,
        name: &RecordName,
    ) -> Result<(), VaultError> {
        match loaded {
            Err(VaultError::Store(error)) if error.is_retryable() => Err(error.into()),
            Err(error) => {
                self.findings.push(sealed(ObjectName::Record(*name), error));
                Ok(())
            }
            Ok(()) => {
                self.loaded.insert(*name);
                Ok(())
            }
        }
    }

    /// Whether all that a record says of structure was read.
    pub fn has_read(&self, name: &RecordName) -> bool {
        self.loaded.contains(name)
    }

    fn load_root(
        &mut self,
        vault: &Vault,
        name: &RecordName,
        record: &SignedRecord,
        open: OpenSegment<'_>,
    ) -> Result<Structure, VaultError> {
        let section = structure_section(record)?;
        let object = ObjectName::Record(*name);
        let structure: Structure =
            open_section(section, object, vault.id(), name.log.member, open)?;
        let root = Root {
            dataset: structure.dataset,
            pages: structure
                .root
                .into_iter()
                .chain(structure.catalog)
                .collect(),
            counts: structure.counts,
        };
        self.roots.insert(*name, root);
        Ok(structure)
    }

    fn load_commit(
        &mut self,
        vault: &Vault,
        name: &RecordName,
        record: &SignedRecord,
        open: OpenSegment<'_>,
    ) -> Result<(), VaultError> {
        let object = ObjectName::Record(*name);
        let structure = self.load_root(vault, name, record, open)?;
        let section = structure_section(record)?;
        let context = context(vault, name, section);
        let store = &**vault.store();
        let placements = read_list(
            &structure.placements,
            store,
            &context,
            object,
            open,
            &mut |placement: Placement| match placement.signer == name.log.member {
                true => self.add_placement(placement, name),
                false => self.contradicts(name, &placement.segment),
            },
        );
        // Either list is of use without the other: places can be found again in the packs.
        let refs = read_list(
            &structure.refs,
            store,
            &context,
            object,
            open,
            &mut |refs: PageRefs| self.add_refs(&refs, name),
        );
        placements.and(refs)
    }

    fn load_places(
        &mut self,
        vault: &Vault,
        name: &RecordName,
        record: &SignedRecord,
        open: OpenSegment<'_>,
    ) -> Result<(), VaultError> {
        let section = structure_section(record)?;
        let object = ObjectName::Record(*name);
        let places: Places = open_section(section, object, vault.id(), name.log.member, open)?;
        let context = context(vault, name, section);
        read_list(
            &places.placements,
            &**vault.store(),
            &context,
            object,
            open,
            &mut |placement| {
                self.add_placement(placement, name);
            },
        )
    }

    fn number(&mut self, id: SegmentId) -> SegmentNumber {
        let next = SegmentNumber::try_from(self.ids.len()).unwrap_or(SegmentNumber::MAX);
        *self.numbers.entry(id).or_insert_with(|| {
            self.ids.push(id);
            next
        })
    }

    fn frame_key(&mut self, frame: FrameRef) -> Frame {
        (self.number(frame.segment), frame.frame)
    }

    fn page_key(&mut self, page: &PagePlace) -> Page {
        (self.number(page.at.segment), page.at.frame, page.index)
    }

    /// Adds a placement, as a keeper that moves frames does after publishing it.
    pub fn add_placement(&mut self, placement: Placement, by: &RecordName) {
        let number = self.number(placement.segment);
        let by_all = self.published_by.entry(number).or_default();
        // A record's placements come together, sorted by segment.
        if by_all.last() != Some(by) && !by_all.contains(by) {
            by_all.push(*by);
        }
        let placements = self.placements.entry(number).or_default();
        if contradicts_any(placements, &placement) {
            self.contested.insert(number);
        }
        let segments = self.in_pack.entry(placement.pack).or_default();
        if segments.last() != Some(&number) && !segments.contains(&number) {
            segments.push(number);
        }
        if !placements.contains(&placement) {
            placements.push(placement);
        }
    }

    fn add_refs(&mut self, refs: &PageRefs, by: &RecordName) {
        let page = self.page_key(&refs.page);
        let children = refs
            .refs
            .children
            .iter()
            .map(|child| self.page_key(child))
            .collect();
        let frames = refs
            .refs
            .frames
            .iter()
            .map(|frame| self.frame_key(*frame))
            .collect();
        let needed = Needed {
            by: *by,
            children,
            frames,
        };
        match self.needed.get(&page) {
            None => {
                self.needed.insert(page, needed);
            }
            Some(known) if known.says_the_same(&needed) => {}
            Some(_) => {
                self.contested.insert(page.0);
                self.doubted.push((page, needed));
            }
        }
    }

    fn id_of(&self, number: SegmentNumber) -> SegmentId {
        self.frame_ref((number, 0)).segment
    }

    /// What was found wrong while reading.
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }

    pub(crate) fn note_findings(&mut self, findings: Vec<Finding>) {
        self.findings.extend(findings);
    }

    /// What a commit's structure section says.
    pub fn root(&self, commit: &RecordName) -> Option<&Root> {
        self.roots.get(commit)
    }

    /// Adds to `needs` what a commit needs. Pages that are in it already are not walked again, so
    /// a vault's snapshots together cost their distinct pages. Fails with the first page whose
    /// needs nobody published.
    pub fn add_needs(&self, commit: &RecordName, needs: &mut Needs) -> Result<(), Finding> {
        let Some(root) = self.roots.get(commit) else {
            let why = "its structure section cannot be read".to_owned();
            return Err(Finding::Sealed(ObjectName::Record(*commit), why));
        };
        let lost = |at: &FrameRef| Finding::NoRefs(*commit, at.segment, at.frame);
        let mut pending = Vec::new();
        for page in &root.pages {
            let number = self.numbers.get(&page.at.segment);
            let number = number.ok_or_else(|| lost(&page.at))?;
            pending.push((*number, page.at.frame, page.index));
        }
        while let Some(page) = pending.pop() {
            if !needs.pages.insert(page) {
                continue;
            }
            let Some(needed) = self.needed.get(&page) else {
                needs.pages.remove(&page);
                return Err(lost(&self.frame_ref((page.0, page.1))));
            };
            needs.frames.insert((page.0, page.1));
            needs.frames.extend(needed.frames.iter().copied());
            pending.extend(needed.children.iter().copied());
        }
        Ok(())
    }

    /// Frames that hold a page and those below it, as its agent said: the page's own first, then level
    /// by level, `most` pages at most. What nobody published ends there.
    pub fn pages_below(&self, root: &PagePlace, most: usize) -> Vec<FrameRef> {
        let root = self.numbers.get(&root.at.segment).map(|number| {
            let page: Page = (*number, root.at.frame, root.index);
            page
        });
        let mut pages: Vec<Page> = root.into_iter().collect();
        let mut seen: HashSet<Page> = pages.iter().copied().collect();
        let mut next = 0;
        while let Some(page) = pages.get(next).copied() {
            let needed = self.needed.get(&page).into_iter();
            let children = needed.flat_map(|needed| needed.children.iter().copied());
            let room = most.saturating_sub(pages.len());
            pages.extend(children.filter(|page| seen.insert(*page)).take(room));
            next += 1;
        }
        let frame = |page: Page| self.frame_ref((page.0, page.1));
        pages.into_iter().map(frame).collect()
    }

    fn frame_ref(&self, frame: Frame) -> FrameRef {
        let index = usize::try_from(frame.0).unwrap_or(usize::MAX);
        let segment = self.ids.get(index).copied().unwrap_or(SegmentId([0; 32]));
        FrameRef {
            segment,
            frame: frame.1,
        }
    }

    /// Whether `needs` holds a frame.
    pub fn is_needed(&self, needs: &Needs, frame: &FrameRef) -> bool {
        let number = self.numbers.get(&frame.segment);
        number.is_some_and(|number| needs.frames.contains(&(*number, frame.frame)))
    }

    /// Adds to `needs` every frame that one of these commits published: a checkpoint has no root yet,
    /// and the run that goes on from it will use what it published.
    pub fn add_published(&self, commits: &BTreeSet<RecordName>, needs: &mut Needs) {
        if commits.is_empty() {
            return;
        }
        for (number, by) in &self.published_by {
            if !by.iter().any(|by| commits.contains(by)) {
                continue;
            }
            let placements = self.placements.get(number).into_iter().flatten();
            let frames = placements.flat_map(|placement| &placement.frames);
            needs
                .frames
                .extend(frames.map(|frame| (*number, frame.number)));
        }
    }

    /// All frames in `needs`, in order of segment.
    pub fn needed<'a>(&'a self, needs: &'a Needs) -> Vec<FrameRef> {
        let mut frames: Vec<Frame> = needs.frames.iter().copied().collect();
        frames.sort_unstable();
        frames
            .into_iter()
            .map(|frame| self.frame_ref(frame))
            .collect()
    }

    /// A frame in `needs` that no record says the place of.
    pub fn homeless(&self, needs: &Needs) -> Option<FrameRef> {
        // Counted first: a copy of all that is needed is made only where something is missing.
        let mut numbers = HashSet::new();
        let mut placed = 0;
        for (number, placements) in &self.placements {
            numbers.clear();
            let frames = placements.iter().flat_map(|placement| &placement.frames);
            let needed = frames.filter(|frame| needs.frames.contains(&(*number, frame.number)));
            numbers.extend(needed.map(|frame| frame.number));
            placed += numbers.len();
        }
        if placed == needs.frames.len() {
            return None;
        }
        let mut left = needs.frames.clone();
        for (number, placements) in &self.placements {
            let frames = placements.iter().flat_map(|placement| &placement.frames);
            for frame in frames {
                left.remove(&(*number, frame.number));
            }
        }
        left.into_iter().min().map(|frame| self.frame_ref(frame))
    }

    /// All places of a frame, newest last.
    pub fn places(&self, frame: &FrameRef) -> Vec<Place> {
        let number = self.numbers.get(&frame.segment);
        let placements = number.and_then(|number| self.placements.get(number));
        let in_placement = |placement: &Placement| {
            let found = placement
                .offsets()
                .find(|(_, stored)| stored.number == frame.frame);
            found.map(|(offset, stored)| Place {
                pack: placement.pack,
                offset,
                stored,
            })
        };
        placements
            .into_iter()
            .flatten()
            .filter_map(in_placement)
            .collect()
    }

    /// All placements of a segment.
    pub fn placements(&self, segment: &SegmentId) -> &[Placement] {
        let number = self.numbers.get(segment);
        number
            .and_then(|number| self.placements.get(number))
            .map_or(&[], Vec::as_slice)
    }

    /// What lies in a pack, as published, segment by segment. A frame that lies in it twice comes
    /// twice.
    pub fn frames_in(&self, pack: &ObjectHash) -> impl Iterator<Item = FrameRef> {
        self.placements_in(pack).flat_map(|placement| {
            let segment = placement.segment;
            let frames = placement.frames.iter();
            frames.map(move |frame| FrameRef {
                segment,
                frame: frame.number,
            })
        })
    }

    /// Whether a record said that something lies in a pack, true or not.
    pub(crate) fn was_placed(&self, pack: &ObjectHash) -> bool {
        self.in_pack.contains_key(pack)
    }

    /// Placements in a pack, segment by segment.
    pub fn placements_in(&self, pack: &ObjectHash) -> impl Iterator<Item = &Placement> {
        let pack = *pack;
        let segments = self.in_pack.get(&pack).into_iter().flatten();
        let placements = segments.filter_map(|number| self.placements.get(number));
        placements
            .flatten()
            .filter(move |placement| placement.pack == pack)
    }

    /// All placements.
    pub fn all_placements(&self) -> impl Iterator<Item = &Placement> {
        self.placements.values().flatten()
    }

    /// The record that first published a segment.
    pub fn published_by(&self, segment: &SegmentId) -> Option<&RecordName> {
        self.publishers(segment).first()
    }

    /// All records that published places of a segment.
    pub fn publishers(&self, segment: &SegmentId) -> &[RecordName] {
        let number = self.numbers.get(segment);
        number
            .and_then(|number| self.published_by.get(number))
            .map_or(&[], Vec::as_slice)
    }
}

/// Whether a placement contradicts one of these. Those behind the first ones that hold all its
/// frames are not asked: they were compared with these when they came.
fn contradicts_any(known: &[Placement], new: &Placement) -> bool {
    let mut unseen: HashSet<u16> = new.frames.iter().map(|frame| frame.number).collect();
    let contradicted = known.iter().try_for_each(|known| {
        if contradict(known, new) {
            return ControlFlow::Break(true);
        }
        for frame in &known.frames {
            unseen.remove(&frame.number);
        }
        match unseen.is_empty() {
            true => ControlFlow::Break(false),
            false => ControlFlow::Continue(()),
        }
    });
    contradicted == ControlFlow::Break(true)
}

/// A damaged table is named itself, not only the record that names it.
fn sealed(record: ObjectName, error: VaultError) -> Finding {
    match error {
        VaultError::Damaged(name) => Finding::Damaged(name),
        VaultError::Store(StoreError::NotFound { name }) => Finding::Missing(name),
        VaultError::Store(StoreError::Damaged { name }) => Finding::Damaged(name),
        VaultError::Object { name, source } => Finding::Sealed(name, source.to_string()),
        VaultError::Sealed { name, source } => Finding::Sealed(name, source.to_string()),
        error => Finding::Sealed(record, error.to_string()),
    }
}

fn structure_section(record: &SignedRecord) -> Result<&Section, VaultError> {
    let mut sections = record.record.sections.iter();
    let section = sections.find(|section| section.audience == Audience::Structure);
    section.ok_or(VaultError::NoKey("a structure section"))
}

fn context(vault: &Vault, name: &RecordName, section: &Section) -> SegmentContext {
    SegmentContext {
        vault: vault.id(),
        audience: section.audience,
        epoch: section.epoch,
        signer: name.log.member,
    }
}
