//! A share of a department: some of everything, every ninth file twice.

use super::tree::{self, Tree};
use super::{dump, imaging, noise, records, sequencing};
use crate::bench::place::failed;
use crate::finding::Chore;
use std::path::Path;

const MB: u64 = 1_000_000;
/// Every so many files one is copied to another folder.
const TWICE_OF: usize = 9;

/// Write about 400 MB at scale 1: `scaled` says how much a number is at the scale wanted.
pub fn write(root: &Path, seed: &str, scaled: impl Fn(u64) -> u64) -> Result<(), Chore> {
    let mut tree = Tree::below(root);
    let seed = |part: &str| format!("{seed}/{part}");
    records::write(&mut tree, "records", &seed("records"), scaled(15_000))?;
    imaging::write(&mut tree, "images", &seed("images"), scaled(120 * MB))?;
    sequencing::write_reads(&mut tree, "research/reads", &seed("reads"), scaled(40 * MB))?;
    sequencing::write_blocks(
        &mut tree,
        "research/aligned",
        &seed("blocks"),
        scaled(40 * MB),
    )?;
    noise::write(&mut tree, "archive", &seed("noise"), scaled(50 * MB))?;
    dump::write(&mut tree, "database/", &seed("dump"), scaled(30 * MB), 2)?;
    for path in tree::files(root)?.iter().step_by(TWICE_OF) {
        let full = root.join(path);
        let bytes = std::fs::read(&full).map_err(|cause| failed(&full, cause))?;
        tree.put(&format!("department/{}", path.display()), &bytes)?;
    }
    Ok(())
}
