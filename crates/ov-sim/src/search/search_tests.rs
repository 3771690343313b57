//! The protocol holds in every small world; each planted bug is found.

use super::bug::Bug;
use super::explore::{Coverage, search};
use super::world::World;
use super::worlds;

const STATES_MAX: usize = 2_000_000;

fn holds_everywhere(world: &World) {
    let report = search(world, STATES_MAX);
    println!("{report}");
    assert!(report.found.is_none(), "{report}");
    assert!(world.futures_every == 0 || report.futures > 0, "{report}");
    assert_eq!(report.coverage, Coverage::Complete, "{report}");
}

fn is_broken(world: &World) {
    let report = search(world, STATES_MAX);
    println!("{:?} in {report}", world.bug);
    assert!(
        report.found.is_some(),
        "{:?} was not found in {report}",
        world.bug
    );
}

#[test]
fn the_protocol_holds_in_every_small_world() {
    for world in worlds::small() {
        holds_everywhere(&world);
    }
}

#[test]
fn every_planted_bug_of_an_agent_is_found() {
    for bug in [
        Bug::NoLookAfterCommit,
        Bug::LookBeforeCommit,
        Bug::DoneBeforeCommit,
        Bug::SeenDropsForgiven,
        Bug::DroppedFramesUsed,
    ] {
        is_broken(&worlds::one_agent_one_keeper().with(bug));
    }
    is_broken(&worlds::two_agents_new_data().with(Bug::WholeDropsNothing));
}

#[test]
fn every_planted_bug_of_a_keeper_is_found() {
    for bug in [
        Bug::NoLookAfterCondemn,
        Bug::RescueSkipped,
        Bug::CondemnedCounts,
        Bug::UnacceptedIgnored,
        Bug::AcceptCountsCondemned,
    ] {
        is_broken(&worlds::one_agent_one_keeper().with(bug));
    }
}

#[test]
fn an_agent_that_takes_over_dropped_frames_repeats_for_ever() {
    let world = worlds::puts_hang_two_keepers();
    let futures_every = world.futures_every;
    is_broken(&World {
        futures_every,
        ..world.with(Bug::PackAloneTakenOver)
    });
}

#[test]
fn a_condemn_that_drops_nothing_frees_nothing() {
    let world = World {
        agents: vec![],
        ..worlds::one_agent_one_keeper()
    };
    is_broken(&World {
        futures_every: 1,
        ..world.with(Bug::DropListOmitted)
    });
}

#[test]
fn every_planted_bug_between_two_keepers_is_found() {
    for bug in [Bug::PromiseIgnored, Bug::OthersCondemnedCounts] {
        is_broken(&worlds::two_copies_of_a_frame().with(bug));
    }
    is_broken(&worlds::two_keepers().with(Bug::GivenUpAtOnce));
}

#[test]
fn every_planted_bug_under_lag_or_damage_is_found() {
    is_broken(&worlds::late_and_lagging().with(Bug::LateAtOnce));
    is_broken(&worlds::lost_and_run_again().with(Bug::DamageIsLate));
}

#[test]
fn young_drops_that_end_a_promise_are_found() {
    is_broken(&worlds::two_keepers_lagging().with(Bug::YoungDropsCount));
}

#[test]
fn every_planted_bug_of_a_copier_is_found() {
    for bug in [Bug::CopyAcceptsFirst, Bug::CondemnedPackPutAgain] {
        is_broken(&worlds::copy().with(bug));
    }
}

#[test]
fn a_grace_shorter_than_twice_the_lag_loses_data() {
    is_broken(&World {
        grace: 2,
        ..worlds::lagging_longer()
    });
}

#[test]
fn where_listings_lag_a_jump_of_the_clock_loses_data() {
    is_broken(&World {
        jumps: true,
        ..worlds::lagging()
    });
}

#[test]
fn a_keeper_may_delete_right_after_a_rescue() {
    let world = World {
        keepers_die: false,
        ..worlds::two_keepers()
    };
    holds_everywhere(&world.with(Bug::NoLookAfterRescue));
}

#[test]
fn a_way_to_a_broken_promise_is_told_step_by_step() {
    let world = worlds::one_agent_one_keeper().with(Bug::NoLookAfterCommit);
    let told = search(&world, STATES_MAX).to_string();
    assert!(
        told.contains("keeper 0 puts condemn p0, dropping f0"),
        "{told}"
    );
    assert!(
        told.ends_with("=> c2 was acknowledged and lacks f0"),
        "{told}"
    );
}

#[test]
fn the_same_world_is_searched_the_same_way_twice() {
    let world = worlds::agent_dies();
    let (one, two) = (search(&world, 5_000), search(&world, 5_000));
    assert_eq!(one.to_string(), two.to_string());
    assert_eq!(one.coverage, Coverage::Partial);
}
