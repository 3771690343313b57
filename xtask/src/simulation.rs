//! `cargo xtask sim`: many seeds of the simulated world, and larger searches.

use crate::command::{cargo, show};
use crate::finding::Chore;
use std::path::Path;

/// Run seeds of the world; what follows is handed on (`--seeds N`, `--from S`, `--bug NAME`,
/// `--trace`, `--long MINUTES`, `--shrink SEED`).
pub fn run(root: &Path, words: &[&str]) -> Result<(), Chore> {
    let mut all = vec!["run", "--package", "ov-sim", "--example", "world", "--"];
    all.extend(words);
    show(&mut cargo(&all, root))
}
