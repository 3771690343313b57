//! Kinds of text for sequences: FASTQ, FASTA and qualities.

use crate::identify::{Identification, Name};
use crate::kind::Kind;
use crate::text::Text;

/// Identifies FASTQ, FASTA and qualities beside FASTA.
pub(crate) fn identify(name: &Name, text: &Text) -> Option<Identification> {
    match text.text.as_bytes().first()? {
        b'@' => fastq(name, text),
        b'>' => fasta(text, 0),
        // Some tools write comments before the first sequence.
        _ if name.ends(&["fa", "fasta", "fna", "faa", "ffn", "pro", "nu"]) => {
            let before = text
                .lines()
                .take(16)
                .take_while(|line| !line.starts_with('>'))
                .count();
            fasta(text, before)
                .map(|found| Identification::name(found.kind, "sequences after a comment"))
        }
        _ => None,
    }
}

/// A name after `@`, letters, a line with `+`, qualities. Sequences may be wrapped.
fn fastq(name: &Name, text: &Text) -> Option<Identification> {
    let mut lines = text.lines().skip(1);
    let mut letters = 0;
    for line in lines.by_ref().take(4096) {
        if line.starts_with('+') && letters > 0 {
            return Some(Identification::signature(
                Kind::Fastq,
                "name, sequence, plus",
            ));
        }
        if !line.bytes().all(is_letter) {
            break;
        }
        letters += 1;
    }
    let named = name.ends(&["fastq", "fq"]) && letters > 0;
    named.then(|| Identification::name(Kind::Fastq, "name and sequence, and named .fastq"))
}

fn fasta(text: &Text, before: usize) -> Option<Identification> {
    let mut lines = text.lines().skip(before);
    let header = lines.next()?;
    if !header.starts_with('>') {
        return None;
    }
    let body =
        lines.find(|line| !line.starts_with(['>', ';', '#', '!']) && !line.trim().is_empty());
    let Some(body) = body else {
        return Some(Identification::shape(Kind::Fasta, "a name and no sequence"));
    };
    let numbers = body.split_whitespace().all(|n| n.parse::<i16>().is_ok());
    if numbers {
        return Some(Identification::shape(Kind::Qual, "names and numbers"));
    }
    body.bytes()
        .all(is_letter)
        .then(|| Identification::signature(Kind::Fasta, "names and sequences"))
}

/// IUPAC letters, gaps, stops, and white space at the end.
fn is_letter(byte: u8) -> bool {
    byte.is_ascii_alphabetic() || matches!(byte, b'*' | b'-' | b'.' | b' ' | b'\r' | b'\t')
}
