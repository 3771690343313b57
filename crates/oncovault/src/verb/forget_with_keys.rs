//! `forget` with a key that reads: tags count.

use ov_restore::{ReaderKeys, Snapshots};
use ov_vault::State;
use ov_vault::forget::ForgetOptions;

use crate::desk::Desk;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::keeping::Keeping;
use crate::verb::forget::{self, Args};

/// Plans and forgets.
pub fn run(args: &Args, desk: &Desk) -> Result<Exit, Failure> {
    let mut keeping = Keeping::open(desk)?;
    let mut known = ForgetOptions::default();
    if args.asks_for_tags() {
        let (vault, writer) = (&keeping.opened.vault, &keeping.opened.writer);
        let keys = ReaderKeys::unlock(vault, writer.member, &writer.secret)?;
        let snapshots = Snapshots::load(vault, &State::of(vault), &keys)?;
        let tagged = snapshots
            .listed
            .into_iter()
            .map(|info| (info.commit, info.tags));
        known.tags = tagged.collect();
    }
    forget::forget(args, &mut keeping, known, desk)
}
