//! The agent: it stores, and reads nothing of what is stored. What is not linked cannot be done.

use std::process::ExitCode;

use clap::Subcommand;
use oncovault_agent::{backup, extract, jobs};
use ov_terminal::program::{self, Verbs};
use ov_terminal::verb::{config, diagnose, key, manual, run, service, status, target, version};
use ov_terminal::{Desk, Exit, Failure};

#[derive(Subcommand)]
enum Verb {
    /// Store files, or a stream, as a snapshot
    Backup(Box<backup::Args>),
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
    const PROGRAM: &'static str = "oncovault-agent";
    const ABOUT: &'static str = "Stores snapshots in an OncoVault vault; reads nothing";

    fn act(&self, desk: &Desk) -> Result<Exit, Failure> {
        match self {
            Self::Backup(args) => backup::run(args, desk),
            Self::Key(args) => key::run(args, desk),
            Self::Target(args) => target::run(args, desk),
            Self::Run(args) => run::run(args, desk, jobs::of, None),
            Self::Status(args) => status::run(args, desk, None),
            Self::Diagnose(args) => diagnose::run(args, Self::PROGRAM, desk, None),
            Self::Service(args) => service::run(args, desk),
            Self::Config(args) => config::run(args, desk),
            Self::Version(args) => version::run(args, Self::PROGRAM, desk),
            Self::Manual(args) => manual::run(args, &program::command::<Self>(), desk),
        }
    }
}

fn main() -> ExitCode {
    extract::worker().unwrap_or_else(program::run::<Verb>)
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
