//! Two keepers at one target, step by step in any order.

use ov_format::statement::Role;
use ov_vault::prune::PruneOptions;
use ov_vault::{Keeper, Vault};

use crate::pruning::two_snapshots;
use crate::site::{DAY, Site, fork};

struct Hand<'a> {
    keeper: Keeper<'a>,
    vault: Vault,
    options: PruneOptions,
    plan: Option<ov_vault::prune::PrunePlan>,
}

impl Hand<'_> {
    fn plan(&mut self) {
        let plan = ov_vault::prune::plan(&mut self.vault, &self.keeper, &self.options);
        self.plan = Some(plan.unwrap());
    }

    fn apply(&mut self) -> ov_vault::prune::PruneReport {
        let plan = self.plan.as_ref().unwrap();
        ov_vault::prune::apply(&mut self.vault, &self.keeper, plan).unwrap()
    }
}

#[test]
fn two_keepers_who_prune_at_once_lose_nothing() {
    let mut site = Site::new();
    let keeper = site.appoint("keeper", &[Role::Keeper]);
    let [first, second] = two_snapshots(&site);
    site.forget(site.memory.clone(), &[first]).unwrap();
    let start = site.memory.clone();
    // Each order of: plan, apply, apply of the one and the other.
    for order in 0u32..64 {
        if order.count_ones() != 3 {
            continue;
        }
        for grace_seconds in [0, 7 * DAY] {
            site.memory = fork(&start);
            let hand = |keeper| {
                let vault = site.vault();
                Hand {
                    keeper,
                    options: PruneOptions {
                        grace_seconds,
                        ..site.options(&vault)
                    },
                    vault,
                    plan: None,
                }
            };
            let mut hands = [hand(site.owner()), hand(site.keeper(&keeper))];
            let mut deleted = 0;
            for step in 0..6 {
                let hand = &mut hands[usize::from(order >> step & 1 == 1)];
                match hand.plan.is_some() {
                    true => deleted += hand.apply().deleted,
                    false => hand.plan(),
                }
                site.clock.advance(grace_seconds + 1);
                site.assert_frames(&site.memory);
            }
            for hand in &mut hands {
                hand.plan();
                deleted += hand.apply().deleted;
                site.clock.advance(grace_seconds + 1);
            }
            deleted += site.prune(site.memory.clone()).unwrap().deleted;
            assert!(deleted > 0, "{order:06b}");
            let left = site.assert_whole(&site.memory);
            assert_eq!(left.into_iter().collect::<Vec<_>>(), [second]);
        }
    }
}

#[test]
fn two_keepers_who_condemn_the_two_places_of_a_frame_keep_one() {
    let site = Site::new();
    let keeper = site.appoint("keeper", &[Role::Keeper]);
    let [first, second] = two_snapshots(&site);
    site.forget(site.memory.clone(), &[first]).unwrap();
    let options = |vault: &Vault| PruneOptions {
        grace_seconds: DAY,
        ..site.options(vault)
    };
    // Both copy the shared file to packs of their own before either sees the other.
    let (mut one, mut two) = (site.vault(), site.vault());
    let (first_options, second_options) = (options(&one), options(&two));
    let other = site.keeper(&keeper);
    let first_plan = ov_vault::prune::plan(&mut one, &site.owner(), &first_options).unwrap();
    let second_plan = ov_vault::prune::plan(&mut two, &other, &second_options).unwrap();
    let before = crate::site::packs(&site.memory).len();
    ov_vault::prune::apply(&mut one, &site.owner(), &first_plan).unwrap();
    ov_vault::prune::apply(&mut two, &other, &second_plan).unwrap();
    assert!(crate::site::packs(&site.memory).len() > before);
    for _ in 0..3 {
        site.clock.advance(2 * DAY);
        for vault in [&mut one, &mut two] {
            let plan = ov_vault::prune::plan(vault, &other, &second_options).unwrap();
            ov_vault::prune::apply(vault, &other, &plan).unwrap();
            site.assert_frames(&site.memory);
        }
    }
    let left = site.assert_whole(&site.memory);
    assert_eq!(left.into_iter().collect::<Vec<_>>(), [second]);
}
