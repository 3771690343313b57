use super::bug::Bug;
use super::run::{Tally, run, run_twice};

#[test]
fn one_seed_lives_through_its_weather() {
    let outcome = run_twice(1);
    assert!(outcome.violations.is_empty(), "{:#?}", outcome.violations);
    assert!(outcome.tally.backups > 0);
}

#[test]
fn a_lost_object_is_found() {
    let found = (0..20).any(|seed| !run(seed, Some(Bug::ObjectLost)).violations.is_empty());
    assert!(found);
    assert_eq!(Tally::default().backups, 0);
}
