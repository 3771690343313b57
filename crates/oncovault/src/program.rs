//! A program from its first argument to its exit code.

use std::process::ExitCode;

use clap::Parser;
use clap::error::ErrorKind;

use crate::desk::Desk;
use crate::environment;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::options::Options;
use crate::screen::{Form, Loudness, Screen};

/// A command line of one of the programs.
pub trait Line: Parser {
    /// The options that every verb takes.
    fn options(&self) -> &Options;

    /// Does what the verb says.
    fn act(&self, desk: &Desk) -> Result<Exit, Failure>;
}

/// Runs the program.
pub fn run<L: Line>() -> ExitCode {
    let line = match L::try_parse() {
        Ok(line) => line,
        Err(error) => return refused(&error),
    };
    let desk = Desk::new(line.options().clone());
    let names = std::env::vars_os().map(|(name, _)| name);
    let ended = environment::check(names).and_then(|()| line.act(&desk));
    match ended {
        Ok(exit) => exit.into(),
        Err(failure) => {
            desk.screen.failure(&failure);
            failure.exit.into()
        }
    }
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
