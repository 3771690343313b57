//! `key recover`: the paper kit makes a new owner, or is tried.

use std::path::PathBuf;

use ov_admin::appoint::{GroupChoice, root};
use ov_admin::recover::{self, KitReport, KitState, Recovery};
use ov_seal::entropy::OsEntropy;
use ov_terminal::screen::{BAD, GOOD};
use ov_terminal::{Desk, Exit, Failure, machine};
use ov_vault::{SystemClock, Vault};
use serde_json::json;

use crate::administration::{NewKey, NewProtection};
use crate::kit_input::KitInput;
use crate::{explain, kit_test};

/// What `key recover` takes.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// Try the kit on every key of the vault, and change nothing in it
    #[arg(long, conflicts_with_all = ["out", "owner", "new_group"])]
    test: bool,

    #[command(flatten)]
    input: KitInput,

    /// The new owner's name [default: user@host]
    #[arg(long, value_name = "NAME")]
    owner: Option<String>,

    /// Share no stored chunks with the lost owner, whose key may be in wrong hands
    #[arg(long)]
    new_group: bool,

    /// The new owner's key file; it must not be there yet
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,

    #[command(flatten)]
    protection: NewProtection,
}

/// Recovers, or tries.
pub fn run(args: &Args, desk: &Desk) -> Result<Exit, Failure> {
    let store = desk.target()?;
    let brought = args.input.read()?;
    let kit = brought.kit;
    let mut vault = recover::open(store, &kit).map_err(explain::admin)?;
    if args.test {
        let report = recover::test(&vault, &kit).map_err(explain::admin)?;
        kit_test::keep(&report, brought.form, vault.id(), desk);
        return tell(&report, desk);
    }
    let Some(out) = &args.out else {
        return Err(Failure::usage("no file for the new owner's key")
            .help("say --out FILE, or --test to try the kit"));
    };
    let new = NewKey {
        out: out.clone(),
        protection: args.protection.clone(),
    };
    let recovery = recovery(args, &vault)?;
    let (facts, ()) = new.write(|| {
        let made = recover::recover(&mut vault, &kit, recovery, &OsEntropy, &SystemClock)
            .map_err(explain::admin)?;
        Ok((made.facts, made.secret, ()))
    })?;
    desk.screen.line(format_args!(
        "{GOOD}There is a new owner:{GOOD:#} member {}. The key file is {}.\nRevoke the lost key: \
         oncovault key list, then oncovault key revoke MEMBER",
        facts.member,
        new.out.display()
    ));
    desk.screen.document(&json!({
        "member": facts.member.to_string(),
        "name": facts.name,
        "key_file": new.out.display().to_string(),
    }));
    Ok(Exit::Done)
}

fn recovery(args: &Args, vault: &Vault) -> Result<Recovery, Failure> {
    Ok(Recovery {
        owner: args.owner.clone().unwrap_or_else(machine::user_at_host),
        group: match args.new_group {
            true => GroupChoice::New,
            false => GroupChoice::Same(root(vault).map_err(explain::admin)?.log.member),
        },
    })
}

fn tell(report: &KitReport, desk: &Desk) -> Result<Exit, Failure> {
    for key in &report.keys {
        let name = match (&key.name, &key.compartment) {
            (Some(name), _) => format!(
                "compartment {}",
                ov_terminal::screen::shown(name.as_bytes())
            ),
            (None, Some(id)) => format!("compartment {id}"),
            (None, None) => "structure".to_owned(),
        };
        let (style, state) = match key.state {
            KitState::Opens => (GOOD, "opens"),
            KitState::OtherKey => (BAD, "opens another key than the vault names"),
            KitState::Damaged => (BAD, "damaged"),
            KitState::Missing => (BAD, "missing"),
        };
        let epoch = key.epoch;
        desk.screen.line(format_args!(
            "{name}, epoch {epoch}: {style}{state}{style:#}"
        ));
    }
    desk.screen.document(&json!({
        "opens_all": report.opens_all(),
        "keys": report.keys.iter().map(|key| json!({
            "compartment": key.compartment.map(|id| id.to_string()),
            "name": key.name,
            "epoch": key.epoch,
            "opens": key.state == KitState::Opens,
        })).collect::<Vec<_>>(),
    }));
    match report.opens_all() {
        true => {
            desk.screen
                .line("The kit opens everything that this vault holds.");
            Ok(Exit::Done)
        }
        false => Ok(Exit::Damage),
    }
}
