//! Real folders backed up into a store in memory, and what comes back.
#![allow(clippy::unwrap_used, reason = "a test may fail")]

mod catalog;
mod deceived;
mod forge;
mod hostile;
mod incremental;
mod layers;
mod random_access;
mod reading;
mod restoring;
mod site;
mod slow;
mod verbs;
