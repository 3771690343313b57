//! FASTA and its index: names and lengths of the sequences, which tell a reference.

use crate::collector::Collector;
use crate::facts::{Facts, Sequence};
use crate::inflate;
use crate::sam_header;
use crate::warning::Warning;
use crate::window::{Extent, Window};

/// The beginning that is looked at where it is compressed.
const TEXT_MAX: usize = 16 << 20;

/// Reads a FASTA: plain, gzip or BGZF. The length of a sequence is known only if all of it is at
/// hand.
#[must_use]
pub fn read(window: &Window) -> (Facts, Vec<Warning>) {
    let mut out = Collector::new();
    let head = window.head();
    if head.starts_with(&[0x1f, 0x8b]) {
        let inflated = inflate::gunzip(head, TEXT_MAX);
        let extent = match inflated.stop {
            inflate::Stop::End => window.extent(),
            _ => Extent::Part,
        };
        if inflate::is_bgzf(head) {
            out.end_marker(window.ends_with(&inflate::BGZF_END));
        }
        sequences(&inflated.bytes, extent, &mut out);
    } else {
        sequences(head, window.extent(), &mut out);
    }
    out.finish()
}

/// Reads an index (`.fai`): name, length, offset, bases and bytes of a line.
#[must_use]
pub fn read_index(window: &Window) -> (Facts, Vec<Warning>) {
    let mut out = Collector::new();
    for line in window
        .head()
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty())
    {
        let line = String::from_utf8_lossy(line);
        let mut fields = line.split('\t');
        let name = fields.next().unwrap_or_default();
        let length = fields.next().and_then(|length| length.parse().ok());
        sam_header::push(
            Sequence {
                name: name.into(),
                length,
                md5: None,
            },
            &mut out,
        );
    }
    if !window.is_whole() {
        out.warn(Warning::Partial);
    }
    out.finish()
}

fn sequences(text: &[u8], extent: Extent, out: &mut Collector) {
    let mut open: Option<Sequence> = None;
    for line in text.split(|byte| *byte == b'\n') {
        if let Some(header) = line.strip_prefix(b">") {
            if let Some(done) = open.take() {
                sam_header::push(done, out);
            }
            let header = String::from_utf8_lossy(header.get(..1024).unwrap_or(header));
            let name = header.split_whitespace().next().unwrap_or_default();
            open = Some(Sequence {
                name: name.into(),
                length: Some(0),
                md5: None,
            });
        } else if let Some(length) = open.as_mut().and_then(|open| open.length.as_mut()) {
            let bases = line.iter().filter(|byte| byte.is_ascii_graphic()).count();
            *length = length.saturating_add(u64::try_from(bases).unwrap_or(u64::MAX));
        }
    }
    if let Some(last) = open {
        let length = last.length.filter(|_| extent == Extent::Whole);
        sam_header::push(Sequence { length, ..last }, out);
    }
    if extent == Extent::Part {
        out.warn(Warning::Partial);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sequence_and_its_index_say_the_same() {
        let (fasta, _) = read(&Window::whole(b">chr1 first\nACGT\nAC\n>chr2\nA\n"));
        let (index, _) = read_index(&Window::whole(b"chr1\t6\t12\t4\t5\nchr2\t1\t30\t1\t2\n"));
        assert_eq!(fasta.sequencing, index.sequencing);
        let (cut, _) = read(&Window::parts(b">chr1\nACGT\nAC", b"", 99));
        assert_eq!(cut.sequencing.unwrap().sequences[0].length, None);
    }
}
