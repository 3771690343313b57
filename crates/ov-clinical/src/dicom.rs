//! DICOM (PS3.10 files): whose, what, part of what, referring to what, and three digests.
//!
//! [`Stream`] takes a file in pieces of any size and holds little more than one value. [`read`]
//! does the same for bytes that are at hand.

use std::collections::BTreeSet;

use crate::collector::Collector;
use crate::dicom_tag::{self as tag, Tag};
use crate::dicom_walk::{Encoding, Lost, Visitor, Walk, is_long, is_vr};
use crate::facts::{Dicom, Digests, Domain, Facts, Geometry, Patient, Reference, Role, Subject};
use crate::ident::Ident;
use crate::inflate::{Flow, Inflator};
use crate::warning::Warning;
use crate::window::Window;

/// Preamble and meta group together are at most so long.
const PROLOGUE_MAX: usize = 64 << 10;
/// A deflated data set is read up to this length.
const INFLATED_MAX: u64 = 512 << 20;

const MAGIC_AT: usize = 128;
const IMPLICIT: &str = "1.2.840.10008.1.2";
const EXPLICIT_BIG: &str = "1.2.840.10008.1.2.2";
const DEFLATED: &str = "1.2.840.10008.1.2.1.99";

/// Reads what is at hand. Digests are given only for a whole file.
#[must_use]
pub fn read(window: &Window) -> (Facts, Vec<Warning>) {
    let mut stream = Stream::new();
    stream.feed(window.head());
    if window.is_whole() {
        stream.finish()
    } else {
        stream.finish_early()
    }
}

/// Whether the bytes begin like a DICOM file or data set.
#[must_use]
pub fn begins(head: &[u8]) -> bool {
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

/// Takes a DICOM file in pieces.
pub struct Stream {
    file: blake3::Hasher,
    stage: Stage,
    scan: Scan,
}

enum Stage {
    /// Preamble and meta group, until there is enough of them.
    Prologue(Vec<u8>),
    Plain(Walk),
    Deflated {
        inflator: Inflator,
        walk: Walk,
        length: u64,
    },
    /// Not understood.
    Over,
}

impl Default for Stream {
    fn default() -> Self {
        Self::new()
    }
}

impl Stream {
    /// At the beginning of a file.
    #[must_use]
    pub fn new() -> Self {
        Self {
            file: blake3::Hasher::new(),
            stage: Stage::Prologue(Vec::new()),
            scan: Scan::default(),
        }
    }

    /// The next bytes of the file.
    pub fn feed(&mut self, mut bytes: &[u8]) {
        self.file.update(bytes);
        if let Stage::Prologue(prologue) = &mut self.stage {
            let missing = PROLOGUE_MAX - prologue.len().min(PROLOGUE_MAX);
            let (now, later) = bytes.split_at(missing.min(bytes.len()));
            prologue.extend_from_slice(now);
            bytes = later;
            if prologue.len() < PROLOGUE_MAX {
                return;
            }
            self.begin();
        }
        self.data_set(bytes);
    }

    /// The file is complete.
    #[must_use]
    pub fn finish(mut self) -> (Facts, Vec<Warning>) {
        self.begin();
        self.check_end();
        self.scan.object.digests = Some(Digests {
            file: hash(&self.file),
            data_set: self.scan.has_data_set.then(|| hash(&self.scan.data_set)),
            pixels: self.scan.pixels_ended.then(|| hash(&self.scan.pixels)),
        });
        self.scan.finish()
    }

    /// Only the beginning of the file was at hand: no digests.
    #[must_use]
    pub fn finish_early(mut self) -> (Facts, Vec<Warning>) {
        self.begin();
        self.scan.collector.warn(Warning::Partial);
        self.report_lost();
        self.scan.finish()
    }

    /// Reads the prologue, if that was not done, and passes the rest of it on.
    fn begin(&mut self) {
        let Stage::Prologue(prologue) = &mut self.stage else {
            return;
        };
        let prologue = std::mem::take(prologue);
        let (stage, start) = self.scan.prologue(&prologue);
        self.stage = stage;
        self.data_set(prologue.get(start..).unwrap_or_default());
    }

    fn data_set(&mut self, bytes: &[u8]) {
        let scan = &mut self.scan;
        match &mut self.stage {
            Stage::Prologue(_) | Stage::Over => {}
            Stage::Plain(walk) => scan.walk(walk, bytes),
            Stage::Deflated {
                inflator,
                walk,
                length,
            } => {
                let flow = inflator.feed(bytes, |piece| {
                    *length += u64::try_from(piece.len()).unwrap_or(u64::MAX);
                    scan.walk(walk, piece);
                    *length <= INFLATED_MAX
                });
                if *length > INFLATED_MAX {
                    scan.collector.warn(Warning::Bomb);
                    scan.has_data_set = false;
                    self.stage = Stage::Over;
                } else if let Flow::Broken = flow {
                    scan.collector.malformed(0, "the deflated data set");
                    scan.has_data_set = false;
                }
            }
        }
    }

    /// Warns of a data set that ends inside something.
    fn check_end(&mut self) {
        self.report_lost();
        let walk = match &self.stage {
            Stage::Plain(walk) | Stage::Deflated { walk, .. } => walk,
            _ => return,
        };
        if walk.lost().is_none() && !walk.is_between_elements() {
            self.scan.collector.warn(Warning::Truncated);
        }
    }

    fn report_lost(&mut self) {
        if let Stage::Plain(walk) | Stage::Deflated { walk, .. } = &self.stage {
            let warning = match walk.lost() {
                None => return,
                Some(Lost::TooDeep) => Warning::TooDeep,
                Some(Lost::TooMany) => Warning::TooMany { what: "elements" },
                Some(Lost::Malformed { at, what }) => Warning::Malformed { at, what },
            };
            self.scan.collector.warn(warning);
        }
    }
}

fn hash(hasher: &blake3::Hasher) -> [u8; 32] {
    *hasher.finalize().as_bytes()
}

/// What was seen so far.
#[derive(Default)]
struct Scan {
    collector: Collector,
    object: Dicom,
    data_set: blake3::Hasher,
    has_data_set: bool,
    pixels: blake3::Hasher,
    pixels_ended: bool,
    patient: Option<Ident>,
    issuer: Option<Ident>,
    universal_issuer: Option<Ident>,
    trial: Option<Ident>,
    site: Option<Ident>,
    subject: Option<Ident>,
    items: Vec<Item>,
    known: BTreeSet<(Role, Ident)>,
}

/// What was seen in an open item.
#[derive(Default)]
struct Item {
    class: Option<Box<str>>,
    instance: Option<Ident>,
    series: Option<Ident>,
    study: Option<Ident>,
    patient: Option<Ident>,
    issuer: Option<Ident>,
    earlier: bool,
    first_reference: usize,
}

impl Scan {
    /// Preamble and meta group. Returns how the data set is to be read, and where it begins.
    fn prologue(&mut self, bytes: &[u8]) -> (Stage, usize) {
        if has_magic(bytes) {
            self.preamble(bytes);
            return self.meta(bytes, MAGIC_AT + 4);
        }
        match bare(bytes) {
            Some(Encoding::EXPLICIT) if bytes.starts_with(&[2, 0]) => self.meta(bytes, 0),
            Some(encoding) => (Stage::Plain(Walk::new(encoding)), 0),
            None => {
                self.collector.malformed(0, "no DICOM file");
                (Stage::Over, 0)
            }
        }
    }

    /// CVE-2019-11687: the preamble may hold anything.
    fn preamble(&mut self, bytes: &[u8]) {
        if [&b"MZ"[..], b"\x7fELF", b"#!"]
            .iter()
            .any(|magic| bytes.starts_with(magic))
        {
            self.collector.warn(Warning::Executable);
        }
    }

    /// The meta group: explicit VR, little endian (PS3.10 §7.1). It ends with the first element of
    /// another group; its length element is not trusted.
    fn meta(&mut self, bytes: &[u8], mut at: usize) -> (Stage, usize) {
        let mut syntax = None;
        while let Some(element) = MetaElement::at(bytes, at) {
            let value = bytes.get(element.value..element.end).unwrap_or_default();
            match element.tag {
                0x0002_0002 => self.object.class = short(value),
                0x0002_0003 => self.object.instance = Ident::from_bytes(value),
                0x0002_0010 => syntax = short(value),
                _ => {}
            }
            if element.end > bytes.len() {
                self.collector.warn(Warning::Truncated);
                return (Stage::Over, bytes.len());
            }
            at = element.end;
        }
        self.object.syntax = syntax.clone();
        (
            self.stage(syntax.as_deref(), bytes.get(at..).unwrap_or_default()),
            at,
        )
    }

    fn stage(&mut self, syntax: Option<&str>, data_set: &[u8]) -> Stage {
        let encoding = match syntax {
            Some(IMPLICIT) => Encoding::IMPLICIT,
            Some(EXPLICIT_BIG) => Encoding::EXPLICIT_BIG,
            Some(DEFLATED) => {
                let walk = Walk::new(Encoding::EXPLICIT);
                return Stage::Deflated {
                    inflator: Inflator::new(),
                    walk,
                    length: 0,
                };
            }
            Some(other) if other.starts_with("1.2.840.10008.1.2.") => Encoding::EXPLICIT,
            Some(_) => {
                self.collector.warn(Warning::UnknownSyntax);
                return Stage::Over;
            }
            None => bare(data_set).unwrap_or(Encoding::IMPLICIT),
        };
        Stage::Plain(Walk::new(encoding))
    }

    fn walk(&mut self, walk: &mut Walk, bytes: &[u8]) {
        self.has_data_set = true;
        self.data_set.update(bytes);
        if !walk.is_over() {
            walk.feed(bytes, self);
        }
    }

    /// An element of the object itself.
    fn own(&mut self, tag: Tag, bytes: &[u8]) {
        let object = &mut self.object;
        match tag {
            tag::CLASS => object.class = short(bytes).or(object.class.take()),
            tag::INSTANCE => self.instance(bytes),
            tag::STUDY_DATE => object.study_date = Ident::from_bytes(bytes),
            tag::MODALITY => object.modality = short(bytes),
            tag::STUDY => object.study = Ident::from_bytes(bytes),
            tag::SERIES => object.series = Ident::from_bytes(bytes),
            tag::NUMBER => object.number = text(bytes).parse().ok(),
            tag::SERIES_INSTANCES => object.series_instances = text(bytes).parse().ok(),
            tag::POSITION => object.position = decimals(bytes),
            tag::ORIENTATION => object.orientation = decimals(bytes),
            tag::FRAME_OF_REFERENCE => self.frame_of_reference(bytes),
            tag::GEOMETRY => object.geometry = geometry(bytes),
            tag::PATIENT_ID => self.patient = self.collector.bytes(bytes, "patient id"),
            tag::ISSUER => self.issuer = self.collector.bytes(bytes, "issuer"),
            tag::TRIAL => self.trial = Ident::from_bytes(bytes),
            tag::SITE => self.site = Ident::from_bytes(bytes),
            tag::SUBJECT => self.subject = Ident::from_bytes(bytes),
            _ => {}
        }
    }

    fn instance(&mut self, bytes: &[u8]) {
        let Some(instance) = Ident::from_bytes(bytes) else {
            return;
        };
        if self
            .object
            .instance
            .as_ref()
            .is_some_and(|meta| *meta != instance)
        {
            self.collector.warn(Warning::IdentityDiffers);
        }
        self.object.instance = Some(instance);
    }

    fn frame_of_reference(&mut self, bytes: &[u8]) {
        let Some(frame) = Ident::from_bytes(bytes) else {
            return;
        };
        let known = &mut self.object.frames_of_reference;
        if known.len() < 64 && !known.contains(&frame) {
            known.push(frame);
        }
    }

    /// An element inside an item.
    fn inner(&mut self, path: &[Tag], tag: Tag, bytes: &[u8]) {
        if tag == tag::UNIVERSAL_ISSUER && path == [tag::ISSUER_QUALIFIERS] {
            self.universal_issuer = Ident::from_bytes(bytes);
        }
        if tag == tag::STRUCTURE_FRAME || tag == tag::FRAME_OF_REFERENCE {
            self.frame_of_reference(bytes);
        }
        let Some(item) = self.items.last_mut() else {
            return;
        };
        match tag {
            tag::REFERENCED_CLASS | tag::MEDIA_CLASS => item.class = short(bytes),
            tag::REFERENCED_INSTANCE | tag::MEDIA_INSTANCE => {
                item.instance = Ident::from_bytes(bytes);
            }
            tag::SERIES => item.series = Ident::from_bytes(bytes),
            tag::STUDY => item.study = Ident::from_bytes(bytes),
            tag::PATIENT_ID => item.patient = Ident::from_bytes(bytes),
            tag::ISSUER => item.issuer = Ident::from_bytes(bytes),
            tag::RELATIONSHIP => item.earlier = true,
            _ => {}
        }
    }

    fn reference(&mut self, path: &[Tag], item: &Item) {
        let Some(instance) = item.instance.clone() else {
            return;
        };
        let role = match tag::role(path.iter().copied()) {
            Role::Plan if item.earlier => Role::OtherPlan,
            role => role,
        };
        if self.known.contains(&(role, instance.clone())) {
            return;
        }
        if self.collector.room(instance.as_str().len() * 2) {
            self.known.insert((role, instance.clone()));
            self.object.references.push(Reference {
                role,
                class: item.class.clone(),
                instance,
                series: None,
                study: None,
            });
        }
    }

    fn finish(mut self) -> (Facts, Vec<Warning>) {
        if let Some(id) = self.patient.take() {
            let issuer = self.issuer.take().or(self.universal_issuer.take());
            self.collector.patient(Patient {
                domain: Domain::Dicom,
                id,
                issuer,
            });
        }
        let (trial, site, subject) = (self.trial, self.site, self.subject);
        if trial.is_some() || subject.is_some() {
            self.collector.subject(Subject {
                trial,
                site,
                subject,
            });
        }
        self.collector.facts().dicom = Some(Box::new(self.object));
        self.collector.finish()
    }
}

impl Visitor for Scan {
    fn value(&mut self, path: &[Tag], tag: Tag, bytes: &[u8]) {
        if path.is_empty() {
            self.own(tag, bytes)
        } else {
            self.inner(path, tag, bytes)
        }
    }

    fn item_begins(&mut self) {
        let first_reference = self.object.references.len();
        self.items.push(Item {
            first_reference,
            ..Item::default()
        });
    }

    fn item_ends(&mut self, path: &[Tag]) {
        let Some(item) = self.items.pop() else { return };
        self.reference(path, &item);
        // Study and series stand in an item after the references that they hold for.
        let inner = self
            .object
            .references
            .get_mut(item.first_reference..)
            .unwrap_or_default();
        if item.series.is_some() || item.study.is_some() {
            for reference in inner {
                reference.series = reference.series.take().or_else(|| item.series.clone());
                reference.study = reference.study.take().or_else(|| item.study.clone());
            }
        }
        if let Some(id) = item.patient {
            let issuer = item.issuer;
            self.collector.patient(Patient {
                domain: Domain::Dicom,
                id,
                issuer,
            });
        }
    }

    fn pixels(&mut self, bytes: &[u8]) {
        self.pixels.update(bytes);
    }

    fn pixels_end(&mut self) {
        self.pixels_ended = true;
    }
}

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

fn text(bytes: &[u8]) -> &str {
    let text = std::str::from_utf8(bytes).unwrap_or_default();
    text.trim_matches(|c: char| c.is_whitespace() || c == '\0')
}

/// A UID or code: short, ASCII, not about a person.
fn short(bytes: &[u8]) -> Option<Box<str>> {
    let text = text(bytes);
    (!text.is_empty() && text.len() <= 64).then(|| text.into())
}

fn decimals<const N: usize>(bytes: &[u8]) -> Option<[f64; N]> {
    let mut numbers = [0.0; N];
    let mut parts = text(bytes).split('\\');
    for number in &mut numbers {
        *number = parts
            .next()?
            .trim()
            .parse()
            .ok()
            .filter(|n: &f64| n.is_finite())?;
    }
    Some(numbers)
}

fn geometry(bytes: &[u8]) -> Option<Geometry> {
    match text(bytes) {
        "PATIENT" => Some(Geometry::Patient),
        "TREATMENT_DEVICE" => Some(Geometry::Device),
        _ => None,
    }
}
