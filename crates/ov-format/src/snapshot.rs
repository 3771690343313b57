//! What a commit says of its snapshot, to readers and to keepers.

use crate::cbor::{Reader, Wire, Writer};
use crate::content::{ChunkRef, FrameRef};
use crate::entry::Time;
use crate::error::FormatError;
use crate::id::{ChunkTag, DatasetId};
use crate::list::ListRef;
use crate::refs::PagePlace;

/// How many things of each kind a snapshot holds, and what the run did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Entries of all kinds.
    pub entries: u64,
    /// Regular files.
    pub files: u64,
    /// Sum of their sizes, in bytes.
    pub bytes: u64,
    /// Files that could not be read, or changed while they were.
    pub troubled: u64,
}

impl Wire for Counts {
    fn write(&self, w: &mut Writer) {
        w.array(4)
            .uint(self.entries)
            .uint(self.files)
            .uint(self.bytes)
            .uint(self.troubled);
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, FormatError> {
        let more = r.fields(4)?;
        let counts = Self {
            entries: r.uint()?,
            files: r.uint()?,
            bytes: r.uint()?,
            troubled: r.uint()?,
        };
        r.skip_fields(more)?;
        Ok(counts)
    }
}

/// The section for readers: sealed to the compartment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// When the run began, by the agent's clock.
    pub time: Time,
    /// When it ended.
    pub ended: Time,
    /// The dataset's name.
    pub dataset: String,
    /// The host's name.
    pub host: String,
    /// The user's name.
    pub user: String,
    /// The paths that were asked for.
    pub paths: Vec<Vec<u8>>,
    /// Tags given at the backup.
    pub tags: Vec<String>,
    /// The root page of the files; `None` if there are no entries.
    pub root: Option<ChunkRef>,
    /// Level of the root page.
    pub root_level: u8,
    /// The root page of the catalog; `None` if nothing is said of any file.
    pub catalog: Option<ChunkRef>,
    /// Level of the catalog's root page.
    pub catalog_level: u8,
    /// Who issues the identifiers of patients whose files name no issuer; empty if nobody knows.
    pub issuer: String,
    /// What it holds.
    pub counts: Counts,
    /// The program that made it, as `name/version`.
    pub program: String,
}

impl Wire for Snapshot {
    fn write(&self, w: &mut Writer) {
        w.array(14)
            .value(&self.time)
            .value(&self.ended)
            .text(&self.dataset)
            .text(&self.host);
        w.text(&self.user)
            .list(&self.paths)
            .list(&self.tags)
            .option(self.root.as_ref());
        w.uint(self.root_level)
            .option(self.catalog.as_ref())
            .uint(self.catalog_level)
            .text(&self.issuer);
        w.value(&self.counts).text(&self.program);
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, FormatError> {
        let more = r.fields(14)?;
        let snapshot = Self {
            time: r.value()?,
            ended: r.value()?,
            dataset: r.value()?,
            host: r.value()?,
            user: r.value()?,
            paths: r.list()?,
            tags: r.list()?,
            root: r.option()?,
            root_level: r.uint()?,
            catalog: r.option()?,
            catalog_level: r.uint()?,
            issuer: r.value()?,
            counts: r.value()?,
            program: r.value()?,
        };
        r.skip_fields(more)?;
        Ok(snapshot)
    }
}

/// The section for keepers: sealed to the structure audience.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Structure {
    /// The dataset: random to keepers.
    pub dataset: DatasetId,
    /// Where the root page lies; `None` if there are no entries.
    pub root: Option<PagePlace>,
    /// Where the root page of the catalog lies; `None` if nothing is said of any file.
    pub catalog: Option<PagePlace>,
    /// What the snapshot holds.
    pub counts: Counts,
    /// Where the frames lie that this commit publishes.
    pub placements: ListRef,
    /// What the pages need that this commit publishes.
    pub refs: ListRef,
}

impl Wire for Structure {
    fn write(&self, w: &mut Writer) {
        w.array(6)
            .value(&self.dataset)
            .option(self.root.as_ref())
            .option(self.catalog.as_ref())
            .value(&self.counts);
        w.value(&self.placements).value(&self.refs);
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, FormatError> {
        let more = r.fields(6)?;
        let structure = Self {
            dataset: r.value()?,
            root: r.option()?,
            catalog: r.option()?,
            counts: r.value()?,
            placements: r.value()?,
            refs: r.value()?,
        };
        r.skip_fields(more)?;
        Ok(structure)
    }
}

/// The section for the agents of the group: which chunks this commit publishes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupChunks {
    /// Content chunks and tree pages alike.
    pub chunks: ListRef,
}

impl Wire for GroupChunks {
    fn write(&self, w: &mut Writer) {
        w.array(1).value(&self.chunks);
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, FormatError> {
        let more = r.fields(1)?;
        let chunks = Self { chunks: r.value()? };
        r.skip_fields(more)?;
        Ok(chunks)
    }
}

/// A change of a snapshot's tags, sealed to the compartment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TagChange {
    /// Tags that it gets.
    pub add: Vec<String>,
    /// Tags that it loses.
    pub remove: Vec<String>,
}

impl Wire for TagChange {
    fn write(&self, w: &mut Writer) {
        w.array(2).list(&self.add).list(&self.remove);
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, FormatError> {
        let more = r.fields(2)?;
        let change = Self {
            add: r.list()?,
            remove: r.list()?,
        };
        r.skip_fields(more)?;
        Ok(change)
    }
}

impl Wire for Time {
    fn write(&self, w: &mut Writer) {
        w.array(2).int(self.seconds).uint(self.nanos);
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, FormatError> {
        let more = r.fields(2)?;
        let time = Self {
            seconds: r.int()?,
            nanos: r.uint()?,
        };
        if time.nanos > 999_999_999 {
            return Err(FormatError::Rule(
                "a second has a thousand million nanoseconds",
            ));
        }
        r.skip_fields(more)?;
        Ok(time)
    }
}

impl Wire for FrameRef {
    fn write(&self, w: &mut Writer) {
        w.array(2).value(&self.segment).uint(self.frame);
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, FormatError> {
        let more = r.fields(2)?;
        let frame = Self {
            segment: r.value()?,
            frame: r.uint()?,
        };
        r.skip_fields(more)?;
        Ok(frame)
    }
}

impl Wire for PagePlace {
    fn write(&self, w: &mut Writer) {
        w.array(2).value(&self.at).uint(self.index);
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, FormatError> {
        let more = r.fields(2)?;
        let place = Self {
            at: r.value()?,
            index: r.uint()?,
        };
        r.skip_fields(more)?;
        Ok(place)
    }
}

impl Wire for ChunkRef {
    fn write(&self, w: &mut Writer) {
        w.array(3).value(&self.at).uint(self.index).value(&self.tag);
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, FormatError> {
        let more = r.fields(3)?;
        let chunk = Self {
            at: r.value()?,
            index: r.uint()?,
            tag: r.value::<ChunkTag>()?,
        };
        r.skip_fields(more)?;
        Ok(chunk)
    }
}

/// The section of a statement about places: sealed to the structure audience.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Places {
    /// Where frames lie now.
    pub placements: ListRef,
}

impl Wire for Places {
    fn write(&self, w: &mut Writer) {
        w.array(1).value(&self.placements);
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, FormatError> {
        let more = r.fields(1)?;
        let places = Self {
            placements: r.value()?,
        };
        r.skip_fields(more)?;
        Ok(places)
    }
}
