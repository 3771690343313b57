//! `key grant`: more for a member.

use ov_admin::appoint::{Grant, grant};
use ov_format::statement::Role;
use ov_seal::entropy::OsEntropy;
use ov_terminal::{Desk, Exit, Failure};
use ov_vault::SystemClock;
use serde_json::json;

use crate::administration::Administration;
use crate::explain;
use crate::role::RoleArg;

/// What `key grant` takes.
#[derive(clap::Args, Debug)]
#[command(group = clap::ArgGroup::new("more").args(["role", "compartment"]).required(true).multiple(true))]
pub struct Args {
    /// The member: its name, or its id
    #[arg(value_name = "MEMBER")]
    member: String,

    /// A role (may be given more than once)
    #[arg(long, value_name = "ROLE")]
    role: Vec<RoleArg>,

    /// A compartment (may be given more than once)
    #[arg(long, value_name = "NAME")]
    compartment: Vec<String>,
}

/// Grants.
pub fn run(args: &Args, desk: &Desk) -> Result<Exit, Failure> {
    let mut admin = Administration::open(desk)?;
    let member = admin.member(&args.member)?;
    let more = Grant {
        roles: args.role.iter().copied().map(Role::from).collect(),
        compartments: match args.compartment.is_empty() {
            true => Vec::new(),
            false => admin.compartments(&args.compartment)?,
        },
    };
    let Administration { opened, access } = &mut admin;
    let (vault, writer) = (&mut opened.vault, &opened.writer);
    grant(
        vault,
        writer,
        access,
        member,
        &more,
        &OsEntropy,
        &SystemClock,
    )
    .map_err(explain::admin)?;
    desk.screen.line(format_args!(
        "Member {member} has more now; its key file stays the same."
    ));
    desk.screen.document(&json!({"member": member.to_string()}));
    Ok(Exit::Done)
}
