//! OncoVault: encrypted, deduplicated backup for cancer care. The program for people, with every
//! verb. What needs no reading key comes from `oncovault-agent`, `oncovault-keeper` and `ov-terminal`;
//! here is what readers and admins do, one file per verb.

mod administration;
mod entry_view;
mod explain;
mod holdings;
mod jobs;
mod kit;
mod kit_input;
mod kit_page;
mod kit_test;
mod links;
mod reading;
mod role;
mod verb;

use std::process::ExitCode;

use clap::Subcommand;
use oncovault_agent::backup;
use oncovault_keeper::{accept, copy, hold, lock, prune, repair, rescan};
use ov_terminal::program::{self, Verbs};
use ov_terminal::verb::{config, diagnose, manual, run, serve, service, status, target, version};
use ov_terminal::{Desk, Exit, Failure};

use crate::verb::{
    check, debug, demo, diff, discover, dump, find, forget, init, key, ls, mount, patient, restore,
    snapshots, stats, tag,
};

#[derive(Subcommand)]
enum Verb {
    /// Create a vault, its owner's key file and its recovery kit
    Init(init::Args),
    /// Tell what is in folders: kinds, worth, gaps, and what to protect
    Discover(discover::Args),
    /// Store files, or a stream, as a snapshot
    Backup(backup::Args),
    /// List snapshots
    Snapshots(snapshots::Args),
    /// List what is in a snapshot
    Ls(ls::Args),
    /// Find names in snapshots
    Find(find::Args),
    /// Bring files back
    Restore(restore::Args),
    /// Say which identifiers are one patient's
    Patient(patient::Args),
    /// Look into snapshots as into folders
    Mount(mount::Args),
    /// Write one file, or a folder as an archive
    Dump(dump::Args),
    /// Compare two snapshots
    Diff(diff::Args),
    /// Tell how much there is
    Stats(stats::Args),
    /// Look for damage
    Check(check::Args),
    /// Mend damage from a copy
    Repair(repair::Args),
    /// Accept new snapshots of other agents
    Accept(accept::Args),
    /// Find out again what packs hold
    Rescan(rescan::Args),
    /// Let snapshots go, by name or by rule
    Forget(forget::Args),
    /// Hold snapshots, whatever a rule says
    Hold(hold::Args),
    /// Free what no snapshot needs
    Prune(prune::Args),
    /// Copy snapshots to a second place
    Copy(copy::Args),
    /// Renew the locks of what kept snapshots need, in a bucket with object lock
    Lock(lock::Args),
    /// Change the tags of a snapshot
    Tag(tag::Args),
    /// Members, their keys, and the recovery kit
    Key(key::Args),
    /// Try what a target really keeps
    Target(target::Args),
    /// Play the whole story through on made-up files
    Demo(demo::Args),
    /// Look at objects, for people who mend things
    Debug(debug::Args),
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
    const PROGRAM: &'static str = "oncovault";
    const ABOUT: &'static str = "Encrypted, deduplicated backup for cancer care";

    fn act(&self, desk: &Desk) -> Result<Exit, Failure> {
        match self {
            Self::Init(args) => init::run(args, desk),
            Self::Discover(args) => discover::run(args, desk),
            Self::Backup(args) => backup::run(args, desk),
            Self::Snapshots(args) => snapshots::run(args, desk),
            Self::Ls(args) => ls::run(args, desk),
            Self::Find(args) => find::run(args, desk),
            Self::Restore(args) => restore::run(args, desk),
            Self::Patient(args) => patient::run(args, desk),
            Self::Mount(args) => mount::run(args, desk),
            Self::Dump(args) => dump::run(args, desk),
            Self::Diff(args) => diff::run(args, desk),
            Self::Stats(args) => stats::run(args, desk),
            Self::Check(args) => check::run(args, desk),
            Self::Repair(args) => repair::run(args, desk),
            Self::Accept(args) => accept::run(args, desk),
            Self::Rescan(args) => rescan::run(args, desk),
            Self::Forget(args) => forget::run(args, desk),
            Self::Hold(args) => hold::run(args, desk),
            Self::Prune(args) => prune::run(args, desk),
            Self::Copy(args) => copy::run(args, desk),
            Self::Lock(args) => lock::run(args, desk),
            Self::Tag(args) => tag::run(args, desk),
            Self::Key(args) => key::run(args, desk),
            Self::Target(args) => target::run(args, desk),
            Self::Demo(args) => demo::run(args, desk),
            Self::Debug(args) => debug::run(args, desk),
            Self::Run(args) => run::run(args, desk, jobs::of, Some(reading::names)),
            Self::Status(args) => status::run(args, desk, Some(reading::names)),
            Self::Diagnose(args) => diagnose::run(args, Self::PROGRAM, desk, Some(reading::names)),
            Self::Serve(args) => serve::run(args, desk),
            Self::Service(args) => service::run(args, desk),
            Self::Config(args) => config::run(args, desk),
            Self::Version(args) => version::run(args, Self::PROGRAM, desk),
            Self::Manual(args) => manual::run(args, &program::command::<Self>(), desk),
        }
    }
}

fn main() -> ExitCode {
    oncovault_agent::extract::worker().unwrap_or_else(program::run::<Verb>)
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
