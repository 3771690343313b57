//! `key kit`: the recovery kit on paper again, whole or in shares.

use std::path::PathBuf;

use ov_admin::recover;
use ov_open::slip39::Split;
use ov_seal::entropy::OsEntropy;
use ov_terminal::screen::BOLD;
use ov_terminal::{Desk, Exit, Failure};
use serde_json::json;

use crate::kit_input::KitInput;
use crate::{explain, kit_page};

/// What `key kit` takes.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// Split the kit: so many of so many shares open everything, fewer nothing
    #[arg(long, value_name = "3-of-5")]
    split: Option<Split>,

    /// The page to write; with --split the folder for the pages
    #[arg(long, value_name = "PATH")]
    out: PathBuf,

    #[command(flatten)]
    input: KitInput,
}

/// Writes the pages of a kit that is this vault's.
pub fn run(args: &Args, desk: &Desk) -> Result<Exit, Failure> {
    let store = desk.target()?;
    let kit = args.input.read()?.kit;
    let vault = recover::open(store, &kit).map_err(explain::admin)?.id();
    let pages = match args.split {
        Some(split) => {
            let shares = kit.split(split, &OsEntropy);
            kit_page::write_shares(&shares, split, vault, &args.out)?
        }
        None => {
            kit_page::write_whole(&kit, vault, &args.out)?;
            vec![args.out.clone()]
        }
    };
    for page in &pages {
        desk.screen
            .line(format_args!("{BOLD}{}{BOLD:#}", page.display()));
    }
    desk.screen.line(match args.split {
        Some(split) => format!(
            "Print them, delete the files, and hand the sheets out: any {} of {} open everything.\n\
             The whole kit stays valid too. Destroy its paper if the shares shall replace it.",
            split.needed(),
            split.made()
        ),
        None => "Print it, then delete the file.".to_owned(),
    });
    desk.screen.document(&json!({
        "vault_id": vault.to_string(),
        "pages": pages.iter().map(|page| page.display().to_string()).collect::<Vec<_>>(),
        "needed": args.split.map(Split::needed),
        "made": args.split.map(Split::made),
    }));
    Ok(Exit::Done)
}
