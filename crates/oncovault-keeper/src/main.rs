//! The keeper: it maintains a vault, and opens no content and no name. What is not linked cannot be
//! done.

use std::process::ExitCode;

use clap::Subcommand;
use oncovault_keeper::{
    accept, check, copy, forget, hold, jobs, lock, prune, repair, rescan, snapshots, stats,
};
use ov_terminal::program::{self, Verbs};
use ov_terminal::verb::{
    config, diagnose, key, manual, run, serve, service, status, target, version,
};
use ov_terminal::{Desk, Exit, Failure};

#[derive(Subcommand)]
enum Verb {
    /// List snapshots, by id
    Snapshots(snapshots::Args),
    /// Look for damage
    Check(check::Args),
    /// Mend damage from a copy
    Repair(repair::Args),
    /// Accept new snapshots
    Accept(accept::Args),
    /// Find out again what packs hold
    Rescan(rescan::Args),
    /// Let snapshots go, by name or by rule
    Forget(Box<forget::Args>),
    /// Hold snapshots, whatever a rule says
    Hold(hold::Args),
    /// Free what no snapshot needs
    Prune(prune::Args),
    /// Copy snapshots to a second place
    Copy(copy::Args),
    /// Renew the locks of what kept snapshots need, in a bucket with object lock
    Lock(lock::Args),
    /// Tell how much there is
    Stats(stats::Args),
    /// The key file
    Key(key::Args),
    /// Try what a target really keeps
    Target(target::Args),
    /// Do what is due, or what is wanted now, as the configuration says
    Run(run::Args),
    /// Tell how things stand, and what to do
    Status(status::Args),
    /// Write a bundle without names or secrets, for asking for help
    Diagnose(diagnose::Args),
    /// Be the other side of a target ssh://host/folder
    Serve(serve::Args),
    /// Do what is due by itself
    Service(service::Args),
    /// Tell what the configuration says
    Config(config::Args),
    /// Tell which program this is
    Version(version::Args),
    /// Write pages for man and completions for shells
    #[command(hide = true)]
    Manual(manual::Args),
}

impl Verbs for Verb {
    const PROGRAM: &'static str = "oncovault-keeper";
    const ABOUT: &'static str = "Maintains an OncoVault vault; opens no content";

    fn act(&self, desk: &Desk) -> Result<Exit, Failure> {
        match self {
            Self::Snapshots(args) => snapshots::run(args, desk),
            Self::Check(args) => check::run(args, desk),
            Self::Repair(args) => repair::run(args, desk),
            Self::Accept(args) => accept::run(args, desk),
            Self::Rescan(args) => rescan::run(args, desk),
            Self::Forget(args) => forget::run(args, desk),
            Self::Hold(args) => hold::run(args, desk),
            Self::Prune(args) => prune::run(args, desk),
            Self::Copy(args) => copy::run(args, desk),
            Self::Lock(args) => lock::run(args, desk),
            Self::Stats(args) => stats::run(args, desk),
            Self::Key(args) => key::run(args, desk),
            Self::Target(args) => target::run(args, desk),
            Self::Run(args) => run::run(args, desk, jobs::of, None),
            Self::Status(args) => status::run(args, desk, None),
            Self::Diagnose(args) => diagnose::run(args, Self::PROGRAM, desk, None),
            Self::Serve(args) => serve::run(args, desk),
            Self::Service(args) => service::run(args, desk),
            Self::Config(args) => config::run(args, desk),
            Self::Version(args) => version::run(args, Self::PROGRAM, desk),
            Self::Manual(args) => manual::run(args, &program::command::<Self>(), desk),
        }
    }
}

fn main() -> ExitCode {
    program::run::<Verb>()
}

#[cfg(test)]
mod tests {
    use super::Verb;
    use ov_terminal::program;

    #[test]
    fn the_command_line_is_sound() {
        program::command::<Verb>().debug_assert();
    }
}
