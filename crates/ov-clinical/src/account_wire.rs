//! The encoding of facts, field by field, as `docs/FORMAT.md` has it.

use ov_format::Wire;
use ov_format::cbor::{Reader, Writer};
use ov_format::error::FormatError;

use crate::facts::{
    Dicom, Digests, Document, Domain, EndMarker, Facts, Geometry, Mate, Message, Patient,
    Reference, Resource, Role, Sequence, Sequencing, Sorted, Subject,
};
use crate::ident::Ident;
use crate::identify::{Certainty, Wrapping};
use crate::warning::Warning;

/// Gives each value of an enumeration its stored number.
macro_rules! numbered {
    ($name:ident $what:literal { $($value:ident = $number:literal),* $(,)? }) => {
        impl ov_format::Wire for $name {
            fn write(&self, w: &mut ov_format::cbor::Writer) {
                let number: u8 = match self { $(Self::$value => $number,)* };
                w.uint(number);
            }

            fn read(
                r: &mut ov_format::cbor::Reader<'_>,
            ) -> Result<Self, ov_format::error::FormatError> {
                match r.uint()? {
                    $($number => Ok(Self::$value),)*
                    number => Err(ov_format::error::FormatError::Unknown { what: $what, number }),
                }
            }
        }
    };
}
pub(crate) use numbered;

numbered!(Wrapping "a wrapping" { Plain = 0, Gzip = 1, Bgzf = 2 });
numbered!(Certainty "a certainty" { Name = 0, Shape = 1, Signature = 2 });
numbered!(Domain "a domain of identifiers" {
    Dicom = 0, FhirIdentifier = 1, FhirPatient = 2, Hl7 = 3, Cda = 4,
});
numbered!(Geometry "a geometry" { Patient = 0, Device = 1 });
numbered!(Role "a role of a reference" {
    StructureSet = 0, Plan = 1, OtherPlan = 2, Dose = 3, Contour = 4, Source = 5, Evidence = 6,
    Verification = 7, Record = 8, Predecessor = 9, Media = 10, Context = 11,
});
numbered!(Sorted "an order of records" { Position = 0, Otherwise = 1 });
numbered!(Mate "a mate" { First = 1, Second = 2, Interleaved = 3 });
numbered!(EndMarker "an end marker" { None = 0, Present = 1, Missing = 2, NotSeen = 3 });

/// A structure that is an array of its fields; more fields of a later version are passed over.
macro_rules! structure {
    ($name:ident $count:literal, $self:ident, $w:ident $write:block, $r:ident $read:block) => {
        impl Wire for $name {
            fn write(&$self, $w: &mut Writer) {
                $w.array($count);
                $write
            }

            fn read($r: &mut Reader<'_>) -> Result<Self, FormatError> {
                let more = $r.fields($count)?;
                let value = $read;
                $r.skip_fields(more)?;
                Ok(value)
            }
        }
    };
}

impl Wire for Ident {
    fn write(&self, w: &mut Writer) {
        w.text(self.as_str());
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, FormatError> {
        let text = r.text()?;
        let rule = "an identifier has 1 to 1024 bytes and no white space around it";
        Ident::new(text)
            .filter(|ident| ident.as_str() == text)
            .ok_or(FormatError::Rule(rule))
    }
}

structure!(Facts 9, self, w {
    w.list(&self.patients).list(&self.subjects).option(self.dicom.as_deref());
    w.list(&self.resources).list(&self.messages).list(&self.documents);
    w.option(self.sequencing.as_deref());
    words(w, &self.tables);
    w.value(&self.end);
}, r {
    Facts {
        patients: r.list()?,
        subjects: r.list()?,
        dicom: r.option()?.map(Box::new),
        resources: r.list()?,
        messages: r.list()?,
        documents: r.list()?,
        sequencing: r.option()?.map(Box::new),
        tables: read_words(r)?,
        end: r.value()?,
    }
});

structure!(Patient 3, self, w {
    w.value(&self.domain).value(&self.id).option(self.issuer.as_ref());
}, r {
    Patient { domain: r.value()?, id: r.value()?, issuer: r.option()? }
});

structure!(Subject 3, self, w {
    w.option(self.trial.as_ref()).option(self.site.as_ref()).option(self.subject.as_ref());
}, r {
    Subject { trial: r.option()?, site: r.option()?, subject: r.option()? }
});

structure!(Dicom 15, self, w {
    word(w, self.class.as_deref());
    word(w, self.syntax.as_deref());
    word(w, self.modality.as_deref());
    w.option(self.study.as_ref()).option(self.series.as_ref()).option(self.instance.as_ref());
    w.option(self.study_date.as_ref()).list(&self.frames_of_reference);
    match self.number {
        Some(number) => w.int(number),
        None => w.null(),
    };
    numbers(w, self.position.as_ref());
    numbers(w, self.orientation.as_ref());
    w.option(self.series_instances.map(u64::from).as_ref());
    w.option(self.geometry.as_ref()).list(&self.references).option(self.digests.as_ref());
}, r {
    Dicom {
        class: read_word(r)?,
        syntax: read_word(r)?,
        modality: read_word(r)?,
        study: r.option()?,
        series: r.option()?,
        instance: r.option()?,
        study_date: r.option()?,
        frames_of_reference: r.list()?,
        number: if r.null()? { None } else { Some(r.int()?) },
        position: read_numbers(r)?,
        orientation: read_numbers(r)?,
        series_instances: if r.null()? { None } else { Some(r.uint()?) },
        geometry: r.option()?,
        references: r.list()?,
        digests: r.option()?,
    }
});

structure!(Reference 5, self, w {
    w.value(&self.role);
    word(w, self.class.as_deref());
    w.value(&self.instance).option(self.series.as_ref()).option(self.study.as_ref());
}, r {
    Reference {
        role: r.value()?,
        class: read_word(r)?,
        instance: r.value()?,
        series: r.option()?,
        study: r.option()?,
    }
});

structure!(Digests 3, self, w {
    w.bytes(&self.file);
    digest(w, self.data_set.as_ref());
    digest(w, self.pixels.as_ref());
}, r {
    Digests { file: r.fixed()?, data_set: read_digest(r)?, pixels: read_digest(r)? }
});

structure!(Resource 5, self, w {
    w.text(&self.kind).option(self.id.as_ref()).option(self.version.as_ref());
    w.option(self.subject.as_ref()).list(&self.references);
}, r {
    Resource {
        kind: r.text()?.into(),
        id: r.option()?,
        version: r.option()?,
        subject: r.option()?,
        references: r.list()?,
    }
});

structure!(Message 4, self, w {
    w.text(&self.kind).option(self.control.as_ref());
    w.option(self.sender.as_ref()).option(self.time.as_ref());
}, r {
    Message {
        kind: r.text()?.into(),
        control: r.option()?,
        sender: r.option()?,
        time: r.option()?,
    }
});

structure!(Document 5, self, w {
    w.option(self.id.as_ref()).option(self.set.as_ref()).option(self.version.as_ref());
    word(w, self.code.as_deref());
    words(w, &self.templates);
}, r {
    Document {
        id: r.option()?,
        set: r.option()?,
        version: r.option()?,
        code: read_word(r)?,
        templates: read_words(r)?,
    }
});

structure!(Sequencing 7, self, w {
    w.list(&self.samples).list(&self.read_groups).list(&self.sequences);
    w.option(self.mate.as_ref()).option(self.run.as_ref());
    w.option(self.first_read.as_ref()).option(self.sorted.as_ref());
}, r {
    Sequencing {
        samples: r.list()?,
        read_groups: r.list()?,
        sequences: r.list()?,
        mate: r.option()?,
        run: r.option()?,
        first_read: r.option()?,
        sorted: r.option()?,
    }
});

structure!(Sequence 3, self, w {
    w.text(&self.name).option(self.length.as_ref());
    digest(w, self.md5.as_ref());
}, r {
    Sequence { name: r.text()?.into(), length: r.option()?, md5: read_digest(r)? }
});

impl Wire for Warning {
    fn write(&self, w: &mut Writer) {
        let (number, at, what) = match self {
            Self::Truncated => (0_u8, None, None),
            Self::EndMarkerMissing => (1, None, None),
            Self::Malformed { at, what } => (2, Some(*at), Some(what)),
            Self::TooDeep => (3, None, None),
            Self::TooMany { what } => (4, None, Some(what)),
            Self::TooLong { what } => (5, None, Some(what)),
            Self::Bomb => (6, None, None),
            Self::Partial => (7, None, None),
            Self::Executable => (8, None, None),
            Self::UnknownSyntax => (9, None, None),
            Self::IdentityDiffers => (10, None, None),
        };
        w.array(3).uint(number).option(at.as_ref());
        word(w, what.map(AsRef::as_ref));
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, FormatError> {
        let more = r.fields(3)?;
        let (number, at, what) = (r.uint::<u64>()?, r.option::<u64>()?, read_word(r)?);
        r.skip_fields(more)?;
        let what = what.map(|what| what.into_string().into());
        Ok(match (number, at, what) {
            (0, None, None) => Self::Truncated,
            (1, None, None) => Self::EndMarkerMissing,
            (2, Some(at), Some(what)) => Self::Malformed { at, what },
            (3, None, None) => Self::TooDeep,
            (4, None, Some(what)) => Self::TooMany { what },
            (5, None, Some(what)) => Self::TooLong { what },
            (6, None, None) => Self::Bomb,
            (7, None, None) => Self::Partial,
            (8, None, None) => Self::Executable,
            (9, None, None) => Self::UnknownSyntax,
            (10, None, None) => Self::IdentityDiffers,
            (number, ..) => {
                let what = "a warning";
                return Err(FormatError::Unknown { what, number });
            }
        })
    }
}

fn word(w: &mut Writer, text: Option<&str>) {
    match text {
        Some(text) => w.text(text),
        None => w.null(),
    };
}

fn read_word(r: &mut Reader<'_>) -> Result<Option<Box<str>>, FormatError> {
    Ok(match r.null()? {
        true => None,
        false => Some(r.text()?.into()),
    })
}

fn words(w: &mut Writer, words: &[Box<str>]) {
    w.array(words.len());
    for word in words {
        w.text(word);
    }
}

fn read_words(r: &mut Reader<'_>) -> Result<Vec<Box<str>>, FormatError> {
    (0..r.array()?).map(|_| Ok(r.text()?.into())).collect()
}

fn digest<const N: usize>(w: &mut Writer, digest: Option<&[u8; N]>) {
    match digest {
        Some(digest) => w.bytes(digest),
        None => w.null(),
    };
}

fn read_digest<const N: usize>(r: &mut Reader<'_>) -> Result<Option<[u8; N]>, FormatError> {
    Ok(match r.null()? {
        true => None,
        false => Some(r.fixed()?),
    })
}

/// Decimals as DICOM writes them, with a backslash between: the shortest text that gives the same
/// number again. A slice's orientation takes a dozen bytes so.
fn numbers<const N: usize>(w: &mut Writer, numbers: Option<&[f64; N]>) {
    let text = numbers.map(|numbers| numbers.map(|number| number.to_string()).join("\\"));
    word(w, text.as_deref());
}

fn read_numbers<const N: usize>(r: &mut Reader<'_>) -> Result<Option<[f64; N]>, FormatError> {
    let rule = FormatError::Rule("decimals stand in their shortest form");
    let Some(text) = read_word(r)? else {
        return Ok(None);
    };
    let mut numbers = [0.0; N];
    let mut parts = text.split('\\');
    for number in &mut numbers {
        let part = parts.next().unwrap_or_default();
        *number = part
            .parse::<f64>()
            .ok()
            .filter(|number| number.to_string() == part)
            .ok_or(rule.clone())?;
    }
    match parts.next() {
        None => Ok(Some(numbers)),
        Some(_) => Err(rule),
    }
}
