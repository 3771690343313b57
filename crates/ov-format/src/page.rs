//! Pages of a snapshot's tree: leaves hold entries, upper levels hold pointers to pages.
//!
//! A page is a chunk of its own, found again by its id when nothing below it changed. Format: see
//! `docs/FORMAT.md` §6.

use crate::cbor::{Reader, Writer};
use crate::content::ChunkRef;
use crate::entry::{Entry, EntryKey, Kind, Meta, ReadState, Time};
use crate::error::FormatError;
use crate::extents::{read_content, write_content};
use crate::segments::{SegmentNumbers, SegmentTable, decode_page, encode_page};

/// A page is not cut below this size, in bytes of its entries.
pub const PAGE_BYTES_MIN: usize = 1536;

/// A page is cut when its entries reach this size, in bytes.
pub const PAGE_BYTES_MAX: usize = 64 * 1024;

/// One entry in this many ends a page (once it has its least size): about 2.5 KiB at usual sizes,
/// so that a change of one entry stores few others again.
pub const PAGE_CUT_ONE_IN: u64 = 8;

/// Levels above the leaves that a reader follows at most. Pages hold at least two pointers, so
/// no tree of fewer than 2^32 pages is taller.
pub const LEVELS_MAX: u8 = 32;

/// Longest encoded page that a reader accepts, in bytes: one entry may exceed the usual limit by
/// its extended attributes and names.
pub const PAGE_ENCODED_MAX: usize = 4 * 1024 * 1024;

/// Bytes that the folders' paths of a leaf's entries take at most, each counted for every entry:
/// they stand in the page once and in memory for each entry.
pub const KEYS_MAX: usize = 64 * 1024 * 1024;

/// A pointer to a page of the tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PagePointer {
    /// Key of the first entry below it.
    pub first: EntryKey,
    /// The chunk that holds the page.
    pub chunk: ChunkRef,
    /// Entries below it.
    pub entries: u64,
    /// Sum of the sizes of the files below it, in bytes.
    pub bytes: u64,
}

/// A page of the tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Page {
    /// Level 0: entries in tree order.
    Leaf(Vec<Entry>),
    /// Level 1 and up: pages of the level below.
    Index {
        /// 1 or more.
        level: u8,
        /// In tree order.
        children: Vec<PagePointer>,
    },
}

impl Page {
    /// Encodes the page.
    pub fn encode(&self) -> Vec<u8> {
        match self {
            Self::Leaf(entries) => {
                encode_page(0, |w, segments| write_entries(w, segments, entries))
            }
            Self::Index { level, children } => {
                encode_page(*level, |w, segments| write_pointers(w, segments, children))
            }
        }
    }

    /// Decodes a page and checks that its keys are clean and in order.
    pub fn decode(bytes: &[u8]) -> Result<Self, FormatError> {
        if bytes.len() > PAGE_ENCODED_MAX {
            return Err(FormatError::Rule("a page has at most 4 MiB"));
        }
        Self::decode_bounded(bytes, KEYS_MAX)
    }

    /// As [`Self::decode`], for what an agent keeps locally under its own key: files there have
    /// their whole lists of extents, so that no length is too long.
    pub fn decode_any(bytes: &[u8]) -> Result<Self, FormatError> {
        Self::decode_bounded(bytes, usize::MAX)
    }

    fn decode_bounded(bytes: &[u8], keys_max: usize) -> Result<Self, FormatError> {
        decode_page(bytes, |r, segments, level| match level {
            0 => Ok(Self::Leaf(read_entries(r, segments, keys_max)?)),
            1..=LEVELS_MAX => Ok(Self::Index {
                level,
                children: read_pointers(r, segments)?,
            }),
            _ => Err(FormatError::Rule("a tree has at most 32 levels")),
        })
    }
}

fn ordered(last: Option<&EntryKey>, next: &EntryKey) -> Result<(), FormatError> {
    if !next.is_clean() {
        return Err(FormatError::Rule(
            "names are clean: no slash, NUL, dot or dot-dot",
        ));
    }
    match last {
        Some(last) if last >= next => Err(FormatError::Rule("entries are in tree order")),
        _ => Ok(()),
    }
}

fn write_entries(w: &mut Writer, segments: &mut SegmentTable, entries: &[Entry]) {
    let folders: Vec<&[Entry]> = entries
        .chunk_by(|a, b| a.key.parent == b.key.parent)
        .collect();
    w.array(folders.len());
    for folder in folders {
        let parent = folder.first().map_or(&[][..], |entry| &entry.key.parent);
        w.array(2).bytes(parent).array(folder.len());
        for entry in folder {
            write_entry(w, segments, entry);
        }
    }
}

fn read_entries(
    r: &mut Reader<'_>,
    segments: &SegmentNumbers,
    keys_max: usize,
) -> Result<Vec<Entry>, FormatError> {
    let mut entries: Vec<Entry> = Vec::new();
    let mut left = keys_max;
    for _ in 0..r.array()? {
        let more = r.fields(2)?;
        let parent = r.bytes()?.to_vec();
        for _ in 0..r.array()? {
            left = left
                .checked_sub(parent.len())
                .ok_or(FormatError::Rule("the paths of a page take at most 64 MiB"))?;
            let entry = read_entry(r, segments, &parent)?;
            ordered(entries.last().map(|last| &last.key), &entry.key)?;
            entries.push(entry);
        }
        r.skip_fields(more)?;
    }
    Ok(entries)
}

fn write_pointers(w: &mut Writer, segments: &mut SegmentTable, children: &[PagePointer]) {
    w.array(children.len());
    for child in children {
        w.array(8)
            .bytes(&child.first.parent)
            .bytes(&child.first.name);
        segments.write_chunk(w, &child.chunk);
        w.uint(child.entries).uint(child.bytes);
    }
}

fn read_pointers(
    r: &mut Reader<'_>,
    segments: &SegmentNumbers,
) -> Result<Vec<PagePointer>, FormatError> {
    let mut children: Vec<PagePointer> = Vec::new();
    for _ in 0..r.array()? {
        let more = r.fields(8)?;
        let first = EntryKey::new(r.bytes()?, r.bytes()?);
        ordered(children.last().map(|last| &last.first), &first)?;
        let chunk = segments.read_chunk(r)?;
        children.push(PagePointer {
            first,
            chunk,
            entries: r.uint()?,
            bytes: r.uint()?,
        });
        r.skip_fields(more)?;
    }
    Ok(children)
}

const ENTRY_FIELDS: usize = 14;

fn write_entry(w: &mut Writer, segments: &mut SegmentTable, entry: &Entry) {
    let meta = &entry.meta;
    w.array(ENTRY_FIELDS).bytes(&entry.key.name);
    write_kind(w, &meta.kind);
    w.uint(meta.mode)
        .uint(meta.uid)
        .uint(meta.gid)
        .bytes(&meta.user)
        .bytes(&meta.group);
    w.int(meta.mtime.seconds)
        .uint(meta.mtime.nanos)
        .uint(meta.size);
    w.array(meta.xattrs.len());
    for (name, value) in &meta.xattrs {
        w.array(2).bytes(name).bytes(value);
    }
    w.option(meta.link_group.as_ref());
    write_content(w, segments, &entry.content);
    match &entry.state {
        ReadState::Clean => w.null(),
        ReadState::Changed => w.bool(true),
        ReadState::Unreadable(reason) => w.text(reason),
    };
}

fn read_entry(
    r: &mut Reader<'_>,
    segments: &SegmentNumbers,
    parent: &[u8],
) -> Result<Entry, FormatError> {
    let more = r.fields(ENTRY_FIELDS)?;
    let key = EntryKey::new(parent, r.bytes()?);
    let kind = read_kind(r)?;
    let (mode, uid, gid) = (r.uint()?, r.uint()?, r.uint()?);
    let (user, group) = (r.bytes()?.to_vec(), r.bytes()?.to_vec());
    let mtime = Time {
        seconds: r.int()?,
        nanos: r.uint()?,
    };
    if mtime.nanos > 999_999_999 || mode > 0o7777 {
        return Err(FormatError::Rule(
            "modes have twelve bits and seconds a thousand million nanoseconds",
        ));
    }
    let size = r.uint()?;
    let mut xattrs = Vec::new();
    for _ in 0..r.array()? {
        let more = r.fields(2)?;
        xattrs.push((r.bytes()?.to_vec(), r.bytes()?.to_vec()));
        r.skip_fields(more)?;
    }
    let link_group = r.option()?;
    let content = read_content(r, segments)?;
    let state = read_state(r)?;
    r.skip_fields(more)?;
    let meta = Meta {
        kind,
        mode,
        uid,
        gid,
        user,
        group,
        mtime,
        size,
        xattrs,
        link_group,
    };
    Ok(Entry {
        key,
        meta,
        content,
        state,
    })
}

fn read_state(r: &mut Reader<'_>) -> Result<ReadState, FormatError> {
    if r.null()? {
        return Ok(ReadState::Clean);
    }
    match r.clone().bool() {
        Ok(true) => r.bool().map(|_| ReadState::Changed),
        Ok(false) => Err(FormatError::Rule("a state is null, true or a reason")),
        Err(_) => r
            .text()
            .map(|reason| ReadState::Unreadable(reason.to_owned())),
    }
}

/// A file is 0, a folder 1, the others an array that starts with their number.
fn write_kind(w: &mut Writer, kind: &Kind) {
    match kind {
        Kind::File => w.array(1).uint(0u8),
        Kind::Directory => w.array(1).uint(1u8),
        Kind::Symlink(target) => w.array(2).uint(2u8).bytes(target),
        Kind::Fifo => w.array(1).uint(3u8),
        Kind::Socket => w.array(1).uint(4u8),
        Kind::CharDevice { major, minor } => w.array(3).uint(5u8).uint(*major).uint(*minor),
        Kind::BlockDevice { major, minor } => w.array(3).uint(6u8).uint(*major).uint(*minor),
    };
}

fn read_kind(r: &mut Reader<'_>) -> Result<Kind, FormatError> {
    let mut left = r.fields(1)?;
    let number: u64 = r.uint()?;
    let mut need = |count: usize| {
        left = left
            .checked_sub(count)
            .ok_or(FormatError::Rule("a kind has its fields"))?;
        Ok(())
    };
    let kind = match number {
        0 => Kind::File,
        1 => Kind::Directory,
        2 => {
            need(1)?;
            Kind::Symlink(r.bytes()?.to_vec())
        }
        3 => Kind::Fifo,
        4 => Kind::Socket,
        5 => {
            need(2)?;
            Kind::CharDevice {
                major: r.uint()?,
                minor: r.uint()?,
            }
        }
        6 => {
            need(2)?;
            Kind::BlockDevice {
                major: r.uint()?,
                minor: r.uint()?,
            }
        }
        number => {
            return Err(FormatError::Unknown {
                what: "a kind of entry",
                number,
            });
        }
    };
    r.skip_fields(left)?;
    Ok(kind)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::content::{Content, Extent, ExtentPage, FrameRef};
    use crate::extents::ExtentList;
    use crate::id::{ChunkTag, SegmentId};
    use proptest::collection::{btree_map, vec};
    use proptest::prelude::*;

    pub(crate) fn chunk_ref() -> impl Strategy<Value = ChunkRef> {
        (0u8..4, any::<u16>(), any::<u16>(), any::<[u8; 16]>()).prop_map(
            |(s, frame, index, tag)| ChunkRef {
                tag: ChunkTag(tag),
                at: FrameRef {
                    segment: SegmentId([s; 32]),
                    frame,
                },
                index,
            },
        )
    }

    fn extent() -> impl Strategy<Value = Extent> {
        prop_oneof![
            (chunk_ref(), any::<u32>()).prop_map(|(chunk, length)| Extent::Data { chunk, length }),
            any::<u64>().prop_map(|length| Extent::Hole { length }),
        ]
    }

    fn content() -> impl Strategy<Value = Content> {
        let page =
            (chunk_ref(), any::<u64>()).prop_map(|(chunk, length)| ExtentPage { chunk, length });
        prop_oneof![
            Just(Content::Empty),
            vec(any::<u8>(), 0..40).prop_map(Content::Inline),
            vec(extent(), 0..5).prop_map(Content::Extents),
            (1u8..3, vec(page, 1..5)).prop_map(|(level, pages)| Content::Paged { level, pages }),
        ]
    }

    fn kind() -> impl Strategy<Value = Kind> {
        prop_oneof![
            Just(Kind::File),
            Just(Kind::Directory),
            vec(any::<u8>(), 0..9).prop_map(Kind::Symlink),
            Just(Kind::Fifo),
            Just(Kind::Socket),
            (any::<u32>(), any::<u32>())
                .prop_map(|(major, minor)| Kind::CharDevice { major, minor }),
            (any::<u32>(), any::<u32>())
                .prop_map(|(major, minor)| Kind::BlockDevice { major, minor }),
        ]
    }

    fn meta() -> impl Strategy<Value = Meta> {
        let owner = (
            any::<u32>(),
            any::<u32>(),
            vec(any::<u8>(), 0..6),
            vec(any::<u8>(), 0..6),
        );
        let xattrs = vec((vec(any::<u8>(), 0..6), vec(any::<u8>(), 0..6)), 0..3);
        let times = (any::<i64>(), 0u32..1_000_000_000);
        (
            kind(),
            0u32..0o10000,
            owner,
            times,
            any::<u64>(),
            xattrs,
            any::<Option<u64>>(),
        )
            .prop_map(
                |(
                    kind,
                    mode,
                    (uid, gid, user, group),
                    (seconds, nanos),
                    size,
                    xattrs,
                    link_group,
                )| {
                    let mtime = Time { seconds, nanos };
                    Meta {
                        kind,
                        mode,
                        uid,
                        gid,
                        user,
                        group,
                        mtime,
                        size,
                        xattrs,
                        link_group,
                    }
                },
            )
    }

    pub(crate) fn leaf() -> impl Strategy<Value = Page> {
        let state = prop_oneof![
            Just(ReadState::Clean),
            Just(ReadState::Changed),
            ".*".prop_map(ReadState::Unreadable)
        ];
        let key = (vec("[ab]", 0..3), "[a-z\u{e9}-]{1,4}")
            .prop_map(|(parent, name)| EntryKey::new(parent.join("/"), name));
        btree_map(key, (meta(), content(), state), 0..20).prop_map(|entries| {
            let entry = |(key, (meta, content, state))| Entry {
                key,
                meta,
                content,
                state,
            };
            Page::Leaf(entries.into_iter().map(entry).collect())
        })
    }

    proptest! {
        #[test]
        fn leaves_come_back(page in leaf()) {
            prop_assert_eq!(Page::decode(&page.encode()).unwrap(), page);
        }

        #[test]
        fn extent_lists_come_back(extents in vec(extent(), 0..100)) {
            let list = ExtentList::Extents(extents);
            prop_assert_eq!(ExtentList::decode(&list.encode()).unwrap(), list);
        }

        #[test]
        fn a_damaged_page_is_read_or_refused(page in leaf(), at: prop::sample::Index, bit in 0u8..8) {
            let mut bytes = page.encode();
            let at = at.index(bytes.len());
            bytes[at] ^= 1 << bit;
            let _ = Page::decode(&bytes);
            let _ = Page::decode(&bytes[..at]);
        }
    }

    #[test]
    fn a_long_path_before_many_names_takes_no_memory_for_each() {
        // A page of two megabytes, whose entries would take two hundred gigabytes.
        let parent = vec![b'a'; 1 << 20];
        let entry = |number: u32| Entry {
            key: EntryKey::new(&parent[..], format!("{number:06}")),
            meta: Meta {
                kind: Kind::File,
                mode: 0,
                uid: 0,
                gid: 0,
                user: Vec::new(),
                group: Vec::new(),
                mtime: Time::default(),
                size: 0,
                xattrs: Vec::new(),
                link_group: None,
            },
            content: Content::Empty,
            state: ReadState::Clean,
        };
        let page = |count: u32| Page::Leaf((0..count).map(entry).collect()).encode();
        assert!(Page::decode(&page(60)).is_ok());
        assert_eq!(
            Page::decode(&page(70)),
            Err(FormatError::Rule("the paths of a page take at most 64 MiB"))
        );
    }

    #[test]
    fn names_that_lead_elsewhere_are_refused() {
        for name in ["..", ".", "", "a/b", "a\0b"] {
            let child = PagePointer {
                first: EntryKey::new("x", name),
                chunk: ChunkRef {
                    tag: ChunkTag([0; 16]),
                    at: FrameRef {
                        segment: SegmentId([0; 32]),
                        frame: 0,
                    },
                    index: 0,
                },
                entries: 1,
                bytes: 1,
            };
            let page = Page::Index {
                level: 1,
                children: vec![child],
            };
            assert!(Page::decode(&page.encode()).is_err(), "{name:?}");
        }
    }
}
