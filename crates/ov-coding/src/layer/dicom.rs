//! Where the pixels of a DICOM file lie, if they are native: not compressed, not deflated.
//!
//! A scan of the data elements (DICOM PS3.5 §7) up to the pixel data. It reads lengths and five
//! short values, and passes over everything else; where something does not fit it gives up.

use super::pixels::{Native, Pixels};
use crate::shape::{Raster, Sign};

const PREAMBLE: usize = 128;
const UNDEFINED: u32 = u32::MAX;

/// Most nested sequences and items of undefined length.
const DEPTH_MAX: usize = 64;

// Transfer syntaxes (PS3.5 §10, Annex A): all others are compressed, deflated or big endian.
const IMPLICIT_LITTLE: &[u8] = b"1.2.840.10008.1.2";
const EXPLICIT_LITTLE: &[u8] = b"1.2.840.10008.1.2.1";
const ENCAPSULATED: &[u8] = b"1.2.840.10008.1.2.4.";
const RUN_LENGTH: &[u8] = b"1.2.840.10008.1.2.5";

const TRANSFER_SYNTAX: Tag = Tag(0x0002, 0x0010);
const SAMPLES: Tag = Tag(0x0028, 0x0002);
const PLANAR: Tag = Tag(0x0028, 0x0006);
const ROWS: Tag = Tag(0x0028, 0x0010);
const COLUMNS: Tag = Tag(0x0028, 0x0011);
const BITS: Tag = Tag(0x0028, 0x0100);
const REPRESENTATION: Tag = Tag(0x0028, 0x0103);
const PIXELS: Tag = Tag(0x7FE0, 0x0010);
const ITEM: Tag = Tag(0xFFFE, 0xE000);
const ITEM_END: Tag = Tag(0xFFFE, 0xE00D);
const SEQUENCE_END: Tag = Tag(0xFFFE, 0xE0DD);

/// Finds the pixels of a file that begins with `head`. `None` if it is no such file, if they are
/// few or of an unusual kind, or if they begin behind `head`.
pub(crate) fn find(head: &[u8]) -> Option<Pixels> {
    let mut scan = Scan::start(head)?;
    let mut image = Image::default();
    loop {
        let outermost = scan.depth == 0;
        let element = scan.next()?;
        if outermost && element.tag == PIXELS {
            let (at, length) = (scan.at, element.length);
            let native = match length {
                UNDEFINED => None,
                length => Some(image.native(length.into())?),
            };
            return Some(Pixels { at, native });
        }
        if let (Some(value), true) = (scan.pass(element)?, outermost) {
            image.take(element.tag, value);
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Tag(u16, u16);

#[derive(Clone, Copy)]
struct Element {
    tag: Tag,
    length: u32,
    /// Whether its value is made of elements in turn.
    nested: bool,
}

/// What the header says of the pixels.
#[derive(Default)]
struct Image {
    samples: Option<u16>,
    planar: Option<u16>,
    rows: Option<u16>,
    columns: Option<u16>,
    bits: Option<u16>,
    signed: Option<u16>,
}

impl Image {
    fn take(&mut self, tag: Tag, value: &[u8]) {
        let field = match tag {
            SAMPLES => &mut self.samples,
            PLANAR => &mut self.planar,
            ROWS => &mut self.rows,
            COLUMNS => &mut self.columns,
            BITS => &mut self.bits,
            REPRESENTATION => &mut self.signed,
            _ => return,
        };
        *field = value.try_into().ok().map(u16::from_le_bytes);
    }

    fn native(&self, length: u64) -> Option<Native> {
        let samples = u8::try_from(self.samples.unwrap_or(1)).ok()?;
        // Planar: all red, then all green, then all blue.
        let (step, planes) = match self.planar {
            Some(1) => (1, samples),
            _ => (samples, 1),
        };
        let row = u32::from(self.columns?).checked_mul(u32::from(step))?;
        let bytes = match self.bits? {
            8 => 1,
            16 => 2,
            32 => 4,
            _ => return None,
        };
        let sign = match self.signed {
            Some(1) => Sign::Signed,
            _ => Sign::Unsigned,
        };
        let raster = Raster::new(row, step, bytes, sign)?;
        let frame = raster.row_bytes() * u64::from(self.rows?) * u64::from(planes);
        Native::new(length, frame, raster)
    }
}

struct Scan<'a> {
    head: &'a [u8],
    at: usize,
    /// Open sequences and items of undefined length.
    depth: usize,
    explicit: bool,
}

impl<'a> Scan<'a> {
    /// Behind the file meta information (PS3.10 §7.1), or at the start where there is none.
    fn start(head: &'a [u8]) -> Option<Self> {
        let meta = head.get(PREAMBLE..)?.starts_with(b"DICM");
        let mut scan = Self {
            head,
            at: if meta { PREAMBLE + 4 } else { 0 },
            depth: 0,
            explicit: true,
        };
        if meta {
            let syntax = scan.syntax()?;
            scan.explicit = match syntax {
                IMPLICIT_LITTLE => false,
                EXPLICIT_LITTLE | RUN_LENGTH => true,
                _ if syntax.starts_with(ENCAPSULATED) => true,
                _ => return None,
            };
            return Some(scan);
        }
        // Without one a file must begin with group 8, as an explicit or implicit element.
        let first = head.first_chunk::<6>()?;
        if first[..2] != [8, 0] || first[3] != 0 {
            return None;
        }
        scan.explicit = first[4..].iter().all(u8::is_ascii_uppercase);
        Some(scan)
    }

    /// Reads group 2, which is explicit always, and gives the transfer syntax.
    fn syntax(&mut self) -> Option<&'a [u8]> {
        let mut syntax = None;
        while self.head.get(self.at..)?.starts_with(&[2, 0]) {
            let element = self.next()?;
            let value = self.pass(element)?;
            if element.tag == TRANSFER_SYNTAX {
                syntax = value;
            }
        }
        let value = syntax?;
        let end = value.iter().rposition(|&byte| byte != 0 && byte != b' ');
        value.get(..=end?)
    }

    /// The head of the element here; afterwards the scan stands at its value.
    fn next(&mut self) -> Option<Element> {
        let tag = Tag(self.u16()?, self.u16()?);
        if tag.0 == ITEM.0 || !self.explicit {
            let length = self.u32()?;
            let nested = tag == ITEM || length == UNDEFINED;
            return Some(Element {
                tag,
                length,
                nested,
            });
        }
        let kind: [u8; 2] = *self.head.get(self.at..)?.first_chunk()?;
        self.at += 2;
        let length = match &kind {
            b"OB" | b"OD" | b"OF" | b"OL" | b"OV" | b"OW" | b"SQ" | b"SV" | b"UC" | b"UN"
            | b"UR" | b"UT" | b"UV" => {
                self.at += 2;
                self.u32()?
            }
            _ if kind.iter().all(u8::is_ascii_uppercase) => u32::from(self.u16()?),
            _ => return None,
        };
        // An unknown value of undefined length is coded otherwise inside (PS3.5 §6.2.2).
        if length == UNDEFINED && &kind != b"SQ" && tag != PIXELS {
            return None;
        }
        let nested = &kind == b"SQ";
        Some(Element {
            tag,
            length,
            nested,
        })
    }

    /// Goes behind the value, or into it if only its end says how long it is.
    fn pass(&mut self, element: Element) -> Option<Option<&'a [u8]>> {
        let length = usize::try_from(element.length).ok()?;
        match element.tag {
            ITEM_END | SEQUENCE_END => self.depth = self.depth.checked_sub(1)?,
            _ if element.length == UNDEFINED && element.nested && self.depth < DEPTH_MAX => {
                self.depth += 1;
            }
            _ if element.length == UNDEFINED => return None,
            _ => {
                let end = self.at.checked_add(length)?;
                let value = self.head.get(self.at..end)?;
                self.at = end;
                return Some(Some(value));
            }
        }
        Some(None)
    }

    fn u16(&mut self) -> Option<u16> {
        let bytes = self.head.get(self.at..)?.first_chunk()?;
        self.at += 2;
        Some(u16::from_le_bytes(*bytes))
    }

    fn u32(&mut self) -> Option<u32> {
        let bytes = self.head.get(self.at..)?.first_chunk()?;
        self.at += 4;
        Some(u32::from_le_bytes(*bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An element with an explicit kind.
    fn explicit(tag: (u16, u16), kind: &[u8; 2], value: &[u8]) -> Vec<u8> {
        let length = u32::try_from(value.len()).unwrap();
        let mut bytes = [tag.0.to_le_bytes(), tag.1.to_le_bytes()].concat();
        bytes.extend_from_slice(kind);
        match kind {
            b"OB" | b"OW" | b"SQ" | b"UN" => {
                bytes.extend_from_slice(&[0, 0]);
                bytes.extend_from_slice(&length.to_le_bytes());
            }
            _ => bytes.extend_from_slice(&(length as u16).to_le_bytes()),
        }
        [bytes, value.to_vec()].concat()
    }

    fn implicit(tag: (u16, u16), value: &[u8]) -> Vec<u8> {
        let length = u32::try_from(value.len()).unwrap();
        let head = [tag.0.to_le_bytes(), tag.1.to_le_bytes()].concat();
        [&head[..], &length.to_le_bytes(), value].concat()
    }

    fn meta(syntax: &[u8]) -> Vec<u8> {
        let padded = [syntax, &[0][..syntax.len() % 2]].concat();
        let syntax = explicit((2, 0x10), b"UI", &padded);
        [&[0; 128][..], b"DICM", &syntax].concat()
    }

    /// 100 columns, 60 rows, 16 bits, signed; an icon within that must not count.
    fn header() -> Vec<u8> {
        let us = |element, value: u16| explicit((0x28, element), b"US", &value.to_le_bytes());
        let mut icon = vec![0x88, 0, 0, 2, b'S', b'Q', 0, 0, 0xFF, 0xFF, 0xFF, 0xFF];
        icon.extend([0xFE, 0xFF, 0, 0xE0, 0xFF, 0xFF, 0xFF, 0xFF]);
        icon.extend([us(0x10, 7), us(0x11, 9)].concat());
        icon.extend(explicit((0x7FE0, 0x10), b"OW", &[1; 63 * 2]));
        icon.extend([0xFE, 0xFF, 0x0D, 0xE0, 0, 0, 0, 0]);
        icon.extend([0xFE, 0xFF, 0xDD, 0xE0, 0, 0, 0, 0]);
        [
            us(2, 1),
            us(0x10, 60),
            us(0x11, 100),
            us(0x100, 16),
            us(0x103, 1),
            icon,
        ]
        .concat()
    }

    fn expected() -> Native {
        let raster = Raster::new(100, 1, 2, Sign::Signed).unwrap();
        Native::new(12_000, 12_000, raster).unwrap()
    }

    #[test]
    fn explicit_pixels_are_found_and_an_icon_is_not_taken_for_them() {
        let before = [meta(EXPLICIT_LITTLE), header()].concat();
        let file = [
            before.clone(),
            explicit((0x7FE0, 0x10), b"OW", &[5; 12_000]),
        ]
        .concat();
        let at = before.len() + 12;
        let native = Some(expected());
        assert_eq!(find(&file), Some(Pixels { at, native }));
        // The bytes of the pixels need not be there, all before them must.
        assert_eq!(find(&file[..at]), Some(Pixels { at, native }));
        assert_eq!(find(&file[..at - 1]), None);
        // Old files have no preamble.
        let bare = explicit((8, 0x60), b"CS", b"CT");
        let file = [bare.clone(), file[before.len() - header().len()..].to_vec()].concat();
        let at = bare.len() + header().len() + 12;
        assert_eq!(find(&file), Some(Pixels { at, native }));
    }

    #[test]
    fn implicit_pixels_are_found() {
        let us = |element, value: u16| implicit((0x28, element), &value.to_le_bytes());
        let mut file = meta(IMPLICIT_LITTLE);
        for (element, value) in [(0x10, 60), (0x11, 100), (0x100, 16), (0x103, 1)] {
            file.extend(us(element, value));
        }
        let at = file.len() + 8;
        file.extend(implicit((0x7FE0, 0x10), &[5; 12_000]));
        let native = Some(expected());
        assert_eq!(find(&file), Some(Pixels { at, native }));
    }

    #[test]
    fn compressed_pixels_are_told_from_native_ones_and_few_are_left_alone() {
        let encapsulated = [&[0xE0, 0x7F, 0x10, 0][..], b"OB\0\0", &[0xFF; 4]].concat();
        let before = [meta(b"1.2.840.10008.1.2.4.90"), header()].concat();
        let file = [&before[..], &encapsulated].concat();
        let at = file.len();
        assert_eq!(find(&file), Some(Pixels { at, native: None }));
        let few = explicit((0x7FE0, 0x10), b"OW", &[5; 8000]);
        assert_eq!(find(&[before, few].concat()), None);
    }

    #[test]
    fn other_syntaxes_and_other_files_are_left_alone() {
        for syntax in [
            &b"1.2.840.10008.1.2.2"[..],
            b"1.2.840.10008.1.2.1.99",
            b"",
            b"x",
        ] {
            let pixels = explicit((0x7FE0, 0x10), b"OW", &[5; 12_000]);
            assert_eq!(find(&[meta(syntax), header(), pixels].concat()), None);
        }
        for file in [&b""[..], b"\x08", b"\x08\0", b"PK\x03\x04", &[0; 4000]] {
            assert_eq!(find(file), None);
        }
    }

    #[test]
    fn no_bytes_break_the_scan() {
        bolero::check!().for_each(|input: &[u8]| {
            for start in [
                vec![],
                meta(EXPLICIT_LITTLE),
                meta(IMPLICIT_LITTLE),
                vec![8, 0],
            ] {
                if let Some(pixels) = find(&[&start, input].concat()) {
                    assert!(pixels.at <= start.len() + input.len());
                }
            }
        });
    }
}
