//! Each rule on its own. How they work together is searched in `ov-sim`.

use std::collections::BTreeMap;

use super::*;

type Pack = char;
type Frame = u8;

#[derive(Default)]
struct Seen {
    condemned: Condemned<Pack, Frame>,
    ripe: Condemned<Pack, Frame>,
    used: BTreeSet<Frame>,
    published: BTreeMap<Frame, BTreeSet<Pack>>,
    places: BTreeMap<Frame, Vec<Pack>>,
    present: BTreeSet<Pack>,
    deleted: BTreeSet<Pack>,
}

impl Sight for Seen {
    type Pack = Pack;
    type Frame = Frame;

    fn condemned(&self) -> &Condemned<Pack, Frame> {
        &self.condemned
    }
    fn ripe(&self) -> &Condemned<Pack, Frame> {
        &self.ripe
    }
    fn is_used(&self, frame: &Frame) -> bool {
        self.used.contains(frame)
    }
    fn origins(&self, frame: &Frame) -> BTreeSet<Pack> {
        self.published.get(frame).cloned().unwrap_or_default()
    }
    fn places(&self, frame: &Frame) -> Vec<Pack> {
        self.places.get(frame).cloned().unwrap_or_default()
    }
    fn is_present(&self, pack: &Pack) -> bool {
        self.present.contains(pack)
    }
    fn is_deleted(&self, pack: &Pack) -> bool {
        self.deleted.contains(pack)
    }
}

/// Frame 1 in pack A and used, frame 2 in pack A and unused.
fn seen() -> Seen {
    Seen {
        used: BTreeSet::from([1]),
        published: BTreeMap::from([(1, BTreeSet::from(['A'])), (2, BTreeSet::from(['A']))]),
        places: BTreeMap::from([(1, vec!['A']), (2, vec!['A'])]),
        present: BTreeSet::from(['A']),
        ..Seen::default()
    }
}

fn condemn(pack: Pack, frames: &[Frame]) -> Condemn<Pack, Frame> {
    Condemn {
        pack,
        drops: Drops::Frames(frames.iter().copied().collect()),
        cause: Cause::Unused,
    }
}

fn known(frame: Frame, origins: &[Pack]) -> Known<Pack, Frame> {
    Known {
        frame,
        origins: origins.iter().copied().collect(),
    }
}

fn set(frames: &[Frame]) -> BTreeSet<Frame> {
    frames.iter().copied().collect()
}

#[test]
fn an_agent_uses_what_was_moved_and_not_what_was_dropped() {
    let condemned: Condemned<_, _> = [condemn('A', &[2])].into_iter().collect();
    assert!(usable(&known(1, &['A']), &condemned));
    assert!(!usable(&known(2, &['A']), &condemned));
    assert!(!must_repeat([&known(1, &['A'])], &condemned));
    assert!(must_repeat(
        [&known(1, &['A']), &known(2, &['A'])],
        &condemned
    ));
}

#[test]
fn a_pack_of_a_dead_run_is_taken_over_only_with_frames_that_nobody_dropped() {
    let condemned: Condemned<_, _> = [condemn('B', &[2])].into_iter().collect();
    assert!(may_take_over(&'A', &known(1, &['A']), &condemned));
    assert!(!may_take_over(&'A', &known(2, &['A']), &condemned));
    assert!(!may_take_over(&'B', &known(1, &['A']), &condemned));
}

#[test]
fn a_condemn_of_an_unpublished_pack_drops_all_that_was_published_with_it() {
    let whole = Condemn {
        pack: 'A',
        drops: Drops::Whole,
        cause: Cause::Unused,
    };
    let condemned: Condemned<_, _> = [whole].into_iter().collect();
    assert!(!usable(&known(7, &['A', 'B']), &condemned));
    assert!(usable(&known(7, &['B']), &condemned));
}

#[test]
fn commits_are_roots_until_forgotten() {
    assert!(is_root(Standing::Open));
    assert!(!is_root(Standing::Forgotten));
}

#[test]
fn a_plan_copies_what_is_used_and_drops_the_rest() {
    let mut sight = seen();
    let plan = condemn_plan(&sight, &'A', &set(&[1, 2]));
    assert_eq!((plan.copy, plan.drops), (set(&[1]), set(&[2])));
    sight.places.insert(1, vec!['A', 'B']);
    sight.present.insert('B');
    let plan = condemn_plan(&sight, &'A', &set(&[1, 2]));
    assert_eq!((plan.copy, plan.drops), (set(&[]), set(&[2])));
    sight.condemned.add(condemn('B', &[]));
    assert_eq!(condemn_plan(&sight, &'A', &set(&[1])).copy, set(&[1]));
}

#[test]
fn a_lost_pack_drops_even_what_is_used() {
    let mut sight = seen();
    sight.present.clear();
    assert_eq!(damage_drops(&sight, &'A', &set(&[1, 2])), set(&[1, 2]));
    sight.places.insert(1, vec!['A', 'B']);
    sight.present.insert('B');
    assert_eq!(damage_drops(&sight, &'A', &set(&[1, 2])), set(&[2]));
}

#[test]
fn a_condemned_pack_goes_once_nothing_needed_rests_on_it() {
    let mut sight = seen();
    sight.condemned.add(condemn('A', &[2]));
    let contents = set(&[1, 2]);
    let ask = |sight: &Seen| deletion(sight, &'A', &contents);
    assert_eq!(ask(&sight), Deletion::Wait);
    sight.ripe.add(condemn('A', &[2]));
    assert_eq!(ask(&sight), Deletion::Rescue(set(&[1])));
    sight.places.insert(1, vec!['A', 'B']);
    sight.present.insert('B');
    assert_eq!(ask(&sight), Deletion::Delete);
    sight.condemned.add(condemn('B', &[]));
    assert_eq!(ask(&sight), Deletion::Rescue(set(&[1])));
    sight.present.remove(&'A');
    assert_eq!(ask(&sight), Deletion::Lost(set(&[1])));
}

#[test]
fn a_promised_frame_is_rescued_though_nobody_uses_it() {
    let mut sight = seen();
    sight.used.clear();
    sight.condemned.add(condemn('A', &[2]));
    assert_eq!(rescue_needed(&sight, &set(&[1, 2])), set(&[1, 2]));
    sight.ripe.add(condemn('A', &[2]));
    assert_eq!(rescue_needed(&sight, &set(&[1, 2])), set(&[1]));
    sight.published.remove(&1);
    assert_eq!(rescue_needed(&sight, &set(&[1, 2])), set(&[]));
}

#[test]
fn a_commit_is_accepted_only_on_places_that_count() {
    let mut sight = seen();
    let ask = |sight: &Seen, waited| acceptable(sight, &set(&[1]), waited);
    assert_eq!(ask(&sight, Waited::NotYet), Acceptance::Accept);
    sight.condemned.add(condemn('A', &[]));
    assert_eq!(ask(&sight, Waited::NotYet), Acceptance::Rescue(set(&[1])));
    sight.present.clear();
    assert_eq!(ask(&sight, Waited::Grace), Acceptance::Missing(set(&[1])));
    sight.deleted.insert('A');
    assert_eq!(ask(&sight, Waited::NotYet), Acceptance::Wait(set(&[1])));
    assert_eq!(ask(&sight, Waited::Grace), Acceptance::Late(set(&[1])));
}

#[test]
fn a_frame_whose_last_copy_the_storage_lost_makes_no_commit_late() {
    let mut sight = seen();
    sight.condemned.add(condemn('A', &[]));
    sight.deleted.insert('A');
    sight.present.clear();
    sight.places.insert(1, vec!['A', 'B']);
    let verdict = acceptable(&sight, &set(&[1]), Waited::Grace);
    assert_eq!(verdict, Acceptance::Missing(set(&[1])));
}

#[test]
fn a_frame_without_a_known_place_makes_no_commit_late() {
    let mut sight = seen();
    sight.places.clear();
    let verdict = acceptable(&sight, &set(&[1]), Waited::Grace);
    assert_eq!(verdict, Acceptance::Missing(set(&[1])));
}

#[test]
fn a_late_commit_is_given_up_only_for_a_later_one() {
    let late = Acceptance::Late(set(&[1]));
    assert!(may_give_up(&late, Successor::Accepted));
    assert!(!may_give_up(&late, Successor::NoneYet));
    assert!(!may_give_up(
        &Acceptance::Missing(set(&[1])),
        Successor::Accepted
    ));
}
