//! What the elements of a DICOM data set say about the object: identity, patient, references.

use std::collections::BTreeSet;

use crate::collector::Collector;
use crate::dicom_tag::{self as tag, Tag};
use crate::dicom_walk::Visitor;
use crate::digest::Digest;
use crate::facts::{Dicom, Domain, Facts, Geometry, Patient, Reference, Role, Subject};
use crate::ident::Ident;
use crate::warning::Warning;

/// What was seen of an object so far.
#[derive(Default)]
pub(crate) struct ObjectScan {
    pub(crate) collector: Collector,
    pub(crate) object: Dicom,
    pixels: Digest,
    pixels_begun: bool,
    pixels_ended: bool,
    others: Digest,
    patient: Option<Ident>,
    issuer: Option<Ident>,
    universal_issuer: Option<Ident>,
    trial: Option<Ident>,
    site: Option<Ident>,
    subject: Option<Ident>,
    items: Vec<Item>,
    known: BTreeSet<(Role, Ident)>,
}

/// Digests of an object.
pub(crate) struct ObjectDigests {
    pub(crate) data_set: [u8; 32],
    pub(crate) pixels: Option<[u8; 32]>,
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

impl ObjectScan {
    /// Whether bytes of the pixel value were met.
    pub(crate) fn pixels_begun(&self) -> bool {
        self.pixels_begun
    }

    /// Takes the digests. That of the data set is of all bytes but the pixel value, then of the
    /// digest of that, so that no byte is hashed twice; that of the pixel value is there if it was
    /// complete.
    pub(crate) fn digests(&mut self) -> ObjectDigests {
        let pixels = std::mem::take(&mut self.pixels).finish();
        let mut data_set = std::mem::take(&mut self.others);
        data_set.update(&pixels);
        ObjectDigests {
            data_set: data_set.finish(),
            pixels: self.pixels_ended.then_some(pixels),
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

    /// All facts.
    pub(crate) fn finish(mut self) -> (Facts, Vec<Warning>) {
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

impl Visitor for ObjectScan {
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
        self.pixels_begun = true;
        self.pixels.update(bytes);
    }

    fn others(&mut self, bytes: &[u8]) {
        self.others.update(bytes);
    }

    fn pixels_end(&mut self) {
        self.pixels_ended = true;
    }
}

pub(crate) fn text(bytes: &[u8]) -> &str {
    let text = std::str::from_utf8(bytes).unwrap_or_default();
    text.trim_matches(|c: char| c.is_whitespace() || c == '\0')
}

/// A UID or code: short, ASCII, not about a person.
pub(crate) fn short(bytes: &[u8]) -> Option<Box<str>> {
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
