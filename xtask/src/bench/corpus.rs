//! The corpora: made-up files of every sort that a clinic and its research keep, and real ones where
//! they are at hand. One name and one scale always give the same bytes, and a digest proves it.

mod dicom;
mod dump;
mod imaging;
mod mixture;
mod noise;
mod records;
mod scanner;
mod sequencing;
mod taken;
pub mod tree;
mod words;

use crate::bench::place::failed;
use crate::finding::{Chore, read, write};
use std::path::{Path, PathBuf};
use tree::{Digest, Tree};

const MB: u64 = 1_000_000;

/// How much of the full size is made, in thousandths.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scale(pub u64);

impl Scale {
    /// The full size.
    pub const FULL: Self = Self(1000);

    /// So much of a number, and at least 1.
    pub fn of(self, number: u64) -> u64 {
        (number * self.0 / 1000).max(1)
    }
}

/// One set of files to be measured with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Corpus {
    /// A share of a department: some of everything, some twice.
    Mixed,
    /// 50,000 records and notes.
    Small,
    /// Five versions of a database dump.
    Versions,
    /// What cannot be made smaller.
    Random,
    /// Reads of a sequencer as text.
    Fastq,
    /// Alignments and variants in BGZF.
    Bgzf,
    /// Slices of scanners, some of them exported twice.
    Imaging,
    /// Real files of public collections, from this folder.
    Real(PathBuf),
    /// A million tiny files.
    Million,
    /// Somebody's own folder.
    Own(PathBuf),
}

impl Corpus {
    /// Those that are made up and measured unless others are named, in this order.
    pub const MADE: [Self; 7] = [
        Self::Small,
        Self::Imaging,
        Self::Fastq,
        Self::Bgzf,
        Self::Random,
        Self::Versions,
        Self::Mixed,
    ];

    /// The name in options, tables and folders.
    pub fn name(&self) -> String {
        let name = match self {
            Self::Mixed => "mixed",
            Self::Small => "small",
            Self::Versions => "versions",
            Self::Random => "random",
            Self::Fastq => "fastq",
            Self::Bgzf => "bgzf",
            Self::Imaging => "imaging",
            Self::Real(_) => "real",
            Self::Million => "million",
            Self::Own(folder) => {
                let name = folder.file_name().unwrap_or_default().to_string_lossy();
                return format!("own-{name}");
            }
        };
        name.to_owned()
    }

    /// Make it in `folder/NAME` unless it is there, and read it all.
    pub fn provide(&self, folder: &Path, scale: Scale) -> Result<(PathBuf, Digest), Chore> {
        let root = folder.join(self.name());
        let seal = folder.join(format!("{}.digest", self.name()));
        if seal.is_file() {
            let digest = tree::digest(&root)?;
            if read(&seal)?.trim() == digest.hash {
                return Ok((root, digest));
            }
            println!("{} is not as it was made, and is made again", self.name());
            std::fs::remove_file(&seal).map_err(|cause| failed(&seal, cause))?;
        }
        if root.exists() {
            std::fs::remove_dir_all(&root).map_err(|cause| failed(&root, cause))?;
        }
        self.build(&root, scale)?;
        let digest = tree::digest(&root)?;
        write(&seal, format!("{}\n", digest.hash).as_bytes())?;
        Ok((root, digest))
    }

    fn build(&self, root: &Path, scale: Scale) -> Result<(), Chore> {
        let mut tree = Tree::below(root);
        let seed = self.name();
        match self {
            Self::Mixed => mixture::write(root, &seed, |number| scale.of(number)),
            Self::Small => records::write(&mut tree, "ehr", &seed, scale.of(50_000)),
            Self::Versions => dump::write(&mut tree, "", &seed, scale.of(250 * MB), dump::VERSIONS),
            Self::Random => noise::write(&mut tree, "blob", &seed, scale.of(512 * MB)),
            Self::Fastq => sequencing::write_reads(&mut tree, "run", &seed, scale.of(300 * MB)),
            Self::Bgzf => sequencing::write_blocks(&mut tree, "run", &seed, scale.of(300 * MB)),
            Self::Imaging => imaging::write(&mut tree, "pacs", &seed, scale.of(600 * MB)),
            Self::Million => many(&mut tree, scale.of(1_000_000)),
            Self::Real(from) => taken::copy(from, root, scale.0.min(1000)),
            Self::Own(from) => taken::copy(from, root, 1000),
        }
    }
}

/// A little of everything, for the golden vault.
pub fn write_golden(root: &Path) -> Result<(), Chore> {
    let (mut tree, seed) = (Tree::below(root), "golden");
    records::write(&mut tree, "records", seed, 30)?;
    imaging::write(&mut tree, "imaging", seed, MB / 2)?;
    sequencing::write_reads(&mut tree, "reads", seed, MB / 5)?;
    sequencing::write_blocks(&mut tree, "blocks", seed, MB / 5)?;
    dump::write(&mut tree, "dump/", seed, MB / 2, 1)
}

/// Tiny files, a thousand in a folder.
fn many(tree: &mut Tree, files: u64) -> Result<(), Chore> {
    let mut random = super::random::Random::of("million");
    for number in 0..files {
        let length = usize::try_from(random.within(40..=200)).unwrap_or(40);
        let path = format!(
            "{:03}/{:03}/{number:07}.dat",
            number / 100_000,
            number / 1000 % 100
        );
        tree.put(&path, &random.bytes(length))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whoever changes what is made measures something else: then these change, and older results
    /// are not compared with newer ones.
    const DIGESTS: [(&str, &str); 7] = [
        ("small", "b6678bed4b3bd927"),
        ("imaging", "16115f6451066d1a"),
        ("fastq", "f62c6db9aa9eb802"),
        ("bgzf", "1ffb5a74dbf61d3e"),
        ("random", "84986044b96c91e2"),
        ("versions", "6394266e5cc619dd"),
        ("mixed", "d3beeb308afa8ae0"),
    ];

    #[test]
    fn every_corpus_is_the_same_wherever_it_is_made() {
        let folder = tempfile::tempdir().unwrap();
        let made: Vec<(String, String)> = Corpus::MADE
            .iter()
            .map(|corpus| {
                let (_, digest) = corpus.provide(folder.path(), Scale(2)).unwrap();
                (corpus.name(), digest.hash[..16].to_owned())
            })
            .collect();
        let wanted = DIGESTS.map(|(name, digest)| (name.to_owned(), digest.to_owned()));
        assert_eq!(made, wanted);
    }

    #[test]
    fn a_corpus_is_made_once_and_again_when_it_was_touched() {
        let folder = tempfile::tempdir().unwrap();
        let (root, first) = Corpus::Small.provide(folder.path(), Scale(1)).unwrap();
        let (_, second) = Corpus::Small.provide(folder.path(), Scale(1)).unwrap();
        assert_eq!(first, second);
        assert_eq!(first.files, 50);
        std::fs::write(root.join("more"), b"more").unwrap();
        let (_, third) = Corpus::Small.provide(folder.path(), Scale(1)).unwrap();
        assert_eq!(first, third);
        assert!(!root.join("more").exists());
    }
}
