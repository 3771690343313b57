//! `key`: members, their keys, and the recovery kit.

mod add;
mod compartment;
mod grant;
mod kit;
mod list;
mod passwd;
mod recover;
mod revoke;
mod rotate;

use clap::Subcommand;
use ov_terminal::{Desk, Exit, Failure};

/// What `key` takes.
#[derive(clap::Args, Debug)]
pub struct Args {
    #[command(subcommand)]
    act: Act,
}

#[derive(Subcommand, Debug)]
enum Act {
    /// List members and compartments
    List(list::Args),
    /// Show whose key file this is
    Show,
    /// Appoint a member and write its key file
    Add(add::Args),
    /// Give a member more roles or compartments
    Grant(grant::Args),
    /// Make a compartment
    AddCompartment(compartment::Args),
    /// Change the passphrase of the key file
    Passwd(passwd::Args),
    /// Revoke a member
    Revoke(revoke::Args),
    /// Make new keys for new data
    Rotate(rotate::Args),
    /// Make a new owner with the recovery kit, or try the kit
    Recover(recover::Args),
    /// Print the recovery kit again, whole or in shares
    Kit(kit::Args),
}

/// Does what was asked.
pub fn run(args: &Args, desk: &Desk) -> Result<Exit, Failure> {
    match &args.act {
        Act::List(args) => list::run(args, desk),
        Act::Show => ov_terminal::verb::key::show(desk),
        Act::Add(args) => add::run(args, desk),
        Act::Grant(args) => grant::run(args, desk),
        Act::AddCompartment(args) => compartment::run(args, desk),
        Act::Passwd(args) => passwd::run(args, desk),
        Act::Revoke(args) => revoke::run(args, desk),
        Act::Rotate(args) => rotate::run(args, desk),
        Act::Recover(args) => recover::run(args, desk),
        Act::Kit(args) => kit::run(args, desk),
    }
}
