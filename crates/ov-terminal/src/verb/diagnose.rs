//! `diagnose`: a bundle for asking for help, without names, paths or secrets.

use ov_program::status::{Platform, diagnose};

use crate::configuration;
use crate::desk::Desk;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::screen::Form;
use crate::standing::{NamesOf, Probing};
use crate::verb::status;

/// What `diagnose` takes.
#[derive(clap::Args, Debug)]
pub struct Args {}

/// Prints the bundle: one JSON document, whatever form is asked for.
pub fn run(
    _: &Args,
    program: &'static str,
    desk: &Desk,
    names: Option<NamesOf>,
) -> Result<Exit, Failure> {
    let (_, config) = configuration::read(&desk.options)?;
    let (desk, status) = status::gather(desk, names, Probing::Remembered)?;
    let platform = Platform {
        program,
        version: env!("CARGO_PKG_VERSION"),
    };
    let mut screen = desk.screen;
    screen.form = Form::Json;
    screen.document(&diagnose(&platform, Some(&config), &status));
    Ok(Exit::Done)
}
