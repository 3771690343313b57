//! Lists that are too long for their record: tables, written once, read whole or page by page.

use ov_format::Wire;
use ov_format::audience::SegmentContext;
use ov_format::id::{MemberId, ObjectHash, VaultId};
use ov_format::list::{
    INLINE_LIST_BYTES_MAX, ListItem, ListRef, TableIndex, decode_list_page, encode_list, first_key,
};
use ov_format::name::ObjectName;
use ov_format::object::{HEADER_BYTES, ObjectHeader, ObjectKind};
use ov_format::pack::{TRAILER_BYTES, decode_trailer, encode_trailer};
use ov_format::statement::StoredObject;
use ov_format::{FormatError, object};
use ov_seal::entropy::Entropy;
use ov_seal::frame::FrameKind;
use ov_seal::segment::SegmentOpener;
use ov_store::{Durable, Store};

use crate::error::VaultError;
use crate::section::{OpenSegment, SealTo, split_head};

/// A list as written: where it is, and the table behind it, if it needed one.
pub struct WrittenList {
    /// What the record says.
    pub list: ListRef,
    /// The table that the record must publish.
    pub table: Option<(StoredObject, Durable<ObjectName>)>,
}

/// Writes a list: into its record if it is short, else as a table, which is durable on return.
pub fn write_list<T: ListItem>(
    items: Vec<T>,
    store: &dyn Store,
    to: SealTo<'_>,
    vault: VaultId,
    signer: MemberId,
    entropy: &dyn Entropy,
) -> Result<WrittenList, VaultError> {
    let pages = encode_list(items);
    let length: usize = pages.iter().map(Vec::len).sum();
    if length <= INLINE_LIST_BYTES_MAX {
        return Ok(WrittenList {
            list: ListRef::Inline(pages),
            table: None,
        });
    }
    // The number of the index page is the last one; a run's checkpoints keep lists far below.
    if pages.len() >= usize::from(u16::MAX) {
        return Err(VaultError::ListTooLong(pages.len()));
    }
    let bytes = encode_table::<T>(&pages, to, vault, signer, entropy);
    let hash = ObjectHash(*blake3::hash(&bytes).as_bytes());
    let length = bytes.len().try_into().unwrap_or(u64::MAX);
    let durable = store.put_new(&ObjectName::Table(hash), &bytes)?;
    let list = ListRef::Table { hash, length };
    Ok(WrittenList {
        list,
        table: Some((StoredObject { hash, length }, durable)),
    })
}

/// header ‖ segment header and slots ‖ pages ‖ index page ‖ trailer (length of the index page).
fn encode_table<T: ListItem>(
    pages: &[Vec<u8>],
    to: SealTo<'_>,
    vault: VaultId,
    signer: MemberId,
    entropy: &dyn Entropy,
) -> Vec<u8> {
    let segment = to.segment(vault, signer, entropy);
    let mut bytes = ObjectHeader {
        kind: ObjectKind::Table,
        vault,
    }
    .encode()
    .to_vec();
    bytes.extend_from_slice(segment.header_and_slots());
    let mut index = TableIndex { pages: Vec::new() };
    for (number, page) in (0u16..).zip(pages) {
        let frame = segment.seal_frame(number, FrameKind::List, 0, page);
        let first = first_key::<T>(page).unwrap_or_default();
        index
            .pages
            .push((first, frame.bytes.len().try_into().unwrap_or(u64::MAX)));
        bytes.extend_from_slice(&frame.bytes);
    }
    let index = object::pad(&index.to_bytes(), 1024);
    let index = segment.seal_frame(u16::MAX, FrameKind::List, 0, &index);
    bytes.extend_from_slice(&index.bytes);
    let length = index.bytes.len().try_into().unwrap_or(u32::MAX);
    bytes.extend_from_slice(&encode_trailer(length));
    bytes
}

/// Reads a whole list, page by page.
pub fn read_list<T: ListItem>(
    list: &ListRef,
    store: &dyn Store,
    context: &SegmentContext,
    name: ObjectName,
    open: OpenSegment<'_>,
    visit: &mut dyn FnMut(T),
) -> Result<(), VaultError> {
    match list {
        ListRef::Inline(pages) => {
            for page in pages {
                let items = decode_list_page(page);
                let items = items.map_err(|source| VaultError::Object { name, source })?;
                items.into_iter().for_each(&mut *visit);
            }
            Ok(())
        }
        ListRef::Table { hash, .. } => {
            let name = ObjectName::Table(*hash);
            let bytes = store.get(&name)?;
            if !name.matches(&bytes) {
                return Err(VaultError::Damaged(name));
            }
            read_table(&bytes, context, name, open, visit)
        }
    }
}

fn read_table<T: ListItem>(
    bytes: &[u8],
    context: &SegmentContext,
    name: ObjectName,
    open: OpenSegment<'_>,
    visit: &mut dyn FnMut(T),
) -> Result<(), VaultError> {
    let object = |source| VaultError::Object { name, source };
    let body = ObjectHeader::decode_in(bytes, ObjectKind::Table, context.vault).map_err(object)?;
    let (head, rest) = split_head(body).map_err(object)?;
    let opener = open(context, head).map_err(|source| VaultError::Sealed { name, source })?;
    let index = read_index(&opener, rest, name)?;
    let mut rest = rest;
    for (number, (_, length)) in (0u16..).zip(&index.pages) {
        let length = usize::try_from(*length).unwrap_or(usize::MAX);
        let split = rest.split_at_checked(length);
        let (frame, next) = split.ok_or(object(FormatError::Truncated { at: bytes.len() }))?;
        let page = opener
            .open_frame(number, frame)
            .map_err(|source| VaultError::Sealed { name, source })?;
        decode_list_page(page.plain())
            .map_err(object)?
            .into_iter()
            .for_each(&mut *visit);
        rest = next;
    }
    Ok(())
}

fn read_index(
    opener: &SegmentOpener,
    rest: &[u8],
    name: ObjectName,
) -> Result<TableIndex, VaultError> {
    let object = |source| VaultError::Object { name, source };
    let truncated = || object(FormatError::Truncated { at: HEADER_BYTES });
    let (before, trailer) = rest
        .split_last_chunk::<TRAILER_BYTES>()
        .ok_or_else(truncated)?;
    let length = decode_trailer(trailer).map_err(object)?;
    let start = usize::try_from(length)
        .ok()
        .and_then(|length| before.len().checked_sub(length));
    let frame = start
        .and_then(|start| before.get(start..))
        .ok_or_else(truncated)?;
    let index = opener
        .open_frame(u16::MAX, frame)
        .map_err(|source| VaultError::Sealed { name, source })?;
    TableIndex::from_bytes(object::unpad(index.plain()).map_err(object)?).map_err(object)
}
