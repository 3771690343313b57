//! `serve`: the other side of a target `ssh://host/folder`, over two pipes.

use std::path::PathBuf;

use ov_store::Permission;

use crate::desk::Desk;
use crate::exit::Exit;
use crate::failure::Failure;

/// What `serve` takes.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// The folder that holds the vault, or shall
    #[arg(value_name = "FOLDER")]
    folder: PathBuf,

    /// Let the other side add, list and read, and never replace or delete
    #[arg(long)]
    put_only: bool,
}

/// Serves until the other side hangs up. Standard output belongs to the protocol.
pub fn run(args: &Args, _: &Desk) -> Result<Exit, Failure> {
    let permission = match args.put_only {
        true => Permission::PutOnly,
        false => Permission::Everything,
    };
    let (mut input, mut output) = (std::io::stdin().lock(), std::io::stdout());
    match ov_store::serve(&mut input, &mut output, &args.folder, permission) {
        Ok(()) => Ok(Exit::Done),
        Err(error) => Err(Failure::failed(format!(
            "the conversation about {} broke off: {error}",
            args.folder.display()
        ))
        .help("`serve` is started by the other side, over ssh: a target ssh://user@host/folder")),
    }
}
