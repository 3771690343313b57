//! FASTQ: which mate, from which run, by the names of the first reads.

use crate::collector::Collector;
use crate::facts::{Facts, Mate};
use crate::ident::Ident;
use crate::inflate::{self, BGZF_END, Stop};
use crate::warning::Warning;
use crate::window::Window;

/// The beginning that is looked at, in bytes of text.
const TEXT_MAX: usize = 256 << 10;
/// So many reads say whether mates are interleaved.
const READS: usize = 8;

/// Reads a FASTQ: plain, gzip or BGZF.
#[must_use]
pub fn read(window: &Window) -> (Facts, Vec<Warning>) {
    let mut out = Collector::new();
    let head = window.head();
    if head.starts_with(&[0x1f, 0x8b]) {
        let inflated = inflate::gunzip(head, TEXT_MAX);
        match inflated.stop {
            Stop::Truncated if window.is_whole() => out.warn(Warning::Truncated),
            Stop::Broken => out.malformed(inflated.bytes.len(), "the compressed reads"),
            _ => {}
        }
        if inflate::is_bgzf(head) {
            out.end_marker(window.ends_with(&BGZF_END));
        }
        names(&inflated.bytes, &mut out);
    } else {
        names(head.get(..TEXT_MAX).unwrap_or(head), &mut out);
    }
    out.finish()
}

fn names(text: &[u8], out: &mut Collector) {
    let names: Vec<Name> = records(text).filter_map(Name::parse).take(READS).collect();
    let Some(first) = names.first() else { return };
    let both = names.windows(2).any(|pair| match pair {
        [one, two] => one.base == two.base && one.mate != two.mate,
        _ => false,
    });
    let sequencing = out.sequencing();
    sequencing.mate = if both {
        Some(Mate::Interleaved)
    } else {
        first.mate
    };
    sequencing.first_read = Ident::new(first.base);
    sequencing.run = run(first.base);
}

/// The name lines. A record has four lines where neither part is wrapped; wrapped ones (rare) give
/// lines that begin with `@` only by chance, which the parser of names mostly refuses.
fn records(text: &[u8]) -> impl Iterator<Item = &str> {
    text.split(|byte| *byte == b'\n')
        .step_by(4)
        .filter_map(|line| std::str::from_utf8(line).ok())
        .filter_map(|line| line.strip_prefix('@'))
}

struct Name<'a> {
    base: &'a str,
    mate: Option<Mate>,
}

impl<'a> Name<'a> {
    /// `name/1`, or `name 1:N:0:INDEX`.
    fn parse(line: &'a str) -> Option<Self> {
        let line = line.trim_end_matches('\r');
        let (name, comment) = line.split_once([' ', '\t']).unwrap_or((line, ""));
        if name.is_empty() {
            return None;
        }
        let (base, slash) = match name.rsplit_once('/') {
            Some((base, digit)) if digit == "1" || digit == "2" => (base, digit),
            _ => (name, ""),
        };
        let casava = comment.split(' ').find_map(|word| {
            let (digit, rest) = word.split_once(':')?;
            let filtered = rest.starts_with("N:") || rest.starts_with("Y:");
            filtered.then_some(digit)
        });
        let mate = match casava.unwrap_or(slash) {
            "1" => Some(Mate::First),
            "2" => Some(Mate::Second),
            _ => None,
        };
        Some(Self { base, mate })
    }
}

/// Instrument, run and flow cell of `instrument:run:flowcell:lane:tile:x:y`.
fn run(name: &str) -> Option<Ident> {
    let colons: Vec<usize> = name.match_indices(':').map(|(at, _)| at).collect();
    let end = match colons.as_slice() {
        [_, _, third, _, _, _, ..] => *third,
        [first, _, _, _] => *first,
        _ => return None,
    };
    Ident::new(name.get(..end)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(text: &str) -> Facts {
        read(&Window::whole(text.as_bytes())).0
    }

    #[test]
    fn mates_of_one_pair_share_the_first_read() {
        let old = facts("@a/1\nAC\n+\nII\n").sequencing.unwrap();
        assert_eq!(old.mate, Some(Mate::First));
        assert_eq!(old.first_read.unwrap().as_str(), "a");
        let new = facts("@M1:9:FC:1:2:3:4 2:N:0:ACGT\nAC\n+\nII\n")
            .sequencing
            .unwrap();
        assert_eq!(new.mate, Some(Mate::Second));
        assert_eq!(new.run.unwrap().as_str(), "M1:9:FC");
    }

    #[test]
    fn interleaved_reads_need_no_second_file() {
        let both = facts("@a/1\nAC\n+\nII\n@a/2\nAC\n+\nII\n")
            .sequencing
            .unwrap();
        assert_eq!(both.mate, Some(Mate::Interleaved));
    }
}
