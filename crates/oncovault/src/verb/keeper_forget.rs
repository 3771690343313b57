//! `forget` for a keeper: tags cannot be read.

use ov_vault::forget::ForgetOptions;

use crate::desk::Desk;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::keeping::Keeping;
use crate::verb::forget::{self, Args};

/// Plans and forgets.
pub fn run(args: &Args, desk: &Desk) -> Result<Exit, Failure> {
    if args.asks_for_tags() {
        return Err(Failure::usage("--keep-tag needs a program that reads tags")
            .help("use `oncovault forget` with a reader's key"));
    }
    if !args.finer()?.is_empty() {
        let message = "a keeper cannot read hosts, tags and paths: --group-by dataset is possible";
        return Err(Failure::new(Exit::WrongKey, message)
            .help("use `oncovault forget` with a reader's key"));
    }
    let mut keeping = Keeping::open(desk)?;
    forget::forget(args, &mut keeping, ForgetOptions::default(), desk)
}
