//! OncoVault: encrypted, deduplicated backup for cancer care. The program for people, with every
//! verb; `oncovault-agent` and `oncovault-keeper` are the same files, fewer.

mod administration;
mod age;
mod amount;
mod backup_source;
mod desk;
mod entry_view;
mod environment;
mod exit;
mod failure;
mod folders;
mod keeping;
mod kit;
mod machine;
mod meter;
mod moment;
mod options;
mod passphrase;
mod program;
mod raw_stats;
mod reading;
mod role;
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
    /// List what is in a snapshot
    Ls(verb::ls::Args),
    /// Find names in snapshots
    Find(verb::find::Args),
    /// Bring files back
    Restore(verb::restore::Args),
    /// Write one file, or a folder as an archive
    Dump(verb::dump::Args),
    /// Compare two snapshots
    Diff(verb::diff::Args),
    /// Tell how much there is
    Stats(verb::stats::Args),
    /// Look for damage
    Check(verb::check_with_keys::Args),
    /// Mend damage from a copy
    Repair(verb::repair::Args),
    /// Accept new snapshots of other agents
    Accept(verb::accept::Args),
    /// Find out again what packs hold
    Rescan(verb::rescan::Args),
    /// Let snapshots go, by name or by rule
    Forget(verb::forget::Args),
    /// Hold snapshots, whatever a rule says
    Hold(verb::hold::Args),
    /// Free what no snapshot needs
    Prune(verb::prune::Args),
    /// Copy snapshots to a second place
    Copy(verb::copy::Args),
    /// Change the tags of a snapshot
    Tag(verb::tag::Args),
    /// Members, their keys, and the recovery kit
    Key(verb::key::Args),
    /// Try what a target really keeps
    Target(verb::target::Args),
    /// Play the whole story through on made-up files
    Demo(verb::demo::Args),
    /// Look at objects, for people who mend things
    Debug(verb::debug::Args),
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
            Verb::Ls(args) => verb::ls::run(args, desk),
            Verb::Find(args) => verb::find::run(args, desk),
            Verb::Restore(args) => verb::restore::run(args, desk),
            Verb::Dump(args) => verb::dump::run(args, desk),
            Verb::Diff(args) => verb::diff::run(args, desk),
            Verb::Stats(args) => verb::stats::run(args, desk),
            Verb::Check(args) => verb::check_with_keys::run(args, desk),
            Verb::Repair(args) => verb::repair::run(args, desk),
            Verb::Accept(args) => verb::accept::run(args, desk),
            Verb::Rescan(args) => verb::rescan::run(args, desk),
            Verb::Forget(args) => verb::forget_with_keys::run(args, desk),
            Verb::Hold(args) => verb::hold::run(args, desk),
            Verb::Prune(args) => verb::prune::run(args, desk),
            Verb::Copy(args) => verb::copy::run(args, desk),
            Verb::Tag(args) => verb::tag::run(args, desk),
            Verb::Key(args) => verb::key::run(args, desk),
            Verb::Target(args) => verb::target::run(args, desk),
            Verb::Demo(args) => verb::demo::run(args, desk),
            Verb::Debug(args) => verb::debug::run(args, desk),
            Verb::Version(args) => verb::version::run(args, desk),
        }
    }
}

fn main() -> ExitCode {
    program::run::<Cli>()
}

#[cfg(test)]
mod tests {
    use super::Cli;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }
}
