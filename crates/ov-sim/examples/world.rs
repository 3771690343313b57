//! Runs many seeds of the simulated world, each twice: `world [--seeds N] [--from S] [--bug NAME]`.
#![allow(clippy::print_stdout, reason = "a program for the terminal")]

use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Instant;

use ov_sim::world::bug::Bug;
use ov_sim::world::run::{Outcome, Tally, run, run_twice};

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let value = |name: &str| {
        let at = words.iter().position(|word| word == name)?;
        words.get(at + 1)
    };
    let number = |name: &str, usual: u64| value(name).and_then(|v| v.parse().ok()).unwrap_or(usual);
    let (seeds, from) = (number("--seeds", 1000), number("--from", 0));
    let bug = value("--bug").and_then(|name| {
        Bug::ALL.into_iter().find(|bug| format!("{bug:?}") == *name)
    });
    let began = Instant::now();
    let (next, failed) = (AtomicU64::new(from), AtomicBool::new(false));
    let tally = Mutex::new(Tally::default());
    let end = from.saturating_add(seeds);
    let work = || {
        loop {
            let seed = next.fetch_add(1, Ordering::SeqCst);
            if seed >= end {
                return;
            }
            let outcome = match bug {
                Some(bug) => run(seed, Some(bug)),
                None => run_twice(seed),
            };
            if let Ok(mut tally) = tally.lock() {
                *tally += outcome.tally;
            }
            if !outcome.violations.is_empty() {
                failed.store(true, Ordering::SeqCst);
                show(seed, &outcome, words.contains(&"--trace".to_owned()));
            }
        }
    };
    std::thread::scope(|scope| {
        scope.spawn(work);
        work();
    });
    let seconds = began.elapsed().as_secs_f64();
    println!("seeds {from}..{end} in {seconds:.0} s: {:#?}", tally.lock().map(|tally| *tally));
    ExitCode::from(u8::from(failed.load(Ordering::SeqCst)))
}

fn show(seed: u64, outcome: &Outcome, trace: bool) {
    println!("seed {seed}, {:?}", outcome.weather);
    for violation in &outcome.violations {
        println!("  {violation}");
    }
    if trace {
        outcome.trace.lines().iter().for_each(|line| println!("    {line}"));
    }
}
