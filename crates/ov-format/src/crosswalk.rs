//! Which identifiers are one patient's: links that a person made, and links that were taken back.

use std::fmt;

use crate::cbor::{Reader, Wire, Writer};
use crate::error::FormatError;
use crate::name::RecordName;

/// An identifier of a patient, with who issued it. `Debug` shows neither.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IssuedId {
    /// The identifier.
    pub id: String,
    /// Who issued it.
    pub issuer: String,
}

impl fmt::Debug for IssuedId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("IssuedId(hidden)")
    }
}

impl Wire for IssuedId {
    fn write(&self, w: &mut Writer) {
        w.array(2).text(&self.id).text(&self.issuer);
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, FormatError> {
        let more = r.fields(2)?;
        let id = Self {
            id: r.value()?,
            issuer: r.value()?,
        };
        r.skip_fields(more)?;
        Ok(id)
    }
}

/// Two identifiers of one patient.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Link {
    /// One of them.
    pub one: IssuedId,
    /// The other.
    pub other: IssuedId,
}

impl Wire for Link {
    fn write(&self, w: &mut Writer) {
        w.array(2).value(&self.one).value(&self.other);
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, FormatError> {
        let more = r.fields(2)?;
        let link = Self {
            one: r.value()?,
            other: r.value()?,
        };
        r.skip_fields(more)?;
        Ok(link)
    }
}

/// A link that a record said and that is taken back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Retraction {
    /// The record that said it.
    pub record: RecordName,
    /// The link; which of its ends comes first means nothing.
    pub link: Link,
}

impl Wire for Retraction {
    fn write(&self, w: &mut Writer) {
        w.array(2).value(&self.record).value(&self.link);
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, FormatError> {
        let more = r.fields(2)?;
        let retraction = Self {
            record: r.value()?,
            link: r.value()?,
        };
        r.skip_fields(more)?;
        Ok(retraction)
    }
}

/// A change of the crosswalk, sealed to a compartment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CrosswalkChange {
    /// Links that are said.
    pub linked: Vec<Link>,
    /// Links that are taken back.
    pub retracted: Vec<Retraction>,
    /// Why, for people.
    pub reason: String,
}

impl Wire for CrosswalkChange {
    fn write(&self, w: &mut Writer) {
        w.array(3).list(&self.linked).list(&self.retracted);
        w.text(&self.reason);
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, FormatError> {
        let more = r.fields(3)?;
        let change = Self {
            linked: r.list()?,
            retracted: r.list()?,
            reason: r.value()?,
        };
        r.skip_fields(more)?;
        Ok(change)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_do_not_show_in_debug() {
        let id = |id: &str| IssuedId {
            id: id.to_owned(),
            issuer: "registry".to_owned(),
        };
        let change = CrosswalkChange {
            linked: vec![Link {
                one: id("MRN-4711"),
                other: id("C-0815"),
            }],
            ..CrosswalkChange::default()
        };
        let shown = format!("{change:?}");
        assert!(shown.contains("hidden"));
        for secret in ["4711", "0815", "registry"] {
            assert!(!shown.contains(secret), "{secret}");
        }
    }
}
