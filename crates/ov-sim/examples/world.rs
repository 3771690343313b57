//! Runs many seeds of the simulated world, each twice:
//! `world [--seeds N] [--from S] [--bug NAME] [--trace]`; with `--long MINUTES` for so long, from a
//! seed of the day on; with `--shrink SEED` it tells the shortest story by which a seed fails; with
//! `--states N` it searches the large worlds of the protocol, up to so many states each.
#![allow(clippy::print_stdout, reason = "a program for the terminal")]

use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use ov_sim::search::worlds;
use ov_sim::world::bug::Bug;
use ov_sim::world::run::{Outcome, run, run_twice};
use ov_sim::world::shrink::{Without, shrink};
use ov_sim::world::tally::Tally;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let value = |name: &str| {
        let at = words.iter().position(|word| word == name)?;
        words.get(at + 1)
    };
    let number = |name: &str, usual: u64| value(name).and_then(|v| v.parse().ok()).unwrap_or(usual);
    let (seeds, from) = match value("--long") {
        Some(_) => (u64::MAX, number("--from", today() * 1_000_000)),
        None => (number("--seeds", 1000), number("--from", 0)),
    };
    let until =
        value("--long").map(|_| Instant::now() + Duration::from_secs(60 * number("--long", 60)));
    if value("--states").is_some() {
        let (states, large) = (number("--states", 1_000_000), worlds::large());
        let states = usize::try_from(states).unwrap_or(usize::MAX);
        let mut broken = false;
        worlds::search_each(&large, states, &mut |report| {
            broken |= report.found.is_some();
            println!("{report}");
        });
        return ExitCode::from(u8::from(broken));
    }
    let bug = value("--bug")
        .and_then(|name| Bug::ALL.into_iter().find(|bug| format!("{bug:?}") == *name));
    let trace = match words.iter().any(|word| word == "--trace") {
        true => Trace::Shown,
        false => Trace::Left,
    };
    if value("--shrink").is_some() {
        return tell(number("--shrink", 0), bug, trace);
    }
    let began = Instant::now();
    let (next, failed) = (AtomicU64::new(from), AtomicBool::new(false));
    let tally = Mutex::new(Tally::default());
    let end = from.saturating_add(seeds);
    let work = || {
        loop {
            if until.is_some_and(|until| Instant::now() >= until) {
                return;
            }
            let seed = next.fetch_add(1, Ordering::SeqCst);
            if seed >= end {
                return;
            }
            let outcome = match bug {
                Some(bug) => run(seed, Some(bug)),
                None => run_twice(seed, &Without::default()),
            };
            if let Ok(mut tally) = tally.lock() {
                *tally += outcome.tally;
            }
            if !outcome.violations.is_empty() {
                failed.store(true, Ordering::SeqCst);
                show(seed, &outcome);
                if trace == Trace::Shown {
                    show_trace(&outcome);
                }
            }
        }
    };
    std::thread::scope(|scope| {
        scope.spawn(work);
        work();
    });
    let seconds = began.elapsed().as_secs_f64();
    println!(
        "seeds {from}..{} in {seconds:.0} s: {:#?}",
        next.load(Ordering::SeqCst).min(end),
        tally.lock().map(|tally| *tally)
    );
    ExitCode::from(u8::from(failed.load(Ordering::SeqCst)))
}

/// Whether every call is told.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Trace {
    Shown,
    Left,
}

/// Days since 1970: every day has seeds of its own.
fn today() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| since.as_secs() / 86_400)
}

fn tell(seed: u64, bug: Option<Bug>, trace: Trace) -> ExitCode {
    match shrink(seed, bug) {
        Some(script) => {
            if trace == Trace::Shown {
                script
                    .trace()
                    .iter()
                    .for_each(|line| println!("    {line}"));
            }
            println!("{script}");
            ExitCode::FAILURE
        }
        None => {
            println!("seed {seed} does not fail");
            ExitCode::SUCCESS
        }
    }
}

fn show(seed: u64, outcome: &Outcome) {
    println!("seed {seed}, {:?}", outcome.weather);
    for violation in &outcome.violations {
        println!("  {violation}");
    }
}

fn show_trace(outcome: &Outcome) {
    outcome
        .trace
        .lines()
        .iter()
        .for_each(|line| println!("    {line}"));
}
