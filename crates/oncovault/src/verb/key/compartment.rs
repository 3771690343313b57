//! `key add-compartment`: another domain of reading.

use ov_admin::compartment::add_compartment;
use ov_seal::entropy::OsEntropy;
use ov_terminal::{Desk, Exit, Failure};
use ov_vault::SystemClock;
use serde_json::json;

use crate::administration::Administration;
use crate::explain;

/// What `key add-compartment` takes.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// Its name
    #[arg(value_name = "NAME")]
    name: String,
}

/// Makes the compartment.
pub fn run(args: &Args, desk: &Desk) -> Result<Exit, Failure> {
    let Administration {
        mut opened,
        mut access,
    } = Administration::open(desk)?;
    let (vault, writer) = (&mut opened.vault, &opened.writer);
    let id = add_compartment(
        vault,
        writer,
        &mut access,
        &args.name,
        &OsEntropy,
        &SystemClock,
    )
    .map_err(explain::admin)?;
    desk.screen.line(format_args!(
        "There is a new compartment. Others get it by: oncovault key grant MEMBER --compartment {}",
        args.name
    ));
    desk.screen
        .document(&json!({"compartment": id.to_string(), "name": args.name}));
    Ok(Exit::Done)
}
