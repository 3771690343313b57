//! What stands before a DICOM data set: preamble and meta group (PS3.10 §7.1), or nothing.

use crate::dicom::{Form, Opening};
use crate::dicom_object::short;
use crate::dicom_tag::Tag;
use crate::dicom_walk::{Encoding, is_long, is_vr};
use crate::ident::Ident;
use crate::warning::Warning;

const MAGIC_AT: usize = 128;
const IMPLICIT: &str = "1.2.840.10008.1.2";
const EXPLICIT: &str = "1.2.840.10008.1.2.1";
const EXPLICIT_BIG: &str = "1.2.840.10008.1.2.2";
const DEFLATED: &str = "1.2.840.10008.1.2.1.99";

/// What the beginning of a file says.
#[derive(Default)]
pub(crate) struct Prologue {
    pub(crate) class: Option<Box<str>>,
    pub(crate) instance: Option<Ident>,
    pub(crate) syntax: Option<Box<str>>,
    /// Where the data set begins.
    pub(crate) start: usize,
    pub(crate) body: Body,
    pub(crate) warnings: Vec<Warning>,
}

/// How the data set is to be read.
#[derive(Default)]
pub(crate) enum Body {
    Plain(Encoding),
    Deflated,
    /// Not at all.
    #[default]
    Opaque,
}

impl Prologue {
    /// Reads the beginning of a file.
    pub(crate) fn read(bytes: &[u8]) -> Self {
        let mut prologue = Self::default();
        if has_magic(bytes) {
            // CVE-2019-11687: the preamble may hold anything.
            let programs = [&b"MZ"[..], b"\x7fELF", b"#!"];
            if programs.iter().any(|magic| bytes.starts_with(magic)) {
                prologue.warnings.push(Warning::Executable);
            }
            prologue.meta(bytes, MAGIC_AT + 4);
            return prologue;
        }
        match bare(bytes) {
            Some(Encoding::EXPLICIT) if bytes.starts_with(&[2, 0]) => prologue.meta(bytes, 0),
            Some(encoding) => prologue.body = Body::Plain(encoding),
            None => prologue.warnings.push(Warning::Malformed {
                at: 0,
                what: "no DICOM file".into(),
            }),
        }
        prologue
    }

    /// The meta group: explicit VR, little endian. It ends with the first element of another
    /// group; its length element is not trusted.
    fn meta(&mut self, bytes: &[u8], mut at: usize) {
        while let Some(element) = MetaElement::at(bytes, at) {
            let value = bytes.get(element.value..element.end).unwrap_or_default();
            match element.tag {
                0x0002_0002 => self.class = short(value),
                0x0002_0003 => self.instance = Ident::from_bytes(value),
                0x0002_0010 => self.syntax = short(value),
                _ => {}
            }
            if element.end > bytes.len() {
                self.start = bytes.len();
                return self.warnings.push(Warning::Truncated);
            }
            at = element.end;
        }
        self.start = at;
        self.body = self.body(bytes.get(at..).unwrap_or_default());
    }

    fn body(&mut self, data_set: &[u8]) -> Body {
        match self.syntax.as_deref() {
            Some(IMPLICIT) => Body::Plain(Encoding::IMPLICIT),
            Some(EXPLICIT_BIG) => Body::Plain(Encoding::EXPLICIT_BIG),
            Some(DEFLATED) => Body::Deflated,
            Some(other) if other.starts_with("1.2.840.10008.1.2.") => {
                Body::Plain(Encoding::EXPLICIT)
            }
            Some(_) => {
                self.warnings.push(Warning::UnknownSyntax);
                Body::Opaque
            }
            None => Body::Plain(bare(data_set).unwrap_or(Encoding::IMPLICIT)),
        }
    }
}

/// See [`crate::dicom::opening`].
pub(crate) fn opening(head: &[u8]) -> Option<Opening> {
    let prologue = Prologue::read(head);
    let (form, begins_there) = match has_magic(head) {
        true => (Form::File, true),
        false => (Form::Bare, bare(head).is_some()),
    };
    if !begins_there || prologue.start >= head.len() {
        return None;
    }
    let looks = match prologue.body {
        Body::Plain(Encoding::EXPLICIT) => Some(EXPLICIT),
        Body::Plain(Encoding::EXPLICIT_BIG) => Some(EXPLICIT_BIG),
        Body::Plain(_) => Some(IMPLICIT),
        Body::Deflated | Body::Opaque => None,
    };
    Some(Opening {
        form,
        syntax: prologue.syntax.or(looks.map(Into::into)),
        data_set: prologue.start,
    })
}

/// Whether the bytes begin like a DICOM file or data set.
pub(crate) fn begins(head: &[u8]) -> bool {
    has_magic(head) || bare(head).is_some()
}

fn has_magic(head: &[u8]) -> bool {
    head.get(MAGIC_AT..MAGIC_AT + 4) == Some(b"DICM")
}

/// The encoding of a data set that begins without preamble: an element of group 2 or 8 whose length
/// is believable.
fn bare(head: &[u8]) -> Option<Encoding> {
    let &[a, b, c, d, e, f, g, h] = head.first_chunk::<8>()?;
    let little = u16::from_le_bytes([a, b]);
    let big = u16::from_be_bytes([a, b]);
    let element = u16::from_le_bytes([c, d]);
    if is_vr([e, f]) {
        // An explicit VR at its place says enough together with a low group.
        let known = is_long([e, f]) || KNOWN_SHORT.contains(&&[e, f]);
        return match (little, big) {
            (2 | 8, _) if known => Some(Encoding::EXPLICIT),
            (_, 2 | 8) if known => Some(Encoding::EXPLICIT_BIG),
            _ => None,
        };
    }
    let length = u32::from_le_bytes([e, f, g, h]);
    let implicit = little == 8 && element < 0x70 && length <= 64 && has_more(head, length);
    implicit.then_some(Encoding::IMPLICIT)
}

/// Whether a second element of group 8 follows the first.
fn has_more(head: &[u8], length: u32) -> bool {
    let next = usize::try_from(length).map_or(usize::MAX, |length| length.saturating_add(8));
    head.get(next..)
        .is_some_and(|rest| rest.starts_with(&[8, 0]))
}

const KNOWN_SHORT: [&[u8; 2]; 18] = [
    b"AE", b"AS", b"AT", b"CS", b"DA", b"DS", b"DT", b"FL", b"FD", b"IS", b"LO", b"LT", b"PN",
    b"SH", b"SL", b"UI", b"UL", b"US",
];

/// One element of the meta group.
struct MetaElement {
    tag: Tag,
    value: usize,
    end: usize,
}

impl MetaElement {
    /// The element at this offset, or `None` if another group begins there.
    fn at(bytes: &[u8], at: usize) -> Option<Self> {
        let head = bytes.get(at..)?;
        let &[a, b, c, d, e, f, g, h] = head.first_chunk::<8>()?;
        let tag = Encoding::EXPLICIT.tag([a, b, c, d]);
        if tag >> 16 != 2 {
            return None;
        }
        let (value, length) = if !is_vr([e, f]) {
            (8, u32::from_le_bytes([e, f, g, h]))
        } else if is_long([e, f]) {
            (
                12,
                u32::from_le_bytes(*head.get(8..12)?.first_chunk::<4>()?),
            )
        } else {
            (8, u32::from(u16::from_le_bytes([g, h])))
        };
        let value = at + value;
        let end = value.saturating_add(usize::try_from(length).unwrap_or(usize::MAX));
        Some(Self { tag, value, end })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meta(syntax: &str) -> Vec<u8> {
        let mut bytes = b"\x02\0\x10\0UI".to_vec();
        bytes.extend_from_slice(&u16::try_from(syntax.len()).unwrap().to_le_bytes());
        bytes.extend_from_slice(syntax.as_bytes());
        bytes
    }

    #[test]
    fn the_data_set_of_a_file_begins_behind_its_header() {
        let mut file = [&[0; MAGIC_AT][..], b"DICM", &meta("1.2.840.10008.1.2.4.50")].concat();
        let begins = file.len();
        assert_eq!(opening(&file), None, "there is no data set");
        file.extend_from_slice(b"\x08\0\x05\0CS\x0a\0ISO_IR 100");
        let found = opening(&file).unwrap();
        assert_eq!((found.form, found.data_set), (Form::File, begins));
        assert_eq!(found.syntax.as_deref(), Some("1.2.840.10008.1.2.4.50"));
    }

    #[test]
    fn a_data_set_without_header_has_the_syntax_that_it_looks_like() {
        let explicit = opening(b"\x08\0\x05\0CS\x0a\0ISO_IR 100").unwrap();
        assert_eq!(explicit.syntax.as_deref(), Some(EXPLICIT));
        assert_eq!((explicit.form, explicit.data_set), (Form::Bare, 0));
        let implicit = opening(b"\x08\0\x05\0\x02\0\0\0  \x08\0\x08\0").unwrap();
        assert_eq!(implicit.syntax.as_deref(), Some(IMPLICIT));
        assert_eq!(opening(b"no DICOM at all"), None);
    }
}
