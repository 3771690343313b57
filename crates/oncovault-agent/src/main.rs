//! The agent: it stores, and reads nothing of what is stored.
//! The files are those of `oncovault`, fewer; what is not linked cannot be done.

#[allow(dead_code, reason = "shared with programs that use more of it")]
#[path = "../../oncovault/src/amount.rs"]
mod amount;
#[allow(dead_code, reason = "shared with programs that use more of it")]
#[path = "../../oncovault/src/backup_source.rs"]
mod backup_source;
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
#[path = "../../oncovault/src/machine.rs"]
mod machine;
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
#[path = "../../oncovault/src/screen.rs"]
mod screen;
#[allow(dead_code, reason = "shared with programs that use more of it")]
#[path = "../../oncovault/src/signals.rs"]
mod signals;

/// The verbs, one file each: parse, call, print.
mod verb {
    pub(crate) use crate::verb_backup as backup;
    pub(crate) use crate::verb_key_show as key_show;
    pub(crate) use crate::verb_target as target;
    pub(crate) use crate::verb_version as version;
}

#[path = "../../oncovault/src/verb/backup.rs"]
mod verb_backup;
#[path = "../../oncovault/src/verb/key_show.rs"]
mod verb_key_show;
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

/// Stores snapshots in an OncoVault vault; reads nothing.
#[derive(Parser, Debug)]
#[command(name = "oncovault-agent", version, max_term_width = 100)]
struct Cli {
    #[command(flatten)]
    options: Options,

    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand, Debug)]
enum Verb {
    /// Store files, or a stream, as a snapshot
    Backup(Box<verb::backup::Args>),
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
            Verb::Backup(args) => verb::backup::run(args, desk),
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
