//! `key revoke`: nothing that a member says from now on counts.

use ov_admin::appoint::revoke;
use ov_terminal::{Desk, Exit, Failure};
use ov_vault::SystemClock;
use serde_json::json;

use crate::administration::Administration;
use crate::explain;

/// What `key revoke` takes.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// The member: its name, or its id
    #[arg(value_name = "MEMBER")]
    member: String,
}

/// Revokes.
pub fn run(args: &Args, desk: &Desk) -> Result<Exit, Failure> {
    let mut admin = Administration::open(desk)?;
    let member = admin.member(&args.member)?;
    let (vault, writer) = (&mut admin.opened.vault, &admin.opened.writer);
    revoke(vault, writer, member, &SystemClock).map_err(explain::admin)?;
    desk.screen.line(format_args!(
        "Member {member} is revoked; its snapshots stay. What it could open it can still open: \
         oncovault key rotate keeps new data from it."
    ));
    desk.screen.document(&json!({"member": member.to_string()}));
    Ok(Exit::Done)
}
