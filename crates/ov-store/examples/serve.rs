//! The other side of `ssh://`, alone: `serve FOLDER` takes new objects and nothing else.

use std::path::Path;
use std::process::ExitCode;

use ov_store::{Permission, serve};

fn main() -> ExitCode {
    let Some(folder) = std::env::args_os().nth(1) else {
        return ExitCode::from(2);
    };
    let permission = Permission::PutOnly;
    let (mut input, mut output) = (std::io::stdin().lock(), std::io::stdout());
    match serve(&mut input, &mut output, Path::new(&folder), permission) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}
