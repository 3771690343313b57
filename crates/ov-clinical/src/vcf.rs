//! VCF and BCF: the samples of the columns, the contigs, the end marker of compressed files.

use crate::bam::HEADER_MAX;
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
    match bytes
        .strip_prefix(b"BCF\x02")
        .and_then(|rest| rest.split_at_checked(5))
    {
        Some((frame, text)) => {
            let length = frame.get(1..).and_then(|length| length.first_chunk::<4>());
            let length = length.map_or(0, |length| u32::from_le_bytes(*length));
            let length = usize::try_from(length).unwrap_or(usize::MAX);
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
    let inflated = inflate::gunzip(window.head(), HEADER_MAX);
    if window.is_whole() && inflated.stop == Stop::Truncated {
        out.warn(Warning::Truncated);
    }
    if inflate::is_bgzf(window.head()) {
        out.end_marker(window.ends_with(&BGZF_END));
    }
    Some(inflated.bytes)
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

    #[test]
    fn the_end_of_a_compressed_file_is_looked_for_only_in_blocks() {
        let (facts, _) = read(&Window::whole(&inflate::gzip(TEXT)));
        assert_eq!(facts.end, EndMarker::None, "plain gzip has no marker");
        assert_eq!(facts.sequencing.unwrap().samples.len(), 2);
        let (facts, _) = read(&Window::whole(&BGZF_END));
        assert_eq!(facts.end, EndMarker::Present);
    }
}
