//! Keepers at work on vaults in memory.
#![allow(clippy::unwrap_used, reason = "a test may fail")]

mod checking;
mod copying;
mod crashes;
mod forgetting;
mod gathering;
mod impostors;
mod lying;
mod pruning;
mod repairing;
mod rolling_back;
mod site;
mod two_keepers;
