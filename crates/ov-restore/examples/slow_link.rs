//! Restores from a target that answers every request 30 ms late, and from the same without delay:
//! `slow_link [SMALL_FILES] [LARGE_MIB]`.
#![allow(clippy::print_stdout, reason = "a program for the terminal")]
#![allow(clippy::unwrap_used, reason = "a measurement that fails has failed")]

#[allow(dead_code, reason = "the tests use more of it")]
#[path = "../tests/it/site.rs"]
mod site;

use std::sync::Arc;
use std::time::{Duration, Instant};

use ov_restore::{Filter, Part, RestoreOptions, Void, check_content, raise_open_files, restore};
use ov_store::{Recording, Slow};

use site::{Opened, Site, noise, wanted};

/// What each request waits.
const LATENCY: Duration = Duration::from_millis(30);

/// Each is measured so often; the least counts.
const ROUNDS: usize = 3;

fn main() {
    raise_open_files();
    let mut words = std::env::args().skip(1);
    let mut number = |usual: usize| {
        words
            .next()
            .and_then(|word| word.parse().ok())
            .unwrap_or(usual)
    };
    let (files, mib) = (number(10_000), number(200));
    let mut small = Site::new();
    for n in 0..files {
        let bytes = noise(7, 3072 + n);
        small.write(&format!("{:03}/{n}", n % 100), &bytes[n..]);
    }
    compare(&format!("{files} files of 3 KiB"), &mut small);
    let mut large = Site::new();
    large.write("large", &noise(8, mib << 20));
    compare(&format!("one file of {mib} MiB"), &mut large);
}

fn compare(what: &str, site: &mut Site) {
    site.run();
    println!("{what}");
    let rounds: Vec<_> = (0..ROUNDS)
        .map(|_| (measure(site, Duration::ZERO), measure(site, LATENCY)))
        .collect();
    for (index, name) in ["open", "restore", "check"].into_iter().enumerate() {
        let least =
            |pick: &dyn Fn(usize) -> f64| (0..ROUNDS).map(pick).min_by(f64::total_cmp).unwrap();
        let fast = least(&|round| rounds[round].0[index].seconds);
        let slow = least(&|round| rounds[round].1[index].seconds);
        let Phase { requests, most, .. } = rounds[0].1[index];
        println!(
            "  {name:8} {requests:5} requests, {most:3} at once, {fast:6.2} s, late {slow:6.2} s, \
             {:.2} times",
            slow / fast
        );
    }
}

struct Phase {
    requests: usize,
    most: usize,
    seconds: f64,
}

fn measure(site: &Site, latency: Duration) -> [Phase; 3] {
    let recording = Arc::new(Recording::new(site.memory.clone()));
    let slow = Arc::new(Slow::new(recording.clone(), latency));
    let phase = |began: Instant| Phase {
        requests: recording.take().len(),
        most: slow.take_most_in_flight(),
        seconds: began.elapsed().as_secs_f64(),
    };
    let began = Instant::now();
    let vault = site.vault_on(slow.clone());
    let opened = Opened::of(&vault, &site.keys);
    let open = phase(began);
    let began = Instant::now();
    let reader = opened.reader();
    let (part, filter) = (Part::Below(site.root()), Filter::default());
    let wanted = wanted(&reader, opened.latest(), &part, &filter);
    let target = tempfile::tempdir().unwrap();
    restore(&wanted, target.path(), &RestoreOptions::default(), &Void).unwrap();
    let restored = phase(began);
    let began = Instant::now();
    let checked = check_content(&opened.reader(), [opened.latest()], 2, &Void);
    assert!(checked.unreachable.is_none() && checked.findings.is_empty());
    [open, restored, phase(began)]
}
