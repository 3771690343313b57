//! `check`: whether all is there and whole, as far as it shows without reading content.

use std::path::Path;
use std::sync::Arc;

use ov_terminal::screen::GOOD;
use ov_terminal::{Desk, Exit, Failure, age, amount, remembered, standing};
use ov_vault::check::{CheckReport, Checking, Depth};
use ov_vault::vault::find_vault;
use ov_vault::{SystemClock, Vault};
use serde_json::{Value, json};

use crate::keeping::{Keeping, Watcher, full_ids, ids};

/// What `check` takes.
#[derive(clap::Args, Debug)]
#[group(skip)]
pub struct Args {
    /// Read every byte, or a share of them, those first that were not read for longest
    #[arg(long, value_name = "N%", num_args = 0..=1, require_equals = true,
          default_missing_value = "100%", value_parser = read_percent)]
    read_data: Option<u8>,

    /// Read packs that were not read for this long, like 30d
    #[arg(long, value_name = "AGE", conflicts_with = "read_data", value_parser = age::seconds)]
    older_than: Option<u64>,

    /// Check what anyone can, with no key at all: names, logs, signatures, presence and bytes
    #[arg(long)]
    without_key: bool,
}

/// Checks.
pub fn run(args: &Args, desk: &Desk) -> Result<Exit, Failure> {
    let report = match args.without_key {
        true => check_as_anyone(args, desk)?,
        false => {
            let mut keeping = Keeping::open(desk)?;
            let report = check(args, &mut keeping)?;
            note(report.findings.len(), &keeping.opened.state, desk)?;
            keeping.watcher.meter.clear();
            report
        }
    };
    desk.screen.document(&document(&report));
    print(&report, desk);
    Ok(exit_of(&report))
}

/// Checks what shows without reading content.
pub fn check(args: &Args, keeping: &mut Keeping) -> Result<CheckReport, Failure> {
    let verified = keeping.opened.verified();
    let secrets = keeping.opened.secrets()?;
    let Keeping {
        opened, watcher, ..
    } = keeping;
    let checking = Checking {
        secrets: (!secrets.structure.is_empty()).then_some(&secrets),
        clock: &SystemClock,
        monitor: watcher,
        verified: Some(&verified),
    };
    Ok(ov_vault::check::check(
        &mut opened.vault,
        &checking,
        depth(args),
    )?)
}

/// Checks what shows to anyone. Which vault this is, only a key file or the recovery kit vouches
/// for: its id is told, to be compared.
fn check_as_anyone(args: &Args, desk: &Desk) -> Result<CheckReport, Failure> {
    let store = desk.target()?;
    let mut vault = Vault::open(Arc::clone(&store), find_vault(&*store)?)?;
    let watcher = Watcher::new(desk);
    let checking = Checking {
        secrets: None,
        clock: &SystemClock,
        monitor: &watcher,
        verified: None,
    };
    let report = ov_vault::check::check(&mut vault, &checking, depth(args))?;
    watcher.meter.clear();
    desk.screen.line(format_args!("Vault {}", vault.id()));
    Ok(report)
}

/// Remembers in the local state, for `status`, that a check found so many things wrong.
pub fn note(errors: usize, state: &Path, desk: &Desk) -> Result<(), Failure> {
    let errors = u64::try_from(errors).unwrap_or(u64::MAX);
    remembered::note(state, &desk.url()?, &desk.screen, |note| {
        note.check(standing::now(), errors);
    });
    Ok(())
}

fn depth(args: &Args) -> Depth {
    match (args.read_data, args.older_than) {
        (Some(100), _) => Depth::Read,
        (Some(percent), _) => Depth::ReadShare(percent),
        (None, Some(seconds)) => Depth::OlderThan(seconds),
        (None, None) => Depth::Objects,
    }
}

/// How a check ends.
pub fn exit_of(report: &CheckReport) -> Exit {
    match report.is_clean() {
        true => Exit::Done,
        false => Exit::Damage,
    }
}

/// For programs.
pub fn document(report: &CheckReport) -> Value {
    let findings = report.findings.iter().map(|found| {
        json!({
            "finding": found.finding.to_string(),
            "snapshots": full_ids(&found.snapshots),
        })
    });
    json!({
        "clean": report.is_clean(),
        "findings": findings.collect::<Vec<_>>(),
        "affected_snapshots": full_ids(&report.affected()),
        "snapshots": report.snapshots,
        "frames": report.frames,
        "objects": report.objects,
        "bytes": report.bytes,
        "packs_read": report.packs_read,
        "bytes_read": report.bytes_read,
        "unpublished": report.unpublished,
        "unpublished_bytes": report.unpublished_bytes,
        "condemned": report.condemned,
        "late_snapshots": full_ids(&report.late),
    })
}

/// For people.
pub fn print(report: &CheckReport, desk: &Desk) {
    let screen = &desk.screen;
    if !report.late.is_empty() {
        screen.line(format_args!(
            "{}: came too late and was run again; `accept` clears it",
            ids(&report.late)
        ));
    }
    for found in &report.findings {
        match found.snapshots.is_empty() {
            true => screen.warn(&found.finding),
            false => screen.warn(format_args!(
                "{} (touches snapshots {})",
                found.finding,
                ids(&found.snapshots)
            )),
        }
    }
    screen.line(format_args!(
        "{} objects with {}; {} followed, {} packs read with {}",
        report.objects,
        amount::bytes(report.bytes),
        amount::of(report.snapshots, "snapshot", "snapshots"),
        report.packs_read,
        amount::bytes(report.bytes_read)
    ));
    if report.unpublished > 0 {
        let size = amount::bytes(report.unpublished_bytes);
        screen.note(format_args!(
            "{} with {size} belong to no snapshot yet, or to runs that died; `prune` frees the latter.",
            amount::of(report.unpublished, "object", "objects")
        ));
    }
    match report.is_clean() {
        true => screen.line(format_args!("{GOOD}No damage found.{GOOD:#}")),
        false => {
            let found = amount::of(report.findings.len() as u64, "thing", "things");
            screen.warn(format_args!(
                "{found} wrong. `repair plan --from COPY` shows what a copy can mend"
            ));
        }
    }
}

fn read_percent(text: &str) -> Result<u8, String> {
    let number = text.strip_suffix('%').unwrap_or(text).parse::<u8>();
    match number {
        Ok(number @ 1..=100) => Ok(number),
        _ => Err("write a share from 1% to 100%".to_owned()),
    }
}
