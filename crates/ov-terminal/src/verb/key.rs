//! `key`, as far as it needs no other key: whose key file this is.

use clap::Subcommand;
use ov_seal::keyfile::Protection;
use serde_json::json;

use crate::desk::Desk;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::screen::shown;

/// What `key` takes.
#[derive(clap::Args, Debug)]
pub struct Args {
    #[command(subcommand)]
    act: Act,
}

#[derive(Subcommand, Debug)]
enum Act {
    /// Show whose key file this is
    Show,
}

/// Does what was asked.
pub fn run(args: &Args, desk: &Desk) -> Result<Exit, Failure> {
    match args.act {
        Act::Show => show(desk),
    }
}

/// Shows what the key file says of itself. No passphrase is needed.
pub fn show(desk: &Desk) -> Result<Exit, Failure> {
    let file = desk.key_file()?;
    let facts = file.facts();
    let roles: Vec<&str> = facts.roles.iter().map(|role| role.name()).collect();
    let protected = file.protection() == Protection::Passphrase;
    let passphrase = match protected {
        true => "yes",
        false => "no: whoever reads the file has the key",
    };
    desk.screen
        .line(format_args!("name        {}", shown(facts.name.as_bytes())));
    desk.screen
        .line(format_args!("roles       {}", roles.join(", ")));
    desk.screen
        .line(format_args!("member      {}", facts.member));
    desk.screen
        .line(format_args!("vault       {}", facts.vault));
    desk.screen.line(format_args!("passphrase  {passphrase}"));
    desk.screen.document(&json!({
        "name": facts.name,
        "roles": roles,
        "member": facts.member.to_string(),
        "vault_id": facts.vault.to_string(),
        "passphrase": protected,
    }));
    Ok(Exit::Done)
}
