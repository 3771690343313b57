//! One page of the agent's own copy of its last tree: the entries of a leaf page, with what the
//! vault does not keep beside them. It can be compared, and passed on to the next run's copy, as
//! it lies.

use std::ops::Range;

use ov_format::cbor::{Reader, Writer};
use ov_format::content::{ChunkRef, Content, FrameRef, INLINE_EXTENTS_MAX};
use ov_format::entry::{Entry, EntryKey, Kind, Meta, ReadState, Time};
use ov_format::page::Page;
use ov_format::segments::{SegmentNumbers, SegmentTable};
use ov_format::{FormatError, Wire};
use ov_source::Fingerprint;

use crate::extent_list::chunks_of;
use crate::page_writer::Leaf;

/// An entry with what the vault does not keep beside it, or not in a form that an agent can read.
#[derive(Clone, Debug)]
pub struct LocalEntry {
    /// The entry.
    pub entry: Entry,
    /// Of the file that it was read from.
    pub fingerprint: Fingerprint,
    /// What was found out about the file, encoded; `None` if nothing was.
    pub account: Option<Vec<u8>>,
}

/// A leaf page as it lies in the vault, and what it adds up to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kept {
    /// The page.
    pub chunk: ChunkRef,
    /// Length of the page, in bytes.
    pub length: usize,
    /// Entries in it.
    pub entries: u64,
    /// Sum of the sizes of all entries, in bytes.
    pub bytes: u64,
    /// Files among the entries.
    pub files: u64,
    /// Sum of the sizes of the files, in bytes.
    pub file_bytes: u64,
}

/// One chunk that the files of a page consist of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Need {
    /// Where it lies.
    pub at: FrameRef,
    /// Its number in the frame's chunk table.
    pub index: u16,
    /// Its plain bytes.
    pub length: u32,
}

/// A page of the local tree.
///
/// Its entries stand in it twice: whole, to be used again one by one, and as *looks*, which hold
/// what one look at a file tells and nothing else. Equal looks mean that nothing changed.
#[derive(Debug)]
pub struct LocalPage {
    bytes: Vec<u8>,
    entries: Range<usize>,
    looks: Range<usize>,
    accounts: Range<usize>,
    first: EntryKey,
    needs: Vec<Need>,
    kept: Option<Kept>,
}

impl LocalPage {
    /// Encodes entries that came one after the other. `stored` is their page, if they are all that
    /// it has, and if it ends where a cut is, not where the tree ends.
    pub fn encode(locals: Vec<LocalEntry>, stored: Option<Leaf>) -> Vec<u8> {
        let (mut looks, mut parent) = (Vec::new(), None);
        for local in &locals {
            let key = &local.entry.key;
            put_look(
                &mut looks,
                parent,
                key,
                &local.entry.meta,
                &local.fingerprint,
            );
            parent = Some(&key.parent[..]);
        }
        let (accounts, needs) = (encode_accounts(&locals), encode_needs(&locals));
        let stored = stored.filter(|_| is_whole(&locals));
        let kept = stored.map(|leaf| kept(&locals, &leaf));
        let entries = locals.into_iter().map(|local| local.entry).collect();
        let mut w = Writer::new();
        w.array(5)
            .bytes(&Page::Leaf(entries).encode())
            .bytes(&looks)
            .bytes(&accounts)
            .bytes(&needs)
            .option(kept.as_ref());
        w.finish()
    }

    /// Reads the page that begins at `at` in a block, and says where it ends.
    pub fn read(block: &[u8], at: usize) -> Result<(Self, usize), FormatError> {
        let bytes = block.get(at..).unwrap_or_default();
        let mut r = Reader::new(bytes);
        let more = r.fields(5)?;
        let (entries, looks, accounts) = (range(&mut r)?, range(&mut r)?, range(&mut r)?);
        let needs = decode_needs(r.bytes()?)?;
        let kept = r.option()?;
        r.skip_fields(more)?;
        let end = r.position();
        let bytes = bytes.get(..end).unwrap_or_default().to_vec();
        let first = Look::read(bytes.get(looks.clone()).unwrap_or_default())?;
        let page = Self {
            first: EntryKey::new(first.parent, first.name),
            bytes,
            entries,
            looks,
            accounts,
            needs,
            kept,
        };
        Ok((page, at + end))
    }

    /// Its encoding.
    pub fn encoded(&self) -> &[u8] {
        &self.bytes
    }

    /// Key of the first entry.
    pub fn first(&self) -> &EntryKey {
        &self.first
    }

    /// The page in the vault, if these are all its entries, each of them was read cleanly, and its
    /// files need no pages for their own lists of extents.
    pub fn kept(&self) -> Option<&Kept> {
        self.kept.as_ref()
    }

    /// All chunks that its files consist of.
    pub fn needs(&self) -> &[Need] {
        &self.needs
    }

    /// What looks at its entries told, one after the other, as [`put_look`] writes them.
    pub fn looks(&self) -> &[u8] {
        self.part(&self.looks)
    }

    /// Whether anything was found out about its files.
    pub fn has_accounts(&self) -> bool {
        !self.accounts.is_empty()
    }

    /// Its entries, one by one.
    pub fn open(&self) -> Result<Vec<LocalEntry>, FormatError> {
        let Page::Leaf(entries) = Page::decode_any(self.part(&self.entries))? else {
            return Err(FormatError::Rule("a page of a local tree holds entries"));
        };
        let mut looks = self.looks();
        let mut accounts = Reader::new(self.part(&self.accounts));
        let mut locals = Vec::with_capacity(entries.len());
        for entry in entries {
            let look = Look::read(looks)?;
            looks = looks.get(look.length..).unwrap_or_default();
            locals.push(LocalEntry {
                entry,
                fingerprint: look.fingerprint,
                account: match self.has_accounts() {
                    true => accounts.option()?,
                    false => None,
                },
            });
        }
        Ok(locals)
    }

    fn part(&self, range: &Range<usize>) -> &[u8] {
        self.bytes.get(range.clone()).unwrap_or_default()
    }
}

fn range(r: &mut Reader<'_>) -> Result<Range<usize>, FormatError> {
    let length = r.bytes()?.len();
    let end = r.position();
    Ok(end - length..end)
}

/// Whether the entries say all that their page says, and only what the next run may say again
/// without having read anything.
fn is_whole(locals: &[LocalEntry]) -> bool {
    locals.iter().all(|LocalEntry { entry, .. }| {
        let paged = matches!(&entry.content, Content::Extents(e) if e.len() > INLINE_EXTENTS_MAX);
        entry.state == ReadState::Clean && !paged
    })
}

fn kept(locals: &[LocalEntry], leaf: &Leaf) -> Kept {
    let mut kept = Kept {
        chunk: leaf.chunk,
        length: leaf.length,
        entries: 0,
        bytes: 0,
        files: 0,
        file_bytes: 0,
    };
    for meta in locals.iter().map(|local| &local.entry.meta) {
        kept.entries += 1;
        kept.bytes = kept.bytes.saturating_add(meta.size);
        if meta.kind == Kind::File {
            kept.files += 1;
            kept.file_bytes = kept.file_bytes.saturating_add(meta.size);
        }
    }
    kept
}

impl Wire for Kept {
    fn write(&self, w: &mut Writer) {
        w.array(6)
            .value(&self.chunk)
            .uint(u64::try_from(self.length).unwrap_or(u64::MAX))
            .uint(self.entries)
            .uint(self.bytes)
            .uint(self.files)
            .uint(self.file_bytes);
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, FormatError> {
        let more = r.fields(6)?;
        let kept = Self {
            chunk: r.value()?,
            length: r.uint()?,
            entries: r.uint()?,
            bytes: r.uint()?,
            files: r.uint()?,
            file_bytes: r.uint()?,
        };
        r.skip_fields(more)?;
        Ok(kept)
    }
}

/// Nothing at all if nothing is said of any.
fn encode_accounts(locals: &[LocalEntry]) -> Vec<u8> {
    let mut w = Writer::new();
    if locals.iter().any(|local| local.account.is_some()) {
        for local in locals {
            w.option(local.account.as_ref());
        }
    }
    w.finish()
}

fn encode_needs(locals: &[LocalEntry]) -> Vec<u8> {
    let (mut segments, mut rest) = (SegmentTable::default(), Writer::new());
    for local in locals {
        for (chunk, length) in chunks_of(&local.entry.content) {
            segments.write_frame(&mut rest, chunk.at);
            rest.uint(chunk.index).uint(length);
        }
    }
    let rest = rest.finish();
    if rest.is_empty() {
        return rest;
    }
    let mut w = Writer::new();
    segments.write(&mut w);
    w.encoded(&rest);
    w.finish()
}

fn decode_needs(bytes: &[u8]) -> Result<Vec<Need>, FormatError> {
    let mut needs = Vec::new();
    if bytes.is_empty() {
        return Ok(needs);
    }
    let mut r = Reader::new(bytes);
    let segments = SegmentNumbers::read(&mut r)?;
    while r.position() < bytes.len() {
        needs.push(Need {
            at: segments.read_frame(&mut r)?,
            index: r.uint()?,
            length: r.uint()?,
        });
    }
    Ok(needs)
}

/// Adds what one look at a file tells: everything that is backed up of it beside its content, its
/// extended attributes and what a link points to (none of which changes without the time of its
/// last change), and its fingerprint. `parent` is the folder of the look before, which is not
/// written again.
///
/// The length comes first, so no look is the beginning of another one.
pub fn put_look(
    out: &mut Vec<u8>,
    parent: Option<&[u8]>,
    key: &EntryKey,
    meta: &Meta,
    fingerprint: &Fingerprint,
) {
    let start = out.len();
    out.extend_from_slice(&[0; 4]);
    out.extend_from_slice(&fingerprint.device.to_le_bytes());
    out.extend_from_slice(&fingerprint.inode.to_le_bytes());
    out.extend_from_slice(&fingerprint.links.to_le_bytes());
    put_time(out, &fingerprint.ctime);
    let folder = match parent == Some(&key.parent[..]) {
        true => None,
        false => Some(&key.parent[..]),
    };
    put_bytes(out, &key.name);
    out.push(u8::from(folder.is_some()));
    if let Some(folder) = folder {
        put_bytes(out, folder);
    }
    put_meta(out, meta);
    let length = u32::try_from(out.len() - start).unwrap_or(u32::MAX);
    if let Some(head) = out.get_mut(start..start + 4) {
        head.copy_from_slice(&length.to_le_bytes());
    }
}

fn put_meta(out: &mut Vec<u8>, meta: &Meta) {
    let (kind, major, minor) = match &meta.kind {
        Kind::File => (0, 0, 0),
        Kind::Directory => (1, 0, 0),
        Kind::Symlink(_) => (2, 0, 0),
        Kind::Fifo => (3, 0, 0),
        Kind::Socket => (4, 0, 0),
        Kind::CharDevice { major, minor } => (5, *major, *minor),
        Kind::BlockDevice { major, minor } => (6, *major, *minor),
    };
    for number in [kind, major, minor, meta.mode, meta.uid, meta.gid] {
        out.extend_from_slice(&number.to_le_bytes());
    }
    put_bytes(out, &meta.user);
    put_bytes(out, &meta.group);
    put_time(out, &meta.mtime);
    out.extend_from_slice(&meta.size.to_le_bytes());
    out.push(u8::from(meta.link_group.is_some()));
    out.extend_from_slice(&meta.link_group.unwrap_or(0).to_le_bytes());
}

fn put_time(out: &mut Vec<u8>, time: &Time) {
    out.extend_from_slice(&time.seconds.to_le_bytes());
    out.extend_from_slice(&time.nanos.to_le_bytes());
}

fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    out.extend_from_slice(&length.to_le_bytes());
    out.extend_from_slice(bytes);
}

/// The beginning of a look, as far as it is needed again.
struct Look<'a> {
    length: usize,
    fingerprint: Fingerprint,
    name: &'a [u8],
    /// Empty where it is that of the look before.
    parent: &'a [u8],
}

impl<'a> Look<'a> {
    fn read(looks: &'a [u8]) -> Result<Self, FormatError> {
        let mut left = looks;
        let length = u32::from_le_bytes(take(&mut left)?);
        let fingerprint = Fingerprint {
            device: u64::from_le_bytes(take(&mut left)?),
            inode: u64::from_le_bytes(take(&mut left)?),
            links: u32::from_le_bytes(take(&mut left)?),
            ctime: Time {
                seconds: i64::from_le_bytes(take(&mut left)?),
                nanos: u32::from_le_bytes(take(&mut left)?),
            },
        };
        let name = take_bytes(&mut left)?;
        let [named] = take(&mut left)?;
        Ok(Self {
            length: usize::try_from(length).unwrap_or(usize::MAX),
            fingerprint,
            name,
            parent: match named {
                0 => &[],
                _ => take_bytes(&mut left)?,
            },
        })
    }
}

const CUT_SHORT: FormatError = FormatError::Rule("a look is as long as it says");

fn take<const N: usize>(left: &mut &[u8]) -> Result<[u8; N], FormatError> {
    let (taken, rest) = left.split_first_chunk().ok_or(CUT_SHORT)?;
    *left = rest;
    Ok(*taken)
}

fn take_bytes<'a>(left: &mut &'a [u8]) -> Result<&'a [u8], FormatError> {
    let length = usize::try_from(u32::from_le_bytes(take(left)?)).unwrap_or(usize::MAX);
    let (taken, rest) = left.split_at_checked(length).ok_or(CUT_SHORT)?;
    *left = rest;
    Ok(taken)
}
