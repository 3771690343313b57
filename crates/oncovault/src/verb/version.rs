//! `version`: which program this is.

use serde_json::json;

use crate::desk::Desk;
use crate::exit::Exit;
use crate::failure::Failure;

/// What `version` takes.
#[derive(clap::Args, Debug)]
pub struct Args {}

/// Tells name, version and format.
pub fn run(_: &Args, desk: &Desk) -> Result<Exit, Failure> {
    let (name, version) = (env!("CARGO_PKG_NAME"), env!("CARGO_PKG_VERSION"));
    let format = ov_format::object::VERSION;
    desk.screen.line(format_args!(
        "{name} {version} (format version {format}, suite 1)"
    ));
    desk.screen.document(&json!({
        "name": name,
        "version": version,
        "format_version": format,
        "suite": 1,
    }));
    Ok(Exit::Done)
}
