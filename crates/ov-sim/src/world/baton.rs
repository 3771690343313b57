//! One actor runs at a time, from one call of a target to the next; a seed says who.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use super::dice::Dice;

/// How often an actor keeps the turn, per mille.
const STICKS: [u64; 4] = [0, 500, 800, 950];

/// Who has the turn. Actors are threads; each waits before every call of a target, so that a run
/// is one order of calls, and the same order for the same seed.
#[derive(Default)]
pub struct Baton {
    turns: Mutex<Turns>,
    changed: Condvar,
}

#[derive(Default)]
struct Turns {
    actors: Vec<Stand>,
    holder: Option<usize>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stand {
    Away,
    Working,
    Waiting,
}

/// An actor's place on the stage. It is left when this is dropped, also by a panic.
pub struct Presence<'b> {
    baton: &'b Baton,
    actor: usize,
}

impl Drop for Presence<'_> {
    fn drop(&mut self) {
        let mut turns = self.baton.lock();
        turns.set(self.actor, Stand::Away);
        if turns.holder == Some(self.actor) {
            turns.holder = None;
        }
        self.baton.changed.notify_all();
    }
}

impl Turns {
    fn set(&mut self, actor: usize, stand: Stand) {
        if self.actors.len() <= actor {
            self.actors.resize(actor + 1, Stand::Away);
        }
        if let Some(place) = self.actors.get_mut(actor) {
            *place = stand;
        }
    }
}

impl Baton {
    /// An actor enters. From now on nobody gets the turn until it waits for it, or leaves.
    pub fn enter(&self, actor: usize) -> Presence<'_> {
        self.lock().set(actor, Stand::Working);
        Presence { baton: self, actor }
    }

    /// Waits for the turn. Returns at once for whoever has not entered: there is nobody to hand
    /// the turn on.
    pub fn wait(&self, actor: usize) {
        let mut turns = self.lock();
        if turns.actors.get(actor).copied().unwrap_or(Stand::Away) == Stand::Away {
            return;
        }
        turns.set(actor, Stand::Waiting);
        turns.holder = None;
        self.changed.notify_all();
        while turns.holder != Some(actor) {
            turns = self
                .changed
                .wait(turns)
                .unwrap_or_else(PoisonError::into_inner);
        }
        turns.set(actor, Stand::Working);
    }

    /// Hands turns out until all actors have left. `at_each` runs before each. Some runs mix turns
    /// finely; in others an actor keeps the turn for long, while others stand in the middle.
    pub fn conduct(&self, dice: &mut Dice, mut at_each: impl FnMut()) {
        let sticks = dice.pick(&STICKS).copied().unwrap_or(0);
        let mut last = None;
        loop {
            let mut turns = self.lock();
            while turns.actors.contains(&Stand::Working) || turns.holder.is_some() {
                turns = self
                    .changed
                    .wait(turns)
                    .unwrap_or_else(PoisonError::into_inner);
            }
            let waiting: Vec<usize> = (0..turns.actors.len())
                .filter(|actor| turns.actors.get(*actor) == Some(&Stand::Waiting))
                .collect();
            let again = waiting.iter().find(|actor| Some(**actor) == last);
            let again = again.filter(|_| dice.hits(sticks));
            let Some(next) = again.or_else(|| dice.pick(&waiting)) else {
                return;
            };
            at_each();
            last = Some(*next);
            turns.holder = last;
            self.changed.notify_all();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Turns> {
        self.turns.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(seed: u64) -> Vec<usize> {
        let (baton, order) = (Baton::default(), Mutex::new(Vec::new()));
        std::thread::scope(|scope| {
            for actor in 0..3 {
                let presence = baton.enter(actor);
                let order = &order;
                let baton = &baton;
                scope.spawn(move || {
                    let _presence = presence;
                    for _ in 0..4 {
                        baton.wait(actor);
                        order.lock().unwrap().push(actor);
                    }
                });
            }
            baton.conduct(&mut Dice::new(seed, "turns"), || {});
        });
        order.into_inner().unwrap()
    }

    #[test]
    fn one_seed_is_one_order_of_turns() {
        assert_eq!(order(1), order(1));
        assert_ne!(order(1), order(2));
        assert_eq!(order(1).len(), 12);
    }
}
