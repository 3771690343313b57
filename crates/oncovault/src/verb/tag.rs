//! `tag`: tags of a snapshot, added and taken away.

use clap::Subcommand;
use ov_format::snapshot::TagChange;
use ov_format::statement::Statement;
use ov_seal::entropy::OsEntropy;
use ov_terminal::{Desk, Exit, Failure};
use ov_vault::SystemClock;
use ov_vault::section::{SealTo, seal_section};
use serde_json::json;

use crate::reading::{Reading, Which};

/// What `tag` takes.
#[derive(clap::Args, Debug)]
pub struct Args {
    #[command(subcommand)]
    act: Act,
}

#[derive(Subcommand, Debug)]
enum Act {
    /// Give a snapshot tags
    Add(Tags),
    /// Take tags from a snapshot
    Remove(Tags),
}

#[derive(clap::Args, Debug)]
struct Tags {
    /// The snapshot
    #[arg(value_name = "SNAP")]
    snapshot: String,

    /// The tags
    #[arg(value_name = "TAG", required = true)]
    tags: Vec<String>,
}

/// Changes tags.
pub fn run(args: &Args, desk: &Desk) -> Result<Exit, Failure> {
    let (tags, change) = match &args.act {
        Act::Add(tags) => {
            let add = tags.tags.clone();
            (
                tags,
                TagChange {
                    add,
                    remove: Vec::new(),
                },
            )
        }
        Act::Remove(tags) => {
            let remove = tags.tags.clone();
            (
                tags,
                TagChange {
                    add: Vec::new(),
                    remove,
                },
            )
        }
    };
    let mut reading = Reading::open(desk)?;
    reading.require_reader("change tags")?;
    let info = reading.select(&tags.snapshot, &Which::default())?;
    let (id, short, commit, compartment) =
        (info.id(), info.short_id(), info.commit, info.compartment);
    let vault = &mut reading.opened.vault;
    let writer = &reading.opened.writer;
    let (epoch, key) = vault.head().compartment_key(compartment)?;
    let to = SealTo::Compartment(compartment, epoch, &key);
    let section = seal_section(&change, to, vault.id(), writer.member, &OsEntropy);
    vault.append(
        writer,
        &SystemClock,
        Statement::Tag(commit),
        vec![section],
        &[],
    )?;
    desk.screen
        .line(format_args!("Snapshot {short}: tags changed."));
    desk.screen.document(&json!({
        "snapshot_id": id,
        "added": change.add,
        "removed": change.remove,
    }));
    Ok(Exit::Done)
}
