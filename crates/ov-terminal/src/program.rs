//! A program from its first argument to its exit code.

use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};

use crate::configuration;
use crate::desk::Desk;
use crate::environment;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::options::Options;
use crate::screen::{Form, Loudness, Screen};

/// The verbs of a program: all that tells one program from another.
pub trait Verbs: Subcommand {
    /// The program's name.
    const PROGRAM: &'static str;
    /// What it does, in a sentence.
    const ABOUT: &'static str;

    /// Does what the verb says.
    fn act(&self, desk: &Desk) -> Result<Exit, Failure>;
}

#[derive(Parser)]
#[command(version, max_term_width = 100)]
struct Line<V: Verbs> {
    #[command(flatten)]
    options: Options,

    #[command(subcommand)]
    verb: V,
}

/// The program's command line, as it is parsed and as `--help` shows it.
pub fn command<V: Verbs>() -> clap::Command {
    Line::<V>::command().name(V::PROGRAM).about(V::ABOUT)
}

/// Runs the program.
pub fn run<V: Verbs>() -> ExitCode {
    #[cfg(feature = "test-clock")]
    crate::screen::tell_test_clock();
    let line = match parse::<V>() {
        Ok(line) => line,
        Err(error) => return refused(&error),
    };
    let mut desk = Desk::new(line.options);
    let names = std::env::vars_os().map(|(name, _)| name);
    let ended = environment::check(names)
        .and_then(|()| configuration::fill_in(&mut desk.options))
        .and_then(|()| line.verb.act(&desk));
    match ended {
        Ok(exit) => exit.into(),
        Err(failure) => {
            desk.screen.failure(&failure);
            failure.exit.into()
        }
    }
}

fn parse<V: Verbs>() -> Result<Line<V>, clap::Error> {
    let mut matches = command::<V>().try_get_matches()?;
    Line::from_arg_matches_mut(&mut matches).map_err(|error| error.format(&mut command::<V>()))
}

/// What cannot be understood; help and version too come this way.
fn refused(error: &clap::Error) -> ExitCode {
    let asked_for = matches!(
        error.kind(),
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion
    );
    let json = std::env::args_os().any(|argument| argument == "--json");
    if asked_for || !json {
        let _ = error.print();
        return match asked_for {
            true => Exit::Done.into(),
            false => Exit::Usage.into(),
        };
    }
    let message = error.to_string();
    let message = message
        .trim()
        .strip_prefix("error: ")
        .unwrap_or(message.trim());
    let screen = Screen {
        form: Form::Json,
        loudness: Loudness::Quiet,
    };
    screen.failure(&Failure::usage(message));
    Exit::Usage.into()
}
