//! The bulk that records name: where frames lie, what pages need, which chunks a group has.
//!
//! A list is sorted by its key and cut into pages. A short list travels inside its record; a long
//! one is a table of its own, whose last page is an index, so that a look-up is a ranged read.

use crate::cbor::{Reader, Wire, Writer};
use crate::content::FrameRef;
use crate::error::FormatError;
use crate::id::{ChunkTag, CompartmentId, FrameHash, HeadHash, MemberId, ObjectHash, SegmentId};
use crate::refs::{PagePlace, Refs};
use crate::segments::{SegmentNumbers, SegmentTable, decode_page};

/// A page of a list is closed when its items reach this size, in bytes.
pub const LIST_PAGE_BYTES: usize = 48 * 1024;

/// A list whose pages take at most this many bytes travels inside its record.
pub const INLINE_LIST_BYTES_MAX: usize = 48 * 1024;

/// An item of a list.
pub trait ListItem: Sized {
    /// The number of the kind of list.
    const KIND: u8;

    /// What the list is sorted by.
    fn key(&self) -> Vec<u8>;

    /// Writes the item.
    fn write(&self, w: &mut Writer, segments: &mut SegmentTable);

    /// Reads the item.
    fn read(r: &mut Reader<'_>, segments: &SegmentNumbers) -> Result<Self, FormatError>;
}

/// Sorts items by their keys and encodes them as pages.
pub fn encode_list<T: ListItem>(mut items: Vec<T>) -> Vec<Vec<u8>> {
    items.sort_by_cached_key(T::key);
    let mut pages = Vec::new();
    let mut page = PageWriter::default();
    for item in &items {
        page.push(item);
        if page.body.written() + page.segments.size() >= LIST_PAGE_BYTES {
            pages.push(std::mem::take(&mut page).finish::<T>());
        }
    }
    if page.items > 0 {
        pages.push(page.finish::<T>());
    }
    pages
}

#[derive(Default)]
struct PageWriter {
    segments: SegmentTable,
    body: Writer,
    items: usize,
}

impl PageWriter {
    fn push<T: ListItem>(&mut self, item: &T) {
        item.write(&mut self.body, &mut self.segments);
        self.items += 1;
    }

    fn finish<T: ListItem>(self) -> Vec<u8> {
        let mut w = Writer::new();
        w.array(3).uint(T::KIND);
        self.segments.write(&mut w);
        w.array(self.items).encoded(&self.body.finish());
        w.finish()
    }
}

/// Decodes one page of a list.
pub fn decode_list_page<T: ListItem>(bytes: &[u8]) -> Result<Vec<T>, FormatError> {
    decode_page(bytes, |r, segments, kind| {
        if kind != T::KIND {
            return Err(FormatError::Unknown {
                what: "a list of kind",
                number: kind.into(),
            });
        }
        let mut items = Vec::new();
        for _ in 0..r.array()? {
            items.push(T::read(r, segments)?);
        }
        Ok(items)
    })
}

/// Where a list is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ListRef {
    /// Here: its pages.
    Inline(Vec<Vec<u8>>),
    /// In a table of its own.
    Table {
        /// Its name.
        hash: ObjectHash,
        /// Its stored length in bytes.
        length: u64,
    },
}

impl ListRef {
    /// A list without items.
    pub const EMPTY: Self = Self::Inline(Vec::new());
}

impl Wire for ListRef {
    fn write(&self, w: &mut Writer) {
        match self {
            Self::Inline(pages) => w.array(2).uint(0u8).list(pages),
            Self::Table { hash, length } => w.array(3).uint(1u8).value(hash).uint(*length),
        };
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, FormatError> {
        let fields = r.array()?;
        match (r.uint::<u64>()?, fields) {
            (0, 2) => Ok(Self::Inline(r.list()?)),
            (1, 3) => Ok(Self::Table {
                hash: r.value()?,
                length: r.uint()?,
            }),
            (number, _) => Err(FormatError::Unknown {
                what: "a place for lists",
                number,
            }),
        }
    }
}

/// One frame as stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoredFrame {
    /// Its number in its segment.
    pub number: u16,
    /// Stored length in bytes.
    pub length: u32,
    /// BLAKE3 of its stored bytes.
    pub hash: FrameHash,
}

/// Header and slots of a segment as stored. The segment's id is that of the header alone, since its
/// slots may be sealed anew: this hash says that they are whole where they lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoredHead {
    /// Stored length in bytes.
    pub length: u32,
    /// BLAKE3 of its stored bytes.
    pub hash: HeadHash,
}

/// Where frames of one segment lie: in one pack, one after the other behind the segment's header.
/// A segment may have several placements, each with some of its frames.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placement {
    /// The segment.
    pub segment: SegmentId,
    /// Its compartment.
    pub compartment: CompartmentId,
    /// The epoch of the sealing key.
    pub epoch: u32,
    /// The agent that made it.
    pub signer: MemberId,
    /// The pack; zeros in a pack's own directory.
    pub pack: ObjectHash,
    /// Where the segment's header starts in the pack, in bytes.
    pub offset: u64,
    /// Header and slots; the first frame follows.
    pub head: StoredHead,
    /// The frames that lie here, in order.
    pub frames: Vec<StoredFrame>,
}

impl Placement {
    /// Each frame with its offset in the pack, in bytes. Saturates on absurd values, which no
    /// pack can then satisfy.
    pub fn offsets(&self) -> impl Iterator<Item = (u64, StoredFrame)> + '_ {
        let start = self.offset.saturating_add(u64::from(self.head.length));
        self.frames.iter().scan(start, |at, frame| {
            let here = *at;
            *at = at.saturating_add(u64::from(frame.length));
            Some((here, *frame))
        })
    }

    /// Where the last frame ends in the pack, in bytes.
    pub fn end(&self) -> u64 {
        self.offsets().last().map_or_else(
            || self.offset.saturating_add(u64::from(self.head.length)),
            |(at, frame)| at.saturating_add(u64::from(frame.length)),
        )
    }
}

impl ListItem for Placement {
    const KIND: u8 = 0;

    fn key(&self) -> Vec<u8> {
        [
            &self.segment.0[..],
            &self.pack.0,
            &self.offset.to_be_bytes(),
        ]
        .concat()
    }

    fn write(&self, w: &mut Writer, segments: &mut SegmentTable) {
        w.array(9)
            .uint(segments.number(self.segment))
            .value(&self.compartment)
            .uint(self.epoch);
        w.value(&self.signer)
            .value(&self.pack)
            .uint(self.offset)
            .uint(self.head.length)
            .value(&self.head.hash);
        w.array(self.frames.len());
        for frame in &self.frames {
            w.array(3)
                .uint(frame.number)
                .uint(frame.length)
                .value(&frame.hash);
        }
    }

    fn read(r: &mut Reader<'_>, segments: &SegmentNumbers) -> Result<Self, FormatError> {
        let more = r.fields(9)?;
        let segment = segments.read_segment(r)?;
        let (compartment, epoch, signer) = (r.value()?, r.uint()?, r.value()?);
        let (pack, offset) = (r.value()?, r.uint()?);
        let head = StoredHead {
            length: r.uint()?,
            hash: r.value()?,
        };
        let mut frames = Vec::new();
        for _ in 0..r.array()? {
            let more = r.fields(3)?;
            frames.push(StoredFrame {
                number: r.uint()?,
                length: r.uint()?,
                hash: r.value()?,
            });
            r.skip_fields(more)?;
        }
        r.skip_fields(more)?;
        Ok(Self {
            segment,
            compartment,
            epoch,
            signer,
            pack,
            offset,
            head,
            frames,
        })
    }
}

/// What one page needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageRefs {
    /// The page.
    pub page: PagePlace,
    /// What it needs.
    pub refs: Refs,
}

impl ListItem for PageRefs {
    const KIND: u8 = 1;

    fn key(&self) -> Vec<u8> {
        let PagePlace { at, index } = self.page;
        [
            &at.segment.0[..],
            &at.frame.to_be_bytes(),
            &index.to_be_bytes(),
        ]
        .concat()
    }

    fn write(&self, w: &mut Writer, segments: &mut SegmentTable) {
        w.array(5);
        segments.write_frame(w, self.page.at);
        w.uint(self.page.index);
        w.array(self.refs.children.len());
        for child in &self.refs.children {
            w.array(3);
            segments.write_frame(w, child.at);
            w.uint(child.index);
        }
        w.array(self.refs.frames.len());
        for frame in &self.refs.frames {
            w.array(2);
            segments.write_frame(w, *frame);
        }
    }

    fn read(r: &mut Reader<'_>, segments: &SegmentNumbers) -> Result<Self, FormatError> {
        let more = r.fields(5)?;
        let page = PagePlace {
            at: segments.read_frame(r)?,
            index: r.uint()?,
        };
        let mut refs = Refs::default();
        for _ in 0..r.array()? {
            let more = r.fields(3)?;
            refs.children.insert(PagePlace {
                at: segments.read_frame(r)?,
                index: r.uint()?,
            });
            r.skip_fields(more)?;
        }
        for _ in 0..r.array()? {
            let more = r.fields(2)?;
            refs.frames.insert(segments.read_frame(r)?);
            r.skip_fields(more)?;
        }
        r.skip_fields(more)?;
        Ok(Self { page, refs })
    }
}

/// A chunk that a dedup group has, and where. No length: who holds the group's key learns none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GroupChunk {
    /// The chunk.
    pub tag: ChunkTag,
    /// The frame that holds it.
    pub at: FrameRef,
    /// Its number in that frame.
    pub index: u16,
}

impl ListItem for GroupChunk {
    const KIND: u8 = 2;

    fn key(&self) -> Vec<u8> {
        self.tag.0.to_vec()
    }

    fn write(&self, w: &mut Writer, segments: &mut SegmentTable) {
        w.array(4).value(&self.tag);
        segments.write_frame(w, self.at);
        w.uint(self.index);
    }

    fn read(r: &mut Reader<'_>, segments: &SegmentNumbers) -> Result<Self, FormatError> {
        let more = r.fields(4)?;
        let tag = r.value()?;
        let item = Self {
            tag,
            at: segments.read_frame(r)?,
            index: r.uint()?,
        };
        r.skip_fields(more)?;
        Ok(item)
    }
}

/// The last page of a table: where its other pages are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableIndex {
    /// Each page: the key of its first item and its stored length in bytes. The first page starts
    /// behind the table's header and slots; each other one where the one before it ends.
    pub pages: Vec<(Vec<u8>, u64)>,
}

impl Wire for TableIndex {
    fn write(&self, w: &mut Writer) {
        w.array(self.pages.len());
        for (first, length) in &self.pages {
            w.array(2).bytes(first).uint(*length);
        }
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, FormatError> {
        let mut pages = Vec::new();
        for _ in 0..r.array()? {
            let more = r.fields(2)?;
            pages.push((r.bytes()?.to_vec(), r.uint()?));
            r.skip_fields(more)?;
        }
        Ok(Self { pages })
    }
}

/// The key of the first item of an encoded page.
pub fn first_key<T: ListItem>(page: &[u8]) -> Result<Vec<u8>, FormatError> {
    let items = decode_list_page::<T>(page)?;
    items
        .first()
        .map(T::key)
        .ok_or(FormatError::Rule("a page of a list has items"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::page::tests::chunk_ref;
    use proptest::collection::{btree_set, vec};
    use proptest::prelude::*;

    fn placement() -> impl Strategy<Value = Placement> {
        let frames = vec((any::<u16>(), any::<u32>(), any::<[u8; 32]>()), 0..5);
        (
            0u8..4,
            any::<[u8; 32]>(),
            any::<u64>(),
            (any::<u32>(), any::<[u8; 32]>()),
            frames,
        )
            .prop_map(
                |(segment, pack, offset, (length, hash), frames)| Placement {
                    segment: SegmentId([segment; 32]),
                    compartment: CompartmentId([1; 8]),
                    epoch: 3,
                    signer: MemberId([2; 8]),
                    pack: ObjectHash(pack),
                    offset,
                    head: StoredHead {
                        length,
                        hash: HeadHash(hash),
                    },
                    frames: frames
                        .into_iter()
                        .map(|(number, length, hash)| StoredFrame {
                            number,
                            length,
                            hash: FrameHash(hash),
                        })
                        .collect(),
                },
            )
    }

    fn page_refs() -> impl Strategy<Value = PageRefs> {
        let places = || chunk_ref().prop_map(|chunk| PagePlace::from(&chunk));
        let frames = chunk_ref().prop_map(|chunk| chunk.at);
        (places(), btree_set(places(), 0..4), btree_set(frames, 0..4)).prop_map(
            |(page, children, frames)| PageRefs {
                page,
                refs: Refs { children, frames },
            },
        )
    }

    fn check<T: ListItem + Clone + PartialEq + std::fmt::Debug>(items: Vec<T>) {
        let pages = encode_list(items.clone());
        let read: Vec<T> = pages
            .iter()
            .flat_map(|page| decode_list_page(page).unwrap())
            .collect();
        assert_eq!(read.len(), items.len());
        assert!(read.iter().map(T::key).is_sorted());
        assert!(items.iter().all(|item| read.contains(item)));
    }

    proptest! {
        #[test]
        fn lists_come_back_sorted(
            placements in vec(placement(), 0..40), refs in vec(page_refs(), 0..40),
            chunks in vec(chunk_ref(), 0..40)
        ) {
            check(placements);
            check(refs);
            let group = |c: crate::content::ChunkRef| GroupChunk { tag: c.tag, at: c.at, index: c.index };
            check(chunks.into_iter().map(group).collect());
        }

        #[test]
        fn a_damaged_page_is_read_or_refused(
            items in vec(page_refs(), 1..40), at: prop::sample::Index, bit in 0u8..8
        ) {
            let mut page = encode_list(items).remove(0);
            let at = at.index(page.len());
            page[at] ^= 1 << bit;
            let _ = decode_list_page::<PageRefs>(&page);
            let _ = decode_list_page::<PageRefs>(&page[..at]);
        }
    }

    #[test]
    fn long_lists_are_cut_into_pages() {
        let chunk = |n: u32| {
            let mut tag = [0; 16];
            tag[..4].copy_from_slice(&n.to_be_bytes());
            let at = FrameRef {
                segment: SegmentId([9; 32]),
                frame: 0,
            };
            GroupChunk {
                tag: ChunkTag(tag),
                at,
                index: 0,
            }
        };
        let pages = encode_list((0..10_000).rev().map(chunk).collect());
        assert!(pages.len() > 3 && pages.iter().all(|page| page.len() < 64 * 1024));
        assert_eq!(first_key::<GroupChunk>(&pages[0]).unwrap(), chunk(0).key());
    }
}
