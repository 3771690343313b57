//! `version`: which program this is.

use serde_json::json;

use crate::desk::Desk;
use crate::exit::Exit;
use crate::failure::Failure;

/// What `version` takes.
#[derive(clap::Args, Debug)]
pub struct Args {}

/// Tells the program's name, version and format.
pub fn run(_: &Args, name: &str, desk: &Desk) -> Result<Exit, Failure> {
    let version = env!("CARGO_PKG_VERSION");
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
