//! The header lines that SAM, BAM and CRAM share (SAM §1.3).

use crate::collector::Collector;
use crate::facts::{Sequence, Sorted};

/// Reference sequences are kept up to this number: a draft assembly has a few hundred thousand.
const SEQUENCES_MAX: usize = 20_000;

/// Takes header lines; stops at the first that is none.
pub(crate) fn read(text: &[u8], out: &mut Collector) {
    for line in text.split(|byte| *byte == b'\n') {
        let Ok(line) = std::str::from_utf8(line) else {
            continue;
        };
        let mut fields = line.trim_end_matches('\r').split('\t');
        match fields.next() {
            Some("@HD") => sorted(fields, out),
            Some("@SQ") => sequence(fields, out),
            Some("@RG") => read_group(fields, out),
            Some(other) if other.starts_with('@') || other.is_empty() => {}
            _ => return,
        }
    }
}

fn sorted<'a>(fields: impl Iterator<Item = &'a str>, out: &mut Collector) {
    for field in fields {
        if let Some(order) = field.strip_prefix("SO:") {
            let by_position = order == "coordinate";
            out.sequencing().sorted = Some(if by_position {
                Sorted::Position
            } else {
                Sorted::Otherwise
            });
        }
    }
}

fn sequence<'a>(fields: impl Iterator<Item = &'a str>, out: &mut Collector) {
    let mut found = Sequence {
        name: "".into(),
        length: None,
        md5: None,
    };
    for field in fields {
        match field.split_once(':') {
            Some(("SN", name)) if name.len() <= 1024 => found.name = name.into(),
            Some(("LN", length)) => found.length = length.parse().ok(),
            Some(("M5", hex)) => found.md5 = md5(hex),
            _ => {}
        }
    }
    push(found, out);
}

/// Keeps a reference sequence while there is room.
pub(crate) fn push(found: Sequence, out: &mut Collector) {
    if found.name.is_empty() {
        return;
    }
    if out.sequencing().sequences.len() >= SEQUENCES_MAX {
        out.warn(crate::warning::Warning::TooMany {
            what: "reference sequences".into(),
        });
    } else if out.room(found.name.len()) {
        out.sequencing().sequences.push(found);
    }
}

fn read_group<'a>(fields: impl Iterator<Item = &'a str>, out: &mut Collector) {
    for field in fields {
        match field.split_once(':') {
            Some(("SM", sample)) => out.sample(sample),
            Some(("ID", id)) => {
                if let Some(id) = out.ident(id, "read group")
                    && out.room(id.as_str().len())
                {
                    out.sequencing().read_groups.push(id);
                }
            }
            _ => {}
        }
    }
}

fn md5(hex: &str) -> Option<[u8; 16]> {
    let mut digest = [0; 16];
    if hex.len() != 32 || !hex.is_ascii() {
        return None;
    }
    for (byte, pair) in digest.iter_mut().zip(hex.as_bytes().chunks_exact(2)) {
        let pair = std::str::from_utf8(pair).ok()?;
        *byte = u8::from_str_radix(pair, 16).ok()?;
    }
    Some(digest)
}
