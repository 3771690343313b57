//! The real binary on real files: what it stores comes back, whatever dies or is damaged.
#![allow(clippy::unwrap_used, reason = "a test may fail")]
#![allow(clippy::print_stderr, reason = "a test says why it was skipped")]

mod any_tree;
mod crowd;
mod damage;
mod disk;
mod full_disk;
mod golden;
mod independent;
mod killed;
mod medium;
mod mounted;
mod mutants;
mod power;
mod real_files;
mod roles;
mod site;
mod squeezed;
mod traced;
