//! `key add`: a new member and its key file.

use ov_admin::appoint::{Appointment, GroupChoice, appoint};
use ov_format::statement::Role;
use ov_seal::entropy::OsEntropy;
use ov_terminal::screen::shown;
use ov_terminal::{Desk, Exit, Failure};
use ov_vault::SystemClock;
use serde_json::json;

use crate::administration::{Administration, NewKey};
use crate::explain;
use crate::role::RoleArg;

/// What `key add` takes.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// What the member may do (may be given more than once)
    #[arg(long, value_name = "ROLE", required = true)]
    role: Vec<RoleArg>,

    /// The member's name
    #[arg(long, value_name = "NAME")]
    name: String,

    /// A compartment that it may write to or read (may be given more than once) [default: the
    /// only one]
    #[arg(long, value_name = "NAME")]
    compartment: Vec<String>,

    /// Share stored chunks with this member's dedup group: those in a group must trust each other
    #[arg(long, value_name = "MEMBER")]
    group: Option<String>,

    #[command(flatten)]
    new: NewKey,
}

/// Appoints.
pub fn run(args: &Args, desk: &Desk) -> Result<Exit, Failure> {
    let mut admin = Administration::open(desk)?;
    let roles: Vec<Role> = args.role.iter().copied().map(Role::from).collect();
    let bound = roles
        .iter()
        .any(|role| matches!(role, Role::Agent | Role::Reader));
    let compartments = match bound || !args.compartment.is_empty() {
        true => admin.compartments(&args.compartment)?,
        false => Vec::new(),
    };
    let group = match &args.group {
        Some(member) => GroupChoice::Same(admin.member(member)?),
        None => GroupChoice::New,
    };
    let appointment = Appointment {
        roles,
        name: args.name.clone(),
        compartments,
        group,
    };
    let (facts, ()) = args.new.write(|| {
        let Administration { opened, access } = &mut admin;
        let (vault, writer) = (&mut opened.vault, &opened.writer);
        let made = appoint(vault, writer, access, appointment, &OsEntropy, &SystemClock)
            .map_err(explain::admin)?;
        Ok((made.facts, made.secret, ()))
    })?;
    let (name, out) = (shown(facts.name.as_bytes()), args.new.out.display());
    desk.screen.line(format_args!(
        "{name} is member {}. The key file is {out}.",
        facts.member
    ));
    desk.screen.document(&json!({
        "member": facts.member.to_string(),
        "name": facts.name,
        "roles": facts.roles.iter().map(|role| role.name()).collect::<Vec<_>>(),
        "key_file": out.to_string(),
    }));
    Ok(Exit::Done)
}
