//! Who is right where records contradict each other about a segment.

use std::collections::{BTreeSet, HashMap};

use ov_format::audience::{Audience, SegmentContext};
use ov_format::id::{MemberId, ObjectHash, SegmentId};
use ov_format::list::{Placement, StoredFrame};
use ov_format::name::{ObjectName, RecordName};
use ov_seal::segment::segment_id;
use ov_store::StoreError;

use super::{Frame, Graph, Needed, Page, SegmentNumber};
use crate::error::VaultError;
use crate::finding::Finding;
use crate::state::State;
use crate::vault::Vault;

/// No head of a segment is longer: its slots are counted by sixteen bits.
const HEAD_MAX: usize = 128 * 1024;

/// Who made a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Proof {
    By(MemberId),
    /// No head that can be read is the segment's.
    None,
    /// None can be read, so nothing of it can be moved either.
    Unread,
    /// Nothing of it is here, as on a copy that never had it.
    Absent,
}

impl Graph {
    /// Takes out what was said of segments by others than who made them. What cannot be settled
    /// so counts all, since to need too much loses nothing; and it is found wrong. As long as nobody
    /// can say who made a segment it is asked again, and nothing of it may be moved.
    pub(super) fn settle(&mut self, vault: &Vault, state: &State) -> Result<(), VaultError> {
        for number in std::mem::take(&mut self.contested) {
            let proof = self.proof(vault, number)?;
            let signer = match proof {
                Proof::By(signer) => Some(signer),
                Proof::None | Proof::Unread | Proof::Absent => None,
            };
            if let Some(signer) = signer {
                self.forget_others(number, signer);
            }
            let one = self.contradiction(number, state);
            let by = self.published_by.get(&number).and_then(|by| by.last());
            match (proof, one) {
                (_, None) => {}
                (Proof::Absent, Some(_)) => {
                    self.contested.insert(number);
                }
                (Proof::None, Some(pack)) => {
                    let why = format!("nobody knows who made segment {}", self.id_of(number));
                    let unknown = Finding::Unreadable(ObjectName::Pack(pack), why);
                    self.findings.push(unknown);
                    self.contested.insert(number);
                }
                (Proof::By(_) | Proof::Unread, Some(_)) => {
                    if let Some(by) = by.copied() {
                        self.contradicts(&by, &self.id_of(number));
                    }
                }
            }
            self.unite(number, signer);
        }
        Ok(())
    }

    /// A pack of which is said what contradicts something that is said of another, if neither was
    /// deleted: what lay there is nobody's any more.
    fn contradiction(&self, number: SegmentNumber, state: &State) -> Option<ObjectHash> {
        let all = self.placements.get(&number).into_iter().flatten();
        let live = all.filter(|one| !state.deleted.contains(&one.pack));
        let live: Vec<&Placement> = live.collect();
        let pairs = live.iter().enumerate();
        let mut against = pairs.filter(|(at, one)| {
            let before = live.iter().take(*at);
            before.into_iter().any(|before| contradict(before, one))
        });
        against.next().map(|(_, one)| one.pack)
    }

    /// The member whose segment it is, proven by the segment's head in any of its packs.
    fn proof(&self, vault: &Vault, number: SegmentNumber) -> Result<Proof, VaultError> {
        let id = self.id_of(number);
        let mut proof = Proof::Absent;
        for placement in self.placements.get(&number).into_iter().flatten() {
            let name = ObjectName::Pack(placement.pack);
            let length = usize::try_from(placement.head.length).unwrap_or(usize::MAX);
            let head = match vault
                .store()
                .get_range(&name, placement.offset, length.min(HEAD_MAX))
            {
                Ok(head) => head,
                Err(error) if error.is_retryable() => return Err(error.into()),
                Err(StoreError::NotFound { .. }) => continue,
                Err(_) => {
                    if proof == Proof::Absent {
                        proof = Proof::Unread;
                    }
                    continue;
                }
            };
            let context = SegmentContext {
                vault: vault.id(),
                audience: Audience::Compartment(placement.compartment),
                epoch: placement.epoch,
                signer: placement.signer,
            };
            if segment_id(&context, &head) == Ok(id) {
                return Ok(Proof::By(placement.signer));
            }
            proof = Proof::None;
        }
        Ok(proof)
    }

    fn forget_others(&mut self, number: SegmentNumber, signer: MemberId) {
        if let Some(placements) = self.placements.get_mut(&number) {
            placements.retain(|placement| placement.signer == signer);
        }
        let all = self.published_by.remove(&number).unwrap_or_default();
        // A keeper says where anybody's frames lie; a commit, where those of its own agent do.
        let speaks = |by: &RecordName| by.log.member == signer || !self.roots.contains_key(by);
        let (own, others): (Vec<_>, Vec<_>) = all.into_iter().partition(speaks);
        self.published_by.insert(number, own);
        for by in others {
            self.contradicts(&by, &self.id_of(number));
        }
    }

    /// Joins what was said of each page of a segment, by its signer if that is known.
    fn unite(&mut self, number: SegmentNumber, signer: Option<MemberId>) {
        let here = std::mem::take(&mut self.doubted);
        let (here, elsewhere): (Vec<_>, Vec<_>) =
            here.into_iter().partition(|(page, _)| page.0 == number);
        self.doubted = elsewhere;
        for (page, needed) in here {
            let Some(known) = self.needed.remove(&page) else {
                continue;
            };
            let is_false = |one: &Needed| signer.is_some_and(|signer| one.by.log.member != signer);
            let (known, liar) = match (is_false(&known), is_false(&needed)) {
                (true, false) => (needed, known.by),
                (false, true) => (known, needed.by),
                _ => (known.with(&needed), needed.by),
            };
            self.needed.insert(page, known);
            self.contradicts(&liar, &self.id_of(number));
        }
    }

    /// Once for each record, whatever number of things it says.
    pub(super) fn contradicts(&mut self, by: &RecordName, segment: &SegmentId) {
        let record = ObjectName::Record(*by);
        let known = |known: &Finding| matches!(known, Finding::Sealed(one, _) if *one == record);
        if !self.contradictions.iter().any(known) {
            let why = format!("it contradicts what is known of segment {segment}");
            self.contradictions.push(Finding::Sealed(record, why));
        }
    }
}

impl Needed {
    /// Of one member, so that a lie is named even if it repeats another.
    pub(super) fn says_the_same(&self, other: &Self) -> bool {
        self.by.log.member == other.by.log.member
            && self.children == other.children
            && self.frames == other.frames
    }

    fn with(mut self, other: &Self) -> Self {
        let children: BTreeSet<Page> = self
            .children
            .iter()
            .chain(&other.children)
            .copied()
            .collect();
        let frames: BTreeSet<Frame> = self.frames.iter().chain(&other.frames).copied().collect();
        self.children = children.into_iter().collect();
        self.frames = frames.into_iter().collect();
        self
    }
}

/// Whether two placements of a segment cannot both be true: it has one signer, and each of its
/// frames one hash, wherever it lies.
pub(super) fn contradict(one: &Placement, other: &Placement) -> bool {
    let who = |placement: &Placement| (placement.compartment, placement.epoch, placement.signer);
    if who(one) != who(other) {
        return true;
    }
    let known: HashMap<u16, &StoredFrame> = other.frames.iter().map(|f| (f.number, f)).collect();
    let differs = |frame: &StoredFrame| known.get(&frame.number).is_some_and(|one| *one != frame);
    one.frames.iter().any(differs)
}
