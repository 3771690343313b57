//! `key passwd`: another passphrase for the key file.

use ov_seal::entropy::OsEntropy;
use ov_seal::keyfile::Wrap;
use ov_terminal::{Desk, Exit, Failure};
use serde_json::json;

use crate::administration::{NewProtection, replace_key_file};

/// What `key passwd` takes.
#[derive(clap::Args, Debug)]
pub struct Args {
    #[command(flatten)]
    new: NewProtection,
}

/// Changes the passphrase of this file. Copies of it keep the old one.
pub fn run(args: &Args, desk: &Desk) -> Result<Exit, Failure> {
    let path = desk.key_path()?;
    let file = desk.key_file()?;
    let old = desk.passphrase(&file)?;
    // Before anything new is asked for.
    file.unlock(old.as_ref())?;
    let new = args.new.passphrase()?;
    let wrap = new.as_ref().map_or(Wrap::None, Wrap::Passphrase);
    let key = file.rewrap(old.as_ref(), file.facts().clone(), wrap, &OsEntropy)?;
    replace_key_file(&path, &key)?;
    desk.screen.line(format_args!(
        "{} has another passphrase. Copies of the file keep the old one.",
        path.display()
    ));
    desk.screen
        .document(&json!({"key_file": path.display().to_string()}));
    Ok(Exit::Done)
}
