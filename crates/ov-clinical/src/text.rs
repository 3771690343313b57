//! Kinds that are text: by their first line, by markup, by columns.

use std::borrow::Cow;

use crate::identify::{Along, Identification, Name};
use crate::kind::Kind;
use crate::window::Window;
use crate::{columns, markup, sequence_text};

/// What a text begins with, its kind, why.
type Opening = (&'static str, Kind, &'static str);

const OPENINGS: &[Opening] = &[
    ("##fileformat=VCF", Kind::Vcf, "first line ##fileformat=VCF"),
    ("##gff-version", Kind::Gff, "first line ##gff-version"),
    ("LOCUS       ", Kind::GenBank, "first line LOCUS"),
    (
        "# === DATA DESCRIPTION FILE",
        Kind::PhilipsPar,
        "first line of a PAR header",
    ),
    (
        "ObjectType = Image",
        Kind::MetaImage,
        "first line ObjectType = Image",
    ),
    (
        "BEGIN:VCALENDAR",
        Kind::ICalendar,
        "first line BEGIN:VCALENDAR",
    ),
    ("BEGIN:VCARD", Kind::VCard, "first line BEGIN:VCARD"),
    ("-- MySQL dump", Kind::MysqlDump, "first line -- MySQL dump"),
    (
        "-- MariaDB dump",
        Kind::MysqlDump,
        "first line -- MariaDB dump",
    ),
    ("FHS|^~\\&", Kind::Hl7Batch, "first segment FHS"),
    ("BHS|^~\\&", Kind::Hl7Batch, "first segment BHS"),
];

/// Words near the beginning, the kind, why.
const MARKS: &[Opening] = &[
    (
        "-- PostgreSQL database dump",
        Kind::PgDump,
        "header of pg_dump",
    ),
    (
        "-- PostgreSQL database cluster dump",
        Kind::PgDump,
        "header of pg_dumpall",
    ),
    (
        "/*M!999999\\- enable the sandbox mode */",
        Kind::MysqlDump,
        "header of mariadb-dump",
    ),
    (
        "/*!999999\\- enable the sandbox mode */",
        Kind::MysqlDump,
        "header of mariadb-dump",
    ),
    (
        "Produced by the Blue Button",
        Kind::BlueButton,
        "title of a Blue Button report",
    ),
    (
        "Genetic Sequence Data Bank",
        Kind::GenBank,
        "title of a GenBank release",
    ),
    (
        "MY HEALTHEVET PERSONAL INFORMATION REPORT",
        Kind::BlueButton,
        "title of a Blue Button report",
    ),
    (
        "PERSONAL HEALTH INFORMATION",
        Kind::BlueButton,
        "title of a Blue Button report",
    ),
];

/// Identifies text; `None` if it is none.
pub(crate) fn identify(name: &Name, window: &Window, along: &mut Along) -> Option<Identification> {
    let decoded = decode(window.head())?;
    let text = Text {
        text: decoded.trim_start_matches(['\u{feff}', '\u{b}', ' ', '\t', '\r', '\n']),
        whole: window.is_whole(),
    };
    // A reader reads the bytes as they are: only where the text is these it may be read on the way.
    let own = decoded.trim_start_matches([' ', '\t', '\r', '\n']);
    let same = matches!(decoded, Cow::Borrowed(_)) && own.len() == text.text.len();
    let mut unwanted = Along::Unwanted;
    let along = match same && text.whole {
        true => along,
        false => &mut unwanted,
    };
    let found = opening(text.text)
        .or_else(|| markup::identify(&text, along))
        .or_else(|| sequence_text::identify(name, &text))
        .or_else(|| mail(&text))
        .or_else(|| columns::identify(name, &text));
    Some(found.unwrap_or(Identification::shape(Kind::Text, "text of no known form")))
}

/// The beginning of a text, and whether it is all of it.
pub(crate) struct Text<'a> {
    pub(crate) text: &'a str,
    pub(crate) whole: bool,
}

impl<'a> Text<'a> {
    /// The lines, without the last one if it may be cut.
    pub(crate) fn lines(&self) -> impl Iterator<Item = &'a str> {
        let text = match (self.whole, self.text.rfind('\n')) {
            (false, Some(end)) => self.text.get(..end).unwrap_or(self.text),
            _ => self.text,
        };
        text.lines()
    }
}

/// UTF-8, Latin-1 or UTF-16 with a byte order mark. Binary data is none of them: it has
/// more than a few control characters, zeros above all.
fn decode(bytes: &[u8]) -> Option<Cow<'_, str>> {
    if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
        let unit = if bytes[0] == 0xff {
            u16::from_le_bytes
        } else {
            u16::from_be_bytes
        };
        let units: Vec<u16> = bytes.chunks_exact(2).map(|b| unit([b[0], b[1]])).collect();
        let text = String::from_utf16_lossy(&units);
        return (!text.contains('\0')).then_some(Cow::Owned(text));
    }
    if controls(bytes) * 100 > bytes.len() {
        return None;
    }
    match std::str::from_utf8(bytes) {
        Ok(text) => Some(Cow::Borrowed(text)),
        // Cut inside a character.
        Err(error) if error.error_len().is_none() => {
            Some(String::from_utf8_lossy(bytes.get(..error.valid_up_to())?))
        }
        Err(_) => latin1(bytes),
    }
}

/// How many control characters there are that no text has. In pieces whose count fits a byte, so
/// that many bytes are compared at once.
fn controls(bytes: &[u8]) -> usize {
    let pieces = bytes.chunks(usize::from(u8::MAX));
    let counts = pieces.map(|piece| {
        let found = piece
            .iter()
            .map(|byte| u8::from((*byte <= 8) | (*byte >= 14 && *byte <= 26) | (*byte == 127)));
        usize::from(found.sum::<u8>())
    });
    counts.sum()
}

/// Most of a Latin-1 text is ASCII.
fn latin1(bytes: &[u8]) -> Option<Cow<'_, str>> {
    let high = bytes.iter().filter(|byte| **byte >= 0x80).count();
    let text = high * 4 <= bytes.len();
    text.then(|| Cow::Owned(bytes.iter().copied().map(char::from).collect()))
}

fn opening(text: &str) -> Option<Identification> {
    if let Some((_, kind, why)) = OPENINGS.iter().find(|(start, ..)| text.starts_with(start)) {
        return Some(Identification::signature(*kind, why));
    }
    let beginning = text.get(..text.floor_char_boundary(2048)).unwrap_or(text);
    if may_have_mark(beginning.as_bytes())
        && let Some((_, kind, why)) = MARKS.iter().find(|(mark, ..)| beginning.contains(mark))
    {
        return Some(Identification::signature(*kind, why));
    }
    hl7(text).or_else(|| x12(text)).or_else(|| afni(beginning))
}

/// Whether the first two bytes of any mark stand somewhere: all at once, since few texts have any.
fn may_have_mark(bytes: &[u8]) -> bool {
    let next = bytes.get(1..).unwrap_or_default();
    let mut found = false;
    for (a, b) in bytes.iter().zip(next) {
        let (a, b) = (*a, *b);
        found |= (a == b'-') & (b == b'-')
            | (a == b'/') & (b == b'*')
            | (a == b'P') & ((b == b'r') | (b == b'E'))
            | (a == b'G') & (b == b'e')
            | (a == b'M') & (b == b'Y');
    }
    found
}

/// A header segment: its name, a separator, at least four encoding characters (HL7 2.5.1 §2.5).
fn hl7(text: &str) -> Option<Identification> {
    let bytes = text.as_bytes();
    let kind = match bytes.get(..3)? {
        b"MSH" => Kind::Hl7,
        b"FHS" | b"BHS" => Kind::Hl7Batch,
        _ => return None,
    };
    let separator = bytes.get(3)?;
    let encoding = bytes.get(4..8)?;
    let plausible = separator.is_ascii_punctuation()
        && encoding.starts_with(b"^~")
        && bytes
            .get(8)
            .is_some_and(|next| next == separator || next.is_ascii_punctuation());
    plausible.then(|| Identification::signature(kind, "header segment of HL7 version 2"))
}

/// The interchange header has 106 characters: its separators stand at known places (X12.5).
fn x12(text: &str) -> Option<Identification> {
    let bytes = text.as_bytes();
    let separator = bytes.get(3)?;
    let fits = bytes.starts_with(b"ISA")
        && !separator.is_ascii_alphanumeric()
        && [6, 17, 20, 31, 34, 50, 53, 69, 76, 81, 83, 89, 99, 101, 103]
            .iter()
            .all(|at| bytes.get(*at) == Some(separator));
    fits.then(|| Identification::signature(Kind::X12, "interchange header ISA"))
}

fn afni(beginning: &str) -> Option<Identification> {
    let has = |word: &str| {
        beginning
            .lines()
            .any(|line| line.trim_start().starts_with(word))
    };
    let fits = beginning.starts_with("type") && has("name") && has("count");
    fits.then(|| Identification::shape(Kind::AfniHead, "type, name and count of an attribute"))
}

/// Header lines that mail has (RFC 5322), at least two of them.
fn mail(text: &Text) -> Option<Identification> {
    const HEADERS: [&str; 12] = [
        "from",
        "to",
        "subject",
        "date",
        "received",
        "return-path",
        "message-id",
        "mime-version",
        "delivered-to",
        "content-type",
        "x-mailer",
        "reply-to",
    ];
    let mut lines = text.lines().peekable();
    let mbox = lines.next_if(|line| line.starts_with("From ")).is_some();
    let mut known = 0;
    for line in lines.take(64).take_while(|line| !line.is_empty()) {
        if line.starts_with([' ', '\t']) {
            continue;
        }
        let Some((header, _)) = line.split_once(':') else {
            break;
        };
        if header.is_empty() || !header.bytes().all(|b| b.is_ascii_graphic()) {
            break;
        }
        known += usize::from(HEADERS.contains(&header.to_ascii_lowercase().as_str()));
    }
    match (known >= 2, mbox) {
        (true, true) => Some(Identification::shape(
            Kind::Mbox,
            "From line and header of a mail",
        )),
        (true, false) => Some(Identification::shape(Kind::Mail, "header lines of a mail")),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn every_mark_is_found_wherever_it_stands() {
        for (mark, kind, _) in MARKS {
            for before in ["", "x", "--- P/ "] {
                let text = format!("{before}{mark} and more");
                let found = opening(&text).map(|found| found.kind);
                assert_eq!(found, Some(*kind), "{text}");
            }
        }
    }

    proptest! {
        #[test]
        fn control_characters_are_counted_one_by_one(bytes in proptest::collection::vec(any::<u8>(), 0..900)) {
            let plain = bytes.iter().filter(|byte| matches!(byte, 0..=8 | 14..=26 | 127)).count();
            prop_assert_eq!(controls(&bytes), plain);
        }
    }
}
