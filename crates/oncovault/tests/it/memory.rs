//! What a backup may take.

use std::fs;
use std::process::{Child, Stdio};
use std::time::Duration;

use crate::world::World;

/// Bytes that nothing makes smaller, and that repeat nowhere.
fn noise(mut seed: u64, length: usize) -> Vec<u8> {
    let mut next = || {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        seed.to_le_bytes()
    };
    (0..length / 8).flat_map(|_| next()).collect()
}

/// The most memory that a program took until it ended well, in MiB. Its last two milliseconds may
/// be missing.
fn peak(mut program: Child) -> u64 {
    let status = format!("/proc/{}/status", program.id());
    let mut peak = 0;
    loop {
        let told = fs::read_to_string(&status).unwrap_or_default();
        let line = told.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib = line.and_then(|line| line.trim().strip_suffix(" kB"));
        peak = kib.map_or(peak, |kib| kib.trim().parse::<u64>().unwrap());
        if let Some(ended) = program.try_wait().unwrap() {
            assert!(ended.success());
            return peak / 1024;
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}

#[test]
fn a_backup_keeps_to_the_memory_that_it_was_given() {
    let world = World::empty();
    // A passphrase takes its own memory, before the backup begins.
    let command = || {
        let mut command = world.command();
        command.args(["--vault", "vault", "--key", "key"]);
        command.stdout(Stdio::null()).stderr(Stdio::null());
        command
    };
    let founded = command().args(["init", "--unprotected-key"]).status();
    assert!(founded.unwrap().success());
    for n in 1..=6 {
        world.write(&format!("data/{n}.bam"), noise(n, 16 << 20));
    }
    let mut backup = command();
    backup.args(["backup", "data", "--no-catalog", "--memory", "48M"]);
    let taken = peak(backup.spawn().unwrap());
    println!("{taken} MiB of 48");
    assert!((20..=48).contains(&taken), "{taken} MiB");
}

#[test]
fn memory_that_no_backup_could_keep_to_is_refused_before_anything_is_read() {
    let world = World::new();
    world.write("data/a", "a");
    let said = world.run(["backup", "data", "--memory", "20M"]);
    said.fails(2, &["--memory", "at least 48 MiB"]);
    assert_eq!(
        world.json(["snapshots"])["snapshots"],
        serde_json::json!([])
    );
}
