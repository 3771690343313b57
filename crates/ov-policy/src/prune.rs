//! The rules by which agents and keepers share a target without locks.
//!
//! One idea carries all of it: **both sides raise their flag, then look.** An agent's flag is its
//! commit, a keeper's flag is its condemn. The agent commits, *then* lists the condemns; the
//! keeper condemns, *then* (a grace later) lists the commits. Whatever the order, at least one of
//! them sees the other: the agent stores again, or the keeper rescues. Two keepers are in the same
//! position towards each other. `docs/decisions/0002-one-flag-protocol.md` has the proof, what was
//! searched and what breaks when a step is left out; `ov-sim` searches worlds that call the
//! functions below.
//!
//! Words: a *place* of a frame is a pack that holds it and that a record names for it. A place
//! **counts** while its pack is there and no condemn names it ([`place_counts`]). A frame is
//! *promised* while a commit has published it and no ripe condemn drops it: agents may use it at
//! any time, so it is kept like a used one. A condemn is *ripe* a grace after it was durable.

use std::collections::BTreeSet;

/// A keeper's word that a pack will be deleted. It is final: from then on the pack's name counts
/// as no place, even if the pack is put again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Condemn<P, F> {
    /// Which pack.
    pub pack: P,
    /// Which of its frames agents must no longer use.
    pub drops: Drops<F>,
    /// Why.
    pub cause: Cause,
}

/// The frames that a condemn takes from agents.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Drops<F> {
    /// Every frame published together with this pack: the keeper saw no record that names it.
    Whole,
    /// These.
    Frames(BTreeSet<F>),
}

/// Why a pack is condemned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// It holds too little that is used.
    Unused,
    /// The storage lost or damaged it.
    Damage,
}

/// All condemns that a listing showed, taken together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Condemned<P, F> {
    packs: BTreeSet<P>,
    whole: BTreeSet<P>,
    dropped: BTreeSet<F>,
    damaged: BTreeSet<P>,
}

impl<P, F> Default for Condemned<P, F> {
    fn default() -> Self {
        Self {
            packs: BTreeSet::new(),
            whole: BTreeSet::new(),
            dropped: BTreeSet::new(),
            damaged: BTreeSet::new(),
        }
    }
}

impl<P: Ord + Clone, F: Ord> Condemned<P, F> {
    /// Takes one more condemn into account.
    pub fn add(&mut self, condemn: Condemn<P, F>) {
        self.packs.insert(condemn.pack.clone());
        if condemn.cause == Cause::Damage {
            self.damaged.insert(condemn.pack.clone());
        }
        match condemn.drops {
            Drops::Whole => {
                self.whole.insert(condemn.pack);
            }
            Drops::Frames(frames) => self.dropped.extend(frames),
        }
    }

    /// Whether a condemn names the pack.
    pub fn names(&self, pack: &P) -> bool {
        self.packs.contains(pack)
    }

    /// Whether a condemn says that the storage lost or damaged the pack.
    pub fn names_damaged(&self, pack: &P) -> bool {
        self.damaged.contains(pack)
    }

    /// Whether a frame was dropped that was published together with the packs `origins`.
    pub fn drops(&self, frame: &F, origins: &BTreeSet<P>) -> bool {
        self.dropped.contains(frame) || !self.whole.is_disjoint(origins)
    }
}

impl<P: Ord + Clone, F: Ord> FromIterator<Condemn<P, F>> for Condemned<P, F> {
    fn from_iter<T: IntoIterator<Item = Condemn<P, F>>>(condemns: T) -> Self {
        let mut all = Self::default();
        for condemn in condemns {
            all.add(condemn);
        }
        all
    }
}

/// A frame as an agent knows it: agents see no places.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Known<P: Ord, F> {
    /// The frame.
    pub frame: F,
    /// The packs named by the commits that published it; for a frame of this run, its own packs.
    pub origins: BTreeSet<P>,
}

/// Whether an agent may use a published frame instead of storing the chunk again. Frames that were
/// moved are usable.
pub fn usable<P: Ord + Clone, F: Ord>(known: &Known<P, F>, condemned: &Condemned<P, F>) -> bool {
    !condemned.drops(&known.frame, &known.origins)
}

/// Whether an agent may take over a frame that lies in a pack put by a run of its own that died: no
/// condemn names the pack, **and** the frame is usable. The dead run may have committed after all,
/// the frame been moved, and dropped from another pack; asking for the pack alone would have the
/// agent repeat for ever.
pub fn may_take_over<P: Ord + Clone, F: Ord>(
    pack: &P,
    known: &Known<P, F>,
    condemned: &Condemned<P, F>,
) -> bool {
    !condemned.names(pack) && usable(known, condemned)
}

/// Whether an agent whose commit is durable must run again. `after` comes from a listing begun
/// after the commit was durable; **all** of it counts, whether seen before or not. Otherwise the
/// agent says "done".
pub fn must_repeat<'a, P: Ord + Clone + 'a, F: Ord + 'a>(
    used: impl IntoIterator<Item = &'a Known<P, F>>,
    after: &Condemned<P, F>,
) -> bool {
    used.into_iter().any(|known| !usable(known, after))
}

/// What has been said of a commit on this target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Its record is here: accepted or not makes no difference.
    Open,
    /// A tombstone names it.
    Forgotten,
}

/// Whether what a commit uses is kept. Every commit whose record is on the target is a root, also
/// one that no keeper has accepted: its agent may have said "done" just now.
pub fn is_root(standing: Standing) -> bool {
    standing == Standing::Open
}

/// What one listing of a target showed a keeper. All answers come from the same listing, except
/// that presence may be asked anew: a get outranks a list.
pub trait Sight {
    /// Names of packs.
    type Pack: Ord + Clone;
    /// Names of frames, permanent wherever they lie.
    type Frame: Ord + Clone;

    /// All condemns, however young: no place in a pack that one of them names counts.
    fn condemned(&self) -> &Condemned<Self::Pack, Self::Frame>;
    /// Those that were durable a grace before the listing began, by clocks the keeper may trust.
    /// Only their drops end a promise: an agent may not have been able to see a younger one.
    fn ripe(&self) -> &Condemned<Self::Pack, Self::Frame>;
    /// Whether a root uses the frame.
    fn is_used(&self, frame: &Self::Frame) -> bool;
    /// The packs named by the commits that published the frame; empty if none did.
    fn origins(&self, frame: &Self::Frame) -> BTreeSet<Self::Pack>;
    /// The packs that records name for the frame.
    fn places(&self, frame: &Self::Frame) -> Vec<Self::Pack>;
    /// Whether the pack is there.
    fn is_present(&self, pack: &Self::Pack) -> bool;
    /// Whether a delete record names the pack.
    fn is_deleted(&self, pack: &Self::Pack) -> bool;
}

/// Whether a pack counts as a place: it is there, and nobody has condemned it, for whatever cause
/// and however long ago.
pub fn place_counts<S: Sight>(sight: &S, pack: &S::Pack) -> bool {
    sight.is_present(pack) && !sight.condemned().names(pack)
}

/// Whether a frame has a place that counts.
pub fn is_safe<S: Sight>(sight: &S, frame: &S::Frame) -> bool {
    let places = sight.places(frame);
    places.iter().any(|pack| place_counts(sight, pack))
}

/// Whether a frame may not be lost: a root uses it, or it is promised to agents.
pub fn is_needed<S: Sight>(sight: &S, frame: &S::Frame) -> bool {
    if sight.is_used(frame) {
        return true;
    }
    let origins = sight.origins(frame);
    !origins.is_empty() && !sight.ripe().drops(frame, &origins)
}

/// How to condemn a pack that records name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CondemnPlan<F> {
    /// To be copied to a new pack, its places published, before the condemn is put.
    pub copy: BTreeSet<F>,
    /// To be named as dropped.
    pub drops: BTreeSet<F>,
}

/// Sorts the frames of a pack: unused ones are dropped, used ones copied unless they have another
/// place that counts. What is neither copied nor dropped is a promise resting on somebody else's
/// pack; [`deletion`] looks again before anything is gone.
pub fn condemn_plan<S: Sight>(
    sight: &S,
    pack: &S::Pack,
    contents: &BTreeSet<S::Frame>,
) -> CondemnPlan<S::Frame> {
    let (used, drops): (BTreeSet<_>, BTreeSet<_>) = contents
        .iter()
        .cloned()
        .partition(|frame| sight.is_used(frame));
    let elsewhere = |frame: &S::Frame| {
        let places = sight.places(frame);
        places
            .iter()
            .any(|place| place != pack && place_counts(sight, place))
    };
    CondemnPlan {
        copy: used.into_iter().filter(|frame| !elsewhere(frame)).collect(),
        drops,
    }
}

/// Sorts the frames of a pack that the storage lost: whatever has no other place that counts is
/// dropped, used or not, so that agents store it again while they still have it.
pub fn damage_drops<S: Sight>(
    sight: &S,
    pack: &S::Pack,
    contents: &BTreeSet<S::Frame>,
) -> BTreeSet<S::Frame> {
    let safe = |frame: &S::Frame| {
        let places = sight.places(frame);
        places
            .iter()
            .any(|place| place != pack && place_counts(sight, place))
    };
    contents
        .iter()
        .filter(|frame| !safe(frame))
        .cloned()
        .collect()
}

/// Whether a grace has passed, by clocks the keeper may trust, since it first found something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Waited {
    /// Long enough.
    Grace,
    /// Not yet.
    NotYet,
}

/// What to do with a condemned pack.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Deletion<F> {
    /// The grace has not passed.
    Wait,
    /// Copy these to a new pack, publish their places, **then list and ask again**: the new pack
    /// may itself have been condemned meanwhile.
    Rescue(BTreeSet<F>),
    /// These are needed, but the pack is gone without a delete record: say so by a condemn for
    /// damage that drops them.
    Lost(BTreeSet<F>),
    /// Put the delete record, then delete. This holds for ever: whoever finds the delete record
    /// may delete the pack without asking again.
    Delete,
}

/// Frames of a condemned pack that would be lost with it.
pub fn rescue_needed<S: Sight>(sight: &S, contents: &BTreeSet<S::Frame>) -> BTreeSet<S::Frame> {
    let endangered = |frame: &&S::Frame| is_needed(sight, frame) && !is_safe(sight, frame);
    contents.iter().filter(endangered).cloned().collect()
}

/// What to do with a condemned pack, by a listing begun after the grace of its condemn.
pub fn deletion<S: Sight>(
    sight: &S,
    pack: &S::Pack,
    contents: &BTreeSet<S::Frame>,
) -> Deletion<S::Frame> {
    if !sight.ripe().names(pack) {
        return Deletion::Wait;
    }
    let rescue = rescue_needed(sight, contents);
    match (rescue.is_empty(), sight.is_present(pack)) {
        (true, _) => Deletion::Delete,
        (false, true) => Deletion::Rescue(rescue),
        (false, false) => Deletion::Lost(rescue),
    }
}

/// A keeper's verdict on a commit, for one target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Acceptance<F> {
    /// Every frame has a place that counts.
    Accept,
    /// These lie only in condemned packs: rescue them, list and ask again.
    Rescue(BTreeSet<F>),
    /// These are gone or have no known place, but were not deleted on purpose. The commit stays a
    /// root, unaccepted and reported, for the sake of what it still has.
    Missing(BTreeSet<F>),
    /// These were deleted on purpose, as it seems; ask again after the grace.
    Wait(BTreeSet<F>),
    /// These were deleted on purpose before the commit was there. Its agent has seen it too, or
    /// will, and has never said "done". See [`may_give_up`]. On a target that is not the commit's
    /// home: copy them again instead.
    Late(BTreeSet<F>),
}

/// Whether a later commit of the same agent and dataset was accepted and not forgotten.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Successor {
    /// There is one.
    Accepted,
    /// Not yet.
    NoneYet,
}

/// Whether a keeper may put a tombstone on a commit by its own word: it came too late, and a later
/// one has taken its place. Never before: another keeper may be accepting it with a copy that it
/// rescued at the last moment, and retention may already count on that.
pub fn may_give_up<F>(verdict: &Acceptance<F>, successor: Successor) -> bool {
    matches!(verdict, Acceptance::Late(_)) && successor == Successor::Accepted
}

/// Judges a commit by the frames it uses. `waited` counts from the youngest delete record of a place
/// of these frames: until then a fresh place may not have been listed.
pub fn acceptable<S: Sight>(
    sight: &S,
    used: &BTreeSet<S::Frame>,
    waited: Waited,
) -> Acceptance<S::Frame> {
    let unsafe_ones: Vec<_> = used.iter().filter(|frame| !is_safe(sight, frame)).collect();
    let select = |wanted: fn(&S, &S::Frame) -> bool| -> BTreeSet<S::Frame> {
        let all = unsafe_ones.iter().copied();
        all.filter(|frame| wanted(sight, frame)).cloned().collect()
    };
    let deleted = select(is_deleted_on_purpose);
    if !deleted.is_empty() {
        return match waited {
            Waited::Grace => Acceptance::Late(deleted),
            Waited::NotYet => Acceptance::Wait(deleted),
        };
    }
    let gone = select(|sight, frame| !is_somewhere(sight, frame));
    if !gone.is_empty() {
        return Acceptance::Missing(gone);
    }
    match unsafe_ones.is_empty() {
        true => Acceptance::Accept,
        false => Acceptance::Rescue(unsafe_ones.into_iter().cloned().collect()),
    }
}

fn is_somewhere<S: Sight>(sight: &S, frame: &S::Frame) -> bool {
    sight
        .places(frame)
        .iter()
        .any(|pack| sight.is_present(pack))
}

/// It has known places, every one of them has a delete record, and none was lost to damage. A frame
/// without any known place says nothing: the commit that names its pack may not be listed yet.
fn is_deleted_on_purpose<S: Sight>(sight: &S, frame: &S::Frame) -> bool {
    let gone = |pack: &S::Pack| {
        !sight.is_present(pack) && sight.is_deleted(pack) && !sight.condemned().names_damaged(pack)
    };
    let places = sight.places(frame);
    !places.is_empty() && places.iter().all(gone)
}

#[cfg(test)]
#[path = "prune_tests.rs"]
mod tests;
