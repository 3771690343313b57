//! `key rotate`: new keys for new data.

use ov_admin::rotate::{What, Which, rotate};
use ov_seal::entropy::OsEntropy;
use ov_terminal::{Desk, Exit, Failure};
use ov_vault::SystemClock;
use serde_json::json;

use crate::administration::Administration;
use crate::explain;

/// What `key rotate` takes.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// Ids of chunks too: the next backup stores everything once more
    #[arg(long)]
    ids: bool,

    /// Only of this compartment
    #[arg(long, value_name = "NAME")]
    compartment: Option<String>,
}

/// Rotates.
pub fn run(args: &Args, desk: &Desk) -> Result<Exit, Failure> {
    let Administration {
        mut opened,
        mut access,
    } = Administration::open(desk)?;
    let what = match args.ids {
        true => What::Ids,
        false => What::Keys,
    };
    let which = match &args.compartment {
        Some(name) => Which::Compartment(access.find(name).map_err(explain::admin)?),
        None => Which::All,
    };
    let (vault, writer) = (&mut opened.vault, &opened.writer);
    rotate(
        vault,
        writer,
        &mut access,
        what,
        which,
        &OsEntropy,
        &SystemClock,
    )
    .map_err(explain::admin)?;
    desk.screen
        .line("New data gets new keys. What is stored stays as it is; key files stay too.");
    desk.screen
        .document(&json!({"rotated": true, "ids": args.ids}));
    Ok(Exit::Done)
}
