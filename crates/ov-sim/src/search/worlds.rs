//! The worlds that are searched, by name.

use super::explore::{Report, search};
use super::state::{Budget, Rec, bit};
use super::world::{AgentPlan, Source, World};

const QUIET: Budget = Budget {
    forgets: 0,
    losses: 0,
    crashes: 0,
    replays: 0,
};

/// Worlds small enough to be searched completely within seconds.
pub fn small() -> Vec<World> {
    vec![
        one_agent_one_keeper(),
        agent_dies(),
        puts_hang(),
        two_runs_two_plans(),
        two_agents(),
        two_agents_new_data(),
        cloned_key(),
        repacking(),
        two_keepers(),
        two_copies_of_a_frame(),
        pack_lost(),
        pack_put_again(),
        clock_jumps(),
        lagging(),
        lagging_longer(),
        copy(),
        copy_prefix_first(),
    ]
}

/// Larger ones, for an afternoon or a limit.
pub fn large() -> Vec<World> {
    vec![
        two_keepers_two_plans(),
        two_agents_two_keepers(),
        two_copies_agents_die(),
        two_keepers_lagging(),
        lagging_accepts(),
        late_and_lagging(),
        lost_and_run_again(),
        lost_with_two_keepers(),
        copy_two_keepers(),
        copy_lagging(),
        agent_dies_lagging(),
        mixed_pack(),
        lost_lagging(),
        clock_jumps_two_keepers(),
        puts_hang_two_keepers(),
    ]
}

/// Searches one world after the other, each up to so many states, and tells how each ended.
pub fn search_each(worlds: &[World], states_max: usize, tell: &mut dyn FnMut(&Report)) {
    for world in worlds {
        tell(&search(world, states_max));
    }
}

/// All of them.
pub fn all() -> Vec<World> {
    let mut all = small();
    all.extend(large());
    all
}

fn agents(wants: &[u32], runs: u8) -> Vec<AgentPlan> {
    wants
        .iter()
        .map(|wants| AgentPlan {
            wants: *wants,
            runs,
        })
        .collect()
}

/// The agent reuses a frame while its snapshot is forgotten and its pack pruned.
pub fn one_agent_one_keeper() -> World {
    World::small("one agent, one keeper")
}

/// The agent dies at any step, and its next run takes over its packs.
pub fn agent_dies() -> World {
    World {
        agents: agents(&[0b11], 2),
        attempts: 3,
        budget: Budget {
            forgets: 1,
            crashes: 1,
            ..QUIET
        },
        ..World::small("agent dies")
    }
}

/// A put of a dead run lands at any later moment.
pub fn puts_hang() -> World {
    World {
        puts_hang: true,
        ..agent_dies()
    }
    .named("puts hang")
}

/// Two runs against a keeper that prunes twice.
pub fn two_runs_two_plans() -> World {
    World {
        agents: agents(&[0b01], 2),
        attempts: 3,
        keepers: vec![2],
        keeper_packs: 3,
        ..World::small("two runs, two plans")
    }
}

/// Two agents of one group: the second may use what the first has just published.
pub fn two_agents() -> World {
    World {
        agents: agents(&[0b01, 0b01], 1),
        ..World::small("two agents")
    }
}

/// The second agent may use what the first has published too late.
pub fn two_agents_new_data() -> World {
    World {
        agents: agents(&[0b10, 0b10], 1),
        ..World::small("two agents, new data")
    }
}

/// Two machines with one key and one journal, at once.
pub fn cloned_key() -> World {
    World {
        agents: agents(&[0b10, 0b10], 1),
        shared_journal: true,
        budget: Budget {
            crashes: 1,
            ..QUIET
        },
        ..World::small("cloned key")
    }
}

/// Two keepers prune at once.
pub fn two_keepers() -> World {
    World {
        keepers: vec![1, 1],
        attempts: 1,
        ..World::small("two keepers")
    }
}

/// A frame lies in two packs; each keeper relies on the pack that the other condemns.
pub fn two_copies_of_a_frame() -> World {
    World {
        packs: vec![bit(0), bit(0)],
        recs: vec![
            Rec::Commit {
                commit: 0,
                used: bit(0),
                packs: bit(0),
            },
            Rec::Places { pack: 1 },
            Rec::Accept { commit: 0 },
        ],
        keepers: vec![1, 1],
        attempts: 1,
        judges: false,
        keepers_die: false,
        keeper_packs: 1,
        ..World::small("two copies of a frame")
    }
}

/// The storage loses a pack; a keeper tells; the agent stores again.
pub fn pack_lost() -> World {
    World {
        chunks: vec![0, 1],
        packs: vec![bit(0), bit(1)],
        recs: vec![
            Rec::Commit {
                commit: 0,
                used: 0b11,
                packs: 0b11,
            },
            Rec::Accept { commit: 0 },
        ],
        agents: agents(&[0b11], 1),
        attempts: 2,
        keepers: vec![1],
        budget: Budget { losses: 1, ..QUIET },
        ..World::small("pack lost")
    }
}

/// A late put brings a deleted pack back.
pub fn pack_put_again() -> World {
    World {
        agents: agents(&[0b10], 2),
        attempts: 3,
        budget: Budget {
            crashes: 1,
            replays: 1,
            forgets: 1,
            ..QUIET
        },
        ..World::small("pack put again")
    }
}

/// The keeper's clock jumps, so that a grace is over at once; listings are complete.
pub fn clock_jumps() -> World {
    World {
        grace: 2,
        jumps: true,
        ..World::small("clock jumps, no lag")
    }
}

/// Listings lag by one tick, the grace is two.
pub fn lagging() -> World {
    World {
        lag: 1,
        grace: 2,
        judges: false,
        keepers_die: false,
        ..World::small("lagging listings")
    }
}

/// Listings lag by two ticks, the grace is four.
pub fn lagging_longer() -> World {
    World {
        lag: 2,
        grace: 4,
        ..lagging()
    }
    .named("listings lag longer")
}

/// A second target: an old snapshot is forgotten there and pruned while a newer one that shares a
/// frame with it is copied.
pub fn copy() -> World {
    World {
        chunks: vec![0, 1],
        packs: vec![bit(0), bit(1)],
        absent: bit(1),
        source: Some(Source {
            commit: 1,
            used: 0b11,
            packs: bit(1),
        }),
        agents: agents(&[0], 2),
        attempts: 3,
        is_home: false,
        budget: Budget {
            forgets: 1,
            crashes: 1,
            ..QUIET
        },
        ..World::small("copy to a second target")
    }
}

/// The same on listings that lag.
pub fn copy_lagging() -> World {
    World {
        lag: 1,
        grace: 2,
        keepers_die: false,
        ..copy()
    }
    .named("copy, lagging")
}

/// The log that holds the commit came to the second target before any of its packs.
pub fn copy_prefix_first() -> World {
    let mut world = copy();
    world.recs.push(Rec::Commit {
        commit: 1,
        used: 0b11,
        packs: bit(1),
    });
    world.named("copy, log first")
}

/// The agent dies and runs again on listings that lag.
pub fn agent_dies_lagging() -> World {
    World {
        lag: 1,
        grace: 2,
        judges: false,
        attempts: 2,
        keepers_die: false,
        ..agent_dies()
    }
    .named("agent dies, lagging")
}

/// The same with two keepers there.
pub fn copy_two_keepers() -> World {
    World {
        keepers: vec![1, 1],
        ..copy()
    }
    .named("copy, two keepers")
}

/// Two keepers with two plans each.
pub fn two_keepers_two_plans() -> World {
    World {
        keepers: vec![2, 2],
        attempts: 2,
        keeper_packs: 3,
        ..World::small("two keepers, two plans")
    }
}

/// Everybody twice.
pub fn two_agents_two_keepers() -> World {
    World {
        agents: agents(&[0b01, 0b01], 1),
        keepers: vec![1, 1],
        ..World::small("two agents, two keepers")
    }
}

/// Two copies of a frame, dying agents and keepers, verdicts.
pub fn two_copies_agents_die() -> World {
    World {
        judges: true,
        keepers_die: true,
        keeper_packs: 2,
        agents: agents(&[0b01], 2),
        attempts: 2,
        budget: Budget {
            forgets: 1,
            crashes: 1,
            ..QUIET
        },
        ..two_copies_of_a_frame()
    }
    .named("two copies, all die")
}

/// Two keepers and a frame in two packs, on listings that lag.
pub fn two_keepers_lagging() -> World {
    World {
        lag: 1,
        grace: 2,
        ..two_copies_of_a_frame()
    }
    .named("two keepers, lagging")
}

/// Verdicts on listings that lag.
pub fn lagging_accepts() -> World {
    World {
        judges: true,
        keepers: vec![1, 1],
        ..lagging()
    }
    .named("lagging, verdicts")
}

/// Verdicts on listings that lag, where the agent runs twice.
pub fn late_and_lagging() -> World {
    World {
        agents: agents(&[0b01], 2),
        attempts: 2,
        keepers: vec![1, 0],
        ..lagging_accepts()
    }
    .named("late and lagging")
}

/// A pack is lost between two runs.
pub fn lost_and_run_again() -> World {
    World {
        packs: vec![],
        chunks: vec![],
        recs: vec![],
        acked: 0,
        agents: agents(&[0b01], 2),
        attempts: 3,
        ..pack_lost()
    }
    .named("pack lost, run again")
}

/// A pack is lost while two keepers prune.
pub fn lost_with_two_keepers() -> World {
    World {
        keepers: vec![1, 1],
        ..pack_lost()
    }
    .named("pack lost, two keepers")
}

/// A pack is lost where listings lag.
pub fn lost_lagging() -> World {
    World {
        lag: 1,
        grace: 2,
        ..pack_lost()
    }
    .named("pack lost, lagging")
}

/// The clocks of two keepers jump; listings are complete.
pub fn clock_jumps_two_keepers() -> World {
    World {
        grace: 1,
        jumps: true,
        ..two_copies_of_a_frame()
    }
    .named("clock jumps, two keepers")
}

/// Puts of a dead run land late, and two keepers prune.
pub fn puts_hang_two_keepers() -> World {
    World {
        keepers: vec![1, 1],
        keepers_die: false,
        ..puts_hang()
    }
    .named("puts hang, two keepers")
}

/// One pack with two frames, of which one is still used.
pub fn repacking() -> World {
    World {
        agents: agents(&[0b11], 1),
        keepers: vec![1],
        ..mixed_pack()
    }
    .named("repacking")
}

/// The same with more to prune and a second keeper.
pub fn mixed_pack() -> World {
    World {
        chunks: vec![0, 1],
        packs: vec![0b11],
        recs: vec![
            Rec::Commit {
                commit: 0,
                used: 0b01,
                packs: bit(0),
            },
            Rec::Commit {
                commit: 1,
                used: 0b10,
                packs: 0,
            },
            Rec::Accept { commit: 0 },
            Rec::Accept { commit: 1 },
        ],
        acked: 0b11,
        agents: agents(&[0b11], 1),
        keepers: vec![2, 1],
        ..World::small("mixed pack")
    }
}

impl World {
    fn named(mut self, name: &'static str) -> Self {
        self.name = name;
        self
    }
}
