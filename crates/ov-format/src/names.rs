//! What members are called: a section of head records, sealed to the structure audience, so that
//! neither agents nor strangers learn who works here.

use crate::cbor::{Reader, Wire, Writer};
use crate::error::FormatError;
use crate::id::MemberId;

/// One member's name.
#[derive(Clone, PartialEq, Eq)]
pub struct Named {
    /// The member.
    pub member: MemberId,
    /// Its name for people.
    pub name: String,
}

impl Wire for Named {
    fn write(&self, w: &mut Writer) {
        w.array(2).value(&self.member).text(&self.name);
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, FormatError> {
        let more = r.fields(2)?;
        let named = Self {
            member: r.value()?,
            name: r.text()?.to_owned(),
        };
        r.skip_fields(more)?;
        Ok(named)
    }
}

/// The section: the names that a head record gives.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Names(pub Vec<Named>);

impl Wire for Names {
    fn write(&self, w: &mut Writer) {
        w.array(1).list(&self.0);
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, FormatError> {
        let more = r.fields(1)?;
        let names = Self(r.list()?);
        r.skip_fields(more)?;
        Ok(names)
    }
}
