//! `hold`: snapshots that stay, whatever a rule or a person says.

use clap::Subcommand;
use ov_terminal::screen::shown;
use ov_terminal::table::{Side, Table};
use ov_terminal::{Desk, Exit, Failure, moment};
use ov_vault::finding::short;
use ov_vault::{SystemClock, hold};
use serde_json::json;

use crate::keeping::{Keeping, full_ids, ids};

/// What `hold` takes.
#[derive(clap::Args, Debug)]
pub struct Args {
    #[command(subcommand)]
    act: Act,
}

#[derive(Subcommand, Debug)]
enum Act {
    /// Hold snapshots until somebody releases them
    Add {
        /// The snapshots
        #[arg(value_name = "SNAP", required = true)]
        snapshots: Vec<String>,

        /// Why; anybody who sees the vault can read it, so name no patient
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
    /// List holds
    List,
    /// Release a hold; that takes an admin
    Release {
        /// The hold's id, or its first digits
        #[arg(value_name = "HOLD")]
        hold: String,
    },
}

/// Holds, lists or releases.
pub fn run(args: &Args, desk: &Desk) -> Result<Exit, Failure> {
    let mut keeping = Keeping::open(desk)?;
    match &args.act {
        Act::Add { snapshots, reason } => add(&mut keeping, snapshots, reason, desk)?,
        Act::List => list(&keeping, desk),
        Act::Release { hold } => release(&mut keeping, hold, desk)?,
    }
    Ok(Exit::Done)
}

fn add(k: &mut Keeping, specs: &[String], reason: &str, desk: &Desk) -> Result<(), Failure> {
    let commits = k.select(specs)?;
    let (vault, keeper) = k.split();
    let name = hold::add(vault, keeper.writer, &SystemClock, &commits, reason)?;
    desk.screen
        .line(format_args!("Hold {} is in force.", short(&name)));
    desk.screen.document(&json!({
        "hold": name.hash.to_string(),
        "snapshots": full_ids(&commits),
    }));
    Ok(())
}

fn list(keeping: &Keeping, desk: &Desk) {
    let holds = hold::list(&keeping.opened.vault);
    let mut table = Table::new(&[
        ("ID", Side::Left),
        ("Since", Side::Left),
        ("By", Side::Left),
        ("Snapshots", Side::Left),
        ("Reason", Side::Left),
    ]);
    for hold in &holds {
        table.row(vec![
            short(&hold.name),
            moment::local(hold.time),
            hold.member.to_string(),
            ids(&hold.commits),
            shown(hold.reason.as_bytes()),
        ]);
    }
    table.print(&desk.screen);
    if holds.is_empty() {
        desk.screen.note("No holds.");
    }
    desk.screen
        .document(&json!({"holds": holds.iter().map(|hold| json!({
        "id": hold.name.hash.to_string(),
        "time": moment::rfc3339(hold.time),
        "member": hold.member.to_string(),
        "snapshots": full_ids(&hold.commits),
        "reason": hold.reason,
    })).collect::<Vec<_>>()}));
}

fn release(keeping: &mut Keeping, prefix: &str, desk: &Desk) -> Result<(), Failure> {
    let prefix = prefix.to_ascii_lowercase();
    let holds = hold::list(&keeping.opened.vault);
    let fits = |name: &ov_format::name::RecordName| name.hash.to_string().starts_with(&prefix);
    let found: Vec<_> = holds.iter().map(|hold| hold.name).filter(fits).collect();
    let [name] = found[..] else {
        return Err(
            Failure::failed(format!("{} holds begin with {prefix:?}", found.len()))
                .help("`hold list` shows them"),
        );
    };
    let (vault, keeper) = keeping.split();
    hold::release(vault, keeper.writer, &SystemClock, &name)?;
    desk.screen
        .line(format_args!("Hold {} is released.", short(&name)));
    desk.screen
        .document(&json!({"released": name.hash.to_string()}));
    Ok(())
}
