//! `stats` for a keeper: objects, for it cannot see files.

use ov_vault::State;

use crate::desk::{Copies, Desk};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::raw_stats::RawStats;

/// What it takes.
#[derive(clap::Args, Debug)]
pub struct Args {}

/// Counts objects.
pub fn run(_: &Args, desk: &Desk) -> Result<Exit, Failure> {
    let opened = desk.open(Copies::Welcome)?;
    let stats = RawStats::of(&opened.vault, &State::of(&opened.vault));
    stats.print(desk);
    desk.screen.document(&stats.document());
    Ok(Exit::Done)
}
