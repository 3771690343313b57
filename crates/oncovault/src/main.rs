//! OncoVault: encrypted, deduplicated backup for cancer care. The program for people, with every
//! verb; `oncovault-agent` and `oncovault-keeper` are the same files, fewer.

mod admin;
mod amount;
mod backup_source;
mod desk;
mod environment;
mod exit;
mod failure;
mod folders;
mod kit;
mod machine;
mod meter;
mod moment;
mod options;
mod passphrase;
mod program;
mod reading;
mod screen;
mod signals;
mod table;
mod verb;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::desk::Desk;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::options::Options;
use crate::program::Line;

/// Encrypted, deduplicated backup for cancer care.
#[derive(Parser, Debug)]
#[command(
    name = "oncovault",
    version,
    max_term_width = 100,
    propagate_version = false
)]
struct Cli {
    #[command(flatten)]
    options: Options,

    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand, Debug)]
enum Verb {
    /// Create a vault, its owner's key file and its recovery kit
    Init(verb::init::Args),
    /// Store files, or a stream, as a snapshot
    Backup(verb::backup::Args),
    /// List snapshots
    Snapshots(verb::snapshots::Args),
    /// Bring files back
    Restore(verb::restore::Args),
    /// Tell which program this is
    Version(verb::version::Args),
}

impl Line for Cli {
    fn options(&self) -> &Options {
        &self.options
    }

    fn act(&self, desk: &Desk) -> Result<Exit, Failure> {
        match &self.verb {
            Verb::Init(args) => verb::init::run(args, desk),
            Verb::Backup(args) => verb::backup::run(args, desk),
            Verb::Snapshots(args) => verb::snapshots::run(args, desk),
            Verb::Restore(args) => verb::restore::run(args, desk),
            Verb::Version(args) => verb::version::run(args, desk),
        }
    }
}

fn main() -> ExitCode {
    program::run::<Cli>()
}
