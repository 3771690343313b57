//! VCF and BCF: the samples of the columns, the contigs, the end marker of compressed files.

use crate::bam::{HEADER_FIRST, HEADER_MAX, HEADER_SHORT};
use crate::collector::Collector;
use crate::facts::{Facts, Sequence};
use crate::inflate::{self, BGZF_END, Stop};
use crate::sam_header;
use crate::warning::Warning;
use crate::window::{Extent, Window};

/// Reads a VCF: plain, gzip or BGZF.
#[must_use]
pub fn read(window: &Window) -> (Facts, Vec<Warning>) {
    let mut out = Collector::new();
    match compressed(window, &mut out) {
        Some(text) => header(&text, Extent::Whole, &mut out),
        None => header(window.head(), window.extent(), &mut out),
    }
    out.finish()
}

/// Reads a BCF (VCF §6): the same header in a frame.
#[must_use]
pub fn read_binary(window: &Window) -> (Facts, Vec<Warning>) {
    let mut out = Collector::new();
    let bytes = compressed(window, &mut out).unwrap_or_else(|| window.head().to_vec());
    match frame(&bytes) {
        Some((length, text)) => {
            header(text.get(..length).unwrap_or(text), Extent::Whole, &mut out);
        }
        None => out.malformed(0, "the header of the variants"),
    }
    out.finish()
}

/// The beginning of the text of a compressed file.
fn compressed(window: &Window, out: &mut Collector) -> Option<Vec<u8>> {
    if !window.head().starts_with(&[0x1f, 0x8b]) {
        return None;
    }
    // What is cut must be said too: blocks tell by their lengths, others once they are inflated.
    let blocks = match window.is_whole() {
        true => inflate::ends_between_blocks(window.head()),
        false => Some(true),
    };
    let inflated = inflate::gunzip_until(window.head(), HEADER_MAX, HEADER_SHORT, |text| {
        blocks.is_some() && is_beyond_header(text)
    });
    let cut = inflated.stop == Stop::Truncated || blocks == Some(false);
    if window.is_whole() && cut {
        out.warn(Warning::Truncated);
    }
    if inflate::is_bgzf(window.head()) {
        out.end_marker(window.ends_with(&BGZF_END));
    }
    Some(inflated.bytes)
}

/// The frame of a BCF: how long its header is, and what follows.
fn frame(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let (_minor, rest) = bytes.strip_prefix(b"BCF\x02")?.split_first()?;
    let (length, text) = rest.split_first_chunk::<4>()?;
    let length = usize::try_from(u32::from_le_bytes(*length)).unwrap_or(usize::MAX);
    Some((length, text))
}

/// Whether the header is in these first bytes of a file, and whole.
pub(crate) fn is_header_whole(head: &[u8]) -> bool {
    if !head.starts_with(&[0x1f, 0x8b]) {
        return is_beyond_header(head);
    }
    let inflated = inflate::gunzip_until(head, HEADER_MAX, HEADER_FIRST, is_beyond_header);
    is_beyond_header(&inflated.bytes)
}

/// Whether all of the header is there: the text goes beyond the line of columns, or beyond what may
/// stand in a header.
fn is_beyond_header(bytes: &[u8]) -> bool {
    if let Some((length, text)) = frame(bytes) {
        return text.len() >= length;
    }
    let mut lines = bytes.split(|byte| *byte == b'\n');
    // The last one may be cut.
    lines.next_back();
    let is_over = |line: &[u8]| {
        let blank = line.iter().all(|byte| matches!(byte, b'\r' | 0));
        line.starts_with(b"#CHROM\t") || !blank && !line.starts_with(b"#")
    };
    lines.any(is_over)
}

fn header(text: &[u8], extent: Extent, out: &mut Collector) {
    for line in text.split(|byte| *byte == b'\n') {
        let line = String::from_utf8_lossy(line);
        let line = line.trim_end_matches(['\r', '\0']);
        if let Some(contig) = line.strip_prefix("##contig=<") {
            self::contig(contig, out);
        } else if let Some(columns) = line.strip_prefix("#CHROM\t") {
            // POS ID REF ALT QUAL FILTER INFO FORMAT, then samples (VCF §1.5).
            columns
                .split('\t')
                .skip(8)
                .for_each(|sample| out.sample(sample));
            return;
        } else if !line.starts_with('#') && !line.is_empty() {
            break;
        }
    }
    match extent {
        Extent::Whole => out.malformed(0, "no line of columns"),
        Extent::Part => out.warn(Warning::Partial),
    }
}

fn contig(fields: &str, out: &mut Collector) {
    let mut found = Sequence {
        name: "".into(),
        length: None,
        md5: None,
    };
    for field in fields.trim_end_matches('>').split(',') {
        match field.split_once('=') {
            Some(("ID", name)) if name.len() <= 1024 => found.name = name.into(),
            Some(("length", length)) => found.length = length.parse().ok(),
            _ => {}
        }
    }
    sam_header::push(found, out);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::EndMarker;

    const TEXT: &[u8] = b"##fileformat=VCFv4.3\n##contig=<ID=chr1,length=9>\n\
        #CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\tnormal\ttumour\n";

    #[test]
    fn the_columns_are_the_samples() {
        let (facts, warnings) = read(&Window::whole(TEXT));
        let sequencing = facts.sequencing.unwrap();
        let samples: Vec<_> = sequencing.samples.iter().map(|s| s.as_str()).collect();
        assert_eq!(samples, ["normal", "tumour"]);
        assert_eq!(sequencing.sequences[0].length, Some(9));
        assert!(warnings.is_empty());
        assert_eq!(facts.end, EndMarker::None);
    }

    /// A header of so many contigs, in members of 60 KB, and variants behind it.
    fn long(contigs: usize) -> Vec<u8> {
        let mut text = b"##fileformat=VCFv4.3\n".to_vec();
        for contig in 0..contigs {
            text.extend(format!("##contig=<ID=c{contig},length=9>\n").bytes());
        }
        text.extend(b"#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\tlast\n");
        text.extend(b"chr1\t5\t.\tA\tC\t9\tPASS\t.\tGT\t0/1\n".repeat(90_000));
        text.chunks(60_000).flat_map(inflate::gzip).collect()
    }

    #[test]
    fn a_long_header_is_read_to_its_end_and_variants_are_left_alone() {
        for contigs in [1, 10_000, 15_000] {
            let file = long(contigs);
            let (facts, warnings) = read(&Window::whole(&file));
            let sequencing = facts.sequencing.unwrap();
            assert_eq!(sequencing.samples[0].as_str(), "last");
            assert_eq!(sequencing.sequences.len(), contigs);
            assert!(warnings.is_empty(), "{warnings:?}");
        }
    }

    #[test]
    fn a_long_header_in_a_frame_is_read_to_its_end() {
        let contigs: String = (0..15_000)
            .map(|n| format!("##contig=<ID=c{n}>\n"))
            .collect();
        let text = contigs + std::str::from_utf8(TEXT).unwrap();
        let mut plain = b"BCF\x02\x02".to_vec();
        plain.extend(u32::try_from(text.len()).unwrap().to_le_bytes());
        plain.extend(text.bytes());
        plain.extend(vec![b'x'; 3 << 20]);
        let (facts, warnings) = read_binary(&Window::whole(&inflate::gzip(&plain)));
        assert_eq!(facts.sequencing.unwrap().samples.len(), 2);
        assert!(warnings.is_empty(), "{warnings:?}");
    }

    #[test]
    fn a_header_is_whole_once_its_columns_are_there() {
        let record = b"chr1\t5\t.\tA\tC\n";
        let plain = [TEXT, record].concat();
        for file in [plain.clone(), inflate::gzip(&plain)] {
            let ends = (1..file.len()).filter(|end| is_header_whole(&file[..*end]));
            let first = ends.min().unwrap();
            let said = |end: usize| read(&Window::parts(&file[..end], &[], 99_999_999));
            assert_eq!(said(first), said(file.len()));
        }
        assert!(!is_header_whole(&TEXT[..TEXT.len() - 1]));
        assert!(is_header_whole(&[TEXT, b"\n"].concat()));
    }

    #[test]
    fn a_compressed_file_that_is_cut_is_named() {
        let file = long(1);
        let (_, warnings) = read(&Window::whole(&file[..file.len() - 9]));
        assert_eq!(warnings, [Warning::Truncated]);
        let head = inflate::gzip(TEXT);
        let blocks = [&BGZF_END[..], &BGZF_END[..]].concat();
        let (_, warnings) = read(&Window::whole(&[&head, &blocks[..40]].concat()));
        assert_eq!(warnings, [Warning::Truncated]);
    }

    #[test]
    fn the_end_of_a_compressed_file_is_looked_for_only_in_blocks() {
        let (facts, _) = read(&Window::whole(&inflate::gzip(TEXT)));
        assert_eq!(facts.end, EndMarker::None, "plain gzip has no marker");
        assert_eq!(facts.sequencing.unwrap().samples.len(), 2);
        let (facts, _) = read(&Window::whole(&BGZF_END));
        assert_eq!(facts.end, EndMarker::Present);
    }
}
