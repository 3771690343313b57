//! The content of an entry, and pages of long lists of extents. Format: `docs/FORMAT.md` §6.

use crate::cbor::{Reader, Writer};
use crate::content::{Content, Extent, ExtentPage, INLINE_EXTENTS_MAX};
use crate::error::FormatError;
use crate::page::{LEVELS_MAX, PAGE_ENCODED_MAX};
use crate::segments::{SegmentNumbers, SegmentTable, decode_page, encode_page};

/// Nothing is `null`, inline content a byte string, anything else an array that starts with the
/// level of its pages: 0 for extents themselves.
pub(crate) fn write_content(w: &mut Writer, segments: &mut SegmentTable, content: &Content) {
    match content {
        Content::Empty => {
            w.null();
        }
        Content::Inline(bytes) => {
            w.bytes(bytes);
        }
        Content::Extents(extents) => {
            w.array(2).uint(0u8);
            write_extents(w, segments, extents);
        }
        Content::Paged { level, pages } => {
            w.array(2).uint(*level);
            write_extent_pages(w, segments, pages);
        }
    }
}

pub(crate) fn read_content(
    r: &mut Reader<'_>,
    segments: &SegmentNumbers,
) -> Result<Content, FormatError> {
    if r.null()? {
        return Ok(Content::Empty);
    }
    if r.is_bytes()? {
        return Ok(Content::Inline(r.bytes()?.to_vec()));
    }
    let more = r.fields(2)?;
    let content = match r.uint()? {
        0 => Content::Extents(read_extents(r, segments)?),
        level @ 1..=LEVELS_MAX => Content::Paged {
            level,
            pages: read_extent_pages(r, segments)?,
        },
        _ => return Err(FormatError::Rule("a list of extents has at most 32 levels")),
    };
    r.skip_fields(more)?;
    Ok(content)
}

/// An extent is `[segment, frame, index, tag, length]`, a hole `[length]`. Other lengths of this
/// array are reserved (content built from other content) and refused by name.
fn write_extents(w: &mut Writer, segments: &mut SegmentTable, extents: &[Extent]) {
    w.array(extents.len());
    for extent in extents {
        match extent {
            Extent::Data { chunk, length } => {
                w.array(5);
                segments.write_chunk(w, chunk);
                w.uint(*length);
            }
            Extent::Hole { length } => {
                w.array(1).uint(*length);
            }
        }
    }
}

fn read_extents(r: &mut Reader<'_>, segments: &SegmentNumbers) -> Result<Vec<Extent>, FormatError> {
    let mut extents = Vec::new();
    for _ in 0..r.array()? {
        extents.push(match r.array()? {
            1 => Extent::Hole { length: r.uint()? },
            5 => Extent::Data {
                chunk: segments.read_chunk(r)?,
                length: r.uint()?,
            },
            fields => {
                let number = fields.try_into().unwrap_or(u64::MAX);
                return Err(FormatError::Unknown {
                    what: "an extent with fields",
                    number,
                });
            }
        });
    }
    Ok(extents)
}

fn write_extent_pages(w: &mut Writer, segments: &mut SegmentTable, pages: &[ExtentPage]) {
    w.array(pages.len());
    for page in pages {
        w.array(5);
        segments.write_chunk(w, &page.chunk);
        w.uint(page.length);
    }
}

fn read_extent_pages(
    r: &mut Reader<'_>,
    segments: &SegmentNumbers,
) -> Result<Vec<ExtentPage>, FormatError> {
    let mut pages = Vec::new();
    for _ in 0..r.array()? {
        let more = r.fields(5)?;
        pages.push(ExtentPage {
            chunk: segments.read_chunk(r)?,
            length: r.uint()?,
        });
        r.skip_fields(more)?;
    }
    Ok(pages)
}

/// A page of a long list of extents: level 0 holds extents, level n pointers to level n - 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ExtentList {
    /// Extents in order.
    Extents(Vec<Extent>),
    /// Pages of level `level - 1`, in order.
    Pages {
        /// 1 or more.
        level: u8,
        /// In order.
        pages: Vec<ExtentPage>,
    },
}

impl ExtentList {
    /// Extents or pointers in one page.
    pub const ITEMS_MAX: usize = 16 * INLINE_EXTENTS_MAX;

    /// Encodes the page.
    pub fn encode(&self) -> Vec<u8> {
        match self {
            Self::Extents(extents) => {
                encode_page(0, |w, segments| write_extents(w, segments, extents))
            }
            Self::Pages { level, pages } => {
                encode_page(*level, |w, segments| write_extent_pages(w, segments, pages))
            }
        }
    }

    /// Decodes a page.
    pub fn decode(bytes: &[u8]) -> Result<Self, FormatError> {
        if bytes.len() > PAGE_ENCODED_MAX {
            return Err(FormatError::Rule("a page has at most 4 MiB"));
        }
        decode_page(bytes, |r, segments, level| match level {
            0 => Ok(Self::Extents(read_extents(r, segments)?)),
            1..=LEVELS_MAX => Ok(Self::Pages {
                level,
                pages: read_extent_pages(r, segments)?,
            }),
            _ => Err(FormatError::Rule("a list of extents has at most 32 levels")),
        })
    }
}
