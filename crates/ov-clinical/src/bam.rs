//! SAM and BAM: samples, read groups, reference sequences, end marker (SAM §1.3, §4).

use crate::collector::Collector;
use crate::facts::{Facts, Sequence};
use crate::inflate::{self, BGZF_END, Stop};
use crate::sam_header;
use crate::warning::Warning;
use crate::window::Window;

/// The header text is read up to this length.
pub(crate) const HEADER_MAX: usize = 16 << 20;
/// Most headers are shorter: the rest of the head is not inflated for nothing.
pub(crate) const HEADER_SHORT: usize = 256 << 10;
/// So much of it is inflated before anybody asks whether it is whole.
pub(crate) const HEADER_FIRST: usize = 32 << 10;
const SEQUENCES_MAX: u32 = 20_000;

/// Reads a BAM.
#[must_use]
pub fn read(window: &Window) -> (Facts, Vec<Warning>) {
    let mut out = Collector::new();
    let inflated = inflate::gunzip_until(window.head(), HEADER_MAX, HEADER_SHORT, is_enough);
    if let Err(what) = header(&inflated.bytes, &mut out) {
        let short = inflated.stop == Stop::Truncated || inflated.stop == Stop::End;
        match (short, window.is_whole()) {
            (true, true) => out.warn(Warning::Truncated),
            (true, false) => out.warn(Warning::Partial),
            (false, _) => out.malformed(0, what),
        }
    }
    if window.is_whole() && inflated.stop == Stop::Broken {
        out.malformed(0, "the blocks of the file");
    }
    out.end_marker(window.ends_with(&BGZF_END));
    out.finish()
}

/// Reads a SAM.
#[must_use]
pub fn read_text(window: &Window) -> (Facts, Vec<Warning>) {
    let mut out = Collector::new();
    sam_header::read(window.head(), &mut out);
    out.finish()
}

/// Whether the header is in these first bytes of a file, and whole.
pub(crate) fn is_header_whole(head: &[u8]) -> bool {
    let inflated = inflate::gunzip_until(head, HEADER_MAX, HEADER_FIRST, is_enough);
    is_enough(&inflated.bytes)
}

fn is_enough(bytes: &[u8]) -> bool {
    header(bytes, &mut Collector::new()).is_ok()
}

/// Header text, then the list of reference sequences.
fn header(bytes: &[u8], out: &mut Collector) -> Result<(), &'static str> {
    const SHORT: &str = "the header of the alignments";
    let rest = bytes.strip_prefix(b"BAM\x01").ok_or(SHORT)?;
    let (length, rest) = number(rest).ok_or(SHORT)?;
    let length = usize::try_from(length).map_err(|_| SHORT)?;
    let text = rest.get(..length);
    sam_header::read(text.unwrap_or(rest), out);
    let rest = rest.get(length..).ok_or(SHORT)?;
    let (count, mut rest) = number(rest).ok_or(SHORT)?;
    if out.sequencing().sequences.is_empty() {
        for _ in 0..count.min(SEQUENCES_MAX) {
            let (length, after) = number(rest).ok_or(SHORT)?;
            let length = usize::try_from(length).map_err(|_| SHORT)?;
            let name = after.get(..length).ok_or(SHORT)?;
            let (bases, after) = number(after.get(length..).ok_or(SHORT)?).ok_or(SHORT)?;
            let name = String::from_utf8_lossy(name);
            let name = name.trim_end_matches('\0').into();
            let length = Some(u64::from(bases));
            sam_header::push(
                Sequence {
                    name,
                    length,
                    md5: None,
                },
                out,
            );
            rest = after;
        }
    }
    Ok(())
}

fn number(bytes: &[u8]) -> Option<(u32, &[u8])> {
    let (number, rest) = bytes.split_first_chunk::<4>()?;
    Some((u32::from_le_bytes(*number), rest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::EndMarker;

    fn bam(text: &[u8]) -> Vec<u8> {
        let mut plain = b"BAM\x01".to_vec();
        plain.extend(u32::try_from(text.len()).unwrap().to_le_bytes());
        plain.extend(text);
        plain.extend([1, 0, 0, 0, 5, 0, 0, 0]);
        plain.extend(b"chr1\0\xe8\x03\0\0");
        let mut file = inflate::gzip(&plain);
        file.extend(BGZF_END);
        file
    }

    #[test]
    fn samples_groups_and_sequences_are_read() {
        let file =
            bam(b"@HD\tVN:1.6\tSO:coordinate\n@RG\tID:rg\tSM:tumour\n@RG\tID:r2\tSM:tumour\n");
        let (facts, warnings) = read(&Window::whole(&file));
        let sequencing = facts.sequencing.unwrap();
        assert_eq!(sequencing.samples.len(), 1);
        assert_eq!(sequencing.samples[0].as_str(), "tumour");
        assert_eq!(sequencing.read_groups.len(), 2);
        assert_eq!(&*sequencing.sequences[0].name, "chr1");
        assert_eq!(sequencing.sequences[0].length, Some(1000));
        assert_eq!(facts.end, EndMarker::Present);
        assert!(warnings.is_empty());
    }

    #[test]
    fn a_file_without_its_end_is_named() {
        let mut file = bam(b"@HD\tVN:1.6\n");
        file.truncate(file.len() - 28);
        let (facts, warnings) = read(&Window::whole(&file));
        assert_eq!(facts.end, EndMarker::Missing);
        assert_eq!(warnings, [Warning::EndMarkerMissing]);
    }

    #[test]
    fn a_long_header_is_read_to_its_end() {
        let comments = "@CO\tx\n".repeat(100_000);
        let file = bam(format!("{comments}@RG\tID:rg\tSM:last\n").as_bytes());
        let (facts, warnings) = read(&Window::whole(&file));
        assert_eq!(facts.sequencing.unwrap().samples[0].as_str(), "last");
        assert!(warnings.is_empty());
    }

    #[test]
    fn a_header_is_whole_once_its_last_sequence_is_there() {
        let file = bam(b"@HD\tVN:1.6\n@RG\tID:rg\tSM:tumour\n");
        let ends = (1..file.len()).filter(|end| is_header_whole(&file[..*end]));
        let first = ends.min().unwrap();
        let said = |end: usize| read(&Window::parts(&file[..end], &BGZF_END, 99_999_999));
        assert_eq!(said(first), said(file.len()));
        assert_ne!(said(first - 1), said(file.len()));
    }

    #[test]
    fn a_lying_length_costs_nothing() {
        let file = inflate::gzip(b"BAM\x01\xff\xff\xff\x7f@RG\tSM:x\n");
        let (_, warnings) = read(&Window::whole(&file));
        assert!(warnings.contains(&Warning::Truncated));
    }
}
