//! The walk through a DICOM data set: elements, sequences and fragments, from bytes that arrive in
//! pieces (PS3.5 §7). Never more than one wanted value is held, and nothing recurses.

use crate::dicom_tag::{self as tag, Tag};

/// Sequences nest at most so deep.
const DEPTH_MAX: usize = 32;
/// At most so many elements are looked at.
const ELEMENTS_MAX: u64 = 4_000_000;
/// Longer values are skipped.
pub(crate) const VALUE_MAX: u32 = 64 << 10;

const UNDEFINED: u32 = u32::MAX;

/// How elements are encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Encoding {
    pub(crate) explicit: bool,
    pub(crate) big_endian: bool,
}

impl Encoding {
    pub(crate) const IMPLICIT: Encoding = Encoding {
        explicit: false,
        big_endian: false,
    };
    pub(crate) const EXPLICIT: Encoding = Encoding {
        explicit: true,
        big_endian: false,
    };
    pub(crate) const EXPLICIT_BIG: Encoding = Encoding {
        explicit: true,
        big_endian: true,
    };

    fn u16(self, bytes: [u8; 2]) -> u16 {
        if self.big_endian {
            u16::from_be_bytes(bytes)
        } else {
            u16::from_le_bytes(bytes)
        }
    }

    fn u32(self, bytes: [u8; 4]) -> u32 {
        if self.big_endian {
            u32::from_be_bytes(bytes)
        } else {
            u32::from_le_bytes(bytes)
        }
    }

    pub(crate) fn tag(self, bytes: [u8; 4]) -> Tag {
        let [a, b, c, d] = bytes;
        (u32::from(self.u16([a, b])) << 16) | u32::from(self.u16([c, d]))
    }
}

/// Who is told what the walk meets.
pub(crate) trait Visitor {
    /// A wanted value. `path` names the sequences around it, outermost first.
    fn value(&mut self, path: &[Tag], tag: Tag, bytes: &[u8]);
    /// An item of a sequence begins.
    fn item_begins(&mut self);
    /// The innermost item ends.
    fn item_ends(&mut self, path: &[Tag]);
    /// Bytes of the pixel value of the object itself.
    fn pixels(&mut self, bytes: &[u8]);
    /// All other bytes, also those that are not understood.
    fn others(&mut self, bytes: &[u8]);
    /// The pixel value is complete.
    fn pixels_end(&mut self);
}

/// What is wrong with a data set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flaw {
    Malformed { at: u64, what: &'static str },
    TooDeep,
    TooMany,
}

enum State {
    /// Bytes of an element's header so far.
    Header,
    /// So many bytes of no interest.
    Skip(u64),
    /// So many bytes of the pixel value.
    Pixels { left: u64, after: After },
    /// A wanted value.
    Value { tag: Tag, left: usize },
    /// Nothing more is understood.
    Lost,
}

/// What follows bytes of the pixel value.
#[derive(Clone, Copy, PartialEq, Eq)]
enum After {
    /// More of it.
    More,
    /// Something else: it is complete.
    Else,
}

/// Whose encapsulated fragments follow.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Owner {
    /// The pixels of the object itself.
    Object,
    /// Another value.
    Other,
}

enum Frame {
    /// A sequence; it ends there, or at its delimiter.
    Sequence {
        tag: Tag,
        end: Option<u64>,
        encoding: Encoding,
    },
    /// An item of it.
    Item { end: Option<u64> },
    /// Encapsulated fragments.
    Fragments { owner: Owner, seen: u64 },
}

/// The state of a walk.
pub(crate) struct Walk {
    encoding: Encoding,
    state: State,
    header: Vec<u8>,
    value: Vec<u8>,
    frames: Vec<Frame>,
    path: Vec<Tag>,
    position: u64,
    elements: u64,
    flaw: Option<Flaw>,
}

impl Walk {
    pub(crate) fn new(encoding: Encoding) -> Self {
        Self {
            encoding,
            state: State::Header,
            header: Vec::with_capacity(12),
            value: Vec::new(),
            frames: Vec::new(),
            path: Vec::new(),
            position: 0,
            elements: 0,
            flaw: None,
        }
    }

    /// What is wrong with it, so far.
    pub(crate) fn flaw(&self) -> Option<Flaw> {
        self.flaw
    }

    /// Whether the bytes so far end between two elements.
    pub(crate) fn is_between_elements(&self) -> bool {
        matches!(self.state, State::Header) && self.header.is_empty() && self.frames.is_empty()
    }

    /// The next bytes of the data set.
    pub(crate) fn feed(&mut self, mut bytes: &[u8], visitor: &mut impl Visitor) {
        while !bytes.is_empty() {
            let is_pixels = matches!(self.state, State::Pixels { .. });
            let used = match self.state {
                State::Lost => return visitor.others(bytes),
                State::Header => self.feed_header(bytes, visitor),
                State::Skip(left) => self.feed_skip(bytes, left),
                State::Pixels { left, after } => self.feed_pixels(bytes, left, after, visitor),
                State::Value { tag, left } => self.feed_value(bytes, tag, left, visitor),
            };
            let (now, later) = bytes.split_at(used.min(bytes.len()));
            if !is_pixels {
                visitor.others(now);
            }
            self.position += wide(used);
            bytes = later;
            if matches!(self.state, State::Header) && self.header.is_empty() {
                self.close_frames(visitor);
            }
        }
    }

    fn feed_skip(&mut self, bytes: &[u8], left: u64) -> usize {
        let used = at_most(bytes.len(), left);
        self.state = match left - wide(used) {
            0 => State::Header,
            left => State::Skip(left),
        };
        used
    }

    fn feed_pixels(
        &mut self,
        bytes: &[u8],
        left: u64,
        after: After,
        visitor: &mut impl Visitor,
    ) -> usize {
        let used = at_most(bytes.len(), left);
        visitor.pixels(bytes.get(..used).unwrap_or_default());
        self.state = match left - wide(used) {
            0 => State::Header,
            left => State::Pixels { left, after },
        };
        if after == After::Else && matches!(self.state, State::Header) {
            visitor.pixels_end();
        }
        used
    }

    fn feed_value(
        &mut self,
        bytes: &[u8],
        tag: Tag,
        left: usize,
        visitor: &mut impl Visitor,
    ) -> usize {
        let used = bytes.len().min(left);
        self.value
            .extend_from_slice(bytes.get(..used).unwrap_or_default());
        if used == left {
            visitor.value(&self.path, tag, &self.value);
            self.value.clear();
            self.state = State::Header;
        } else {
            self.state = State::Value {
                tag,
                left: left - used,
            };
        }
        used
    }

    /// Gathers one header and acts on it. Returns how many bytes it took.
    fn feed_header(&mut self, bytes: &[u8], visitor: &mut impl Visitor) -> usize {
        let before = self.header.len();
        let mut needed = 8;
        loop {
            let missing = needed - self.header.len().min(needed);
            let used = self.header.len() - before;
            let rest = bytes.get(used..).unwrap_or_default();
            self.header
                .extend_from_slice(rest.get(..missing).unwrap_or(rest));
            if self.header.len() < needed {
                return self.header.len() - before;
            }
            match self.decode() {
                Some((tag, vr, length)) => {
                    let used = self.header.len() - before;
                    self.header.clear();
                    let end = self.position + wide(used);
                    self.element(tag, vr, length, end, visitor);
                    return used;
                }
                None => needed = 12,
            }
        }
    }

    /// Tag, VR and length; `None` if the long form needs four more bytes.
    fn decode(&self) -> Option<(Tag, [u8; 2], u32)> {
        let &[a, b, c, d, e, f, g, h] = self.header.first_chunk::<8>()?;
        let encoding = self.current_encoding();
        let tag = encoding.tag([a, b, c, d]);
        let vr = [e, f];
        let plain = !encoding.explicit || tag >> 16 == 0xfffe || !is_vr(vr);
        if plain {
            return Some((tag, *b"  ", encoding.u32([e, f, g, h])));
        }
        if !is_long(vr) {
            return Some((tag, vr, u32::from(encoding.u16([g, h]))));
        }
        let length = self.header.get(8..12)?.first_chunk::<4>()?;
        Some((tag, vr, encoding.u32(*length)))
    }

    fn current_encoding(&self) -> Encoding {
        let inner = self.frames.iter().rev().find_map(|frame| match frame {
            Frame::Sequence { encoding, .. } => Some(*encoding),
            _ => None,
        });
        inner.unwrap_or(self.encoding)
    }

    fn element(
        &mut self,
        tag: Tag,
        vr: [u8; 2],
        length: u32,
        start: u64,
        visitor: &mut impl Visitor,
    ) {
        self.elements += 1;
        if self.elements > ELEMENTS_MAX {
            return self.lose(Flaw::TooMany);
        }
        let Some(end) = self.within(tag, vr, length, start) else {
            self.state = State::Lost;
            return;
        };
        match tag {
            tag::ITEM => self.item(length, end, start, visitor),
            tag::ITEM_END => self.end_item(start, visitor),
            tag::SEQUENCE_END => self.end_sequence(start, visitor),
            _ if self.in_sequence() => self.malformed(start, "no item in a sequence"),
            _ if tag::PIXELS.contains(&tag) => self.pixel_element(length, visitor),
            _ if self.opens_sequence(tag, vr, length) => self.sequence(tag, vr, end),
            _ if length == UNDEFINED => self.fragments(Owner::Other),
            _ => self.plain(tag, length),
        }
    }

    /// The end of an element, where it lies within what is around it. Sequences and items are cut
    /// there, since some writers forget to adapt their lengths; a value that reaches out is none.
    fn within(&mut self, tag: Tag, vr: [u8; 2], length: u32, start: u64) -> Option<Option<u64>> {
        let end = (length != UNDEFINED).then(|| start + u64::from(length));
        let outer = self.frames.iter().rev().find_map(|frame| match frame {
            Frame::Sequence { end, .. } | Frame::Item { end } => *end,
            Frame::Fragments { .. } => None,
        });
        if !matches!((end, outer), (Some(end), Some(outer)) if end > outer) {
            return Some(end);
        }
        let what = "a length reaches out of its sequence";
        self.flaw.get_or_insert(Flaw::Malformed { at: start, what });
        let nests = match self.frames.last() {
            Some(Frame::Sequence { .. }) => tag == tag::ITEM,
            _ => self.opens_sequence(tag, vr, length),
        };
        nests.then_some(outer)
    }

    fn in_sequence(&self) -> bool {
        matches!(
            self.frames.last(),
            Some(Frame::Sequence { .. } | Frame::Fragments { .. })
        )
    }

    /// PS3.5 §6.2.2 note 2: UN of undefined length is a sequence in implicit VR; so is what is
    /// known as a sequence and written as UN.
    fn opens_sequence(&self, tag: Tag, vr: [u8; 2], length: u32) -> bool {
        match &vr {
            b"SQ" => true,
            b"UN" | b"  " => length == UNDEFINED || tag::is_known_sequence(tag),
            _ => false,
        }
    }

    fn sequence(&mut self, tag: Tag, vr: [u8; 2], end: Option<u64>) {
        let outer = self.current_encoding();
        let encoding = if vr == *b"UN" {
            Encoding::IMPLICIT
        } else {
            outer
        };
        self.path.push(tag);
        self.push(Frame::Sequence { tag, end, encoding });
    }

    fn fragments(&mut self, owner: Owner) {
        self.push(Frame::Fragments { owner, seen: 0 });
    }

    fn push(&mut self, frame: Frame) {
        if self.frames.len() >= DEPTH_MAX * 2 {
            return self.lose(Flaw::TooDeep);
        }
        self.frames.push(frame);
    }

    fn item(&mut self, length: u32, end: Option<u64>, start: u64, visitor: &mut impl Visitor) {
        match self.frames.last_mut() {
            Some(Frame::Fragments { owner, seen }) => {
                let Some(_) = end else {
                    return self.malformed(start, "a fragment without length");
                };
                // The first fragment is the offset table (PS3.5 §A.4).
                let pixels = *owner == Owner::Object && *seen > 0;
                *seen += 1;
                let left = u64::from(length);
                self.state = match (left, pixels) {
                    (0, _) => State::Header,
                    (left, true) => State::Pixels {
                        left,
                        after: After::More,
                    },
                    (left, false) => State::Skip(left),
                };
            }
            Some(Frame::Sequence { .. }) => {
                visitor.item_begins();
                self.push(Frame::Item { end });
            }
            _ => self.malformed(start, "an item outside a sequence"),
        }
    }

    fn end_item(&mut self, start: u64, visitor: &mut impl Visitor) {
        match self.frames.last() {
            Some(Frame::Item { .. }) => self.pop(visitor),
            _ => self.malformed(start, "the end of no item"),
        }
    }

    fn end_sequence(&mut self, start: u64, visitor: &mut impl Visitor) {
        match self.frames.last() {
            Some(Frame::Sequence { .. } | Frame::Fragments { .. }) => self.pop(visitor),
            _ => self.malformed(start, "the end of no sequence"),
        }
    }

    fn pixel_element(&mut self, length: u32, visitor: &mut impl Visitor) {
        let own = self.frames.is_empty();
        if length == UNDEFINED {
            let owner = if own { Owner::Object } else { Owner::Other };
            return self.fragments(owner);
        }
        self.state = match (u64::from(length), own) {
            (0, _) => State::Header,
            (left, true) => State::Pixels {
                left,
                after: After::Else,
            },
            (left, false) => State::Skip(left),
        };
        if own && length == 0 {
            visitor.pixels_end();
        }
    }

    fn plain(&mut self, tag: Tag, length: u32) {
        if length == 0 {
            return;
        }
        let wanted = tag::is_wanted(tag) && length <= VALUE_MAX;
        match usize::try_from(length) {
            Ok(left) if wanted => self.state = State::Value { tag, left },
            _ => self.state = State::Skip(u64::from(length)),
        }
    }

    /// Ends the frames of defined length whose end is reached.
    fn close_frames(&mut self, visitor: &mut impl Visitor) {
        while let Some(Frame::Sequence { end: Some(end), .. } | Frame::Item { end: Some(end) }) =
            self.frames.last()
        {
            if *end > self.position {
                return;
            }
            self.pop(visitor);
        }
    }

    fn pop(&mut self, visitor: &mut impl Visitor) {
        match self.frames.pop() {
            Some(Frame::Item { .. }) => visitor.item_ends(&self.path),
            Some(Frame::Sequence { tag, .. }) => {
                debug_assert_eq!(self.path.last(), Some(&tag));
                self.path.pop();
            }
            Some(Frame::Fragments {
                owner: Owner::Object,
                ..
            }) => visitor.pixels_end(),
            _ => {}
        }
    }

    fn malformed(&mut self, at: u64, what: &'static str) {
        self.lose(Flaw::Malformed { at, what });
    }

    fn lose(&mut self, why: Flaw) {
        self.state = State::Lost;
        self.flaw = Some(why);
    }
}

fn wide(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}

fn at_most(length: usize, left: u64) -> usize {
    usize::try_from(left).map_or(length, |left| length.min(left))
}

/// Two capitals: some VR, known or not. Anything else is the low half of an implicit length.
pub(crate) fn is_vr(vr: [u8; 2]) -> bool {
    vr.iter().all(u8::is_ascii_uppercase)
}

/// VRs with a length of four bytes (PS3.5 §7.1.2).
pub(crate) fn is_long(vr: [u8; 2]) -> bool {
    matches!(
        &vr,
        b"OB"
            | b"OD"
            | b"OF"
            | b"OL"
            | b"OV"
            | b"OW"
            | b"SQ"
            | b"SV"
            | b"UC"
            | b"UN"
            | b"UR"
            | b"UT"
            | b"UV"
    )
}
