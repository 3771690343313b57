//! Which shelves there are, and which commits each speaks for: a small local file, written last,
//! so that whatever dies before leaves what was.

use std::collections::BTreeSet;

use ov_format::cbor::{Reader, Writer};
use ov_format::name::RecordName;
use ov_format::{FormatError, Wire};

/// One shelf.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ShelfEntry {
    /// What its files are called.
    pub name: String,
    /// Chunks in it.
    pub rows: u64,
    /// Segments in it.
    pub segments: u64,
    /// The commits whose chunks are in it.
    pub commits: BTreeSet<RecordName>,
}

impl Wire for ShelfEntry {
    fn write(&self, w: &mut Writer) {
        w.array(4)
            .text(&self.name)
            .uint(self.rows)
            .uint(self.segments);
        w.array(self.commits.len());
        for commit in &self.commits {
            w.value(commit);
        }
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, FormatError> {
        let more = r.fields(4)?;
        let entry = Self {
            name: r.text()?.to_owned(),
            rows: r.uint()?,
            segments: r.uint()?,
            commits: r.list()?.into_iter().collect(),
        };
        r.skip_fields(more)?;
        Ok(entry)
    }
}

/// All shelves, the oldest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Contents(pub Vec<ShelfEntry>);

impl Wire for Contents {
    fn write(&self, w: &mut Writer) {
        w.list(&self.0);
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, FormatError> {
        Ok(Self(r.list()?))
    }
}
