//! The keeper: it maintains a vault, and opens no content and no name.
//! The files are those of `oncovault`, fewer; what is not linked cannot be done.

#[allow(dead_code, reason = "shared with programs that use more of it")]
#[path = "../../oncovault/src/age.rs"]
mod age;
#[allow(dead_code, reason = "shared with programs that use more of it")]
#[path = "../../oncovault/src/amount.rs"]
mod amount;
#[allow(dead_code, reason = "shared with programs that use more of it")]
#[path = "../../oncovault/src/desk.rs"]
mod desk;
#[allow(dead_code, reason = "shared with programs that use more of it")]
#[path = "../../oncovault/src/environment.rs"]
mod environment;
#[allow(dead_code, reason = "shared with programs that use more of it")]
#[path = "../../oncovault/src/exit.rs"]
mod exit;
#[allow(dead_code, reason = "shared with programs that use more of it")]
#[path = "../../oncovault/src/failure.rs"]
mod failure;
#[allow(dead_code, reason = "shared with programs that use more of it")]
#[path = "../../oncovault/src/folders.rs"]
mod folders;
#[allow(dead_code, reason = "shared with programs that use more of it")]
#[path = "../../oncovault/src/keeping.rs"]
mod keeping;
#[allow(dead_code, reason = "shared with programs that use more of it")]
#[path = "../../oncovault/src/meter.rs"]
mod meter;
#[allow(dead_code, reason = "shared with programs that use more of it")]
#[path = "../../oncovault/src/moment.rs"]
mod moment;
#[allow(dead_code, reason = "shared with programs that use more of it")]
#[path = "../../oncovault/src/options.rs"]
mod options;
#[allow(dead_code, reason = "shared with programs that use more of it")]
#[path = "../../oncovault/src/passphrase.rs"]
mod passphrase;
#[allow(dead_code, reason = "shared with programs that use more of it")]
#[path = "../../oncovault/src/program.rs"]
mod program;
#[allow(dead_code, reason = "shared with programs that use more of it")]
#[path = "../../oncovault/src/raw_stats.rs"]
mod raw_stats;
#[allow(dead_code, reason = "shared with programs that use more of it")]
#[path = "../../oncovault/src/screen.rs"]
mod screen;
#[allow(dead_code, reason = "shared with programs that use more of it")]
#[path = "../../oncovault/src/signals.rs"]
mod signals;
#[allow(dead_code, reason = "shared with programs that use more of it")]
#[path = "../../oncovault/src/table.rs"]
mod table;

/// The verbs, one file each: parse, call, print.
mod verb {
    pub(crate) use crate::verb_accept as accept;
    pub(crate) use crate::verb_check as check;
    pub(crate) use crate::verb_copy as copy;
    pub(crate) use crate::verb_forget as forget;
    pub(crate) use crate::verb_hold as hold;
    pub(crate) use crate::verb_keeper_forget as keeper_forget;
    pub(crate) use crate::verb_keeper_stats as keeper_stats;
    pub(crate) use crate::verb_key_show as key_show;
    pub(crate) use crate::verb_prune as prune;
    pub(crate) use crate::verb_repair as repair;
    pub(crate) use crate::verb_rescan as rescan;
    pub(crate) use crate::verb_snapshot_ids as snapshot_ids;
    pub(crate) use crate::verb_target as target;
    pub(crate) use crate::verb_version as version;
}

#[path = "../../oncovault/src/verb/accept.rs"]
mod verb_accept;
#[path = "../../oncovault/src/verb/check.rs"]
mod verb_check;
#[path = "../../oncovault/src/verb/copy.rs"]
mod verb_copy;
#[path = "../../oncovault/src/verb/forget.rs"]
mod verb_forget;
#[path = "../../oncovault/src/verb/hold.rs"]
mod verb_hold;
#[path = "../../oncovault/src/verb/keeper_forget.rs"]
mod verb_keeper_forget;
#[path = "../../oncovault/src/verb/keeper_stats.rs"]
mod verb_keeper_stats;
#[path = "../../oncovault/src/verb/key_show.rs"]
mod verb_key_show;
#[path = "../../oncovault/src/verb/prune.rs"]
mod verb_prune;
#[path = "../../oncovault/src/verb/repair.rs"]
mod verb_repair;
#[path = "../../oncovault/src/verb/rescan.rs"]
mod verb_rescan;
#[path = "../../oncovault/src/verb/snapshot_ids.rs"]
mod verb_snapshot_ids;
#[path = "../../oncovault/src/verb/target.rs"]
mod verb_target;
#[path = "../../oncovault/src/verb/version.rs"]
mod verb_version;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::desk::Desk;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::options::Options;
use crate::program::Line;

/// Maintains an OncoVault vault; opens no content.
#[derive(Parser, Debug)]
#[command(name = "oncovault-keeper", version, max_term_width = 100)]
struct Cli {
    #[command(flatten)]
    options: Options,

    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand, Debug)]
enum Verb {
    /// List snapshots, by id
    Snapshots(verb::snapshot_ids::Args),
    /// Look for damage
    Check(verb::check::Args),
    /// Mend damage from a copy
    Repair(verb::repair::Args),
    /// Accept new snapshots
    Accept(verb::accept::Args),
    /// Find out again what packs hold
    Rescan(verb::rescan::Args),
    /// Let snapshots go, by name or by rule
    Forget(Box<verb::forget::Args>),
    /// Hold snapshots, whatever a rule says
    Hold(verb::hold::Args),
    /// Free what no snapshot needs
    Prune(verb::prune::Args),
    /// Copy snapshots to a second place
    Copy(verb::copy::Args),
    /// Tell how much there is
    Stats(verb::keeper_stats::Args),
    /// The key file
    Key(Key),
    /// Try what a target really keeps
    Target(verb::target::Args),
    /// Tell which program this is
    Version(verb::version::Args),
}

#[derive(clap::Args, Debug)]
struct Key {
    #[command(subcommand)]
    act: KeyAct,
}

#[derive(Subcommand, Debug)]
enum KeyAct {
    /// Show whose key file this is
    Show(verb::key_show::Args),
}

impl Line for Cli {
    fn options(&self) -> &Options {
        &self.options
    }

    fn act(&self, desk: &Desk) -> Result<Exit, Failure> {
        match &self.verb {
            Verb::Snapshots(args) => verb::snapshot_ids::run(args, desk),
            Verb::Check(args) => verb::check::run(args, desk),
            Verb::Repair(args) => verb::repair::run(args, desk),
            Verb::Accept(args) => verb::accept::run(args, desk),
            Verb::Rescan(args) => verb::rescan::run(args, desk),
            Verb::Forget(args) => verb::keeper_forget::run(args, desk),
            Verb::Hold(args) => verb::hold::run(args, desk),
            Verb::Prune(args) => verb::prune::run(args, desk),
            Verb::Copy(args) => verb::copy::run(args, desk),
            Verb::Stats(args) => verb::keeper_stats::run(args, desk),
            Verb::Key(Key {
                act: KeyAct::Show(args),
            }) => verb::key_show::run(args, desk),
            Verb::Target(args) => verb::target::run(args, desk),
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
