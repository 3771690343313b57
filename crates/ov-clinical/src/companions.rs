//! Files that belong together by convention: alignments and their index, CRAM and its reference,
//! the two files of paired reads. Told by names in one folder, and by what the files say.

use std::collections::{BTreeMap, BTreeSet};

use crate::facts::{EndMarker, Mate, Sequencing, Sorted};
use crate::finding::{Finding, Gap, Member, Missing};
use crate::ident::Ident;
use crate::kind::Kind;

/// Gaps between companions.
pub(crate) fn find(set: &[Member]) -> Vec<Finding> {
    let names: BTreeSet<&str> = set.iter().map(|member| member.name).collect();
    let references = References::new(set);
    let mates = Mates::new(set);
    let mut found = Vec::new();
    for (at, member) in set.iter().enumerate() {
        found.extend(end(at, member));
        found.extend(index(at, member, &names));
        found.extend(indexed(at, member, &names));
        if member.kind == Kind::Cram {
            found.extend(references.missing_of(at, member));
        }
        if member.kind == Kind::Fastq {
            found.extend(mates.missing_of(at, member));
        }
    }
    found
}

fn end(at: usize, member: &Member) -> Option<Finding> {
    let missing = member.facts.end == EndMarker::Missing;
    missing.then(|| Finding::new(Gap::EndMissing, vec![at], vec![]))
}

/// The endings of an index, the usual one first.
fn index_endings(member: &Member) -> &'static [&'static str] {
    let sorted = member.facts.sequencing.as_ref().and_then(|s| s.sorted);
    match member.kind {
        Kind::Bam if sorted == Some(Sorted::Position) => &["bai", "csi"],
        Kind::Cram if sorted == Some(Sorted::Position) => &["crai"],
        // Only what is compressed in blocks can be indexed.
        Kind::Vcf if member.facts.end != EndMarker::None => &["tbi", "csi"],
        Kind::Bcf if member.facts.end != EndMarker::None => &["csi"],
        _ => &[],
    }
}

fn index(at: usize, member: &Member, names: &BTreeSet<&str>) -> Option<Finding> {
    let stem = member
        .name
        .rsplit_once('.')
        .map_or(member.name, |(stem, _)| stem);
    let candidates: Vec<String> = index_endings(member)
        .iter()
        .flat_map(|ending| {
            [
                format!("{}.{ending}", member.name),
                format!("{stem}.{ending}"),
            ]
        })
        .collect();
    if candidates.is_empty() || candidates.iter().any(|name| names.contains(name.as_str())) {
        return None;
    }
    let names = candidates
        .iter()
        .filter_map(|name| Ident::new(name))
        .collect();
    Some(Finding::new(
        Gap::IndexMissing,
        vec![at],
        vec![Missing::File { names }],
    ))
}

/// The file that an index stands beside: `x.bam.bai`, or `x.bai` beside `x.bam`.
fn indexed(at: usize, member: &Member, names: &BTreeSet<&str>) -> Option<Finding> {
    let usual: &[&str] = match member.kind {
        Kind::Bai => &["bam"],
        Kind::Crai => &["cram"],
        Kind::Csi => &["bam", "bcf", "vcf.gz"],
        Kind::Tbi => &["vcf.gz"],
        Kind::Fai => &["fa", "fasta"],
        _ => return None,
    };
    let (stem, _) = member.name.rsplit_once('.')?;
    let there = names.contains(stem)
        || usual
            .iter()
            .any(|ending| names.contains(format!("{stem}.{ending}").as_str()));
    if there {
        return None;
    }
    let names = Ident::new(stem).into_iter().collect();
    Some(Finding::new(
        Gap::IndexAlone,
        vec![at],
        vec![Missing::File { names }],
    ))
}

/// Reference sequences that are there, by name, with their lengths.
struct References<'a>(BTreeMap<&'a str, Vec<Option<u64>>>);

impl<'a> References<'a> {
    fn new(set: &'a [Member<'a>]) -> Self {
        let mut all: BTreeMap<&str, Vec<Option<u64>>> = BTreeMap::new();
        let files = set
            .iter()
            .filter(|member| matches!(member.kind, Kind::Fasta | Kind::Fai));
        for sequence in files.filter_map(sequencing).flat_map(|s| &s.sequences) {
            all.entry(&sequence.name).or_default().push(sequence.length);
        }
        Self(all)
    }

    /// By name and length: the bases themselves are not compared. A CRAM may hold its reference
    /// itself; that is not seen.
    fn missing_of(&self, at: usize, member: &Member) -> Option<Finding> {
        let missing: Vec<Missing> = sequencing(member)?
            .sequences
            .iter()
            .filter(|wanted| !self.has(&wanted.name, wanted.length))
            .map(|wanted| Missing::Sequence {
                name: wanted.name.clone(),
                md5: wanted.md5,
            })
            .collect();
        (!missing.is_empty()).then(|| Finding::new(Gap::CramWithoutReference, vec![at], missing))
    }

    fn has(&self, name: &str, length: Option<u64>) -> bool {
        let fits = |there: &Option<u64>| there.is_none() || length.is_none() || *there == length;
        self.0
            .get(name)
            .is_some_and(|lengths| lengths.iter().any(fits))
    }
}

/// Files of paired reads, by name and by their first read.
struct Mates<'a> {
    names: BTreeSet<&'a str>,
    reads: BTreeSet<(&'a Ident, Mate)>,
}

impl<'a> Mates<'a> {
    fn new(set: &'a [Member<'a>]) -> Self {
        let files = set.iter().filter(|member| member.kind == Kind::Fastq);
        let reads = files
            .clone()
            .filter_map(sequencing)
            .filter_map(|s| Some((s.first_read.as_ref()?, s.mate?)));
        Self {
            reads: reads.collect(),
            names: files.map(|member| member.name).collect(),
        }
    }

    fn missing_of(&self, at: usize, member: &Member) -> Option<Finding> {
        let said = sequencing(member);
        let mate = said.and_then(|s| s.mate);
        let expected = other_name(member.name);
        let other = match mate {
            Some(Mate::Interleaved) => return None,
            Some(Mate::First) => Some(Mate::Second),
            Some(Mate::Second) => Some(Mate::First),
            None => None,
        };
        let by_name = expected
            .as_deref()
            .is_some_and(|name| self.names.contains(name));
        let read = said.and_then(|s| s.first_read.as_ref());
        let by_read = read
            .zip(other)
            .is_some_and(|wanted| self.reads.contains(&wanted));
        // A first mate alone is how unpaired reads are written, unless its name says R1.
        let paired = expected.is_some() || mate == Some(Mate::Second);
        if by_name || by_read || !paired {
            return None;
        }
        let names: Vec<Ident> = expected
            .as_deref()
            .and_then(Ident::new)
            .into_iter()
            .collect();
        let missing = if names.is_empty() {
            vec![]
        } else {
            vec![Missing::File { names }]
        };
        Some(Finding::new(Gap::MateMissing, vec![at], missing))
    }
}

/// The name of the other mate's file: the last `R1` or `R2` between separators, else `_1` or `_2`
/// before the ending, swapped.
fn other_name(name: &str) -> Option<String> {
    let start = name.rfind('/').map_or(0, |at| at + 1);
    let file = name.get(start..)?;
    let digit = start + named_digit(file).or_else(|| bare_digit(file))?;
    let other = if name.as_bytes().get(digit) == Some(&b'1') {
        "2"
    } else {
        "1"
    };
    Some([name.get(..digit)?, other, name.get(digit + 1..)?].concat())
}

fn named_digit(file: &str) -> Option<usize> {
    let is_separator = |byte: Option<&u8>| byte.is_none_or(|b| matches!(b, b'_' | b'.' | b'-'));
    let bytes = file.as_bytes();
    let found = (1..bytes.len().saturating_sub(1)).rev().find(|at| {
        matches!(bytes.get(*at..at + 2), Some(b"R1" | b"R2"))
            && is_separator(bytes.get(at - 1))
            && is_separator(bytes.get(at + 2))
    })?;
    Some(found + 1)
}

/// As sequence archives name paired reads: `run_1.fastq.gz`.
fn bare_digit(file: &str) -> Option<usize> {
    let stem = file.split_once(".f").map(|(stem, _)| stem)?;
    let paired = stem.ends_with("_1") || stem.ends_with("_2");
    paired.then(|| stem.len() - 1)
}

fn sequencing<'a>(member: &Member<'a>) -> Option<&'a Sequencing> {
    member.facts.sequencing.as_deref()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_the_other_mate_differs_in_one_digit() {
        let other = |name| other_name(name);
        let expected = Some("R1/a_S1_L001_R2_001.fastq.gz".to_owned());
        assert_eq!(other("R1/a_S1_L001_R1_001.fastq.gz"), expected);
        assert_eq!(other("x.R2.fq").as_deref(), Some("x.R1.fq"));
        assert_eq!(
            other("d/run_1.fastq.gz").as_deref(),
            Some("d/run_2.fastq.gz")
        );
        assert_eq!(other("OR1.fastq"), None);
        assert_eq!(other("reads.fastq"), None);
    }
}
