//! Plain breadth-first search with hashed states.

use std::collections::VecDeque;
use std::collections::hash_map::{DefaultHasher, Entry, HashMap};
use std::fmt;
use std::hash::{Hash, Hasher};

use super::state::{State, Violation};
use super::world::World;
use super::{Sink, all_steps, fair};

/// How a search ended.
#[derive(Clone, Debug)]
pub struct Report {
    /// The world searched.
    pub world: &'static str,
    /// Different states seen.
    pub states: usize,
    /// Longest way from the start.
    pub depth: usize,
    /// Whether every state that can be reached was seen.
    pub coverage: Coverage,
    /// States from which the fault-free future was tried.
    pub futures: usize,
    /// The shortest way to a broken promise.
    pub found: Option<Trace>,
}

/// Whether a search saw everything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coverage {
    /// Every state that can be reached.
    Complete,
    /// It stopped at a limit or at a broken promise.
    Partial,
}

/// A way to a broken promise, step by step.
#[derive(Clone, Debug)]
pub struct Trace {
    /// What was broken.
    pub violation: Violation,
    /// How.
    pub steps: Vec<String>,
}

impl fmt::Display for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, step) in (1..).zip(&self.steps) {
            writeln!(f, "{number:3}. {step}")?;
        }
        write!(f, "  => {}", self.violation)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (states, depth, futures) = (self.states, self.depth, self.futures);
        let coverage = match self.coverage {
            Coverage::Complete => "complete",
            Coverage::Partial => "partial",
        };
        write!(
            f,
            "{}: {states} states, depth {depth}, {coverage}, {futures} futures",
            self.world
        )?;
        match &self.found {
            Some(trace) => write!(f, "; BROKEN\n{trace}"),
            None => write!(f, "; nothing found"),
        }
    }
}

struct Node {
    parent: u32,
    hash: u64,
    depth: u32,
}

/// Searches a world until everything was seen, a promise is broken, or so many states were seen.
pub fn search(world: &World, states_max: usize) -> Report {
    let start = world.start();
    let mut nodes = vec![Node {
        parent: 0,
        hash: hash(&start),
        depth: 0,
    }];
    let mut seen: HashMap<u64, ()> = HashMap::from([(hash(&start), ())]);
    let mut queue = VecDeque::from([(start, 0u32)]);
    let mut report = Report {
        world: world.name,
        states: 1,
        depth: 0,
        coverage: Coverage::Complete,
        futures: 0,
        found: None,
    };
    while let Some((state, at)) = queue.pop_front() {
        let depth = nodes[index(at)].depth;
        report.depth = usize::try_from(depth).unwrap_or(usize::MAX);
        if let Some(violation) = judged(&state, world, &nodes[index(at)], &mut report.futures) {
            report.coverage = Coverage::Partial;
            report.found = Some(Trace {
                violation,
                steps: retrace(world, &nodes, at),
            });
            break;
        }
        if nodes.len() >= states_max {
            report.coverage = Coverage::Partial;
            break;
        }
        all_steps(&state, world, &mut |next, _| {
            let hash = hash(&next);
            if let Entry::Vacant(entry) = seen.entry(hash) {
                entry.insert(());
                let number = u32::try_from(nodes.len()).unwrap_or(u32::MAX);
                nodes.push(Node {
                    parent: at,
                    hash,
                    depth: depth + 1,
                });
                queue.push_back((next, number));
            }
        });
    }
    report.states = nodes.len();
    report
}

fn judged(state: &State, world: &World, node: &Node, futures: &mut usize) -> Option<Violation> {
    if let Some(violation) = state.violation(world) {
        return Some(violation);
    }
    if world.futures_every == 0 || !node.hash.is_multiple_of(world.futures_every) {
        return None;
    }
    *futures += 1;
    fair::check(state, world)
}

fn index(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

fn hash(state: &State) -> u64 {
    let mut hasher = DefaultHasher::new();
    state.hash(&mut hasher);
    hasher.finish()
}

/// Walks the way again, this time with words.
fn retrace(world: &World, nodes: &[Node], end: u32) -> Vec<String> {
    let mut way = Vec::new();
    let mut at = end;
    while at != 0 {
        way.push(nodes[index(at)].hash);
        at = nodes[index(at)].parent;
    }
    let mut state = world.start();
    let mut steps = Vec::new();
    for wanted in way.into_iter().rev() {
        let mut found = None;
        let mut sink = |next: State, words: &dyn Fn() -> String| {
            if found.is_none() && hash(&next) == wanted {
                found = Some((next, words()));
            }
        };
        let sink: &mut Sink<'_> = &mut sink;
        all_steps(&state, world, sink);
        let Some((next, words)) = found else { break };
        state = next;
        steps.push(words);
    }
    steps
}
